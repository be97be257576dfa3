//! Every POST that makes a secret has its own row before it is sent, and what came of it after
//! (PROTOCOL §7). Shared by sessions, probes and the saga.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::error::AppError;
use super::step::draft;
use super::{App, chance};
use crate::databricks::{
    CallError, CreateOutcome, DeleteOutcome, Minted, NewSecret, SecretRecord, Upstream,
};
use crate::sealed::secret::Credential;
use crate::store::change::{RowChange, SecretPost, SecretUse};

/// First and longest pause between tries of a call that must succeed in the end, milliseconds.
const FIRST_PAUSE_MS: u64 = 1_000;
const LAST_PAUSE_MS: u64 = 30_000;

/// What came of one POST.
pub(super) enum Posted {
    /// A secret, its value in memory only.
    Made(NewSecret),
    /// A definite no.
    Refused(CallError),
    /// Perhaps a secret, its value lost.
    Unknown(CallError),
}

/// What one look at the list of secrets showed of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listed {
    /// All that can be there.
    All,
    /// One whose reply was lost may not be listed yet.
    Pending,
}

impl App {
    /// A token of this credential for the account host.
    pub(super) async fn mint(&self, credential: &Credential) -> Result<Minted, CallError> {
        let now = self.now().0;
        self.inner
            .databricks
            .mint(&Upstream::Account, &credential.client_secret, now)
            .await
    }

    /// The larger of the configured wait and twice the measured one (PROTOCOL §7).
    pub(super) fn wait_ms(configured_ms: u64, measured_ms: u64) -> u64 {
        configured_ms.max(measured_ms.saturating_mul(2))
    }

    /// Records a POST, sends it once, records what came of it.
    ///
    /// # Errors
    /// Only when the log cannot be written: then nothing was sent, or the reply is treated as lost.
    pub(super) async fn post_secret(
        &self,
        bearer: &Minted,
        used_for: SecretUse,
        owner: &str,
        lifetime_s: u64,
        before: &[SecretRecord],
    ) -> Result<Posted, AppError> {
        let id = self
            .record_post(used_for, owner, lifetime_s, before)
            .await?;
        // The row is durable: whatever happens to the reply, recovery looks for this lifetime.
        let outcome = self
            .inner
            .databricks
            .create_secret(bearer, lifetime_s)
            .await;
        self.record_outcome(&id, used_for, outcome).await
    }

    /// The row and entry of a POST that is about to be sent.
    pub(super) async fn record_post(
        &self,
        used_for: SecretUse,
        owner: &str,
        lifetime_s: u64,
        before: &[SecretRecord],
    ) -> Result<String, AppError> {
        let id = chance::short_id()?;
        let (row, entry) = self.post_row(&id, used_for, owner, lifetime_s, before);
        self.record(vec![entry], vec![row.clone()], Vec::new(), None)
            .await?;
        if let RowChange::PutSecretPost(post) = row {
            self.inner.memory.keep_post(post);
        }
        Ok(id)
    }

    pub(super) fn post_row(
        &self,
        id: &str,
        used_for: SecretUse,
        owner: &str,
        lifetime_s: u64,
        before: &[SecretRecord],
    ) -> (RowChange, crate::audit::entry::Draft) {
        let lifetime_s = i64::try_from(lifetime_s).unwrap_or(i64::MAX);
        let row = RowChange::PutSecretPost(SecretPost {
            id: id.to_owned(),
            used_for,
            owner: owner.to_owned(),
            lifetime_s,
            pre_ids: before.iter().map(|s| s.id.clone()).collect(),
            state: "sent".to_owned(),
            secret_id: None,
            at_ms: self.now(),
        });
        let entry = draft(
            "secret.post",
            [
                ("post", Value::from(id)),
                ("for", Value::from(used_for.word())),
                ("owner", Value::from(owner)),
                ("lifetime_s", Value::from(lifetime_s)),
            ],
        );
        (row, entry)
    }

    async fn record_outcome(
        &self,
        id: &str,
        used_for: SecretUse,
        outcome: CreateOutcome,
    ) -> Result<Posted, AppError> {
        let (state, secret_id, posted) = match outcome {
            CreateOutcome::Created(made) => {
                ("made", Some(made.record.id.clone()), Posted::Made(made))
            }
            CreateOutcome::Refused(error) => ("refused", None, Posted::Refused(error)),
            CreateOutcome::Unknown(error) => ("unknown", None, Posted::Unknown(error)),
        };
        let mut entry = draft(
            "secret.result",
            [
                ("post", Value::from(id)),
                ("for", Value::from(used_for.word())),
                ("state", Value::from(state)),
            ],
        );
        // Before it is written: a log that is lost here must not take the id with it.
        self.inner
            .memory
            .post_ended(id, secret_id.as_deref(), state);
        if let Some(secret_id) = &secret_id {
            entry
                .members
                .insert("secret_id".to_owned(), Value::from(secret_id.as_str()));
        }
        let row = RowChange::SetSecretPost {
            id: id.to_owned(),
            state: state.to_owned(),
            secret_id,
        };
        self.record(vec![entry], vec![row], Vec::new(), None)
            .await?;
        Ok(posted)
    }

    /// Deletes every session secret and probe that is or may be alive, found by its id or by the
    /// tag of a POST whose reply was lost. Somebody else's secret is never touched. One that the
    /// list may not show yet is waited for: whoever goes on from here calls the session dead.
    pub(super) async fn delete_our_secrets(&self, bearer: &Minted) -> Result<(), AppError> {
        let waits = &self.inner.databricks.config().waits;
        let (gap_ms, mut left_ms) = (waits.reconcile_gap_ms, self.list_lag_ms());
        while self.delete_our_secrets_but(bearer, None).await? == Listed::Pending && left_ms > 0 {
            let pause_ms = gap_ms.clamp(1, left_ms);
            pause(pause_ms).await;
            left_ms -= pause_ms;
        }
        Ok(())
    }

