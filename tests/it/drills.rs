//! Drills: the path of an emergency with a decoy. Nothing of the live credential moves.

use breakglass::app::AppError;
use breakglass::domain::act::{Deed, Opening};
use breakglass::domain::grants::GrantTo;
use breakglass::domain::incident::{Incident, Phase, Refusal};
use breakglass::domain::manifest::Kind;
use breakglass::domain::terms::Purpose;
use breakglass::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use breakglass::sealed::loaded_key::LoadedKey;
use serde_json::Value;

use crate::restart::all_is_well;
use crate::story::review;
use crate::support::{Person, TestVault, opening};

fn try_drill(
    vault: &TestVault,
    person: &Person,
    change: impl FnOnce(&mut Opening),
) -> Result<(Incident, LoadedKey), AppError> {
    let claim_key = LoadedKey::generate_ed25519("claim").unwrap();
    let mut opening = Opening {
        purpose: Purpose::Drill,
        reason: "the quarterly drill".to_owned(),
        ..opening(&claim_key)
    };
    change(&mut opening);
    let signed = person.sign(vault, Deed::Open(Box::new(opening)));
    let opened = vault.block(vault.app().open(&signed, &person.caller(vault)))?;
    Ok((opened, claim_key))
}

/// Rio asks, everybody is told.
fn drill(vault: &TestVault) -> (Incident, LoadedKey) {
    let asked = try_drill(vault, &vault.people.rio, |_| {}).unwrap();
    vault.deliver();
    asked
}

/// The same, up to its session.
fn rehearsed(vault: &TestVault) -> (Incident, LoadedKey) {
    let (incident, claim_key) = drill(vault);
    vault.approve_by_three(&incident.id);
    vault.wait_for(&incident.id, |i| matches!(i.phase, Phase::Open(_)));
    (vault.incident(&incident.id), claim_key)
}

fn is_in_review(incident: &Incident) -> bool {
    matches!(incident.phase, Phase::InReview(_))
}

fn owed(vault: &TestVault) -> Option<String> {
    let fact = vault.store().fact("rotation_owed_since_ms");
    vault.block(fact).unwrap()
}

#[test]
fn a_drill_goes_the_whole_way_and_moves_nothing_of_the_live_credential() {
    let vault = TestVault::new();
    let (epoch, secrets) = (vault.current_epoch(), vault.live_secrets());
    let posts = vault.count("secret.post");
    let (incident, claim_key) = rehearsed(&vault);
    let terms = &incident.terms;
    assert_eq!((terms.kind, terms.epoch, terms.needed), (Kind::Drill, 1, 3));
    let token = vault.claim(&incident, &claim_key).unwrap().token;
    assert!(vault.token_opens(&token));
    vault.close(&incident).unwrap();
    vault.wait_for(&incident.id, is_in_review);
    assert!(!vault.token_opens(&token));
    assert_eq!(
        vault.count("secret.post"),
        posts,
        "Databricks made no secret"
    );
    assert_eq!(vault.live_secrets(), secrets);
    assert_eq!(vault.current_epoch().manifest, epoch.manifest);
    assert_eq!(owed(&vault), None);

    let closed = vault.incident(&incident.id);
    let signed = review(&vault, &vault.people.tess, &closed, |_| {});
    let tess = vault.people.tess.caller(&vault);
    let reviewed = vault.block(vault.app().review_sign(&closed.id, &signed, &tess));
    assert!(matches!(reviewed.unwrap().phase, Phase::Reviewed { .. }));
    all_is_well(&vault);
}

