//! Epochs, shares, proofs and secrets at Databricks: there and back, and their conflicts.

use breakglass::domain::manifest::Kind;
use breakglass::store::Conflict;
use breakglass::store::change::{RowChange, SecretPost, SecretUse};

use super::samples::{NOW, conflict, digest, epoch, person, save};
use super::support::Vault;

fn found_on_disk(vault: &Vault, text: &[u8]) -> bool {
    std::fs::read_dir(vault.folder.path()).unwrap().any(|file| {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        bytes.windows(text.len()).any(|window| window == text)
    })
}

#[tokio::test]
async fn one_epoch_is_current_and_the_predecessor_is_erased_from_the_disk() {
    let (vault, store) = Vault::new().await;
    let switch = |epoch| RowChange::SwitchEpoch {
        kind: Kind::Live,
        epoch,
    };
    save(&store, vec![epoch(1), switch(1), epoch(2)])
        .await
        .unwrap();
    assert_eq!(conflict(&store, epoch(2)).await, Conflict::Exists);
    assert_eq!(store.highest_epoch(Kind::Live).await.unwrap(), 2);
    assert_eq!(store.highest_epoch(Kind::Drill).await.unwrap(), 0);
    let erase = |epoch| RowChange::EraseCredential {
        kind: Kind::Live,
        epoch,
    };
    assert_eq!(
        conflict(&store, erase(1)).await,
        Conflict::Version,
        "it is the current one"
    );
    assert_eq!(conflict(&store, switch(3)).await, Conflict::Version);

    save(&store, vec![switch(2)]).await.unwrap();
    assert_eq!(
        conflict(&store, switch(1)).await,
        Conflict::Version,
        "never back"
    );
    assert_eq!(
        store
            .current_epoch(Kind::Live)
            .await
            .unwrap()
            .unwrap()
            .manifest
            .epoch,
        2
    );
    assert_eq!(store.share(Kind::Live, 1, 2).await.unwrap(), Some(vec![2]));
    save(
        &store,
        vec![
            erase(1),
            RowChange::EraseShares {
                kind: Kind::Live,
                epoch: 1,
            },
        ],
    )
    .await
    .unwrap();
    let old = store.epoch(Kind::Live, 1).await.unwrap().unwrap();
    assert_eq!((old.sealed_credential, old.current), (None, false));
    assert_eq!(store.share(Kind::Live, 1, 2).await.unwrap(), None);
    // The next commit comes after the write-ahead log was folded in; where a reader was in the
    // way, a later one does.
    for _ in 0..100 {
        save(&store, Vec::new()).await.unwrap();
        if !found_on_disk(&vault, b"sealed credential number 1") {
            break;
        }
        vault.clock.add_boot_ms(5_000);
    }
    assert!(
        found_on_disk(&vault, b"sealed credential number 2"),
        "else the search is blind"
    );
    assert!(!found_on_disk(&vault, b"sealed credential number 1"));
    store.close().await;
}

#[tokio::test]
async fn proofs_unlockers_and_a_discarded_epoch() {
    let (_vault, store) = Vault::new().await;
    let proof = |at_ms| RowChange::PutProof {
        kind: Kind::Live,
        epoch: 1,
        index: 1,
        act_sha256: digest("prove"),
        at_ms,
    };
    let opened = |at_ms| RowChange::UnlockerOpened {
        person: person("ada"),
        unlocker: "ssh-ed25519 AAAA".to_owned(),
        at_ms,
    };
    let later = NOW.plus_ms(5);
    save(
        &store,
        vec![
            epoch(1),
            proof(NOW),
            proof(later),
            opened(later),
            opened(NOW),
        ],
    )
    .await
    .unwrap();
    let proofs = store.proofs(Kind::Live, 1).await.unwrap();
    assert_eq!(proofs, [(1, digest("prove"), later)]);
    let unlockers = store.unlocker_opened(&person("ada")).await.unwrap();
    assert_eq!(unlockers, [("ssh-ed25519 AAAA".to_owned(), later)]);
    let discard = RowChange::DiscardEpoch {
        kind: Kind::Live,
        epoch: 1,
    };
    save(&store, vec![discard.clone()]).await.unwrap();
    assert!(store.proofs(Kind::Live, 1).await.unwrap().is_empty());
    assert_eq!(store.share(Kind::Live, 1, 1).await.unwrap(), None);
    assert_eq!(store.epoch(Kind::Live, 1).await.unwrap(), None);
    assert_eq!(conflict(&store, discard).await, Conflict::Version);
    store.close().await;
}

#[tokio::test]
async fn posts_that_make_secrets_facts_and_documents_in_force() {
    let (_vault, store) = Vault::new().await;
    let post = |id: &str, at_ms| SecretPost {
        id: id.to_owned(),
        used_for: SecretUse::Session,
        owner: "INC-1".to_owned(),
        lifetime_s: 4_200,
        pre_ids: vec!["a".to_owned()],
        state: "sent".to_owned(),
        secret_id: None,
        at_ms,
    };
    let (one, two) = (post("p1", NOW.plus_ms(1)), post("p2", NOW));
    save(
        &store,
        vec![
            RowChange::PutSecretPost(one.clone()),
            RowChange::PutSecretPost(two.clone()),
        ],
    )
    .await
    .unwrap();
    assert_eq!(
        store.secret_posts(&["sent"]).await.unwrap(),
        [two.clone(), one.clone()]
    );
    let made = RowChange::SetSecretPost {
        id: "p1".to_owned(),
        state: "made".to_owned(),
        secret_id: Some("s1".to_owned()),
    };
    let deleted = RowChange::SetSecretPost {
        id: "p1".to_owned(),
        state: "deleted".to_owned(),
        secret_id: None,
    };
    save(&store, vec![made, deleted]).await.unwrap();
    let found = store.secret_posts(&["deleted", "sent"]).await.unwrap();
    assert_eq!(found[0], two);
    assert_eq!(
        found[1].secret_id.as_deref(),
        Some("s1"),
        "the id stays known"
    );

    let current = RowChange::SetCurrent {
        what: "roster".to_owned(),
        sha256: digest("roster"),
    };
    let fact = |value: Option<&str>| RowChange::SetFact {
        name: "measured".to_owned(),
        value: value.map(str::to_owned),
    };
    save(&store, vec![current, fact(Some("1")), fact(Some("2"))])
        .await
        .unwrap();
    assert_eq!(
        store.current("roster").await.unwrap(),
        Some(digest("roster"))
    );
    assert_eq!(store.current("policy").await.unwrap(), None);
    assert_eq!(store.fact("measured").await.unwrap().as_deref(), Some("2"));
    save(&store, vec![fact(None)]).await.unwrap();
    assert_eq!(store.fact("measured").await.unwrap(), None);
    store.close().await;
}
