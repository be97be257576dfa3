//! Bad luck: a killed process, a full disk, a disk that fails, a second writer.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use breakglass::audit::entry::parse_entry;
use breakglass::store::{Commit, CommitError, Config, Store};
use sqlx::Connection as _;

use super::support::{TestClock, Vault, draft, identity, note};

/// Names the vault of a child process; without it the child test does nothing.
const CHILD_VAULT: &str = "BREAKGLASS_TEST_VAULT";

fn child(database: &Path, prefix: &[&str]) -> Command {
    let program = std::env::current_exe().unwrap();
    let mut command = match prefix.split_first() {
        None => Command::new(&program),
        Some((wrapper, arguments)) => {
            let mut command = Command::new(wrapper);
            command.args(arguments).arg(&program);
            command
        }
    };
    command
        .args([
            "--ignored",
            "--exact",
            "faults::child_that_appends_and_says_what_was_acknowledged",
        ])
        .args(["--nocapture", "--test-threads=1"])
        .env(CHILD_VAULT, database)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a child of the tests below, which start it"]
async fn child_that_appends_and_says_what_was_acknowledged() {
    let Some(database) = std::env::var_os(CHILD_VAULT) else {
        return;
    };
    let config = Config {
        sqlite: Some(database.into()),
        postgres_url_file: None,
    };
    let store = Store::open(&config, identity(), TestClock::new())
        .await
        .unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let store = store.clone();
        tasks.spawn(async move {
            for number in 0..100_000 {
                let text = format!("{writer}-{number}");
                match store
                    .commit(Commit::call(draft("call.begin", &[("n", &text)])))
                    .await
                {
                    Ok(done) => println!("\nack {} {text}", done.first_seq),
                    Err(error) => {
                        println!("\nerror {error:?}");
                        return;
                    }
                }
            }
        });
    }
    tasks.join_all().await;
    println!("\nstopped writable={}", store.is_writable());
}

