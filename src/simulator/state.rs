//! The shared state of one simulator. Each area has its own lock; the two hottest reads
//! (`clusters/list` and `Me`) are ready-made bytes behind read locks.
//!
//! Must not know: HTTP.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::clock;
use super::files::FileStore;
use super::knobs::Knobs;
use super::recorder::Recorder;
use super::scim::Directory;
use super::secrets::SecretBook;
use super::settings::Settings;
use super::statements::SqlState;
use super::tokens::PersonalTokens;
use super::workspace::Objects;
use super::{FirstSecret, SimulatorConfig, StartError, clusters, experiments, jobs, persist, seed};

/// The break-glass service principal.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct Principal {
    /// OAuth client id (UUID).
    pub application_id: String,
    /// SCIM id.
    pub id: u64,
    /// Name shown to people.
    pub display_name: String,
}

impl Default for Principal {
    fn default() -> Self {
        Self {
            application_id: "5b1a5500-b00c-4000-8000-000000000001".to_owned(),
            id: 7_001_002_003,
            display_name: "breakglass".to_owned(),
        }
    }
}

/// Locks even when another thread panicked: a simulator that limps is worse than a test that
/// fails elsewhere.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Everything a simulator knows.
#[derive(Debug)]
pub struct State {
    /// The account id.
    pub account_id: String,
    /// The workspace ids, first one first.
    pub workspaces: Vec<u64>,
    /// The break-glass principal.
    pub principal: Principal,
    /// Whether calls must look at the knobs at all.
    pub faults_armed: AtomicBool,
    pub(super) knobs: Mutex<Knobs>,
    pub(super) clock_offset_ms: AtomicI64,
    pub(super) recorder: Recorder,
    pub(super) signing_key: [u8; 32],
    pub(super) token_generation: AtomicU64,
    pub(super) secrets: Mutex<SecretBook>,
    pub(super) directory: Mutex<Directory>,
    pub(super) personal_tokens: Mutex<PersonalTokens>,
    pub(super) jobs: Mutex<jobs::Jobs>,
    pub(super) clusters: Mutex<clusters::Clusters>,
    pub(super) clusters_list: RwLock<Bytes>,
    pub(super) me: RwLock<Option<Bytes>>,
    pub(super) settings: Mutex<Settings>,
    pub(super) objects: Mutex<Objects>,
    pub(super) tracking: Mutex<experiments::Tracking>,
    pub(super) sql: Mutex<SqlState>,
    pub(super) files: Mutex<FileStore>,
    pub(super) state_file: Option<PathBuf>,
}

impl State {
    /// Seeds a new state or loads the state file.
    ///
    /// # Errors
    /// [`StartError::StateFile`] when the file exists and cannot be understood, or cannot be
    /// written.
    pub(super) fn build(
        config: &SimulatorConfig,
    ) -> Result<(Self, Option<FirstSecret>), StartError> {
        let loaded = match &config.state_file {
            Some(path) => persist::load(path)?,
            None => None,
        };
        let now_ms = clock::machine_now_ms() + config.knobs.clock_offset_ms;
        let (saved, first_secret) = match loaded {
            Some(saved) => (saved, None),
            None => {
                let (saved, first) = seed::fresh(config, now_ms);
                (saved, Some(first))
            }
        };
        let clusters = clusters::Clusters::seeded();
        let state = Self {
            account_id: config.account_id.clone(),
            workspaces: config.workspaces.clone(),
            principal: config.principal.clone(),
            faults_armed: AtomicBool::new(config.knobs.touches_calls()),
            clock_offset_ms: AtomicI64::new(config.knobs.clock_offset_ms),
            recorder: Recorder::new(!config.knobs.no_request_log),
            knobs: Mutex::new(config.knobs.clone()),
            signing_key: saved.signing_key,
            token_generation: AtomicU64::new(saved.token_generation),
            secrets: Mutex::new(saved.secrets),
            directory: Mutex::new(saved.directory),
            personal_tokens: Mutex::new(saved.personal_tokens),
            jobs: Mutex::new(jobs::Jobs::seeded(&config.principal)),
            clusters_list: RwLock::new(clusters.list_bytes()),
            clusters: Mutex::new(clusters),
            me: RwLock::new(None),
            settings: Mutex::new(Settings::default()),
            objects: Mutex::new(Objects::seeded()),
            tracking: Mutex::new(experiments::Tracking::seeded()),
            sql: Mutex::new(SqlState::default()),
            files: Mutex::new(FileStore::default()),
            state_file: config.state_file.clone(),
        };
        state.save().map_err(|reason| StartError::StateFile {
            path: config.state_file.clone().unwrap_or_default(),
            reason,
        })?;
        Ok((state, first_secret))
    }

    /// The simulator's time in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        clock::machine_now_ms() + self.clock_offset_ms.load(Ordering::Relaxed)
    }

    /// The workspace that answers the workspace host.
    pub fn workspace_id(&self) -> u64 {
        self.workspaces.first().copied().unwrap_or_default()
    }

    /// Replaces the knobs.
    pub fn set_knobs(&self, mut knobs: Knobs) {
        if std::mem::take(&mut knobs.kill_tokens) {
            self.token_generation.fetch_add(1, Ordering::Relaxed);
            self.keep();
        }
        self.clock_offset_ms
            .store(knobs.clock_offset_ms, Ordering::Relaxed);
        self.recorder.enable(!knobs.no_request_log);
        self.faults_armed
            .store(knobs.touches_calls(), Ordering::Relaxed);
        *lock(&self.knobs) = knobs;
    }

    /// The knobs as they stand now (counts go down as they act).
    pub fn knobs(&self) -> Knobs {
        lock(&self.knobs).clone()
    }

    /// After a change of users, groups or principals: forgets the ready `Me` and saves.
    pub(super) fn directory_changed(&self) {
        *self.me.write().unwrap_or_else(PoisonError::into_inner) = None;
        self.keep();
    }

    /// Saves when there is a state file; a failure is shown and the call goes on, because a
    /// test with a broken disk must see the service, not the bench, misbehave.
    pub(super) fn keep(&self) {
        if let Err(reason) = self.save() {
            eprintln!("simulator: the state file was not written: {reason}");
        }
    }

    fn save(&self) -> Result<(), String> {
        let Some(path) = &self.state_file else {
            return Ok(());
        };
        let saved = persist::Saved {
            signing_key: self.signing_key,
            token_generation: self.token_generation.load(Ordering::Relaxed),
            secrets: lock(&self.secrets).clone(),
            directory: lock(&self.directory).clone(),
            personal_tokens: lock(&self.personal_tokens).clone(),
        };
        persist::write(path, &saved)
    }
}
