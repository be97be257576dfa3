//! The main log is broken: what can still be made safe at Databricks is done on the emergency log,
//! then everything is wiped and the process ends. The next start writes the emergency log into the
//! main one (PROTOCOL §11).

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::App;
use super::error::AppError;
use super::memory::Unsealed;
use super::secrets::{pause, tagged};
use super::step::draft;
use crate::audit::checkpoint::format_hash;
use crate::audit::entry::Draft;
use crate::databricks::{DeleteOutcome, Minted};
use crate::domain::alert::{self, Attempt, Fault};
use crate::store::change::{RowChange, SecretPost, SecretUse};
use crate::store::{EmergencyLog, StoreError};

/// The steps at Databricks may take this long; then the process ends all the same.
const PATIENCE: Duration = Duration::from_secs(60);
/// Names of the facts that say which emergency log the main log knows, and how much of it.
const EMERGENCY_VKEY: &str = "emergency_vkey";
const EMERGENCY_BOUND: &str = "emergency_bound";

impl App {
    /// Hands the open emergency log over; before anything is recovered.
    pub fn keep_emergency_log(&self, log: EmergencyLog) {
        // Set once per process; a second one would be a mistake of the composition root.
        if self.inner.emergency.set(Arc::new(log)).is_err() {
            tracing::error!("there is an emergency log already");
        }
    }

    /// Names the emergency log in the main log, and writes what stands in it and not here.
    ///
    /// # Errors
    /// A file that cannot be read, or a log that cannot be written.
    pub async fn bind_emergency_log(&self) -> Result<(), AppError> {
        let Some(log) = self.inner.emergency.get() else {
            return Ok(());
        };
        let vkey = log.vkey();
        let mut bound = 0;
        if self.inner.store.fact(EMERGENCY_VKEY).await?.as_ref() == Some(&vkey) {
            let fact = self.inner.store.fact(EMERGENCY_BOUND).await?;
            bound = fact.and_then(|text| text.parse().ok()).unwrap_or(0);
        } else {
            let entry = draft(
                "emergency.opened",
                [
                    ("origin", Value::from(log.origin())),
                    ("vkey", Value::from(vkey.as_str())),
                ],
            );
            let rows = vec![
                fact(EMERGENCY_VKEY, vkey),
                fact(EMERGENCY_BOUND, "0".to_owned()),
            ];
            self.record(vec![entry], rows, Vec::new(), None).await?;
        }
        if log.size() > bound {
            self.bind_from(log, bound).await?;
        }
        Ok(())
    }

    /// Entries and the checkpoint over them, in one transaction: a crash before it changes
    /// nothing, and the next start does it again.
    async fn bind_from(&self, log: &EmergencyLog, bound: u64) -> Result<(), AppError> {
        let (checkpoint, note) = log.checkpoint()?;
        let mut drafts = Vec::new();
        for bytes in log.entries(bound)? {
            let text = String::from_utf8(bytes)
                .map_err(|_| AppError::Inconsistent("the emergency log is not text".into()))?;
            drafts.push(draft("emergency.entry", [("entry", Value::from(text))]));
        }
        let entries = drafts.len();
        drafts.push(draft(
            "emergency.bound",
            [
                ("origin", Value::from(log.origin())),
                ("size", Value::from(checkpoint.size)),
                ("root", Value::from(format_hash(&checkpoint.root))),
                ("checkpoint", Value::from(note)),
            ],
        ));
        let fault = Attempt::Fault(Fault::EmergencyBound { entries });
        let alerts = alert::for_attempt(&fault, &self.inner.facts.get().roster);
        let row = fact(EMERGENCY_BOUND, checkpoint.size.to_string());
        self.record(drafts, vec![row], alerts, None).await.map(drop)
    }

