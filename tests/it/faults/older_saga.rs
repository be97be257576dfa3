//! A saga whose row is older than its switch: what custodians open is then what it made itself, and
//! it must not take it for a successor that nobody verified, nor for an orphan.

use breakglass::domain::act::Deed;
use breakglass::domain::incident::{Incident, Phase};
use breakglass::domain::rotation::State;

use crate::restart::the_next_incident_works;
use crate::support::{TestVault, rotation_opening};

/// A vault after one session, whose last saga stands at `state` again as in an older database.
fn with_its_saga_at(state: &str) -> TestVault {
    let mut vault = TestVault::new();
    the_next_incident_works(&vault);
    vault.kill();
    vault.sql(&format!(
        "UPDATE rotation SET doc = replace(doc, '\"state\":\"done\"', '\"state\":\"{state}\"') \
         WHERE number = (SELECT max(number) FROM rotation)"
    ));
    vault.start();
    vault.settle();
    vault
}

/// One secret lives, its epoch is current, and no saga is under way. The log of these tests is not
/// asked: it has the end that the row has lost.
fn one_secret_lives(vault: &TestVault) {
    assert_eq!(vault.live_secrets(), [vault.current_epoch().secret_id]);
    assert_eq!(vault.rotation().state, State::Done);
}

fn rotate(vault: &TestVault) -> Incident {
    let otto = &vault.people.otto;
    let signed = otto.sign(vault, Deed::Open(Box::new(rotation_opening())));
    let caller = otto.caller(vault);
    let asked = vault.block(vault.app().open(&signed, &caller)).unwrap();
    vault.deliver();
    vault.approve_by_three(&asked.id);
    vault.settle();
    vault.incident(&asked.id)
}

#[test]
fn a_saga_that_stands_before_its_switch_goes_on_with_the_secret_that_was_opened() {
    for state in ["sealed", "verified", "acked"] {
        let vault = with_its_saga_at(state);
        let opened = vault.current_epoch();
        let discarded = vault.count("rotate.discarded");
        let over = rotate(&vault);
        assert!(
            matches!(over.phase, Phase::Reviewed { .. }),
            "{state}: {:?}",
            over.phase
        );
        assert_eq!(vault.count("rotate.discarded"), discarded, "{state}");
        let now = vault.current_epoch();
        assert_eq!(now.manifest.epoch, opened.manifest.epoch + 1, "{state}");
        one_secret_lives(&vault);
    }
}

#[test]
fn a_saga_that_stands_at_its_create_does_not_take_the_opened_secret_for_an_orphan() {
    for state in ["create_sent", "reconcile"] {
        let vault = with_its_saga_at(state);
        let over = rotate(&vault);
        assert!(
            matches!(over.phase, Phase::Reviewed { .. }),
            "{state}: {:?}",
            over.phase
        );
        let reconciled = vault.last_entry("rotate.reconciled").unwrap();
        assert_eq!(reconciled.members["orphans"], serde_json::json!([]));
        one_secret_lives(&vault);
    }
}

#[test]
fn a_saga_that_was_about_to_discard_it_deletes_nothing_and_asks_again() {
    let vault = with_its_saga_at("discard");
    let opened = vault.current_epoch();
    let over = rotate(&vault);
    assert!(
        matches!(&over.phase, Phase::Closing(closing) if closing.memory_lost),
        "{:?}",
        over.phase
    );
    assert_eq!(vault.live_secrets(), [opened.secret_id]);
    assert_eq!(vault.count("rotate.discarded"), 0);
}
