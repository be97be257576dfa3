//! The rotation saga (DESIGN §11, facts §2.4): each state is a row before the next step at
//! Databricks, each transition one transaction with its entry.
//!
//! `domain::rotation` says what comes next; this file does it. Recovery uses the same loop.

use std::sync::Arc;

use super::error::AppError;
use super::secrets::{bears, into_credential, pause};
use super::{App, chance};
use crate::audit::entry::Draft;
use crate::databricks::{CreateOutcome, DeleteOutcome, Minted, SecretRecord};
use crate::domain::alert;
use crate::domain::ids::{IncidentId, PersonId, RotationId};
use crate::domain::manifest::Kind;
use crate::domain::rotation::{Cause, Event, InMemory, MAX_LIVE_BEFORE, Next, Proof, Rotation, State};
use crate::domain::time::{DAY_MS, Timestamp};
use crate::sealed::secret::Credential;
use crate::store::change::{RowChange, SecretUse};
use crate::store::Commit;

/// Longest lifetime Databricks gives a secret, seconds (730 days).
const LONGEST_LIFETIME_S: u64 = 63_072_000;
/// Successors live this much shorter at most, drawn at random: the tag (facts §2.4).
const TAG_SPAN_S: u64 = 131_071;
/// How long an unlocker counts as proved (PROTOCOL §3).
const PROVED_MS: i64 = 100 * DAY_MS;
/// How often a refused predecessor is asked for before it counts as dead.
const REFUSALS: u32 = 3;

/// What the saga holds in memory.
pub(super) struct Hands {
    pub predecessor: Option<Arc<Credential>>,
    pub successor: Option<Arc<Credential>>,
    /// When the last token minted in this saga or its session dies.
    pub tokens_dead_at_ms: Timestamp,
}

impl Hands {
    pub(super) fn with_predecessor(credential: Arc<Credential>) -> Self {
        Self {
            predecessor: Some(credential),
            successor: None,
            tokens_dead_at_ms: Timestamp(0),
        }
    }

    fn in_memory(&self) -> InMemory {
        InMemory {
            predecessor: self.predecessor.is_some(),
            successor: self.successor.is_some(),
        }
    }

    fn minted(&mut self, bearer: &Minted) {
        self.tokens_dead_at_ms = self.tokens_dead_at_ms.max(Timestamp(bearer.expires_at_ms));
    }
}

/// One saga with the version of its row.
pub(super) struct Saga {
    pub rotation: Rotation,
    version: i64,
}

impl App {
    /// Begins a saga.
    pub(super) async fn begin_rotation(
        &self,
        incident: Option<IncidentId>,
        cause: Cause,
    ) -> Result<Saga, AppError> {
        let number = self.inner.store.next_rotation_number().await?;
        let from_epoch = self.inner.facts.get().epoch.as_ref().map_or(0, |e| e.manifest.epoch);
        let at_ms = self.now();
        let id = RotationId::numbered(number);
        let rotation = Rotation::begun(id, incident.clone(), cause, from_epoch, at_ms);
        let mut saga = Saga { rotation, version: 0 };
        let begun = Event::Begun { incident, cause, from_epoch, at_ms };
        self.move_on(&mut saga, begun, Vec::new(), Vec::new()).await?;
        Ok(saga)
    }

    /// The newest saga of an incident, or the newest one at all.
    pub(super) async fn saga_of(
        &self,
        incident: Option<&IncidentId>,
    ) -> Result<Option<Saga>, AppError> {
        let found = match incident {
            Some(id) => self.inner.store.rotation_of(id).await?,
            None => self.inner.store.latest_rotation().await?,
        };
        Ok(found.map(|(rotation, version)| Saga { rotation, version }))
    }

