//! Declared log epochs (PROTOCOL §11): where a log goes on under a new name after a restore.
//!
//! Read before everything else, and only when the log's name says that there are some. A seam is
//! believed as far as the tree under the signed head holds it; who signed it is for the caller.

use std::io::{BufRead as _, BufReader, Read as _};

use super::super::checkpoint::parse_hash;
use super::super::entry::{MAX_ENTRY_BYTES, parse_entry};
use super::super::merkle::Hash;
use super::super::note::VerifierKey;
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
    pub key: VerifierKey,
}

/// Every seam of an export whose head has this name, oldest first.
pub(super) fn find(source: &dyn ExportSource, origin: &str) -> Result<Vec<Seam>, Failure> {
    if split_origin(origin).is_none_or(|(_, number)| number == 1) {
        return Ok(Vec::new());
    }
    let whole = |why: String| Failure::whole(format!("{}: {why}", tree::ENTRIES));
    let opened = source
        .open(tree::ENTRIES)
        .map_err(|e| whole(e.to_string()))?;
    let mut reader =
        BufReader::with_capacity(1 << 20, opened.ok_or_else(|| whole("missing".into()))?);
    let (mut seams, mut line) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        let mut limited = (&mut reader).take(MAX_ENTRY_BYTES as u64 + 1);
        let read = limited.read_until(b'\n', &mut line);
        if read.map_err(|e| whole(e.to_string()))? == 0 {
            return Ok(seams);
        }
        if memchr::memmem::find(&line, b"\"log.epoch\"").is_none() {
            continue;
        }
        let bytes = line.strip_suffix(b"\n").unwrap_or(&line);
        // An entry that is none is found at its level; a word in another entry's text is no seam.
        let Ok(entry) = parse_entry(bytes) else {
            continue;
        };
        if entry.kind != LOG_EPOCH {
            continue;
        }
        let wrong = |why: &str| Failure::at(entry.seq, why.to_owned());
        let (declared, _) = LogEpoch::from_members(&entry.members)
            .ok_or_else(|| wrong("it declares no log epoch"))?;
        let key = VerifierKey::parse(&declared.prev_vkey).map_err(|e| wrong(&e.to_string()))?;
        seams.push(Seam {
            seq: entry.seq,
            declared,
            key,
        });
    }
}

/// The root that a seam says the entries before it have.
pub(super) fn root_before(seam: &Seam) -> Option<Hash> {
    parse_hash(&seam.declared.prev_root)
}
