//! The saga's second half: the successor is verified and acknowledged, becomes current, and the
//! predecessor is deleted and proved dead.

use std::sync::Arc;

use super::{Hands, Saga};
use crate::app::App;
use crate::app::error::AppError;
use crate::app::secrets::pause;
use crate::domain::alert;
use crate::domain::ids::PersonId;
use crate::domain::manifest::Kind;
use crate::domain::quorum;
use crate::domain::roster::Roster;
use crate::domain::rotation::{Cause, Event, Proof};
use crate::domain::time::DAY_MS;
use crate::sealed::secret::Credential;
use crate::store::change::RowChange;

/// How long an unlocker counts as proved (PROTOCOL §3).
const PROVED_MS: i64 = 100 * DAY_MS;
/// Why a rotation without the main log stops before the switch.
pub(in crate::app) const TOO_FEW_PROOFS: &str =
    "fewer than k custodians have opened a file lately, and no proof can be recorded now";
/// How often a refused predecessor is asked for before it counts as dead.
const REFUSALS: u32 = 3;

impl App {
    pub(super) async fn verify(&self, saga: &mut Saga, hands: &mut Hands) -> Result<(), AppError> {
        let successor = hands.successor.clone();
        let successor = successor.ok_or(AppError::Sealed("the successor is not in memory"))?;
        let waits = &self.inner.databricks.config().waits;
        let measured = self.measured().await;
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
            return Err(AppError::Inconsistent(
                "the successor belongs to another principal".into(),
            ));
        }
        self.listed(&bearer).await?;
        self.move_on(saga, Event::Verified {}, Vec::new(), Vec::new())
            .await
    }

    pub(super) async fn acknowledge(&self, saga: &mut Saga) -> Result<(), AppError> {
        if saga.rotation.cause == Cause::Genesis {
            // Nobody has enrolled yet: `init` alone is exempt (PROTOCOL §3).
            let event = Event::Acked {
                acked: "genesis".to_owned(),
                indexes: Vec::new(),
            };
            return self.move_on(saga, event, Vec::new(), Vec::new()).await;
        }
        let mut told = false;
        loop {
            let waiting = self.inner.custody_changed.notified();
            let roster = self.dealt_roster(saga).await?;
            let indexes = self.proved_indexes(&roster).await?;
            if indexes.len() >= usize::from(roster.k) {
                let event = Event::Acked {
                    acked: "unlockers".to_owned(),
                    indexes,
                };
                return self.move_on(saga, event, Vec::new(), Vec::new()).await;
            }
            if !saga.journal.is_main() {
                // Proofs are entries of the main log: nobody can bring one now.
                return Err(AppError::Sealed(TOO_FEW_PROOFS));
            }
            if !told {
                let alerts = alert::for_attempt(
                    &alert::Attempt::ProofsMissing {
                        epoch: self.epoch_of(saga).await?,
                        have: u8::try_from(indexes.len()).unwrap_or(u8::MAX),
                        need: roster.k,
                    },
                    &roster,
                );
                let entry = crate::app::step::draft(
                    "rotate.waits_for_proofs",
                    [("rot", serde_json::Value::from(saga.rotation.id.as_str()))],
                );
                self.record(vec![entry], Vec::new(), alerts, None).await?;
                told = true;
            }
            self.unless_stopping(waiting).await?;
        }
    }

    /// The roster that the successor's shares were dealt to. A later version may have added people
    /// who hold no share of it.
    async fn dealt_roster(&self, saga: &Saga) -> Result<Roster, AppError> {
        let store = &self.inner.store;
        let newest = self.epoch_of(saga).await?;
        let sha256 = match &saga.sealed {
            Some(manifest) => manifest.roster_sha256,
            None => {
                let dealt = store.epoch(Kind::Live, newest).await?;
                let dealt = dealt.ok_or_else(|| AppError::NotFound(format!("epoch {newest}")))?;
                dealt.manifest.roster_sha256
            }
        };
        let versions = crate::app::versions::approved(store, &self.inner.settings)
            .await?
            .versions;
        let roster = versions.roster_of(&sha256).cloned();
        roster.ok_or_else(|| {
            AppError::Inconsistent(format!("epoch {newest} was dealt to no approved roster"))
        })
    }

    /// Shares dealt to a roster whose holders may still give them, by an unlocker proved lately.
    /// Whoever left or was locked out meanwhile gives none, and an unlocker that was taken away is
    /// lost or stolen: neither stands between the vault and its last credential.
    pub(in crate::app) async fn proved_indexes(&self, dealt: &Roster) -> Result<Vec<u8>, AppError> {
        let in_force = self.inner.facts.get();
        let mut indexes = Vec::new();
        for (index, person, unlockers) in quorum::still_given(dealt, &in_force.roster) {
            if self.proved_lately(person, &unlockers).await? {
                indexes.push(index);
            }
        }
        Ok(indexes)
    }

    async fn proved_lately(&self, person: &PersonId, unlockers: &[&str]) -> Result<bool, AppError> {
        let oldest = self.now().plus_ms(-PROVED_MS);
        let opened = self.inner.store.unlocker_opened(person).await?;
        Ok(opened
            .iter()
            .any(|(unlocker, at)| unlockers.contains(&unlocker.as_str()) && *at >= oldest))
    }

    pub(super) async fn switch(&self, saga: &mut Saga) -> Result<(), AppError> {
        let epoch = self.epoch_of(saga).await?;
        if !saga.journal.is_main() {
            // The rows follow when the emergency log is bound; until then the file beside it is
            // all there is of this epoch.
            let event = Event::Switched { epoch };
            return self.move_on(saga, event, Vec::new(), Vec::new()).await;
        }
        let row = RowChange::SwitchEpoch {
            kind: Kind::Live,
            epoch,
        };
        let rows = [vec![row], self.settled_by(epoch).await?].concat();
        self.move_on(saga, Event::Switched { epoch }, rows, Vec::new())
            .await?;
        // The successor is current. If we stop here, k custodians of the new epoch finish it.
        self.reload_facts().await?;
        // On the host without `serve` nobody can answer: its start asks again.
        if !saga.rotation.cause.is_brought() {
            self.ask_collecting_again(saga.rotation.incident.as_ref())
                .await;
        }
        Ok(())
    }

    pub(super) async fn delete_predecessor(
        &self,
        saga: &mut Saga,
        hands: &mut Hands,
    ) -> Result<(), AppError> {
        // From here on the successor is all there is. A crash after it: whoever starts next binds it.
        saga.journal.leave(self).await?;
        let bearer = self.successors_token(hands).await?;
        let secret_id = saga.rotation.old_secret_id.clone();
        self.delete_for_good(&bearer, &secret_id).await?;
        let mut entries = Vec::new();
        for (epoch, id) in self.sealed_before(saga).await? {
            self.delete_for_good(&bearer, &id).await?;
            let told = [("epoch", epoch.into()), ("secret_id", id.into())];
            entries.push(crate::app::step::draft("epoch.secret_deleted", told));
        }
        self.move_on(saga, Event::Deleted { secret_id }, Vec::new(), entries)
            .await
    }

    /// Secrets that former epochs still seal, where the predecessor is another one: an operator
    /// brought it, and what custodians could open has to die as well. Their envelopes are erased
    /// at the end, so this comes before.
    async fn sealed_before(&self, saga: &Saga) -> Result<Vec<(u32, String)>, AppError> {
        let mut found = Vec::new();
        if saga.rotation.cause != Cause::Supplied {
            return Ok(found);
        }
        let current = self.inner.facts.get().epoch()?.manifest.epoch;
        // From the first on: a try that did not end left some behind.
        for epoch in 1..current {
            let row = self.inner.store.epoch(Kind::Live, epoch).await?;
            let sealed = row.filter(|row| row.sealed_credential.is_some());
            found.extend(sealed.map(|row| (epoch, row.secret_id)));
        }
        Ok(found)
    }

    pub(super) async fn prove_dead(
        &self,
        saga: &mut Saga,
        hands: &mut Hands,
    ) -> Result<(), AppError> {
        let bearer = self.successors_token(hands).await?;
        let waits = self.inner.databricks.config().waits.clone();
        let former = self.sealed_before(saga).await?.into_iter();
        let mut dead: Vec<String> = former.map(|(_, id)| id).collect();
        dead.push(saga.rotation.old_secret_id.clone());
        let mut gone = 0;
        while gone < 2 {
            let listed = self.listed(&bearer).await?;
            let left = listed.iter().find(|s| dead.contains(&s.id));
            if let Some(left) = left {
                gone = 0;
                self.delete_for_good(&bearer, &left.id).await?;
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
        let current = self.inner.facts.get().epoch()?.manifest.epoch;
        let from_epoch = match saga.rotation.cause {
            Cause::Supplied => 1,
            _ => saga.rotation.from_epoch,
        };
        let mut rows = self.former_credentials(from_epoch, current).await?;
        if saga.rotation.cause == Cause::Supplied {
            // Whatever was owed before: no secret of that time lives any more.
            rows.push(RowChange::SetFact {
                name: crate::app::step::ROTATION_OWED.to_owned(),
                value: None,
            });
            rows.push(crate::app::debt::owed_by_nobody());
        }
        let tokens_dead_at_ms = hands.tokens_dead_at_ms;
        self.move_on(
            saga,
            Event::Done {
                proof,
                tokens_dead_at_ms,
            },
            rows,
            Vec::new(),
        )
        .await
    }

    /// Rows that erase every sealed credential since the predecessor's: also that of an epoch 1
    /// which `init`, run again, dealt anew.
    pub(in crate::app) async fn former_credentials(
        &self,
        from_epoch: u32,
        current: u32,
    ) -> Result<Vec<RowChange>, AppError> {
        let mut rows = Vec::new();
        for epoch in from_epoch.max(1)..current {
            let row = self.inner.store.epoch(Kind::Live, epoch).await?;
            if row.is_some_and(|row| row.sealed_credential.is_some()) {
                rows.push(RowChange::EraseCredential {
                    kind: Kind::Live,
                    epoch,
                });
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
        let measured = self.measured().await;
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
