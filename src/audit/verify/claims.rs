//! Level 3, and what a declared log epoch hangs on: checkpoints that were signed before.
//!
//! Those in the copy itself are prefixes like any other, but whoever made the copy chose them:
//! only those that were received elsewhere make level 3 pass. A seam quotes the former log's key,
//! which anybody can; that its owner signed some of the entries before it, nobody can make up.

use super::super::checkpoint::{Checkpoint, CheckpointError};
use super::super::note::{Note, VerifierKey};
use super::super::seen::find_checkpoints;
use super::report::{Failure, Report};
use super::seams::Seam;
use super::tree::PrefixRoots;
use super::{Expectations, ExportSource, Seen, read_file};

/// A checkpoint that the tree must extend, and who said so.
struct Claim {
    from: String,
    received: bool,
    checkpoint: Checkpoint,
}

/// Every checkpoint of this log that the copy holds or that was received elsewhere.
pub(super) struct Claims {
    found: Vec<Result<Claim, String>>,
    /// Received files without a checkpoint of this log.
    unusable: Vec<String>,
}

impl Claims {
    /// Reads `checkpoints/` and what was received, and checks whose signature each bears.
    pub(super) fn collect(
        source: &dyn ExportSource,
        expected: &Expectations,
        head: &Checkpoint,
        keys: &[VerifierKey],
        seams: &[Seam],
    ) -> Self {
        let signed = |note: &Note| trusted(note, head, keys, seams);
        let mut found = own(source, &signed);
        let mut unusable = Vec::new();
        for Seen { name, bytes } in &expected.seen {
            let before = found.len();
            for (checkpoint, note) in find_checkpoints(bytes) {
                if is_ours(&checkpoint.origin, head, seams) {
                    let claim = signed(&note).map_err(|error| format!("{name}: {error}"));
                    found.push(claim.map(|checkpoint| Claim {
                        from: name.clone(),
                        received: true,
                        checkpoint,
                    }));
                }
            }
            if found.len() == before {
                unusable.push(name.clone());
            }
        }
        Self { found, unusable }
    }

    /// Sizes at which the tree's root is needed.
    pub(super) fn sizes(&self) -> impl Iterator<Item = u64> {
        let good = self.found.iter().flatten();
        good.map(|claim| claim.checkpoint.size)
    }

    /// For each seam, the key before it signed a prefix of what stands before it.
    pub(super) fn anchored(&self, seams: &[Seam], roots: &PrefixRoots) -> Result<(), Failure> {
        for seam in seams {
            let (origin, kept) = (&seam.declared.prev_origin, seam.declared.prev_size);
            let mut claims = self.found.iter().flatten().map(|claim| &claim.checkpoint);
            let anchored = claims.any(|checkpoint| {
                checkpoint.origin == *origin
                    && (1..=kept).contains(&checkpoint.size)
                    && roots.get(&checkpoint.size) == Some(&checkpoint.root)
            });
            if !anchored {
                let reason = "nothing here shows that the former log's key signed the entries \
                              before this new log epoch: anybody could have declared it";
                return Err(Failure::at(seam.seq, reason));
            }
        }
        Ok(())
    }

    /// Level 3.
    pub(super) fn check(
        self,
        report: &mut Report,
        head: &Checkpoint,
        roots: &PrefixRoots,
        seams: &[Seam],
    ) {
        let (mut own, mut received, mut lost) = (0, 0, Lost::default());
        report.unusable_seen = self.unusable;
        for claim in self.found {
            match held(claim, head, roots, seams, &mut lost) {
                Ok(Some(true)) => received += 1,
                Ok(Some(false)) => own += 1,
                Ok(None) => {}
                Err(reason) => return report.fail(3, Failure::whole(reason)),
            }
        }
        report.own_checkpoints = own;
        report.lost_checkpoints = lost.count;
        if received > 0 {
            report.pass(3, received);
        }
        let mut reasons: Vec<String> = lost.sentence().into_iter().collect();
        if received == 0 {
            reasons.push(format!(
                "no checkpoint that was received elsewhere could be held against this copy; {own} \
                 of its own are prefixes, which says nothing about who made it"
            ));
        }
        for name in &report.unusable_seen {
            reasons.push(format!("{name} holds no checkpoint of this log"));
        }
        if !reasons.is_empty() {
            report.skip(3, &reasons.join("; "));
        }
        report.decide();
    }
}