#[test]
fn every_entry_and_every_message_of_a_drill_is_marked_and_none_of_an_emergency() {
    let vault = TestVault::new();
    vault.deliver();
    let before = vault.mail.messages().len();
    let (incident, claim_key) = drill(&vault);
    let wrong = vault.people.ada.share(&vault, 1).unwrap();
    let request = vault.people.ada.release_share(&vault, &incident, &wrong);
    let ada = vault.people.ada.caller(&vault);
    let sent = vault.block(vault.app().approve(&incident.id, &request, &ada));
    assert!(matches!(sent, Err(AppError::Share(_))));
    vault.approve_by_three(&incident.id);
    vault.wait_for(&incident.id, |i| matches!(i.phase, Phase::Open(_)));
    vault.claim(&incident, &claim_key).unwrap();
    vault.stop(&vault.people.sam, &incident).unwrap();
    vault.wait_for(&incident.id, is_in_review);
    vault.deliver();
    let drilled = vault.mail.messages().len();
    let (emergency, _) = vault.open();
    vault.deliver();

    let mut marked = 0;
    for entry in vault.entries() {
        let about = entry.text("inc");
        let is_marked = entry.members.get("drill") == Some(&Value::from(true));
        let is_drill = about == Some(incident.id.as_str()) || entry.kind == "drill.dealt";
        if about == Some(emergency.id.as_str()) || is_drill {
            assert_eq!(is_marked, is_drill, "{}", entry.kind);
        }
        marked += usize::from(is_marked);
    }
    assert!(marked > 20, "{marked}");
    for (number, message) in vault.mail.messages().iter().enumerate() {
        let of_drill = (before..drilled).contains(&number);
        assert_eq!(message.drill, of_drill, "{}", message.subject);
        if of_drill {
            assert!(message.full_subject().starts_with("[DRILL"));
            assert!(!message.body.contains("NOT SAFE"), "{}", message.body);
        }
    }
    let kinds = vault.mail.kinds();
    for kind in [
        "incident.opened",
        "share.reject",
        "session.open",
        "incident.closed",
        "review.due",
    ] {
        assert!(kinds.iter().any(|k| k == kind), "{kind}: {kinds:?}");
    }
}

#[test]
fn a_live_share_is_refused_for_a_drill_and_a_drill_share_for_an_emergency() {
    let vault = TestVault::new();
    let ada = &vault.people.ada;
    let (drilled, _) = drill(&vault);
    let live = ada.share(&vault, 1).unwrap();
    let decoy = ada.share_of(&vault, Kind::Drill, 1).unwrap();
    let send = |incident: &Incident, share| {
        let request = ada.release_share(&vault, incident, share);
        vault.block(
            vault
                .app()
                .approve(&incident.id, &request, &ada.caller(&vault)),
        )
    };
    assert!(matches!(send(&drilled, &live), Err(AppError::Share(_))));
    let (emergency, _) = vault.open();
    assert!(matches!(send(&emergency, &decoy), Err(AppError::Share(_))));
    assert_eq!(vault.count("share.reject"), 2);
    assert!(vault.incident(&drilled.id).approvals().is_empty());
    assert!(vault.incident(&emergency.id).approvals().is_empty());
    send(&drilled, &decoy).unwrap();
    send(&emergency, &live).unwrap();
    vault.verify_log();
}

#[test]
fn each_drill_ends_with_new_shares_of_a_new_decoy_and_the_old_ones_are_gone() {
    let vault = TestVault::new();
    for epoch in 1..=2 {
        let (incident, _) = rehearsed(&vault);
        assert_eq!(incident.terms.epoch, epoch);
        vault.close(&incident).unwrap();
        vault.wait_for(&incident.id, is_in_review);
        let row = vault
            .block(vault.store().epoch(Kind::Drill, epoch))
            .unwrap();
        assert_eq!(row.unwrap().sealed_credential, None, "erased");
        let share = vault.block(vault.store().share(Kind::Drill, epoch, 1));
        assert_eq!(share.unwrap(), None, "erased");
    }
    let last = vault
        .block(vault.store().current_epoch(Kind::Drill))
        .unwrap();
    assert_eq!(last.unwrap().manifest.epoch, 3);
    assert_eq!(vault.count("drill.dealt"), 3);
    vault.verify_log();
}

