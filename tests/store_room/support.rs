//! A vault in a temporary folder and a clock that tests set.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use breakglass::audit::entry::Draft;
use breakglass::domain::time::{Clock, Timestamp};
use breakglass::store::{Commit, Config, Genesis, LogIdentity, SecretLogSeed, Store, StoreError};
use serde_json::{Map, Value};
use tempfile::TempDir;

/// When every test begins.
pub const START_MS: i64 = 1_800_000_000_000;
/// Name of the test log.
pub const ORIGIN: &str = "vault.example/log/test/e1";

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct TestClock {
    wall_ms: AtomicI64,
    boot_ms: AtomicI64,
}

impl TestClock {
    /// A clock at [`START_MS`].
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            wall_ms: AtomicI64::new(START_MS),
            boot_ms: AtomicI64::new(0),
        })
    }

    /// Moves the wall clock, also backwards.
    pub fn add_ms(&self, ms: i64) {
        self.wall_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// Lets time go by.
    pub fn add_boot_ms(&self, ms: i64) {
        self.boot_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.wall_ms.load(Ordering::SeqCst))
    }

    fn boot_ms(&self) -> i64 {
        self.boot_ms.load(Ordering::SeqCst)
    }
}

/// A vault's folder with its clock.
pub struct Vault {
    /// The folder; gone with the value.
    pub folder: TempDir,
    /// Its clock.
    pub clock: Arc<TestClock>,
}

impl Vault {
    /// A folder without a vault.
    pub fn empty() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: TestClock::new(),
        }
    }

    /// A new vault with its first entry.
    pub async fn new() -> (Self, Store) {
        let vault = Self::empty();
        let store = vault.create().await.unwrap();
        (vault, store)
    }

    /// Path of the database.
    pub fn database(&self) -> PathBuf {
        self.folder.path().join("vault.db")
    }

    /// Its configuration.
    pub fn config(&self) -> Config {
        Config {
            sqlite: Some(self.database()),
            postgres_url_file: None,
        }
    }

    /// Makes it.
    pub async fn create(&self) -> Result<Store, StoreError> {
        let log = identity();
        let first = Commit::control(vec![log.genesis_draft(Map::new()).unwrap()], Vec::new());
        Store::create(&self.config(), Genesis { log, first }, self.clock.clone()).await
    }

    /// Opens it again.
    pub async fn open(&self) -> Result<Store, StoreError> {
        Store::open(&self.config(), identity(), self.clock.clone()).await
    }

    /// A connection of somebody with write access to the file.
    pub async fn raw(&self) -> sqlx::SqliteConnection {
        use sqlx::ConnectOptions as _;
        sqlx::sqlite::SqliteConnectOptions::new()
            .filename(self.database())
            .connect()
            .await
            .unwrap()
    }
}

/// The test log and its key.
pub fn identity() -> LogIdentity {
    LogIdentity {
        origin: ORIGIN.to_owned(),
        seed: SecretLogSeed::new([7; 32]),
        node: "test".to_owned(),
        boot: "00c0ffee".to_owned(),
    }
}

/// A commit of one control entry without rows.
pub fn note(kind: &str) -> Commit {
    Commit::control(vec![draft(kind, &[])], Vec::new())
}

/// An entry with text members.
pub fn draft(kind: &str, members: &[(&str, &str)]) -> Draft {
    let member = |(name, text): &(&str, &str)| ((*name).to_owned(), Value::from(*text));
    Draft {
        kind: kind.to_owned(),
        members: members.iter().map(member).collect(),
    }
}
