//! Going on under a new name after a restore, and what a stop in the middle of that leaves.

use breakglass::audit::checkpoint::format_hash;
use breakglass::audit::entry::Draft;
use breakglass::audit::note::NoteSigner;
use breakglass::domain::ids::Digest;
use breakglass::domain::log_epoch::{LOG_EPOCH, LogEpoch};
use breakglass::store::{Commit, LogIdentity, Store, StoreError, put_back, remembered};

use super::support::{ORIGIN, Vault, identity, note};

/// A vault whose database was put back to an older state; its mark remembers three entries.
async fn restored() -> Vault {
    let (vault, store) = Vault::new().await;
    store.commit(note("test.one")).await.unwrap();
    store.close().await;
    let copy = vault.folder.path().join("copy");
    std::fs::copy(vault.database(), &copy).unwrap();
    let store = vault.open().await.unwrap();
    store.commit(note("test.two")).await.unwrap();
    store.close().await;
    std::fs::copy(&copy, vault.database()).unwrap();
    vault
}

async fn renamed(vault: &Vault) -> Result<Store, StoreError> {
    let new = LogIdentity {
        origin: "vault.example/log/test/e2".to_owned(),
        ..identity()
    };
    Store::open_renamed(&vault.config(), &identity(), new, vault.clock.clone()).await
}

/// The former log's name and key, as a vkey.
fn vkey(origin: &str, seed: [u8; 32]) -> String {
    let signer = NoteSigner::from_seed(origin, &seed).unwrap();
    signer.verifier_key().to_string()
}

fn second() -> LogIdentity {
    LogIdentity {
        origin: "vault.example/log/test/e2".to_owned(),
        ..identity()
    }
}

/// The log goes on as `e2`; the declaration says that this many entries were saved.
async fn declared(vault: &Vault) -> u64 {
    let store = renamed(vault).await.unwrap();
    let head = store.head();
    let nothing = Digest::of(b"");
    let declared = LogEpoch {
        epoch: 2,
        origin: second().origin,
        vkey: vkey(&second().origin, [7; 32]),
        prev_origin: ORIGIN.to_owned(),
        prev_vkey: vkey(ORIGIN, [7; 32]),
        prev_size: head.size,
        prev_root: format_hash(&head.root),
        why: "restored".to_owned(),
        custody_epoch: 1,
        newest_epoch: 1,
        manifest_sha256: nothing,
        roster_sha256: nothing,
        policy_sha256: nothing,
    };
    let entry = Draft {
        kind: LOG_EPOCH.to_owned(),
        members: declared.members(&[]),
    };
    let entry = Commit::control(vec![entry], Vec::new());
    store.commit(entry).await.unwrap();
    store.close().await;
    head.size
}

fn file(vault: &Vault, name: &str) -> Option<String> {
    std::fs::read_to_string(vault.folder.path().join(name)).ok()
}

async fn assert_refused(vault: &Vault) {
    match vault.open().await {
        Err(StoreError::Forked { why }) => assert!(why.contains("mark says 3"), "{why}"),
        other => panic!("the former name must not be written under: {other:?}"),
    }
}

#[tokio::test]
async fn a_declaration_that_was_begun_and_never_made_lets_nothing_start() {
    let vault = restored().await;
    // As a process that is killed in the middle leaves it: opened anew, nothing declared.
    renamed(&vault).await.unwrap().close().await;
    assert!(file(&vault, "head.hw.e1").is_some());
    assert_refused(&vault).await;
    // Nor without the mark that the closing wrote, which knows of the restored database only.
    std::fs::remove_file(vault.folder.path().join("head.hw")).unwrap();
    assert_refused(&vault).await;
}

#[tokio::test]
async fn what_lies_aside_is_never_written_over() {
    let vault = restored().await;
    let evidence = file(&vault, "head.hw").unwrap();
    for again in ["head.hw.e1.2", "head.hw.e1.3"] {
        renamed(&vault).await.unwrap().close().await;
        assert_eq!(file(&vault, again), None);
        assert_eq!(file(&vault, "head.hw.e1").as_ref(), Some(&evidence));
        renamed(&vault).await.unwrap().close().await;
        assert_eq!(file(&vault, "head.hw.e1").as_ref(), Some(&evidence));
        put_back(&vault.config(), ORIGIN).unwrap();
    }
    let notes = remembered(&vault.config(), ORIGIN).unwrap();
    assert!(notes.contains(&evidence), "{notes:?}");
    assert_refused(&vault).await;
}

