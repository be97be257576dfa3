//! The process is told to end.

use breakglass::domain::incident::Phase;
use breakglass::domain::rotation::State;

use crate::restart::{all_is_well, bring_home};
use crate::support::TestVault;

#[test]
fn a_close_that_waits_for_proofs_ends_when_told_to_and_survives_the_restart() {
    let mut vault = TestVault::new();
    let (incident, _) = vault.opened();
    vault.sql("UPDATE unlocker SET at_ms = at_ms - 101 * 86400000");
    vault.close(&incident).unwrap();
    vault.wait_for_entry("rotate.waits_for_proofs");
    // No proof comes: the end does not wait for one.
    vault.block(vault.app().shut_down());
    assert_eq!(vault.rotation().state, State::Verified);
    let left = vault.incident(&incident.id);
    assert!(
        matches!(&left.phase, Phase::Closing(c) if c.memory_lost && c.rotate.is_none()),
        "{:?}",
        left.phase
    );
    assert_eq!(vault.count("incident.memory_lost"), 1);
    assert!(vault.alerts_queued("incident.memory_lost") == 1);
    vault.restart();
    let asked = vault.incident(&incident.id);
    assert!(
        matches!(&asked.phase, Phase::Closing(c) if c.rotate.is_some()),
        "{:?}",
        asked.phase
    );
    bring_home(&vault, &incident);
    all_is_well(&vault);
}

#[test]
fn a_close_that_waits_for_room_ends_when_told_to() {
    let mut vault = TestVault::new();
    let (incident, _) = vault.opened();
    for _ in 0..3 {
        vault.foreign_secret(60);
    }
    vault.close(&incident).unwrap();
    vault.wait_for_entry("rotate.no_room");
    vault.block(vault.app().shut_down());
    vault.restart();
    vault.pass_ms(61_000);
    bring_home(&vault, &incident);
    all_is_well(&vault);
}

#[test]
fn an_end_while_the_session_is_being_opened_closes_it_again() {
    let vault = TestVault::new();
    let (incident, _) = vault.open();
    vault.deliver();
    vault.knobs(|knobs| knobs.first_byte_delay_ms = 3_000);
    vault.approve_by_three(&incident.id);
    vault.wait_for(&incident.id, |i| matches!(i.phase, Phase::Opening { .. }));
    // The call that is under way keeps its delay; the way back need not be slow.
    vault.knobs(|knobs| knobs.first_byte_delay_ms = 0);
    vault.block(vault.app().shut_down());
    assert!(matches!(
        vault.incident(&incident.id).phase,
        Phase::InReview(_)
    ));
    all_is_well(&vault);
}

#[test]
fn nothing_is_unsealed_any_more_once_the_end_has_begun() {
    let vault = TestVault::new();
    let (incident, _) = vault.open();
    vault.deliver();
    vault.block(vault.app().shut_down());
    let error = vault.approve(&vault.people.ada, &incident.id).unwrap_err();
    assert_eq!(error.code(), "sealed", "what shares are for is wiped");
    vault.tick();
    vault.settle();
    assert_eq!(vault.count("unseal.begin"), 0);
    vault.verify_log();
}
