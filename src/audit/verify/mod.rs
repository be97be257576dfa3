//! Offline verification of an export, level by level (DESIGN §10, PROTOCOL §11).
//!
//! Memory stays flat: entries stream, and only open calls, open sessions and the hashes of
//! documents named by control events are kept. The caller brings the bytes; nothing here opens
//! a file or reads a clock.

mod claims;
mod drills;
mod emergency;
mod lines;
mod objects;
mod papers;
mod report;
mod rules;
mod seams;
mod tree;

use std::io::{self, BufRead as _, BufReader, Read};

pub(crate) use lines::lines_with;
pub(crate) use report::Failure;
pub use report::{LevelReport, Outcome, Report};
pub use rules::RuleCheck;

use super::checkpoint::{Checkpoint, format_hash};
use super::entry::MAX_ENTRY_BYTES;
use super::note::{Note, NoteError, VerifierKey};
use super::policy::Policy;
use claims::Claims;
use objects::References;
use seams::Seam;

/// Largest small file read whole: an entry bundle of 256 longest entries fits.
pub const MAX_FILE_BYTES: u64 = 32 * 1024 * 1024;

/// Where an export is read from. `cli` implements it over a directory.
pub trait ExportSource: Sync {
    /// The whole content of a file, `None` when there is none. A file longer than
    /// [`MAX_FILE_BYTES`] is an error.
    ///
    /// # Errors
    /// What reading gives; verification then says which file could not be read.
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>>;

    /// Names of the files directly in a folder, `[]` when there is none.
    ///
    /// # Errors
    /// As [`ExportSource::read`].
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;

    /// A file for streaming, `None` when there is none.
    ///
    /// # Errors
    /// As [`ExportSource::read`].
    fn open(&self, path: &str) -> io::Result<Option<Box<dyn Read + Send + '_>>>;
}

/// One file of checkpoints that were received elsewhere (`--seen`).
#[derive(Debug, Clone)]
pub struct Seen {
    /// What the report calls it.
    pub name: String,
    /// Its bytes: a note, a mail, anything with notes in it.
    pub bytes: Vec<u8>,
}

/// What to hold the export against.
#[derive(Debug, Clone, Default)]
pub struct Expectations {
    /// Checkpoints received elsewhere.
    pub seen: Vec<Seen>,
    /// Log keys from elsewhere; when empty, those of the export's own policy file are used and
    /// the report says so.
    pub log_keys: Vec<VerifierKey>,
    /// Threads to hash with; at least 1 is used.
    pub threads: usize,
}

/// Verifies an export. Never fails as a whole: what could not be read is a failure of its level.
#[must_use]
pub fn verify(source: &dyn ExportSource, expected: &Expectations) -> Report {
    let mut report = Report::new(expected.log_keys.is_empty());
    let note = match read_checkpoint(source) {
        Ok(note) => note,
        Err(reason) => {
            report.fail(0, Failure::whole(reason));
            return report.closed("there is no checkpoint to check against");
        }
    };
    let (note, head) = note;
    report.describe(&head);
    let policy = read_policy(source);
    let given = match (&policy, expected.log_keys.as_slice()) {
        (_, keys @ [_, ..]) => keys,
        (Ok(policy), []) => policy.logs.as_slice(),
        (Err(_), []) => &[],
    };
    let seams = match seams::find(source, &head.origin) {
        Ok(seams) => seams,
        Err(failure) => {
            report.fail(4, failure);
            return report.closed("the log's epochs cannot be read");
        }
    };
    let keys = head_keys(given, &head, &seams);
    let claims = Claims::collect(source, expected, &head, &keys, &seams);
    let declared = seams.iter().map(|seam| seam.declared.prev_size);
    let sizes: Vec<u64> = claims.sizes().chain(declared).collect();
    let tree = tree::check(source, &head, &sizes, expected.threads.max(1));
    match &tree {
        Ok(_) => report.pass(0, head.size),
        Err(failure) => report.fail(0, failure.clone()),
    }
    check_signature(&mut report, &note, &keys, &policy);
    check_quorum(&mut report, &note, &policy);
    match tree {
        Ok(roots) => {
            if let (Outcome::Passed, Err(failure)) =
                (report.levels[1].outcome, claims.anchored(&seams, &roots))
            {
                report.fail(1, failure);
            }
            claims.check(&mut report, &head, &roots, &seams);
            match check_seams(&seams, &roots) {
                Ok(()) => check_entries(&mut report, source, &head),
                Err(failure) => report.fail(4, failure),
            }
            report
        }
        Err(_) => report.closed("the entries do not hash to the checkpoint"),
    }
}

/// Keys by which the head must be signed. Behind a seam it is the key that was declared there,
/// and whoever trusts any key of that chain trusts it, once [`Claims::anchored`] has shown that
/// the chain is more than quoted; without a seam, those that were given.
fn head_keys(given: &[VerifierKey], head: &Checkpoint, seams: &[Seam]) -> Vec<VerifierKey> {
    let Some(last) = seams.last() else {
        let named = given.iter().filter(|key| key.name() == head.origin);
        return named.cloned().collect();
    };
    let known = seams
        .iter()
        .any(|seam| given.contains(&seam.former) || given.contains(&seam.key));
    if known {
        vec![last.key.clone()]
    } else {
        Vec::new()
    }
}

