//! Step 8, second half: session secret deleted, credential rotated, the old one proved dead,
//! everything wiped. Only then is an incident closed (DESIGN §4.11).

use std::sync::Arc;

use super::App;
use super::error::AppError;
use super::journal::Journal;
use super::rotate::Hands;
use super::step::With;
use super::undo::Tokens;
use crate::domain::ids::IncidentId;
use crate::domain::incident::command::{Command, Fresh};
use crate::domain::incident::{Closing, Incident, Phase};
use crate::domain::rotation::{Cause, State};
use crate::domain::terms::Purpose;
use crate::domain::time::Timestamp;
use crate::sealed::secret::Credential;

impl App {
    /// Starts the way back in the background.
    pub(super) fn go_back(&self, id: &IncidentId) {
        let (app, id) = (self.clone(), id.clone());
        self.spawn(async move {
            let hand = Arc::clone(&app.inner.memory.vault_hand).lock_owned().await;
            app.way_back(&id, &hand).await;
        });
    }

    /// The way back of one incident; whoever calls it holds the vault's one hand.
    pub(super) async fn way_back(&self, id: &IncidentId, _hand: &tokio::sync::OwnedMutexGuard<()>) {
        let result = self.try_way_back(id).await;
        if let Err(error) = result {
            tracing::error!(incident = %id, %error, "the way back stopped: not safe yet");
            // What is left needs custodians: forget what is in memory and ask them.
            self.inner.memory.wipe_credential();
            let recorded = if self.is_stopping() {
                self.left_unfinished(id).await
            } else {
                self.memory_lost(id).await
            };
            if let Err(error) = recorded {
                tracing::error!(incident = %id, %error, "custodians could not be asked");
            }
        }
    }

    async fn try_way_back(&self, id: &IncidentId) -> Result<(), AppError> {
        let (incident, _) = self.load(id).await?;
        let Phase::Closing(closing) = &incident.phase else {
            return Ok(());
        };
        if incident.purpose == Purpose::Drill {
            return self.drill_over(id).await;
        }
        if closing.memory_lost {
            return self.memory_lost(id).await;
        }
        let credential = self
            .inner
            .memory
            .credential(id)
            .ok_or(AppError::Sealed("the credential is not in memory"))?;
        let tokens_dead = self.rotate_for(&incident, closing, credential).await?;
        self.inner.memory.wipe_credential();
        // Proved dead and wiped. If we stop here, the restart finds the saga done and says so.
        self.rotated(id, tokens_dead).await
    }

    async fn rotated(&self, id: &IncidentId, tokens_dead_at_ms: Timestamp) -> Result<(), AppError> {
        self.step(
            id,
            Command::Rotated { tokens_dead_at_ms },
            None,
            With::default(),
        )
        .await
        .map(drop)
    }

    /// Deletes the session secret, undoes what the session added, finishes an interrupted saga and
    /// rotates what was unsealed.
    async fn rotate_for(
        &self,
        incident: &Incident,
        closing: &Closing,
        credential: Arc<Credential>,
    ) -> Result<Timestamp, AppError> {
        let id = &incident.id;
        let cause = if incident.purpose == Purpose::Rotate {
            Cause::Rotate
        } else {
            Cause::Close
        };
        let mut hands = Hands::with_predecessor(Arc::clone(&credential));
        hands.tokens_dead_at_ms = self.session_tokens_dead(closing);
        let bearer = self
            .persist("mint a token for the way back", None, || async {
                Ok(self.mint(&credential).await?)
            })
            .await?;
        hands.tokens_dead_at_ms = hands.tokens_dead_at_ms.max(Timestamp(bearer.expires_at_ms));
        self.persist("delete the session secret", None, || {
            self.delete_our_secrets(&bearer)
        })
        .await?;
        let tokens = Tokens::of(&credential);
        let survey = || self.survey_after(&tokens, id);
        self.undo_all(&Journal::Main, &tokens, survey).await?;
        hands.tokens_dead_at_ms = hands.tokens_dead_at_ms.max(tokens.dead_at().await);
        if incident.purpose == Purpose::Rotate {
            self.measure(&bearer).await?;
        }
        if let Some(mut interrupted) = self.interrupted_saga().await? {
            let switched = interrupted.rotation.has_switched();
            if switched {
                // The unsealed credential is the successor: finish, then rotate it as well, for
                // its shares were combined on this host (PROTOCOL §6).
                hands.successor = hands.predecessor.take();
            }
            self.drive(&mut interrupted, &mut hands).await?;
            if !switched {
                return Ok(hands.tokens_dead_at_ms);
            }
            hands.predecessor = hands.successor.take();
        }
        let mut saga = match self.saga_of(Some(id)).await? {
            Some(saga) if saga.rotation.state != State::Done => saga,
            _ => {
                let own = Some(id.clone());
                self.begin_rotation(&Journal::Main, own, cause).await?
            }
        };
        self.drive(&mut saga, &mut hands).await?;
        Ok(hands.tokens_dead_at_ms)
    }

