//! One transaction: rows under savepoints, then entries, head and checkpoint, then COMMIT.

use super::apply::steps;
use super::change::RowChange;
use super::error::CommitError;
use super::page::{Log, Outcomes, Planned, plan};
use super::sequencer::{Job, Sequencer};
use super::step::Step;
use super::writer::{Mark, Refused, Writer};

/// Why a batch was not written.
pub(super) enum Fault {
    /// Surely nothing was written; everybody gets this answer and the writer goes on.
    Refused(CommitError),
    /// Perhaps something was; the writer stops.
    Broken(String),
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full => Self::Refused(CommitError::Full),
            // A statement that waited too long ends its transaction, which is rolled back whole; only
            // COMMIT leaves it open what became of it.
            Refused::Busy(_) => Self::Refused(CommitError::Overloaded),
            Refused::Invalid(why) | Refused::Failed(why) => Self::Broken(why),
        }
    }
}

impl From<CommitError> for Fault {
    fn from(error: CommitError) -> Self {
        Self::Refused(error)
    }
}

impl Sequencer {
    /// Writes a batch: the log as it is afterwards and one outcome per job.
    pub(super) fn transact(&mut self, batch: &[Job]) -> Result<(Log, Outcomes), Fault> {
        let result = match self.writer.mark(Mark::Begin) {
            Ok(()) => self.fill(batch),
            // Nothing has begun, so nothing can be half done; busy: somebody else, such as an
            // operator's shell, holds the write lock.
            Err(refused) => return Err(refused.into()),
        };
        if result.is_err() {
            // The database may have rolled back already; either way nothing of the batch is left.
            let _done_already = self.writer.mark(Mark::Rollback);
        }
        result
    }

    fn fill(&mut self, batch: &[Job]) -> Result<(Log, Outcomes), Fault> {
        let mut refusals = Vec::with_capacity(batch.len());
        for job in batch {
            refusals.push(apply_rows(&mut self.writer, &job.rows)?);
        }
        if refusals.iter().all(Option::is_some) {
            self.writer.mark(Mark::Rollback)?;
            let outcomes = refusals.into_iter().flatten().map(Err).collect();
            return Ok((self.log.clone(), outcomes));
        }
        let Planned {
            log,
            outcomes,
            steps,
        } = plan(&self.log, &self.author, self.clock.now(), batch, refusals)?;
        for step in steps {
            if !execute(&mut self.writer, &step)? {
                return Err(Fault::Broken("somebody else writes this log".to_owned()));
            }
        }
        // The only moment that counts: before it nothing happened, after it everything did.
        self.writer
            .mark(Mark::Commit)
            .map_err(|refused| match refused {
                Refused::Busy(why) => Fault::Broken(why),
                refused => refused.into(),
            })?;
        Ok((log, outcomes))
    }
}

/// Applies one commit's rows under a savepoint; `Some` when they were taken back.
fn apply_rows(writer: &mut Writer, rows: &[RowChange]) -> Result<Option<CommitError>, Fault> {
    if rows.is_empty() {
        return Ok(None);
    }
    writer.mark(Mark::Savepoint)?;
    for row in rows {
        let Some(refusal) = apply(writer, row)? else {
            continue;
        };
        writer.mark(Mark::RollbackTo)?;
        writer.mark(Mark::Release)?;
        return Ok(Some(refusal));
    }
    writer.mark(Mark::Release)?;
    Ok(None)
}

/// Applies one change; `Some` when it refuses its commit.
fn apply(writer: &mut Writer, row: &RowChange) -> Result<Option<CommitError>, Fault> {
    let steps = match steps(row) {
        Ok(steps) => steps,
        Err(why) => return Ok(Some(CommitError::Invalid(why.to_string()))),
    };
    for step in steps {
        match (execute(writer, &step), step.otherwise) {
            (Ok(true), _) => {}
            (Ok(false), conflict) => return Ok(conflict.map(CommitError::Conflict)),
            (Err(Refused::Invalid(why)), _) => return Ok(Some(CommitError::Invalid(why))),
            (Err(refused), _) => return Err(refused.into()),
        }
    }
    Ok(None)
}

/// Executes one statement; false when it did not change the row it must change.
fn execute(writer: &mut Writer, step: &Step) -> Result<bool, Refused> {
    let changed = writer.execute(step.text, &step.values)?;
    Ok(step.otherwise.is_none() || changed == 1)
}
