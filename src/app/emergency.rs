//! The main log is broken: the session secret is deleted and the credential rotated on the emergency
//! log, then everything is wiped and the process ends. The next start writes the emergency log into
//! the main one and makes the rows (PROTOCOL §11).

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::App;
use super::error::AppError;
use super::journal::Journal;
use super::memory::Unsealed;
use super::secrets::{pause, tagged};
use super::step::draft;
use crate::audit::entry::Draft;
use crate::databricks::{CallError, DeleteOutcome, Minted};
use crate::store::change::{SecretPost, SecretUse};
use crate::store::{EmergencyLog, StoreError};

mod bind;
mod left;
mod replay;
mod rotate;
mod unfit;

pub(super) use left::LEFT;

/// The session secret must be deleted within this time, a list that lags behind included; then the
/// rest is owed.
const PATIENCE: Duration = Duration::from_secs(120);
/// The rotation may take this long besides; then the process ends and the rest of it is owed.
const ROTATION_PATIENCE: Duration = Duration::from_secs(600);

impl App {
    /// Hands the open emergency log over; before anything is recovered.
    pub fn keep_emergency_log(&self, log: EmergencyLog) {
        // Set once per process; a second one would be a mistake of the composition root.
        if self.inner.emergency.set(Arc::new(log)).is_err() {
            tracing::error!("there is an emergency log already");
        }
    }