/// Reads the child's lines until it ends, or kills it after `kill_after` acknowledgements.
fn listen(mut command: Command, kill_after: usize) -> (Vec<(u64, String)>, Vec<String>) {
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (mut acknowledged, mut others) = (Vec::new(), Vec::new());
    for line in lines.map_while(Result::ok) {
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["ack", seq, text] => {
                if let Ok(seq) = seq.parse() {
                    acknowledged.push((seq, (*text).to_owned()));
                }
            }
            _ => others.push(line),
        }
        if acknowledged.len() == kill_after {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    (acknowledged, others)
}

async fn assert_all_there(vault: &Vault, acknowledged: &[(u64, String)]) {
    let store = vault.open().await.unwrap();
    for (seq, text) in acknowledged {
        let entry = store
            .entry(*seq)
            .await
            .unwrap()
            .expect("acknowledged, so durable");
        assert_eq!(parse_entry(&entry).unwrap().text("n"), Some(text.as_str()));
    }
    assert_eq!(store.check_whole().await.unwrap(), store.head().size);
    store.commit(note("test.after")).await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn what_a_killed_process_acknowledged_is_in_the_log() {
    let (vault, store) = Vault::new().await;
    store.close().await;
    for kill_after in [1, 100, 1_500] {
        let (acknowledged, _) = listen(child(&vault.database(), &[]), kill_after);
        assert!(acknowledged.len() >= kill_after);
        assert_all_there(&vault, &acknowledged).await;
    }
}

#[tokio::test]
#[ignore = "needs strace, which may trace its children; tests/run installs it"]
async fn a_failing_disk_stops_the_writer_for_good_and_loses_nothing_acknowledged() {
    let (vault, store) = Vault::new().await;
    store.close().await;
    let inject = [
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "trace=fsync,fdatasync",
        "-e",
    ];
    let inject = [
        inject.as_slice(),
        &["inject=fsync,fdatasync:error=EIO:when=40+"],
    ]
    .concat();
    let (acknowledged, others) = listen(child(&vault.database(), &inject), usize::MAX);
    assert!(!acknowledged.is_empty());
    assert!(
        others.iter().any(|line| line.starts_with("error Unknown")),
        "{others:?}"
    );
    assert!(
        others.iter().any(|line| line == "stopped writable=false"),
        "{others:?}"
    );
    assert_all_there(&vault, &acknowledged).await;
}

/// A folder with little room; unmounted also when the test fails.
struct SmallDisk<'f>(&'f Path);

impl<'f> SmallDisk<'f> {
    fn mounted(folder: &'f Path) -> Self {
        let mut mount = Command::new("mount");
        let mount = mount
            .args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"])
            .arg(folder);
        assert!(mount.status().unwrap().success());
        Self(folder)
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let done = Command::new("umount").arg("-l").arg(self.0).status();
        assert!(done.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

#[tokio::test]
#[ignore = "needs root to mount a tmpfs; tests/run runs it as root"]
async fn a_full_disk_refuses_and_goes_on_when_there_is_room_again() {
    let vault = Vault::empty();
    let folder = vault.folder.path();
    let _disk = SmallDisk::mounted(folder);
    std::fs::write(folder.join("room"), vec![0; 512 * 1024]).unwrap();
    let store = vault.create().await.unwrap();
    let long = "x".repeat(20_000);
    let mut written = 0u32;
    let error = loop {
        let commit = Commit::call(draft("call.begin", &[("n", &long)]));
        match store.commit(commit).await {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error, CommitError::Full);
    assert!(written > 10);
    assert!(!store.is_writable());
    let size = store.head().size;
    assert_eq!(store.entries(0, 10_000).await.unwrap().len() as u64, size);

    std::fs::remove_file(folder.join("room")).unwrap();
    store.commit(note("test.after")).await.unwrap();
    assert!(store.is_writable());
    assert_eq!(store.check_whole().await.unwrap(), size + 1);
    store.close().await;
}

#[tokio::test]
async fn a_writer_that_was_replaced_cannot_commit() {
    let (vault, store) = Vault::new().await;
    let mut raw = vault.raw().await;
    let raise = "UPDATE log_head SET writer_epoch = writer_epoch + 1";
    sqlx::query(raise).execute(&mut raw).await.unwrap();
    raw.close().await.unwrap();
    let stale = store.commit(note("test.stale")).await;
    assert!(matches!(stale, Err(CommitError::Unknown(_))), "{stale:?}");
    assert!(!store.is_writable());
    assert_eq!(
        store.commit(note("test.later")).await,
        Err(CommitError::Closed)
    );
    store.close().await;
    let store = vault.open().await.unwrap();
    assert_eq!(store.head().size, 1);
    store.close().await;
}

#[tokio::test]
async fn entries_cannot_be_changed_removed_or_replaced_by_accident() {
    let (vault, store) = Vault::new().await;
    let mut raw = vault.raw().await;
    for statement in [
        "UPDATE log_entry SET kind = 'x'",
        "DELETE FROM log_entry",
        "INSERT OR REPLACE INTO log_entry (seq, kind, control, leaf, hash) \
         VALUES (0, 'x', 1, x'00', zeroblob(32))",
        "INSERT INTO log_entry (seq, kind, control, leaf, hash) \
         VALUES (9, 'x', 1, x'00', zeroblob(32))",
    ] {
        let refused = sqlx::query(statement).execute(&mut raw).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{refused}");
    }
    raw.close().await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn what_cannot_be_an_entry_is_refused_before_it_is_queued() {
    let (_vault, store) = Vault::new().await;
    let long = "x".repeat(70_000);
    for bad in [
        draft("Not A Kind", &[]),
        draft("test.reserved", &[("seq", "1")]),
        draft("test.long", &[("n", &long)]),
    ] {
        let refused = store.commit(Commit::call(bad)).await;
        assert!(
            matches!(refused, Err(CommitError::Invalid(_))),
            "{refused:?}"
        );
    }
    assert_eq!(store.head().size, 1);
    assert!(store.is_writable());
    store.close().await;
    assert_eq!(
        store.commit(note("test.closed")).await,
        Err(CommitError::Closed)
    );
}

/// The test's runtime polls some tasks between two turns of this one; the writer's thread does not
/// wait for it.
async fn everybody_has_queued() {
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_flood_of_calls_is_shed_and_control_goes_before_it() {
    let (vault, store) = Vault::new().await;
    let mut raw = vault.raw().await;
    // Whoever holds the write lock stops the writer, as a slow disk would.
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut raw)
        .await
        .unwrap();
    let call = |store: &Store| {
        let store = store.clone();
        tokio::spawn(async move { store.commit(Commit::call(draft("call.begin", &[]))).await })
    };
    let calls: Vec<_> = (0..6_000).map(|_| call(&store)).collect();
    everybody_has_queued().await;
    let control = tokio::spawn({
        let store = store.clone();
        async move { store.commit(note("test.close")).await }
    });
    everybody_has_queued().await;
    sqlx::query("ROLLBACK").execute(&mut raw).await.unwrap();
    raw.close().await.unwrap();

    let control = control.await.unwrap().unwrap();
    assert!(control.first_seq <= 2 * 256, "{}", control.first_seq);
    let (mut written, mut shed) = (0, 0);
    for call in calls {
        match call.await.unwrap() {
            Ok(_) => written += 1,
            Err(error) => {
                assert_eq!(error, CommitError::Overloaded);
                shed += 1;
            }
        }
    }
    assert!(
        written >= 4_096 && shed > 0,
        "{written} written, {shed} shed"
    );
    assert_eq!(store.head().size, 2 + written);
    store.close().await;
}
