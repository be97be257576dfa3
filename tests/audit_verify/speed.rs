//! How fast a large export verifies; run by hand in a release build:
//! `cargo test --release --test audit_verify -- --ignored --nocapture ten_million`.

use std::io::{self, BufWriter, Read, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use breakglass::audit::checkpoint::Checkpoint;
use breakglass::audit::entry::PreparedDraft;
use breakglass::audit::export::{ExportParts, export};
use breakglass::audit::merkle::{Edge, leaf_hash};
use breakglass::audit::verify::{Expectations, ExportSource, verify};
use serde_json::json;

use super::support::{Directory, ORIGIN, draft, signer};

const ENTRIES: u64 = 10_000_000;

fn entries() -> impl Iterator<Item = Vec<u8>> {
    let prepare =
        |kind, members| PreparedDraft::new(&draft(kind, members), "n1", "00c0ffee").unwrap();
    let genesis = prepare("log.genesis", json!({"origin": ORIGIN, "epoch": 1}));
    let other = prepare(
        "deny",
        json!({"inc": "i1", "sid": "s1", "why": "scope", "method": "GET",
        "route": "/api/2.0/clusters/list", "path_sha256": "0".repeat(64)}),
    );
    (0..ENTRIES).map(move |seq| {
        let draft = if seq == 0 { &genesis } else { &other };
        draft
            .stamp(seq, 1_767_225_600_000 + seq.cast_signed())
            .unwrap()
    })
}

/// Gives the entries once, for hashing, so that level 4 stops at once.
struct HashesOnly(Directory, AtomicBool);

impl ExportSource for HashesOnly {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        self.0.read(path)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.0.list(folder)
    }

    fn open(&self, path: &str) -> io::Result<Option<Box<dyn Read + Send + '_>>> {
        if self.1.swap(true, Ordering::Relaxed) {
            Ok(None)
        } else {
            self.0.open(path)
        }
    }
}

#[test]
#[ignore = "a measurement: writes gigabytes and belongs in a release build"]
fn ten_million_entries_verify() {
    let folder = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let mut edge = Edge::new();
    entries().for_each(|entry| edge.push(leaf_hash(&entry)).unwrap());
    println!("stamp and append: {:?}", started.elapsed());
    let head = Checkpoint {
        origin: ORIGIN.into(),
        size: ENTRIES,
        root: edge.root(),
    };
    let note = head.sign(&signer()).unwrap();
    let keys = [signer().verifier_key().clone()];
    let parts = ExportParts {
        checkpoint: &note,
        log_keys: &keys,
        earlier: &[],
        objects: &[],
    };
    let path = folder.path().join("entries.ndjson");
    let mut lines = BufWriter::new(std::fs::File::create(path).unwrap());
    let started = Instant::now();
    export(
        &parts,
        entries().map(Ok::<_, std::io::Error>),
        &mut |path, bytes| {
            if path == "entries.ndjson" {
                return lines.write_all(bytes);
            }
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap())?;
            std::fs::write(path, bytes)
        },
    )
    .unwrap();
    lines.flush().unwrap();
    println!("export: {:?}", started.elapsed());
    let started = Instant::now();
    let expected = Expectations {
        threads: 2,
        ..Expectations::default()
    };
    let source = HashesOnly(Directory(folder.path().to_owned()), AtomicBool::new(false));
    let report = verify(&source, &expected);
    println!("levels 0 to 3: {:?}", started.elapsed());
    assert_eq!(report.first_failure().map(|level| level.level), Some(4));
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    println!(
        "{}",
        status
            .lines()
            .find(|line| line.starts_with("VmHWM"))
            .unwrap_or_default()
    );
    let started = Instant::now();
    let report = verify(&source.0, &expected);
    println!("all levels: {:?}", started.elapsed());
    for level in &report.levels {
        println!("level {} {:?}", level.level, level.outcome);
    }
    assert!(report.passed);
}
