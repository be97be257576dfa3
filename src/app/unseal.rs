//! Step 5: at quorum, `unseal.begin` is durable, then shares are combined, the credential is in
//! locked memory, shares and identity are gone.

use std::sync::Arc;

use serde_json::Value;

use super::answer::{epoch_keys, release_label};
use super::error::AppError;
use super::memory::Unsealed;
use super::step::{With, draft};
use super::{App, facts};
use crate::domain::alert::Attempt;
use crate::domain::ids::IncidentId;
use crate::domain::incident::command::Command;
use crate::domain::incident::{CloseCause, Incident, Phase, Refusal, decide};
use crate::domain::terms::Purpose;
use crate::sealed::secret::Credential;

impl App {
    /// Begins to unseal in the background if quorum is met and nothing stands against it.
    pub(super) fn try_begin(&self, id: &IncidentId) {
        if self.is_stopping() {
            return;
        }
        let (app, id) = (self.clone(), id.clone());
        self.spawn(async move {
            // One Opening or way back at a time; the next waits here.
            let hand = Arc::clone(&app.inner.memory.vault_hand).lock_owned().await;
            // Asked to stop while it waited: nothing new begins (PROTOCOL §11).
            if app.is_stopping() {
                return;
            }
            match app.begin(&id).await {
                Ok(Some(incident)) => app.after_unsealing(incident, hand).await,
                Ok(None) => {}
                Err(error) => tracing::error!(incident = %id, %error, "opening ended early"),
            }
        });
    }

