//! What a rotation seals while the main log is lost: one file each beside the emergency log, named
//! by its hash, until the next start has put it into the rows.
//!
//! The bytes are sealed already; nothing here opens them.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;

use super::super::error::StoreError;
use super::{EmergencyLog, at};
use crate::domain::ids::Digest;

impl EmergencyLog {
    fn kept_path(&self, sha256: &Digest) -> PathBuf {
        self.folder
            .join(format!("emergency.{}.sealed", sha256.hex()))
    }

    /// Keeps bytes under their hash; durable when this returns.
    ///
    /// # Errors
    /// A disk that takes nothing, even with the reserved room.
    pub fn keep(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let sha256 = Digest::of(bytes);
        let path = self.kept_path(&sha256);
        let write = || -> io::Result<()> {
            let mut file = File::create(&path)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            File::open(&self.folder)?.sync_all()
        };
        if write().is_err() {
            // Full, most likely: the reserved room is used.
            self.room.free().map_err(at(&path))?;
            write().map_err(at(&path))?;
        }
        Ok(sha256)
    }

    /// Bytes that were kept, checked against their hash.
    ///
    /// # Errors
    /// A file that is missing, or was changed.
    pub fn kept(&self, sha256: &Digest) -> Result<Vec<u8>, StoreError> {
        let path = self.kept_path(sha256);
        let bytes = fs::read(&path).map_err(at(&path))?;
        if Digest::of(&bytes) != *sha256 {
            return Err(StoreError::forked(format!(
                "the emergency log: {} was changed",
                path.display()
            )));
        }
        Ok(bytes)
    }

    /// Forgets what the rows hold now. A file that stays does no harm: it is sealed, and the rows
    /// are asked first.
    pub fn drop_kept(&self, sha256: &Digest) {
        if let Err(error) = fs::remove_file(self.kept_path(sha256)) {
            tracing::warn!(%error, "a sealed file beside the emergency log stays");
        }
    }
}
