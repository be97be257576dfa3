//! What may happen between quorum and an open session, and how a session is cut.

use breakglass::domain::incident::{CloseCause, Phase};

use crate::restart::{all_is_well, bring_home};
use crate::support::TestVault;

#[test]
fn a_stop_while_the_session_is_being_opened_leads_to_the_way_back() {
    let vault = TestVault::new();
    let (incident, _) = vault.open();
    vault.deliver();
    vault.knobs(|knobs| knobs.first_byte_delay_ms = 3_000);
    vault.approve_by_three(&incident.id);
    vault.wait_for(&incident.id, |i| {
        matches!(i.phase, Phase::Opening { unsealed: true, .. })
    });
    vault.stop(&vault.people.sam, &incident).unwrap();
    vault.knobs(|knobs| knobs.first_byte_delay_ms = 0);
    vault.settle();
    assert_eq!(vault.count("session.open"), 0);
    assert!(matches!(
        vault.incident(&incident.id).phase,
        Phase::InReview(_)
    ));
    all_is_well(&vault);
}

#[test]
fn databricks_away_for_a_quarter_of_an_hour_ends_the_opening_with_new_terms() {
    let vault = TestVault::new();
    let (incident, _) = vault.open();
    vault.deliver();
    vault.knobs(|knobs| knobs.unavailable_next = u32::MAX);
    vault.approve_by_three(&incident.id);
    vault.wait_for(&incident.id, |i| {
        matches!(i.phase, Phase::Opening { unsealed: true, .. })
    });
    vault.clock.pass_ms(14 * 60_000);
    vault.tick();
    assert!(matches!(
        vault.incident(&incident.id).phase,
        Phase::Opening { .. }
    ));
    vault.clock.pass_ms(60_000);
    vault.settle();
    let again = vault.incident(&incident.id);
    assert!(
        matches!(again.phase, Phase::Collecting(_)),
        "{:?}",
        again.phase
    );
    assert!(again.rotation_owed && again.terms_sha256 != incident.terms_sha256);
    assert!(vault.alerts_queued("unseal.failed") == 1);
    vault.allow_all();
    // Fifteen minutes passed there as well.
    vault.knobs(|knobs| knobs.clock_offset_ms = 15 * 60_000);
    bring_home(&vault, &incident);
    all_is_well(&vault);
}

#[test]
fn a_token_seen_in_a_reply_ends_the_session_and_rotates() {
    let vault = TestVault::new();
    let (incident, claim_key) = vault.opened();
    let token = vault.claim(&incident, &claim_key).unwrap().token;
    vault
        .block(vault.app().cut(&incident.id, CloseCause::TokenSeen))
        .unwrap();
    assert!(!vault.token_opens(&token));
    // A second one, from another call of the same moment, changes nothing.
    vault
        .block(vault.app().cut(&incident.id, CloseCause::TokenSeen))
        .unwrap();
    vault.settle();
    assert_eq!(
        vault.last_entry("session.close").unwrap().text("why"),
        Some("token_seen")
    );
    all_is_well(&vault);
}

#[test]
fn a_log_that_cannot_be_written_cuts_the_session_and_the_restart_finds_a_rotation_owed() {
    let mut vault = TestVault::new();
    let (incident, claim_key) = vault.opened();
    let token = vault.claim(&incident, &claim_key).unwrap().token;
    vault.break_at("log.tick");
    assert_eq!(
        vault.block(vault.app().beat()).unwrap_err().code(),
        "log_lost"
    );
    vault.wait_for_log_loss();
    assert!(!vault.token_opens(&token));
    assert_eq!(
        vault.try_login(&vault.people.rio).unwrap_err().code(),
        "log_lost"
    );
    vault.kill();
    vault.mend();
    vault.start();
    let now = vault.incident(&incident.id);
    assert!(
        matches!(&now.phase, Phase::Closing(c) if c.memory_lost),
        "{:?}",
        now.phase
    );
    bring_home(&vault, &incident);
    all_is_well(&vault);
}

#[test]
fn two_closes_and_a_stop_at_once_end_the_session_once() {
    let vault = TestVault::new();
    let (incident, _) = vault.opened();
    vault.close(&incident).unwrap();
    let error = vault.stop(&vault.people.vera, &incident).unwrap_err();
    assert_eq!(error.code(), "session_ended");
    vault
        .block(vault.app().cut(&incident.id, CloseCause::Deadline))
        .unwrap();
    vault.settle();
    assert_eq!(vault.count("session.close"), 1);
    all_is_well(&vault);
}
