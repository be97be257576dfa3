//! One transaction: rows under savepoints, then entries, head and checkpoint, then COMMIT.

use sqlx::Arguments as _;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};

use super::apply::apply;
use super::change::RowChange;
use super::commit::{Committed, Head, Lane};
use super::error::CommitError;
use super::sequencer::{Job, Prepared, Sequencer};
use super::sql;
use super::step::ApplyError;
use crate::audit::checkpoint::Checkpoint;
use crate::audit::entry::{Draft, PreparedDraft};
use crate::audit::merkle::{Edge, Hash, leaf_hash};
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

/// Why a batch was not written.
pub(super) enum Fault {
    /// Surely nothing was written; everybody gets this answer and the writer goes on.
    Refused(CommitError),
    /// Perhaps something was; the writer stops.
    Broken(String),
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        if is_full(&error) {
            return Self::Refused(CommitError::Full);
        }
        Self::Broken(error.to_string())
    }
}

/// `SQLITE_FULL`: SQLite has rolled back cleanly (a test fills a disk).
fn is_full(error: &sqlx::Error) -> bool {
    primary_code(error) == Some(13)
}

/// `SQLITE_BUSY`: somebody else, such as an operator's shell, holds the write lock.
fn is_busy(error: &sqlx::Error) -> bool {
    primary_code(error) == Some(5)
}

/// SQLite's result code without its extension.
fn primary_code(error: &sqlx::Error) -> Option<i64> {
    let code = error.as_database_error()?.code()?.parse::<i64>().ok()?;
    Some(code & 0xff)
}

type Outcomes = Vec<Result<Committed, CommitError>>;

/// An entry ready to insert.
struct NewEntry {
    seq: u64,
    kind: String,
    incident: Option<String>,
    leaf: Vec<u8>,
    hash: Hash,
}

impl NewEntry {
    /// Whether it belongs to the control fold: every kind but those of calls.
    fn is_control(&self) -> bool {
        is_control(&self.kind)
    }
}

/// Whether entries of this kind are control entries.
pub(super) fn is_control(kind: &str) -> bool {
    !kind.starts_with("call.")
}

impl Sequencer {
    /// Writes a batch: the log as it is afterwards and one outcome per job.
    pub(super) async fn transact(&mut self, batch: &[Job]) -> Result<(Log, Outcomes), Fault> {
        let result = match execute(&mut self.connection, "BEGIN IMMEDIATE").await {
            Ok(_) => self.fill(batch).await,
            // Nothing has begun, so nothing can be half done.
            Err(error) if is_busy(&error) => return Err(Fault::Refused(CommitError::Overloaded)),
            Err(error) => return Err(error.into()),
        };
        if result.is_err() {
            // SQLite may have rolled back already; either way nothing of the batch is left.
            let _done_already = execute(&mut self.connection, "ROLLBACK").await;
        }
        result
    }

    async fn fill(&mut self, batch: &[Job]) -> Result<(Log, Outcomes), Fault> {
        let mut refusals = Vec::with_capacity(batch.len());
        for job in batch {
            refusals.push(apply_rows(&mut self.connection, &job.rows).await?);
        }
        let accepted = || batch.iter().zip(&refusals).filter(|(_, no)| no.is_none());
        if accepted().next().is_none() {
            execute(&mut self.connection, "ROLLBACK").await?;
            let outcomes = refusals.into_iter().flatten().map(Err).collect();
            return Ok((self.log.clone(), outcomes));
        }
        let mut page = Page::start(self, accepted().any(|(job, _)| !job.entries.is_empty()))?;
        let mut outcomes: Outcomes = Vec::with_capacity(batch.len());
        for (job, refusal) in batch.iter().zip(refusals) {
            outcomes.push(match refusal {
                Some(error) => Err(error),
                None if page.is_after(job.not_after) => Err(CommitError::Late),
                None => Ok(page.add(job)?),
            });
        }
        let keep = accepted_control(batch, &outcomes);
        let log = self.insert(page, keep).await?;
        // The only moment that counts: before it nothing happened, after it everything did.
        execute(&mut self.connection, "COMMIT").await?;
        Ok((log, outcomes))
    }