    /// `None` when it is not time yet.
    async fn begin(&self, id: &IncidentId) -> Result<Option<Incident>, AppError> {
        let (incident, _) = self.load(id).await?;
        let recipient = &incident.terms.recipient;
        if !self.inner.memory.has_key(id, recipient) || incident.agreed().is_err() {
            return Ok(None);
        }
        // Nothing is unsealed on the word of a row alone.
        let incident = match self.trusted(id).await {
            Ok(incident) => incident,
            Err(error @ AppError::Inconsistent(_)) => {
                return Err(self.distrusted(id, error).await);
            }
            Err(error) => return Err(error),
        };
        // The way back never waits for room or for a check.
        if incident.terms.purpose != Purpose::Rotate && self.opens_nothing().is_some() {
            return Ok(None);
        }
        if !self.may_begin(&incident).await? || !self.clock_is_right(&incident).await? {
            return Ok(None);
        }
        let begun = match self.step(id, Command::Begin, None, With::default()).await {
            // Durable: the quorum agreed to close another incident first. Ended here, the restart
            // ends that one.
            Ok(stepped) if stepped.incident.is_being_asked() => {
                self.displace(&stepped.incident).await?;
                return Ok(None);
            }
            Ok(stepped) => stepped.incident,
            // Too few shares, no alert confirmed, too early: later.
            Err(AppError::Refused(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        // `unseal.begin` is durable. If we stop here, the restart says that a rotation is owed.
        match self.combine(&begun).await {
            Ok(credential) => {
                // A decoy is wiped here: it was combined and opened, which is all it is for.
                if begun.purpose != Purpose::Drill {
                    self.inner.memory.put_unsealed(Unsealed {
                        successor: None,
                        incident: id.clone(),
                        credential: Arc::new(credential),
                    });
                }
                let done = self
                    .step(id, Command::Unsealed, None, With::default())
                    .await;
                match done {
                    Ok(stepped) => Ok(Some(stepped.incident)),
                    Err(error) => {
                        // No entry, no act: what cannot be logged is not open.
                        self.inner.memory.wipe_credential();
                        Err(error)
                    }
                }
            }
            Err(error) => {
                self.opening_broke(id, &error.to_string(), true).await?;
                Err(error)
            }
        }
    }

    /// Whether the rules would begin now; asked before a clock outside is.
    async fn may_begin(&self, incident: &Incident) -> Result<bool, AppError> {
        let (facts, now) = (self.inner.facts.get(), self.now());
        let data = self.rules_data(&facts, Some(incident), None, now).await?;
        match decide(incident, Command::Begin, &data.rules(&facts)?, now) {
            Ok(_) => Ok(true),
            Err(Refusal::Busy(other)) => {
                self.displace(incident).await?;
                self.end_drill_for(incident, &other).await?;
                Ok(false)
            }
            Err(_) => Ok(false),
        }
    }

    /// Closes the incident that a quorum agreed to displace, as soon as it has a session.
    async fn displace(&self, incident: &Incident) -> Result<(), AppError> {
        let agreed = incident.gathering().is_some_and(|g| g.displacing);
        match &incident.terms.displaces {
            Some(other) if agreed => self.cut(other, CloseCause::Displaced).await,
            _ => Ok(()),
        }
    }

    /// Tells people, once per process, that a row is not what the log says.
    async fn distrusted(&self, id: &IncidentId, error: AppError) -> AppError {
        if self.inner.memory.first_distrust(id) {
            let entry = draft(
                "incident.row_changed",
                [
                    ("inc", Value::from(id.as_str())),
                    ("why", Value::from(error.to_string())),
                ],
            );
            self.note_attempt(
                entry,
                &Attempt::LogBroken {
                    why: error.to_string(),
                },
            )
            .await;
        }
        error
    }

    async fn combine(&self, incident: &Incident) -> Result<Credential, AppError> {
        let manifest = self.manifest_for(incident).await?;
        let row = self.inner.store.current_epoch(manifest.kind).await?;
        let sealed = row
            .and_then(|row| row.sealed_credential)
            .ok_or(AppError::Sealed("the sealed credential is gone"))?;
        let envelopes = self.inner.store.envelopes(&incident.id).await?;
        let key = self
            .inner
            .memory
            .take_key(&incident.id, &incident.terms.recipient)
            .await
            .ok_or(AppError::Sealed("this incident's identity is gone"))?;
        let (label, keys) = (release_label(incident)?, epoch_keys(&manifest));
        // What `unseal.begin` names, and nothing else that came in.
        let indexes: Vec<u8> = incident.approvals().iter().map(|a| a.index).collect();
        // CPU work of a few milliseconds, off the threads that serve others.
        tokio::task::spawn_blocking(move || {
            let counted = envelopes
                .iter()
                .filter(|(index, ..)| indexes.contains(index));
            let lent: Vec<(u8, &[u8])> = counted
                .map(|(index, _, file)| (*index, file.as_slice()))
                .collect();
            key.unseal(&lent, &label, &keys, &sealed)
        })
        .await
        .map_err(|_| AppError::Inconsistent("unsealing was interrupted".into()))?
        .map_err(|e| AppError::Inconsistent(e.to_string()))
    }

    /// Opening broke: new terms for the same incident, and a rotation owed if shares were combined.
    pub(super) async fn opening_broke(
        &self,
        id: &IncidentId,
        why: &str,
        combined: bool,
    ) -> Result<(), AppError> {
        self.inner.memory.wipe_credential();
        drop(self.inner.memory.end_session());
        let broke = |fresh| Command::OpeningBroke {
            why: why.to_owned(),
            fresh,
            combined,
            replaced: false,
        };
        self.ask_with(id, broke, With::default()).await
    }

    async fn after_unsealing(&self, incident: Incident, hand: tokio::sync::OwnedMutexGuard<()>) {
        let id = incident.id.clone();
        let rotates = incident.terms.purpose == Purpose::Rotate;
        let outcome = match &incident.phase {
            Phase::Closing(_) => Ok(()),
            Phase::Opening { .. } if rotates => self
                .step(&id, Command::RotationBegun, None, With::default())
                .await
                .map(drop),
            _ if incident.purpose == Purpose::Drill => self.open_drill(&incident).await,
            _ => self.open_session(&incident).await,
        };
        match outcome {
            Ok(()) if rotates => self.way_back(&id, &hand).await,
            Ok(()) => {}
            // Stopped meanwhile: the way back waits for this hand and needs the credential.
            // Where that cannot be read, the step that records a broken opening asks again.
            Err(_) if self.is_closing(&id).await.unwrap_or_default() => {}
            Err(error) => {
                tracing::error!(incident = %id, %error, "the session could not be opened");
                if let Err(error) = self.opening_broke(&id, &error.to_string(), true).await {
                    tracing::error!(incident = %id, %error, "a broken opening was not recorded");
                }
            }
        }
    }

    /// Reads roster, policy and epoch again after a switch.
    pub(super) async fn reload_facts(&self) -> Result<Arc<facts::Facts>, AppError> {
        self.inner
            .facts
            .reload(&self.inner.store, &self.inner.settings)
            .await?;
        Ok(self.inner.facts.get())
    }
}
