//! An operator brings a fresh secret of the principal to the host (PROTOCOL §3): where the sealed
//! one is dead, expired, or can be opened by too few. What she has seen is rotated at once, as at
//! `init`, and the secrets that former epochs sealed die with it.
//!
//! Runs while no `serve` runs. Nobody's shares are asked for, so everyone is told.

use std::sync::Arc;

use serde_json::Value;

use super::App;
use super::error::AppError;
use super::facts;
use super::journal::Journal;
use super::rotate::{Hands, Saga};
use super::step::draft;
use crate::databricks::Minted;
use crate::domain::incident::Refusal;
use crate::domain::manifest::Kind;
use crate::domain::rotation::{Cause, State};
use crate::sealed::secret::Credential;

impl App {
    /// Rotates a secret that an operator brought into a new epoch, and says its number. Safe to
    /// run again after a crash, with the same secret or a newer one.
    ///
    /// # Errors
    /// An incident that holds the vault; too few unlockers that were proved lately; a secret that
    /// Databricks refuses, or that the list does not tell from others; a log that cannot be written.
    pub async fn supply(
        &self,
        mut brought: Credential,
        secret_id: Option<&str>,
        because: &str,
        progress: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<u32, AppError> {
        // None: `init` has not ended, and is run again.
        let current = self.inner.store.current_epoch(Kind::Live).await?;
        let sealed = current.ok_or(AppError::Sealed(
            "no epoch has been dealt: run `breakglass init`",
        ))?;
        self.nothing_holds_the_vault().await?;
        self.enough_can_open_the_next().await?;
        progress("asking databricks for a token with the secret given");
        let bearer = self.token_of_brought(&brought).await?;
        // Probes of a try that did not end go first: then the list says which secret was given.
        self.delete_our_secrets(&bearer).await?;
        brought.secret_id = self
            .which_is_brought(&bearer, secret_id, sealed.secret_id)
            .await?;
        let entry = draft(
            "credential.supplied",
            [
                ("secret_id", Value::from(brought.secret_id.as_str())),
                ("because", Value::from(because)),
            ],
        );
        self.record(vec![entry], Vec::new(), Vec::new(), None)
            .await?;
        progress("measuring lifetimes and propagation with short-lived probes");
        self.measure(&bearer).await?;
        progress("making the successor, sealing it, proving the secret given dead");
        self.rotate_supplied(brought).await?;
        self.reload_facts().await?;
        // From here on nothing is older than what was dealt.
        Ok(self.inner.facts.get().epoch()?.manifest.epoch)
    }

    async fn rotate_supplied(&self, brought: Credential) -> Result<(), AppError> {
        let unfinished = self
            .saga_of(None)
            .await?
            .filter(|saga| saga.rotation.state != State::Done);
        let mut hands = Hands::with_predecessor(Arc::new(brought));
        let goes_on = |saga: &Saga| {
            saga.rotation.cause == Cause::Supplied
                && (!saga.rotation.has_switched() || hands.holds(&saga.rotation.old_secret_id))
        };
        let mut saga = match unfinished {
            // A try of ours that did not end. After the switch the same secret deals anew; where
            // it is dead, another one begins anew, and what was sealed meanwhile dies with it.
            Some(saga) if goes_on(&saga) => saga,
            _ => {
                let cause = Cause::Supplied;
                self.begin_rotation(&Journal::Main, None, cause).await?
            }
        };
        self.drive(&mut saga, &mut hands).await
    }

    /// A session or a way back has a credential of its own in memory, or had it: k custodians
    /// finish that first. On a restored database they cannot, because what their shares open is
    /// dead: they finish it with the epoch that is made here.
    async fn nothing_holds_the_vault(&self) -> Result<(), AppError> {
        let in_force = self.inner.facts.get().epoch()?.manifest.epoch;
        if self.known_later().await? > in_force {
            return Ok(());
        }
        let live = self.inner.store.live_incidents().await?;
        match live.iter().find(|(one, _)| one.phase.holds_vault()) {
            None => Ok(()),
            Some((busy, _)) => Err(Refusal::Busy(busy.id.clone()).into()),
        }
    }

    /// The switch needs k shares whose keys opened a file lately, and nobody can prove now.
    async fn enough_can_open_the_next(&self) -> Result<(), AppError> {
        let (roster, _) = facts::approved_roster(&self.inner.store, &self.inner.settings).await?;
        let have = self.proved_indexes(&roster).await?.len();
        if have >= usize::from(roster.k) {
            return Ok(());
        }
        Err(AppError::NotAllowed(format!(
            "{have} of {} custodians needed have opened a file within 100 days: start `serve`, let \
             them run `breakglass prove`, then come back",
            roster.k
        )))
    }

    /// Which secret of the list a person brought: the one she names, or the only live one that this
    /// vault did not make. Where there is none, it is the sealed one itself, brought back by
    /// `recover`.
    async fn which_is_brought(
        &self,
        bearer: &Minted,
        named: Option<&str>,
        sealed: String,
    ) -> Result<String, AppError> {
        let listed = self.inner.databricks.list_secrets(bearer).await?;
        let now = self.now().0;
        let lives = |id: &str| listed.iter().any(|s| s.id == id && s.is_live(now));
        if let Some(named) = named {
            return match lives(named) {
                true => Ok(named.to_owned()),
                false => Err(AppError::NotFound("live secret with that id".into())),
            };
        }
        match self.foreign_in(&listed, &[&sealed]).await?.as_slice() {
            [only] => Ok(only.clone()),
            [] if lives(&sealed) => Ok(sealed),
            many => Err(AppError::NotAllowed(format!(
                "{} live secrets of the principal could be it: name the one given with --secret-id",
                many.len()
            ))),
        }
    }
}
