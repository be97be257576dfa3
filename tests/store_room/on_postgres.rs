//! The whole store on PostgreSQL: one writer, one standby, a server that forgets.

use std::path::PathBuf;

use breakglass::domain::time::Timestamp;
use breakglass::store::change::RowChange;
use breakglass::store::{
    Commit, CommitError, Config, Genesis, LogIdentity, Store, StoreError, put_back,
};
use serde_json::Map;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use super::support::{TestClock, draft, identity, note};

fn server_url() -> String {
    let url = std::env::var_os("BREAKGLASS_TEST_POSTGRES").expect("tests/run sets it");
    url.into_string().unwrap()
}

/// A schema of its own on the server that tests/run started, and the file that leads to it.
struct Server {
    folder: tempfile::TempDir,
    admin: PgConnection,
    schema: String,
}

impl Server {
    async fn new() -> Self {
        let url = server_url();
        let mut admin = PgConnection::connect(&url).await.unwrap();
        let mut random = [0; 8];
        getrandom::fill(&mut random).unwrap();
        let schema = format!("test_{}", hex::encode(random));
        let create = format!("CREATE SCHEMA {schema}; SET search_path TO {schema}");
        admin.execute(AssertSqlSafe(create)).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self {
            folder,
            admin,
            schema,
        };
        server.lead_to(&url, "");
        server
    }

    /// Writes the file with the address, with one more setting.
    fn lead_to(&mut self, url: &str, setting: &str) {
        let url = format!("{url}?options=-c%20search_path%3D{}{setting}", self.schema);
        std::fs::write(self.url_file(), url).unwrap();
    }

    fn url_file(&self) -> PathBuf {
        self.folder.path().join("url")
    }

    fn config(&self) -> Config {
        Config {
            sqlite: None,
            postgres_url_file: Some(self.url_file().into()),
        }
    }

    async fn create(&self) -> Result<Store, StoreError> {
        let log = identity();
        let first = Commit::control(vec![log.genesis_draft(Map::new()).unwrap()], Vec::new());
        Store::create(&self.config(), Genesis { log, first }, TestClock::new()).await
    }

    async fn open(&self) -> Result<Store, StoreError> {
        Store::open(&self.config(), identity(), TestClock::new()).await
    }

    async fn sql(&mut self, text: &str) {
        let text = AssertSqlSafe(text.to_owned());
        self.admin.execute(text).await.unwrap();
    }
}

