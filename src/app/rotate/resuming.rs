//! A saga that was recorded in the main log goes on on the emergency log. Whether the last commit
//! before the loss is durable nobody can tell, so where it stands is said first, and what it sealed
//! is kept beside that log: the start that binds it rests on neither row (PROTOCOL §11).

use serde_json::Value;

use super::Saga;
use crate::app::App;
use crate::app::error::AppError;
use crate::app::journal::Journal;
use crate::app::step::draft;
use crate::app::successor::{KEPT_ENTRY, Kept};
use crate::domain::ids::Digest;
use crate::domain::manifest::Kind;
use crate::domain::rotation::{Event, State};
use crate::sealed::secret::Credential;

impl App {
    /// The same saga, recorded on the emergency log from now on.
    ///
    /// # Errors
    /// A log that takes nothing, or rows that cannot be read.
    pub(in crate::app) async fn resume_in(
        &self,
        journal: &Journal,
        saga: Saga,
    ) -> Result<Saga, AppError> {
        let mut saga = saga.recorded_in(journal);
        if let (Journal::Emergency(log), Some(sha256)) = (journal, saga.rotation.manifest_sha256)
            && let Some(kept) = self.epoch_to_keep(&sha256).await?
        {
            let file = log.keep(&kept.to_bytes()?);
            let file = file.map_err(|why| AppError::LogLost(why.to_string()))?;
            // A crash here leaves a file that nothing names.
            let entry = draft(KEPT_ENTRY, [("sha256", Value::from(file.hex()))]);
            journal.append(self, &[entry])?;
            saga.sealed = Some(kept.manifest);
        }
        let resumed = Event::Resumed {
            saga: Box::new(saga.rotation.clone()),
        };
        self.move_on(&mut saga, resumed, Vec::new(), Vec::new())
            .await?;
        Ok(saga)
    }

    /// Whether what custodians opened, the secret of an epoch, is what this saga made: it switched
    /// before they were asked, or its row is older than the switch, which stood on an emergency log
    /// and does not fit. Then the saga goes on with it; discarding it would delete what everybody
    /// relies on.
    ///
    /// # Errors
    /// Rows that cannot be read.
    pub(in crate::app) async fn is_its_successor(
        &self,
        saga: &Saga,
        (opened, epoch): (&Credential, u32),
    ) -> Result<bool, AppError> {
        if saga.rotation.has_switched() {
            return Ok(saga.rotation.from_epoch != epoch);
        }
        let sealed = [State::Sealed, State::Verified, State::Acked];
        if !sealed.contains(&saga.rotation.state) {
            return Ok(false);
        }
        let facts = self.inner.facts.get();
        let current = facts.epoch.as_ref().map(|row| row.manifest.epoch);
        // Only the newest epoch can be switched to.
        Ok(
            saga.rotation.new_secret_id.as_ref() == Some(&opened.secret_id)
                && current == Some(self.epoch_of(saga).await?),
        )
    }

    /// The epoch that the saga sealed, with everything a row of it has.
    async fn epoch_to_keep(&self, manifest_sha256: &Digest) -> Result<Option<Kept>, AppError> {
        let store = &self.inner.store;
        let highest = store.highest_epoch(Kind::Live).await?;
        let row = store.epoch(Kind::Live, highest).await?;
        let Some(row) = row.filter(|row| row.manifest_sha256 == *manifest_sha256) else {
            return Ok(None);
        };
        let approved = crate::app::versions::approved(store, &self.inner.settings).await?;
        let Some(roster) = approved.versions.roster_of(&row.manifest.roster_sha256) else {
            return Ok(None);
        };
        let mut shares = Vec::new();
        for (index, person) in roster.custodians() {
            let file = store.share(Kind::Live, highest, index).await?;
            shares.extend(file.map(|file| (index, person.id.clone(), file)));
        }
        Ok(Kept::of_row(row, shares))
    }
}