    /// Drives a saga until it is done or needs custodians.
    ///
    /// # Errors
    /// [`AppError::Sealed`] when only k custodians can go on; a log that cannot be written.
    pub(super) async fn drive(&self, saga: &mut Saga, hands: &mut Hands) -> Result<(), AppError> {
        loop {
            match saga.rotation.next(hands.in_memory()) {
                Next::Finished => return Ok(()),
                Next::NeedsQuorum => {
                    return Err(AppError::Sealed("the rotation needs k custodians to go on"));
                }
                Next::Prepare => self.prepare(saga, hands).await?,
                Next::Create => self.create(saga, hands).await?,
                Next::Reconcile => self.reconcile(saga, hands).await?,
                Next::Verify => self.verify(saga, hands).await?,
                Next::Acknowledge => self.acknowledge(saga).await?,
                Next::Switch => self.switch(saga).await?,
                Next::Delete => self.delete_predecessor(saga, hands).await?,
                Next::Prove => self.prove_dead(saga, hands).await?,
                Next::Discard => self.discard(saga, hands).await?,
            }
        }
    }

    /// One transition: entry, row and whatever goes with it, in one transaction.
    async fn move_on(
        &self,
        saga: &mut Saga,
        event: Event,
        mut rows: Vec<RowChange>,
        more: Vec<Draft>,
    ) -> Result<(), AppError> {
        let mut after = saga.rotation.clone();
        after.apply(&event).map_err(|e| AppError::Inconsistent(e.to_string()))?;
        let facts = self.inner.facts.get();
        rows.push(RowChange::SaveRotation {
            expected_version: saga.version,
            rotation: Box::new(after.clone()),
        });
        let (kind, members) = event.to_entry(&after.id)?;
        let mut commit = Commit::control([vec![Draft { kind, members }], more].concat(), rows);
        let alerts = alert::for_rotation(&event, &after, &facts.roster);
        self.queue(&mut commit, alerts, None, &facts, self.now());
        self.inner.store.commit(commit).await.map_err(|e| self.not_committed(e))?;
        saga.rotation = after;
        saga.version += 1;
        self.tell_watchers();
        Ok(())
    }

    async fn token(&self, credential: &Arc<Credential>, hands: &mut Hands) -> Result<Minted, AppError> {
        let bearer = self
            .persist("mint a token for the rotation", None, || async {
                Ok(self.mint(credential).await?)
            })
            .await?;
        hands.minted(&bearer);
        Ok(bearer)
    }

    /// The one in memory that may speak before the switch.
    async fn predecessors_token(&self, hands: &mut Hands) -> Result<Minted, AppError> {
        let predecessor = hands.predecessor.clone();
        let predecessor = predecessor.ok_or(AppError::Sealed("the predecessor is not in memory"))?;
        self.token(&predecessor, hands).await
    }

    async fn successors_token(&self, hands: &mut Hands) -> Result<Minted, AppError> {
        let successor = hands.successor.clone();
        let successor = successor.ok_or(AppError::Sealed("the successor is not in memory"))?;
        self.token(&successor, hands).await
    }

    async fn listed(&self, bearer: &Minted) -> Result<Vec<SecretRecord>, AppError> {
        self.persist("list the secrets", None, || async {
            Ok(self.inner.databricks.list_secrets(bearer).await?)
        })
        .await
    }

