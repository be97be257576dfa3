//! SQL: the one write path, the sequencer of the log, and reads.
//!
//! Entries, row changes and alerts of a commit become durable in one transaction or not at all
//! (DESIGN §4.3). Knows SQL, files beside the database, and how domain values lie in rows;
//! decides nothing about incidents, people or Databricks.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

mod apply;
mod backup;
mod backup_stamp;
mod ballast;
mod batch;
pub mod change;
mod check;
mod commit;
mod dump;
mod durable;
mod emergency;
mod error;
mod high_water;
mod open;
mod owner;
mod page;
pub mod peek;
mod proposals;
mod query;
mod read;
mod rows;
mod sequencer;
pub mod sql;
mod step;
mod tree;
mod tree_range;
mod undo;
mod writer;

pub use backup::{Backup, back_up};
pub use backup_stamp::BackupStamp;
pub use ballast::Ballast;
pub use commit::{CallLine, Commit, Committed, Genesis, Head, Lane, LogIdentity, SecretLogSeed};
pub use emergency::{Cut, EmergencyCopy, EmergencyLog, EmergencySource};
pub use error::{CommitError, Conflict, StoreError};
pub use open::{POSTGRES, SQLITE, put_back, remembered};
pub use proposals::Proposal;
pub use rows::{AlertRow, ChannelRow, EpochRow, LoginRow, SessionRow};

use crate::audit::entry::{Draft, PreparedDraft};
use crate::domain::time::Timestamp;
use change::RowChange;
use query::Pool;
use sequencer::{DATA_SLOTS, Job, Message, Prepared};

/// More waiting calls than this for [`CROWDED_FOR`] and further ones are shed.
const CROWDED: usize = 2048;
/// How long the queue may be crowded before calls are shed.
const CROWDED_FOR: Duration = Duration::from_millis(250);

/// How long a server may take to keep what a node leaves with it.
const LEAVE_PATIENCE: Duration = Duration::from_secs(20);

/// `[store]`: where the vault's rows and log are. Exactly one of the two.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Path of the SQLite database; lock file and high-water mark lie beside it.
    pub sqlite: Option<PathBuf>,
    /// File with the PostgreSQL connection URL, which holds a password.
    pub postgres_url_file: Option<UrlFile>,
}

/// The file with a server's URL, and where this node keeps its own files about that server.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(from = "PathBuf")]
pub struct UrlFile {
    /// The file.
    pub path: PathBuf,
    /// Folder of the high-water mark and of copies made before migrations; beside the file unless
    /// somebody says otherwise.
    pub data: PathBuf,
}

impl From<PathBuf> for UrlFile {
    fn from(path: PathBuf) -> Self {
        let data = path.parent().map(Path::to_owned).unwrap_or_default();
        Self { path, data }
    }
}

/// The store of one vault. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    readers: Pool,
    control: mpsc::Sender<Message>,
    data: mpsc::Sender<Job>,
    head: watch::Receiver<Head>,
    writable: Arc<AtomicBool>,
    /// The lock is somebody else's.
    lost: CancellationToken,
    /// That of this process.
    writer_epoch: i64,
    node: String,
    boot: String,
    crowded_since: Mutex<Option<Instant>>,
    ended: Mutex<Option<oneshot::Receiver<()>>>,
}

