//! The tree, proofs, notes and entries against naive models and other people's crates.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

use breakglass::audit::checkpoint::Checkpoint;
use breakglass::audit::entry::{Draft, EntryError, PreparedDraft, parse_entry, stamp};
use breakglass::audit::merkle::{Edge, Hash, empty_root, leaf_hash, node_hash};
use breakglass::audit::merkle_proof::{
    prove_consistency, prove_inclusion, verify_consistency, verify_inclusion,
};
use breakglass::audit::note::{Note, NoteSigner, VerifierKey};
use breakglass::audit::policy::{Policy, without_witnesses};
use breakglass::audit::proof::TlogProof;
use breakglass::audit::tiles::{Tile, TileStack, subtree_from_tiles};
use breakglass::domain::canonical;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// RFC 6962 §2.1 as it is written.
fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let middle = leaves.len().next_power_of_two() / 2;
            node_hash(
                &naive_root(&leaves[..middle]),
                &naive_root(&leaves[middle..]),
            )
        }
    }
}

fn leaves(count: usize) -> Vec<Hash> {
    (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

/// Complete subtrees straight from the leaves.
fn subtree(leaves: &[Hash], level: u8, index: u64) -> Option<Hash> {
    let first = usize::try_from(index << level).ok()?;
    leaves.get(first..first + (1 << level)).map(naive_root)
}

fn edge(leaves: &[Hash]) -> Edge {
    let mut edge = Edge::new();
    leaves.iter().for_each(|leaf| edge.push(*leaf).unwrap());
    edge
}

proptest! {
    #[test]
    fn roots_and_proofs_match_the_naive_tree_and_tlog_tiles(
        size in 1usize..400, index in 0usize..400, old in 0usize..400, flip in 0usize..2000,
    ) {
        let (index, old) = (index % size, old % (size + 1));
        let all = leaves(size);
        let (root, old_root) = (edge(&all).root(), edge(&all[..old]).root());
        prop_assert_eq!(root, naive_root(&all));
        let source = |level, index| subtree(&all, level, index);
        prop_assert_eq!(Edge::from_source(size as u64, source).unwrap(), edge(&all));

        let (size, index, old) = (size as u64, index as u64, old as u64);
        let leaf = all[usize::try_from(index).unwrap()];
        let mut proof = prove_inclusion(index, size, source).unwrap();
        verify_inclusion(index, size, &leaf, &proof, &root).unwrap();
        let theirs: Vec<_> = proof.iter().map(|hash| tlog_tiles::Hash(*hash)).collect();
        prop_assert!(tlog_tiles::check_record(
            &theirs, size, tlog_tiles::Hash(root), index, tlog_tiles::Hash(leaf)).is_ok());
        if !proof.is_empty() {
            let length = proof.len();
            proof[flip % length][flip % 32] ^= 1;
            prop_assert!(verify_inclusion(index, size, &leaf, &proof, &root).is_err());
            proof.pop();
            prop_assert!(verify_inclusion(index, size, &leaf, &proof, &root).is_err());
        }

        let mut proof = prove_consistency(old, size, source).unwrap();
        prop_assert_eq!(verify_consistency(old, &old_root, size, &root, &proof).is_ok(), old > 0);
        if old > 0 {
            let theirs: Vec<_> = proof.iter().map(|hash| tlog_tiles::Hash(*hash)).collect();
            prop_assert!(tlog_tiles::check_tree(
                &theirs, size, tlog_tiles::Hash(root), old, tlog_tiles::Hash(old_root)).is_ok());
        }
        if !proof.is_empty() {
            let length = proof.len();
            proof[flip % length][flip % 32] ^= 1;
            prop_assert!(verify_consistency(old, &old_root, size, &root, &proof).is_err());
        }
        proof.push([0; 32]);
        prop_assert!(verify_consistency(old, &old_root, size, &root, &proof).is_err());
    }

    #[test]
    fn hostile_proofs_and_texts_never_panic(
        index: u64, size: u64, old: u64, hashes in prop::collection::vec(any::<[u8; 32]>(), 0..70),
        text in ".{0,200}", bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let root = [7; 32];
        let _ = verify_inclusion(index, size, &root, &hashes, &root);
        let _ = verify_consistency(old, &root, size, &root, &hashes);
        let _ = prove_inclusion(index, size, |_, _| Some(root));
        let _ = prove_consistency(old, size, |_, _| Some(root));
        let _ = Edge::from_bytes(&bytes);
        let _ = Note::parse(&bytes);
        let _ = parse_entry(&bytes);
        let _ = VerifierKey::parse(&text);
        let _ = Checkpoint::parse(&text);
        let _ = TlogProof::parse(&format!("c2sp.org/tlog-proof@v1\n{text}"));
        let _ = Policy::parse(&text);
        let _ = Tile::parse(&format!("tile/{text}"));
        let _ = breakglass::audit::seen::find_checkpoints(&bytes);
        let _ = breakglass::audit::seen::find_checkpoints(text.as_bytes());
    }

    #[test]
    fn a_prepared_draft_stamps_to_the_bytes_of_the_slow_way(
        members in prop::collection::btree_map("[a-z][a-z0-9_]{0,8}", value(), 0..8),
        seq in 0u64..9_007_199_254_740_992, ts_ms in 0i64..9_007_199_254_740_992,
    ) {
        let members: Map<String, Value> = members.into_iter()
            .filter(|(name, _)| !["v", "t", "ts", "seq", "node", "boot"].contains(&name.as_str()))
            .collect();
        let mut slow = members.clone();
        for (name, value) in [("v", json!("breakglass/1")), ("t", json!("call.begin")),
            ("node", json!("n1")), ("boot", json!("0badcafe")), ("seq", json!(seq)),
            ("ts", json!(ts_ms))] {
            slow.insert(name.to_owned(), value);
        }
        let slow = canonical::value_to_bytes(&Value::Object(slow)).unwrap();
        let draft = Draft { kind: "call.begin".into(), members: members.clone() };
        let quick = PreparedDraft::new(&draft, "n1", "0badcafe").unwrap().stamp(seq, ts_ms).unwrap();
        prop_assert_eq!(&quick, &slow);
        let entry = parse_entry(&quick).unwrap();
        prop_assert_eq!((entry.seq, entry.ts_ms, entry.members), (seq, ts_ms, members));
    }
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i32>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        Just(Value::Null),
        Just(json!({"len": 3, "sha256": "ab"})),
    ]
}

#[test]
fn proofs_from_tiles_are_proofs_from_leaves() {
    let all = leaves(70_000);
    let mut tiles: HashMap<String, Vec<u8>> = HashMap::new();
    let mut keep = |tile: Tile, hashes: &[Hash]| {
        tiles.insert(tile.to_string(), hashes.as_flattened().to_vec());
        Ok::<(), ()>(())
    };
    let mut stack = TileStack::new();
    all.iter()
        .for_each(|leaf| stack.push(0, *leaf, &mut keep).unwrap());
    stack.finish(&mut keep).unwrap();
    assert_eq!(tiles.len(), 274 + 2 + 1);
    let size = all.len() as u64;
    let source = |level, index| {
        subtree_from_tiles(level, index, size, |tile| {
            tiles.get(&tile.to_string()).cloned()
        })
    };
    let root = edge(&all).root();
    for index in [0, 255, 256, 65_535, 65_536, 69_999] {
        let proof = prove_inclusion(index, size, source).unwrap();
        let leaf = all[usize::try_from(index).unwrap()];
        verify_inclusion(index, size, &leaf, &proof, &root).unwrap();
    }
    for old in [1, 256, 65_536, 65_537, 69_888] {
        let proof = prove_consistency(old, size, source).unwrap();
        let old_root = edge(&all[..usize::try_from(old).unwrap()]).root();
        verify_consistency(old, &old_root, size, &root, &proof).unwrap();
    }
}

#[test]
fn the_signed_note_crate_accepts_our_notes() {
    use signed_note::{StandardVerifier, VerifierList};
    let signer = NoteSigner::from_seed("vault.example/log/v/e1", &[9; 32]).unwrap();
    let root = leaf_hash(b"x");
    let checkpoint = Checkpoint {
        origin: "vault.example/log/v/e1".into(),
        size: 1,
        root,
    };
    let text = checkpoint.sign(&signer).unwrap().to_string();
    let key = StandardVerifier::new(&signer.verifier_key().to_string()).unwrap();
    let note = signed_note::Note::from_bytes(text.as_bytes()).unwrap();
    let (verified, _) = note
        .verify(&VerifierList::new(vec![Box::new(key)]))
        .unwrap();
    assert_eq!(verified.len(), 1);
    let theirs = tlog_tiles::Checkpoint::from_bytes(note.text()).unwrap();
    assert_eq!((theirs.size(), theirs.hash().0), (1, root));
}

#[test]
fn a_tlog_proof_survives_its_text_and_proves_only_its_entry() {
    let signer = NoteSigner::from_seed("vault.example/log/v/e1", &[9; 32]).unwrap();
    let entries: Vec<Vec<u8>> = (0..20u8).map(|n| vec![n]).collect();
    let all: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
    let origin = "vault.example/log/v/e1".to_owned();
    let head = Checkpoint {
        origin,
        size: 20,
        root: edge(&all).root(),
    };
    for extra in [None, Some(b"ada".to_vec())] {
        let hashes = prove_inclusion(13, 20, |l, i| subtree(&all, l, i)).unwrap();
        let checkpoint = head.sign(&signer).unwrap();
        let proof = TlogProof {
            extra,
            index: 13,
            hashes,
            checkpoint,
        };
        let again = TlogProof::parse(&proof.to_string()).unwrap();
        assert_eq!(again, proof);
        assert_eq!(
            again.verify(&entries[13], signer.verifier_key()).unwrap(),
            head
        );
        assert!(again.verify(&entries[12], signer.verifier_key()).is_err());
    }
}

#[test]
fn drafts_that_would_spoil_an_entry_are_refused() {
    let refused = |kind: &str, members: Value, node: &str, boot: &str| {
        let Value::Object(members) = members else {
            panic!("an object")
        };
        stamp(
            &Draft {
                kind: kind.into(),
                members,
            },
            0,
            0,
            node,
            boot,
        )
        .unwrap_err()
    };
    for name in ["v", "seq", "ts", "t", "node", "boot"] {
        let error = refused("deny", json!({ name: 1 }), "n1", "00000000");
        assert!(matches!(error, EntryError::Reserved(_)));
    }
    assert!(matches!(
        refused("deny", json!({"a": 1.5}), "n1", "00000000"),
        EntryError::Canonical(_)
    ));
    assert!(matches!(
        refused("deny", json!({"A": 1}), "n1", "00000000"),
        EntryError::Canonical(_)
    ));
    let long = json!({"a": "x".repeat(65_500)});
    assert!(matches!(
        refused("deny", long, "n1", "00000000"),
        EntryError::TooLong(_)
    ));
    assert_eq!(
        refused("De ny", json!({}), "n1", "00000000"),
        EntryError::Form("t")
    );
    assert_eq!(
        refused("deny", json!({}), "", "00000000"),
        EntryError::Form("node")
    );
    assert_eq!(
        refused("deny", json!({}), "n1", "0000000G"),
        EntryError::Form("boot")
    );
}

#[test]
fn a_policy_counts_witnesses_through_groups() {
    let witness = |n: u8| {
        let key = ed25519_dalek_public(n);
        VerifierKey::from_public(
            &format!("w{n}"),
            breakglass::audit::note::KeyKind::Witness,
            &key,
        )
        .unwrap()
    };
    let keys: Vec<VerifierKey> = (1..=3).map(witness).collect();
    let log = NoteSigner::from_seed("l", &[1; 32])
        .unwrap()
        .verifier_key()
        .clone();
    let text = format!(
        "# ours\nlog {log} https://l\nwitness a {}\nwitness b {}\nwitness c {}\ngroup g 2 a b\n\tgroup all all g c\nquorum all\n",
        keys[0], keys[1], keys[2]
    );
    let policy = Policy::parse(&text).unwrap();
    assert!(policy.needs_witnesses());
    assert!(policy.quorum_met(&[&keys[0], &keys[1], &keys[2]]));
    assert!(!policy.quorum_met(&[&keys[0], &keys[1]]));
    assert!(!policy.quorum_met(&[&keys[0], &keys[2]]));
    for wrong in [
        "quorum b",
        "group x 3 a",
        "group x any a",
        "witness a k",
        "quorum none",
        "odd",
    ] {
        assert!(
            Policy::parse(&format!("{text}{wrong}\n")).is_err(),
            "{wrong}"
        );
    }
    let plain = Policy::parse(&without_witnesses(std::slice::from_ref(&log))).unwrap();
    assert!(!plain.needs_witnesses() && plain.quorum_met(&[]));
    assert_eq!(plain.logs, [log]);
    assert!(Policy::parse("").is_err());
}

fn ed25519_dalek_public(seed: u8) -> [u8; 32] {
    NoteSigner::from_seed("x", &[seed + 100; 32])
        .unwrap()
        .verifier_key()
        .public_bytes()
}
