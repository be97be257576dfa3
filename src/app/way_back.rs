//! Step 8, second half: session secret deleted, credential rotated, the old one proved dead,
//! everything wiped. Only then is an incident closed (DESIGN §4.11).

use std::sync::Arc;
use std::sync::atomic::Ordering;

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
use crate::domain::time::{MINUTE_MS, Timestamp};
use crate::sealed::secret::Credential;

/// How long a way back that met an error which may pass rests before it is taken up again; after
/// others a minute.
const REST_MS: i64 = 5_000;

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
        let Err(error) = self.try_way_back(id).await else {
            return;
        };
        tracing::error!(incident = %id, %error, "the way back stopped: not safe yet");
        let rest_ms = if error.passes() { REST_MS } else { MINUTE_MS };
        let rests_until_ms = self.inner.clock.boot_ms() + rest_ms;
        let memory = &self.inner.memory;
        memory
            .way_back_rests_until_ms
            .store(rests_until_ms, Ordering::SeqCst);
        if error.passes() && !self.is_stopping() {
            // A busy store: what is in memory goes on from here at one of the next ticks.
            return;
        }
        // What is left needs custodians: forget what is in memory and ask them.
        memory.wipe_credential();
        let recorded = if self.is_stopping() {
            self.left_unfinished(id).await
        } else {
            self.memory_lost(id).await
        };
        if let Err(error) = recorded {
            tracing::error!(incident = %id, %error, "custodians could not be asked");
        }
    }

    /// A way back that nobody walks: whoever did met an error. It goes on with what is in memory;
    /// where that is gone, custodians are asked, unless they are being asked.
    pub(super) fn take_up_way_back(&self, id: &IncidentId) {
        let memory = &self.inner.memory;
        let rests_until_ms = memory.way_back_rests_until_ms.load(Ordering::SeqCst);
        if self.is_stopping() || self.inner.clock.boot_ms() < rests_until_ms {
            return;
        }
        // Whoever has the hand is at it.
        let Ok(hand) = Arc::clone(&memory.vault_hand).try_lock_owned() else {
            return;
        };
        let (app, id) = (self.clone(), id.clone());
        self.spawn(async move {
            match app.is_left_alone(&id).await {
                Ok(true) => app.way_back(&id, &hand).await,
                Ok(false) => {}
                Err(error) => tracing::error!(incident = %id, %error, "a way back waits"),
            }
        });
    }

    async fn is_left_alone(&self, id: &IncidentId) -> Result<bool, AppError> {
        let (incident, _) = self.load(id).await?;
        let Phase::Closing(closing) = &incident.phase else {
            return Ok(false);
        };
        let is_asked =
            closing.rotate.is_some() && self.inner.memory.has_key(id, &incident.terms.recipient);
        // On a restored database nobody may be asked.
        Ok(!is_asked && self.dealt_later().is_none())
    }

    async fn try_way_back(&self, id: &IncidentId) -> Result<(), AppError> {
        let (incident, _) = self.load(id).await?;
        let Phase::Closing(closing) = &incident.phase else {
            return Ok(());
        };
        if incident.purpose == Purpose::Drill {
            return self.drill_over(id).await;
        }
        let Some(credential) = self.inner.memory.credential(id) else {
            return self.recover_closing(&incident).await;
        };
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
            let opened = (credential.as_ref(), incident.terms.epoch);
            let is_successor = self.is_its_successor(&interrupted, opened).await?;
            if is_successor {
                // Finish, then rotate it as well, for its shares were combined on this host
                // (PROTOCOL §6).
                hands.successor = hands.predecessor.take();
            } else {
                // Taken up again after an error: what it made may be in memory still.
                hands.successor = self.inner.memory.successor(id);
            }
            self.drive(&mut interrupted, &mut hands).await?;
            if !is_successor {
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
        let (_, fresh) = super::open::fresh_key()?;
        if self.dealt_later().is_some() {
            // A restored database: custodians would be asked for shares that open nothing. What
            // they were asked for before is forgotten.
            let lost = Command::Restarted { fresh };
            return self.step(id, lost, None, With::default()).await.map(drop);
        }
        if !closing.memory_lost {
            let lost = Command::Restarted { fresh };
            self.step(id, lost, None, With::default()).await?;
        }
        let owed = |fresh| Command::AskRotation { fresh };
        self.ask_with(id, owed, With::default()).await
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
            let asked = self.ask_with(&incident.id, again, With::default()).await;
            if let Err(error) = asked {
                tracing::error!(incident = %incident.id, %error, "could not be asked again");
            }
        }
    }

    /// Freezes new terms with a fresh identity, kept in memory only if shares are asked for.
    pub(super) async fn ask_with(
        &self,
        id: &IncidentId,
        command: impl FnOnce(Fresh) -> Command,
        with: With,
    ) -> Result<(), AppError> {
        let memory = &self.inner.memory;
        let (key, fresh) = super::open::fresh_key()?;
        let recipient = fresh.recipient.clone();
        // In memory before the commit: the moment it is durable, custodians may answer.
        memory.put_key(id, key);
        match self.step(id, command(fresh), None, with).await {
            Ok(stepped) if stepped.incident.is_collecting() => {
                memory.keep_only(id, &stepped.incident.terms.recipient);
                Ok(())
            }
            Ok(_) => {
                memory.forget_key(id);
                Ok(())
            }
            Err(error) => {
                // The terms that stood stand, and whoever answered them was not asked in vain.
                memory.drop_key(id, &recipient);
                Err(error)
            }
        }
    }
}
