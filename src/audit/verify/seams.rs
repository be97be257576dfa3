//! Declared log epochs (PROTOCOL §11): where a log goes on under a new name after a restore.
//!
//! Read before everything else, and only when the log's name says that there are some. A seam is
//! believed as far as the tree under the signed head holds it; who signed it is for the caller.

use super::super::checkpoint::parse_hash;
use super::super::entry::parse_entry;
use super::super::merkle::Hash;
use super::super::note::VerifierKey;
use super::lines::lines_with;
use super::report::Failure;
use super::{ExportSource, tree};
use crate::domain::log_epoch::{LOG_EPOCH, LogEpoch, split_origin};

/// One seam.
#[derive(Debug, Clone)]
pub(super) struct Seam {
    /// Its entry.
    pub seq: u64,
    /// What it declares.
    pub declared: LogEpoch,
    /// Key of the log before.
    pub former: VerifierKey,
    /// Key of the log from here on.
    pub key: VerifierKey,
}

/// Every seam of an export whose head has this name, oldest first. Each goes on from the key
/// before it, the first from that of `log.genesis`, and the last ends at this name.
pub(super) fn find(source: &dyn ExportSource, origin: &str) -> Result<Vec<Seam>, Failure> {
    if split_origin(origin).is_none_or(|(_, number)| number == 1) {
        return Ok(Vec::new());
    }
    let (mut seams, mut newest) = (Vec::new(), String::new());
    lines_with(source, &[b"\"log.genesis\"", b"\"log.epoch\""], |line| {
        // An entry that is none is found at its level; a word in another entry's text is no seam.
        let Ok(entry) = parse_entry(line) else {
            return Ok(());
        };
        if entry.seq == 0 && entry.kind == "log.genesis" {
            entry
                .text("vkey")
                .unwrap_or_default()
                .clone_into(&mut newest);
        }
        if entry.kind != LOG_EPOCH {
            return Ok(());
        }
        let wrong = |why: &str| Failure::at(entry.seq, why.to_owned());
        let (declared, _) = LogEpoch::from_members(&entry.members)
            .ok_or_else(|| wrong("it declares no log epoch"))?;
        if declared.prev_vkey != newest {
            return Err(wrong("it follows a log with another key"));
        }
        newest.clone_from(&declared.vkey);
        let parsed = |text: &str| VerifierKey::parse(text).map_err(|e| wrong(&e.to_string()));
        seams.push(Seam {
            seq: entry.seq,
            former: parsed(&declared.prev_vkey)?,
            key: parsed(&declared.vkey)?,
            declared,
        });
        Ok(())
    })?;
    if seams
        .last()
        .is_none_or(|seam| seam.declared.origin != origin)
    {
        let reason = format!(
            "{}: nothing declares the log's name {origin}",
            tree::ENTRIES
        );
        return Err(Failure::whole(reason));
    }
    Ok(seams)
}

/// The root that a seam says the entries before it have.
pub(super) fn root_before(seam: &Seam) -> Option<Hash> {
    parse_hash(&seam.declared.prev_root)
}
