//! The one writer: collects what waits, writes it in one transaction, answers everybody.
//!
//! Batches form by themselves: while one commit waits for the disk, the next callers queue up.
//! There is no timer. It has a thread of its own, because statements and the disk's answer block
//! it and a hop between threads costs more than most statements. After an error whose outcome is unknown it stops for good, because a
//! second fsync after a failed one may lie (facts §1.3).

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::batch::Fault;
use super::change::RowChange;
use super::commit::{Committed, Head, Lane};
use super::error::CommitError;
use super::open::Lock;
use super::page::{Author, Log, Outcomes};
use super::writer::Writer;
use crate::audit::entry::PreparedDraft;
use crate::domain::time::{Clock, Timestamp};

/// Most commits in one transaction.
pub(super) const MAX_BATCH: usize = 256;
/// Room for commits of the control lane.
pub(super) const CONTROL_SLOTS: usize = 256;
/// Room for commits of the data lane.
pub(super) const DATA_SLOTS: usize = 4096;
/// Rest between two tries to fold the write-ahead log in, milliseconds.
const FOLD_PAUSE_MS: i64 = 5_000;

/// An entry whose bytes are ready but for two numbers.
#[derive(Debug)]
pub(super) struct Prepared {
    pub draft: PreparedDraft,
    pub kind: Cow<'static, str>,
    pub incident: Option<String>,
}

/// One waiting commit.
#[derive(Debug)]
pub(super) struct Job {
    pub entries: Vec<Prepared>,
    pub rows: Vec<RowChange>,
    pub lane: Lane,
    pub not_after: Option<Timestamp>,
    pub answer: oneshot::Sender<Result<Committed, CommitError>>,
}

/// One caller and what it is told.
pub(super) type Answer = (
    oneshot::Sender<Result<Committed, CommitError>>,
    Result<Committed, CommitError>,
);

/// Tells callers on the runtime's own threads. Waking a task from outside costs a lock and often a
/// system call; so it is one for a batch, and the writer is free for the next one.
pub(super) async fn hand_out(mut answers: mpsc::UnboundedReceiver<Vec<Answer>>) {
    while let Some(batch) = answers.recv().await {
        for (caller, outcome) in batch {
            // The caller may be gone; its commit stands all the same.
            let _gone = caller.send(outcome);
        }
    }
}

/// What comes through the control channel.
#[derive(Debug)]
pub(super) enum Message {
    Commit(Box<Job>),
    Close,
}

/// Everything the writer owns.
pub(super) struct Sequencer {
    pub writer: Writer,
    pub log: Log,
    pub author: Author,
    pub clock: Arc<dyn Clock>,
    pub control: mpsc::Receiver<Message>,
    pub data: mpsc::Receiver<Job>,
    pub heads: watch::Sender<Head>,
    pub writable: Arc<AtomicBool>,
    /// Writes the high-water mark; ends when `heads` is gone.
    pub high_water: JoinHandle<()>,
    /// Held until everything else is done.
    pub lock: Lock,
    /// Whether the write-ahead log has to be folded in.
    pub fold: Fold,
    /// The lock is somebody else's.
    pub lost: CancellationToken,
    /// Takes the answers of a batch to their callers.
    pub answers: mpsc::UnboundedSender<Vec<Answer>>,
    /// Lets the thread wait for the queues, which belong to the callers' runtime.
    pub runtime: Handle,
    /// Told when everything else is done.
    pub ended: oneshot::Sender<()>,
}

/// What erasures left to be done in the write-ahead log.
#[derive(Debug, Default)]
pub(super) struct Fold {
    /// Something was erased whose former pages are still there.
    is_owed: bool,
    /// Boot-time clock before which it is not tried again, milliseconds.
    not_before_ms: Option<i64>,
}

impl Sequencer {
    /// Writes until it is told to close, every [`super::Store`] is gone, or the log fails.
    pub(super) fn run(mut self) {
        let (mut closing, mut broken) = (false, false);
        while !closing {
            let mut batch = Vec::new();
            closing = self.runtime.clone().block_on(self.collect(&mut batch));
            if !batch.is_empty() && !self.write(batch) {
                broken = true;
                break;
            }
        }
        self.writable.store(false, Ordering::Release);
        if !broken {
            self.refuse_the_rest();
        }
        self.end(broken);
    }

    /// Fills a batch with what waits, control first; true when this is the last one.
    async fn collect(&mut self, batch: &mut Vec<Job>) -> bool {
        tokio::select! {
            biased;
            // Whoever has the lock now writes this log.
            () = self.lost.cancelled() => return true,
            message = self.control.recv() => match message {
                Some(Message::Commit(job)) => batch.push(*job),
                Some(Message::Close) | None => return true,
            },
            job = self.data.recv() => match job {
                Some(job) => batch.push(job),
                None => return true,
            },
        }
        while batch.len() < MAX_BATCH {
            match self.control.try_recv() {
                Ok(Message::Commit(job)) => batch.push(*job),
                Ok(Message::Close) => return true,
                Err(_) => break,
            }
        }
        while batch.len() < MAX_BATCH {
            let Ok(job) = self.data.try_recv() else { break };
            batch.push(job);
        }
        false
    }

