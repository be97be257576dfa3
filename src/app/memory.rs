//! What lives in this process only: one-time identities, the unsealed credential, the session.
//! All of it is wiped when dropped; a restart loses it, and the rules know that.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::knocks::Knocks;
use super::measured::Measured;
use super::page_login::Codes;
use super::permit::{Burst, Strangers};
use super::secrets::pause;
use super::told::Told;
use crate::domain::ids::IncidentId;
use crate::domain::incident::CloseCause;
use crate::sealed::secret::Credential;
use crate::sealed::vault::IncidentKey;
use crate::store::change::SecretPost;

mod live;

pub(super) use live::ClaimedToken;
pub use live::LiveSession;

/// How often an identity in use is asked for, and the pause between; 5 seconds in all.
const KEY_TRIES: u32 = 500;
const KEY_PAUSE_MS: u64 = 10;

/// The unsealed credential, from Opening to DONE.
pub(super) struct Unsealed {
    /// Whose shares brought it.
    pub incident: IncidentId,
    /// The credential.
    pub credential: Arc<Credential>,
    /// Its successor, from the moment it is sealed.
    pub successor: Option<Arc<Credential>>,
}

/// A session that was cut and may still count as open.
struct Cut {
    incident: IncidentId,
    cause: CloseCause,
    seen: bool,
}

#[derive(Default)]
pub(super) struct Memory {
    /// One-time identities: that of the terms in force, and beside it that of terms that are being
    /// frozen.
    keys: Mutex<HashMap<IncidentId, Vec<Arc<IncidentKey>>>>,
    unsealed: Mutex<Option<Unsealed>>,
    session: RwLock<Option<Arc<LiveSession>>>,
    cut: Mutex<Option<Cut>>,
    /// A way back that met an error rests until then (boot clock).
    pub(super) way_back_rests_until_ms: AtomicI64,
    distrusted: Mutex<BTreeSet<IncidentId>>,
    /// Calls hold the read side from the last look at their session until `call.begin` is
    /// durable; whoever ends a session passes through the write side before `session.close` is
    /// queued. So no begin stands behind the close in the log, whatever lane was quicker.
    gate: tokio::sync::RwLock<()>,
    /// Incidents that are drills: whatever is written about them is marked.
    pub(super) drills: RwLock<BTreeSet<IncidentId>>,
    /// The disk was full; nothing new is opened.
    pub(super) disk_full: AtomicBool,
    /// The newest custody epoch known to have been dealt after the one in force; 0: none.
    pub(super) dealt_later: AtomicU32,
    /// How far the check of the whole log is.
    pub(super) log_check: super::checking::CheckState,
    /// Requests that reached no door, of the last second.
    pub(super) doors: Mutex<Burst>,
    /// Unknown tokens of the last second.
    pub(super) strangers: Mutex<Strangers>,
    /// Failed logins that people were told of.
    pub(super) told_logins: Mutex<Burst>,
    /// Trouble that people were told of.
    pub(super) told: Told,
    /// Session secrets and probes that this process made or may have made, and has not deleted.
    posts: Mutex<BTreeMap<String, SecretPost>>,
    /// What was measured at Databricks, as read last.
    measured: Mutex<Measured>,
    /// Why incidents are not opened although their quorum is met.
    pub(super) waits: Mutex<HashMap<IncidentId, String>>,
    /// Failed logins that were written one by one.
    pub(super) written_logins: Mutex<Burst>,
    /// When challenges that nobody used were last removed (boot clock).
    pub(super) challenges_expired_ms: AtomicI64,
    knocks: Mutex<Knocks>,
    /// Codes that sign a browser in, by their hash.
    page_codes: Mutex<Codes>,
    /// Giving a right and taking rights away exclude each other.
    pub(super) rights_hand: tokio::sync::Mutex<()>,
    /// The log is lost and the emergency log's work ends the process when it is done.
    ends_itself: Mutex<bool>,
    /// One Opening or way back at a time.
    pub(super) vault_hand: Arc<tokio::sync::Mutex<()>>,
}

impl Memory {
    fn keys(&self) -> MutexGuard<'_, HashMap<IncidentId, Vec<Arc<IncidentKey>>>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests that anybody may send.
    pub(super) fn knocks(&self) -> MutexGuard<'_, Knocks> {
        self.knocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn page_codes(&self) -> MutexGuard<'_, Codes> {
        self.page_codes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A secret is about to be asked for.
    pub(super) fn keep_post(&self, post: SecretPost) {
        let posts = self.posts.lock();
        let mut posts = posts.unwrap_or_else(PoisonError::into_inner);
        posts.insert(post.id.clone(), post);
    }

