//! The high-water mark: the newest checkpoint in a file of its own, beside the database.
//!
//! A database put back to an older state is smaller than its mark, or has another root there.
//! Written at most once per second, so up to a second of entries may be missing from it.
//!
//! A log that goes on under a new name (PROTOCOL §11) puts its mark aside, `head.hw.e<N>`, and
//! never writes over one that lies there: it says what was lost. A database that goes by that
//! former name again is held against it, so a declaration that was begun and never made lets
//! nothing start.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;

use super::commit::Head;
use super::durable::{self, at};
use super::error::StoreError;

const PAUSE: Duration = Duration::from_secs(1);

/// Where the mark of a database lies.
pub(super) fn path(database: &Path) -> PathBuf {
    database.with_file_name("head.hw")
}

/// Where the mark of a server's database lies.
pub(super) fn within(data: &Path) -> PathBuf {
    data.join("head.hw")
}

/// The marks of the log `origin` that were put aside, oldest first: `head.hw.e<N>`, then
/// `head.hw.e<N>.2` and so on.
pub(super) fn kept(mark: &Path, origin: &str) -> Result<Vec<PathBuf>, StoreError> {
    let mut found = Vec::new();
    loop {
        let next = aside(mark, origin, found.len() + 1);
        match next.try_exists() {
            Ok(true) => found.push(next),
            Ok(false) => return Ok(found),
            Err(error) => return Err(at(&next)(error)),
        }
    }
}

fn aside(mark: &Path, origin: &str, turn: usize) -> PathBuf {
    let number = origin.rsplit('/').next().unwrap_or("former");
    mark.with_file_name(match turn {
        1 => format!("head.hw.{number}"),
        later => format!("head.hw.{number}.{later}"),
    })
}

/// Puts the mark of the log `origin` aside, where there is one, beside those that lie there.
pub(super) fn put_aside(mark: &Path, origin: &str) -> Result<(), StoreError> {
    if durable::read(mark)?.is_none() {
        // A try before this one stopped half way: its mark is aside already.
        return Ok(());
    }
    let turn = kept(mark, origin)?.len() + 1;
    // A crash after this and before the declaration: the next start is refused by what is aside,
    // and the next try finds no mark and goes on.
    let aside = aside(mark, origin, turn);
    durable::rename(mark, &aside).map_err(at(&aside))
}

/// Puts the newest mark of the log `origin` that is aside back in its place: nothing was declared.
/// What lies there was written meanwhile from the same database and remembers less.
pub(super) fn put_back(mark: &Path, origin: &str) -> Result<(), StoreError> {
    match kept(mark, origin)?.last() {
        Some(newest) => durable::rename(newest, mark).map_err(at(mark)),
        None => Ok(()),
    }
}

/// Writes the mark; a crash keeps the former one, which is true as well.
pub(super) fn write(path: &Path, checkpoint: &str) -> io::Result<()> {
    durable::write(path, checkpoint.as_bytes())
}

/// Follows the heads until their sender is gone; the last one is always written.
pub(super) async fn follow(path: PathBuf, mut heads: watch::Receiver<Head>) {
    loop {
        let more = heads.changed().await.is_ok();
        let checkpoint = heads.borrow_and_update().checkpoint.clone();
        let target = path.clone();
        match tokio::task::spawn_blocking(move || write(&target, &checkpoint)).await {
            Ok(Ok(())) => {}
            Ok(Err(why)) => tracing::warn!(%why, "the high-water mark could not be written"),
            Err(why) => tracing::warn!(%why, "the high-water mark could not be written"),
        }
        if !more {
            return;
        }
        // Closing never waits for the pause to end.
        let mut writer = heads.clone();
        let gone = async { while writer.changed().await.is_ok() {} };
        let _either = tokio::time::timeout(PAUSE, gone).await;
    }
}
