//! A vault as one process would run it, killable and restartable, and the Databricks it guards.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::passkey_support;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use breakglass::alerts::Channel;
use breakglass::app::clock::{MovedClock, SystemClock};
use breakglass::app::deliver::Told;
use breakglass::app::genesis::{Initialised, first_commit};
use breakglass::app::{App, AppError, Settings};
use breakglass::databricks::{Client, Config as DatabricksConfig, Waits};
use breakglass::domain::VERSION;
use breakglass::domain::act::Seen;
use breakglass::domain::ids::{IncidentId, VaultId};
use breakglass::domain::incident::Incident;
use breakglass::domain::manifest::Kind;
use breakglass::domain::policy::{ChannelRule, Policy};
use breakglass::domain::roster::Roster;
use breakglass::domain::rotation::{Rotation, State};
use breakglass::domain::time::{Clock as _, Timestamp};
use breakglass::sealed::secret::{Credential, SecretText};
use breakglass::simulator::{self, FirstSecret, Running, SimulatorConfig};
use breakglass::store::{
    BackupStamp, Config, EmergencyLog, EpochRow, Genesis, LogIdentity, SecretLogSeed, Store,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::inbox::{Inbox, Mode};
use super::people::People;
use super::postgres::Schema;

/// The workspace of the simulator.
pub const WORKSPACE: &str = "900800700600";
/// The console's origin, as people dial it.
pub const CONSOLE: &str = "https://vault.example";
const ORIGIN: &str = "vault.example/log/night-watch/e1";
pub(super) const FIRST_SECRET: &str = "dose00000000000000000000000000000000";
/// Nothing in these tests takes longer than this when it works.
const PATIENCE: Duration = Duration::from_secs(90);

/// What dies with the process.
struct Process {
    app: App,
    store: Store,
    runtime: Runtime,
}

/// The vault, its people and everything around it.
pub struct TestVault {
    process: Option<Process>,
    told: RefCell<Told>,
    pub mail: Arc<Inbox>,
    pub hook: Arc<Inbox>,
    pub clock: Arc<MovedClock>,
    pub waits: Waits,
    pub(super) simulator: Running,
    /// Where Databricks and the tests' own connections live: outside the vault's process.
    pub(super) outside: Runtime,
    pub(super) folder: TempDir,
    /// Where the rows are when they are not in a file of `folder`.
    pub(super) schema: Option<Schema>,
    boots: u32,
    pub people: People,
    /// The node whose emergency log every process has from here on; none: none has one.
    pub emergency: Option<&'static str>,
}

/// What a test may change before the vault comes to be.
pub struct Plan {
    pub roster: Box<dyn Fn(&mut Roster)>,
    pub policy: Box<dyn Fn(&mut Policy)>,
    pub waits: Waits,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            roster: Box::new(|_| {}),
            policy: Box::new(|_| {}),
            waits: short_waits(),
        }
    }
}

fn short_waits() -> Waits {
    Waits {
        create_propagation_ms: 5,
        propagation_step_ms: 1,
        reconcile_wait_ms: 1,
        reconcile_gap_ms: 1,
        delete_proof_ms: 2,
        delete_retry_max_ms: 2,
        me_poll_ms: 5,
        request_timeout_ms: 30_000,
        connect_timeout_ms: 30_000,
        head_timeout_ms: 30_000,
    }
}

impl TestVault {
    /// A vault that is initialised and serves, with nothing wrong.
    pub fn new() -> Self {
        Self::planned(Plan::default())
    }

    /// A vault with a roster or policy of its own.
    pub fn planned(plan: Plan) -> Self {
        let mut vault = Self::founded(plan);
        assert_eq!(vault.initialise().unwrap(), Initialised::Done);
        vault.restart();
        vault
    }

