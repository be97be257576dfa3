//! Going on under a new name after a restore (PROTOCOL §11): the log is checked with its former
//! key, without the high-water mark that it can no longer reach, and written with the new one.
//!
//! The mark is put aside, not removed: it says what was lost.

use std::path::Path;
use std::sync::Arc;

use super::{Ground, Place, Store, StoreError, check, connect, file_ground, file_readers};
use super::{high_water, migrate, place, signer, start, take_lock};
use crate::domain::time::Clock;
use crate::store::durable::{self, at};
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
        let mark = high_water::path(path);
        high_water::put_aside(&mark, &old.origin)?;
        let opened = async {
            let epoch = head.writer_epoch;
            let ground: Ground = file_ground(path, lock, connection, readers, epoch).await?;
            head.writer_epoch += 1;
            start(ground, new, clock, head).await
        };
        let opened = opened.await;
        if opened.is_err()
            && let Err(error) = high_water::put_back(&mark, &old.origin)
        {
            // Aside it still lets nothing start under the former name.
            tracing::error!(%error, "the high-water mark was not put back");
        }
        opened
    }
}

/// The checkpoints that this machine remembers of a log, signed notes: its high-water mark, and
/// those that a declaration which was never made put aside.
///
/// # Errors
/// A file that cannot be read.
pub fn remembered(database: &Path, origin: &str) -> Result<Vec<String>, StoreError> {
    let mark = high_water::path(database);
    let mut notes = Vec::new();
    for file in [vec![mark.clone()], high_water::kept(&mark, origin)?].concat() {
        let note = durable::read(&file)?;
        notes.extend(note.and_then(|bytes| String::from_utf8(bytes).ok()));
    }
    Ok(notes)
}

/// Puts the mark of the former log back: nothing was declared.
///
/// # Errors
/// What the file system said.
pub fn put_back(database: &Path, origin: &str) -> Result<(), StoreError> {
    high_water::put_back(&high_water::path(database), origin)
}
