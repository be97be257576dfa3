//! The log half of the store: order, hashes, conflicts, the start-up check.

use std::collections::BTreeSet;

use super::support::{START_MS, Vault, draft};
use breakglass::audit::entry::parse_entry;
use breakglass::audit::merkle::{Edge, leaf_hash};
use breakglass::audit::merkle_proof::{verify_consistency, verify_inclusion};
use breakglass::store::change::RowChange;
use breakglass::store::{Commit, CommitError, Conflict, StoreError};

fn fact(name: &str, value: &str) -> RowChange {
    RowChange::SetFact {
        name: name.to_owned(),
        value: Some(value.to_owned()),
    }
}

fn challenge(text: &str) -> RowChange {
    RowChange::PutChallenge {
        challenge: text.to_owned(),
        purpose: "login".to_owned(),
        subject: "ada".to_owned(),
        expires_at_ms: breakglass::domain::time::Timestamp(START_MS + 1000),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_writers_get_a_dense_log_whose_root_is_the_naive_one() {
    let (vault, store) = Vault::new().await;
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..64 {
        let store = store.clone();
        tasks.spawn(async move {
            let mut mine = Vec::new();
            for number in 0..20 {
                let text = format!("{writer}-{number}");
                let commit = match number % 5 {
                    0 => Commit::control(vec![draft("test.control", &[("n", &text)])], Vec::new()),
                    _ => Commit::call(draft("call.begin", &[("n", &text)])),
                };
                mine.push((store.commit(commit).await.unwrap().first_seq, text));
            }
            mine
        });
    }
    let acknowledged: Vec<(u64, String)> = tasks.join_all().await.into_iter().flatten().collect();
    let sequence: BTreeSet<u64> = acknowledged.iter().map(|(seq, _)| *seq).collect();
    assert_eq!(sequence, (1..=64 * 20).collect());

    let entries = store.entries(0, 10_000).await.unwrap();
    let mut edge = Edge::new();
    for (index, entry) in entries.iter().enumerate() {
        assert_eq!(parse_entry(entry).unwrap().seq, index as u64);
        edge.push(leaf_hash(entry)).unwrap();
    }
    let head = store.head();
    assert_eq!((head.size, head.root), (edge.size(), edge.root()));
    for (seq, text) in acknowledged {
        let entry = parse_entry(&entries[seq as usize]).unwrap();
        assert_eq!(entry.text("n"), Some(text.as_str()));
    }
    for seq in [0, 255, 256, 511, 512, 1280] {
        let proof = store.inclusion_proof(seq, head.size).await.unwrap();
        let leaf = leaf_hash(&entries[seq as usize]);
        verify_inclusion(seq, head.size, &leaf, &proof, &head.root).unwrap();
    }
    for old in [1u64, 255, 256, 257, 1000, 1281] {
        let mut before = Edge::new();
        entries[..old as usize]
            .iter()
            .for_each(|entry| before.push(leaf_hash(entry)).unwrap());
        let proof = store.consistency_proof(old, head.size).await.unwrap();
        verify_consistency(old, &before.root(), head.size, &head.root, &proof).unwrap();
    }
    assert!(store.inclusion_proof(head.size, head.size).await.is_err());
    store.close().await;
    let again = vault.open().await.unwrap();
    assert_eq!(again.head(), head);
    again.close().await;
}

#[tokio::test]
async fn a_conflict_takes_back_its_own_commit_only() {
    let (_vault, store) = Vault::new().await;
    let good = Commit::control(
        vec![draft("test.good", &[])],
        vec![challenge("aa"), fact("a", "1")],
    );
    let bad = Commit::control(
        vec![draft("test.bad", &[])],
        vec![fact("a", "2"), fact("b", "1"), challenge("aa")],
    );
    let third = Commit::control(vec![draft("test.third", &[])], vec![fact("c", "1")]);
    let (good, bad, third) =
        tokio::join!(store.commit(good), store.commit(bad), store.commit(third));
    assert_eq!(good.unwrap().first_seq, 1);
    assert_eq!(bad, Err(CommitError::Conflict(Conflict::Exists)));
    assert_eq!(third.unwrap().first_seq, 2);
    assert_eq!(store.fact("a").await.unwrap().as_deref(), Some("1"));
    assert_eq!(store.fact("b").await.unwrap(), None);
    assert_eq!(store.fact("c").await.unwrap().as_deref(), Some("1"));
    assert_eq!(store.head().size, 3);
    store.close().await;
}

#[tokio::test]
async fn a_second_process_is_refused_and_a_second_vault_too() {
    let (vault, store) = Vault::new().await;
    assert!(matches!(vault.open().await, Err(StoreError::InUse(_))));
    store.close().await;
    assert!(matches!(vault.create().await, Err(StoreError::NotEmpty(_))));
    vault.open().await.unwrap().close().await;
}
