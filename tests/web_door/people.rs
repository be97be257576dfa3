//! What people of the roster see and do.

use std::time::Duration;

use breakglass::api::{Health, IncidentList, IncidentView, ShareView, VaultView};
use breakglass::audit::entry::Draft;
use breakglass::domain::act::{Deed, PhraseResult};
use breakglass::domain::canonical;
use breakglass::domain::ids::{Digest, IncidentId, SessionId};
use breakglass::domain::incident::{Approval, CloseCause, Event};
use breakglass::domain::roster::Roster;
use breakglass::domain::terms::{Gate, Terms};
use breakglass::domain::time::Timestamp;
use breakglass::store::Commit;
use breakglass::store::change::RowChange;

use crate::support::{User, Vault, no, ok, unknown_incident};

fn state<'v>(view: &'v IncidentView, person: &str) -> &'v str {
    &view
        .custodians
        .iter()
        .find(|c| c.person == person)
        .unwrap()
        .state
}

#[tokio::test]
async fn the_documents_shown_hash_to_what_is_said() {
    let vault = Vault::start().await;
    let view: VaultView = ok(vault.login("otto").await.get("/api/v1/vault").await).await;
    let roster: Roster = serde_json::from_value(view.roster).unwrap();
    assert_eq!(roster.sha256().unwrap().hex(), view.roster_sha256);
    let manifest = canonical::to_bytes(&view.manifest).unwrap();
    assert_eq!(Digest::of(&manifest).hex(), view.manifest_sha256);
    let policy = canonical::to_bytes(&view.policy).unwrap();
    assert_eq!(Digest::of(&policy).hex(), view.policy_sha256);
    assert_eq!(
        (view.epoch, view.epoch_ready, view.proofs_needed),
        (1, false, 3)
    );
}

#[tokio::test]
async fn an_incident_is_shown_whole_to_everybody_of_the_roster() {
    let vault = Vault::start().await;
    let rio = vault.login("rio").await;
    let opened = rio.open_rotation().await;
    assert_eq!(
        (opened.phase.as_str(), opened.purpose.as_str()),
        ("collecting", "rotate")
    );
    assert_eq!(
        (opened.requester.as_str(), opened.requester_name.as_str()),
        ("rio", "RIO Example")
    );
    let terms: Terms = serde_json::from_value(opened.terms.clone()).unwrap();
    assert_eq!(terms.sha256().unwrap().hex(), opened.terms_sha256);
    assert_eq!(
        (opened.shares_in, opened.needed, opened.alert_confirmed),
        (0, 2, false)
    );
    assert!(opened.custodians.iter().all(|c| c.state == "asked"));
    let request = opened.request.clone().unwrap();
    let named = terms.request_sha256.unwrap();
    assert_eq!(Digest::of(request.document.as_bytes()), named);
    for name in ["ada", "vera", "otto", "sam", "rio"] {
        let user = vault.login(name).await;
        let path = format!("/api/v1/incidents/{}", opened.id);
        let seen: IncidentView = ok(user.get(&path).await).await;
        assert_eq!(seen.terms_sha256, opened.terms_sha256);
        let list: IncidentList = ok(user.get("/api/v1/incidents").await).await;
        assert_eq!(list.incidents.len(), 1);
    }
}

#[tokio::test]
async fn a_custodian_who_asked_is_excluded_and_a_refusal_is_shown() {
    let vault = Vault::start().await;
    let (ada, ben) = (vault.login("ada").await, vault.login("ben").await);
    let opened = ada.open_rotation().await;
    assert_eq!(state(&opened, "ada"), "excluded");
    let refuse = ben.act(
        Some(&opened),
        Deed::Refuse {
            reason: "not now".to_owned(),
        },
    );
    let path = format!("/api/v1/incidents/{}/refuse", opened.id);
    let refused: IncidentView = ok(ben.post(&path, &refuse).await).await;
    assert_eq!(state(&refused, "ben"), "refused");
    // Two of three could give a share and one of them will not: nobody is left to reach two.
    assert_eq!(refused.phase, "refused");
    assert_ne!(ben.post(&path, &refuse).await.status(), 200);
}

#[tokio::test]
async fn an_act_is_its_signers_alone() {
    let vault = Vault::start().await;
    let (rio, ada, ben) = (
        vault.login("rio").await,
        vault.login("ada").await,
        vault.login("ben").await,
    );
    let opened = rio.open_rotation().await;
    let deed = Deed::Refuse {
        reason: "no".to_owned(),
    };
    let path = format!("/api/v1/incidents/{}/refuse", opened.id);
    // Posted under another login, and on a path that it does not belong to.
    let act = ada.act(Some(&opened), deed);
    assert_eq!(
        no(ben.post(&path, &act).await).await,
        (403, "not_allowed".into())
    );
    let stop = format!("/api/v1/incidents/{}/stop", opened.id);
    assert_eq!(
        no(ada.post(&stop, &act).await).await,
        (400, "bad_document".into())
    );
    let mut changed = act.clone();
    changed.document = changed.document.replace("\"no\"", "\"on\"");
    assert_eq!(
        no(ada.post(&path, &changed).await).await,
        (403, "not_allowed".into())
    );
    let view: IncidentView = ok(ada.post(&path, &act).await).await;
    assert_eq!(state(&view, "ada"), "refused");
    assert_eq!(no(ada.post(&path, &act).await).await.0, 409);
}

