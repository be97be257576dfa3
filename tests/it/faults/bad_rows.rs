//! Rows of the vault's own that somebody changed by hand: no way back waits until they are mended.

use breakglass::domain::incident::Phase;

use super::emergency::{
    back_from_a_lost_log, lose_the_log, open_session, rules_hold, start_again, told,
};
use crate::restart::all_is_well;
use crate::support::TestVault;

/// Somebody writes a fact.
fn write_fact(vault: &TestVault, name: &str, value: &str) {
    vault.sql(&format!("DELETE FROM fact WHERE name = '{name}'"));
    vault.sql(&format!(
        "INSERT INTO fact (name, value) VALUES ('{name}', '{value}')"
    ));
}

const ENDLESS: &str = "{\"shortest_lifetime_s\":0,\"lifetime_slack_s\":99999999,\
    \"create_propagation_ms\":9999999999,\"delete_propagation_ms\":9999999999,\
    \"all_refused\":false,\"at_ms\":0}";

#[test]
fn what_was_measured_and_changed_by_hand_stops_no_way_back_and_deletes_nothing_foreign() {
    for value in ["not a document", ENDLESS] {
        let vault = TestVault::new();
        let (incident, _) = vault.opened();
        let foreign = vault.foreign_secret(86_400);
        write_fact(&vault, "measured", value);
        vault.close(&incident).unwrap();
        vault.settle();
        let now = vault.incident(&incident.id);
        assert!(matches!(now.phase, Phase::InReview(_)), "{:?}", now.phase);
        assert_eq!(vault.count("fact.mended"), 1);
        assert_eq!(vault.alerts_queued("fact.mended"), 1);
        assert!(vault.live_secrets().contains(&foreign));
        vault.delete_secret(&foreign);
        all_is_well(&vault);
        // The row is as the log says it was; nothing is told twice.
        let (again, _) = vault.opened();
        vault.close(&again).unwrap();
        vault.settle();
        assert_eq!(vault.count("fact.mended"), 1);
        all_is_well(&vault);
    }
}

#[test]
fn numbers_that_are_none_stop_no_rotation_and_no_end_of_an_incident() {
    let vault = TestVault::new();
    let (incident, _) = vault.opened();
    write_fact(&vault, "last_epoch", "many");
    write_fact(&vault, "dealt_later_epoch", "many");
    vault.close(&incident).unwrap();
    vault.settle();
    assert_eq!(vault.current_epoch().manifest.epoch, 2);
    assert_eq!(vault.alerts_queued("fact.mended"), 2);
    all_is_well(&vault);
    // A count that nobody can read counts as full: a new epoch is asked for.
    write_fact(&vault, "shares_given_incidents", "few");
    let (lapses, _) = vault.open();
    vault.deliver();
    vault.approve(&vault.people.ada, &lapses.id).unwrap();
    vault.pass_ms(31 * 60_000);
    vault.tick();
    let now = vault.incident(&lapses.id);
    assert!(matches!(now.phase, Phase::Lapsed { .. }), "{:?}", now.phase);
    let owed = vault.block(vault.store().fact("epoch_owed")).unwrap();
    assert!(owed.is_some(), "a new epoch is owed");
}

#[test]
fn what_the_main_log_has_of_an_emergency_log_is_not_bound_twice_for_a_bad_row() {
    let (mut vault, bound) = back_from_a_lost_log();
    vault.kill();
    write_fact(&vault, "emergency_log:n1", "nothing");
    vault.start();
    assert_eq!(told(&vault).len(), bound);
    assert_eq!(vault.count("emergency.opened"), 1);
    assert_eq!(vault.alerts_queued("fact.mended"), 1);
    open_session(&vault);
    lose_the_log(&vault);
    start_again(&mut vault);
    assert!(told(&vault).len() > bound);
    rules_hold(&vault);
}
