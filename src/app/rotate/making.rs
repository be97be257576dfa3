//! The saga's first half: list, tag, one POST, seal; or reconcile and discard. Until the switch
//! the predecessor is current, and all of this can be taken back.

use std::sync::Arc;

use super::{Hands, Saga};
use crate::app::error::AppError;
use crate::app::journal::Journal;
use crate::app::secrets::{bears, into_credential, pause};
use crate::app::successor::{KEPT_ENTRY, SealedSuccessor};
use crate::app::{App, chance};
use crate::databricks::{CreateOutcome, Minted, SecretRecord};
use crate::domain::alert;
use crate::domain::manifest::Kind;
use crate::domain::rotation::{Event, MAX_LIVE_BEFORE, State};
use crate::sealed::secret::Credential;
use crate::store::change::{RowChange, SecretUse};

/// Longest lifetime Databricks gives a secret, seconds (730 days).
const LONGEST_LIFETIME_S: u64 = 63_072_000;
/// Successors live this much shorter at most, drawn at random: the tag (facts §2.4).
const TAG_SPAN_S: u64 = 131_071;

impl App {
    pub(super) async fn prepare(&self, saga: &mut Saga, hands: &mut Hands) -> Result<(), AppError> {
        let bearer = self.predecessors_token(hands).await?;
        let listed = self.room_for_successor(&bearer).await?;
        let old = hands
            .predecessor
            .as_ref()
            .map(|c| c.secret_id.clone())
            .unwrap_or_default();
        let lifetime_s = self.unused_lifetime(&listed)?;
        let event = Event::Prepared {
            old_secret_id: old,
            pre_ids: listed.iter().map(|s| s.id.clone()).collect(),
            lifetime_s,
        };
        self.move_on(saga, event, Vec::new(), Vec::new()).await?;
        self.report_foreign(saga, hands, &listed).await
    }

    /// Secrets that are alive and that neither this vault made nor its people handed in: reported
    /// once in a saga, never deleted.
    async fn report_foreign(
        &self,
        saga: &mut Saga,
        hands: &mut Hands,
        listed: &[SecretRecord],
    ) -> Result<(), AppError> {
        let old = saga.rotation.old_secret_id.clone();
        let ids = self.foreign_in(listed, &[&old]).await?;
        if ids.is_empty() || hands.foreign_told {
            return Ok(());
        }
        hands.foreign_told = true;
        self.move_on(saga, Event::Foreign { ids }, Vec::new(), Vec::new())
            .await
    }

    /// Lists until at most three secrets are alive: never deletes one it does not know.
    async fn room_for_successor(&self, bearer: &Minted) -> Result<Vec<SecretRecord>, AppError> {
        let mut told = false;
        loop {
            let listed = self.listed(bearer).await?;
            let live = listed.iter().filter(|s| s.is_live(self.now().0)).count();
            if live <= MAX_LIVE_BEFORE {
                return Ok(listed);
            }
            if !told {
                self.too_many_secrets(live).await?;
                told = true;
            }
            let again = pause(self.inner.databricks.config().waits.delete_retry_max_ms);
            self.unless_stopping(again).await?;
        }
    }

    async fn too_many_secrets(&self, live: usize) -> Result<(), AppError> {
        let entry = crate::app::step::draft(
            "rotate.no_room",
            [
                ("live", serde_json::Value::from(live)),
                ("limit", MAX_LIVE_BEFORE.into()),
            ],
        );
        let attempt = alert::Attempt::TooManySecrets { live };
        let alerts = alert::for_attempt(&attempt, &self.inner.facts.get().roster);
        self.record(vec![entry], Vec::new(), alerts, None)
            .await
            .map(drop)
    }

    fn unused_lifetime(&self, listed: &[SecretRecord]) -> Result<i64, AppError> {
        loop {
            let lifetime_s = LONGEST_LIFETIME_S - chance::between(0, TAG_SPAN_S)?;
            let lifetime_s = i64::try_from(lifetime_s).unwrap_or(i64::MAX);
            if !listed.iter().any(|s| bears(s, lifetime_s, 0)) {
                return Ok(lifetime_s);
            }
        }
    }

