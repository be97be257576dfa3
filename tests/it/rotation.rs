//! The saga against everything Databricks may do wrong.

use breakglass::app::error::AppError;
use breakglass::app::genesis::Initialised;
use breakglass::domain::incident::{Incident, Phase, Refusal};
use breakglass::domain::roster::Role;
use breakglass::domain::rotation::State;
use breakglass::domain::terms::Purpose;

use crate::restart::{SAGA, all_is_well, bring_home};
use crate::support::{Plan, TestVault};

#[test]
fn init_can_be_run_again_after_a_crash_before_any_of_its_entries() {
    let before = [
        "secret.post",
        "secret.result",
        "secret.deleted",
        "rotate.measured",
    ];
    for kind in before.into_iter().chain(SAGA) {
        let mut vault = TestVault::founded(Plan::default());
        vault.break_at(kind);
        vault.initialise().unwrap_err();
        vault.kill();
        vault.mend();
        vault.start_for_init();
        let ended = vault.initialise().unwrap();
        let dead_already = matches!(kind, "rotate.deleted" | "rotate.done");
        if dead_already {
            assert_eq!(ended, Initialised::RotationOwed, "{kind}");
            vault.restart();
            vault.tick();
            let asked = vault.incidents().remove(0);
            vault.approve_by_three(&asked.id);
            vault.settle();
        } else {
            assert_eq!(ended, Initialised::Done, "{kind}");
        }
        all_is_well(&vault);
        assert_eq!(vault.rotation().state, State::Done);
    }
}

#[test]
fn init_run_again_after_the_switch_deals_anew_while_the_secret_given_still_works() {
    let mut vault = TestVault::founded(Plan::default());
    vault.knobs(|knobs| knobs.first_byte_delay_ms = 2_000);
    let running = vault.initialise_in_background();
    vault.wait_for_rotation(State::Prepared);
    vault.refuse_deletes();
    vault.knobs(|knobs| knobs.first_byte_delay_ms = 0);
    vault.wait_for_rotation(State::Switched);
    let discarded = vault.current_epoch().secret_id;
    vault.kill();
    drop(running);
    vault.allow_all();
    vault.start_for_init();
    assert_eq!(vault.initialise().unwrap(), Initialised::Done);
    assert!(!vault.secret_mints(&discarded));
    all_is_well(&vault);
}

/// A vault whose close meets what Databricks was told to do wrong.
fn close_with(plan: Plan, wrong: impl FnOnce(&TestVault)) -> (TestVault, Incident) {
    let vault = TestVault::planned(plan);
    let (incident, _) = vault.opened();
    wrong(&vault);
    vault.close(&incident).unwrap();
    (vault, incident)
}

fn ends_well(vault: &TestVault, incident: &Incident) {
    vault.settle();
    let now = vault.incident(&incident.id);
    assert!(matches!(now.phase, Phase::InReview(_)), "{:#?}", now.phase);
    all_is_well(vault);
}

#[test]
fn a_successor_whose_reply_is_lost_is_found_by_its_lifetime_and_deleted() {
    for knob in ["lost", "error after apply"] {
        let (vault, incident) = close_with(Plan::default(), |vault| {
            vault.knobs(|knobs| match knob {
                "lost" => knobs.lost_reply_on_create = 1,
                _ => knobs.error_after_apply_on_create = 1,
            });
        });
        ends_well(&vault, &incident);
        let reconciled = vault.last_entry("rotate.reconciled").unwrap();
        assert_eq!(
            reconciled.members["orphans"].as_array().unwrap().len(),
            1,
            "{knob}"
        );
        assert_eq!(
            vault.count("rotate.create_sent"),
            3,
            "{knob}: one at init, two here"
        );
    }
}

#[test]
fn a_definite_refusal_of_the_create_is_told_and_tried_again() {
    let (vault, incident) = close_with(Plan::default(), |vault| {
        vault.knobs(|knobs| knobs.reject_create = 2);
    });
    ends_well(&vault, &incident);
    assert_eq!(vault.count("rotate.create_refused"), 2);
    assert!(vault.alerts_queued("rotate.create_refused") >= 1);
}

