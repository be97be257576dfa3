//! Opening: lock, migrations, start-up check (facts §1.9), then the writer.
//!
//! Nothing is repaired here. What does not fit is [`StoreError::Forked`] and nothing starts.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::commit::{Commit, Genesis, Head, LogIdentity};
use super::durable::at;
use super::error::StoreError;
use super::page::{Author, Log};
use super::query::{Pool, query_scalar};
use super::sequencer::{CONTROL_SLOTS, DATA_SLOTS, Fold, Sequencer, hand_out};
use super::writer::{Writer, open_sqlite};
use super::{Config, Store, UrlFile, check, high_water, owner, sql};
use crate::audit::checkpoint::Checkpoint;
use crate::audit::merkle::Edge;
use crate::audit::note::{NoteSigner, VerifierKey};
use crate::domain::time::Clock;

mod migrate;
mod postgres;
mod renamed;

pub use renamed::{put_back, remembered};

pub(super) use postgres::{LEAVE_FACT, connect_to};

use migrate::migrate;

/// Migrations of SQLite.
pub static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
/// Migrations of PostgreSQL: the same numbers, the same tables.
pub static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

const READERS: u32 = 4;
/// How long a connection waits for whoever has SQLite's write lock.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// What every connection that writes sets. `fullfsync` matters on macOS only. `secure_delete`:
/// erased rows are overwritten. `synchronous=FULL`: an answered commit survives power loss.
pub(super) const PRAGMAS: [(&str, &str); 5] = [
    ("synchronous", "FULL"),
    ("foreign_keys", "ON"),
    ("fullfsync", "ON"),
    ("secure_delete", "ON"),
    ("trusted_schema", "OFF"),
];

impl Store {
    /// Makes a vault: migrations, an empty log, the first commit, whose first entry is
    /// `log.genesis`.
    ///
    /// # Errors
    /// [`StoreError::NotEmpty`] when there is one already; otherwise as [`Store::open`].
    pub async fn create(
        config: &Config,
        genesis: Genesis,
        clock: Arc<dyn Clock>,
    ) -> Result<Store, StoreError> {
        let is_genesis = |kind: &str| kind == "log.genesis";
        if !genesis
            .first
            .drafts
            .first()
            .is_some_and(|draft| is_genesis(&draft.kind))
        {
            return Err(StoreError::Identity(
                "the first entry must be log.genesis".to_owned(),
            ));
        }
        let signer = signer(&genesis.log)?;
        let ground = match place(config)? {
            Place::Sqlite(path) => create_sqlite(path, &signer).await?,
            Place::Postgres(url_file) => create_postgres(url_file, &signer).await?,
        };
        let log = check::whole_head(&ground.readers, signer.verifier_key()).await?;
        // A crash before the first commit leaves a log of no entries, which `open` does not
        // accept and the next `create` removes.
        let store = start(ground, genesis.log, clock, log).await?;
        first_commit(store, genesis.first).await
    }

    /// Opens the vault and starts its writer.
    ///
    /// # Errors
    /// [`StoreError::InUse`], [`StoreError::Missing`], [`StoreError::Newer`],
    /// [`StoreError::Forked`], [`StoreError::Forgetful`], or what the database said.
    pub async fn open(
        config: &Config,
        log: LogIdentity,
        clock: Arc<dyn Clock>,
    ) -> Result<Store, StoreError> {
        let key = signer(&log)?.verifier_key().clone();
        match place(config)? {
            Place::Sqlite(path) => {
                let (ground, head) = open_file(path, &key).await?;
                start(ground, log, clock, head).await
            }
            Place::Postgres(url_file) => {
                let mut server = postgres::Server::take(url_file).await?;
                if !server.has_vault().await? {
                    return Err(StoreError::Missing(url_file.path.clone()));
                }
                server.migrate().await?;
                server.raise().await?;
                let ground = server.ground().await?;
                let head = check::at_start(&ground.readers, &key, &ground.mark).await?;
                start(ground, log, clock, head).await
            }
        }
    }

    /// A fact of a vault on PostgreSQL that another process may be writing, for one that stands by.
    ///
    /// # Errors
    /// What the database said.
    pub async fn foreign_fact(config: &Config, name: &str) -> Result<Option<String>, StoreError> {
        match place(config)? {
            Place::Sqlite(_) => Ok(None),
            Place::Postgres(url_file) => postgres::fact(url_file, name).await,
        }
    }
}

/// An opened database, its lock held and its writer epoch ours.
pub(super) struct Ground {
    readers: Pool,
    writer: Writer,
    lock: Lock,
    /// Path of the high-water mark.
    mark: PathBuf,
}

/// What says that this process writes; given back when dropped.
pub(super) enum Lock {
    /// The file beside the database.
    File(File),
    /// A lock of the server, which ends with its connection.
    Advisory(postgres::Held),
}

