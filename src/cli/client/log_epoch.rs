//! A log that goes on under a new name after a restore (PROTOCOL §11): followed only where enough
//! people signed it, told once in a visible sentence, and never back.
//!
//! The tree of the new epoch begins with the entries that were saved. Who had seen no more than
//! those proves that nothing of it changed; who had seen more is told how much is lost.

use super::history::check_extends;
use super::{CliError, Client, Pins, versions};
use crate::api::{ConsistencyProof, VaultView};
use crate::audit::checkpoint::{Checkpoint, parse_hash};
use crate::audit::entry::Entry;
use crate::audit::note::{Note, VerifierKey};
use crate::cli::escape;
use crate::domain::ids::Digest;
use crate::domain::log_epoch::{LOG_EPOCH, LogEpoch, split_origin};
use crate::sealed::log_epochs;
use crate::sealed::versions::{Versions, What};

/// A declaration that was found in the log.
struct Declared {
    epoch: LogEpoch,
    acts: Vec<Digest>,
}

/// Keys of the log, one per epoch, from `log.genesis` to the pinned one.
///
/// # Errors
/// Log broken, when the entries do not lead from the first key to the pinned one.
pub(super) async fn keys(
    client: &Client,
    view: &VaultView,
    genesis: &Entry,
    head: &Checkpoint,
) -> Result<Vec<String>, CliError> {
    let first = genesis.text("vkey").unwrap_or_default().to_owned();
    let mut keys = vec![first];
    for seq in &view.log_epochs {
        let declared = declared(client, *seq, head).await?;
        if keys.last() != Some(&declared.epoch.prev_vkey) {
            return Err(unlinked());
        }
        keys.push(declared.epoch.vkey);
    }
    if genesis.kind != "log.genesis" || keys.last() != Some(&client.kept.settings.pins.log_vkey) {
        return Err(unlinked());
    }
    Ok(keys)
}

fn unlinked() -> CliError {
    CliError::log_broken("the server's log key is not the one its log leads to")
}

async fn declared(client: &Client, seq: u64, head: &Checkpoint) -> Result<Declared, CliError> {
    let entry = client.entry(seq, head).await?;
    let found = (entry.kind == LOG_EPOCH)
        .then(|| LogEpoch::from_members(&entry.members))
        .flatten();
    let (epoch, acts) = found
        .filter(|(epoch, _)| epoch.prev_size == seq)
        .ok_or_else(|| CliError::log_broken(format!("entry {seq} declares no log epoch")))?;
    Ok(Declared { epoch, acts })
}

/// The log now begins with another entry than the one this client remembers.
pub(super) fn another_beginning() -> CliError {
    CliError::log_broken("the log begins with another entry than the one this client has seen")
}

impl Client {
    /// Moves the pins along every log epoch that was declared since; a note under the pinned name
    /// needs nothing. Nothing moves before the whole way stands.
    ///
    /// # Errors
    /// Log broken, when the new name was not declared by enough people.
    pub(super) async fn follow_log_epochs(&mut self, note: &[u8]) -> Result<(), CliError> {
        let pinned = self.kept.settings.pins.log_key()?;
        let parsed = Note::parse(note).ok();
        let Some(head) = parsed.and_then(|note| Checkpoint::parse(&note.text).ok()) else {
            // Not a checkpoint at all: the caller says so.
            return Ok(());
        };
        let later = split_origin(&head.origin)
            .zip(split_origin(pinned.name()))
            .is_some_and(|((base, now), (ours, before))| base == ours && now > before);
        if !later {
            return Ok(());
        }
        let view: VaultView = self.get_again("/vault").await?;
        let way = self.way_to(&view, note, &head).await?;
        let genesis = self.beginning(&way, &head).await?;
        let mut told = Vec::new();
        for declared in &way {
            let names = self.signed_by(&view, &genesis, declared, &head).await?;
            self.check_saved(&declared.epoch, &head).await?;
            told.push(names);
        }
        let seen = self.seen()?;
        for (declared, names) in way.iter().zip(told) {
            // What was seen was seen before the first of them.
            let lost = self.seen()?.saturating_sub(declared.epoch.prev_size);
            self.save_epoch_pins(&declared.epoch, lost).await?;
            self.tell(&declared.epoch, &names, seen, lost);
        }
        Ok(())
    }

