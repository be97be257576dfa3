//! Failed and foreign attempts: logged like deeds, and told to whom it may concern.

use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::App;
use super::acts::{Caller, Verified};
use super::error::AppError;
use super::login::COUNTED_MS;
use super::permit::{Burst, Noted};
use super::secrets::pause;
use super::step::draft;
use crate::audit::checkpoint::format_hash;
use crate::audit::entry::Draft;
use crate::domain::act::Seen;
use crate::domain::alert::{self, Attempt};
use crate::domain::ids::{IncidentId, PersonId};
use crate::store::change::RowChange;

/// Failed logins people are told of within a minute.
const TOLD_MOST: u32 = 10;
/// Failed logins written one by one within a minute, besides; what is beyond is a number, so that a
/// flood fills no disk.
const WRITTEN_MOST: u32 = 60;
/// Seconds in that minute: [`super::permit::Burst`] counts in windows of a thousand.
const TOLD_EVERY: i64 = 60;

impl App {
    /// Commits an entry about an attempt, with its alerts. A log that fails here changes nothing
    /// for the attempt, which is refused anyway; losing the log is handled by the commit itself.
    pub(super) async fn note_attempt(&self, entry: Draft, attempt: &Attempt) {
        self.note_with(entry, Vec::new(), attempt).await;
    }

    /// The same for a signed act, which is kept: a signed attempt is evidence.
    pub(super) async fn note_act(&self, verified: &Verified, entry: Draft, attempt: &Attempt) {
        self.note_with(entry, vec![verified.document()], attempt)
            .await;
    }

    async fn note_with(&self, entry: Draft, rows: Vec<RowChange>, attempt: &Attempt) {
        let roster = &self.inner.facts.get().roster;
        let alerts = alert::for_attempt(attempt, roster);
        if let Err(error) = self.record(vec![entry], rows, alerts, None).await {
            tracing::error!(%error, "an attempt could not be logged");
        }
    }

    /// Logs an act that was refused, and gives the refusal back. What broke on our side is no
    /// refusal and passes through.
    pub(super) async fn refused(
        &self,
        verified: &Verified,
        incident: Option<&IncidentId>,
        error: AppError,
    ) -> AppError {
        let act = &verified.act;
        self.said_no(
            &act.person,
            act.deed.word(),
            Some(verified),
            incident,
            error,
        )
        .await
    }

    /// Logs a document that is no valid act of its sender.
    pub(super) async fn forged(
        &self,
        caller: &Caller,
        word: &'static str,
        incident: Option<&IncidentId>,
        error: AppError,
    ) -> AppError {
        self.said_no(&caller.person, word, None, incident, error)
            .await
    }

    async fn said_no(
        &self,
        person: &PersonId,
        word: &'static str,
        verified: Option<&Verified>,
        incident: Option<&IncidentId>,
        error: AppError,
    ) -> AppError {
        if !error.is_no() {
            return error;
        }
        let mut entry = draft(
            "act.refused",
            [
                ("person", Value::from(person.as_str())),
                ("act", Value::from(word)),
                ("code", Value::from(error.code())),
            ],
        );
        if let Some(verified) = verified {
            entry
                .members
                .insert("act_sha256".to_owned(), Value::from(verified.sha256.hex()));
        }
        if let Some(incident) = incident {
            entry
                .members
                .insert("inc".to_owned(), Value::from(incident.as_str()));
        }
        let attempt = Attempt::ActRefused {
            person: person.clone(),
            word,
            incident: incident.cloned(),
            code: error.code(),
        };
        match verified {
            Some(verified) => self.note_act(verified, entry, &attempt).await,
            None => self.note_attempt(entry, &attempt).await,
        }
        error
    }

    /// Logs and tells that somebody ended something having seen another log than this one. It
    /// comes after the deed: ending never waits for the log (PROTOCOL §11).
    pub(super) async fn note_other_log(&self, verified: &Verified, incident: &IncidentId) {
        let act = &verified.act;
        if !self.seen_another(&act.cp).await {
            return;
        }
        let entry = draft(
            "cp.unknown",
            [
                ("inc", Value::from(incident.as_str())),
                ("person", Value::from(act.person.as_str())),
                ("act", Value::from(act.deed.word())),
                ("act_sha256", Value::from(verified.sha256.hex())),
                ("origin", Value::from(act.cp.origin.as_str())),
                ("size", Value::from(act.cp.size)),
                ("root", Value::from(act.cp.root.as_str())),
            ],
        );
        let attempt = Attempt::OtherLogSeen {
            person: act.person.clone(),
            word: act.deed.word(),
            incident: incident.clone(),
            size: act.cp.size,
        };
        self.note_act(verified, entry, &attempt).await;
    }

    /// Whether what a signer had seen is no beginning of this log.
    async fn seen_another(&self, seen: &Seen) -> bool {
        if self.unknown_log(seen) {
            return true;
        }
        // A store that cannot be read has its own alarms.
        let root = self.inner.store.root_at(seen.size).await;
        root.is_ok_and(|root| format_hash(&root) != seen.root)
    }

    /// Logs a login that failed.
    pub(super) async fn login_failed(
        &self,
        person: Option<PersonId>,
        from: &str,
        why: &'static str,
    ) {
        let mut entry = draft(
            "login.failed",
            [("why", Value::from(why)), ("from", Value::from(from))],
        );
        if let Some(person) = &person {
            entry
                .members
                .insert("person".to_owned(), Value::from(person.as_str()));
        }
        // People are told of the first few; a flood would fill their inboxes and hide the rest.
        match self.noted_login(&self.inner.memory.told_logins, TOLD_MOST) {
            Noted::Write => {
                let attempt = Attempt::LoginFailed { person, why };
                return self.note_attempt(entry, &attempt).await;
            }
            Noted::First | Noted::Counted => {}
        }
        match self.noted_login(&self.inner.memory.written_logins, WRITTEN_MOST) {
            Noted::Write => {
                let written = self.record(vec![entry], Vec::new(), Vec::new(), None).await;
                if let Err(error) = written {
                    tracing::error!(%error, "a failed login could not be logged");
                }
            }
            Noted::First => self.count_failed(),
            Noted::Counted => {}
        }
    }

    fn noted_login(&self, burst: &Mutex<Burst>, most: u32) -> Noted {
        let mut burst = burst.lock().unwrap_or_else(PoisonError::into_inner);
        burst.note(self.inner.clock.boot_ms() / TOLD_EVERY, most)
    }

    /// Writes the number of the failed logins beyond, a minute later (PROTOCOL §11).
    fn count_failed(&self) {
        let app = self.clone();
        self.spawn(async move {
            pause(COUNTED_MS).await;
            let counted = {
                let burst = &app.inner.memory.written_logins;
                burst.lock().unwrap_or_else(PoisonError::into_inner).take()
            };
            app.note_burst("login.failed_burst", "everywhere", counted)
                .await;
        });
    }
}