    pub(super) async fn create(&self, saga: &mut Saga, hands: &mut Hands) -> Result<(), AppError> {
        let bearer = self.predecessors_token(hands).await?;
        let post = chance::short_id()?;
        let lifetime_s = u64::try_from(saga.rotation.lifetime_s).unwrap_or(0);
        let owner = saga.rotation.id.to_string();
        let (row, entry) = self.post_row(&post, SecretUse::Successor, &owner, lifetime_s, &[]);
        self.move_on(saga, Event::CreateSent {}, vec![row], vec![entry])
            .await?;
        // A POST may happen from here on. If we stop, the restart reconciles and never posts again.
        match self
            .inner
            .databricks
            .create_secret(&bearer, lifetime_s)
            .await
        {
            CreateOutcome::Created(made) => {
                let client_id = &self.inner.databricks.config().application_id;
                let successor = into_credential(client_id, &made)?;
                drop(made);
                self.seal(saga, hands, &post, successor).await
            }
            CreateOutcome::Refused(error) => {
                let (status, code) = error.status_and_code();
                tracing::warn!(%error, "databricks refused to make the successor");
                let row = post_state(&post, "refused", None);
                let event = Event::CreateRefused { status, code };
                self.move_on(saga, event, vec![row], Vec::new()).await?;
                pause(self.inner.databricks.config().waits.delete_retry_max_ms).await;
                // A fresh list: what changed may be why it was refused.
                self.prepare(saga, hands).await
            }
            CreateOutcome::Unknown(error) => {
                let row = post_state(&post, "unknown", None);
                let why = error.to_string();
                self.move_on(saga, Event::Reconcile { why }, vec![row], Vec::new())
                    .await
            }
        }
    }

