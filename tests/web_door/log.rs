//! The log over HTTP: what is handed out verifies without the vault.

use std::collections::BTreeMap;
use std::io;

use breakglass::api::{ConsistencyProof, EntryProof, ExportList};
use breakglass::audit::checkpoint::{Checkpoint, parse_hash};
use breakglass::audit::export::{ExportParts, export};
use breakglass::audit::merkle::leaf_hash;
use breakglass::audit::merkle_proof::{verify_consistency, verify_inclusion};
use breakglass::audit::note::Note;
use breakglass::audit::tiles::{TileKind, next_in_bundle, tiles_of};
use breakglass::audit::verify::{Expectations, ExportSource, Seen, verify};

use crate::support::{User, Vault, fill, no, ok};

#[tokio::test]
async fn the_page_says_whether_the_whole_log_was_checked_and_to_which_entry() {
    let vault = Vault::start().await;
    let vera = vault.login("vera").await;
    let shown = || async { vera.get("/log").await.text().await.unwrap() };
    let before = shown().await;
    assert!(before.contains("has not been checked"), "{before}");
    vault.app.check_whole_log().await;
    let last = vault.app.store().head().size - 1;
    let after = shown().await;
    let said = format!("checked to entry {last}: every entry gives the signed root");
    assert!(after.contains(&said), "{after}");
}

/// An export as it came over HTTP, by path.
struct Fetched(BTreeMap<String, Vec<u8>>);

impl ExportSource for Fetched {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.get(path).cloned())
    }

    fn open(&self, path: &str) -> io::Result<Option<Box<dyn io::Read + Send + '_>>> {
        let file = self.0.get(path);
        Ok(file.map(|bytes| Box::new(bytes.as_slice()) as Box<dyn io::Read + Send>))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let inside = |path: &String| {
            path.strip_prefix(folder)?
                .strip_prefix('/')
                .map(str::to_owned)
        };
        Ok(self.0.keys().filter_map(inside).collect())
    }
}

async fn file(user: &User<'_>, path: &str) -> Vec<u8> {
    let answer = user.get(&format!("/api/v1/log/files/{path}")).await;
    assert_eq!(answer.status(), 200, "{path}");
    answer.bytes().await.unwrap().to_vec()
}

/// Everything an export holds, fetched file by file.
async fn fetched(user: &User<'_>) -> (ExportList, Fetched) {
    let list: ExportList = ok(user.get("/api/v1/log/export").await).await;
    let mut files = BTreeMap::new();
    for path in &list.files {
        files.insert(path.clone(), file(user, path).await);
    }
    for tile in tiles_of(list.size) {
        files.insert(tile.to_string(), file(user, &tile.to_string()).await);
    }
    files.insert(
        "checkpoint".to_owned(),
        list.checkpoint.clone().into_bytes(),
    );
    let mut lines = Vec::new();
    for tile in tiles_of(list.size).filter(|tile| tile.kind == TileKind::Entries) {
        let mut bundle = files[&tile.to_string()].as_slice();
        while let Some(entry) = next_in_bundle(&mut bundle) {
            lines.extend_from_slice(entry);
            lines.push(b'\n');
        }
    }
    files.insert("entries.ndjson".to_owned(), lines);
    (list, Fetched(files))
}

#[tokio::test]
async fn an_export_fetched_file_by_file_verifies() {
    let vault = Vault::start().await;
    let rio = vault.login("rio").await;
    rio.open_rotation().await;
    fill(&vault, 600).await;
    let (list, fetched) = fetched(&rio).await;
    assert!(list.size > 600);
    for wanted in [
        "terms/",
        "acts/",
        "roster/",
        "manifests/",
        "policy/",
        "allowed_signers/",
        "checkpoints/",
    ] {
        assert!(
            list.files.iter().any(|path| path.starts_with(wanted)),
            "{wanted}"
        );
    }
    let seen = Seen {
        name: "mine".to_owned(),
        bytes: list.checkpoint.clone().into_bytes(),
    };
    let expected = Expectations {
        seen: vec![seen],
        log_keys: vec![vault.log_key.clone()],
        ..Expectations::default()
    };
    let report = verify(&fetched, &expected);
    assert!(report.passed, "{:?}", report.first_failure());
    assert_eq!(report.size, list.size);
}

#[tokio::test]
async fn the_files_fetched_are_those_an_export_on_disk_would_hold() {
    let vault = Vault::start().await;
    let vera = vault.login("vera").await;
    fill(&vault, 300).await;
    let (list, fetched) = fetched(&vera).await;
    let checkpoint = Note::parse(list.checkpoint.as_bytes()).unwrap();
    let parts = ExportParts {
        checkpoint: &checkpoint,
        log_keys: std::slice::from_ref(&vault.log_key),
        earlier: &[],
        objects: &[],
    };
    let entries = fetched.0["entries.ndjson"]
        .split(|b| *b == b'\n')
        .filter(|e| !e.is_empty());
    let mut written: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let entries = entries.map(|entry| Ok::<_, io::Error>(entry.to_vec()));
    export(&parts, entries, &mut |path, bytes| {
        written
            .entry(path.to_owned())
            .or_default()
            .extend_from_slice(bytes);
        Ok(())
    })
    .unwrap();
    for (path, bytes) in &written {
        assert_eq!(fetched.0.get(path), Some(bytes), "{path}");
    }
}

