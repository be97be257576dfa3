//! Sessions, logins, alerts and entries of an incident: there and back, and their conflicts.

use breakglass::domain::ids::SessionId;
use breakglass::store::change::{Alert, RowChange};
use breakglass::store::{Commit, Conflict};

use super::samples::{NOW, conflict, digest, inc, person, save};
use super::support::{Vault, draft};

#[tokio::test]
async fn sessions_challenges_and_logins_end() {
    let (_vault, store) = Vault::new().await;
    let session: SessionId = "ses-0123".parse().unwrap();
    let token = |text: &str| RowChange::SetToken {
        session: "ses-0123".parse().unwrap(),
        token_sha256: digest(text),
    };
    let put = RowChange::PutSession {
        session: session.clone(),
        incident: inc(1),
        exp_ms: NOW,
    };
    save(&store, vec![put, token("first"), token("second")])
        .await
        .unwrap();
    assert_eq!(
        store.session_by_token(&digest("first")).await.unwrap(),
        None
    );
    let row = store
        .session_by_token(&digest("second"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((&row.session, row.ended), (&session, false));
    assert_eq!(store.open_sessions().await.unwrap(), [row]);
    save(
        &store,
        vec![RowChange::EndSession {
            session,
            at_ms: NOW,
        }],
    )
    .await
    .unwrap();
    assert!(
        store
            .session_by_token(&digest("second"))
            .await
            .unwrap()
            .unwrap()
            .ended
    );
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
    assert_eq!(
        conflict(&store, used("ben", NOW)).await,
        Conflict::Challenge
    );
    assert_eq!(
        conflict(&store, used("ada", NOW.plus_ms(10))).await,
        Conflict::Challenge
    );
    save(&store, vec![used("ada", NOW)]).await.unwrap();
    assert_eq!(
        conflict(&store, used("ada", NOW)).await,
        Conflict::Challenge
    );

    let expired = RowChange::ExpireChallenges {
        now_ms: NOW.plus_ms(10),
    };
    save(&store, vec![put]).await.unwrap();
    save(&store, vec![expired]).await.unwrap();
    assert_eq!(
        conflict(&store, used("ada", NOW)).await,
        Conflict::Challenge,
        "what nobody can use any more is gone"
    );

    let login = RowChange::PutLogin {
        token_sha256: digest("login"),
        person: person("ada"),
        key: "ssh-ed25519 AAAA".to_owned(),
        expires_at_ms: NOW.plus_ms(10),
    };
    save(&store, vec![login]).await.unwrap();
    let row = store.login(&digest("login"), NOW).await.unwrap().unwrap();
    assert_eq!(row.person, person("ada"));
    assert_eq!(
        store
            .login(&digest("login"), NOW.plus_ms(10))
            .await
            .unwrap(),
        None
    );
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
    save(&store, vec![RowChange::QueueAlert(alert.clone())])
        .await
        .unwrap();
    assert_eq!(
        store.due_alerts(NOW, 9).await.unwrap(),
        [(alert.clone(), 0)]
    );
    let failed = RowChange::AlertFailed {
        id: "al-1".to_owned(),
        retry_at_ms: NOW.plus_ms(10),
        error: "refused".to_owned(),
    };
    save(&store, vec![failed.clone()]).await.unwrap();
    assert!(store.due_alerts(NOW, 9).await.unwrap().is_empty());
    assert_eq!(
        store.due_alerts(NOW.plus_ms(10), 9).await.unwrap(),
        [(alert.clone(), 1)]
    );
    assert!(
        !store
            .alert_confirmed(&inc(1), "incident.opened")
            .await
            .unwrap()
    );

    let sent = RowChange::AlertSent {
        id: "al-1".to_owned(),
        at_ms: NOW.plus_ms(11),
    };
    save(&store, vec![sent]).await.unwrap();
    assert!(
        store
            .alert_confirmed(&inc(1), "incident.opened")
            .await
            .unwrap()
    );
    assert!(
        store
            .due_alerts(NOW.plus_ms(99), 9)
            .await
            .unwrap()
            .is_empty()
    );
    let expected = (alert, "sent".to_owned(), Some(NOW.plus_ms(11)));
    assert_eq!(store.alerts_of(&inc(1)).await.unwrap(), [expected]);
    assert_eq!(conflict(&store, failed).await, Conflict::Version);
    store.close().await;
}

#[tokio::test]
async fn entries_are_found_by_incident_and_kind_and_checkpoints_are_kept() {
    let (vault, store) = Vault::new().await;
    let of = |kind: &str| draft(kind, &[("inc", "INC-1")]);
    store
        .commit(Commit::control(vec![of("incident.opened")], Vec::new()))
        .await
        .unwrap();
    store.commit(Commit::call(of("call.begin"))).await.unwrap();
    store
        .commit(Commit::call(draft("call.end", &[])))
        .await
        .unwrap();
    vault.clock.add_ms(60_000);
    store
        .commit(Commit::call(draft("call.end", &[])))
        .await
        .unwrap();
    store
        .commit(Commit::control(vec![of("share.accept")], Vec::new()))
        .await
        .unwrap();

    let numbers = |found: Vec<(u64, Vec<u8>)>| found.into_iter().map(|(seq, _)| seq).collect();
    let control: Vec<u64> = numbers(store.control_entries(0, 99).await.unwrap());
    assert_eq!(control, [1, 5]);
    let control: Vec<u64> = numbers(store.control_entries(None, 99).await.unwrap());
    assert_eq!(control, [0, 1, 5]);
    let mine: Vec<u64> = numbers(store.entries_of_incident(&inc(1), 0, 99).await.unwrap());
    assert_eq!(mine, [1, 2, 5]);
    let last = store
        .last_entry_of(&inc(1), &["incident.opened", "call.begin"])
        .await
        .unwrap();
    assert_eq!(last.unwrap().0, 2);
    assert_eq!(
        store.last_entry_of(&inc(2), &["call.begin"]).await.unwrap(),
        None
    );

    let kept = store.kept_checkpoints().await.unwrap();
    let sizes: Vec<&str> = kept
        .iter()
        .map(|note| note.lines().nth(1).unwrap())
        .collect();
    assert_eq!(sizes, ["1", "2", "5", "6"]);
    assert_eq!(kept.last().unwrap(), &store.head().checkpoint);
    store.close().await;
}