    /// The main log is lost while the credential is in memory: the way back goes on in the
    /// background on the emergency log's record, the session secret first, then the rotation, and
    /// ends the process. False where nothing is unsealed, or where no such log takes an entry: then
    /// nothing is done at Databricks, and the credential, taken out of memory here, is wiped.
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
            let ended = app.back_on(&log, unsealed).await;
            if let Err(error) = log.append(&ended, app.now()) {
                tracing::error!(%error, "the end of the emergency was not recorded");
            }
            // Whoever is active next knows how it ended; where it cannot be left, this node's files
            // say it once it is active again.
            let _told_there = Journal::Emergency(Arc::clone(&log)).leave(&app).await;
            app.inner.memory.wipe_all();
            app.inner.on_log_lost.cancel();
        });
        true
    }

    /// Session secret first, then the rotation; the entry that says what came of both.
    async fn back_on(&self, log: &Arc<EmergencyLog>, unsealed: Unsealed) -> Draft {
        let deleted = self.delete_without_log(log, &unsealed);
        let deleted = match tokio::time::timeout(PATIENCE, deleted).await {
            Ok(Ok(pending)) => Ok(pending),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("databricks did not answer in time".to_owned()),
        };
        let rotated = match &deleted {
            // The session's secret comes first; without it nothing would be safe.
            Err(_) => Err("the session secret comes first".to_owned()),
            Ok(_) => {
                let journal = Journal::Emergency(Arc::clone(log));
                let rotated = self.rotate_without_log(&journal, &unsealed);
                match tokio::time::timeout(ROTATION_PATIENCE, rotated).await {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(error)) => Err(error.to_string()),
                    Err(_) => Err("it took too long".to_owned()),
                }
            }
        };
        let outcome = deleted.map_or_else(|why| why, words_of);
        let mut ended = draft(
            "emergency.ended",
            [
                ("inc", Value::from(unsealed.incident.as_str())),
                ("outcome", Value::from(outcome)),
            ],
        );
        let (word, why) = rotated.map_or_else(|why| ("owed", why), |()| ("done", String::new()));
        ended.members.insert("rotation".to_owned(), word.into());
        if !why.is_empty() {
            // What is left is finished by k custodians after the next start.
            tracing::error!(why, "the rotation is owed");
            ended.members.insert("why".to_owned(), why.into());
        }
        ended
    }

    /// Deletes every session secret and probe that is or may be alive. One that the list may not
    /// show yet is waited for; what does not show at all stays for custodians. Returns how many.
    async fn delete_without_log(
        &self,
        log: &EmergencyLog,
        unsealed: &Unsealed,
    ) -> Result<usize, AppError> {
        let states = ["sent", "made", "unknown"];
        let mut posts = match self.inner.store.secret_posts(&states).await {
            Ok(posts) => posts,
            Err(error) => {
                // The database is gone as well. Whatever is alive was made by this process, for an
                // opening deletes what an earlier one left.
                tracing::error!(%error, "secrets are deleted from memory's list");
                self.inner.memory.posts()
            }
        };
        posts.retain(|post| post.used_for != SecretUse::Successor);
        let bearer = self.token_without_log(unsealed).await?;
        let gap_ms = self.inner.databricks.config().waits.reconcile_gap_ms;
        let mut left_ms = self.list_lag_ms();
        loop {
            self.delete_listed(log, &bearer, &mut posts).await?;
            if posts.is_empty() || left_ms == 0 {
                return Ok(posts.len());
            }
            let pause_ms = gap_ms.clamp(1, left_ms);
            pause(pause_ms).await;
            left_ms -= pause_ms;
        }
    }

    async fn token_without_log(&self, unsealed: &Unsealed) -> Result<Minted, AppError> {
        let mut speaker = &unsealed.credential;
        loop {
            match (self.mint(speaker).await, &unsealed.successor) {
                (Ok(bearer), _) => return Ok(bearer),
                // The log was lost after the predecessor was deleted.
                (Err(error), Some(successor))
                    if error.is_invalid_client() && !Arc::ptr_eq(speaker, successor) =>
                {
                    speaker = successor;
                }
                (Err(error), _) if error.is_invalid_client() => return Err(error.into()),
                (Err(_), _) => pause(1_000).await,
            }
        }
    }

    /// One look at the list; leaves the posts whose secret may not show there yet.
    async fn delete_listed(
        &self,
        log: &EmergencyLog,
        bearer: &Minted,
        posts: &mut Vec<SecretPost>,
    ) -> Result<(), AppError> {
        if posts.is_empty() {
            return Ok(());
        }
        let listed = self.inner.databricks.list_secrets(bearer).await?;
        let slack = self.measured().await.lifetime_slack_s;
        let (mut pending, mut kept) = (Vec::new(), None);
        for post in std::mem::take(posts) {
            let ids = match &post.secret_id {
                Some(id) => vec![id.clone()],
                None => tagged(&listed, &post, slack),
            };
            if ids.is_empty() && self.may_still_show(&post) {
                pending.push(post);
                continue;
            }
            if ids.is_empty() {
                let absent = about("emergency.delete_result", &post, None, Some("absent"));
                log.append(&absent, self.now())?;
            }
            for id in ids {
                let done = self
                    .delete_on_emergency_log(log, bearer, &post, &id)
                    .await?;
                kept = kept.or(done.err());
            }
        }
        *posts = pending;
        kept.map_or(Ok(()), |error| Err(error.into()))
    }

    /// One delete: recorded before it is sent, and what came of it after. The inner error is
    /// Databricks', the outer one the log's.
    async fn delete_on_emergency_log(
        &self,
        log: &EmergencyLog,
        bearer: &Minted,
        post: &SecretPost,
        id: &str,
    ) -> Result<Result<(), CallError>, StoreError> {
        let sent = about("emergency.delete_sent", post, Some(id), None);
        log.append(&sent, self.now())?;
        let (word, result) = match self.inner.databricks.delete_secret(bearer, id).await {
            DeleteOutcome::Deleted => ("deleted".to_owned(), Ok(())),
            DeleteOutcome::AlreadyGone => ("gone".to_owned(), Ok(())),
            DeleteOutcome::Refused(error) | DeleteOutcome::Unknown(error) => {
                (error.to_string(), Err(error))
            }
        };
        let entry = about("emergency.delete_result", post, Some(id), Some(&word));
        log.append(&entry, self.now()).map(|_| result)
    }
}

/// What came of the session's secrets, with those that a list may still show.
fn words_of(pending: usize) -> String {
    match pending {
        0 => "session secrets deleted".to_owned(),
        1 => "session secrets deleted but one that no list shows yet".to_owned(),
        more => format!("session secrets deleted but {more} that no list shows yet"),
    }
}

fn about(kind: &str, post: &SecretPost, secret_id: Option<&str>, outcome: Option<&str>) -> Draft {
    let mut members = Map::new();
    if let Some(secret_id) = secret_id {
        members.insert("secret_id".to_owned(), Value::from(secret_id));
    }
    members.insert("post".to_owned(), Value::from(post.id.as_str()));
    if let Some(outcome) = outcome {
        members.insert("outcome".to_owned(), Value::from(outcome));
    }
    Draft {
        kind: kind.to_owned(),
        members,
    }
}

#[cfg(test)]
mod tests {
    use super::words_of;

    #[test]
    fn what_no_list_shows_yet_is_not_called_deleted() {
        assert_eq!(words_of(0), "session secrets deleted");
        assert!(words_of(1).contains("but one"));
        assert!(words_of(3).contains("but 3"));
    }
}
