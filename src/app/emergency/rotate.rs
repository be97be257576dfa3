//! The rotation while the main log is lost (PROTOCOL §11): the same saga, recorded on the emergency
//! log. Where it cannot be done, the error says why; then it is owed.

use std::sync::Arc;

use super::super::App;
use super::super::error::AppError;
use super::super::facts;
use super::super::journal::Journal;
use super::super::memory::Unsealed;
use super::super::rotate::{Hands, Saga, TOO_FEW_PROOFS};
use super::super::undo::Tokens;
use crate::domain::rotation::{Cause, State};
use crate::domain::terms::Purpose;
use crate::domain::time::HOUR_MS;

impl App {
    /// Rotates what is unsealed, with everything recorded in the journal.
    ///
    /// # Errors
    /// Why the rotation is owed.
    pub(super) async fn rotate_without_log(
        &self,
        journal: &Journal,
        unsealed: &Unsealed,
    ) -> Result<(), AppError> {
        // Asked before a second secret is made: no node may be without what this one knows.
        journal.leave(self).await?;
        // A saga that was under way ends first: its next entry fails, or the log took it after all.
        let _hand = Arc::clone(&self.inner.memory.vault_hand).lock_owned().await;
        let credential = &unsealed.credential;
        let latest = self.saga_of(None).await?;
        let replaced = |saga: &Saga| {
            saga.rotation.state == State::Done
                && saga.rotation.old_secret_id == credential.secret_id
        };
        if latest.as_ref().is_some_and(replaced) {
            return Ok(());
        }
        let interrupted = match latest.filter(|saga| saga.rotation.state != State::Done) {
            Some(saga) => Some(self.resume_in(journal, saga).await?),
            None => None,
        };
        match interrupted {
            Some(saga) if saga.rotation.has_switched() => {
                self.finish_without_log(journal, unsealed, saga).await
            }
            Some(saga) => {
                self.replace_without_log(journal, unsealed, Some(saga))
                    .await
            }
            None => self.replace_without_log(journal, unsealed, None).await,
        }
    }

    /// The predecessor is in memory and current.
    async fn replace_without_log(
        &self,
        journal: &Journal,
        unsealed: &Unsealed,
        interrupted: Option<Saga>,
    ) -> Result<(), AppError> {
        // Asked before a second secret is made: the switch needs it, and no proof can come now.
        let (roster, _) = facts::approved_roster(&self.inner.store, &self.inner.settings).await?;
        if self.proved_indexes(&roster).await?.len() < usize::from(roster.k) {
            return Err(AppError::Sealed(TOO_FEW_PROOFS));
        }
        let tokens = Tokens::of(&unsealed.credential);
        self.undo_all(journal, &tokens, || async { Ok(()) }).await?;
        let mut hands = Hands::with_predecessor(Arc::clone(&unsealed.credential));
        hands.tokens_dead_at_ms = self.now().plus_ms(HOUR_MS);
        let mut saga = match interrupted {
            Some(saga) => {
                let made = unsealed.successor.clone();
                hands.successor = made
                    .filter(|made| saga.rotation.new_secret_id.as_ref() == Some(&made.secret_id));
                saga
            }
            None => self.begin_without_log(journal, unsealed).await?,
        };
        self.drive(&mut saga, &mut hands).await
    }

    /// The successor is current already: the predecessor is to be deleted and proved dead. Where
    /// the successor is what custodians opened, its shares were combined on this host, so it is
    /// replaced as well (PROTOCOL §6).
    async fn finish_without_log(
        &self,
        journal: &Journal,
        unsealed: &Unsealed,
        mut saga: Saga,
    ) -> Result<(), AppError> {
        let opened = Arc::clone(&unsealed.credential);
        let new = saga.rotation.new_secret_id.clone();
        let is_new = |id: &str| new.as_deref() == Some(id);
        let mut hands = Hands::with_predecessor(Arc::clone(&opened));
        hands.tokens_dead_at_ms = self.now().plus_ms(HOUR_MS);
        if is_new(&opened.secret_id) {
            hands.predecessor = None;
            hands.successor = Some(opened);
            self.drive(&mut saga, &mut hands).await?;
            return self.replace_without_log(journal, unsealed, None).await;
        }
        let made = unsealed.successor.clone();
        hands.successor = made.filter(|made| is_new(&made.secret_id));
        self.drive(&mut saga, &mut hands).await
    }

    async fn begin_without_log(
        &self,
        journal: &Journal,
        unsealed: &Unsealed,
    ) -> Result<Saga, AppError> {
        let id = unsealed.incident.clone();
        let (incident, _) = self.load(&id).await?;
        let cause = match incident.purpose {
            Purpose::Rotate => Cause::Rotate,
            _ => Cause::Close,
        };
        self.begin_rotation(journal, Some(id), cause).await
    }
}