#[test]
fn no_room_for_a_successor_is_told_and_waits_for_people_to_make_some() {
    let vault = TestVault::new();
    let (incident, _) = vault.opened();
    let mut foreign: Vec<String> = (0..2).map(|_| vault.foreign_secret(86_400)).collect();
    foreign.push(vault.foreign_secret(60));
    vault.close(&incident).unwrap();
    vault.wait_for_entry("rotate.no_room");
    assert_eq!(vault.alerts_queued("rotate.no_room"), 1);
    // Somebody takes one of the three away.
    vault.pass_ms(61_000);
    vault.settle();
    assert!(matches!(
        vault.incident(&incident.id).phase,
        Phase::InReview(_)
    ));
    let mut expected = vec![foreign[0].clone(), foreign[1].clone()];
    expected.push(vault.current_epoch().secret_id);
    assert_eq!(sorted(vault.live_secrets()), sorted(expected));
    vault.verify_log();
}

#[test]
fn a_full_list_breaks_the_opening_and_new_terms_open_once_there_is_room() {
    let vault = TestVault::new();
    for _ in 0..4 {
        vault.foreign_secret(600);
    }
    let (incident, _) = vault.open();
    vault.deliver();
    vault.approve_by_three(&incident.id);
    vault.settle();
    let broken = vault.incident(&incident.id);
    assert!(
        matches!(broken.phase, Phase::Collecting(_)),
        "{:?}",
        broken.phase
    );
    assert!(broken.rotation_owed && broken.terms.gates.is_empty());
    assert_ne!(broken.terms.recipient, incident.terms.recipient);
    assert!(vault.alerts_queued("unseal.failed") == 1);
    vault.pass_ms(601_000);
    bring_home(&vault, &incident);
    all_is_well(&vault);
}

#[test]
fn a_responder_whose_opening_broke_and_lapsed_approves_no_rotation_that_it_left_owed() {
    let vault = TestVault::planned(Plan {
        roster: Box::new(|roster| {
            let dora = roster.people.iter_mut().find(|p| p.id.as_str() == "dora");
            dora.unwrap().roles.push(Role::Responder);
        }),
        ..Plan::default()
    });
    let dora = &vault.people.dora;
    let foreign: Vec<String> = (0..4).map(|_| vault.foreign_secret(86_400)).collect();
    let (incident, _) = vault.open_by(dora);
    vault.deliver();
    vault.approve_by_three(&incident.id);
    vault.wait_for(&incident.id, |i| i.rotation_owed && i.is_being_asked());
    vault.pass_ms(31 * 60_000);
    vault.tick();
    let lapsed = vault.incident(&incident.id);
    assert!(
        matches!(lapsed.phase, Phase::Lapsed { .. }),
        "{:?}",
        lapsed.phase
    );
    vault.tick();
    let asked = vault.incidents().into_iter().find(|i| i.is_being_asked());
    let asked = asked.expect("the vault asks for what is owed");
    assert_eq!(asked.purpose, Purpose::Rotate);
    let refused = vault.approve(dora, &asked.id).unwrap_err();
    assert!(
        matches!(refused, AppError::Refused(Refusal::OwnIncident)),
        "{refused}"
    );
    // Once it is settled nobody owes anything.
    for id in &foreign {
        vault.delete_secret(id);
    }
    vault.approve_by_three(&asked.id);
    vault.settle();
    all_is_well(&vault);
    let owed_by = vault.block(vault.store().fact("rotation_owed_by"));
    assert_eq!(owed_by.unwrap(), None);
}

#[test]
fn a_foreign_secret_is_reported_and_never_deleted() {
    let mut plan = Plan::default();
    // Time for this test to put one there before the vault looks.
    plan.waits.reconcile_wait_ms = 8_000;
    let (vault, incident) = close_with(plan, |vault| {
        vault.knobs(|knobs| knobs.lost_reply_on_create = 1);
    });
    vault.wait_for_rotation(State::Reconcile);
    let foreign = vault.foreign_secret(86_400);
    vault.settle();
    assert!(matches!(
        vault.incident(&incident.id).phase,
        Phase::InReview(_)
    ));
    let reported = vault.last_entry("rotate.foreign").unwrap();
    assert_eq!(reported.members["ids"][0], foreign.as_str());
    assert_eq!(vault.alerts_queued("rotate.foreign"), 1);
    let expected = vec![foreign, vault.current_epoch().secret_id];
    assert_eq!(sorted(vault.live_secrets()), sorted(expected));
    vault.verify_log();
}

#[test]
fn a_foreign_secret_that_was_there_before_is_reported_at_the_close() {
    let vault = TestVault::new();
    let foreign = vault.foreign_secret(86_400);
    let (incident, _) = vault.opened();
    vault.close(&incident).unwrap();
    vault.settle();
    assert!(matches!(
        vault.incident(&incident.id).phase,
        Phase::InReview(_)
    ));
    let reported = vault.last_entry("rotate.foreign").unwrap();
    assert_eq!(reported.members["ids"], serde_json::json!([foreign]));
    let expected = vec![foreign, vault.current_epoch().secret_id];
    assert_eq!(sorted(vault.live_secrets()), sorted(expected));
    vault.verify_log();
}