impl Store {
    fn assembled(
        readers: Pool,
        control: mpsc::Sender<Message>,
        data: mpsc::Sender<Job>,
        head: watch::Receiver<Head>,
        writable: Arc<AtomicBool>,
        identity: LogIdentity,
        (lost, ended, writer_epoch): (CancellationToken, oneshot::Receiver<()>, i64),
    ) -> Self {
        let LogIdentity { node, boot, .. } = identity;
        let crowded_since = Mutex::new(None);
        let ended = Mutex::new(Some(ended));
        let inner = Inner {
            readers,
            control,
            data,
            head,
            writable,
            lost,
            writer_epoch,
            node,
            boot,
            crowded_since,
            ended,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Makes entries and rows durable, all or nothing; the answer comes after the disk's.
    ///
    /// A caller that stops waiting does not stop the commit.
    ///
    /// # Errors
    /// [`CommitError`]; only [`CommitError::Unknown`] leaves open whether it happened.
    pub async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        self.commit_kept(&commit).await
    }

    /// The same for a caller that keeps what it asked for, to ask again.
    ///
    /// # Errors
    /// [`CommitError`], as [`Store::commit`].
    pub async fn commit_kept(&self, commit: &Commit) -> Result<Committed, CommitError> {
        let entries = commit
            .drafts
            .iter()
            .map(|draft| self.prepare(draft))
            .collect::<Result<_, _>>()?;
        self.queued(entries, commit.rows.clone(), commit.lane, None)
            .await
    }

    /// Makes one entry about a call durable; the answer comes after the disk's.
    ///
    /// # Errors
    /// [`CommitError`], as [`Store::commit`].
    pub async fn commit_line(&self, call: &CallLine<'_>) -> Result<Committed, CommitError> {
        let entry = Prepared {
            draft: PreparedDraft::of_line(&call.line, &self.inner.node, &self.inner.boot)?,
            kind: call.line.kind.into(),
            incident: Some(call.incident.to_owned()),
        };
        self.queued(vec![entry], Vec::new(), call.lane, call.not_after)
            .await
    }

    async fn queued(
        &self,
        entries: Vec<Prepared>,
        rows: Vec<RowChange>,
        lane: Lane,
        not_after: Option<Timestamp>,
    ) -> Result<Committed, CommitError> {
        let (answer, answered) = oneshot::channel();
        let job = Job {
            entries,
            rows,
            lane,
            not_after,
            answer,
        };
        match lane {
            Lane::Control => self.queue_control(job).await?,
            Lane::Data => self.queue_call(job).map_err(|(_, error)| error)?,
            Lane::Owed => match self.queue_call(job) {
                Err((job, CommitError::Overloaded)) => self.queue_control(job).await?,
                queued => queued.map_err(|(_, error)| error)?,
            },
        }
        let gone = |_| CommitError::Unknown("the writer ended without an answer".to_owned());
        answered.await.map_err(gone)?
    }

    fn prepare(&self, draft: &Draft) -> Result<Prepared, CommitError> {
        let ready = PreparedDraft::new(draft, &self.inner.node, &self.inner.boot)?;
        let incident = draft
            .members
            .get("inc")
            .and_then(|inc| inc.as_str())
            .map(str::to_owned);
        Ok(Prepared {
            draft: ready,
            kind: draft.kind.clone().into(),
            incident,
        })
    }

    async fn queue_control(&self, job: Job) -> Result<(), CommitError> {
        let message = Message::Commit(Box::new(job));
        let sent = self.inner.control.send(message).await;
        sent.map_err(|_| CommitError::Closed)
    }

    /// Sheds instead of queueing for long: a call that waits helps nobody (facts §2.2). What was
    /// not queued comes back.
    fn queue_call(&self, job: Job) -> Result<(), (Job, CommitError)> {
        let waiting = DATA_SLOTS - self.inner.data.capacity();
        {
            let since = &self.inner.crowded_since;
            let mut since = since.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting <= CROWDED {
                *since = None;
            } else if since.get_or_insert_with(Instant::now).elapsed() > CROWDED_FOR {
                return Err((job, CommitError::Overloaded));
            }
        }
        self.inner
            .data
            .try_send(job)
            .map_err(|refused| match refused {
                TrySendError::Full(job) => (job, CommitError::Overloaded),
                TrySendError::Closed(job) => (job, CommitError::Closed),
            })
    }

    /// The newest committed head, from memory.
    #[must_use]
    pub fn head(&self) -> Head {
        self.inner.head.borrow().clone()
    }

    /// Tells of every new head; for those who follow the log.
    #[must_use]
    pub fn heads(&self) -> watch::Receiver<Head> {
        self.inner.head.clone()
    }

    /// Whether the last batch could be written. False after a full disk until a batch succeeds,
    /// and for good after any other failure or when the lock is lost.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.inner.writable.load(Ordering::Acquire) && !self.inner.lost.is_cancelled()
    }

    /// Leaves a fact with the server when the log cannot be written any more, for the node that is
    /// active next: durable there when this returns, and only while that is still this process. A
    /// file's vault stays on its host, so there is nobody to leave anything to.
    ///
    /// # Errors
    /// The vault is another node's by now, or the server does not answer.
    pub async fn leave(&self, name: &str, value: &str) -> Result<(), StoreError> {
        let Pool::Postgres(server) = &self.inner.readers else {
            return Ok(());
        };
        let gone = || StoreError::Writer("another node may write this vault".to_owned());
        if self.inner.lost.is_cancelled() {
            return Err(gone());
        }
        let left = sqlx::query(open::LEAVE_FACT)
            .bind(name)
            .bind(value)
            .bind(self.inner.writer_epoch)
            .execute(server);
        let left = tokio::time::timeout(LEAVE_PATIENCE, left).await;
        let left = left.map_err(|_| StoreError::Writer("the server does not answer".to_owned()))?;
        match left?.rows_affected() {
            1 => Ok(()),
            _ => Err(gone()),
        }
    }

    /// Writes what waits, then the high-water mark, and releases the lock. Reads and commits
    /// fail afterwards.
    pub async fn close(&self) {
        let ended = self
            .inner
            .ended
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // Readers first: the writer folds the WAL in, and only as the last connection. A reader
        // that ends after it may not write.
        self.inner.readers.close().await;
        // The writer may have stopped already; then there is only its end to wait for.
        let _stopped = self.inner.control.send(Message::Close).await;
        if let Some(ended) = ended
            && ended.await.is_err()
        {
            tracing::error!("the writer of the log ended badly");
        }
    }

    /// Ends when this process cannot write the log any more: its writer has stopped, or the
    /// server gave its lock to somebody else.
    pub async fn until_unwritable(&self) {
        let mut heads = self.heads();
        let lost = self.inner.lost.clone();
        let stopped = async { while heads.changed().await.is_ok() {} };
        tokio::select! {
            () = stopped => {}
            () = lost.cancelled() => {}
        }
    }

    fn reader(&self) -> &Pool {
        &self.inner.readers
    }
}
