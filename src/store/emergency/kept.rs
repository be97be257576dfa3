//! What a rotation seals while the main log is lost: one file each beside the emergency log, named
//! by its hash, until the next start has put it into the rows.
//!
//! The bytes are sealed already; nothing here opens them.

use std::fs;
use std::path::PathBuf;

use super::super::durable::{self, at};
use super::super::error::StoreError;
use super::EmergencyLog;
use crate::domain::ids::Digest;

impl EmergencyLog {
    fn kept_path(&self, sha256: &Digest) -> PathBuf {
        self.folder.join(Self::kept_name(sha256))
    }

    /// Keeps bytes under their hash; durable when this returns.
    ///
    /// # Errors
    /// A disk that takes nothing, even with the reserved room.
    pub fn keep(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let sha256 = Digest::of(bytes);
        let path = self.kept_path(&sha256);
        if durable::write(&path, bytes).is_err() {
            // Full, most likely: the reserved room is used.
            self.room.free().map_err(at(&path))?;
            durable::write(&path, bytes).map_err(at(&path))?;
        }
        Ok(sha256)
    }

    /// Name of the file that holds bytes of this hash.
    #[must_use]
    pub fn kept_name(sha256: &Digest) -> String {
        format!("emergency.{}.sealed", sha256.hex())
    }

    /// Bytes that were kept; `None` where they are not there, or are others by now.
    ///
    /// # Errors
    /// A file that cannot be read now: perhaps it can be later.
    pub fn kept(&self, sha256: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let bytes = durable::read(&self.kept_path(sha256))?;
        Ok(bytes.filter(|bytes| Digest::of(bytes) == *sha256))
    }

    /// Forgets what the rows hold now. A file that stays does no harm: it is sealed, and the rows
    /// are asked first.
    pub fn drop_kept(&self, sha256: &Digest) {
        if let Err(error) = fs::remove_file(self.kept_path(sha256)) {
            tracing::warn!(%error, "a sealed file beside the emergency log stays");
        }
    }
}
