//! Backups: `backup` leaves a stamp in the vault's folder, the running vault takes it into its
//! record, and says when the newest one is old or holds an epoch that is over.
//!
//! A backup of an epoch that is over opens a dead secret: with the host the credential would be
//! lost (DESIGN §4.10).

use serde_json::Value;

use super::App;
use super::error::AppError;
use super::step::draft;
use crate::domain::alert::Fault;
use crate::domain::due::{BackupLack, backup_lack, is_weekly_due};
use crate::domain::time::{SECOND_MS, Timestamp};
use crate::store::change::RowChange;
use crate::store::{BackupStamp, EpochRow};

/// Fact that says when the newest backup was made, unix milliseconds.
const BACKUP_AT: &str = "backup_at_ms";
/// Fact that says which epoch the newest backup holds.
const BACKUP_EPOCH: &str = "backup_epoch";
/// Fact that says when people were told that a backup is lacking.
const TOLD_BACKUP: &str = "told_backup_ms";

/// The newest backup the vault knows of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Newest {
    /// When it was made.
    pub at: Timestamp,
    /// The live epoch in it.
    pub epoch: u32,
}

impl App {
    /// The newest backup on record; none was ever made when there is none.
    pub(super) async fn newest_backup(&self) -> Result<Option<Newest>, AppError> {
        let store = &self.inner.store;
        let at = store.fact(BACKUP_AT).await?;
        let epoch = store.fact(BACKUP_EPOCH).await?;
        let number = |text: Option<String>| text.and_then(|text| text.parse::<i64>().ok());
        let newest = number(at).zip(number(epoch));
        Ok(newest.map(|(at, epoch)| Newest {
            at: Timestamp(at),
            epoch: u32::try_from(epoch).unwrap_or(0),
        }))
    }

    /// Takes a new stamp into the record; looks once a second.
    pub(super) async fn note_backup(&self) -> Result<(), AppError> {
        let Some(path) = &self.inner.settings.watch.backup_stamp else {
            return Ok(());
        };
        let boot_ms = self.inner.clock.boot_ms();
        if !self.inner.memory.told.tell("backup", boot_ms, SECOND_MS) {
            return Ok(());
        }
        let stamp = match BackupStamp::read(path) {
            Ok(Some(stamp)) if stamp.vault == self.inner.settings.vault => stamp,
            Ok(_) => return Ok(()),
            Err(error) => {
                // The age shown stays that of the last backup on record, which grows old by itself.
                tracing::warn!(%error, "the stamp of the newest backup cannot be read");
                return Ok(());
            }
        };
        let found = Newest {
            at: stamp.at_ms,
            epoch: stamp.epoch,
        };
        // Of two nodes of one vault each has a stamp of its own: the older one says nothing new.
        // A record that lies ahead of the clock was made by a clock that was wrong.
        let now = self.now();
        let is_known =
            |newest: Newest| found == newest || (found.at <= newest.at && newest.at <= now);
        if self.newest_backup().await?.is_some_and(is_known) {
            return Ok(());
        }
        let entry = draft(
            "backup.made",
            [
                ("made_ms", Value::from(found.at.0)),
                ("epoch", Value::from(found.epoch)),
                ("entries", Value::from(stamp.entries)),
            ],
        );
        let fact = |name: &str, value: String| RowChange::SetFact {
            name: name.to_owned(),
            value: Some(value),
        };
        let rows = vec![
            fact(BACKUP_AT, found.at.0.to_string()),
            fact(BACKUP_EPOCH, found.epoch.to_string()),
        ];
        self.record(vec![entry], rows, Vec::new(), None)
            .await
            .map(drop)
    }

    /// Operators hear weekly that no backup holds this epoch, or that the newest one is old.
    pub(super) async fn tell_backup(&self, epoch: &EpochRow) -> Result<(), AppError> {
        let (newest, now) = (self.newest_backup().await?, self.now());
        let number = epoch.manifest.epoch;
        let made = newest.map(|newest| (newest.at, newest.epoch));
        let Some(lack) = backup_lack(made, number, epoch.at_ms, now) else {
            return Ok(());
        };
        let told = self.inner.store.fact(TOLD_BACKUP).await?;
        let told = told.and_then(|ms| ms.parse().ok()).map(Timestamp);
        // Another epoch is another lack: whoever was told of the one before is told at once.
        let told = told.filter(|told| *told >= epoch.at_ms);
        if told.is_some_and(|told| !is_weekly_due(told, now)) {
            return Ok(());
        }
        let entry = draft(
            "backup.lacks",
            [
                ("epoch", Value::from(number)),
                ("made_ms", Value::from(newest.map(|newest| newest.at.0))),
                ("holds", Value::from(newest.map(|newest| newest.epoch))),
                ("why", Value::from(lack.word())),
            ],
        );
        let fault = match lack {
            BackupLack::Never | BackupLack::Epoch => Fault::BackupLacks { epoch: number },
            BackupLack::Old { days } => Fault::BackupOld { days },
        };
        self.tell(entry, fault, TOLD_BACKUP, now.0.to_string())
            .await
    }
}
