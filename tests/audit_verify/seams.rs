//! A log that goes on under a new name: the key declared at the seam is the one that signs, each
//! seam follows the key before it, and what only saw lost entries proves nothing.

use std::io;

use breakglass::audit::checkpoint::{Checkpoint, format_hash};
use breakglass::audit::export::{ExportParts, export};
use breakglass::audit::merkle::{Edge, leaf_hash};
use breakglass::audit::note::NoteSigner;
use breakglass::audit::verify::{Expectations, Outcome, Seen, verify};
use serde_json::json;

use super::agreement::{both, ours, theirs};
use super::support::{Files, ORIGIN, SampleLog, signer};

const SECOND: &str = "vault.example/log/vault-1/e2";

fn named(origin: &str, seed: u8) -> NoteSigner {
    NoteSigner::from_seed(origin, &[seed; 32]).unwrap()
}

/// A log of about forty entries that goes on as its second epoch: declared to follow `former`
/// and to be signed by `declared`, and signed by `signs`.
fn export_of(former: &NoteSigner, declared: &NoteSigner, signs: &NoteSigner) -> Files {
    let mut log = SampleLog::grown(5, 40);
    let mut edge = Edge::new();
    for entry in &log.entries {
        edge.push(leaf_hash(entry)).unwrap();
    }
    let sha256 = "ab".repeat(32);
    log.add(
        "log.epoch",
        json!({"epoch": 2, "origin": SECOND, "vkey": declared.verifier_key().to_string(),
        "prev_origin": ORIGIN, "prev_vkey": former.verifier_key().to_string(),
        "prev_size": edge.size(), "prev_root": format_hash(&edge.root()), "why": "restored",
        "custody_epoch": 1, "newest_epoch": 1, "manifest_sha256": sha256,
        "roster_sha256": sha256, "policy_sha256": sha256, "acts": [sha256]}),
    );
    edge.push(leaf_hash(log.entries.last().unwrap())).unwrap();
    let head = Checkpoint {
        origin: SECOND.to_owned(),
        size: edge.size(),
        root: edge.root(),
    };
    let head = head.sign(signs).unwrap();
    let keys = [
        signer().verifier_key().clone(),
        signs.verifier_key().clone(),
    ];
    let parts = ExportParts {
        checkpoint: &head,
        log_keys: &keys,
        earlier: &[],
        objects: &log.objects,
    };
    let mut files = Files::default();
    let entries = log.entries.iter().cloned().map(Ok::<_, io::Error>);
    export(&parts, entries, &mut |path, bytes| {
        let file = files.0.entry(path.to_owned()).or_default();
        file.extend_from_slice(bytes);
        Ok(())
    })
    .unwrap();
    files
}

#[test]
fn only_the_key_declared_at_the_seam_signs_what_follows() {
    let (honest, other) = (named(SECOND, 8), named(SECOND, 9));
    let stranger = named(ORIGIN, 10);
    let exports = [
        export_of(&signer(), &honest, &honest),
        export_of(&signer(), &honest, &other),
        export_of(&stranger, &honest, &honest),
    ];
    let (reports, text) = both(&exports);
    for (report, line) in reports.iter().zip(text.lines()) {
        let shared = |levels: Vec<(u8, String, Option<u64>)>| {
            let bad = levels.into_iter().filter(|(_, word, _)| word == "failed");
            bad.map(|(level, _, seq)| (level, seq)).collect::<Vec<_>>()
        };
        assert_eq!(shared(ours(report)), shared(theirs(line)), "{line}");
    }
    let failed: Vec<Option<u8>> = reports
        .iter()
        .map(|report| report.first_failure().map(|level| level.level))
        .collect();
    // The level at which each breaks: none, the signature, the entry that declares the seam.
    assert_eq!(failed, [Some(5), Some(1), Some(4)], "{reports:#?}");
}

#[test]
fn a_key_of_any_epoch_of_the_log_is_enough_to_trust_the_head() {
    let honest = named(SECOND, 8);
    let files = export_of(&signer(), &honest, &honest);
    for (key, trusted) in [(signer(), true), (honest, true), (named(ORIGIN, 10), false)] {
        let expected = Expectations {
            log_keys: vec![key.verifier_key().clone()],
            threads: 1,
            ..Expectations::default()
        };
        let outcome = verify(&files, &expected).levels[1].outcome;
        assert_eq!(outcome == Outcome::Passed, trusted, "{key:?}");
    }
}

#[test]
fn checkpoints_that_only_saw_lost_entries_prove_nothing() {
    let honest = named(SECOND, 8);
    let files = export_of(&signer(), &honest, &honest);
    let longer = SampleLog::grown(5, 60);
    let note = longer.checkpoint(longer.entries.len()).to_string();
    let seen = |notes: &[String]| {
        let seen = notes.iter().map(|note| Seen {
            name: "mail".to_owned(),
            bytes: note.clone().into_bytes(),
        });
        let expected = Expectations {
            seen: seen.collect(),
            threads: 1,
            ..Expectations::default()
        };
        verify(&files, &expected).levels[3].clone()
    };
    let level = seen(std::slice::from_ref(&note));
    assert_eq!((level.outcome, level.checked), (Outcome::NotRun, 0));
    assert!(level.reason.unwrap().contains("declares the rest lost"));
    let level = seen(&[note, longer.checkpoint(10).to_string()]);
    assert_eq!((level.outcome, level.checked), (Outcome::Passed, 1));
}