impl Lock {
    /// Gives it back; nobody else has it before this ends.
    pub(super) fn release(self, runtime: &Handle) {
        match self {
            // Given back by word, not by closing: a process that was just forked holds the file open
            // until it becomes another program.
            Self::File(file) => {
                if let Err(why) = file.unlock() {
                    tracing::warn!(%why, "the lock ends with the process");
                }
            }
            Self::Advisory(held) => runtime.block_on(held.release()),
        }
    }

    /// Told when the server gave the lock to somebody else. A file's lock is never lost.
    fn lost(&self) -> CancellationToken {
        match self {
            Self::File(_) => CancellationToken::new(),
            Self::Advisory(held) => held.lost(),
        }
    }
}

async fn create_sqlite(path: &Path, signer: &NoteSigner) -> Result<Ground, StoreError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(at(folder))?;
    let lock = take_lock(path)?;
    clear_unfinished(path, signer.verifier_key().name()).await?;
    let mut connection = connect(path, true).await?;
    SQLITE.run_direct(None, &mut connection, false).await?;
    let (root, edge, note) = empty_head(signer)?;
    sqlx::query(sql::log::INSERT_HEAD)
        .bind(0i64)
        .bind(root)
        .bind(edge)
        .bind(0i64)
        .bind(note)
        .execute(&mut connection)
        .await?;
    let readers = file_readers(path).await?;
    file_ground(path, lock, connection, readers, 0).await
}

async fn create_postgres(url_file: &UrlFile, signer: &NoteSigner) -> Result<Ground, StoreError> {
    let mut server = postgres::Server::take(url_file).await?;
    let mark = high_water::within(&url_file.data);
    let aside = high_water::kept(&mark, signer.verifier_key().name())?;
    if server.has_vault().await? || mark.try_exists().map_err(at(&mark))? || !aside.is_empty() {
        return Err(StoreError::NotEmpty(url_file.path.clone()));
    }
    server.migrate().await?;
    server.insert_empty_head(empty_head(signer)?).await?;
    server.raise().await?;
    server.ground().await
}

/// A file that is there, locked and of this program's schema: the lock, the writer's connection and
/// the readers.
async fn taken_file(path: &Path) -> Result<(File, SqliteConnection, Pool), StoreError> {
    if !path.try_exists().map_err(at(path))? {
        return Err(StoreError::Missing(path.to_owned()));
    }
    let lock = take_lock(path)?;
    let mut connection = connect(path, false).await?;
    migrate(&mut connection, path).await?;
    Ok((lock, connection, file_readers(path).await?))
}

async fn open_file(path: &Path, key: &VerifierKey) -> Result<(Ground, Log), StoreError> {
    let (lock, connection, readers) = taken_file(path).await?;
    let mut head = check::at_start(&readers, key, &high_water::path(path)).await?;
    if head.head.size == 0 {
        return Err(StoreError::Missing(path.to_owned()));
    }
    let ground = file_ground(path, lock, connection, readers, head.writer_epoch).await?;
    head.writer_epoch += 1;
    Ok((ground, head))
}

async fn file_readers(path: &Path) -> Result<Pool, StoreError> {
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .connect_with(options(path).read_only(true))
        .await?;
    Ok(Pool::Sqlite(readers))
}

/// Raises the writer epoch, so that a process that still believes to be the writer fails, and
/// opens the writer's connection.
async fn file_ground(
    path: &Path,
    lock: File,
    mut connection: SqliteConnection,
    readers: Pool,
    epoch: i64,
) -> Result<Ground, StoreError> {
    let raise = sqlx::query(sql::log::RAISE_WRITER).bind(epoch);
    if raise.execute(&mut connection).await?.rows_affected() != 1 {
        return Err(StoreError::InUse(lock_path(path)));
    }
    let writer = open_sqlite(path, &PRAGMAS).map_err(|why| StoreError::Writer(why.to_string()))?;
    // Only now: the last connection that closes would fold the write-ahead log in.
    connection.close().await?;
    Ok(Ground {
        readers,
        writer: Writer::Sqlite(writer),
        lock: Lock::File(lock),
        mark: high_water::path(path),
    })
}

async fn first_commit(store: Store, first: Commit) -> Result<Store, StoreError> {
    match store.commit(first).await {
        Ok(_) => Ok(store),
        Err(error) => {
            store.close().await;
            Err(error.into())
        }
    }
}

