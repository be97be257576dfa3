//! Going on under a new name after a restore (PROTOCOL §11): the log is checked with its former
//! key, without the high-water mark that it can no longer reach, and written with the new one.
//!
//! The mark is put aside, not removed: it says what was lost.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::postgres::Server;
use super::{Ground, Log, Place, Store, StoreError, check, file_ground, high_water};
use super::{place, signer, start, taken_file};
use crate::audit::note::VerifierKey;
use crate::domain::time::Clock;
use crate::store::durable;
use crate::store::{Config, LogIdentity, UrlFile};

impl Store {
    /// Opens a vault whose log is continued as `new`. The first commit must be the declaration;
    /// until it is durable the head is the former log's, and this can be done again.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_renamed(
        config: &Config,
        old: &LogIdentity,
        new: LogIdentity,
        clock: Arc<dyn Clock>,
    ) -> Result<Store, StoreError> {
        match place(config)? {
            Place::Sqlite(path) => renamed_file(path, old, new, clock).await,
            Place::Postgres(url_file) => {
                let key = signer(old)?.verifier_key().clone();
                let (ground, head) = server_ground(url_file, &key).await?;
                let mark = ground.mark.clone();
                let started = start(ground, new, clock, head);
                with_the_mark_aside(&mark, old, started).await
            }
        }
    }

    /// Opens a vault on a server to see what was restored, whatever this node remembers of it. The
    /// writer epoch is raised and nothing else is written; the mark that closing writes goes to
    /// `mark`. A file is copied instead, and its copy opened.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_beside_its_mark(
        url_file: &UrlFile,
        log: LogIdentity,
        clock: Arc<dyn Clock>,
        mark: PathBuf,
    ) -> Result<Store, StoreError> {
        let key = signer(&log)?.verifier_key().clone();
        let (ground, head) = server_ground(url_file, &key).await?;
        start(Ground { mark, ..ground }, log, clock, head).await
    }
}

async fn renamed_file(
    path: &Path,
    old: &LogIdentity,
    new: LogIdentity,
    clock: Arc<dyn Clock>,
) -> Result<Store, StoreError> {
    let (lock, connection, readers) = taken_file(path).await?;
    let mut head = check::without_mark(&readers, signer(old)?.verifier_key()).await?;
    if head.head.size == 0 {
        return Err(StoreError::Missing(path.to_owned()));
    }
    let started = async {
        let epoch = head.writer_epoch;
        let ground = file_ground(path, lock, connection, readers, epoch).await?;
        head.writer_epoch += 1;
        start(ground, new, clock, head).await
    };
    with_the_mark_aside(&high_water::path(path), old, started).await
}

/// Puts the mark aside, then opens; where that fails the mark goes back.
async fn with_the_mark_aside(
    mark: &Path,
    old: &LogIdentity,
    opened: impl Future<Output = Result<Store, StoreError>>,
) -> Result<Store, StoreError> {
    high_water::put_aside(mark, &old.origin)?;
    let opened = opened.await;
    if opened.is_err()
        && let Err(error) = high_water::put_back(mark, &old.origin)
    {
        // Aside it still lets nothing start under the former name.
        tracing::error!(%error, "the high-water mark was not put back");
    }
    opened
}

/// A server's vault, its lock ours: nobody serves it meanwhile. Its head is checked against itself
/// alone.
async fn server_ground(url_file: &UrlFile, key: &VerifierKey) -> Result<(Ground, Log), StoreError> {
    let mut server = Server::take(url_file).await?;
    if !server.has_vault().await? {
        return Err(StoreError::Missing(url_file.path.clone()));
    }
    server.migrate().await?;
    server.raise().await?;
    let ground = server.ground().await?;
    let head = check::without_mark(&ground.readers, key).await?;
    Ok((ground, head))
}

fn mark_of(config: &Config) -> Result<PathBuf, StoreError> {
    Ok(match place(config)? {
        Place::Sqlite(path) => high_water::path(path),
        Place::Postgres(url_file) => high_water::within(&url_file.data),
    })
}

/// The checkpoints that this machine remembers of a log, signed notes: its high-water mark, and
/// those that a declaration which was never made put aside.
///
/// # Errors
/// A file that cannot be read.
pub fn remembered(config: &Config, origin: &str) -> Result<Vec<String>, StoreError> {
    let mark = mark_of(config)?;
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
pub fn put_back(config: &Config, origin: &str) -> Result<(), StoreError> {
    high_water::put_back(&mark_of(config)?, origin)
}