    /// What came of it: made under this id, unknown, or nothing that is alive.
    pub(super) fn post_ended(&self, post: &str, secret_id: Option<&str>, state: &str) {
        let posts = self.posts.lock();
        let mut posts = posts.unwrap_or_else(PoisonError::into_inner);
        if matches!(state, "refused" | "deleted") {
            posts.remove(post);
        } else if let Some(kept) = posts.get_mut(post) {
            kept.secret_id = secret_id.map(str::to_owned);
            state.clone_into(&mut kept.state);
        }
    }

    /// Secrets that may be alive, for when the database cannot be read.
    pub(super) fn posts(&self) -> Vec<SecretPost> {
        let posts = self.posts.lock();
        let posts = posts.unwrap_or_else(PoisonError::into_inner);
        posts.values().cloned().collect()
    }

    /// What this process read last of what was measured.
    pub(super) fn measured(&self) -> Measured {
        let measured = self.measured.lock();
        measured.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn keep_measured(&self, measured: &Measured) {
        let kept = self.measured.lock();
        *kept.unwrap_or_else(PoisonError::into_inner) = measured.clone();
    }

    /// Held while it is decided how a lost log ends the process.
    pub(super) fn ends_itself(&self) -> MutexGuard<'_, bool> {
        self.ends_itself
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on everything about this incident is marked as a drill.
    pub(super) fn note_drill(&self, incident: &IncidentId) {
        let mut drills = self.drills.write().unwrap_or_else(PoisonError::into_inner);
        drills.insert(incident.clone());
    }

    pub(super) fn is_drill(&self, incident: &str) -> bool {
        let drills = self.drills.read().unwrap_or_else(PoisonError::into_inner);
        drills.iter().any(|id| id.as_str() == incident)
    }

    /// Keeps an identity beside those that are there.
    pub(super) fn put_key(&self, incident: &IncidentId, key: IncidentKey) {
        let mut keys = self.keys();
        keys.entry(incident.clone())
            .or_default()
            .push(Arc::new(key));
    }

    /// The identity whose recipient stands in the terms.
    pub(super) fn key(&self, incident: &IncidentId, recipient: &str) -> Option<Arc<IncidentKey>> {
        let keys = self.keys();
        let mut kept = keys.get(incident)?.iter();
        kept.find(|key| key.recipient() == recipient).cloned()
    }

    /// Takes the identity out for unsealing, which consumes it; `None` when there is none. Whoever
    /// checks a share at this moment holds it for some milliseconds more: this waits for that.
    pub(super) async fn take_key(
        &self,
        incident: &IncidentId,
        recipient: &str,
    ) -> Option<IncidentKey> {
        for _ in 0..KEY_TRIES {
            if let Some(key) = self.free_key(incident, recipient) {
                return Some(key);
            }
            if !self.has_key(incident, recipient) {
                break;
            }
            pause(KEY_PAUSE_MS).await;
        }
        None
    }

    fn free_key(&self, incident: &IncidentId, recipient: &str) -> Option<IncidentKey> {
        let mut keys = self.keys();
        let kept = keys.get_mut(incident)?;
        let at = kept.iter().position(|key| key.recipient() == recipient)?;
        match Arc::try_unwrap(kept.swap_remove(at)) {
            Ok(key) => Some(key),
            Err(shared) => {
                kept.push(shared);
                None
            }
        }
    }

    pub(super) fn has_key(&self, incident: &IncidentId, recipient: &str) -> bool {
        self.key(incident, recipient).is_some()
    }

    /// Forgets one identity: its terms were not frozen.
    pub(super) fn drop_key(&self, incident: &IncidentId, recipient: &str) {
        self.retain_keys(incident, |key| key.recipient() != recipient);
    }

    /// Forgets all but one: its terms are in force.
    pub(super) fn keep_only(&self, incident: &IncidentId, recipient: &str) {
        self.retain_keys(incident, |key| key.recipient() == recipient);
    }

    fn retain_keys(&self, incident: &IncidentId, keep: impl Fn(&IncidentKey) -> bool) {
        if let Some(kept) = self.keys().get_mut(incident) {
            kept.retain(|key| keep(key));
        }
    }

    pub(super) fn forget_key(&self, incident: &IncidentId) {
        self.keys().remove(incident);
    }

    /// True the first time somebody says that this incident's row was changed by hand.
    pub(super) fn first_distrust(&self, incident: &IncidentId) -> bool {
        let mut told = self
            .distrusted
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        told.insert(incident.clone())
    }

    pub(super) fn put_unsealed(&self, unsealed: Unsealed) {
        *self.unsealed.lock().unwrap_or_else(PoisonError::into_inner) = Some(unsealed);
    }

    pub(super) fn credential(&self, incident: &IncidentId) -> Option<Arc<Credential>> {
        let unsealed = self.unsealed.lock().unwrap_or_else(PoisonError::into_inner);
        unsealed
            .as_ref()
            .filter(|u| u.incident == *incident)
            .map(|u| Arc::clone(&u.credential))
    }

    /// What replaces the credential, where a rotation sealed it already.
    pub(super) fn successor(&self, incident: &IncidentId) -> Option<Arc<Credential>> {
        let unsealed = self.unsealed.lock().unwrap_or_else(PoisonError::into_inner);
        let own = unsealed.as_ref().filter(|u| u.incident == *incident);
        own.and_then(|unsealed| unsealed.successor.clone())
    }

    pub(super) fn is_unsealed(&self) -> bool {
        self.unsealed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    /// The credential, taken out of everybody else's reach.
    pub(super) fn take_unsealed(&self) -> Option<Unsealed> {
        self.unsealed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Keeps what a rotation has made beside what it replaces, for the case that the log is lost.
    pub(super) fn keep_successor(&self, successor: Option<&Arc<Credential>>) {
        let mut unsealed = self.unsealed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(unsealed) = unsealed.as_mut() {
            unsealed.successor = successor.map(Arc::clone);
        }
    }

    pub(super) fn wipe_credential(&self) {
        *self.unsealed.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Says why a session is being ended; the first who says so is right.
    pub(super) fn note_cut(&self, incident: &IncidentId, cause: CloseCause) {
        let mut cut = self.cut.lock().unwrap_or_else(PoisonError::into_inner);
        if cut.as_ref().is_none_or(|cut| cut.incident != *incident) {
            *cut = Some(Cut {
                incident: incident.clone(),
                cause,
                seen: false,
            });
        }
    }

    /// Why an incident whose session is cut still counts as open, from the second time this is
    /// asked: the first time whoever cut it may be writing that down.
    pub(super) fn unwritten_cut(&self, incident: &IncidentId) -> Option<CloseCause> {
        // Cut by a person's act that could not be written.
        self.note_cut(incident, CloseCause::LogLost);
        let mut cut = self.cut.lock().unwrap_or_else(PoisonError::into_inner);
        let cut = cut.as_mut()?;
        std::mem::replace(&mut cut.seen, true).then_some(cut.cause)
    }

    pub(super) fn put_session(&self, session: Arc<LiveSession>) {
        *self.session.write().unwrap_or_else(PoisonError::into_inner) = Some(session);
    }

    /// Puts a longer session in the place of itself; false when it has ended.
    pub(super) fn replace_session(&self, longer: Arc<LiveSession>) -> bool {
        let mut session = self.session.write().unwrap_or_else(PoisonError::into_inner);
        let lives = session.as_ref().is_some_and(|live| live.id == longer.id);
        if lives {
            *session = Some(longer);
        }
        lives
    }

    pub(super) fn session(&self) -> Option<Arc<LiveSession>> {
        self.session
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Cuts the session's calls and forgets its secret. Never needs the log.
    pub(super) fn end_session(&self) -> Option<Arc<LiveSession>> {
        let session = self
            .session
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(session) = &session {
            session.cut.cancel();
        }
        session
    }

    /// Waits for the calls that are being begun; they need no more than one commit, and calls
    /// that come later see a cut session. Cutting itself never waits for this.
    pub(super) async fn begun_calls_are_logged(&self) {
        drop(self.gate.write().await);
    }

    /// Held by a call while it is being begun.
    pub(super) async fn beginning(&self) -> tokio::sync::RwLockReadGuard<'_, ()> {
        self.gate.read().await
    }

    /// Forgets everything (PROTOCOL §11: wiping never needs the log).
    pub(super) fn wipe_all(&self) {
        self.end_session();
        self.wipe_credential();
        self.keys().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::Digest;

    #[test]
    fn identities_of_one_incident_are_told_apart_by_their_recipients() {
        let memory = Memory::default();
        let id: IncidentId = "INC-7".parse().unwrap();
        let (first, second) = (
            IncidentKey::generate().unwrap(),
            IncidentKey::generate().unwrap(),
        );
        let (one, two) = (first.recipient().to_owned(), second.recipient().to_owned());
        memory.put_key(&id, first);
        memory.put_key(&id, second);
        assert!(memory.has_key(&id, &one) && memory.has_key(&id, &two));
        memory.drop_key(&id, &two);
        assert!(memory.has_key(&id, &one), "the terms that stood stand");
        assert!(!memory.has_key(&id, &two));
        memory.keep_only(&id, &two);
        assert!(!memory.has_key(&id, &one));
    }

    #[test]
    fn of_two_claims_at_once_the_newer_token_stays_whoever_comes_last() {
        let (old, new) = (Digest::of(b"old"), Digest::of(b"new"));
        let mut token = ClaimedToken::default();
        token.newer(ClaimedToken::of_claim(2, new));
        token.newer(ClaimedToken::of_claim(1, old));
        assert_eq!(token.sha256, Some(new));
    }
}
