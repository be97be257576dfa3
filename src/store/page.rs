//! The page of one batch: which entries it adds to the log, and the statements that write them.
//!
//! Pure: the log as it is, the clock as read and the accepted commits go in; the log as it will be
//! and a list of statements come out. Executes nothing and knows no database.

use std::borrow::Cow;

use super::commit::{Committed, Head, Lane};
use super::error::CommitError;
use super::sequencer::{Job, Prepared};
use super::sql;
use super::step::{Step, step};
use crate::audit::checkpoint::Checkpoint;
use crate::audit::entry::{Draft, PreparedDraft};
use crate::audit::merkle::{Edge, Hash, leaf_hash};
use crate::audit::note::NoteSigner;
use crate::domain::time::{MINUTE_MS, Timestamp};

/// The wall clock may fall this far before it is recorded; smaller falls are clamped.
const SMALL_FALL_MS: i64 = 2_000;
/// Kind of the entry before a fall.
const CLOCK_JUMP: &str = "clock.jump";

/// What the writer knows of the log; replaced only after COMMIT.
#[derive(Debug, Clone)]
pub(super) struct Log {
    pub head: Head,
    pub edge: Edge,
    pub writer_epoch: i64,
    /// When a checkpoint was kept last.
    pub kept_ms: i64,
}

/// Who writes: the signer of checkpoints, and the names that entries carry.
pub(super) struct Author {
    pub signer: NoteSigner,
    pub node: String,
    pub boot: String,
}

/// One answer per commit of a batch.
pub(super) type Outcomes = Vec<Result<Committed, CommitError>>;

/// What a batch comes to.
pub(super) struct Planned {
    /// The log once the statements are durable.
    pub log: Log,
    /// What each commit is answered then.
    pub outcomes: Outcomes,
    /// Entries, inner hashes, kept checkpoint, head, in this order. Each must change its row;
    /// the head does not when somebody else writes this log.
    pub steps: Vec<Step>,
}

/// Whether entries of this kind are control entries.
pub(super) fn is_control(kind: &str) -> bool {
    !kind.starts_with("call.")
}

/// Plans the page of a batch. `refusals` says which commits were taken back already.
///
/// # Errors
/// Why no commit of the batch can be written.
pub(super) fn plan(
    log: &Log,
    author: &Author,
    now: Timestamp,
    batch: &[Job],
    refusals: Vec<Option<CommitError>>,
) -> Result<Planned, CommitError> {
    let mut accepted = batch.iter().zip(&refusals).filter(|(_, no)| no.is_none());
    let any_entry = accepted.any(|(job, _)| !job.entries.is_empty());
    let mut page = Page::start(log, author, now, any_entry)?;
    let mut outcomes: Outcomes = Vec::with_capacity(batch.len());
    for (job, refusal) in batch.iter().zip(refusals) {
        outcomes.push(match refusal {
            Some(error) => Err(error),
            None if page.is_after(job.not_after) => Err(CommitError::Late),
            None => Ok(page.add(job)?),
        });
    }
    let keep = accepted_control(batch, &outcomes);
    let (log, steps) = page.close(log, author, keep)?;
    Ok(Planned {
        log,
        outcomes,
        steps,
    })
}

/// Whether the batch recorded something besides calls: its checkpoint is kept.
fn accepted_control(batch: &[Job], outcomes: &Outcomes) -> bool {
    let mut jobs = batch.iter().zip(outcomes);
    jobs.any(|(job, outcome)| {
        job.lane == Lane::Control && outcome.is_ok() && !job.entries.is_empty()
    })
}

/// An entry ready to insert.
struct NewEntry<'b> {
    seq: u64,
    kind: Cow<'static, str>,
    incident: Option<&'b str>,
    leaf: Vec<u8>,
    hash: Hash,
}

/// Entries of one batch on their way into the tree.
struct Page<'b> {
    entries: Vec<NewEntry<'b>>,
    nodes: Vec<(u8, u64, Hash)>,
    edge: Edge,
    ts: i64,
}

impl<'b> Page<'b> {
    /// A fall of the clock of more than two seconds is the first entry.
    fn start(
        log: &Log,
        author: &Author,
        now: Timestamp,
        any_entry: bool,
    ) -> Result<Self, CommitError> {
        let (wall, last) = (now.0, log.head.ts.0);
        let fell = log.head.size > 0 && wall < last - SMALL_FALL_MS;
        let mut page = Self {
            entries: Vec::new(),
            nodes: Vec::new(),
            edge: log.edge.clone(),
            ts: if fell { wall } else { wall.max(last) },
        };
        if fell && any_entry {
            page.push(&jump(author, last, wall)?, CLOCK_JUMP.into(), None)?;
        }
        Ok(page)
    }

