//! Rows there and back, and what each conflict means.

use std::collections::{BTreeMap, BTreeSet};

use breakglass::domain::VERSION;
use breakglass::domain::ids::{Digest, IncidentId, PersonId, RotationId, SessionId};
use breakglass::domain::incident::{Gathering, Incident, Phase};
use breakglass::domain::manifest::{Kind, Manifest};
use breakglass::domain::rotation::{Cause, Rotation, State};
use breakglass::domain::terms::{Purpose, Requester, Target, Terms};
use breakglass::domain::time::Timestamp;
use breakglass::store::change::{
    Alert, Document, DocumentKind, RowChange, SecretPost, SecretUse,
};
use breakglass::store::{Commit, CommitError, Conflict, Store, StoreError};
use sqlx::Connection as _;

use super::support::{START_MS, Vault, draft};

const NOW: Timestamp = Timestamp(START_MS);

fn person(name: &str) -> PersonId {
    name.parse().unwrap()
}

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn inc(number: u32) -> IncidentId {
    IncidentId::numbered(number)
}

async fn save(store: &Store, rows: Vec<RowChange>) -> Result<(), CommitError> {
    store.commit(Commit::control(Vec::new(), rows)).await.map(|_| ())
}

async fn conflict(store: &Store, row: RowChange) -> Conflict {
    match save(store, vec![row]).await {
        Err(CommitError::Conflict(conflict)) => conflict,
        other => panic!("expected a conflict, got {other:?}"),
    }
}

fn terms(number: u32) -> Terms {
    Terms {
        v: VERSION.to_owned(),
        purpose: Purpose::Incident,
        kind: Kind::Live,
        incident: inc(number),
        vault: "prod-eu".parse().unwrap(),
        epoch: 1,
        k: 3,
        n: 5,
        needed: 3,
        gates: Vec::new(),
        recipient: "age1example".to_owned(),
        requester: Requester::Person(person("rio")),
        request_sha256: Some(digest("request")),
        claim_key: None,
        use_case: "locked-out".to_owned(),
        answers: BTreeMap::new(),
        reason: "nobody can log in".to_owned(),
        ticket: String::new(),
        target: Target { account: true, workspace: None },
        scope: Vec::new(),
        grants_to: Vec::new(),
        max_minutes: 60,
        not_before_ms: NOW,
        continues: None,
        displaces: None,
        roster_sha256: digest("roster"),
        manifest_sha256: digest("manifest"),
        policy_sha256: digest("policy"),
        asked_ms: NOW,
        expires_ms: NOW.plus_ms(1),
        nonce: "00".repeat(32),
    }
}

fn incident(number: u32) -> Incident {
    let terms = terms(number);
    Incident {
        id: inc(number),
        purpose: Purpose::Incident,
        requester: terms.requester.clone(),
        request_sha256: terms.request_sha256,
        terms_sha256: terms.sha256().unwrap(),
        terms,
        opened_terms_sha256: None,
        restarts: 0,
        refused_by: BTreeSet::new(),
        mismatches: BTreeMap::new(),
        participants: BTreeSet::from([person("rio")]),
        rotation_owed: false,
        tokens_dead_at_ms: None,
        phase: Phase::Collecting(Gathering::default()),
    }
}

fn save_incident(expected_version: i64, incident: &Incident) -> RowChange {
    RowChange::SaveIncident { expected_version, incident: Box::new(incident.clone()) }
}

#[tokio::test]
async fn an_incident_is_saved_in_versions_and_listed_newest_first() {
    let (_vault, store) = Vault::new().await;
    assert_eq!(store.next_incident_number().await.unwrap(), 1);
    let (mut first, second) = (incident(1), incident(2));
    save(&store, vec![save_incident(0, &first), save_incident(0, &second)]).await.unwrap();
    assert_eq!(store.next_incident_number().await.unwrap(), 3);
    assert_eq!(store.incident(&inc(1)).await.unwrap(), Some((first.clone(), 1)));
    assert_eq!(conflict(&store, save_incident(0, &first)).await, Conflict::Exists);

    first.phase = Phase::Lapsed { at_ms: NOW };
    save(&store, vec![save_incident(1, &first)]).await.unwrap();
    assert_eq!(conflict(&store, save_incident(1, &first)).await, Conflict::Version);
    assert_eq!(store.incident(&inc(1)).await.unwrap(), Some((first.clone(), 2)));
    assert_eq!(store.live_incidents().await.unwrap(), [(second.clone(), 1)]);
    assert_eq!(store.incidents(9).await.unwrap(), [(second, 1), (first, 2)]);
    assert_eq!(store.incident(&inc(3)).await.unwrap(), None);
    store.close().await;
}