    async fn interrupted_saga(&self) -> Result<Option<super::rotate::Saga>, AppError> {
        let latest = self.saga_of(None).await?;
        Ok(latest.filter(|saga| saga.rotation.state != State::Done))
    }

    /// When the session's last token dies. A session lost with an earlier process may have minted
    /// one up to its end.
    fn session_tokens_dead(&self, closing: &Closing) -> Timestamp {
        closing.since_ms.plus_ms(crate::domain::time::HOUR_MS)
    }

    /// The credential is gone from memory: ask k custodians for the owed rotation.
    pub(super) async fn memory_lost(&self, id: &IncidentId) -> Result<(), AppError> {
        let (incident, _) = self.load(id).await?;
        let Phase::Closing(closing) = &incident.phase else {
            return Ok(());
        };
        if incident.purpose == Purpose::Drill {
            // No memory of a decoy is missed.
            return self.drill_over(id).await;
        }
        let (key, fresh) = super::open::fresh_key()?;
        if self.dealt_later().is_some() {
            // A restored database: custodians would be asked for shares that open nothing. What
            // they were asked for before is forgotten.
            let lost = Command::Restarted { fresh };
            return self.step(id, lost, None, With::default()).await.map(drop);
        }
        if !closing.memory_lost {
            self.step(
                id,
                Command::Restarted {
                    fresh: fresh.clone(),
                },
                None,
                With::default(),
            )
            .await?;
        }
        self.inner.memory.put_key(id, key);
        match self
            .step(id, Command::AskRotation { fresh }, None, With::default())
            .await
        {
            Ok(_) => Ok(()),
            Err(error) => {
                self.inner.memory.forget_key(id);
                Err(error)
            }
        }
    }

    /// Another incident ended the epoch: collecting ones are asked anew for the new one.
    pub(super) async fn ask_collecting_again(&self, except: Option<&IncidentId>) {
        let live = match self.inner.store.live_incidents().await {
            Ok(live) => live,
            Err(error) => {
                tracing::error!(%error, "collecting incidents could not be read");
                return;
            }
        };
        for (incident, _) in live {
            let asked = matches!(incident.phase, Phase::Collecting(_) | Phase::Cooling(_))
                && incident.purpose != Purpose::Drill;
            if Some(&incident.id) == except || !asked {
                continue;
            }
            let again = |fresh| Command::EpochEnded { fresh };
            if let Err(error) = self.ask_with(&incident.id, again).await {
                tracing::error!(incident = %incident.id, %error, "could not be asked again");
            }
        }
    }

    /// Freezes new terms with a fresh identity, kept in memory only if shares are asked for.
    pub(super) async fn ask_with(
        &self,
        id: &IncidentId,
        command: impl FnOnce(Fresh) -> Command,
    ) -> Result<(), AppError> {
        let (key, fresh) = super::open::fresh_key()?;
        // In memory before the commit: the moment it is durable, custodians may answer.
        self.inner.memory.put_key(id, key);
        let asked = self.step(id, command(fresh), None, With::default()).await;
        if !asked
            .as_ref()
            .is_ok_and(|stepped| stepped.incident.is_collecting())
        {
            self.inner.memory.forget_key(id);
        }
        asked.map(drop)
    }
}