    /// Inserts entries, inner hashes and kept checkpoint, and swaps the head.
    async fn insert(&mut self, page: Page, keep: bool) -> Result<Log, Fault> {
        let Page {
            entries,
            nodes,
            edge,
            ts,
            ..
        } = page;
        let old = &self.log;
        let mut log = old.clone();
        let grown = !entries.is_empty();
        insert_entries(&mut self.connection, entries).await?;
        for (level, index, hash) in nodes {
            sqlx::query(sql::log::INSERT_NODE)
                .bind(i64::from(level))
                .bind(index.cast_signed())
                .bind(hash.as_slice())
                .execute(&mut self.connection)
                .await?;
        }
        if grown {
            let name = self.signer.verifier_key().name().to_owned();
            let checkpoint = Checkpoint {
                origin: name,
                size: edge.size(),
                root: edge.root(),
            };
            let note = checkpoint
                .sign(&self.signer)
                .map_err(|why| Fault::Broken(why.to_string()))?;
            log.head = Head {
                size: edge.size(),
                root: checkpoint.root,
                checkpoint: note.to_string(),
                ts: Timestamp(ts),
            };
            log.edge = edge;
        }
        if grown && (keep || ts - log.kept_ms >= MINUTE_MS || ts < log.kept_ms) {
            log.kept_ms = ts;
            sqlx::query(sql::log::KEEP_CHECKPOINT)
                .bind(log.head.size.cast_signed())
                .bind(log.head.checkpoint.as_str())
                .bind(ts)
                .execute(&mut self.connection)
                .await?;
        }
        swap_head(&mut self.connection, old, &log).await?;
        Ok(log)
    }
}

/// Entries of one batch on their way into the tree.
struct Page {
    entries: Vec<NewEntry>,
    nodes: Vec<(u8, u64, Hash)>,
    edge: Edge,
    ts: i64,
}

impl Page {
    /// Reads the clock; a fall of more than two seconds is the first entry.
    fn start(sequencer: &Sequencer, any_entry: bool) -> Result<Self, Fault> {
        let log = &sequencer.log;
        let (wall, last) = (sequencer.clock.now().0, log.head.ts.0);
        let fell = log.head.size > 0 && wall < last - SMALL_FALL_MS;
        let mut page = Self {
            entries: Vec::new(),
            nodes: Vec::new(),
            edge: log.edge.clone(),
            ts: if fell { wall } else { wall.max(last) },
        };
        if fell && any_entry {
            let draft = jump(sequencer, last, wall)?;
            page.push(&Prepared {
                draft,
                kind: CLOCK_JUMP.to_owned(),
                incident: None,
            })?;
        }
        Ok(page)
    }

