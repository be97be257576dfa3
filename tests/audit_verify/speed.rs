//! How fast a large export verifies; run by hand in a release build:
//! `cargo test --release --test audit_verify -- --ignored --nocapture ten_million`.

use std::io::{BufWriter, Write as _};
use std::time::Instant;

use breakglass::audit::checkpoint::Checkpoint;
use breakglass::audit::entry::PreparedDraft;
use breakglass::audit::export::{ExportParts, export};
use breakglass::audit::merkle::{Edge, leaf_hash};
use breakglass::audit::verify::{Expectations, verify};
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
    let report = verify(&Directory(folder.path().to_owned()), &expected);
    println!("all levels: {:?}", started.elapsed());
    for level in &report.levels {
        println!("level {} {:?}", level.level, level.outcome);
    }
    assert!(report.passed);
}
