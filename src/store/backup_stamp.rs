//! The stamp that `backup` leaves for `serve`: a small file in the vault's folder, not in its
//! database, because a backup reads the database and never writes to it.
//!
//! Information only: whoever owns the host can write one. Nothing is opened on its word.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::durable::{self, at};
use super::error::StoreError;
use crate::domain::ids::VaultId;
use crate::domain::time::Timestamp;

/// Name of the file in the vault's folder.
const FILE: &str = "backup.stamp";
const VERSION: &str = "breakglass/backup/v1";

/// What the newest backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupStamp {
    v: String,
    /// Whose.
    pub vault: VaultId,
    /// When it was complete, by the host's clock.
    pub at_ms: Timestamp,
    /// The live epoch in it.
    pub epoch: u32,
    /// Entries of the log in it.
    pub entries: u64,
}

impl BackupStamp {
    /// A stamp for a backup that is complete now.
    #[must_use]
    pub fn new(vault: VaultId, at_ms: Timestamp, epoch: u32, entries: u64) -> Self {
        Self {
            v: VERSION.to_owned(),
            vault,
            at_ms,
            epoch,
            entries,
        }
    }

    /// Where the stamp of the vault in `folder` lies.
    #[must_use]
    pub fn path(folder: &Path) -> PathBuf {
        folder.join(FILE)
    }

    /// The stamp; `None` when there is none, or one that is not ours to read: then the age of the
    /// backup is unknown, which is what people are told.
    ///
    /// # Errors
    /// A file that is there and cannot be read.
    pub fn read(path: &Path) -> Result<Option<Self>, StoreError> {
        let bytes = durable::read(path)?;
        let stamp: Option<Self> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Ok(stamp.filter(|stamp| stamp.v == VERSION))
    }

    /// Writes it whole, or the former one stays.
    ///
    /// # Errors
    /// What the file system said.
    pub fn write(&self, path: &Path) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(self).map_err(|why| at(path)(why.into()))?;
        // A crash keeps the former stamp: the backup counts as not made.
        durable::write(path, &bytes).map_err(at(path))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_stamp_is_read_as_written_and_anything_else_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = BackupStamp::path(folder.path());
        assert_eq!(BackupStamp::read(&path).unwrap(), None);
        let stamp = BackupStamp::new("prod-eu".parse().unwrap(), Timestamp(7), 3, 900);
        stamp.write(&path).unwrap();
        assert_eq!(BackupStamp::read(&path).unwrap(), Some(stamp));
        for other in ["", "{}", "{\"v\":\"breakglass/backup/v1\"}"] {
            fs::write(&path, other).unwrap();
            assert_eq!(BackupStamp::read(&path).unwrap(), None, "{other}");
        }
    }
}