    /// One look at the list, sparing a secret that is in use.
    pub(super) async fn delete_our_secrets_but(
        &self,
        bearer: &Minted,
        keep: Option<&str>,
    ) -> Result<Listed, AppError> {
        let posts = self
            .inner
            .store
            .secret_posts(&["sent", "made", "unknown"])
            .await?;
        let posts: Vec<_> = posts
            .into_iter()
            .filter(|p| p.used_for != SecretUse::Successor)
            .filter(|p| keep.is_none() || p.secret_id.as_deref() != keep)
            .collect();
        let mut seen = Listed::All;
        if posts.is_empty() {
            return Ok(seen);
        }
        let listed = self.inner.databricks.list_secrets(bearer).await?;
        let slack = self.measured().await.lifetime_slack_s;
        for post in posts {
            let mut ids: Vec<String> = match &post.secret_id {
                Some(id) => vec![id.clone()],
                None => tagged(&listed, &post, slack),
            };
            // A tag is a lifetime: by chance the one in use may bear it too.
            ids.retain(|id| keep != Some(id.as_str()));
            if ids.is_empty() && self.may_still_show(&post) {
                seen = Listed::Pending;
                continue;
            }
            for id in &ids {
                match self.inner.databricks.delete_secret(bearer, id).await {
                    DeleteOutcome::Deleted | DeleteOutcome::AlreadyGone => {}
                    DeleteOutcome::Refused(error) | DeleteOutcome::Unknown(error) => {
                        return Err(error.into());
                    }
                }
            }
            self.record_deleted(&post, &ids).await?;
        }
        Ok(seen)
    }

    /// Whether a secret whose reply was lost may be missing from the list only because the list
    /// lags behind: then it is looked for again, at the latest when the session closes.
    pub(super) fn may_still_show(&self, post: &SecretPost) -> bool {
        let lag_ms = i64::try_from(self.list_lag_ms()).unwrap_or(i64::MAX);
        self.now().since_ms(post.at_ms) < lag_ms
    }

    pub(super) fn list_lag_ms(&self) -> u64 {
        let waits = &self.inner.databricks.config().waits;
        waits
            .reconcile_wait_ms
            .saturating_add(waits.reconcile_gap_ms)
    }

    async fn record_deleted(&self, post: &SecretPost, ids: &[String]) -> Result<(), AppError> {
        let entry = draft(
            "secret.deleted",
            [
                ("post", Value::from(post.id.as_str())),
                ("for", Value::from(post.used_for.word())),
                ("ids", Value::from(ids.to_vec())),
            ],
        );
        self.inner.memory.post_ended(&post.id, None, "deleted");
        let row = RowChange::SetSecretPost {
            id: post.id.clone(),
            state: "deleted".to_owned(),
            secret_id: ids.first().cloned(),
        };
        self.record(vec![entry], vec![row], Vec::new(), None)
            .await?;
        Ok(())
    }

    /// Tries a call until it succeeds or is refused for good, with growing pauses.
    pub(super) async fn persist<T, F>(
        &self,
        what: &'static str,
        deadline_ms: Option<i64>,
        mut call: impl FnMut() -> F,
    ) -> Result<T, AppError>
    where
        F: Future<Output = Result<T, AppError>>,
    {
        let longest = self
            .inner
            .databricks
            .config()
            .waits
            .delete_retry_max_ms
            .min(LAST_PAUSE_MS);
        let mut pause_ms = FIRST_PAUSE_MS.min(longest.max(1));
        loop {
            match call().await {
                Err(AppError::Databricks(error)) if !error.is_invalid_client() => {
                    if deadline_ms.is_some_and(|end| self.inner.clock.boot_ms() >= end) {
                        return Err(error.into());
                    }
                    tracing::warn!(%error, what, pause_ms, "databricks did not answer; trying again");
                    pause(pause_ms).await;
                    pause_ms = (pause_ms * 2).min(longest.max(1));
                }
                done => return done,
            }
        }
    }
}

/// Waits in real time. Tests configure waits of zero; nothing that is decided depends on it.
pub(super) async fn pause(ms: u64) {
    if ms > 0 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

/// Ids in the list that were not there before the POST and bear its tag.
pub(super) fn tagged(listed: &[SecretRecord], post: &SecretPost, slack_s: u64) -> Vec<String> {
    listed
        .iter()
        .filter(|s| !post.pre_ids.contains(&s.id))
        .filter(|s| bears(s, post.lifetime_s, slack_s))
        .map(|s| s.id.clone())
        .collect()
}

/// Whether a listed secret has this lifetime, within the slack measured.
pub(super) fn bears(record: &SecretRecord, lifetime_s: i64, slack_s: u64) -> bool {
    let wanted = u64::try_from(lifetime_s).unwrap_or(0);
    record
        .lifetime_s()
        .is_some_and(|given| given.abs_diff(wanted) <= slack_s)
}

/// The secret value of a fresh reply, moved into locked memory.
pub(super) fn into_credential(
    client_id: &str,
    made: &NewSecret,
) -> Result<Arc<Credential>, AppError> {
    Ok(Arc::new(
        made.credential(client_id)
            .map_err(|e| AppError::Inconsistent(e.to_string()))?,
    ))
}