fn own(
    source: &dyn ExportSource,
    signed: &dyn Fn(&Note) -> Result<Checkpoint, CheckpointError>,
) -> Vec<Result<Claim, String>> {
    let mut found = Vec::new();
    let mut names = source.list("checkpoints").unwrap_or_else(|error| {
        found.push(Err(format!("checkpoints cannot be listed: {error}")));
        Vec::new()
    });
    names.sort();
    for from in names.iter().map(|name| format!("checkpoints/{name}")) {
        let claim = read_file(source, &from).and_then(|bytes| {
            let note = Note::parse(&bytes).map_err(|error| format!("{from}: {error}"))?;
            let checkpoint = signed(&note).map_err(|error| format!("{from}: {error}"))?;
            Ok(Claim {
                from: from.clone(),
                received: false,
                checkpoint,
            })
        });
        found.push(claim);
    }
    found
}

/// Whether a claim holds, and was received; `None` when it speaks of entries declared lost.
fn held(
    claim: Result<Claim, String>,
    head: &Checkpoint,
    roots: &PrefixRoots,
    seams: &[Seam],
    lost: &mut Lost,
) -> Result<Option<bool>, String> {
    let Claim {
        from,
        received,
        checkpoint,
    } = claim?;
    if lost.note(&checkpoint, received, seams) {
        return Ok(None);
    }
    let size = checkpoint.size;
    match roots.get(&size) {
        Some(root) if *root == checkpoint.root => Ok(Some(received)),
        Some(_) => Err(format!(
            "history was rewritten below entry {size}, says {from}"
        )),
        None => Err(format!(
            "entries were cut off, or this copy is older: {from} saw {size}, here are {}: take a \
             newer copy first",
            head.size
        )),
    }
}

/// A checkpoint of this log, or of one of its former epochs.
fn is_ours(origin: &str, head: &Checkpoint, seams: &[Seam]) -> bool {
    origin == head.origin || seams.iter().any(|s| s.declared.prev_origin == origin)
}

fn trusted(
    note: &Note,
    head: &Checkpoint,
    keys: &[VerifierKey],
    seams: &[Seam],
) -> Result<Checkpoint, CheckpointError> {
    let checkpoint = Checkpoint::parse(&note.text)?;
    let former = seams
        .iter()
        .find(|seam| seam.declared.prev_origin == checkpoint.origin);
    if let Some(seam) = former {
        note.verify(std::slice::from_ref(&seam.former))?;
        return Ok(checkpoint);
    }
    note.verify(keys)?;
    if checkpoint.origin == head.origin {
        return Ok(checkpoint);
    }
    Err(CheckpointError::Origin {
        found: checkpoint.origin,
        wanted: head.origin.clone(),
    })
}

/// Received checkpoints over entries that a declared log epoch says are lost: no break, and no secret.
#[derive(Default)]
struct Lost {
    count: u64,
    newest: u64,
    kept: u64,
}

impl Lost {
    /// Whether this checkpoint is one of them.
    fn note(&mut self, checkpoint: &Checkpoint, received: bool, seams: &[Seam]) -> bool {
        let seam = seams.iter().find(|seam| {
            let declared = &seam.declared;
            declared.prev_origin == checkpoint.origin && checkpoint.size > declared.prev_size
        });
        let Some(seam) = seam else {
            return false;
        };
        if !received {
            // Whoever made the copy chose it: it speaks of nothing that the copy has.
            return true;
        }
        self.count += 1;
        self.newest = self.newest.max(checkpoint.size);
        self.kept = seam.declared.prev_size;
        true
    }

    fn sentence(&self) -> Option<String> {
        let Self {
            count,
            newest,
            kept,
        } = self;
        (*count > 0).then(|| {
            format!(
                "{count} of them saw up to {newest} entries; a declared log epoch kept {kept} and \
                 declares the rest lost"
            )
        })
    }
}
