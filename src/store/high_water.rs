//! The high-water mark: the newest checkpoint in a file of its own, beside the database.
//!
//! A database put back to an older state is smaller than its mark, or has another root there.
//! Written at most once per second, so up to a second of entries may be missing from it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;

use super::commit::Head;
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

/// The mark, if there is one: a signed note.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StoreError::File {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Writes the mark: whole and durable, or the former one stays.
pub(super) fn write(path: &Path, checkpoint: &str) -> io::Result<()> {
    let next = path.with_extension("hw.next");
    let mut file = File::create(&next)?;
    file.write_all(checkpoint.as_bytes())?;
    file.sync_all()?;
    // A crash before this keeps the former mark, which is true as well.
    fs::rename(&next, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
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
