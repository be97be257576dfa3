//! Delays, veto windows, co-approvers, overrides, displacement: the built-in use cases run whole.

use breakglass::domain::incident::{CloseCause, Incident, Phase};
use breakglass::domain::roster::Role;
use breakglass::domain::terms::Gate;
use breakglass::sealed::loaded_key::LoadedKey;

use crate::restart::{all_is_well, bring_home};
use crate::support::{Mode, Plan, TestVault, opening};

const MINUTE_MS: i64 = 60_000;

/// A vault at night: no hour is an office hour.
fn at_night() -> TestVault {
    TestVault::planned(Plan {
        policy: Box::new(|policy| policy.office_hours.days.clear()),
        ..Plan::default()
    })
}

fn phase(vault: &TestVault, incident: &Incident) -> &'static str {
    vault.incident(&incident.id).phase.name().word()
}

/// The timer, then everything it began.
fn tick(vault: &TestVault) {
    vault.tick();
    vault.settle();
}

#[test]
fn a_blocked_recovery_path_cools_for_ten_minutes_from_the_opening_and_then_runs_whole() {
    let vault = at_night();
    let (incident, claim_key) = vault.open_case("blocked-recovery-path");
    vault.deliver();
    vault.pass_ms(4 * MINUTE_MS);
    vault.approve_by_three(&incident.id);
    vault.settle();
    assert_eq!(phase(&vault, &incident), "cooling");
    assert_eq!(vault.alerts_queued("incident.cooling"), 2);
    vault.pass_ms(5 * MINUTE_MS);
    tick(&vault);
    assert_eq!(phase(&vault, &incident), "cooling");
    assert_eq!(vault.count("unseal.begin"), 0);
    vault.pass_ms(MINUTE_MS);
    tick(&vault);
    assert_eq!(phase(&vault, &incident), "open");
    let open = vault.incident(&incident.id);
    vault.claim(&open, &claim_key).unwrap();
    bring_home(&vault, &incident);
    all_is_well(&vault);
}

#[test]
fn a_veto_while_cooling_ends_it_and_its_shares_open_nothing() {
    let vault = at_night();
    let (incident, _) = vault.open_case("blocked-recovery-path");
    vault.deliver();
    vault.approve_by_three(&incident.id);
    vault.settle();
    let now = vault.incident(&incident.id);
    let refused = vault.veto(&vault.people.vera, &now).unwrap_err();
    assert_eq!(refused.code(), "wrong_role");
    vault.veto(&vault.people.sam, &now).unwrap();
    assert_eq!(phase(&vault, &incident), "refused");
    let kept = vault.block(vault.store().envelopes(&incident.id)).unwrap();
    assert!(kept.is_empty());
    vault.pass_ms(20 * MINUTE_MS);
    tick(&vault);
    assert_eq!(vault.count("unseal.begin"), 0);
    assert_eq!(vault.count("incident.vetoed"), 1);
    let view = vault.block(vault.app().show(&incident.id)).unwrap();
    let vetoed = view.asked.vetoed.unwrap();
    assert_eq!(vetoed.person, "sam");
    vault.verify_log();
}

#[test]
fn a_compliance_mandate_waits_a_day_and_needs_an_auditor() {
    let mut vault = TestVault::new();
    let (incident, claim_key) = vault.open_case("compliance-mandate");
    vault.deliver();
    assert_eq!(phase(&vault, &incident), "waiting");
    let early = vault.approve(&vault.people.ada, &incident.id).unwrap_err();
    assert_eq!(early.code(), "not_in_phase");
    // A restart costs the wait nothing, and no restart is counted.
    vault.restart();
    vault.pass_ms(24 * 60 * MINUTE_MS - 60_000);
    tick(&vault);
    assert_eq!(phase(&vault, &incident), "waiting");
    vault.pass_ms(60_000);
    tick(&vault);
    assert_eq!(phase(&vault, &incident), "collecting");
    assert_eq!(vault.incident(&incident.id).restarts, 0);
    vault.approve_by_three(&incident.id);
    vault.settle();
    assert_eq!(
        phase(&vault, &incident),
        "collecting",
        "an auditor is missing"
    );
    let view = vault.block(vault.app().show(&incident.id)).unwrap();
    assert!(view.asked.missing.unwrap().contains("auditor"));
    let otto = vault.co_approve(&vault.people.otto, &incident.id);
    assert_eq!(otto.unwrap_err().code(), "wrong_role");
    vault.co_approve(&vault.people.vera, &incident.id).unwrap();
    vault.settle();
    assert_eq!(phase(&vault, &incident), "open");
    let open = vault.incident(&incident.id);
    let scope = ["account:read", "ws:read", "ws:egress:/api/*/sql/**"];
    assert_eq!(open.terms.scope, scope, "reading, and SQL by name");
    vault.claim(&open, &claim_key).unwrap();
    bring_home(&vault, &incident);
    assert!(
        vault
            .incident(&incident.id)
            .participants
            .contains(&vault.people.vera.id)
    );
    all_is_well(&vault);
}

