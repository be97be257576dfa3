//! A small log, honest, cut and rewritten.

use super::history::*;
use crate::api::{ConsistencyProof, EntryProof};
use crate::audit::checkpoint::{Checkpoint, format_hash};
use crate::audit::entry::{Draft, stamp};
use crate::audit::merkle::{Edge, Hash, leaf_hash};
use crate::audit::merkle_proof::{prove_consistency, prove_inclusion, root_from_source};
use crate::audit::note::NoteSigner;
use crate::cli::Exit;

const ORIGIN: &str = "vault.example/log/prod-eu/e1";

pub(in crate::cli) fn signer() -> NoteSigner {
    NoteSigner::from_seed(ORIGIN, &[7; 32]).unwrap()
}

pub(in crate::cli) fn entries(count: u64, word: &str) -> Vec<Vec<u8>> {
    let draft = Draft {
        kind: "log.tick".to_owned(),
        members: serde_json::Map::from_iter([("word".to_owned(), word.into())]),
    };
    (0..count)
        .map(|seq| stamp(&draft, seq, 1_000, "n1", "00c0ffee").unwrap())
        .collect()
}

pub(in crate::cli) fn head(entries: &[Vec<u8>]) -> (Checkpoint, String) {
    let mut edge = Edge::new();
    entries
        .iter()
        .for_each(|entry| edge.push(leaf_hash(entry)).unwrap());
    let checkpoint = Checkpoint {
        origin: ORIGIN.to_owned(),
        size: edge.size(),
        root: edge.root(),
    };
    let note = checkpoint.sign(&signer()).unwrap().to_string();
    (checkpoint, note)
}

/// The subtree hash of aligned ranges, the slow way.
fn source(entries: &[Vec<u8>]) -> impl Fn(u8, u64) -> Option<Hash> + '_ {
    |level, index| {
        let (width, start) = (1u64 << level, index << level);
        let range =
            entries.get(usize::try_from(start).ok()?..usize::try_from(start + width).ok()?)?;
        let mut edge = Edge::new();
        range
            .iter()
            .for_each(|entry| edge.push(leaf_hash(entry)).unwrap());
        Some(edge.root())
    }
}

fn texts(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(format_hash).collect()
}

pub(in crate::cli) fn consistency(entries: &[Vec<u8>], old: u64) -> ConsistencyProof {
    let new = entries.len() as u64;
    let proof = prove_consistency(old, new, source(entries)).unwrap();
    ConsistencyProof {
        old,
        new,
        proof: texts(&proof),
        checkpoint: String::new(),
    }
}

pub(in crate::cli) fn inclusion(entries: &[Vec<u8>], seq: u64) -> EntryProof {
    let size = entries.len() as u64;
    EntryProof {
        seq,
        entry: String::from_utf8(entries[usize::try_from(seq).unwrap()].clone()).unwrap(),
        inclusion: texts(&prove_inclusion(seq, size, source(entries)).unwrap()),
        checkpoint: String::new(),
    }
}

#[test]
fn a_log_that_grew_is_followed() {
    let long = entries(13, "tick");
    let (pinned, _) = head(&long[..6]);
    let (found, note) = head(&long);
    let (opened, step) =
        open_head(note.as_bytes(), signer().verifier_key(), Some(&pinned)).unwrap();
    assert_eq!((&opened, step), (&found, Step::Prove(6)));
    check_extends(&pinned, &opened, &consistency(&long, 6)).unwrap();
    assert_eq!(root_from_source(13, source(&long)).unwrap(), found.root);
}

#[test]
fn a_cut_log_is_exit_8_and_names_both_sizes() {
    let long = entries(13, "tick");
    let (pinned, _) = head(&long);
    let (_, note) = head(&long[..6]);
    let error = open_head(note.as_bytes(), signer().verifier_key(), Some(&pinned)).unwrap_err();
    assert_eq!(error.exit, Exit::LOG_BROKEN);
    assert!(
        error.message.contains("cut") && error.message.contains("13"),
        "{error}"
    );
    assert!(error.hint.contains("security"));
}

#[test]
fn a_rewritten_log_is_exit_8_at_the_same_size_and_at_a_larger_one() {
    let (pinned, _) = head(&entries(6, "tick"));
    let other = entries(13, "other");
    let (_, same) = head(&other[..6]);
    assert!(open_head(same.as_bytes(), signer().verifier_key(), Some(&pinned)).is_err());
    let (larger, _) = head(&other);
    let error = check_extends(&pinned, &larger, &consistency(&other, 6)).unwrap_err();
    assert!(error.message.contains("rewritten"), "{error}");
}

#[test]
fn a_checkpoint_of_another_key_or_origin_is_refused() {
    let (_, note) = head(&entries(3, "tick"));
    let other = NoteSigner::from_seed(ORIGIN, &[8; 32]).unwrap();
    let elsewhere = NoteSigner::from_seed("elsewhere.example/log/prod-eu/e1", &[7; 32]).unwrap();
    for key in [other.verifier_key(), elsewhere.verifier_key()] {
        assert_eq!(
            open_head(note.as_bytes(), key, None).unwrap_err().exit,
            Exit::LOG_BROKEN
        );
    }
}

#[test]
fn an_entry_counts_only_at_its_place_and_with_its_bytes() {
    let long = entries(13, "tick");
    let (found, _) = head(&long);
    let proof = |seq| inclusion(&long, seq);
    assert_eq!(check_entry(&proof(4), 4, &found).unwrap().seq, 4);
    assert!(check_entry(&proof(4), 5, &found).is_err());
    let mut forged = proof(4);
    forged.entry = forged.entry.replace("tick", "tock");
    assert_eq!(
        check_entry(&forged, 4, &found).unwrap_err().exit,
        Exit::LOG_BROKEN
    );
    let mut garbage = proof(4);
    garbage.inclusion[0] = "x".to_owned();
    assert!(check_entry(&garbage, 4, &found).is_err());
}
