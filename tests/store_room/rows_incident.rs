//! Incidents, rotations, documents, acts and envelopes: there and back, and their conflicts.

use breakglass::domain::canonical;
use breakglass::domain::ids::RotationId;
use breakglass::domain::incident::Phase;
use breakglass::domain::rotation::{Cause, Rotation, State};
use breakglass::store::change::{Document, DocumentKind, RowChange};
use breakglass::store::{Conflict, StoreError};
use sqlx::Connection as _;

use super::samples::{NOW, conflict, digest, inc, incident, person, save, save_incident, terms};
use super::support::Vault;

#[tokio::test]
async fn an_incident_is_saved_in_versions_and_listed_newest_first() {
    let (_vault, store) = Vault::new().await;
    assert_eq!(store.next_incident_number().await.unwrap(), 1);
    let (mut first, second) = (incident(1), incident(2));
    save(
        &store,
        vec![save_incident(0, &first), save_incident(0, &second)],
    )
    .await
    .unwrap();
    assert_eq!(store.next_incident_number().await.unwrap(), 3);
    assert_eq!(
        store.incident(&inc(1)).await.unwrap(),
        Some((first.clone(), 1))
    );
    assert_eq!(
        conflict(&store, save_incident(0, &first)).await,
        Conflict::Exists
    );

    first.phase = Phase::Lapsed { at_ms: NOW };
    save(&store, vec![save_incident(1, &first)]).await.unwrap();
    assert_eq!(
        conflict(&store, save_incident(1, &first)).await,
        Conflict::Version
    );
    assert_eq!(
        store.incident(&inc(1)).await.unwrap(),
        Some((first.clone(), 2))
    );
    assert_eq!(store.live_incidents().await.unwrap(), [(second.clone(), 1)]);
    assert_eq!(store.incidents(9).await.unwrap(), [(second, 1), (first, 2)]);
    assert_eq!(store.incident(&inc(3)).await.unwrap(), None);
    store.close().await;
}

#[tokio::test]
async fn a_row_that_cannot_be_is_reported_with_table_and_id() {
    let (vault, store) = Vault::new().await;
    save(&store, vec![save_incident(0, &incident(1))])
        .await
        .unwrap();
    for (change, word) in [
        ("UPDATE incident SET phase = 'open'", "document"),
        (
            "UPDATE incident SET phase = 'collecting', doc = '{}'",
            "line 1",
        ),
    ] {
        let mut raw = vault.raw().await;
        sqlx::query(change).execute(&mut raw).await.unwrap();
        raw.close().await.unwrap();
        match store.incident(&inc(1)).await {
            Err(StoreError::Inconsistent {
                table: "incident",
                id,
                why,
            }) => {
                assert_eq!(id, "INC-1");
                assert!(why.contains(word), "{why}");
            }
            other => panic!("{other:?}"),
        }
    }
    store.close().await;
}

#[tokio::test]
async fn a_rotation_is_saved_in_versions() {
    let (_vault, store) = Vault::new().await;
    let id = RotationId::numbered(store.next_rotation_number().await.unwrap());
    let mut rotation = Rotation::begun(id.clone(), Some(inc(1)), Cause::Close, 1, NOW);
    let change = |version, rotation: &Rotation| RowChange::SaveRotation {
        expected_version: version,
        rotation: Box::new(rotation.clone()),
    };
    save(&store, vec![change(0, &rotation)]).await.unwrap();
    rotation.state = State::Prepared;
    save(&store, vec![change(1, &rotation)]).await.unwrap();
    assert_eq!(
        conflict(&store, change(1, &rotation)).await,
        Conflict::Version
    );
    assert_eq!(
        conflict(&store, change(0, &rotation)).await,
        Conflict::Exists
    );
    let expected = Some((rotation, 2));
    assert_eq!(store.rotation(&id).await.unwrap(), expected);
    assert_eq!(store.latest_rotation().await.unwrap(), expected);
    assert_eq!(store.rotation_of(&inc(1)).await.unwrap(), expected);
    assert_eq!(store.rotation_of(&inc(2)).await.unwrap(), None);
    assert_eq!(store.next_rotation_number().await.unwrap(), 2);
    store.close().await;
}

#[tokio::test]
async fn documents_acts_and_envelopes_come_back_and_an_act_is_used_once() {
    let (_vault, store) = Vault::new().await;
    let document = Document {
        kind: DocumentKind::Act,
        sha256: digest("act"),
        bytes: b"act".to_vec(),
        signature: Some("-----BEGIN".to_owned()),
    };
    let act = RowChange::UseAct {
        sha256: digest("act"),
        word: "approve".to_owned(),
        person: person("ada"),
        incident: Some(inc(1)),
        at_ms: NOW,
    };
    let terms = terms(1);
    let terms = Document {
        kind: DocumentKind::Terms,
        sha256: terms.sha256().unwrap(),
        bytes: canonical::to_bytes(&terms).unwrap(),
        signature: None,
    };
    let swapped = Document {
        kind: DocumentKind::Roster,
        ..terms.clone()
    };
    let put = RowChange::PutDocument(document.clone());
    let others = [&terms, &swapped].map(|one| RowChange::PutDocument(one.clone()));
    save(&store, others.to_vec()).await.unwrap();
    let found = store
        .document(DocumentKind::Terms, &terms.sha256)
        .await
        .unwrap();
    assert_eq!(found, Some(terms.clone()));
    let wrong = store.document(DocumentKind::Roster, &terms.sha256).await;
    assert!(matches!(
        wrong,
        Err(StoreError::Inconsistent {
            table: "document",
            ..
        })
    ));
    save(&store, vec![put.clone(), put, act.clone()])
        .await
        .unwrap();
    assert_eq!(conflict(&store, act).await, Conflict::Replayed);
    assert_eq!(
        store
            .document(DocumentKind::Act, &digest("act"))
            .await
            .unwrap(),
        Some(document)
    );
    assert_eq!(
        store
            .document(DocumentKind::Terms, &digest("act"))
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        store.documents(DocumentKind::Act).await.unwrap(),
        [digest("act")]
    );
    assert!(store.act_used(&digest("act")).await.unwrap());
    assert!(!store.act_used(&digest("other")).await.unwrap());
    assert_eq!(
        store
            .acts_since(&person("ada"), "approve", NOW)
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        store
            .acts_since(&person("ada"), "approve", NOW.plus_ms(1))
            .await
            .unwrap(),
        0
    );

    let envelope = |terms: &str, file: &str| RowChange::PutEnvelope {
        incident: inc(1),
        terms_sha256: digest(terms),
        index: 2,
        act_sha256: digest("act"),
        envelope: file.as_bytes().to_vec(),
    };
    save(&store, vec![envelope("old", "one")]).await.unwrap();
    assert_eq!(
        conflict(&store, envelope("old", "two")).await,
        Conflict::Exists
    );
    save(&store, vec![envelope("new", "three")]).await.unwrap();
    let kept = vec![(2, digest("act"), b"three".to_vec())];
    assert_eq!(store.envelopes(&inc(1)).await.unwrap(), kept);
    save(&store, vec![RowChange::DropEnvelopes { incident: inc(1) }])
        .await
        .unwrap();
    assert!(store.envelopes(&inc(1)).await.unwrap().is_empty());
    store.close().await;
}