#[tokio::test]
async fn proofs_hold_under_checkpoints_of_any_size_a_client_may_have() {
    let vault = Vault::start().await;
    let first = vault
        .get("/api/v1/log/checkpoint")
        .await
        .text()
        .await
        .unwrap();
    let first = Checkpoint::open(first.as_bytes(), &vault.log_key).unwrap();
    let ada = vault.login("ada").await;
    fill(&vault, 20).await;
    let second = vault
        .get("/api/v1/log/checkpoint")
        .await
        .text()
        .await
        .unwrap();
    let second = Checkpoint::open(second.as_bytes(), &vault.log_key).unwrap();
    fill(&vault, 3).await;
    let path = format!(
        "/api/v1/log/consistency?old={}&new={}",
        first.size, second.size
    );
    let proof: ConsistencyProof = ok(ada.get(&path).await).await;
    let hashes: Vec<_> = proof.proof.iter().map(|h| parse_hash(h).unwrap()).collect();
    verify_consistency(first.size, &first.root, second.size, &second.root, &hashes).unwrap();
    let path = format!("/api/v1/log/proof?seq=0&size={}", second.size);
    let proof: EntryProof = ok(ada.get(&path).await).await;
    let hashes: Vec<_> = proof
        .inclusion
        .iter()
        .map(|h| parse_hash(h).unwrap())
        .collect();
    let leaf = leaf_hash(proof.entry.as_bytes());
    verify_inclusion(0, second.size, &leaf, &hashes, &second.root).unwrap();
    // Without a size the newest checkpoint comes with the proof.
    let proof: EntryProof = ok(ada.get("/api/v1/log/proof?seq=5").await).await;
    let head = Checkpoint::open(proof.checkpoint.as_bytes(), &vault.log_key).unwrap();
    let hashes: Vec<_> = proof
        .inclusion
        .iter()
        .map(|h| parse_hash(h).unwrap())
        .collect();
    verify_inclusion(
        5,
        head.size,
        &leaf_hash(proof.entry.as_bytes()),
        &hashes,
        &head.root,
    )
    .unwrap();
}

#[tokio::test]
async fn what_the_log_does_not_have_is_not_found() {
    let vault = Vault::start().await;
    let ada = vault.login("ada").await;
    for path in [
        "/api/v1/log/proof?seq=999999",
        "/api/v1/log/proof?seq=0&size=999999",
        "/api/v1/log/proof?seq=18446744073709551615",
        "/api/v1/log/consistency?old=999999",
        "/api/v1/log/consistency?old=0&new=999999",
        "/api/v1/log/files/tile/0/999",
        "/api/v1/log/files/tile/7/000",
        "/api/v1/log/files/..%2f..%2fetc%2fpasswd",
        "/api/v1/log/files/terms/..%2f..%2fvault.db",
        "/api/v1/log/files/vault.db",
        "/api/v1/log/files/checkpoints/99999999999999999999.note",
    ] {
        assert_eq!(
            no(ada.get(path).await).await,
            (404, "not_found".into()),
            "{path}"
        );
    }
    for path in [
        "/api/v1/log/proof",
        "/api/v1/log/proof?seq=-1",
        "/api/v1/log/consistency?old=x",
    ] {
        assert_eq!(
            no(ada.get(path).await).await,
            (400, "bad_document".into()),
            "{path}"
        );
    }
}

#[tokio::test]
async fn stock_ssh_keygen_accepts_the_acts_of_an_export() {
    use std::process::{Command, Stdio};
    let vault = Vault::start().await;
    let rio = vault.login("rio").await;
    rio.open_rotation().await;
    let (list, fetched) = fetched(&rio).await;
    let folder = tempfile::tempdir().unwrap();
    let named = |folder: &str, ending: &str| {
        let found = list
            .files
            .iter()
            .find(|p| p.starts_with(folder) && p.ends_with(ending));
        found.unwrap().clone()
    };
    let act = named("acts/", ".json");
    let signature = act.replace(".json", ".sig");
    let signers = named("allowed_signers/", "");
    for (name, path) in [("sig", &signature), ("signers", &signers), ("act", &act)] {
        std::fs::write(folder.path().join(name), &fetched.0[path]).unwrap();
    }
    let document = std::fs::File::open(folder.path().join("act")).unwrap();
    let status = Command::new("ssh-keygen")
        .args([
            "-Y",
            "verify",
            "-f",
            "signers",
            "-I",
            "rio",
            "-n",
            "breakglass-open",
            "-s",
            "sig",
        ])
        .current_dir(folder.path())
        .stdin(document)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
}

#[tokio::test]
async fn a_follower_gets_the_hashed_bytes_line_by_line_and_goes_on_where_it_stopped() {
    let vault = Vault::start().await;
    fill(&vault, 300).await;
    let user = vault.login("tess").await;
    let (mut next, mut turns) = (0_u64, 0);
    loop {
        let answer = user.get(&format!("/api/v1/log/entries?from={next}")).await;
        assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
        let text = answer.text().await.unwrap();
        for line in text.lines() {
            if next % 50 == 0 {
                let path = format!("/api/v1/log/proof?seq={next}");
                let proof: EntryProof = ok(user.get(&path).await).await;
                assert_eq!(proof.entry, line);
            }
            let entry: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(entry["seq"], next);
            next += 1;
        }
        turns += 1;
        if text.is_empty() {
            break;
        }
    }
    assert!(next >= 300 && turns >= 3, "{next} entries in {turns} turns");
}