/// Starts the writer.
async fn start(
    ground: Ground,
    identity: LogIdentity,
    clock: Arc<dyn Clock>,
    mut log: Log,
) -> Result<Store, StoreError> {
    let Ground {
        readers,
        writer,
        lock,
        mark,
    } = ground;
    log.kept_ms = query_scalar(sql::log::LAST_KEPT)
        .fetch_one(&readers)
        .await?;
    let (control, control_end) = mpsc::channel(CONTROL_SLOTS);
    let (data, data_end) = mpsc::channel(DATA_SLOTS);
    let (heads, head) = watch::channel(log.head.clone());
    let writable = Arc::new(AtomicBool::new(true));
    let high_water = tokio::spawn(high_water::follow(mark, head.clone()));
    let (ended, end) = oneshot::channel();
    let lost = lock.lost();
    let writer_epoch = log.writer_epoch;
    let (answers, to_hand_out) = mpsc::unbounded_channel();
    drop(tokio::spawn(hand_out(to_hand_out)));
    let sequencer = Sequencer {
        writer,
        log,
        author: Author {
            signer: signer(&identity)?,
            node: identity.node.clone(),
            boot: identity.boot.clone(),
        },
        clock,
        control: control_end,
        data: data_end,
        heads,
        writable: Arc::clone(&writable),
        high_water,
        lock,
        fold: Fold::default(),
        lost: lost.clone(),
        answers,
        runtime: Handle::current(),
        ended,
    };
    std::thread::Builder::new()
        .name("log-writer".to_owned())
        .spawn(move || sequencer.run())
        .map_err(|why| StoreError::Writer(why.to_string()))?;
    Ok(Store::assembled(
        readers,
        control,
        data,
        head,
        writable,
        identity,
        (lost, end, writer_epoch),
    ))
}

fn signer(log: &LogIdentity) -> Result<NoteSigner, StoreError> {
    log.signer()
        .map_err(|why| StoreError::Identity(why.to_string()))
}

/// Where the rows are.
pub(super) enum Place<'c> {
    /// The database's file.
    Sqlite(&'c Path),
    /// File of the server's address.
    Postgres(&'c UrlFile),
}

/// The one place a configuration names.
pub(super) fn place(config: &Config) -> Result<Place<'_>, StoreError> {
    match (&config.sqlite, &config.postgres_url_file) {
        (Some(path), None) => Ok(Place::Sqlite(path)),
        (None, Some(url_file)) => Ok(Place::Postgres(url_file)),
        (Some(_), Some(_)) => Err(StoreError::Config("store names two databases")),
        (None, None) => Err(StoreError::Config("store names no database")),
    }
}

fn lock_path(database: &Path) -> PathBuf {
    let mut name = database.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    database.with_file_name(name)
}

fn take_lock(database: &Path) -> Result<File, StoreError> {
    let path = lock_path(database);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(at(&path))?;
    owner::of_folder(&file, &path);
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(path)),
        Err(TryLockError::Error(source)) => Err(StoreError::File { path, source }),
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(BUSY_TIMEOUT);
    PRAGMAS.into_iter().fold(options, |options, (name, value)| {
        options.pragma(name, value)
    })
}

async fn connect(path: &Path, create: bool) -> Result<SqliteConnection, StoreError> {
    Ok(options(path).create_if_missing(create).connect().await?)
}

/// Removes what an interrupted `create` left: a database whose log has no entry.
async fn clear_unfinished(path: &Path, origin: &str) -> Result<(), StoreError> {
    let mark = high_water::path(path);
    if !high_water::kept(&mark, origin)?.is_empty() {
        // Somebody began to declare that a log was lost here.
        return Err(StoreError::NotEmpty(path.to_owned()));
    }
    if !path.try_exists().map_err(at(path))? {
        return match mark.try_exists().map_err(at(&mark))? {
            // A mark without its database: somebody lost a log here.
            true => Err(StoreError::NotEmpty(path.to_owned())),
            false => Ok(()),
        };
    }
    let used = || StoreError::NotEmpty(path.to_owned());
    let mut connection = connect(path, false).await.map_err(|_| used())?;
    let size = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM log_entry");
    let size = size.fetch_one(&mut connection).await;
    connection.close().await?;
    let unfinished = match size {
        Ok(entries) => entries == 0,
        Err(error) => error
            .as_database_error()
            .is_some_and(|e| e.message().contains("no such table")),
    };
    if !unfinished {
        return Err(used());
    }
    for file in [path, &mark] {
        match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(file)(error)),
            _ => {}
        }
    }
    Ok(())
}

/// Root, edge and checkpoint of a log without entries.
fn empty_head(signer: &NoteSigner) -> Result<(Vec<u8>, Vec<u8>, String), StoreError> {
    let edge = Edge::new();
    let origin = signer.verifier_key().name().to_owned();
    let checkpoint = Checkpoint {
        origin,
        size: 0,
        root: edge.root(),
    };
    let note = checkpoint
        .sign(signer)
        .map_err(|why| StoreError::Identity(why.to_string()))?;
    Ok((checkpoint.root.to_vec(), edge.to_bytes(), note.to_string()))
}

/// A head with the writer epoch it was read with.
pub(super) fn log_of(head: Head, edge: Edge, writer_epoch: i64) -> Log {
    Log {
        head,
        edge,
        writer_epoch,
        kept_ms: 0,
    }
}
