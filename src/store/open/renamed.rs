//! Going on under a new name after a restore (PROTOCOL §11): the log is checked with its former
//! key, without the high-water mark that it can no longer reach, and written with the new one.
//!
//! The mark is put aside, not removed: it says what was lost.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Ground, Place, Store, StoreError, at, check, connect, file_ground, file_readers};
use super::{high_water, migrate, place, signer, start, take_lock};
use crate::domain::time::Clock;
use crate::store::{Config, LogIdentity};

impl Store {
    /// Opens a vault whose log is continued as `new`. The first commit must be the declaration;
    /// until it is durable the head is the former log's, and this can be done again.
    ///
    /// # Errors
    /// As [`Store::open`]; a PostgreSQL vault is refused.
    pub async fn open_renamed(
        config: &Config,
        old: &LogIdentity,
        new: LogIdentity,
        clock: Arc<dyn Clock>,
    ) -> Result<Store, StoreError> {
        let Place::Sqlite(path) = place(config)? else {
            return Err(StoreError::NotYet(
                "a new log epoch is declared over a SQLite database only",
            ));
        };
        if !path.try_exists().map_err(at(path))? {
            return Err(StoreError::Missing(path.to_owned()));
        }
        let lock = take_lock(path)?;
        let mut connection = connect(path, false).await?;
        migrate(&mut connection, path).await?;
        let readers = file_readers(path).await?;
        let mut head = check::without_mark(&readers, signer(old)?.verifier_key()).await?;
        if head.head.size == 0 {
            return Err(StoreError::Missing(path.to_owned()));
        }
        put_aside(&high_water::path(path), &old.origin)?;
        let epoch = head.writer_epoch;
        let ground: Ground = file_ground(path, lock, connection, readers, epoch).await?;
        head.writer_epoch += 1;
        start(ground, new, clock, head).await
    }
}

/// The newest checkpoint that this machine's high-water mark remembers: a signed note.
///
/// # Errors
/// A file that cannot be read.
pub fn remembered(database: &Path) -> Result<Option<String>, StoreError> {
    let note = high_water::read(&high_water::path(database))?;
    Ok(note.and_then(|bytes| String::from_utf8(bytes).ok()))
}

/// Puts the mark of the former log back: nothing was declared.
///
/// # Errors
/// What the file system said.
pub fn put_back(database: &Path, origin: &str) -> Result<(), StoreError> {
    let mark = high_water::path(database);
    let kept = aside(&mark, origin);
    if kept.try_exists().map_err(at(&kept))? {
        fs::rename(&kept, &mark).map_err(at(&mark))?;
    }
    Ok(())
}

fn aside(mark: &Path, origin: &str) -> PathBuf {
    let number = origin.rsplit('/').next().unwrap_or("former");
    mark.with_file_name(format!("head.hw.{number}"))
}

/// Keeps the mark of the former log beside its place, `head.hw.e<N>`.
fn put_aside(mark: &Path, origin: &str) -> Result<(), StoreError> {
    if !mark.try_exists().map_err(at(mark))? {
        return Ok(());
    }
    // A crash after this and before the declaration: the next try finds no mark and goes on.
    fs::rename(mark, aside(mark, origin)).map_err(at(mark))
}
