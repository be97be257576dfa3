//! Going on under a new name after a restore, and what a stop in the middle of that leaves.

use breakglass::store::{LogIdentity, Store, StoreError, put_back, remembered};

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
        put_back(&vault.database(), ORIGIN).unwrap();
    }
    let notes = remembered(&vault.database(), ORIGIN).unwrap();
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