#[tokio::test]
async fn who_waits_for_a_change_is_told_at_once() {
    let vault = Vault::start().await;
    let (rio, ada) = (vault.login("rio").await, vault.login("ada").await);
    let opened = rio.open_rotation().await;
    let path = format!(
        "/api/v1/incidents/{}?after_version={}&wait_ms=600000",
        opened.id, opened.version
    );
    let act = ada.act(
        Some(&opened),
        Deed::Refuse {
            reason: "no".to_owned(),
        },
    );
    let refuse = format!("/api/v1/incidents/{}/refuse", opened.id);
    let waiting = async { ok::<IncidentView>(rio.get(&path).await).await };
    let (seen, _) = tokio::join!(waiting, ada.post(&refuse, &act));
    assert!(seen.version > opened.version);
    assert_eq!(state(&seen, "ada"), "refused");
    // Nothing changes: the answer comes when the wait is over, as it is.
    let path_now = format!(
        "/api/v1/incidents/{}?after_version={}&wait_ms=1",
        opened.id, seen.version
    );
    assert_eq!(
        ok::<IncidentView>(rio.get(&path_now).await).await.version,
        seen.version
    );
    // What is already behind is answered without waiting.
    let again = tokio::time::timeout(Duration::from_secs(25), rio.get(&path)).await;
    assert_eq!(
        ok::<IncidentView>(again.unwrap()).await.version,
        seen.version
    );
}

#[tokio::test]
async fn an_incident_that_is_not_there_is_told_as_such() {
    let vault = Vault::start().await;
    let ada = vault.login("ada").await;
    let unknown = unknown_incident();
    for id in [unknown.as_str(), "INC-0", "nothing", "%ff", "INC-1%2f.."] {
        let answer = no(ada.get(&format!("/api/v1/incidents/{id}")).await).await;
        assert_eq!(answer, (404, "no_such_incident".into()), "{id}");
    }
    let answer = no(ada
        .get(&format!("/api/v1/incidents/{unknown}?wait=1"))
        .await)
    .await;
    assert_eq!(answer, (400, "bad_document".into()));
}

#[tokio::test]
async fn a_share_is_handed_to_its_custodian_only() {
    let vault = Vault::start().await;
    let ben: ShareView = ok(vault.login("ben").await.get("/api/v1/shares/live/1").await).await;
    assert_eq!((ben.index, ben.share.as_str()), (2, "c2hhcmUgMg=="));
    for name in ["rio", "vera", "otto", "sam"] {
        let user = vault.login(name).await;
        let answer = no(user.get("/api/v1/shares/live/1").await).await;
        assert_eq!(answer, (403, "no_share".into()), "{name}");
    }
    let ben = vault.login("ben").await;
    for path in [
        "/api/v1/shares/live/9",
        "/api/v1/shares/dead/1",
        "/api/v1/shares/live/x",
    ] {
        assert_eq!(no(ben.get(path).await).await.0, 404, "{path}");
    }
}

/// Writes events of an incident as `app` would, and shows it afterwards.
async fn happened(user: &User<'_>, vault: &Vault, id: &str, events: &[Event]) -> IncidentView {
    let id: IncidentId = id.parse().unwrap();
    let (mut incident, expected_version) = vault.app.store().incident(&id).await.unwrap().unwrap();
    let mut drafts = Vec::new();
    for event in events {
        incident.apply(event).unwrap();
        let (kind, members) = event.to_entry(&id).unwrap();
        drafts.push(Draft { kind, members });
    }
    let row = RowChange::SaveIncident {
        expected_version,
        incident: Box::new(incident),
    };
    vault
        .app
        .store()
        .commit(Commit::control(drafts, vec![row]))
        .await
        .unwrap();
    ok(user.get(&format!("/api/v1/incidents/{id}")).await).await
}

fn share(person: &str, index: u8, at_ms: i64) -> Event {
    Event::ShareAccepted(Approval {
        person: person.parse().unwrap(),
        index,
        act_sha256: Digest::of(person.as_bytes()),
        envelope_sha256: Digest::of(b"envelope"),
        unlocker: "age1".to_owned(),
        at_ms: Timestamp(at_ms),
        overrides: Vec::new(),
        paper: None,
    })
}

