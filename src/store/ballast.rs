//! The ballast: room on the database's disk that is given back when the disk is full, so that a
//! close and its rotation can still be recorded (facts on the log §2.2). Knows nothing of SQL.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

/// A reserved file, or the intention to have one.
#[derive(Debug)]
pub struct Ballast {
    path: PathBuf,
    bytes: u64,
}

impl Ballast {
    /// The ballast `ballast` of this many bytes in a folder; nothing is reserved yet.
    #[must_use]
    pub fn new(folder: &Path, bytes: u64) -> Self {
        Self::named(folder, "ballast", bytes)
    }

    pub(super) fn named(folder: &Path, name: &str, bytes: u64) -> Self {
        let path = folder.join(name);
        Self { path, bytes }
    }

    /// Reserves the room; does nothing where it is reserved.
    ///
    /// # Errors
    /// What the system said; then no file is left behind.
    pub fn keep(&self) -> io::Result<()> {
        let kept = fs::metadata(&self.path).is_ok_and(|found| found.len() >= self.bytes);
        if kept || self.bytes == 0 {
            return Ok(());
        }
        let file = File::create(&self.path)?;
        let reserved = match fallocate(&file, FallocateFlags::empty(), 0, self.bytes) {
            // Without reserving, a file of that length holds no room.
            Err(rustix::io::Errno::OPNOTSUPP) => Err(io::ErrorKind::Unsupported.into()),
            done => done.map_err(io::Error::from),
        };
        if reserved.is_err() {
            self.free()?;
        }
        reserved
    }

    /// Gives the room back; true when there was some.
    ///
    /// # Errors
    /// What the system said.
    pub fn free(&self) -> io::Result<bool> {
        match fs::remove_file(&self.path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Free bytes on its disk besides the ballast itself.
    ///
    /// # Errors
    /// What the system said.
    pub fn free_bytes(&self) -> io::Result<u64> {
        let found = statvfs(self.path.parent().unwrap_or(Path::new(".")))?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }

    /// How much is reserved, bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ballast_is_room_that_is_kept_and_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let ballast = Ballast::new(folder.path(), 1 << 20);
        ballast.keep().unwrap();
        ballast.keep().unwrap();
        let found = fs::metadata(folder.path().join("ballast")).unwrap();
        assert_eq!(found.len(), 1 << 20);
        assert!(ballast.free_bytes().unwrap() > 0);
        assert!(ballast.free().unwrap());
        assert!(!ballast.free().unwrap());
    }
}
