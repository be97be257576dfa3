//! How fast the log takes entries. Run alone, in release mode:
//! `cargo test --release --test store_room -- --ignored --nocapture speed`.

use std::time::{Duration, Instant};

use super::support::{Vault, draft};
use breakglass::store::{Commit, Store};

const CALL: [(&str, &str); 8] = [
    ("cid", "01J8ZQ4W3M5T7V9X1B3D5F7H9K"),
    ("sid", "ses-0123456789abcdef"),
    ("actor", "rio"),
    ("method", "GET"),
    ("host", "workspace.example"),
    ("route", "/api/2.0/clusters/list"),
    ("cls", "read"),
    (
        "pol",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    ),
];

async fn measure(store: &Store, writers: usize, each: usize) {
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..writers {
        let store = store.clone();
        tasks.spawn(async move {
            let mut waits = Vec::with_capacity(each);
            for _ in 0..each {
                let before = Instant::now();
                store
                    .commit(Commit::call(draft("call.begin", &CALL)))
                    .await
                    .unwrap();
                waits.push(before.elapsed());
            }
            waits
        });
    }
    let mut waits: Vec<Duration> = tasks.join_all().await.into_iter().flatten().collect();
    let seconds = begun.elapsed().as_secs_f64();
    waits.sort_unstable();
    let at = |part: f64| waits[(waits.len() as f64 * part) as usize].as_micros();
    let rate = (writers * each) as f64 / seconds;
    println!(
        "{writers} writers: {rate:.0} entries/s, p50 {} us, p99 {} us",
        at(0.5),
        at(0.99)
    );
}

/// A bare durable write of one page, the floor for one commit on this disk.
fn bare_fsync(vault: &Vault) -> u128 {
    use std::io::{Seek as _, Write as _};
    let mut file = std::fs::File::create(vault.folder.path().join("bare")).unwrap();
    let mut waits: Vec<Duration> = (0..200)
        .map(|_| {
            let before = Instant::now();
            file.rewind().unwrap();
            file.write_all(&[1; 4096]).unwrap();
            file.sync_data().unwrap();
            before.elapsed()
        })
        .collect();
    waits.sort_unstable();
    waits[100].as_micros()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, not a test; run it alone and in release mode"]
async fn appends_per_second_with_one_and_with_sixty_four_writers() {
    let (vault, store) = Vault::new().await;
    println!("bare write and fdatasync: p50 {} us", bare_fsync(&vault));
    measure(&store, 1, 2_000).await;
    measure(&store, 64, 1_000).await;
    measure(&store, 64, 1_000).await;
    measure(&store, 256, 500).await;
    store.close().await;
}
