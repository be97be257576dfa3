//! The client's memory of the log: checkpoints that only grow, entries that are really in it.
//!
//! Pure checks on what the server sent; who asks and stores is `mod.rs`. A check that fails means
//! rewritten or cut history, and everything stops (PROTOCOL §2, exit 8).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::api::{ConsistencyProof, EntryProof};
use crate::audit::checkpoint::{Checkpoint, parse_hash};
use crate::audit::entry::{Entry, parse_entry};
use crate::audit::merkle::{Hash, leaf_hash};
use crate::audit::merkle_proof::{verify_consistency, verify_inclusion};
use crate::audit::note::VerifierKey;
use crate::cli::error::CliError;
use crate::domain::act::Seen;

/// What must be asked next after looking at a checkpoint.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is the pinned one, or the first ever seen.
    Known,
    /// It is larger: a consistency proof from this size is needed.
    Prove(u64),
}

/// Opens a checkpoint note with the pinned key and holds it against the pinned checkpoint.
///
/// # Errors
/// Log broken.
pub(crate) fn open_head(
    note: &[u8],
    key: &VerifierKey,
    pinned: Option<&Checkpoint>,
) -> Result<(Checkpoint, Step), CliError> {
    let head = Checkpoint::open(note, key).map_err(|why| {
        CliError::log_broken(format!("the vault's checkpoint is not its own: {why}"))
    })?;
    let Some(pinned) = pinned else {
        return Ok((head, Step::Known));
    };
    if head.size < pinned.size {
        return Err(CliError::log_broken(format!(
            "history was cut: the log shows {} entries, this client has seen {}",
            head.size, pinned.size
        )));
    }
    if head.size == pinned.size {
        if head.root != pinned.root {
            return Err(rewritten(pinned));
        }
        return Ok((head, Step::Known));
    }
    let step = Step::Prove(pinned.size);
    Ok((head, step))
}

/// Checks that `head` extends `pinned`.
///
/// # Errors
/// Log broken.
pub(crate) fn check_extends(
    pinned: &Checkpoint,
    head: &Checkpoint,
    proof: &ConsistencyProof,
) -> Result<(), CliError> {
    let hashes = hashes(&proof.proof)?;
    verify_consistency(pinned.size, &pinned.root, head.size, &head.root, &hashes)
        .map_err(|_| rewritten(pinned))
}

/// Checks that an entry is in the log under `head` and parses it.
///
/// # Errors
/// Log broken.
pub(crate) fn check_entry(
    proof: &EntryProof,
    seq: u64,
    head: &Checkpoint,
) -> Result<Entry, CliError> {
    let broken = |why: String| {
        CliError::log_broken(format!("entry {seq} is not in the log as shown: {why}"))
    };
    let hashes = hashes(&proof.inclusion)?;
    let leaf = leaf_hash(proof.entry.as_bytes());
    verify_inclusion(seq, head.size, &leaf, &hashes, &head.root)
        .map_err(|why| broken(why.to_string()))?;
    let entry = parse_entry(proof.entry.as_bytes()).map_err(|why| broken(why.to_string()))?;
    if entry.seq != seq {
        return Err(broken(format!("it says it is entry {}", entry.seq)));
    }
    Ok(entry)
}

/// A checkpoint as acts carry it.
pub(crate) fn seen(head: &Checkpoint) -> Seen {
    Seen {
        origin: head.origin.clone(),
        size: head.size,
        root: STANDARD.encode(head.root),
    }
}

fn hashes(texts: &[String]) -> Result<Vec<Hash>, CliError> {
    let parsed: Option<Vec<Hash>> = texts.iter().map(|text| parse_hash(text)).collect();
    parsed.ok_or_else(|| CliError::log_broken("the vault's proof is not made of hashes"))
}

fn rewritten(pinned: &Checkpoint) -> CliError {
    CliError::log_broken(format!(
        "history was rewritten: the log does not extend the {} entries this client has seen",
        pinned.size
    ))
}
