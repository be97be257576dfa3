//! The write-ahead log after an erasure, while somebody reads.

use std::time::{Duration, Instant};

use breakglass::store::change::RowChange;
use breakglass::store::{Commit, Store};

use super::support::{Vault, draft, note};

fn wal_bytes(vault: &Vault) -> u64 {
    let path = vault.folder.path().join("vault.db-wal");
    std::fs::metadata(path).map_or(0, |found| found.len())
}

/// Erases nothing that is there; the writer owes the fold all the same.
fn erasure() -> Commit {
    let erase = RowChange::DropEnvelopes {
        incident: breakglass::domain::ids::IncidentId::numbered(1),
    };
    Commit::control(vec![draft("test.erase", &[])], vec![erase])
}

async fn write(store: &Store, commits: u32) {
    for _ in 0..commits {
        store.commit(note("test.entry")).await.unwrap();
    }
}

#[tokio::test]
async fn a_long_reader_does_not_hold_up_commits_after_an_erasure() {
    let (vault, store) = Vault::new().await;
    let mut reader = vault.raw().await;
    let hold = ["BEGIN", "SELECT COUNT(*) FROM log_entry"];
    for statement in hold {
        sqlx::query(statement).execute(&mut reader).await.unwrap();
    }
    let began = Instant::now();
    store.commit(erasure()).await.unwrap();
    // Waiting out the busy timeout before each of them took half a minute and more.
    write(&store, 8).await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(25), "{took:?}");
    assert!(wal_bytes(&vault) > 0, "nobody folds it in under the reader");

    sqlx::query("ROLLBACK").execute(&mut reader).await.unwrap();
    sqlx::Connection::close(reader).await.unwrap();
    write(&store, 2).await;
    assert!(wal_bytes(&vault) > 0, "it rests between two tries");
    // The try comes after the batch was answered, and before the next one is written.
    let mut folded = false;
    for _ in 0..100 {
        vault.clock.add_boot_ms(5_000);
        let before = wal_bytes(&vault);
        write(&store, 2).await;
        folded |= wal_bytes(&vault) < before;
    }
    assert!(folded, "the debt is kept");
    store.close().await;
}