#[tokio::test]
async fn who_gave_a_share_is_still_shown_when_the_shares_are_spent() {
    let vault = Vault::start().await;
    let rio = vault.login("rio").await;
    let opened = rio.open_rotation().await;
    let withdrawn = Event::ShareWithdrawn {
        person: "ada".parse().unwrap(),
        index: 1,
        act_sha256: Digest::of(b"withdraw"),
    };
    let gathered = [share("ada", 1, 5), share("ben", 2, 6), withdrawn];
    let view = happened(&rio, &vault, &opened.id, &gathered).await;
    assert_eq!(
        (view.shares_in, state(&view, "ada"), state(&view, "ben")),
        (1, "asked", "in")
    );
    let begun = Event::UnsealBegun {
        indexes: vec![2, 3],
        at_ms: Timestamp(8),
    };
    let sid: SessionId = "ses-abcd1234".parse().unwrap();
    let session = Event::SessionOpened {
        sid: sid.clone(),
        actor: "rio".parse().unwrap(),
        opened_ms: Timestamp(9),
        exp_ms: Timestamp(99),
    };
    let events = [share("cleo", 3, 7), begun, Event::Unsealed {}, session];
    let view = happened(&rio, &vault, &opened.id, &events).await;
    assert_eq!((view.phase.as_str(), view.shares_in), ("open", 2));
    assert_eq!((state(&view, "ada"), state(&view, "cleo")), ("asked", "in"));
    let cleo = view.custodians.iter().find(|c| c.person == "cleo").unwrap();
    assert_eq!((cleo.index, cleo.at_ms), (3, Some(7)));
    assert_eq!(
        view.session.map(|s| (s.id, s.exp_ms)),
        Some((sid.to_string(), 99))
    );
    assert_eq!((view.close_cause, view.rotation_owed), (None, false));
    let closed = Event::SessionClosed {
        sid: Some(sid),
        why: CloseCause::Restart,
        person: None,
        reason: String::new(),
        act_sha256: None,
        memory_lost: true,
        at_ms: Timestamp(10),
    };
    let view = happened(&rio, &vault, &opened.id, &[closed]).await;
    assert_eq!(
        (view.phase.as_str(), view.shares_in, view.rotation_owed),
        ("closing", 2, true)
    );
    assert_eq!(view.close_cause.as_deref(), Some("the vault restarted"));
    let health: Health = ok(vault.get("/api/v1/health").await).await;
    assert_eq!(health.vault_phase, "closing");
}

#[tokio::test]
async fn a_veto_is_security_s_and_is_shown_with_its_reason_as_are_refusals() {
    let vault = Vault::start().await;
    let rio = vault.login("rio").await;
    let opened = rio.open_rotation().await;
    let (ada, sam, vera) = (
        vault.login("ada").await,
        vault.login("sam").await,
        vault.login("vera").await,
    );
    let reason = || "nobody called me".to_owned();
    let path = |word: &str| format!("/api/v1/incidents/{}/{word}", opened.id);
    let refuse = ada.act(Some(&opened), Deed::Refuse { reason: reason() });
    let refused: IncidentView = ok(ada.post(&path("refuse"), &refuse).await).await;
    assert_eq!(refused.asked.refusals[0].reason, reason());
    assert_eq!(refused.asked.refusals[0].name, "ADA Example");
    let veto = vera.act(Some(&opened), Deed::Veto { reason: reason() });
    assert_eq!(
        no(vera.post(&path("veto"), &veto).await).await,
        (403, "wrong_role".into())
    );
    let veto = sam.act(Some(&opened), Deed::Veto { reason: reason() });
    let vetoed: IncidentView = ok(sam.post(&path("veto"), &veto).await).await;
    assert_eq!(vetoed.phase, "refused");
    assert_eq!(vetoed.asked.vetoed.unwrap().person, "sam");
}

#[tokio::test]
async fn signatures_without_a_share_are_refused_where_nothing_asks_for_them() {
    let vault = Vault::start().await;
    let rio = vault.login("rio").await;
    let opened = rio.open_rotation().await;
    let (vera, sam) = (vault.login("vera").await, vault.login("sam").await);
    let path = |word: &str| format!("/api/v1/incidents/{}/{word}", opened.id);
    let terms: Terms = serde_json::from_value(opened.terms.clone()).unwrap();
    let agree = Deed::Approve {
        index: 0,
        manifest_sha256: terms.manifest_sha256,
        unlocker: String::new(),
        phrase: PhraseResult::Matched,
        overrides: Vec::new(),
        witness_sha256: None,
    };
    let agree = vera.act(Some(&opened), agree);
    assert_eq!(
        no(vera.post(&path("co-approve"), &agree).await).await,
        (403, "no_share".into())
    );
    let gates = vec![Gate::ReviewOverdue];
    let lift = sam.act(Some(&opened), Deed::Override { gates });
    assert_eq!(
        no(sam.post(&path("override"), &lift).await).await,
        (409, "nothing_to_override".into())
    );
    let extend = rio.act(Some(&opened), Deed::Extend { max_minutes: 90 });
    assert_eq!(
        no(rio.post(&path("extend"), &extend).await).await,
        (409, "not_in_phase".into())
    );
}