    fn add(&mut self, job: &Job) -> Result<Committed, Fault> {
        let first_seq = self.edge.size();
        for prepared in &job.entries {
            self.push(prepared)?;
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

    fn push(&mut self, prepared: &Prepared) -> Result<(), Fault> {
        let seq = self.edge.size();
        let invalid = |why: String| Fault::Refused(CommitError::Invalid(why));
        let leaf = prepared
            .draft
            .stamp(seq, self.ts)
            .map_err(|why| invalid(why.to_string()))?;
        let hash = leaf_hash(&leaf);
        let nodes = &mut self.nodes;
        self.edge
            .push_noting(hash, |level, index, hash| {
                if level > 0 && level.is_multiple_of(8) {
                    nodes.push((level, index, *hash));
                }
            })
            .map_err(|why| invalid(why.to_string()))?;
        let (kind, incident) = (prepared.kind.clone(), prepared.incident.clone());
        self.entries.push(NewEntry {
            seq,
            kind,
            incident,
            leaf,
            hash,
        });
        Ok(())
    }
}

fn jump(sequencer: &Sequencer, from_ms: i64, to_ms: i64) -> Result<PreparedDraft, Fault> {
    let members = [("from_ms", from_ms), ("to_ms", to_ms)];
    let members = members.map(|(name, number)| (name.to_owned(), number.into()));
    let draft = Draft {
        kind: CLOCK_JUMP.to_owned(),
        members: members.into_iter().collect(),
    };
    PreparedDraft::new(&draft, &sequencer.node, &sequencer.boot)
        .map_err(|why| Fault::Refused(CommitError::Invalid(why.to_string())))
}

/// Whether the batch recorded something besides calls: its checkpoint is kept.
fn accepted_control(batch: &[Job], outcomes: &Outcomes) -> bool {
    let mut jobs = batch.iter().zip(outcomes);
    jobs.any(|(job, outcome)| {
        job.lane == Lane::Control && outcome.is_ok() && !job.entries.is_empty()
    })
}

/// Applies one commit's rows under a savepoint; `Some` when they were taken back.
async fn apply_rows(
    connection: &mut SqliteConnection,
    rows: &[RowChange],
) -> Result<Option<CommitError>, Fault> {
    if rows.is_empty() {
        return Ok(None);
    }
    execute(connection, "SAVEPOINT job").await?;
    for row in rows {
        let refusal = match apply(connection, row).await {
            Ok(()) => continue,
            Err(ApplyError::Conflict(conflict)) => CommitError::Conflict(conflict),
            Err(ApplyError::Invalid(why)) => CommitError::Invalid(why),
            Err(ApplyError::Database(error)) => return Err(error.into()),
        };
        execute(connection, "ROLLBACK TO job").await?;
        execute(connection, "RELEASE job").await?;
        return Ok(Some(refusal));
    }
    execute(connection, "RELEASE job").await?;
    Ok(None)
}

/// Many rows per INSERT; never one statement per row.
async fn insert_entries(
    connection: &mut SqliteConnection,
    entries: Vec<NewEntry>,
) -> Result<(), Fault> {
    let mut left = entries.len();
    let mut entries = entries.into_iter();
    for (rows, text) in sql::ENTRY_ROWS.iter().zip(sql::INSERT_ENTRIES.iter()) {
        while left >= *rows {
            left -= rows;
            let mut values = SqliteArguments::default();
            for entry in entries.by_ref().take(*rows) {
                bind_entry(&mut values, entry)?;
            }
            sqlx::query_with(text.as_str(), values)
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}

fn bind_entry(values: &mut SqliteArguments, entry: NewEntry) -> Result<(), Fault> {
    let control = i64::from(entry.is_control());
    let added = values
        .add(entry.seq.cast_signed())
        .and_then(|()| values.add(entry.kind))
        .and_then(|()| values.add(entry.incident))
        .and_then(|()| values.add(control))
        .and_then(|()| values.add(entry.leaf))
        .and_then(|()| values.add(entry.hash.to_vec()));
    added.map_err(|why| Fault::Refused(CommitError::Invalid(why.to_string())))
}

/// Compare and swap: another writer, or another hand, makes this fail.
async fn swap_head(connection: &mut SqliteConnection, old: &Log, new: &Log) -> Result<(), Fault> {
    let done = sqlx::query(sql::log::SWAP_HEAD)
        .bind(new.head.size.cast_signed())
        .bind(new.head.root.as_slice())
        .bind(new.edge.to_bytes())
        .bind(new.head.ts.0)
        .bind(new.head.checkpoint.as_str())
        .bind(old.head.size.cast_signed())
        .bind(old.head.root.as_slice())
        .bind(old.writer_epoch)
        .execute(connection)
        .await?;
    if done.rows_affected() == 1 {
        return Ok(());
    }
    Err(Fault::Broken("somebody else writes this log".to_owned()))
}

async fn execute(connection: &mut SqliteConnection, text: &'static str) -> sqlx::Result<u64> {
    Ok(sqlx::query(text).execute(connection).await?.rows_affected())
}