    async fn seal(
        &self,
        saga: &mut Saga,
        hands: &mut Hands,
        post: &str,
        successor: Arc<Credential>,
    ) -> Result<(), AppError> {
        let row = post_state(post, "made", Some(successor.secret_id.clone()));
        let above = saga.sealed.as_ref().map_or(0, |dealt| dealt.epoch);
        // A number that a lost database has dealt already is not given again.
        let above = above.max(self.known_later().await?);
        match self.seal_successor(&successor, above).await {
            Ok(sealed) => {
                self.keep_sealed(saga, &sealed, &successor)?;
                let event = Event::Sealed {
                    new_secret_id: successor.secret_id.clone(),
                    epoch: sealed.manifest.epoch,
                    manifest_sha256: sealed.manifest_sha256,
                };
                let mut rows = sealed.rows(&successor, self.now())?;
                rows.push(row);
                // Two live secrets from here on, and each has an envelope custodians can open.
                self.move_on(saga, event, rows, Vec::new()).await?;
                hands.successor = Some(successor);
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, "the successor could not be sealed; it is discarded");
                let event = Event::Discard {
                    secret_id: successor.secret_id.clone(),
                };
                self.move_on(saga, event, vec![row], Vec::new()).await?;
                // What is wrong here will not mend itself at once; the way back goes on trying.
                pause(self.inner.databricks.config().waits.delete_retry_max_ms).await;
                Ok(())
            }
        }
    }

    /// Without the main log, what was sealed is durable beside the emergency log before its entry
    /// is. A crash between the two leaves a file that nothing names, and a create that is
    /// reconciled.
    fn keep_sealed(
        &self,
        saga: &mut Saga,
        sealed: &SealedSuccessor,
        successor: &Credential,
    ) -> Result<(), AppError> {
        let Journal::Emergency(log) = &saga.journal else {
            return Ok(());
        };
        let bytes = sealed.to_kept(successor, self.now())?;
        let kept = log.keep(&bytes);
        let sha256 = kept.map_err(|why| AppError::LogLost(why.to_string()))?;
        let entry = crate::app::step::draft(
            KEPT_ENTRY,
            [("sha256", serde_json::Value::from(sha256.hex()))],
        );
        saga.journal.append(self, &[entry])?;
        saga.sealed = Some(sealed.manifest.clone());
        Ok(())
    }

    pub(super) async fn reconcile(
        &self,
        saga: &mut Saga,
        hands: &mut Hands,
    ) -> Result<(), AppError> {
        if saga.rotation.state == State::CreateSent {
            let why = "restarted after the request was sent".to_owned();
            self.move_on(saga, Event::Reconcile { why }, Vec::new(), Vec::new())
                .await?;
        }
        let waits = self.inner.databricks.config().waits.clone();
        let bearer = self.predecessors_token(hands).await?;
        pause(waits.reconcile_wait_ms).await;
        let first = self.listed(&bearer).await?;
        pause(waits.reconcile_gap_ms).await;
        let second = self.listed(&bearer).await?;
        let slack = self.measured().await.lifetime_slack_s;
        let (mut orphans, mut foreign) = (Vec::new(), Vec::new());
        for record in first.iter().chain(&second) {
            // The row may be older than what custodians opened, which this saga made then.
            let known = hands.holds(&record.id)
                || saga.rotation.pre_ids.contains(&record.id)
                || orphans.contains(&record.id)
                || foreign.contains(&record.id);
            if known {
                continue;
            }
            if bears(record, saga.rotation.lifetime_s, slack) {
                orphans.push(record.id.clone());
            } else {
                foreign.push(record.id.clone());
            }
        }
        for id in &orphans {
            self.delete_for_good(&bearer, id).await?;
        }
        if !foreign.is_empty() {
            hands.foreign_told = true;
            let event = Event::Foreign { ids: foreign };
            self.move_on(saga, event, Vec::new(), Vec::new()).await?;
        }
        let rows = self.successor_posts(saga, "deleted").await?;
        self.move_on(saga, Event::Reconciled { orphans }, rows, Vec::new())
            .await
    }

    async fn successor_posts(&self, saga: &Saga, state: &str) -> Result<Vec<RowChange>, AppError> {
        let posts = self.inner.store.secret_posts(&["sent", "unknown"]).await?;
        let owner = saga.rotation.id.as_str();
        Ok(posts
            .iter()
            .filter(|p| p.used_for == SecretUse::Successor && p.owner == owner)
            .map(|p| post_state(&p.id, state, None))
            .collect())
    }
    pub(super) async fn discard(&self, saga: &mut Saga, hands: &mut Hands) -> Result<(), AppError> {
        let secret_id = saga.rotation.new_secret_id.clone().unwrap_or_default();
        if hands.holds(&secret_id) {
            // A row that is older than the switch: this is the secret that was opened, and perhaps
            // the last one that lives (DESIGN §4.10).
            return Err(AppError::Inconsistent(format!(
                "{} would discard the secret that is in use",
                saga.rotation.id
            )));
        }
        if saga.rotation.state != State::Discard {
            let event = Event::Discard {
                secret_id: secret_id.clone(),
            };
            self.move_on(saga, event, Vec::new(), Vec::new()).await?;
        }
        let bearer = self.predecessors_token(hands).await?;
        self.delete_for_good(&bearer, &secret_id).await?;
        hands.successor = None;
        let epoch = self.inner.store.highest_epoch(Kind::Live).await?;
        let current = self
            .inner
            .facts
            .get()
            .epoch
            .as_ref()
            .map_or(0, |e| e.manifest.epoch);
        let rows = if saga.rotation.manifest_sha256.is_some() && epoch > current {
            vec![RowChange::DiscardEpoch {
                kind: Kind::Live,
                epoch,
            }]
        } else {
            Vec::new()
        };
        self.move_on(saga, Event::Discarded { secret_id }, rows, Vec::new())
            .await
    }
}

fn post_state(id: &str, state: &str, secret_id: Option<String>) -> RowChange {
    RowChange::SetSecretPost {
        id: id.to_owned(),
        state: state.to_owned(),
        secret_id,
    }
}
