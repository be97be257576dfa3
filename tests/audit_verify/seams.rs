//! A log that goes on under a new name: the key declared at the seam is the one that signs, each
//! seam follows the key before it, and what only saw lost entries proves nothing.

use std::io;

use breakglass::audit::checkpoint::{Checkpoint, format_hash};
use breakglass::audit::export::{ExportParts, export};
use breakglass::audit::merkle::{Edge, leaf_hash};
use breakglass::audit::note::{Note, NoteSigner};
use breakglass::audit::verify::{Expectations, Outcome, Seen, verify};
use serde_json::json;

use super::agreement::{both, ours, theirs};
use super::support::{Files, ORIGIN, SampleLog, signer};

const SECOND: &str = "vault.example/log/vault-1/e2";

fn named(origin: &str, seed: u8) -> NoteSigner {
    NoteSigner::from_seed(origin, &[seed; 32]).unwrap()
}

/// A log of about forty entries that goes on as its second epoch: declared to follow `former`
/// and to be signed by `declared`, and signed by `signs`; a checkpoint of the first epoch lies
/// in it, as in every true copy.
fn export_of(former: &NoteSigner, declared: &NoteSigner, signs: &NoteSigner) -> Files {
    let log = SampleLog::grown(5, 40);
    let earlier = [log.checkpoint(10)];
    goes_on(log, former, declared, signs, &earlier)
}

fn goes_on(
    mut log: SampleLog,
    former: &NoteSigner,
    declared: &NoteSigner,
    signs: &NoteSigner,
    earlier: &[Note],
) -> Files {
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
        earlier,
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
    let seen = |notes: &[String]| verify(&files, &expecting(notes)).levels[3].clone();
    let level = seen(std::slice::from_ref(&note));
    assert_eq!((level.outcome, level.checked), (Outcome::NotRun, 0));
    let expected = expecting(std::slice::from_ref(&note));
    let report = verify(&files, &expected);
    assert!(report.all_lost() && !report.passed, "{report:?}");
    assert!(level.reason.unwrap().contains("declares the rest lost"));
    let level = seen(&[note, longer.checkpoint(10).to_string()]);
    assert_eq!((level.outcome, level.checked), (Outcome::Passed, 1));
}

fn expecting(notes: &[String]) -> Expectations {
    let seen = notes.iter().map(|note| Seen {
        name: "mail".to_owned(),
        bytes: note.clone().into_bytes(),
    });
    Expectations {
        seen: seen.collect(),
        threads: 1,
        ..Expectations::default()
    }
}

/// Somebody else's log whose first entry quotes the true key, and which "goes on" after it under
/// a key of hers: the true key and every true mail must not make it pass.
#[test]
fn a_log_forged_by_somebody_without_any_key_of_the_vault_does_not_pass() {
    let (hers, truth) = (named(SECOND, 9), SampleLog::grown(5, 40));
    let forged = SampleLog::new(6);
    assert_ne!(forged.entries[..3], truth.entries[..3]);
    let mails: Vec<String> = [4, 20, 40]
        .map(|size| truth.checkpoint(size).to_string())
        .to_vec();
    let files = goes_on(forged, &signer(), &hers, &hers, &[]);
    let expected = Expectations {
        log_keys: vec![signer().verifier_key().clone()],
        ..expecting(&mails)
    };
    let report = verify(&files, &expected);
    assert!(!report.passed, "{report:#?}");
    let level = &report.levels[1];
    assert_eq!((level.outcome, level.seq), (Outcome::Failed, Some(3)));
    let (reports, text) = both(&[files]);
    let shared = |levels: Vec<(u8, String, Option<u64>)>| levels[1].clone();
    assert_eq!(shared(ours(&reports[0])), shared(theirs(&text)), "{text}");
    assert_eq!(shared(theirs(&text)).1, "failed");
}

/// A true prefix signed by the former key, but one that reaches beyond what was kept, shows
/// nothing about what was.
#[test]
fn a_checkpoint_beyond_what_was_kept_does_not_carry_the_seam() {
    let (honest, longer) = (named(SECOND, 8), SampleLog::grown(5, 60));
    let log = SampleLog::grown(5, 40);
    let beyond = [longer.checkpoint(longer.entries.len())];
    let files = goes_on(log, &signer(), &honest, &honest, &beyond);
    let level = files.verify().levels[1].clone();
    assert_eq!(level.outcome, Outcome::Failed, "{level:?}");
    // Received elsewhere it counts like one in the copy.
    let early = [SampleLog::grown(5, 40).checkpoint(4).to_string()];
    let report = verify(&files, &expecting(&early));
    assert_eq!(report.levels[1].outcome, Outcome::Passed, "{report:?}");
}

#[test]
fn the_python_verifier_leaves_the_signatures_under_a_seam_to_breakglass_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let honest = named(SECOND, 8);
    export_of(&signer(), &honest, &honest).write(folder.path());
    let output = std::process::Command::new("python3")
        .arg(folder.path().join("verify.py"))
        .arg(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(8), "{said}");
    assert!(said.contains("level 1 passed"), "{said}");
    let sentence = "its signatures are checked by `breakglass log verify` only";
    assert!(said.contains(sentence), "{said}");
}