    /// The declarations that lead from the pinned key to the head's name, whose last key signed
    /// the head.
    async fn way_to(
        &self,
        view: &VaultView,
        note: &[u8],
        head: &Checkpoint,
    ) -> Result<Vec<Declared>, CliError> {
        let mut way: Vec<Declared> = Vec::new();
        for seq in &view.log_epochs {
            let next = declared(self, *seq, head).await?;
            let last = way.last().map(|declared| &declared.epoch.vkey);
            if last.unwrap_or(&self.kept.settings.pins.log_vkey) == &next.epoch.prev_vkey {
                way.push(next);
            }
        }
        let last = way
            .last()
            .filter(|declared| declared.epoch.origin == head.origin)
            .ok_or_else(unlinked)?;
        let key = VerifierKey::parse(&last.epoch.vkey)
            .map_err(|why| CliError::log_broken(format!("the new log's key: {why}")))?;
        Checkpoint::open(note, &key).map_err(|why| {
            CliError::log_broken(format!("the new log's checkpoint is not its own: {why}"))
        })?;
        Ok(way)
    }

    /// How the log under the new name begins: as the one that this client knows. Whoever may sign
    /// for roster 1 follows from it, so a server's word for it would be a server's word for all.
    async fn beginning(&self, way: &[Declared], head: &Checkpoint) -> Result<Entry, CliError> {
        let (genesis, sha256) = self.hashed_entry(0, head).await?;
        let pinned = self.kept.settings.pins.checkpoint()?;
        let all_saved = |size: u64| way.first().is_some_and(|d| size <= d.epoch.prev_size);
        if let Some(pinned) = pinned.filter(|pinned| all_saved(pinned.size)) {
            // Everything that was seen is part of the new log, its first entry too.
            self.proved(pinned.size, &pinned, head).await?;
            return Ok(genesis);
        }
        match self.kept.settings.pins.genesis {
            Some(pinned) if pinned == sha256 => Ok(genesis),
            Some(_) => Err(another_beginning()),
            None => Err(CliError::log_broken(
                "the log goes on under a new name, and this machine has never seen how it began",
            )
            .hint("ask an operator for a fresh enrol line")),
        }
    }

    fn seen(&self) -> Result<u64, CliError> {
        let pinned = self.kept.settings.pins.checkpoint()?;
        Ok(pinned.map_or(0, |pinned| pinned.size))
    }

    fn tell(&self, epoch: &LogEpoch, names: &str, seen: u64, lost: u64) {
        let lost = match lost {
            0 => "Nothing this machine had seen is missing.".to_owned(),
            lost => format!(
                "{lost} entries that this machine had seen (up to {seen}) are LOST. The last \
                 checkpoint of the former log stays in this machine's settings as evidence."
            ),
        };
        self.out.warn(&format!(
            "! NEW LOG EPOCH {}: the vault was restored, and its log goes on under a new name from \
             entry {}.\n  Signed by {}. Reason: {}\n  {lost}\n  Not expected? Sign nothing, and \
             call security by phone.",
            epoch.epoch,
            epoch.prev_size,
            escape::line(names),
            escape::line(&epoch.why),
        ));
        if epoch.is_stale() {
            self.out.warn(&format!(
                "! Its database holds custody epoch {}, but epoch {} was dealt later: the \
                 credential sealed in it is dead, and nothing can be opened.",
                epoch.custody_epoch, epoch.newest_epoch
            ));
        }
    }