#[test]
fn operators_and_responders_drill_one_at_a_time_and_give_nobody_a_right() {
    let vault = TestVault::new();
    for person in [&vault.people.ada, &vault.people.vera, &vault.people.sam] {
        let refused = try_drill(&vault, person, |_| {}).map(drop);
        assert!(
            matches!(refused, Err(AppError::Refused(Refusal::WrongRole { .. }))),
            "{refused:?}"
        );
    }
    assert_eq!(vault.count("drill.dealt"), 0, "nothing is dealt for them");
    let rights = try_drill(&vault, &vault.people.otto, |o| {
        o.grants_to = vec![GrantTo {
            person: vault.people.olga.id.clone(),
            keep: false,
        }];
    });
    let rights = rights.map(drop);
    assert!(
        matches!(rights, Err(AppError::Refused(Refusal::BadOpening { .. }))),
        "{rights:?}"
    );
    try_drill(&vault, &vault.people.otto, |_| {}).unwrap();
    let second = try_drill(&vault, &vault.people.rio, |_| {}).map(drop);
    assert!(
        matches!(second, Err(AppError::Refused(Refusal::TooMany(_)))),
        "{second:?}"
    );
}

#[test]
fn an_emergency_ends_a_drill_that_has_the_vault_and_opens() {
    let vault = TestVault::new();
    let (rehearsal, claim_key) = rehearsed(&vault);
    let token = vault.claim(&rehearsal, &claim_key).unwrap().token;
    let (emergency, _) = vault.open();
    vault.deliver();
    vault.approve_by_three(&emergency.id);
    vault.wait_for(&rehearsal.id, is_in_review);
    assert!(!vault.token_opens(&token));
    let closed = vault.last_entry("session.close").unwrap();
    assert_eq!(closed.text("why"), Some("displaced"));
    vault.tick();
    vault.wait_for(&emergency.id, |i| matches!(i.phase, Phase::Open(_)));
    // A second drill waits for it, and ends it by no means.
    let (second, _) = try_drill(&vault, &vault.people.otto, |_| {}).unwrap();
    vault.deliver();
    vault.approve_by_three(&second.id);
    vault.settle();
    assert!(matches!(
        vault.incident(&emergency.id).phase,
        Phase::Open(_)
    ));
    assert!(vault.incident(&second.id).is_collecting());
}

#[test]
fn what_people_do_in_a_drill_does_not_count_against_them_in_an_emergency() {
    let vault = TestVault::new();
    let (rehearsal, _) = rehearsed(&vault);
    vault.stop(&vault.people.sam, &rehearsal).unwrap();
    vault.wait_for(&rehearsal.id, is_in_review);
    vault.pass_ms(4 * DAY_MS);
    vault.tick();
    // Its review is overdue by now: who may sign it is told, nobody else, and it closes no gate.
    vault.deliver();
    let all = vault.mail.messages().into_iter();
    let overdue: Vec<_> = all.filter(|m| m.kind == "review.overdue").collect();
    assert_eq!(overdue.len(), 1);
    assert!(overdue[0].drill && overdue[0].to == ["tess@example.com", "vera@example.com"]);
    let (emergency, _) = vault.opened();
    assert!(
        emergency.terms.gates.is_empty(),
        "{:?}",
        emergency.terms.gates
    );
    let stopped = vault.stop(&vault.people.sam, &emergency).unwrap();
    assert!(!matches!(stopped.phase, Phase::Open(_)), "obeyed at once");

    let vault = TestVault::new();
    let (rehearsal, _) = rehearsed(&vault);
    vault.stop(&vault.people.sam, &rehearsal).unwrap();
    vault.wait_for(&rehearsal.id, is_in_review);
    let (emergency, _) = vault.opened();
    let stopped = vault.stop(&vault.people.sam, &emergency).unwrap();
    assert!(
        !matches!(stopped.phase, Phase::Open(_)),
        "obeyed on the same day"
    );
}