    fn add(&mut self, job: &'b Job) -> Result<Committed, CommitError> {
        let first_seq = self.edge.size();
        for Prepared {
            draft,
            kind,
            incident,
        } in &job.entries
        {
            self.push(draft, kind.clone(), incident.as_deref())?;
        }
        Ok(Committed {
            first_seq,
            ts: Timestamp(self.ts),
        })
    }

    /// Whether the stamp of this batch lies after a deadline.
    fn is_after(&self, deadline: Option<Timestamp>) -> bool {
        deadline.is_some_and(|deadline| self.ts > deadline.0)
    }

    fn push(
        &mut self,
        draft: &PreparedDraft,
        kind: Cow<'static, str>,
        incident: Option<&'b str>,
    ) -> Result<(), CommitError> {
        let seq = self.edge.size();
        let leaf = draft.stamp(seq, self.ts)?;
        let hash = leaf_hash(&leaf);
        let nodes = &mut self.nodes;
        self.edge
            .push_noting(hash, |level, index, hash| {
                if level > 0 && level.is_multiple_of(8) {
                    nodes.push((level, index, *hash));
                }
            })
            .map_err(|why| CommitError::Invalid(why.to_string()))?;
        self.entries.push(NewEntry {
            seq,
            kind,
            incident,
            leaf,
            hash,
        });
        Ok(())
    }

    /// The statements of the page and the log after them.
    fn close(
        self,
        old: &Log,
        author: &Author,
        keep: bool,
    ) -> Result<(Log, Vec<Step>), CommitError> {
        let mut log = old.clone();
        let grown = !self.entries.is_empty();
        if grown {
            log.head = head_of(&self.edge, author, self.ts)?;
            log.edge = self.edge;
        }
        let mut steps = insert_entries(self.entries);
        steps.extend(self.nodes.into_iter().map(insert_node));
        if grown && (keep || self.ts - log.kept_ms >= MINUTE_MS || self.ts < log.kept_ms) {
            log.kept_ms = self.ts;
            let keep = step(sql::log::KEEP_CHECKPOINT)
                .with(log.head.size.cast_signed())
                .with(log.head.checkpoint.as_str())
                .with(self.ts);
            steps.push(keep);
        }
        steps.push(swap_head(old, &log));
        Ok((log, steps))
    }
}

fn head_of(edge: &Edge, author: &Author, ts: i64) -> Result<Head, CommitError> {
    let checkpoint = Checkpoint {
        origin: author.signer.verifier_key().name().to_owned(),
        size: edge.size(),
        root: edge.root(),
    };
    let note = checkpoint
        .sign(&author.signer)
        .map_err(|why| CommitError::Invalid(why.to_string()))?;
    Ok(Head {
        size: edge.size(),
        root: checkpoint.root,
        checkpoint: note.to_string(),
        ts: Timestamp(ts),
    })
}

fn jump(author: &Author, from_ms: i64, to_ms: i64) -> Result<PreparedDraft, CommitError> {
    let members = [("from_ms", from_ms), ("to_ms", to_ms)];
    let members = members.map(|(name, number)| (name.to_owned(), number.into()));
    let draft = Draft {
        kind: CLOCK_JUMP.to_owned(),
        members: members.into_iter().collect(),
    };
    Ok(PreparedDraft::new(&draft, &author.node, &author.boot)?)
}

/// Many rows per INSERT; never one statement per row.
fn insert_entries(entries: Vec<NewEntry<'_>>) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut left = entries.len();
    let mut entries = entries.into_iter();
    for (rows, text) in sql::ENTRY_ROWS.iter().zip(sql::INSERT_ENTRIES.iter()) {
        while left >= *rows {
            left -= rows;
            let mut insert = step(text.as_str());
            insert.values.reserve(rows * sql::ENTRY_COLUMNS);
            let insert = entries.by_ref().take(*rows).fold(insert, |insert, entry| {
                let control = i64::from(is_control(&entry.kind));
                insert
                    .with(entry.seq.cast_signed())
                    .with(entry.kind)
                    .with(entry.incident)
                    .with(control)
                    .with(entry.leaf)
                    .with(entry.hash.to_vec())
            });
            steps.push(insert);
        }
    }
    steps
}

fn insert_node((level, index, hash): (u8, u64, Hash)) -> Step {
    step(sql::log::INSERT_NODE)
        .with(i64::from(level))
        .with(index.cast_signed())
        .with(hash.to_vec())
}

/// Compare and swap: another writer, or another hand, makes this change no row.
fn swap_head(old: &Log, new: &Log) -> Step {
    step(sql::log::SWAP_HEAD)
        .with(new.head.size.cast_signed())
        .with(new.head.root.to_vec())
        .with(new.edge.to_bytes())
        .with(new.head.ts.0)
        .with(new.head.checkpoint.as_str())
        .with(old.head.size.cast_signed())
        .with(old.head.root.to_vec())
        .with(old.writer_epoch)
        .guarded(super::Conflict::Version)
}