#[test]
fn a_restart_while_cooling_asks_again_and_keeps_the_end_of_the_window() {
    let mut vault = at_night();
    let (incident, _) = vault.open_case("blocked-recovery-path");
    vault.deliver();
    vault.approve_by_three(&incident.id);
    vault.settle();
    vault.pass_ms(2 * MINUTE_MS);
    vault.restart();
    let again = vault.incident(&incident.id);
    assert_eq!(
        (again.phase.name().word(), again.restarts),
        ("collecting", 1)
    );
    assert_eq!(again.terms.not_before_ms, incident.terms.not_before_ms);
    vault.approve_by_three(&incident.id);
    vault.settle();
    assert_eq!(phase(&vault, &incident), "cooling");
    vault.pass_ms(8 * MINUTE_MS);
    tick(&vault);
    assert_eq!(phase(&vault, &incident), "open");
    bring_home(&vault, &incident);
    all_is_well(&vault);
}

#[test]
fn withdrawals_and_refusals_while_waiting_and_cooling_are_obeyed() {
    let vault = at_night();
    let rio = &vault.people.rio;
    let withdraw = |incident: &Incident, person: &crate::support::Person| {
        let deed = breakglass::domain::act::Deed::Withdraw {};
        let signed = person.sign_about(&vault, &vault.incident(&incident.id), deed);
        vault.block(
            vault
                .app()
                .answer(&incident.id, &signed, &person.caller(&vault), "withdraw"),
        )
    };
    let (waiting, _) = vault.open_case("compliance-mandate");
    withdraw(&waiting, rio).unwrap();
    assert_eq!(phase(&vault, &waiting), "withdrawn");
    let (cooling, _) = vault.open_case("blocked-recovery-path");
    vault.deliver();
    vault.approve_by_three(&cooling.id);
    vault.settle();
    withdraw(&cooling, &vault.people.ada).unwrap();
    assert_eq!(phase(&vault, &cooling), "collecting");
    vault.approve(&vault.people.dora, &cooling.id).unwrap();
    assert_eq!(phase(&vault, &cooling), "cooling");
    withdraw(&cooling, rio).unwrap();
    assert_eq!(phase(&vault, &cooling), "withdrawn");
    vault.verify_log();
}

#[test]
fn without_a_confirmed_alert_a_fourth_custodian_stands_in_after_a_minute() {
    let vault = TestVault::new();
    vault.deliver();
    vault.channels(Mode::Fails);
    let (incident, _) = vault.open();
    vault.deliver();
    vault.approve_by_three(&incident.id);
    vault.settle();
    let early = vault.approve_unconfirmed(&vault.people.dora, &incident.id);
    assert_eq!(early.unwrap_err().code(), "too_early");
    vault.pass_ms(MINUTE_MS);
    vault
        .approve_unconfirmed(&vault.people.dora, &incident.id)
        .unwrap();
    vault.settle();
    assert_eq!(phase(&vault, &incident), "open");
    bring_home(&vault, &incident);
    all_is_well(&vault);
}

/// Three custodians hold the three shares: a closed gate finds nobody further.
fn three_of_three() -> TestVault {
    TestVault::planned(Plan {
        roster: Box::new(|roster| {
            roster.n = 3;
            for person in &mut roster.people {
                if ["dora", "emil"].contains(&person.id.as_str()) {
                    person.roles = vec![Role::Responder];
                    person.unlockers.clear();
                }
            }
        }),
        ..Plan::default()
    })
}

#[test]
fn an_overdue_review_with_nobody_further_to_ask_needs_security() {
    let vault = three_of_three();
    let (first, _) = vault.opened();
    bring_home(&vault, &first);
    vault.pass_ms(73 * 60 * MINUTE_MS);
    let (incident, _) = vault.open();
    assert_eq!(incident.terms.gates, [Gate::ReviewOverdue]);
    assert_eq!((incident.terms.needed, incident.terms.k), (3, 3));
    vault.deliver();
    vault.approve_by_three(&incident.id);
    vault.settle();
    assert_eq!(phase(&vault, &incident), "collecting");
    let vera = vault.lift(&vault.people.vera, &incident.id, &[Gate::ReviewOverdue]);
    assert_eq!(vera.unwrap_err().code(), "wrong_role");
    vault
        .lift(&vault.people.sam, &incident.id, &[Gate::ReviewOverdue])
        .unwrap();
    vault.settle();
    assert_eq!(phase(&vault, &incident), "open");
    bring_home(&vault, &incident);
    all_is_well(&vault);
}