#[test]
fn slow_propagation_of_creates_deletes_and_lists_only_takes_longer() {
    let mut plan = Plan::default();
    plan.waits.reconcile_wait_ms = 80;
    let (vault, incident) = close_with(plan, |vault| {
        vault.knobs(|knobs| {
            knobs.create_propagation_ms = 40;
            knobs.delete_propagation_ms = 40;
            knobs.list_delay_ms = 40;
            knobs.lost_reply_on_create = 1;
        });
    });
    vault.settle();
    vault.knobs(|knobs| knobs.list_delay_ms = 0);
    ends_well(&vault, &incident);
}

#[test]
fn databricks_away_for_a_while_only_takes_longer() {
    for prefix in ["", "/oidc/", "/api/"] {
        let (vault, incident) = close_with(Plan::default(), |vault| {
            vault.knobs(|knobs| {
                knobs.unavailable_next = 12;
                knobs.unavailable_prefix = prefix.to_owned();
            });
        });
        ends_well(&vault, &incident);
    }
}

#[test]
fn a_session_secret_whose_reply_is_lost_is_deleted_and_another_one_is_used() {
    let vault = TestVault::new();
    let (incident, _) = vault.open();
    vault.deliver();
    vault.knobs(|knobs| knobs.lost_reply_on_create = 1);
    vault.approve_by_three(&incident.id);
    vault.wait_for(&incident.id, |i| matches!(i.phase, Phase::Open(_)));
    assert_eq!(vault.live_secrets().len(), 2);
    vault.close(&incident).unwrap();
    ends_well(&vault, &incident);
}

#[test]
fn a_lost_session_secret_that_the_list_shows_late_is_deleted_at_the_close() {
    let vault = TestVault::new();
    let (incident, _) = vault.open();
    vault.deliver();
    vault.knobs(|knobs| {
        knobs.lost_reply_on_create = 1;
        knobs.list_delay_ms = 3_600_000;
    });
    vault.approve_by_three(&incident.id);
    vault.wait_for(&incident.id, |i| matches!(i.phase, Phase::Open(_)));
    assert_eq!(vault.live_secrets().len(), 3, "dormant, lost, used");
    vault.knobs(|knobs| knobs.list_delay_ms = 0);
    vault.close(&incident).unwrap();
    ends_well(&vault, &incident);
}

#[test]
fn a_lifetime_that_databricks_refuses_is_replaced_by_the_next_longer_one() {
    let vault = TestVault::founded(Plan::default());
    vault.knobs(|knobs| knobs.refuse_lifetime = vec![3_600]);
    assert_eq!(vault.initialise().unwrap(), Initialised::Done);
    let mut vault = vault;
    vault.restart();
    let measured = vault.last_entry("rotate.measured").unwrap();
    assert_eq!(measured.integer("shortest_lifetime_s"), Some(3_600));
    let (incident, _) = vault.opened();
    let posted = vault.last_entry("secret.post").unwrap();
    assert!(posted.integer("lifetime_s").unwrap() > 3_600);
    vault.close(&incident).unwrap();
    ends_well(&vault, &incident);
}

#[test]
fn a_kill_before_the_successor_is_known_is_settled_by_three_custodians() {
    settled_after_a_kill_in([
        State::Idle,
        State::Prepared,
        State::CreateSent,
        State::Reconcile,
    ]);
}

#[test]
fn a_kill_once_the_successor_is_sealed_is_settled_by_three_custodians() {
    settled_after_a_kill_in([State::Sealed, State::Switched, State::Deleted]);
}

/// Kills the process in each of these states, while Databricks is being asked.
fn settled_after_a_kill_in<const N: usize>(states: [State; N]) {
    for state in states {
        let (mut vault, incident) = close_with(Plan::default(), |vault| {
            vault.knobs(|knobs| {
                knobs.first_byte_delay_ms = 1_000;
                knobs.lost_reply_on_create = u32::from(state == State::Reconcile);
            });
        });
        vault.wait_for_rotation(state);
        vault.kill();
        vault.knobs(|knobs| knobs.first_byte_delay_ms = 0);
        vault.start();
        let now = vault.incident(&incident.id);
        assert!(
            matches!(&now.phase, Phase::Closing(c) if c.rotate.is_some()),
            "{state:?}"
        );
        bring_home(&vault, &incident);
        all_is_well(&vault);
    }
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}