    /// Folds the write-ahead log in after an erasure, and as long as a reader holds that up again
    /// after a later batch: seldom, because each try copies pages while commits wait. A crash
    /// before it leaves sealed files there a little longer; what was committed stands.
    fn fold(&mut self) {
        let now_ms = self.clock.boot_ms();
        let rests = self.fold.not_before_ms.is_some_and(|at| now_ms < at);
        if !self.fold.is_owed || rests {
            return;
        }
        match self.writer.fold() {
            Ok(()) => self.fold = Fold::default(),
            Err(why) => {
                tracing::warn!(
                    ?why,
                    "the write-ahead log was not folded in after an erasure; it is tried again"
                );
                self.fold.not_before_ms = Some(now_ms.saturating_add(FOLD_PAUSE_MS));
            }
        }
    }

    /// Writes one batch and answers it; false when the writer must stop.
    fn write(&mut self, batch: Vec<Job>) -> bool {
        match self.transact(&batch) {
            Ok((log, outcomes)) => {
                // From here the batch is durable. A crash before the answers leaves entries that
                // their callers do not know of: begun calls become `call.lost` at the next start.
                self.log = log;
                self.writable.store(true, Ordering::Release);
                self.heads.send_replace(self.log.head.clone());
                self.fold.is_owed |= batch.iter().flat_map(|job| &job.rows).any(erases);
                self.answer(batch, outcomes);
                self.fold();
                true
            }
            Err(Fault::Refused(error)) => {
                if error == CommitError::Full {
                    self.writable.store(false, Ordering::Release);
                }
                answer_all(batch, &error);
                true
            }
            Err(Fault::Broken(why)) => {
                tracing::error!(why, "the log failed; nothing can be written any more");
                self.writable.store(false, Ordering::Release);
                answer_all(batch, &CommitError::Unknown(why));
                false
            }
        }
    }

    /// A caller alone is told at once.
    fn answer(&self, batch: Vec<Job>, outcomes: Outcomes) {
        let callers = batch.into_iter().map(|job| job.answer);
        let told: Vec<Answer> = callers.zip(outcomes).collect();
        let left = match told.len() {
            0 | 1 => told,
            _ => match self.answers.send(told) {
                Ok(()) => return,
                Err(ending) => ending.0,
            },
        };
        for (caller, outcome) in left {
            let _gone = caller.send(outcome);
        }
    }

    fn refuse_the_rest(&mut self) {
        self.control.close();
        self.data.close();
        while let Ok(message) = self.control.try_recv() {
            if let Message::Commit(job) = message {
                answer_all(vec![*job], &CommitError::Closed);
            }
        }
        while let Ok(job) = self.data.try_recv() {
            answer_all(vec![job], &CommitError::Closed);
        }
    }

    /// High-water mark first, lock last. After a failure the lock stays ours until the process has
    /// done what it does without the log: on a server another node would take over meanwhile.
    fn end(self, broken: bool) {
        let Self {
            writer,
            control,
            data,
            lost,
            heads,
            high_water,
            lock,
            runtime,
            ended,
            ..
        } = self;
        drop(heads);
        if let Err(why) = runtime.block_on(high_water) {
            tracing::error!(%why, "the high-water mark was not written");
        }
        if broken {
            runtime.block_on(refuse_until_closed(control, data, lost));
        }
        if let Err(why) = writer.close() {
            tracing::warn!(
                ?why,
                "the database did not close cleanly; it recovers at the next start"
            );
        }
        lock.release(&runtime);
        // Nobody waits for it when the store was thrown away without being closed.
        let _nobody_waits = ended.send(());
    }
}

/// Nothing is written any more; ends when every [`super::Store`] is gone or closed, or when the
/// lock is lost.
async fn refuse_until_closed(
    mut control: mpsc::Receiver<Message>,
    mut data: mpsc::Receiver<Job>,
    lost: CancellationToken,
) {
    loop {
        let job = tokio::select! {
            biased;
            () = lost.cancelled() => return,
            message = control.recv() => match message {
                Some(Message::Commit(job)) => *job,
                Some(Message::Close) | None => return,
            },
            job = data.recv() => match job {
                Some(job) => job,
                None => return,
            },
        };
        answer_all(vec![job], &CommitError::Closed);
    }
}

fn answer_all(batch: Vec<Job>, error: &CommitError) {
    for job in batch {
        let _gone = job.answer.send(Err(error.clone()));
    }
}

/// Whether a change removes something whose former bytes should not stay on the disk.
fn erases(change: &RowChange) -> bool {
    matches!(
        change,
        RowChange::EraseCredential { .. }
            | RowChange::EraseShares { .. }
            | RowChange::DiscardEpoch { .. }
            | RowChange::DropEnvelope { .. }
            | RowChange::DropEnvelopes { .. }
    )
}
