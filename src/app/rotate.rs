//! The rotation saga (DESIGN §11, facts §2.4): each state is a row before the next step at
//! Databricks, each transition one transaction with its entry.
//!
//! `domain::rotation` says what comes next; `making` and `retiring` do it. Recovery uses the same
//! loop.

use std::sync::Arc;

use super::App;
use super::error::AppError;
use super::journal::Journal;
use crate::audit::entry::Draft;
use crate::databricks::{DeleteOutcome, Minted, SecretRecord};
use crate::domain::alert;
use crate::domain::ids::{IncidentId, RotationId};
use crate::domain::manifest::{Kind, Manifest};
use crate::domain::rotation::{Cause, Event, InMemory, Next, Rotation};
use crate::domain::time::{DAY_MS, Timestamp};
use crate::sealed::secret::Credential;
use crate::store::Commit;
use crate::store::change::RowChange;

mod making;
mod resuming;
mod retiring;

pub(super) use retiring::TOO_FEW_PROOFS;

/// What the saga holds in memory.
pub(super) struct Hands {
    pub predecessor: Option<Arc<Credential>>,
    pub successor: Option<Arc<Credential>>,
    /// When the last token minted in this saga or its session dies.
    pub tokens_dead_at_ms: Timestamp,
    /// Foreign secrets were reported in this saga.
    foreign_told: bool,
}

impl Hands {
    pub(super) fn with_predecessor(credential: Arc<Credential>) -> Self {
        Self {
            predecessor: Some(credential),
            successor: None,
            tokens_dead_at_ms: Timestamp(0),
            foreign_told: false,
        }
    }

    pub(super) fn holds(&self, predecessor: &str) -> bool {
        let held = self.predecessor.as_ref();
        held.is_some_and(|held| held.secret_id == predecessor)
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
    journal: Journal,
    /// What was sealed while the main log is lost; its rows come later.
    sealed: Option<Manifest>,
}

impl Saga {
    fn kept(rotation: Rotation, version: i64) -> Self {
        Self {
            rotation,
            version,
            journal: Journal::Main,
            sealed: None,
        }
    }

    /// The same saga, recorded somewhere else from now on.
    pub(super) fn recorded_in(mut self, journal: &Journal) -> Self {
        self.journal = journal.clone();
        self
    }
}

impl App {
    /// Begins a saga.
    pub(super) async fn begin_rotation(
        &self,
        journal: &Journal,
        incident: Option<IncidentId>,
        cause: Cause,
    ) -> Result<Saga, AppError> {
        let number = self.inner.store.next_rotation_number().await?;
        let from_epoch = self
            .inner
            .facts
            .get()
            .epoch
            .as_ref()
            .map_or(0, |e| e.manifest.epoch);
        let at_ms = self.now();
        let id = RotationId::numbered(number);
        let rotation = Rotation::begun(id, incident.clone(), cause, from_epoch, at_ms);
        let mut saga = Saga::kept(rotation, 0).recorded_in(journal);
        let begun = Event::Begun {
            incident,
            cause,
            from_epoch,
            at_ms,
        };
        self.move_on(&mut saga, begun, Vec::new(), Vec::new())
            .await?;
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
        Ok(found.map(|(rotation, version)| Saga::kept(rotation, version)))
    }

    /// Drives a saga until it is done or needs custodians.
    ///
    /// # Errors
    /// [`AppError::Sealed`] when only k custodians can go on; a log that cannot be written.
    pub(super) async fn drive(&self, saga: &mut Saga, hands: &mut Hands) -> Result<(), AppError> {
        loop {
            // Were the main log lost now, whoever goes on needs it.
            self.inner.memory.keep_successor(hands.successor.as_ref());
            match saga.rotation.next(hands.in_memory()) {
                Next::Finished => return Ok(()),
                Next::NeedsQuorum => {
                    return Err(AppError::Sealed("the rotation needs k custodians to go on"));
                }
                Next::Prepare => self.prepare(saga, hands).await?,
                // Whoever goes on with another credential than the one it was prepared for lists
                // anew: the one in hand is what has to die.
                Next::Create if !hands.holds(&saga.rotation.old_secret_id) => {
                    self.prepare(saga, hands).await?;
                }
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
        after
            .apply(&event)
            .map_err(|e| AppError::Inconsistent(e.to_string()))?;
        let facts = self.inner.facts.get();
        rows.push(RowChange::SaveRotation {
            expected_version: saga.version,
            rotation: Box::new(after.clone()),
        });
        let (kind, members) = event.to_entry(&after.id)?;
        let drafts = [vec![Draft { kind, members }], more].concat();
        if !saga.journal.is_main() {
            saga.journal.append(self, &drafts)?;
            saga.rotation = after;
            return Ok(());
        }
        let mut commit = Commit::control(drafts, rows);
        let alerts = if self.is_news(&event, &after) {
            alert::for_rotation(&event, &after, &facts.roster)
        } else {
            Vec::new()
        };
        self.queue(&mut commit, alerts, None, &facts, self.now());
        self.commit(commit)
            .await
            .map_err(|e| self.not_committed(e))?;
        saga.rotation = after;
        saga.version += 1;
        self.tell_watchers();
        Ok(())
    }

    /// A saga that meets the same trouble at every try tells it once, then daily; the entries
    /// stand in the log all the same.
    fn is_news(&self, event: &Event, rotation: &Rotation) -> bool {
        let what = match event {
            Event::CreateRefused { status, code } => format!("refused {status} {code}"),
            Event::Reconcile { why } => format!("unsure {why}"),
            Event::Reconciled { .. } => "reconciled".to_owned(),
            Event::Discard { .. } => "discard".to_owned(),
            Event::Sealed { .. } => "sealed".to_owned(),
            _ => return true,
        };
        let what = format!("{} {what}", rotation.id);
        let boot_ms = self.inner.clock.boot_ms();
        self.inner.memory.told.tell(&what, boot_ms, DAY_MS)
    }

    /// Number of the successor's epoch.
    async fn epoch_of(&self, saga: &Saga) -> Result<u32, AppError> {
        match &saga.sealed {
            Some(manifest) => Ok(manifest.epoch),
            None => Ok(self.inner.store.highest_epoch(Kind::Live).await?),
        }
    }

    async fn token(
        &self,
        credential: &Arc<Credential>,
        hands: &mut Hands,
    ) -> Result<Minted, AppError> {
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
        let predecessor =
            predecessor.ok_or(AppError::Sealed("the predecessor is not in memory"))?;
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
}