    /// A vault whose log has begun; nothing is sealed yet.
    pub fn founded(plan: Plan) -> Self {
        let outside = runtime();
        let config = SimulatorConfig {
            first_secret: Some(FirstSecret(FIRST_SECRET.to_owned())),
            ..SimulatorConfig::default()
        };
        let simulator = outside.block_on(simulator::start(config)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let schema = Schema::wanted(&outside, folder.path());
        let mut vault = Self {
            process: None,
            told: RefCell::default(),
            mail: Arc::new(Inbox::new("mail", "smtp")),
            hook: Arc::new(Inbox::new("hook", "webhook")),
            clock: Arc::new(MovedClock::at(SystemClock.now())),
            waits: plan.waits,
            simulator,
            outside,
            folder,
            schema,
            boots: 0,
            people: People::new(),
            emergency: None,
        };
        let mut roster = vault.first_roster();
        (plan.roster)(&mut roster);
        roster.check().unwrap();
        let mut policy = vault.first_policy();
        (plan.policy)(&mut policy);
        policy.check().unwrap();
        let log = vault.identity();
        let vkey = log.verifier_key().unwrap().to_string();
        let first = first_commit(ORIGIN, &vkey, &roster, &policy, &[]).unwrap();
        let (runtime, config) = (runtime(), vault.store_config());
        let create = Store::create(&config, Genesis { log, first }, vault.clock.clone());
        let store = runtime.block_on(create).unwrap();
        vault.run_with(store, runtime).unwrap();
        vault
    }

    fn first_roster(&self) -> Roster {
        Roster {
            v: VERSION.to_owned(),
            vault: self.id(),
            seq: 1,
            prev_sha256: None,
            k: 3,
            n: 5,
            people: self.people.everybody().iter().map(|p| p.entry()).collect(),
            auditor_recipients: Vec::new(),
        }
    }

    fn first_policy(&self) -> Policy {
        let rule = |name: &str, kind: &str| ChannelRule {
            name: name.to_owned(),
            kind: kind.to_owned(),
            destination: "localhost".to_owned(),
        };
        Policy::built_in(
            self.id(),
            vec![rule("mail", "smtp"), rule("hook", "webhook")],
        )
    }

    /// The vault's name.
    pub fn id(&self) -> VaultId {
        "night-watch".parse().unwrap()
    }

    pub fn store_config(&self) -> Config {
        let folder = self.folder.path();
        match self.schema {
            Some(_) => Config {
                sqlite: None,
                postgres_url_file: Some(Schema::url_file(folder).into()),
            },
            None => Config {
                sqlite: Some(folder.join("vault.db")),
                postgres_url_file: None,
            },
        }
    }

    fn identity(&self) -> LogIdentity {
        LogIdentity {
            origin: ORIGIN.to_owned(),
            seed: SecretLogSeed::new([7; 32]),
            node: "n1".to_owned(),
            boot: format!("{:08x}", self.boots),
        }
    }

    /// Where the database lies.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Name and key of a node's emergency log.
    pub fn emergency_identity(&self, node: &str) -> LogIdentity {
        LogIdentity {
            seed: SecretLogSeed::new([8; 32]),
            node: node.to_owned(),
            ..self.identity()
        }
    }

    /// Where a node's emergency log lies.
    pub fn emergency_folder(&self, node: &str) -> std::path::PathBuf {
        self.folder.path().join(node)
    }

    /// The process that runs, and every later one, has this node's emergency log.
    pub fn with_emergency_log(&mut self, node: &'static str) {
        self.emergency = Some(node);
        self.keep_emergency_log();
        self.block(self.app().bind_emergency_log()).unwrap();
    }

    fn keep_emergency_log(&self) {
        let Some(node) = self.emergency else { return };
        let folder = self.emergency_folder(node);
        std::fs::create_dir_all(&folder).unwrap();
        let log = EmergencyLog::open(&folder, self.emergency_identity(node)).unwrap();
        self.app().keep_emergency_log(log);
    }

    fn client(&self) -> Client {
        let at = format!("http://{}", self.simulator.http_addr.unwrap());
        let state = &self.simulator.state;
        let config = DatabricksConfig {
            account_host: at.clone(),
            account_id: state.account_id.clone(),
            workspaces: [(WORKSPACE.to_owned(), at)].into(),
            application_id: state.principal.application_id.clone(),
            principal_id: state.principal.id,
            cloud: breakglass::databricks::Cloud::Aws,
            proxy: None,
            ca_file: None,
            workspace_address: None,
            egress_addresses: Vec::new(),
            workspace_admin: breakglass::databricks::WorkspaceAdmin::AtOpen,
            waits: self.waits.clone(),
        };
        Client::new(&config).unwrap()
    }

    fn run_with(&mut self, store: Store, runtime: Runtime) -> Result<(), AppError> {
        let settings = Settings {
            vault: self.id(),
            origin: ORIGIN.to_owned(),
            log_vkey: self.identity().verifier_key().unwrap().to_string(),
            console_url: CONSOLE.to_owned(),
            proxy_url: None,
            account_proxy_url: None,
            plain_url: Some("http://127.0.0.1:1".to_owned()),
            ca_pem: None,
            custodian_origin: Some(passkey_support::ORIGIN.to_owned()),
            watch: breakglass::app::Watch {
                backup_stamp: Some(BackupStamp::path(self.folder.path())),
                ..breakglass::app::Watch::default()
            },
        };
        let channels: Vec<Arc<dyn Channel>> = vec![self.mail.clone(), self.hook.clone()];
        let clock = self.clock.clone();
        let made = App::new(store.clone(), clock, self.client(), channels, settings);
        let app = runtime.block_on(made)?;
        self.process = Some(Process {
            app,
            store,
            runtime,
        });
        Ok(())
    }

    /// Rotates the secret a person has seen, as `init` does.
    pub fn initialise(&self) -> Result<Initialised, AppError> {
        self.block(
            self.app()
                .initialise(self.first_credential(), None, &|_| {}),
        )
    }

    fn first_credential(&self) -> Credential {
        Credential {
            client_id: self.simulator.state.principal.application_id.clone(),
            client_secret: SecretText::copied_from(FIRST_SECRET).unwrap(),
            secret_id: String::new(),
            expires_at_ms: i64::MAX,
        }
    }

    /// Rotates a secret that an operator brings, as `epoch new --credential-file` does.
    pub fn supply(&self, value: &str, id: Option<&str>) -> Result<u32, AppError> {
        let brought = Credential {
            client_secret: SecretText::copied_from(value).unwrap(),
            ..self.first_credential()
        };
        let because = "the host was lost";
        self.block(self.app().supply(brought, id, because, &|_| {}))
    }

    /// The same, as a process that may be killed meanwhile.
    pub fn initialise_in_background(&self) -> JoinHandle<()> {
        let (app, first) = (self.app().clone(), self.first_credential());
        let step = async move { drop(app.initialise(first, None, &|_| {}).await) };
        self.process().runtime.spawn(step)
    }

    fn process(&self) -> &Process {
        self.process.as_ref().expect("the vault runs")
    }

    /// The story.
    pub fn app(&self) -> &App {
        &self.process().app
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.process().store
    }

    /// Runs something of the vault inside its process.
    pub fn block<F: Future>(&self, step: F) -> F::Output {
        self.process().runtime.block_on(step)
    }

    /// Runs something that is no part of the vault.
    pub fn outside<F: Future>(&self, step: F) -> F::Output {
        self.outside.block_on(step)
    }

    /// The end of the process, wherever its steps stand.
    pub fn kill(&mut self) {
        if let Some(Process {
            app,
            store,
            runtime,
        }) = self.process.take()
        {
            drop(app);
            drop(store);
            runtime.shutdown_timeout(PATIENCE);
            self.until_released();
        }
    }

    /// The writer's thread lets go of the vault once it sees that everybody is gone.
    fn until_released(&self) {
        let began = std::time::Instant::now();
        if let Some(schema) = &self.schema {
            while !schema.is_released(&self.outside) {
                assert!(began.elapsed() < PATIENCE, "the server keeps the lock");
            }
            return;
        }
        let lock = self.folder.path().join("vault.db.lock");
        // A lock that is not there is held by nobody: another database stands in its place.
        let Ok(lock) = std::fs::File::open(lock) else {
            return;
        };
        while lock.try_lock().is_err() {
            assert!(began.elapsed() < PATIENCE, "the writer goes on");
            std::thread::yield_now();
        }
    }

    /// Starts the process again, up to the point where it would listen.
    pub fn start(&mut self) {
        self.try_start().unwrap();
    }

    /// The same, where it may be refused.
    pub fn try_start(&mut self) -> Result<(), AppError> {
        self.try_open()?;
        self.keep_emergency_log();
        self.block(self.app().recover("00"))
    }

    /// Kill and start.
    pub fn restart(&mut self) {
        self.kill();
        self.start();
    }

    /// Starts the process for `init`: nothing is recovered.
    pub fn start_for_init(&mut self) {
        self.try_open().unwrap();
    }

    fn try_open(&mut self) -> Result<(), AppError> {
        // A start that was refused lets go of the vault a moment after it said so.
        if self.boots > 0 && self.process.is_none() {
            self.until_released();
        }
        self.boots += 1;
        let (runtime, config) = (runtime(), self.store_config());
        let opened = Store::open(&config, self.identity(), self.clock.clone());
        let store = runtime.block_on(opened).unwrap();
        self.run_with(store, runtime)
    }

    /// What the vault's clock shows.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets time pass, at Databricks too.
    pub fn pass_ms(&self, ms: i64) {
        self.clock.pass_ms(ms);
        self.knobs(|knobs| knobs.clock_offset_ms += ms);
    }

    /// The newest checkpoint, as a client that verified it would name it.
    pub fn seen(&self) -> Seen {
        let head = self.store().head();
        Seen {
            origin: ORIGIN.to_owned(),
            size: head.size,
            root: BASE64.encode(head.root),
        }
    }

    /// The incident as it stands.
    pub fn incident(&self, id: &IncidentId) -> Incident {
        self.block(self.store().incident(id)).unwrap().unwrap().0
    }

    /// Every incident, newest first.
    pub fn incidents(&self) -> Vec<Incident> {
        let found = self.block(self.store().incidents(1_000)).unwrap();
        found.into_iter().map(|(incident, _)| incident).collect()
    }

    /// The newest rotation.
    pub fn rotation(&self) -> Rotation {
        self.block(self.store().latest_rotation())
            .unwrap()
            .unwrap()
            .0
    }

    /// The epoch in force.
    pub fn current_epoch(&self) -> EpochRow {
        self.block(self.store().current_epoch(Kind::Live))
            .unwrap()
            .unwrap()
    }

    /// Works off the outbox, as the worker does.
    pub fn deliver(&self) {
        let mut told = self.told.borrow_mut();
        for _ in 0..50 {
            if self.block(self.app().deliver_due(&mut told)).unwrap() == 0 {
                return;
            }
        }
        panic!("the outbox never empties");
    }

    /// Both channels behave so from now on.
    pub fn channels(&self, mode: Mode) {
        self.mail.set(mode);
        self.hook.set(mode);
    }

    /// Waits until every step in the background has ended.
    pub fn settle(&self) {
        let settled = async { tokio::time::timeout(PATIENCE, self.app().settle()).await };
        self.block(settled)
            .expect("a step in the background never ends");
    }

    /// One tick of the timer.
    pub fn tick(&self) {
        self.block(self.app().tick()).unwrap();
    }

    /// Waits until an incident is as wanted.
    pub fn wait_for(&self, id: &IncidentId, wanted: impl Fn(&Incident) -> bool) {
        self.wait(
            || wanted(&self.incident(id)),
            || format!("{:#?}", self.incident(id).phase),
        );
    }

    /// Waits until the newest rotation is in a state.
    pub fn wait_for_rotation(&self, state: State) {
        let newest = || {
            self.block(self.store().latest_rotation())
                .unwrap()
                .map(|(r, _)| r)
        };
        self.wait(
            || newest().is_some_and(|r| r.state == state),
            || format!("{:?}", newest()),
        );
    }

    /// Waits until the log holds an entry of a type.
    pub fn wait_for_entry(&self, kind: &str) {
        self.wait(|| self.count(kind) > 0, || format!("{:?}", self.kinds()));
    }

    /// Waits for something, with a bound; `stands` says how it stands when it never comes.
    pub fn wait(&self, wanted: impl Fn() -> bool, stands: impl Fn() -> String) {
        let end = Instant::now() + PATIENCE;
        while !wanted() {
            assert!(
                Instant::now() < end,
                "it never came to be; now: {}",
                stands()
            );
            self.block(async { tokio::time::sleep(Duration::from_millis(2)).await });
        }
    }
}

impl Drop for TestVault {
    fn drop(&mut self) {
        self.kill();
        self.simulator.shutdown();
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}
