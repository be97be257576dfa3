//! The story, one file per step: load, decide, commit, act. Nothing leaves the process before its
//! entry is committed. Knows no HTTP of ours: doors translate.
//!
//! Reading order follows DESIGN §3.

pub mod chance;
pub mod clock;
pub mod error;
mod facts;
mod memory;
mod told;
mod versions;

// Signed documents, and the one way every step goes.
mod access;
mod acts;
mod attempts;
mod checking;
mod clock_check;
mod event_rows;
mod folded;
mod journal;
mod step;

// The walk.
mod answer;
mod claim;
mod consent;
mod end;
mod extend;
mod foreign;
pub mod login;
mod measure;
mod measured;
pub mod open;
pub mod origins;
mod pages;
mod paging;
mod paper;
pub mod permit;
mod review;
mod rights;
mod rotate;
mod secrets;
mod session;
mod session_source;
mod shut;
mod stop;
mod successor;
mod supply;
mod survey;
mod undo;
mod unseal;
mod way_back;

// Around it.
mod backups;
mod changes;
mod channels;
mod custody;
mod debt;
pub mod deliver;
mod disk;
mod doors;
mod drills;
mod due;
mod emergency;
mod epochs;
pub mod genesis;
mod knocks;
mod known;
mod log_epochs;
pub mod log_files;
pub mod look;
pub mod metrics;
mod numbers;
mod overdue;
pub mod page_login;
pub mod recover;
mod remind;
mod restored;
pub mod tick;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::alerts::{Channel, Heartbeat};
use crate::databricks::Client;
use crate::domain::ids::{Digest, VaultId};
use crate::domain::policy::Policy;
use crate::domain::roster::Roster;
use crate::domain::time::{Clock, Timestamp};
use crate::store::{Ballast, EmergencyLog, Store};

pub use access::{ACCESS, Access, SeenList, line as holder_line, lines as holder_lines};
pub use acts::Caller;
pub use answer::epoch_keys;
pub use error::AppError;
use facts::FactsCell;
pub use log_epochs::SavedLog;
pub use measured::{MEASURED, Measured};
use memory::Memory;
pub use shut::Shut;

/// What the composition root tells the story about this installation.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The vault.
    pub vault: VaultId,
    /// Origin of the log.
    pub origin: String,
    /// The log's public key as a C2SP vkey.
    pub log_vkey: String,
    /// Console URL, for links in alerts.
    pub console_url: String,
    /// Proxy URL over TLS.
    pub proxy_url: Option<String>,
    /// Account proxy URL over TLS.
    pub account_proxy_url: Option<String>,
    /// Plain proxy URL on loopback.
    pub plain_url: Option<String>,
    /// PEM of our own CA, handed to clients.
    pub ca_pem: Option<String>,
    /// Origin of the custodian's page, when another machine serves it.
    pub custodian_origin: Option<String>,
    /// Who and what watches from outside.
    pub watch: Watch,
}

/// `[watch]`: who is called when custodians do not answer, and what notices silence.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    /// People, by id or name, to page after ten minutes; empty: security and operators.
    pub fallback: Vec<String>,
    /// Called every five minutes.
    pub heartbeat: Option<Arc<Heartbeat>>,
    /// How often instead, where the configuration says so.
    pub heartbeat_pause: Option<Duration>,
    /// SHA-256 of the bearer that may read metrics.
    pub metrics_token_sha256: Option<Digest>,
    /// Where `backup` leaves word of the newest backup.
    pub backup_stamp: Option<PathBuf>,
}

/// Everything a step needs. Cheap to clone.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    store: Store,
    clock: Arc<dyn Clock>,
    databricks: Client,
    channels: Vec<Arc<dyn Channel>>,
    settings: Settings,
    facts: FactsCell,
    memory: Memory,
    changed: watch::Sender<u64>,
    outbox: Notify,
    custody_changed: Notify,
    /// Versions of roster and policy are decided one after the other.
    changing: tokio::sync::Mutex<()>,
    tasks: TaskTracker,
    on_log_lost: CancellationToken,
    stopping: CancellationToken,
    /// Given by the composition root, before anything is recovered.
    emergency: OnceLock<Arc<EmergencyLog>>,
    ballast: OnceLock<Ballast>,
    /// Numbers of incidents for lists, as far as the log was read.
    counted: look::Counted,
}

impl App {
    /// Puts the story together; reads roster, policy and epoch from the store.
    ///
    /// # Errors
    /// When a document in force is missing or does not match its hash.
    pub async fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        databricks: Client,
        channels: Vec<Arc<dyn Channel>>,
        settings: Settings,
    ) -> Result<Self, AppError> {
        let facts = FactsCell::load(&store, &settings).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                store,
                clock,
                databricks,
                channels,
                settings,
                facts,
                memory: Memory::default(),
                changed: watch::channel(0).0,
                outbox: Notify::new(),
                custody_changed: Notify::new(),
                changing: tokio::sync::Mutex::new(()),
                tasks: TaskTracker::new(),
                on_log_lost: CancellationToken::new(),
                stopping: CancellationToken::new(),
                emergency: OnceLock::new(),
                ballast: OnceLock::new(),
                counted: look::Counted::default(),
            }),
        })
    }

    /// What this installation is.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.inner.facts.get().policy.clone()
    }

    /// The roster in force.
    #[must_use]
    pub fn roster(&self) -> Roster {
        self.inner.facts.get().approved.clone()
    }

    /// Forgets every secret at once.
    pub fn wipe(&self) {
        self.inner.memory.wipe_all();
    }

    /// The store, for questions that change nothing.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Runs a step that must not be lost when its caller goes away.
    fn spawn(&self, step: impl Future<Output = ()> + Send + 'static) {
        // The tracker is what `settle` waits for; a dropped handle would lose the step's end.
        drop(self.inner.tasks.spawn(step));
    }

    /// Waits until every step in the background has ended.
    pub async fn settle(&self) {
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        self.inner.tasks.reopen();
    }

    /// A receiver that changes with every commit about an incident.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.inner.changed.subscribe()
    }

    /// Fires when the log is lost and memory is wiped: the process must exit (PROTOCOL §11).
    #[must_use]
    pub fn log_lost(&self) -> CancellationToken {
        self.inner.on_log_lost.clone()
    }

    fn tell_watchers(&self) {
        self.inner.changed.send_modify(|n| *n = n.wrapping_add(1));
        self.inner.outbox.notify_one();
    }
}