#[test]
fn a_second_stop_within_a_day_is_obeyed_when_somebody_else_signs_too() {
    let vault = TestVault::new();
    let (first, _) = vault.opened();
    let sam = &vault.people.sam;
    vault.stop(sam, &first).unwrap();
    vault.settle();
    let (second, _) = vault.opened();
    vault.stop(sam, &second).unwrap();
    assert_eq!(phase(&vault, &second), "open", "his second stop waits");
    assert_eq!(vault.stop(sam, &second).unwrap_err().code(), "second_stop");
    let view = vault.block(vault.app().show(&second.id)).unwrap();
    assert_eq!(view.asked.no_waits.unwrap().person, "sam");
    vault.stop(&vault.people.tess, &second).unwrap();
    vault.settle();
    assert_eq!(phase(&vault, &second), "in_review");
    let participants = vault.incident(&second.id).participants;
    assert!(participants.contains(&sam.id) && participants.contains(&vault.people.tess.id));
    all_is_well(&vault);
}

#[test]
fn a_second_quorum_displaces_the_first_incident_and_is_asked_again_after_its_rotation() {
    let vault = TestVault::planned(Plan {
        roster: Box::new(|roster| {
            let otto = roster.people.iter_mut().find(|p| p.id.as_str() == "otto");
            otto.unwrap().roles.push(Role::Responder);
        }),
        ..Plan::default()
    });
    let (first, claim_key) = vault.opened();
    let token = vault.claim(&first, &claim_key).unwrap().token;
    let otto = &vault.people.otto;
    let mut wanted = opening(&LoadedKey::generate_ed25519("claim").unwrap());
    wanted.displaces = Some("INC-77".parse().unwrap());
    let open = |wanted: &breakglass::domain::act::Opening| {
        let deed = breakglass::domain::act::Deed::Open(Box::new(wanted.clone()));
        let signed = otto.sign(&vault, deed);
        vault.block(vault.app().open(&signed, &otto.caller(&vault)))
    };
    assert_eq!(open(&wanted).unwrap_err().code(), "bad_opening");
    wanted.displaces = Some(first.id.clone());
    wanted.client_nonce = "11".repeat(16);
    let second = open(&wanted).unwrap();
    vault.deliver();
    vault.approve_by_three(&second.id);
    vault.settle();
    assert!(!vault.token_opens(&token), "the first session is cut");
    assert_eq!(phase(&vault, &first), "in_review");
    let closed = vault.last_entry("session.close").unwrap();
    assert_eq!(closed.text("why"), Some("displaced"));
    let again = vault.incident(&second.id);
    assert_eq!((again.terms.epoch, again.approvals().len()), (2, 0));
    vault.approve_by_three(&second.id);
    vault.settle();
    assert_eq!(phase(&vault, &second), "open");
    bring_home_by(&vault, &second, otto);
    all_is_well(&vault);
}

/// The same as `bring_home` for an open session of another responder.
fn bring_home_by(vault: &TestVault, incident: &Incident, who: &crate::support::Person) {
    let signed = who.sign_about(
        vault,
        &vault.incident(&incident.id),
        breakglass::domain::act::Deed::Close {},
    );
    let id = &incident.id;
    vault
        .block(vault.app().end(id, &signed, &who.caller(vault), "close"))
        .unwrap();
    vault.settle();
    assert!(matches!(vault.incident(id).phase, Phase::InReview(_)));
}

#[test]
fn a_veto_while_opening_leads_to_the_way_back() {
    let vault = TestVault::new();
    let (incident, _) = vault.open();
    vault.deliver();
    vault.knobs(|knobs| knobs.first_byte_delay_ms = 3_000);
    vault.approve_by_three(&incident.id);
    vault.wait_for(&incident.id, |i| {
        matches!(i.phase, Phase::Opening { unsealed: true, .. })
    });
    vault.veto(&vault.people.sam, &incident).unwrap();
    vault.knobs(|knobs| knobs.first_byte_delay_ms = 0);
    vault.settle();
    assert_eq!(vault.count("session.open"), 0);
    assert_eq!(
        vault.last_entry("session.close").unwrap().text("why"),
        Some("vetoed")
    );
    assert!(CloseCause::Vetoed.words().contains("security"));
    all_is_well(&vault);
}