fn session(number: u32) -> RowChange {
    RowChange::PutSession {
        session: format!("ses-test{number}").parse().unwrap(),
        incident: breakglass::domain::ids::IncidentId::numbered(1),
        exp_ms: Timestamp(5),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs BREAKGLASS_TEST_POSTGRES; tests/run starts one"]
async fn entries_and_rows_are_written_together_and_there_after_a_restart() {
    let server = Server::new().await;
    assert!(matches!(server.open().await, Err(StoreError::Missing(_))));
    let store = server.create().await.unwrap();
    let both = Commit::control(vec![draft("test.one", &[])], vec![session(1)]);
    assert_eq!(store.commit(both).await.unwrap().first_seq, 1);
    // The same row again takes its entries back, and them alone.
    let again = Commit::control(vec![draft("test.two", &[])], vec![session(1)]);
    let refused = store.commit(again).await;
    assert!(
        matches!(refused, Err(CommitError::Conflict(_))),
        "{refused:?}"
    );
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..600 {
        let store = store.clone();
        calls.spawn(async move { store.commit(Commit::call(draft("call.begin", &[]))).await });
    }
    assert!(calls.join_all().await.iter().all(Result::is_ok));
    assert_eq!(store.head().size, 602);
    store.close().await;

    let store = server.open().await.unwrap();
    assert_eq!(store.check_whole().await.unwrap(), 602);
    assert_eq!(store.open_sessions().await.unwrap().len(), 1);
    assert!(matches!(server.create().await, Err(StoreError::InUse(_))));
    store.close().await;
    assert!(matches!(
        server.create().await,
        Err(StoreError::NotEmpty(_))
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs BREAKGLASS_TEST_POSTGRES; tests/run starts one"]
async fn one_process_holds_the_lock_and_a_stale_writer_cannot_commit() {
    let mut server = Server::new().await;
    let stale = server.create().await.unwrap();
    assert!(matches!(server.open().await, Err(StoreError::InUse(_))));
    // The server lets go of the lock though its holder lives, as after a broken network.
    let cut = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND \
         (classid::bigint << 32 | objid::bigint) = \
         hashtextextended('breakglass/writer/{}', 0)",
        server.schema
    );
    server.sql(&cut).await;
    let next = loop {
        match server.open().await {
            Err(StoreError::InUse(_)) => tokio::task::yield_now().await,
            opened => break opened.unwrap(),
        }
    };
    let refused = stale.commit(note("test.stale")).await;
    assert!(
        matches!(refused, Err(CommitError::Unknown(_))),
        "{refused:?}"
    );
    assert!(!stale.is_writable());
    next.commit(note("test.next")).await.unwrap();
    assert_eq!(next.check_whole().await.unwrap(), 2);
    next.close().await;
    stale.close().await;
}

#[tokio::test]
#[ignore = "needs BREAKGLASS_TEST_POSTGRES; tests/run starts one"]
async fn a_server_that_forgets_what_it_acknowledged_is_refused_with_the_setting_to_mend() {
    let mut server = Server::new().await;
    let url = server_url();
    server.lead_to(&url, "%20-c%20synchronous_commit%3Doff");
    let refused = server.create().await.unwrap_err().to_string();
    assert!(refused.contains("set synchronous_commit = on"), "{refused}");
}

/// A vault whose database was put back to its first entry; its node remembers two.
async fn put_back_in_time() -> Server {
    let mut server = Server::new().await;
    let store = server.create().await.unwrap();
    let old = "CREATE TABLE old_head AS SELECT * FROM log_head";
    server.sql(old).await;
    store.commit(note("test.one")).await.unwrap();
    store.close().await;
    server
        .sql(
            "ALTER TABLE log_entry DISABLE TRIGGER USER; DELETE FROM log_entry WHERE seq = 1; \
             ALTER TABLE log_entry ENABLE TRIGGER USER; DELETE FROM log_head; \
             INSERT INTO log_head SELECT * FROM old_head",
        )
        .await;
    server
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs BREAKGLASS_TEST_POSTGRES; tests/run starts one"]
async fn a_restored_log_goes_on_under_a_new_name_and_its_mark_is_kept() {
    let server = put_back_in_time().await;
    let mark = server.folder.path().join("head.hw");
    let aside = server.folder.path().join("head.hw.e1");
    let evidence = std::fs::read(&mark).unwrap();
    let config = server.config();
    // What was restored is seen beside the mark, which stays.
    let elsewhere = server.folder.path().join("seen.hw");
    let url_file = server.url_file().into();
    let looked = Store::open_beside_its_mark(&url_file, identity(), TestClock::new(), elsewhere);
    let looked = looked.await.unwrap();
    assert_eq!(looked.head().size, 1);
    let new = || LogIdentity {
        origin: "vault.example/log/test/e2".to_owned(),
        ..identity()
    };
    let renamed = async || Store::open_renamed(&config, &identity(), new(), TestClock::new()).await;
    // Whoever has the lock is asked first, and nothing is put aside for a refusal.
    assert!(matches!(renamed().await, Err(StoreError::InUse(_))));
    looked.close().await;
    assert_eq!(std::fs::read(&mark).unwrap(), evidence);
    assert!(!aside.exists());
    // Begun and never declared: refused as before.
    renamed().await.unwrap().close().await;
    assert_eq!(std::fs::read(&aside).unwrap(), evidence);
    let refused = server.open().await.unwrap_err();
    assert!(matches!(refused, StoreError::Forked { .. }), "{refused}");
    put_back(&config, &identity().origin).unwrap();
    assert_eq!(std::fs::read(&mark).unwrap(), evidence);
    // Declared.
    let store = renamed().await.unwrap();
    store.commit(note("log.epoch")).await.unwrap();
    store.close().await;
    let store = Store::open(&config, new(), TestClock::new()).await.unwrap();
    assert_eq!(store.check_whole().await.unwrap(), 2);
    store.close().await;
    assert_eq!(std::fs::read(&aside).unwrap(), evidence);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs BREAKGLASS_TEST_POSTGRES; tests/run starts one"]
async fn an_older_database_is_found_by_the_high_water_mark() {
    let server = put_back_in_time().await;
    let found = server.open().await.unwrap_err();
    assert!(matches!(found, StoreError::Forked { .. }), "{found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs BREAKGLASS_TEST_POSTGRES; tests/run starts one"]
async fn a_clock_set_back_an_hour_is_recorded_before_what_follows() {
    let server = Server::new().await;
    let clock = TestClock::new();
    server.create().await.unwrap().close().await;
    let config = server.config();
    let store = Store::open(&config, identity(), clock.clone())
        .await
        .unwrap();
    let before = store.commit(note("test.before")).await.unwrap();
    clock.add_ms(-3_600_000);
    let after = store.commit(note("test.after")).await.unwrap();
    assert_eq!(after.first_seq, before.first_seq + 2);
    assert_eq!(after.ts.0, before.ts.0 - 3_600_000);
    let jump = store.entry(before.first_seq + 1).await.unwrap().unwrap();
    let jump = breakglass::audit::entry::parse_entry(&jump).unwrap();
    assert_eq!(jump.kind, "clock.jump");
    assert_eq!(store.check_whole().await.unwrap(), after.first_seq + 1);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs BREAKGLASS_TEST_POSTGRES; tests/run starts one"]
async fn a_row_that_somebody_holds_is_waited_for_a_while_and_breaks_nothing() {
    let mut server = Server::new().await;
    let store = server.create().await.unwrap();
    server
        .sql("BEGIN; LOCK TABLE session IN ACCESS EXCLUSIVE MODE")
        .await;
    let held = Commit::control(vec![draft("test.held", &[])], vec![session(1)]);
    let (refused, unread) = tokio::join!(store.commit(held.clone()), store.open_sessions());
    assert_eq!(refused, Err(CommitError::Overloaded));
    unread.unwrap_err();
    assert!(
        store.is_writable(),
        "nothing was written, and the writer lives"
    );
    // What needs no such row goes on beside it.
    assert_eq!(
        store.commit(note("test.beside")).await.unwrap().first_seq,
        1
    );
    server.sql("ROLLBACK").await;
    assert_eq!(store.commit(held).await.unwrap().first_seq, 2);
    assert_eq!(store.open_sessions().await.unwrap().len(), 1);
    assert_eq!(store.check_whole().await.unwrap(), 3);
    store.close().await;
}