    /// Names of those who signed, by the roster in force at the seam, which this client folds from
    /// the log itself.
    async fn signed_by(
        &self,
        view: &VaultView,
        genesis: &Entry,
        declared: &Declared,
        head: &Checkpoint,
    ) -> Result<String, CliError> {
        let versions = versions::fetch_lost(self, view, genesis, head, &declared.epoch).await?;
        let at = |what| in_force_at(what, view, &versions, declared.epoch.prev_size);
        let roster = at(What::Roster)
            .filter(|sha256| *sha256 == declared.epoch.roster_sha256)
            .filter(|_| at(What::Policy) == Some(declared.epoch.policy_sha256))
            .and_then(|sha256| versions.roster_of(&sha256));
        let roster = roster.ok_or_else(|| {
            CliError::log_broken("the new log epoch names a roster or policy that was not in force")
        })?;
        let mut acts = Vec::new();
        for act in &declared.acts {
            acts.push(versions::signed_act(self, *act).await?);
        }
        let signers = log_epochs::check(&declared.epoch, roster, &acts).map_err(|why| {
            CliError::log_broken(format!("the new log epoch was not declared rightly: {why}"))
        })?;
        let names = signers.iter().filter_map(|id| roster.person(id));
        Ok(names.map(|p| p.name.clone()).collect::<Vec<_>>().join(", "))
    }

    /// What was saved is the beginning of the new log.
    async fn check_saved(&self, epoch: &LogEpoch, head: &Checkpoint) -> Result<(), CliError> {
        let root = parse_hash(&epoch.prev_root).ok_or_else(|| {
            CliError::log_broken("the new log epoch says no root of what was saved")
        })?;
        let saved = Checkpoint {
            origin: epoch.prev_origin.clone(),
            size: epoch.prev_size,
            root,
        };
        self.proved(saved.size, &saved, head).await
    }

    async fn proved(&self, old: u64, from: &Checkpoint, head: &Checkpoint) -> Result<(), CliError> {
        let path = format!("/log/consistency?old={old}&new={}", head.size);
        let proof: ConsistencyProof = self.api.get(&path).await?;
        check_extends(from, head, &proof)
    }

    /// Pins move to the new name. Where this machine had seen more than was saved, its memory of
    /// rosters and shares goes back with it, to what the signers declared.
    async fn save_epoch_pins(&mut self, epoch: &LogEpoch, lost: u64) -> Result<(), CliError> {
        let _lock = self.kept.lock().await?;
        self.kept.reread_pins()?;
        let pins = &mut self.kept.settings.pins;
        if pins.log_vkey != epoch.prev_vkey {
            // Another command of this person was first.
            return Ok(());
        }
        move_pins(pins, epoch, lost);
        self.kept.save()
    }
}

/// The version in force before an entry: the versions were checked entry by entry.
fn in_force_at(what: What, view: &VaultView, versions: &Versions, seq: u64) -> Option<Digest> {
    let mut earlier = view
        .versions
        .iter()
        .filter(|v| v.what == what.word() && v.seq < seq);
    match (earlier.next_back(), what) {
        (Some(version), _) => version.sha256.parse().ok(),
        (None, What::Roster) => versions.rosters.first().map(|(sha256, _)| *sha256),
        (None, What::Policy) => versions.policies.first().copied(),
    }
}

fn move_pins(pins: &mut Pins, epoch: &LogEpoch, lost: u64) {
    pins.former.extend(pins.checkpoint.take());
    pins.log_vkey.clone_from(&epoch.vkey);
    if lost > 0 {
        pins.epoch = Some(epoch.custody_epoch);
        pins.manifest_sha256 = Some(epoch.manifest_sha256);
        pins.newest_roster = Some(epoch.roster_sha256);
        pins.newest_policy = Some(epoch.policy_sha256);
    }
}

#[cfg(test)]
#[path = "log_epoch_tests.rs"]
mod tests;