    async fn prepare(&self, saga: &mut Saga, hands: &mut Hands) -> Result<(), AppError> {
        let bearer = self.predecessors_token(hands).await?;
        let listed = self.room_for_successor(&bearer).await?;
        let old = hands.predecessor.as_ref().map(|c| c.secret_id.clone()).unwrap_or_default();
        let lifetime_s = self.unused_lifetime(&listed)?;
        let event = Event::Prepared {
            old_secret_id: old,
            pre_ids: listed.iter().map(|s| s.id.clone()).collect(),
            lifetime_s,
        };
        self.move_on(saga, event, Vec::new(), Vec::new()).await
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
            pause(self.inner.databricks.config().waits.delete_retry_max_ms).await;
        }
    }

    async fn too_many_secrets(&self, live: usize) -> Result<(), AppError> {
        let entry = super::step::draft(
            "rotate.no_room",
            [("live", serde_json::Value::from(live)), ("limit", MAX_LIVE_BEFORE.into())],
        );
        let attempt = alert::Attempt::TooManySecrets { live };
        let alerts = alert::for_attempt(&attempt, &self.inner.facts.get().roster);
        self.record(vec![entry], Vec::new(), alerts, None).await.map(drop)
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

    async fn create(&self, saga: &mut Saga, hands: &mut Hands) -> Result<(), AppError> {
        let bearer = self.predecessors_token(hands).await?;
        let post = chance::short_id()?;
        let lifetime_s = u64::try_from(saga.rotation.lifetime_s).unwrap_or(0);
        let owner = saga.rotation.id.to_string();
        let (row, entry) = self.post_row(&post, SecretUse::Successor, &owner, lifetime_s, &[]);
        self.move_on(saga, Event::CreateSent {}, vec![row], vec![entry]).await?;
        // A POST may happen from here on. If we stop, the restart reconciles and never posts again.
        match self.inner.databricks.create_secret(&bearer, lifetime_s).await {
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
                self.move_on(saga, Event::Reconcile { why }, vec![row], Vec::new()).await
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
        match self.seal_successor(&successor).await {
            Ok(sealed) => {
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
                let event = Event::Discard { secret_id: successor.secret_id.clone() };
                self.move_on(saga, event, vec![row], Vec::new()).await?;
                // What is wrong here will not mend itself at once; the way back goes on trying.
                pause(self.inner.databricks.config().waits.delete_retry_max_ms).await;
                Ok(())
            }
        }
    }

    async fn reconcile(&self, saga: &mut Saga, hands: &mut Hands) -> Result<(), AppError> {
        if saga.rotation.state == State::CreateSent {
            let why = "restarted after the request was sent".to_owned();
            self.move_on(saga, Event::Reconcile { why }, Vec::new(), Vec::new()).await?;
        }
        let waits = self.inner.databricks.config().waits.clone();
        let bearer = self.predecessors_token(hands).await?;
        pause(waits.reconcile_wait_ms).await;
        let first = self.listed(&bearer).await?;
        pause(waits.reconcile_gap_ms).await;
        let second = self.listed(&bearer).await?;
        let slack = self.measured().await?.lifetime_slack_s;
        let (mut orphans, mut foreign) = (Vec::new(), Vec::new());
        for record in first.iter().chain(&second) {
            let known = saga.rotation.pre_ids.contains(&record.id)
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
            let event = Event::Foreign { ids: foreign };
            self.move_on(saga, event, Vec::new(), Vec::new()).await?;
        }
        let rows = self.successor_posts(saga, "deleted").await?;
        self.move_on(saga, Event::Reconciled { orphans }, rows, Vec::new()).await
    }

    async fn successor_posts(
        &self,
        saga: &Saga,
        state: &str,
    ) -> Result<Vec<RowChange>, AppError> {
        let posts = self.inner.store.secret_posts(&["sent", "unknown"]).await?;
        let owner = saga.rotation.id.as_str();
        Ok(posts
            .iter()
            .filter(|p| p.used_for == SecretUse::Successor && p.owner == owner)
            .map(|p| post_state(&p.id, state, None))
            .collect())
    }

    /// Deletes one of our own secrets; an unknown outcome is asked again, which does no harm.
    async fn delete_for_good(&self, bearer: &Minted, id: &str) -> Result<(), AppError> {
        self.persist("delete a secret", None, || async {
            match self.inner.databricks.delete_secret(bearer, id).await {
                DeleteOutcome::Deleted | DeleteOutcome::AlreadyGone => Ok(()),
                DeleteOutcome::Refused(error) | DeleteOutcome::Unknown(error) => Err(error.into()),
            }
        })
        .await
    }

    async fn discard(&self, saga: &mut Saga, hands: &mut Hands) -> Result<(), AppError> {
        let secret_id = saga.rotation.new_secret_id.clone().unwrap_or_default();
        if saga.rotation.state != State::Discard {
            let event = Event::Discard { secret_id: secret_id.clone() };
            self.move_on(saga, event, Vec::new(), Vec::new()).await?;
        }
        let bearer = self.predecessors_token(hands).await?;
        self.delete_for_good(&bearer, &secret_id).await?;
        hands.successor = None;
        let epoch = self.inner.store.highest_epoch(Kind::Live).await?;
        let current = self.inner.facts.get().epoch.as_ref().map_or(0, |e| e.manifest.epoch);
        let rows = if saga.rotation.manifest_sha256.is_some() && epoch > current {
            vec![RowChange::DiscardEpoch { kind: Kind::Live, epoch }]
        } else {
            Vec::new()
        };
        self.move_on(saga, Event::Discarded { secret_id }, rows, Vec::new()).await
    }

    async fn verify(&self, saga: &mut Saga, hands: &mut Hands) -> Result<(), AppError> {
        let successor = hands.successor.clone();
        let successor = successor.ok_or(AppError::Sealed("the successor is not in memory"))?;
        let waits = &self.inner.databricks.config().waits;
        let measured = self.measured().await?;
        let patience = Self::wait_ms(waits.create_propagation_ms, measured.create_propagation_ms);
        let end = self.inner.clock.boot_ms() + i64::try_from(patience).unwrap_or(i64::MAX);
        let bearer = loop {
            let minted = self
                .persist("mint with the successor", None, || async {
                    Ok(self.mint(&successor).await?)
                })
                .await;
            match minted {
                Ok(bearer) => break bearer,
                // Not known there yet; a secret that never works is discarded.
                Err(AppError::Databricks(_)) if self.inner.clock.boot_ms() < end => {
                    pause(waits.propagation_step_ms).await;
                }
                Err(AppError::Databricks(error)) => {
                    tracing::error!(%error, "the successor never became valid; it is discarded");
                    hands.successor = None;
                    return self.discard(saga, hands).await;
                }
                Err(error) => return Err(error),
            }
        };
        hands.minted(&bearer);
        let principal = self
            .persist("read the principal with the successor", None, || async {
                Ok(self.inner.databricks.principal(&bearer).await?)
            })
            .await?;
        if principal.application_id != self.inner.databricks.config().application_id {
            return Err(AppError::Inconsistent("the successor belongs to another principal".into()));
        }
        self.listed(&bearer).await?;
        self.move_on(saga, Event::Verified {}, Vec::new(), Vec::new()).await
    }

    async fn acknowledge(&self, saga: &mut Saga) -> Result<(), AppError> {
        if saga.rotation.cause == Cause::Genesis {
            // Nobody has enrolled yet: `init` alone is exempt (PROTOCOL §3).
            let event = Event::Acked { acked: "genesis".to_owned(), indexes: Vec::new() };
            return self.move_on(saga, event, Vec::new(), Vec::new()).await;
        }
        let mut told = false;
        loop {
            let waiting = self.inner.custody_changed.notified();
            let (roster, _) =
                super::facts::approved_roster(&self.inner.store, &self.inner.settings).await?;
            let mut indexes = Vec::new();
            for (index, person) in roster.custodians() {
                if self.proved_lately(&person.id, &person.unlockers).await? {
                    indexes.push(index);
                }
            }
            if indexes.len() >= usize::from(roster.k) {
                let event = Event::Acked { acked: "unlockers".to_owned(), indexes };
                return self.move_on(saga, event, Vec::new(), Vec::new()).await;
            }
            if !told {
                let alerts = alert::for_attempt(
                    &alert::Attempt::ProofsMissing {
                        epoch: self.inner.store.highest_epoch(Kind::Live).await?,
                        have: u8::try_from(indexes.len()).unwrap_or(u8::MAX),
                        need: roster.k,
                    },
                    &roster,
                );
                let entry = super::step::draft(
                    "rotate.waits_for_proofs",
                    [("rot", serde_json::Value::from(saga.rotation.id.as_str()))],
                );
                self.record(vec![entry], Vec::new(), alerts, None).await?;
                told = true;
            }
            waiting.await;
        }
    }

    async fn proved_lately(
        &self,
        person: &PersonId,
        unlockers: &[String],
    ) -> Result<bool, AppError> {
        let oldest = self.now().plus_ms(-PROVED_MS);
        let opened = self.inner.store.unlocker_opened(person).await?;
        Ok(opened.iter().any(|(unlocker, at)| unlockers.contains(unlocker) && *at >= oldest))
    }

    async fn switch(&self, saga: &mut Saga) -> Result<(), AppError> {
        let epoch = self.inner.store.highest_epoch(Kind::Live).await?;
        let row = RowChange::SwitchEpoch { kind: Kind::Live, epoch };
        self.move_on(saga, Event::Switched { epoch }, vec![row], Vec::new()).await?;
        // The successor is current. If we stop here, k custodians of the new epoch finish it.
        self.reload_facts().await?;
        self.ask_collecting_again(saga.rotation.incident.as_ref()).await;
        Ok(())
    }

    async fn delete_predecessor(&self, saga: &mut Saga, hands: &mut Hands) -> Result<(), AppError> {
        let bearer = self.successors_token(hands).await?;
        let secret_id = saga.rotation.old_secret_id.clone();
        self.delete_for_good(&bearer, &secret_id).await?;
        self.move_on(saga, Event::Deleted { secret_id }, Vec::new(), Vec::new()).await
    }

    async fn prove_dead(&self, saga: &mut Saga, hands: &mut Hands) -> Result<(), AppError> {
        let bearer = self.successors_token(hands).await?;
        let waits = self.inner.databricks.config().waits.clone();
        let mut gone = 0;
        while gone < 2 {
            let listed = self.listed(&bearer).await?;
            let old = &saga.rotation.old_secret_id;
            if listed.iter().any(|s| s.id == *old) {
                gone = 0;
                self.delete_for_good(&bearer, old).await?;
                pause(waits.propagation_step_ms).await;
            } else {
                gone += 1;
            }
        }
        let proof = match hands.predecessor.clone() {
            Some(predecessor) => {
                self.refused_now(&predecessor, hands).await?;
                Proof::ListAndRefused
            }
            // The value was lost with the memory of an earlier process.
            None => Proof::List,
        };
        let rows = self.former_credentials(saga.rotation.from_epoch).await?;
        let tokens_dead_at_ms = hands.tokens_dead_at_ms;
        self.move_on(saga, Event::Done { proof, tokens_dead_at_ms }, rows, Vec::new()).await
    }

    /// Rows that erase every sealed credential since the predecessor's: also that of an epoch 1
    /// which `init`, run again, dealt anew.
    async fn former_credentials(&self, from_epoch: u32) -> Result<Vec<RowChange>, AppError> {
        let current = self.inner.facts.get().epoch()?.manifest.epoch;
        let mut rows = Vec::new();
        for epoch in from_epoch.max(1)..current {
            let row = self.inner.store.epoch(Kind::Live, epoch).await?;
            if row.is_some_and(|row| row.sealed_credential.is_some()) {
                rows.push(RowChange::EraseCredential { kind: Kind::Live, epoch });
            }
        }
        Ok(rows)
    }

    /// Asks for tokens with the predecessor until it is refused three times in a row, spread over
    /// the configured time.
    async fn refused_now(
        &self,
        predecessor: &Arc<Credential>,
        hands: &mut Hands,
    ) -> Result<(), AppError> {
        let waits = &self.inner.databricks.config().waits;
        let measured = self.measured().await?;
        let spread = Self::wait_ms(waits.delete_proof_ms, measured.delete_propagation_ms);
        let mut refusals = 0;
        while refusals < REFUSALS {
            match self.mint(predecessor).await {
                Err(error) if error.is_invalid_client() => refusals += 1,
                Ok(bearer) => {
                    hands.minted(&bearer);
                    refusals = 0;
                }
                Err(error) => tracing::warn!(%error, "the proof of death has to be asked again"),
            }
            if refusals < REFUSALS {
                pause(spread / u64::from(REFUSALS - 1)).await;
            }
        }
        Ok(())
    }
}

fn post_state(id: &str, state: &str, secret_id: Option<String>) -> RowChange {
    RowChange::SetSecretPost { id: id.to_owned(), state: state.to_owned(), secret_id }
}