fn read_checkpoint(source: &dyn ExportSource) -> Result<(Note, Checkpoint), String> {
    let bytes = read_file(source, "checkpoint")?;
    let note = Note::parse(&bytes).map_err(|error| format!("checkpoint: {error}"))?;
    let head = Checkpoint::parse(&note.text).map_err(|error| format!("checkpoint: {error}"))?;
    Ok((note, head))
}

fn read_policy(source: &dyn ExportSource) -> Result<Policy, String> {
    let bytes = read_file(source, "policy.txt")?;
    let text = String::from_utf8(bytes).map_err(|_| "policy.txt is not utf-8".to_owned())?;
    Policy::parse(&text).map_err(|error| format!("policy.txt: {error}"))
}

fn read_file(source: &dyn ExportSource, path: &str) -> Result<Vec<u8>, String> {
    match source.read(path) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(format!("{path} is missing")),
        Err(error) => Err(format!("{path} cannot be read: {error}")),
    }
}

/// Each seam stands where it says, over the entries it says.
fn check_seams(seams: &[Seam], roots: &tree::PrefixRoots) -> Result<(), Failure> {
    for seam in seams {
        let (seq, size) = (seam.seq, seam.declared.prev_size);
        let root = seams::root_before(seam);
        if seq != size || root.is_none() || roots.get(&size).copied() != root {
            let reason = "the entries before the new log epoch are not those it declares";
            return Err(Failure::at(seq, reason));
        }
    }
    Ok(())
}

fn check_signature(
    report: &mut Report,
    note: &Note,
    keys: &[VerifierKey],
    policy: &Result<Policy, String>,
) {
    if let Err(reason) = policy {
        return report.fail(1, Failure::whole(reason.clone()));
    }
    match note.verify(keys) {
        Ok(_) => report.pass(1, 1),
        Err(error) => report.fail(1, Failure::whole(format!("checkpoint: {error}"))),
    }
}

fn check_quorum(report: &mut Report, note: &Note, policy: &Result<Policy, String>) {
    let policy = match policy {
        Ok(policy) => policy,
        Err(reason) => return report.skip(2, reason),
    };
    if !policy.needs_witnesses() {
        return report.skip(2, "the policy asks for no witnesses");
    }
    match note.verify(&policy.witnesses) {
        Ok(cosigned) if policy.quorum_met(&cosigned) => report.pass(2, cosigned.len() as u64),
        Ok(_) | Err(NoteError::NoKnownKey) => {
            report.fail(
                2,
                Failure::whole("too few witnesses cosigned the checkpoint"),
            );
        }
        Err(error) => report.fail(2, Failure::whole(format!("checkpoint: {error}"))),
    }
}

/// Levels 4 and 5, in one more pass over the entries.
fn check_entries(report: &mut Report, source: &dyn ExportSource, head: &Checkpoint) {
    let mut rules = RuleCheck::new(&head.origin);
    let mut references = References::default();
    let walked = walk(source, head.size, |seq, line| {
        let entry = rules.check(seq, line)?;
        references.note(seq, &entry);
        Ok(())
    });
    let ended = |()| {
        let covered = rules.check_emergency_covered();
        covered
            .and_then(|()| rules.finish())
            .map_err(Failure::whole)
    };
    match walked.and_then(ended) {
        Ok(()) => {
            report.pass(4, head.size);
            report.open_calls = rules.open_calls();
            report.emergency_cuts = rules.emergency_cuts();
        }
        Err(failure) => {
            report.fail(4, failure);
            return report.skip(5, "the entry rules failed");
        }
    }
    let said = rules.papers_said();
    let documents = references.check(source);
    match documents.and_then(|checked| objects::check_said(source, &said).map(|()| checked)) {
        Ok(checked) => report.pass(5, checked),
        Err(failure) => report.fail(5, failure),
    }
}

fn walk(
    source: &dyn ExportSource,
    size: u64,
    mut each: impl FnMut(u64, &[u8]) -> Result<(), String>,
) -> Result<(), Failure> {
    let opened = source
        .open(tree::ENTRIES)
        .map_err(|e| Failure::whole(e.to_string()))?;
    let opened = opened.ok_or_else(|| Failure::whole("entries.ndjson is missing"))?;
    let mut reader = BufReader::with_capacity(1 << 20, opened);
    let mut line = Vec::new();
    for seq in 0..size {
        line.clear();
        let mut limited = (&mut reader).take(MAX_ENTRY_BYTES as u64 + 1);
        limited
            .read_until(b'\n', &mut line)
            .map_err(|e| Failure::at(seq, e.to_string()))?;
        let entry = line
            .strip_suffix(b"\n")
            .ok_or_else(|| Failure::at(seq, "the entry is cut"))?;
        each(seq, entry).map_err(|reason| Failure::at(seq, reason))?;
    }
    Ok(())
}

impl Report {
    fn describe(&mut self, head: &Checkpoint) {
        self.origin = Some(head.origin.clone());
        self.size = head.size;
        self.root = Some(format_hash(&head.root));
    }
}