    /// The main log is lost while the credential is in memory: the session secret is deleted on
    /// the emergency log's record, then the process gives up. False where no such log takes
    /// entries: then nothing is done at Databricks.
    pub(super) fn go_back_without_log(&self, why: &str) -> bool {
        let (Some(log), Some(unsealed)) = (
            self.inner.emergency.get().cloned(),
            self.inner.memory.take_unsealed(),
        ) else {
            return false;
        };
        let begun = draft(
            "emergency.begun",
            [
                ("inc", Value::from(unsealed.incident.as_str())),
                ("why", Value::from(why)),
            ],
        );
        if let Err(error) = log.append(&begun, self.now()) {
            tracing::error!(%error, "the emergency log cannot be written either");
            return false;
        }
        let app = self.clone();
        self.spawn(async move {
            let work = app.delete_without_log(&log, &unsealed);
            let outcome = match tokio::time::timeout(PATIENCE, work).await {
                Ok(Ok(())) => "session secrets deleted".to_owned(),
                Ok(Err(error)) => error.to_string(),
                Err(_) => "databricks did not answer in time".to_owned(),
            };
            // The rotation itself needs rows: it is owed, and k custodians finish it.
            let ended = draft(
                "emergency.ended",
                [
                    ("inc", Value::from(unsealed.incident.as_str())),
                    ("outcome", Value::from(outcome)),
                    ("rotation", Value::from("owed")),
                ],
            );
            if let Err(error) = log.append(&ended, app.now()) {
                tracing::error!(%error, "the end of the emergency was not recorded");
            }
            drop(unsealed);
            app.inner.memory.wipe_all();
            app.inner.on_log_lost.cancel();
        });
        true
    }

    async fn delete_without_log(
        &self,
        log: &EmergencyLog,
        unsealed: &Unsealed,
    ) -> Result<(), AppError> {
        let states = ["sent", "made", "unknown"];
        let posts = self.inner.store.secret_posts(&states).await?;
        let bearer = loop {
            match self.mint(&unsealed.credential).await {
                Ok(bearer) => break bearer,
                Err(error) if error.is_invalid_client() => return Err(error.into()),
                Err(_) => pause(1_000).await,
            }
        };
        let listed = self.inner.databricks.list_secrets(&bearer).await?;
        let slack = self.measured().await?.lifetime_slack_s;
        let ours = |post: &SecretPost| match &post.secret_id {
            Some(id) => vec![id.clone()],
            None => tagged(&listed, post, slack),
        };
        let sessions = posts.iter().filter(|p| p.used_for == SecretUse::Session);
        for id in sessions.flat_map(ours) {
            self.delete_on_emergency_log(log, &bearer, &id).await?;
        }
        Ok(())
    }

    /// One delete: recorded before it is sent, and what came of it after.
    async fn delete_on_emergency_log(
        &self,
        log: &EmergencyLog,
        bearer: &Minted,
        id: &str,
    ) -> Result<(), StoreError> {
        log.append(&about("emergency.delete_sent", id, None), self.now())?;
        let outcome = match self.inner.databricks.delete_secret(bearer, id).await {
            DeleteOutcome::Deleted => "deleted".to_owned(),
            DeleteOutcome::AlreadyGone => "gone".to_owned(),
            DeleteOutcome::Refused(error) | DeleteOutcome::Unknown(error) => error.to_string(),
        };
        log.append(
            &about("emergency.delete_result", id, Some(outcome)),
            self.now(),
        )
        .map(drop)
    }
}

fn about(kind: &str, secret_id: &str, outcome: Option<String>) -> Draft {
    let mut members = Map::new();
    members.insert("secret_id".to_owned(), Value::from(secret_id));
    if let Some(outcome) = outcome {
        members.insert("outcome".to_owned(), Value::from(outcome));
    }
    Draft {
        kind: kind.to_owned(),
        members,
    }
}

fn fact(name: &str, value: String) -> RowChange {
    RowChange::SetFact {
        name: name.to_owned(),
        value: Some(value),
    }
}