#[tokio::test]
async fn a_mark_goes_back_when_the_store_does_not_open() {
    let vault = restored().await;
    let evidence = file(&vault, "head.hw").unwrap();
    // The writer epoch cannot be raised, as if somebody else had it.
    let mut raw = vault.raw().await;
    let stop = "CREATE TRIGGER stop BEFORE UPDATE ON log_head BEGIN SELECT RAISE(ABORT, 'no'); END";
    sqlx::query(stop).execute(&mut raw).await.unwrap();
    sqlx::Connection::close(raw).await.unwrap();
    assert!(renamed(&vault).await.is_err());
    assert_eq!(file(&vault, "head.hw"), Some(evidence));
    assert_eq!(file(&vault, "head.hw.e1"), None);
}

#[tokio::test]
async fn a_declared_name_is_not_held_against_the_former_mark() {
    let vault = restored().await;
    let store = renamed(&vault).await.unwrap();
    store.commit(note("log.epoch")).await.unwrap();
    store.close().await;
    let new = LogIdentity {
        origin: "vault.example/log/test/e2".to_owned(),
        ..identity()
    };
    let opened = Store::open(&vault.config(), new, vault.clock.clone()).await;
    opened.unwrap().close().await;
    assert!(
        file(&vault, "head.hw.e1").is_some(),
        "it says what was lost"
    );
}

/// Another node's folder over the same database: what it remembers is of the former name.
fn as_a_node_that_was_away(vault: &Vault, remembers: &str) {
    for name in ["head.hw", "head.hw.e1"] {
        drop(std::fs::remove_file(vault.folder.path().join(name)));
    }
    std::fs::write(vault.folder.path().join("head.hw"), remembers).unwrap();
}

async fn open_as_second(vault: &Vault) -> Result<Store, StoreError> {
    Store::open(&vault.config(), second(), vault.clock.clone()).await
}

#[tokio::test]
async fn a_node_that_was_away_follows_the_declaration_and_keeps_what_it_remembered() {
    let vault = restored().await;
    let beyond = file(&vault, "head.hw").unwrap();
    assert_eq!(declared(&vault).await, 2);
    as_a_node_that_was_away(&vault, &beyond);
    open_as_second(&vault).await.unwrap().close().await;
    assert_eq!(file(&vault, "head.hw.e1"), Some(beyond), "declared lost");
    let now = file(&vault, "head.hw").unwrap();
    assert!(now.starts_with(&second().origin), "{now}");
}

#[tokio::test]
async fn a_node_that_remembers_another_log_of_that_name_refuses_to_start() {
    let (vault, store) = Vault::new().await;
    let first = store.head().checkpoint;
    store.commit(note("test.one")).await.unwrap();
    store.close().await;
    declared(&vault).await;
    // What it saw is in what was saved.
    as_a_node_that_was_away(&vault, &first);
    open_as_second(&vault).await.unwrap().close().await;
    // It saw another history under the same name and key.
    let (other, store) = Vault::new().await;
    store.commit(note("test.two")).await.unwrap();
    let other_history = store.head().checkpoint;
    store.close().await;
    drop(other);
    as_a_node_that_was_away(&vault, &other_history);
    let refused = open_as_second(&vault).await;
    assert!(
        matches!(&refused, Err(StoreError::Forked { why }) if why.contains("not those")),
        "{refused:?}"
    );
    assert_eq!(file(&vault, "head.hw"), Some(other_history), "it stays");
}

#[tokio::test]
async fn a_mark_of_a_former_name_that_was_never_declared_refuses_the_start() {
    let vault = restored().await;
    let evidence = file(&vault, "head.hw").unwrap();
    let store = renamed(&vault).await.unwrap();
    store.commit(note("test.other")).await.unwrap();
    store.close().await;
    as_a_node_that_was_away(&vault, &evidence);
    let refused = open_as_second(&vault).await;
    assert!(
        matches!(refused, Err(StoreError::Forked { .. })),
        "{refused:?}"
    );
}