#[tokio::test]
async fn a_row_that_cannot_be_is_reported_with_table_and_id() {
    let (vault, store) = Vault::new().await;
    save(&store, vec![save_incident(0, &incident(1))]).await.unwrap();
    for (change, word) in [
        ("UPDATE incident SET phase = 'open'", "document"),
        ("UPDATE incident SET phase = 'collecting', doc = '{}'", "line 1"),
    ] {
        let mut raw = vault.raw().await;
        sqlx::query(change).execute(&mut raw).await.unwrap();
        raw.close().await.unwrap();
        match store.incident(&inc(1)).await {
            Err(StoreError::Inconsistent { table: "incident", id, why }) => {
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
    assert_eq!(conflict(&store, change(1, &rotation)).await, Conflict::Version);
    assert_eq!(conflict(&store, change(0, &rotation)).await, Conflict::Exists);
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
    let put = RowChange::PutDocument(document.clone());
    save(&store, vec![put.clone(), put, act.clone()]).await.unwrap();
    assert_eq!(conflict(&store, act).await, Conflict::Replayed);
    assert_eq!(store.document(DocumentKind::Act, &digest("act")).await.unwrap(), Some(document));
    assert_eq!(store.document(DocumentKind::Terms, &digest("act")).await.unwrap(), None);
    assert_eq!(store.documents(DocumentKind::Act).await.unwrap(), [digest("act")]);
    assert!(store.act_used(&digest("act")).await.unwrap());
    assert!(!store.act_used(&digest("other")).await.unwrap());
    assert_eq!(store.acts_since(&person("ada"), "approve", NOW).await.unwrap(), 1);
    assert_eq!(store.acts_since(&person("ada"), "approve", NOW.plus_ms(1)).await.unwrap(), 0);

    let envelope = |terms: &str, file: &str| RowChange::PutEnvelope {
        incident: inc(1),
        terms_sha256: digest(terms),
        index: 2,
        act_sha256: digest("act"),
        envelope: file.as_bytes().to_vec(),
    };
    save(&store, vec![envelope("old", "one")]).await.unwrap();
    assert_eq!(conflict(&store, envelope("old", "two")).await, Conflict::Exists);
    save(&store, vec![envelope("new", "three")]).await.unwrap();
    let kept = vec![(2, digest("act"), b"three".to_vec())];
    assert_eq!(store.envelopes(&inc(1)).await.unwrap(), kept);
    save(&store, vec![RowChange::DropEnvelopes { incident: inc(1) }]).await.unwrap();
    assert!(store.envelopes(&inc(1)).await.unwrap().is_empty());
    store.close().await;
}

fn epoch(number: u32) -> RowChange {
    let manifest = Manifest {
        v: VERSION.to_owned(),
        vault: "prod-eu".parse().unwrap(),
        kind: Kind::Live,
        epoch: number,
        k: 2,
        n: 2,
        recipient: "age1example".to_owned(),
        roster_sha256: digest("roster"),
        policy_sha256: digest("policy"),
        log_vkey: "key".to_owned(),
        possession_keys: vec!["00".repeat(32); 2],
    };
    RowChange::PutEpoch {
        manifest_sha256: manifest.sha256().unwrap(),
        manifest: Box::new(manifest),
        sealed_credential: format!("sealed credential number {number}").into_bytes(),
        secret_id: format!("secret-{number}"),
        secret_expires_at_ms: NOW,
        shares: vec![(1, person("ada"), vec![1]), (2, person("ben"), vec![2])],
        at_ms: NOW,
    }
}

#[tokio::test]
async fn one_epoch_is_current_and_the_predecessor_is_erased_from_the_disk() {
    let (vault, store) = Vault::new().await;
    let switch = |epoch| RowChange::SwitchEpoch { kind: Kind::Live, epoch };
    save(&store, vec![epoch(1), switch(1), epoch(2)]).await.unwrap();
    assert_eq!(conflict(&store, epoch(2)).await, Conflict::Exists);
    assert_eq!(store.highest_epoch(Kind::Live).await.unwrap(), 2);
    assert_eq!(store.highest_epoch(Kind::Drill).await.unwrap(), 0);
    let erase = |epoch| RowChange::EraseCredential { kind: Kind::Live, epoch };
    assert_eq!(conflict(&store, erase(1)).await, Conflict::Version, "it is the current one");
    assert_eq!(conflict(&store, switch(3)).await, Conflict::Version);

    save(&store, vec![switch(2)]).await.unwrap();
    assert_eq!(conflict(&store, switch(1)).await, Conflict::Version, "never back");
    assert_eq!(store.current_epoch(Kind::Live).await.unwrap().unwrap().manifest.epoch, 2);
    assert_eq!(store.share(Kind::Live, 1, 2).await.unwrap(), Some(vec![2]));
    save(&store, vec![erase(1), RowChange::EraseShares { kind: Kind::Live, epoch: 1 }])
        .await
        .unwrap();
    let old = store.epoch(Kind::Live, 1).await.unwrap().unwrap();
    assert_eq!((old.sealed_credential, old.current), (None, false));
    assert_eq!(store.share(Kind::Live, 1, 2).await.unwrap(), None);
    store.close().await;
    for entry in std::fs::read_dir(vault.folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let found = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
        assert!(!found(b"sealed credential number 1"));
    }
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
    save(&store, vec![epoch(1), proof(NOW), proof(later), opened(later), opened(NOW)])
        .await
        .unwrap();
    let proofs = store.proofs(Kind::Live, 1).await.unwrap();
    assert_eq!(proofs, [(1, digest("prove"), later)]);
    let unlockers = store.unlocker_opened(&person("ada")).await.unwrap();
    assert_eq!(unlockers, [("ssh-ed25519 AAAA".to_owned(), later)]);
    let discard = RowChange::DiscardEpoch { kind: Kind::Live, epoch: 1 };
    save(&store, vec![discard.clone()]).await.unwrap();
    assert!(store.proofs(Kind::Live, 1).await.unwrap().is_empty());
    assert_eq!(store.share(Kind::Live, 1, 1).await.unwrap(), None);
    assert_eq!(store.epoch(Kind::Live, 1).await.unwrap(), None);
    assert_eq!(conflict(&store, discard).await, Conflict::Version);
    store.close().await;
}

#[tokio::test]
async fn sessions_challenges_and_logins_end() {
    let (_vault, store) = Vault::new().await;
    let session: SessionId = "ses-0123".parse().unwrap();
    let token = |text: &str| RowChange::SetToken {
        session: "ses-0123".parse().unwrap(),
        token_sha256: digest(text),
    };
    let put =
        RowChange::PutSession { session: session.clone(), incident: inc(1), exp_ms: NOW };
    save(&store, vec![put, token("first"), token("second")]).await.unwrap();
    assert_eq!(store.session_by_token(&digest("first")).await.unwrap(), None);
    let row = store.session_by_token(&digest("second")).await.unwrap().unwrap();
    assert_eq!((&row.session, row.ended), (&session, false));
    assert_eq!(store.open_sessions().await.unwrap(), [row]);
    save(&store, vec![RowChange::EndSession { session, at_ms: NOW }]).await.unwrap();
    assert!(store.session_by_token(&digest("second")).await.unwrap().unwrap().ended);
    assert!(store.open_sessions().await.unwrap().is_empty());
    assert_eq!(conflict(&store, token("third")).await, Conflict::Version);

    let put = RowChange::PutChallenge {
        challenge: "c1".to_owned(),
        purpose: "login".to_owned(),
        subject: "ada".to_owned(),
        expires_at_ms: NOW.plus_ms(10),
    };
    let used = |subject: &str, now_ms| RowChange::UseChallenge {
        challenge: "c1".to_owned(),
        purpose: "login".to_owned(),
        subject: subject.to_owned(),
        now_ms,
    };
    save(&store, vec![put.clone()]).await.unwrap();
    assert_eq!(conflict(&store, used("ben", NOW)).await, Conflict::Challenge);
    assert_eq!(conflict(&store, used("ada", NOW.plus_ms(10))).await, Conflict::Challenge);
    save(&store, vec![used("ada", NOW)]).await.unwrap();
    assert_eq!(conflict(&store, used("ada", NOW)).await, Conflict::Challenge);

    let login = RowChange::PutLogin {
        token_sha256: digest("login"),
        person: person("ada"),
        key: "ssh-ed25519 AAAA".to_owned(),
        expires_at_ms: NOW.plus_ms(10),
    };
    save(&store, vec![login]).await.unwrap();
    let row = store.login(&digest("login"), NOW).await.unwrap().unwrap();
    assert_eq!(row.person, person("ada"));
    assert_eq!(store.login(&digest("login"), NOW.plus_ms(10)).await.unwrap(), None);
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
        vec![RowChange::PutSecretPost(one.clone()), RowChange::PutSecretPost(two.clone())],
    )
    .await
    .unwrap();
    assert_eq!(store.secret_posts(&["sent"]).await.unwrap(), [two.clone(), one.clone()]);
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
    assert_eq!(found[1].secret_id.as_deref(), Some("s1"), "the id stays known");

    let current = RowChange::SetCurrent { what: "roster".to_owned(), sha256: digest("roster") };
    let fact = |value: Option<&str>| RowChange::SetFact {
        name: "measured".to_owned(),
        value: value.map(str::to_owned),
    };
    save(&store, vec![current, fact(Some("1")), fact(Some("2"))]).await.unwrap();
    assert_eq!(store.current("roster").await.unwrap(), Some(digest("roster")));
    assert_eq!(store.current("policy").await.unwrap(), None);
    assert_eq!(store.fact("measured").await.unwrap().as_deref(), Some("2"));
    save(&store, vec![fact(None)]).await.unwrap();
    assert_eq!(store.fact("measured").await.unwrap(), None);
    store.close().await;
}

#[tokio::test]
async fn the_outbox_keeps_an_alert_until_its_channel_confirms_it() {
    let (_vault, store) = Vault::new().await;
    let alert = Alert {
        id: "al-1".to_owned(),
        channel: "mail".to_owned(),
        kind: "incident.opened".to_owned(),
        incident: Some(inc(1)),
        to: vec!["ada@example.com".to_owned()],
        subject: "INC-1 opened".to_owned(),
        body: "rio asks".to_owned(),
        drill: true,
        severity: "action".to_owned(),
        at_ms: NOW,
    };
    save(&store, vec![RowChange::QueueAlert(alert.clone())]).await.unwrap();
    assert_eq!(store.due_alerts(NOW, 9).await.unwrap(), [(alert.clone(), 0)]);
    let failed = RowChange::AlertFailed {
        id: "al-1".to_owned(),
        retry_at_ms: NOW.plus_ms(10),
        error: "refused".to_owned(),
    };
    save(&store, vec![failed.clone()]).await.unwrap();
    assert!(store.due_alerts(NOW, 9).await.unwrap().is_empty());
    assert_eq!(store.due_alerts(NOW.plus_ms(10), 9).await.unwrap(), [(alert.clone(), 1)]);
    assert!(!store.alert_confirmed(&inc(1), "incident.opened").await.unwrap());

    let sent = RowChange::AlertSent { id: "al-1".to_owned(), at_ms: NOW.plus_ms(11) };
    save(&store, vec![sent]).await.unwrap();
    assert!(store.alert_confirmed(&inc(1), "incident.opened").await.unwrap());
    assert!(store.due_alerts(NOW.plus_ms(99), 9).await.unwrap().is_empty());
    let expected = (alert, "sent".to_owned(), Some(NOW.plus_ms(11)));
    assert_eq!(store.alerts_of(&inc(1)).await.unwrap(), [expected]);
    assert_eq!(conflict(&store, failed).await, Conflict::Version);
    store.close().await;
}

#[tokio::test]
async fn entries_are_found_by_incident_and_kind_and_checkpoints_are_kept() {
    let (vault, store) = Vault::new().await;
    let of = |kind: &str| draft(kind, &[("inc", "INC-1")]);
    store.commit(Commit::control(vec![of("incident.opened")], Vec::new())).await.unwrap();
    store.commit(Commit::call(of("call.begin"))).await.unwrap();
    store.commit(Commit::call(draft("call.end", &[]))).await.unwrap();
    vault.clock.add_ms(60_000);
    store.commit(Commit::call(draft("call.end", &[]))).await.unwrap();
    store.commit(Commit::control(vec![of("share.accept")], Vec::new())).await.unwrap();

    let numbers = |found: Vec<(u64, Vec<u8>)>| found.into_iter().map(|(seq, _)| seq).collect();
    let control: Vec<u64> = numbers(store.control_entries(0, 99).await.unwrap());
    assert_eq!(control, [1, 5]);
    let control: Vec<u64> = numbers(store.control_entries(None, 99).await.unwrap());
    assert_eq!(control, [0, 1, 5]);
    let mine: Vec<u64> = numbers(store.entries_of_incident(&inc(1), 0, 99).await.unwrap());
    assert_eq!(mine, [1, 2, 5]);
    let last = store.last_entry_of(&inc(1), &["incident.opened", "call.begin"]).await.unwrap();
    assert_eq!(last.unwrap().0, 2);
    assert_eq!(store.last_entry_of(&inc(2), &["call.begin"]).await.unwrap(), None);

    let kept = store.kept_checkpoints().await.unwrap();
    let sizes: Vec<&str> = kept.iter().map(|note| note.lines().nth(1).unwrap()).collect();
    assert_eq!(sizes, ["1", "2", "5", "6"]);
    assert_eq!(kept.last().unwrap(), &store.head().checkpoint);
    store.close().await;
}