#[test]
fn a_drill_that_breaks_anywhere_owes_nothing_and_settles_nothing() {
    for kind in [
        "unseal.begin",
        "unseal.done",
        "session.open",
        "session.close",
        "drill.dealt",
    ] {
        let mut vault = TestVault::new();
        let since = vault.now().0.to_string();
        let (incident, _) = drill(&vault);
        vault.break_at(kind);
        vault.approve_by_three(&incident.id);
        if matches!(kind, "session.close" | "drill.dealt") {
            vault.wait_for(&incident.id, |i| matches!(i.phase, Phase::Open(_)));
            // The one that breaks is told so; what counts is what the restart finds.
            let _broken = vault.close(&vault.incident(&incident.id));
        }
        vault.wait_for_log_loss();
        vault.kill();
        vault.mend();
        vault.start();
        assert_eq!(owed(&vault), None, "{kind}");
        vault.sql(&format!(
            "INSERT INTO fact (name, value) VALUES ('rotation_owed_since_ms', '{since}')"
        ));
        vault.settle();
        vault.deliver();
        let now = vault.incident(&incident.id);
        if !is_in_review(&now) {
            assert!(
                now.is_collecting() && !now.rotation_owed,
                "{kind}: {:?}",
                now.phase
            );
            vault.approve_by_three(&incident.id);
            vault.wait_for(&incident.id, |i| matches!(i.phase, Phase::Open(_)));
            vault.close(&vault.incident(&incident.id)).unwrap();
            vault.wait_for(&incident.id, is_in_review);
        }
        assert_eq!(owed(&vault), Some(since), "{kind}: a real debt stays");
        vault.verify_log();
    }
}

#[test]
fn a_drill_nobody_answers_lapses_and_nobody_is_asked_for_a_new_epoch() {
    let vault = TestVault::new();
    for _ in 0..2 {
        let (incident, _) = drill(&vault);
        vault.approve(&vault.people.ada, &incident.id).unwrap();
        vault.pass_ms(HOUR_MS);
        vault.tick();
        vault.settle();
        assert!(matches!(
            vault.incident(&incident.id).phase,
            Phase::Lapsed { .. }
        ));
    }
    let owed = vault.block(vault.store().fact("epoch_owed")).unwrap();
    assert_eq!(
        owed, None,
        "shares of a decoy were given, not of the credential"
    );
}

#[test]
fn a_drill_ends_at_its_deadline_and_is_extended_like_an_emergency() {
    let vault = TestVault::new();
    let (incident, claim_key) = rehearsed(&vault);
    let token = vault.claim(&incident, &claim_key).unwrap().token;
    vault.extend_by_three(&incident.id, 60);
    vault.wait_for(&incident.id, |i| {
        i.session().is_some_and(|session| session.extensions == 1)
    });
    // The session in memory learns of it once it is durable.
    vault.settle();
    vault.pass_ms(31 * MINUTE_MS);
    vault.tick();
    assert!(
        vault.token_opens(&token),
        "the old deadline is past, the new one is not"
    );
    vault.pass_ms(30 * MINUTE_MS);
    vault.tick();
    vault.wait_for(&incident.id, is_in_review);
    assert!(!vault.token_opens(&token));
}

#[test]
fn the_view_says_when_each_custodian_drilled_last() {
    let vault = TestVault::new();
    let (incident, _) = rehearsed(&vault);
    vault.close(&incident).unwrap();
    vault.wait_for(&incident.id, is_in_review);
    let view = vault.block(vault.app().vault_view()).unwrap();
    let of = |name: &str| {
        let found = view.drills.iter().find(|d| d.person == name);
        found.and_then(|d| d.at_ms)
    };
    for name in ["ada", "ben", "cleo"] {
        assert!(of(name).is_some(), "{name}");
    }
    assert_eq!((of("dora"), of("emil")), (None, None));
}

#[test]
fn a_decoy_put_in_by_hand_is_not_the_one_the_log_dealt() {
    let vault = TestVault::new();
    let (incident, _) = rehearsed(&vault);
    vault.close(&incident).unwrap();
    vault.wait_for(&incident.id, is_in_review);
    for (epoch, state) in [(2, "past"), (1, "current")] {
        vault.sql(&format!(
            "UPDATE epoch SET state = '{state}' WHERE kind = 'drill' AND epoch = {epoch}"
        ));
    }
    let opened = try_drill(&vault, &vault.people.rio, |_| {}).map(drop);
    assert!(
        matches!(opened, Err(AppError::Inconsistent(_))),
        "{opened:?}"
    );
}
