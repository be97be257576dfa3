//! A database that is older than the last epoch: somebody restored it, and the credential sealed in
//! it is dead. The vault says so once to everyone, and opens nothing.
//!
//! What tells: the stamp of a backup with a later epoch, or a declaration whose signers had seen
//! one. Nobody is asked for a share that opens nothing: the rules see `dealt_later` and refuse every
//! opening, approval and unsealing, a rotation's as well, and incidents that ask end at the start.

use std::sync::atomic::Ordering;

use serde_json::Value;

use super::App;
use super::error::AppError;
use super::step::draft;
use crate::domain::alert::{self, Attempt, Fault};
use crate::store::BackupStamp;
use crate::store::change::RowChange;

/// Fact that says which later epoch is known to have been dealt.
pub(super) const DEALT_LATER: &str = "dealt_later_epoch";
/// The entry that says it.
const STALE: &str = "database.stale";

impl App {
    /// The newest epoch known to have been dealt after the one in force, if there is one.
    #[must_use]
    pub fn dealt_later(&self) -> Option<u32> {
        let later = self.inner.memory.dealt_later.load(Ordering::SeqCst);
        (later > 0).then_some(later)
    }

    /// At start: looks for signs that this database is older than the last epoch, and tells
    /// everyone once.
    pub(super) async fn look_for_later_epochs(&self) -> Result<(), AppError> {
        let facts = self.inner.facts.get();
        let Some(epoch) = facts.epoch.as_ref().map(|epoch| epoch.manifest.epoch) else {
            return Ok(());
        };
        let known = self.told_later().await?;
        let later = known.max(self.stamped_epoch());
        if later <= epoch {
            return Ok(());
        }
        self.inner.memory.dealt_later.store(later, Ordering::SeqCst);
        if known == later {
            return Ok(());
        }
        let entry = draft(
            STALE,
            [("epoch", Value::from(epoch)), ("later", Value::from(later))],
        );
        let fault = Attempt::Fault(Fault::Stale { epoch, later });
        let alerts = alert::for_attempt(&fault, &facts.roster);
        let row = RowChange::SetFact {
            name: DEALT_LATER.to_owned(),
            value: Some(later.to_string()),
        };
        self.record(vec![entry], vec![row], alerts, None)
            .await
            .map(drop)
    }

    /// The newest epoch that anything here tells of, perhaps later than any in the rows; 0: none.
    pub(super) async fn known_later(&self) -> Result<u32, AppError> {
        Ok(self.told_later().await?.max(self.stamped_epoch()))
    }

    async fn told_later(&self) -> Result<u32, AppError> {
        self.number_fact(DEALT_LATER, (STALE, "later")).await
    }

    /// The epoch in the newest backup of this vault that was made on this host; 0: none known.
    fn stamped_epoch(&self) -> u32 {
        let Some(path) = &self.inner.settings.watch.backup_stamp else {
            return 0;
        };
        match BackupStamp::read(path) {
            Ok(Some(stamp)) if stamp.vault == self.inner.settings.vault => stamp.epoch,
            Ok(_) => 0,
            // Unknown: what a person or a client has seen still tells.
            Err(error) => {
                tracing::warn!(%error, "whether this database is older than the newest backup is \
                     not known: its stamp cannot be read");
                0
            }
        }
    }
}
