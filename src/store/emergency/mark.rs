//! The emergency log's own high-water mark: a checkpoint in a file beside it, by which a file that
//! lost its last lines is found at the next start.

use std::path::{Path, PathBuf};

use super::super::commit::LogIdentity;
use super::super::durable;
use super::super::error::StoreError;
use crate::audit::checkpoint::Checkpoint;
use crate::audit::note::Note;

/// What an emergency log had lost when it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Entries its checkpoint speaks of.
    pub had: u64,
    /// Entries that were found.
    pub found: u64,
}

/// Where the mark lies.
pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join("emergency.hw")
}

/// What lies there.
pub(super) enum Mark {
    /// Nothing.
    None,
    /// A checkpoint that this log's key signed.
    Of(Checkpoint),
    /// Something else: it says nothing, and that is told like a loss.
    Odd,
}

/// The mark, signed by this log's key: perhaps under the name that the log had before a declared
/// epoch of the main log.
pub(super) fn read(folder: &Path, own: &LogIdentity) -> Result<Mark, StoreError> {
    let Some(bytes) = durable::read(&path(folder))? else {
        return Ok(Mark::None);
    };
    Ok(signed(&bytes, own).map_or(Mark::Odd, Mark::Of))
}

fn signed(bytes: &[u8], own: &LogIdentity) -> Option<Checkpoint> {
    let note = Note::parse(bytes).ok()?;
    let origin = Checkpoint::parse(&note.text).ok()?.origin;
    let named = LogIdentity {
        origin,
        ..own.clone()
    };
    Checkpoint::open_note(&note, &named.verifier_key().ok()?).ok()
}

/// Removes the mark, where there is one.
pub(super) fn forget(folder: &Path) -> Result<(), StoreError> {
    durable::remove(&path(folder))
}
