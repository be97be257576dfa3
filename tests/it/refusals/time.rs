//! What time ends.

use breakglass::domain::incident::{CloseCause, Phase};

use super::refused;
use crate::restart::all_is_well;
use crate::support::TestVault;

#[test]
fn an_incident_lapses_after_thirty_minutes() {
    let vault = TestVault::new();
    let (incident, _) = vault.open();
    vault.deliver();
    vault.approve(&vault.people.ada, &incident.id).unwrap();
    vault.pass_ms(30 * 60_000);
    // At use, before any timer.
    refused(&vault, "lapsed", || {
        vault.approve(&vault.people.ben, &incident.id)
    });
    vault.tick();
    assert!(matches!(
        vault.incident(&incident.id).phase,
        Phase::Lapsed { .. }
    ));
    refused(&vault, "lapsed", || {
        vault.approve(&vault.people.ben, &incident.id)
    });
    assert!(vault.alerts_queued("incident.lapsed") > 0);
    assert!(
        vault
            .block(vault.store().envelopes(&incident.id))
            .unwrap()
            .is_empty()
    );
    vault.verify_log();
}

fn ended_by_deadline(vault: &TestVault, id: &breakglass::domain::ids::IncidentId) {
    vault.tick();
    vault.settle();
    let closed = vault.last_entry("session.close").unwrap();
    assert_eq!(closed.text("why"), Some("deadline"));
    assert_eq!(CloseCause::Deadline.words(), "its time was up");
    assert!(matches!(vault.incident(id).phase, Phase::InReview(_)));
    all_is_well(vault);
}

#[test]
fn a_session_ends_at_its_deadline_by_the_wall_clock() {
    let vault = TestVault::new();
    let (incident, claim_key) = vault.opened();
    let token = vault.claim(&incident, &claim_key).unwrap().token;
    vault.clock.set_wall(vault.now().plus_ms(30 * 60_000));
    // At use, before any timer.
    assert!(!vault.token_opens(&token));
    refused(&vault, "session_ended", || {
        vault.claim(&incident, &claim_key)
    });
    ended_by_deadline(&vault, &incident.id);
}

#[test]
fn a_session_ends_at_its_deadline_by_the_boot_clock_though_the_wall_clock_was_set_back() {
    let vault = TestVault::new();
    let (incident, claim_key) = vault.opened();
    let token = vault.claim(&incident, &claim_key).unwrap().token;
    let before = vault.now();
    vault.clock.pass_ms(30 * 60_000);
    vault.clock.set_wall(before.plus_ms(-60_000));
    assert!(!vault.token_opens(&token));
    refused(&vault, "session_ended", || {
        vault.claim(&incident, &claim_key)
    });
    ended_by_deadline(&vault, &incident.id);
    assert!(vault.count("clock.jump") > 0);
}
