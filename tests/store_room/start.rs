//! What `open` accepts and what it refuses.

use breakglass::store::{Config, LogIdentity, SecretLogSeed, Store, StoreError};
use sqlx::Connection as _;

use super::support::{START_MS, Vault, identity, note};

async fn vault_with_entries(count: usize) -> Vault {
    let (vault, store) = Vault::new().await;
    for _ in 0..count {
        store.commit(note("test.entry")).await.unwrap();
    }
    store.close().await;
    vault
}

/// Runs statements as somebody who owns the file would, with the triggers out of the way.
async fn tamper(vault: &Vault, statements: &[&'static str]) {
    let mut raw = vault.raw().await;
    for trigger in [
        "log_entry_no_update",
        "log_entry_no_delete",
        "log_entry_dense",
    ] {
        let drop = sqlx::AssertSqlSafe(format!("DROP TRIGGER {trigger}"));
        sqlx::query(drop).execute(&mut raw).await.unwrap();
    }
    for statement in statements {
        sqlx::query(*statement).execute(&mut raw).await.unwrap();
    }
    raw.close().await.unwrap();
}

fn assert_forked(opened: Result<Store, StoreError>, word: &str) {
    match opened {
        Err(StoreError::Forked { why }) => assert!(why.contains(word), "{why}"),
        other => panic!("expected a fork that says {word}, got {other:?}"),
    }
}

#[tokio::test]
async fn a_tampered_entry_is_found_at_open() {
    let change = "UPDATE log_entry SET leaf = CAST(replace(CAST(leaf AS TEXT), 'test', 'tess') AS BLOB) \
                  WHERE seq = 3";
    let vault = vault_with_entries(5).await;
    tamper(&vault, &[change]).await;
    assert_forked(vault.open().await, "entry 3");

    let vault = vault_with_entries(5).await;
    tamper(
        &vault,
        &["UPDATE log_entry SET kind = 'call.begin', control = 0 WHERE seq = 2"],
    )
    .await;
    assert_forked(vault.open().await, "entry 2");
}

#[tokio::test]
async fn a_removed_entry_or_head_is_found_at_open() {
    let vault = vault_with_entries(5).await;
    tamper(&vault, &["DELETE FROM log_entry WHERE seq = 5"]).await;
    assert_forked(vault.open().await, "head counts 6");

    let vault = vault_with_entries(5).await;
    tamper(&vault, &["UPDATE log_head SET size = 5"]).await;
    assert_forked(vault.open().await, "checkpoint");

    let vault = vault_with_entries(5).await;
    tamper(&vault, &["DELETE FROM log_head"]).await;
    assert_forked(vault.open().await, "missing");
}

#[tokio::test]
async fn an_older_copy_of_the_database_is_found_by_the_high_water_mark() {
    let (vault, store) = Vault::new().await;
    store.commit(note("test.one")).await.unwrap();
    store.close().await;
    let copy = vault.folder.path().join("copy");
    std::fs::copy(vault.database(), &copy).unwrap();
    let store = vault.open().await.unwrap();
    store.commit(note("test.two")).await.unwrap();
    store.close().await;

    std::fs::copy(&copy, vault.database()).unwrap();
    assert_forked(vault.open().await, "high-water mark says 3");
}

#[tokio::test]
async fn another_history_of_the_same_length_is_found_by_the_high_water_mark() {
    let (vault, store) = Vault::new().await;
    store.commit(note("test.one")).await.unwrap();
    store.close().await;
    let copy = vault.folder.path().join("copy");
    std::fs::copy(vault.database(), &copy).unwrap();
    let mark = std::fs::read(vault.folder.path().join("head.hw")).unwrap();
    let store = vault.open().await.unwrap();
    store.commit(note("test.two")).await.unwrap();
    store.close().await;
    let newer = std::fs::read(vault.folder.path().join("head.hw")).unwrap();

    std::fs::copy(&copy, vault.database()).unwrap();
    std::fs::write(vault.folder.path().join("head.hw"), mark).unwrap();
    let store = vault.open().await.unwrap();
    store.commit(note("test.other")).await.unwrap();
    store.close().await;
    std::fs::write(vault.folder.path().join("head.hw"), newer).unwrap();
    assert_forked(vault.open().await, "not those of the high-water mark");
}

#[tokio::test]
async fn another_key_or_origin_does_not_open_the_log() {
    let vault = vault_with_entries(1).await;
    let other_key = LogIdentity {
        seed: SecretLogSeed::new([8; 32]),
        ..identity()
    };
    assert_forked(
        Store::open(&vault.config(), other_key, vault.clock.clone()).await,
        "head",
    );
    let other_name = LogIdentity {
        origin: "vault.example/log/test/e2".to_owned(),
        ..identity()
    };
    assert_forked(
        Store::open(&vault.config(), other_name, vault.clock.clone()).await,
        "head",
    );
}

#[tokio::test]
async fn an_empty_folder_a_lone_mark_and_a_wrong_address_each_get_their_sentence() {
    let vault = Vault::empty();
    assert!(matches!(vault.open().await, Err(StoreError::Missing(_))));
    std::fs::write(vault.folder.path().join("head.hw"), "x").unwrap();
    assert!(matches!(vault.create().await, Err(StoreError::NotEmpty(_))));

    let mut config = vault.config();
    let url_file = vault.folder.path().join("url");
    std::fs::write(&url_file, "mysql://ada:canary@127.0.0.1/x").unwrap();
    config.postgres_url_file = Some(url_file.into());
    let said = async |config: Config| {
        let opened = Store::open(&config, identity(), vault.clock.clone()).await;
        opened.unwrap_err().to_string()
    };
    assert!(said(config.clone()).await.contains("two databases"));
    config.sqlite = None;
    let error = said(config).await;
    assert!(
        error.contains("postgres:// url") && !error.contains("canary"),
        "{error}"
    );
}

#[tokio::test]
async fn a_creation_that_was_interrupted_can_be_done_again() {
    let vault = Vault::empty();
    drop(std::fs::File::create(vault.database()).unwrap());
    vault.create().await.unwrap().close().await;
    vault.open().await.unwrap().close().await;
}

#[tokio::test]
async fn a_newer_database_is_refused_and_an_older_one_is_copied_first() {
    let vault = vault_with_entries(2).await;
    let mut raw = vault.raw().await;
    // As the first version left it: the log's own tables and nothing else.
    let later = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_sqlx%' \
                 ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
                 AND name NOT IN ('log_entry', 'log_head', 'log_node', 'log_cp')";
    let later: Vec<(String,)> = sqlx::query_as(later).fetch_all(&mut raw).await.unwrap();
    let drops = later.iter().map(|(name,)| format!("DROP TABLE {name}"));
    let forget = "DELETE FROM _sqlx_migrations WHERE version > 1".to_owned();
    for statement in drops.chain([forget]) {
        let statement = sqlx::AssertSqlSafe(statement);
        sqlx::query(statement).execute(&mut raw).await.unwrap();
    }
    raw.close().await.unwrap();
    // What an interrupted copy left, and the copy of another state of this database.
    let beside = |name: &str| {
        vault
            .folder
            .path()
            .join(format!("vault.db.before-2-at-{name}"))
    };
    std::fs::write(beside("3.part"), "half").unwrap();
    std::fs::write(beside("2"), "older").unwrap();
    let store = vault.open().await.unwrap();
    assert_eq!(store.fact("any").await.unwrap(), None);
    store.close().await;
    assert!(!beside("3.part").exists());
    assert_eq!(std::fs::read(beside("2")).unwrap(), b"older");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(beside("3"));
    let mut copy = sqlx::ConnectOptions::connect(&options).await.unwrap();
    let entries: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM log_entry")
        .fetch_one(&mut copy)
        .await
        .unwrap();
    copy.close().await.unwrap();
    assert_eq!(entries, 3, "all of this one");

    let mut raw = vault.raw().await;
    let newer = "INSERT INTO _sqlx_migrations \
                 (version, description, success, checksum, execution_time) \
                 VALUES (9999, 'later', 1, x'00', 0)";
    sqlx::query(newer).execute(&mut raw).await.unwrap();
    raw.close().await.unwrap();
    let refused = vault.open().await;
    let newest = breakglass::store::SQLITE
        .iter()
        .map(|one| one.version)
        .max();
    assert!(
        matches!(refused, Err(StoreError::Newer { found: 9999, known }) if Some(known) == newest),
        "{refused:?}"
    );
}

#[tokio::test]
async fn the_whole_log_is_rehashed_in_the_background() {
    let (vault, store) = Vault::new().await;
    for _ in 0..4 {
        let drafts = (0..250)
            .map(|_| note("test.entry").drafts.remove(0))
            .collect();
        let commit = breakglass::store::Commit::control(drafts, Vec::new());
        store.commit(commit).await.unwrap();
    }
    assert_eq!(store.check_whole().await.unwrap(), 1001);
    store.close().await;
    // Entry 7 is too old for the start-up check; the whole check names it.
    tamper(
        &vault,
        &["UPDATE log_entry SET leaf = CAST(leaf || ' ' AS BLOB) WHERE seq = 7"],
    )
    .await;
    let store = vault.open().await.unwrap();
    let found = store.check_whole().await.unwrap_err().to_string();
    assert!(found.contains("entry 7"), "{found}");
    store.close().await;
}

#[tokio::test]
async fn a_fall_of_the_clock_is_recorded_and_a_small_one_clamped() {
    let (vault, store) = Vault::new().await;
    vault.clock.add_ms(-1_500);
    assert_eq!(
        store.commit(note("test.small")).await.unwrap().ts.0,
        START_MS
    );
    vault.clock.add_ms(-10_000);
    let after = store.commit(note("test.large")).await.unwrap();
    assert_eq!((after.first_seq, after.ts.0), (3, START_MS - 11_500));
    let jump = store.entry(2).await.unwrap().unwrap();
    let jump = breakglass::audit::entry::parse_entry(&jump).unwrap();
    assert_eq!(jump.kind, "clock.jump");
    assert_eq!(jump.integer("from_ms"), Some(START_MS));
    assert_eq!(jump.ts_ms, START_MS - 11_500);
    store.close().await;
}

#[tokio::test]
async fn only_a_database_without_tables_holds_no_vault_yet() {
    use breakglass::store::peek::log_origin;
    let (vault, store) = Vault::new().await;
    store.close().await;
    let named = log_origin(&vault.config()).await.unwrap();
    assert_eq!(named.as_deref(), Some(super::support::ORIGIN));
    let mut raw = vault.raw().await;
    let broken = "ALTER TABLE log_head RENAME COLUMN checkpoint TO gone";
    sqlx::query(broken).execute(&mut raw).await.unwrap();
    assert!(
        log_origin(&vault.config()).await.is_err(),
        "a vault that cannot be read"
    );
    sqlx::query("DROP TABLE log_head")
        .execute(&mut raw)
        .await
        .unwrap();
    raw.close().await.unwrap();
    assert_eq!(log_origin(&vault.config()).await.unwrap(), None);
}
