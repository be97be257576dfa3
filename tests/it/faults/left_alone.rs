//! A database that cannot be read for a moment, while a session ends: nothing is left lying.

use std::net::IpAddr;

use breakglass::app::permit::SessionLookup;
use breakglass::domain::incident::{Incident, Phase};

use crate::restart::all_is_well;
use crate::support::TestVault;

/// From now on nobody can read this table.
fn hide(vault: &TestVault, table: &str) {
    vault.sql(&format!("ALTER TABLE {table} RENAME TO {table}_away"));
}

fn show(vault: &TestVault, table: &str) {
    vault.sql(&format!("ALTER TABLE {table}_away RENAME TO {table}"));
}

fn is_home(incident: &Incident) -> bool {
    matches!(incident.phase, Phase::InReview(_))
}

#[test]
fn a_way_back_that_met_an_unreadable_store_goes_on_by_itself_without_custodians() {
    let vault = TestVault::new();
    let (incident, _) = vault.opened();
    hide(&vault, "rotation");
    vault.close(&incident).unwrap();
    vault.settle();
    let Phase::Closing(closing) = vault.incident(&incident.id).phase else {
        panic!("it could not be done yet");
    };
    assert!(!closing.memory_lost, "what is in memory is still of use");
    show(&vault, "rotation");
    vault.tick();
    vault.settle();
    assert!(!is_home(&vault.incident(&incident.id)), "it rests a little");
    vault.pass_ms(5_000);
    vault.tick();
    vault.wait_for(&incident.id, is_home);
    vault.settle();
    assert_eq!(vault.count("incident.asked_again"), 0);
    all_is_well(&vault);
}

#[test]
fn a_session_that_was_cut_and_could_not_be_closed_is_closed_before_its_deadline() {
    let vault = TestVault::new();
    let (incident, key) = vault.opened();
    let token = vault.claim(&incident, &key).unwrap().token;
    let peer = IpAddr::from([192, 0, 2, 7]);
    let found = vault.block(vault.app().session_for(token.as_bytes(), peer));
    let SessionLookup::Open(session) = found else {
        panic!("the session is open");
    };
    hide(&vault, "incident");
    vault.block(async { vault.app().token_seen(&session) });
    vault.settle();
    show(&vault, "incident");
    assert!(matches!(vault.incident(&incident.id).phase, Phase::Open(_)));
    assert!(!vault.token_opens(&token));
    vault.tick();
    assert!(
        matches!(vault.incident(&incident.id).phase, Phase::Open(_)),
        "whoever cut it may be writing that down"
    );
    vault.tick();
    vault.wait_for(&incident.id, is_home);
    vault.settle();
    let closed = vault.last_entry("session.close").unwrap();
    assert_eq!(closed.text("why"), Some("token_seen"));
    all_is_well(&vault);
}
