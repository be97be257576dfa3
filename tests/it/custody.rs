//! Custody between incidents: enrolment, proofs, and what an epoch needs to be ready.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use breakglass::api::{TestEnvelopeOpened, TestEnvelopeRequest};
use breakglass::domain::incident::Phase;
use breakglass::domain::manifest::Kind;
use breakglass::domain::rotation::State;
use breakglass::sealed::share::open_test;

use crate::changes::{as_roster, propose, roster};
use crate::restart::all_is_well;
use crate::support::{Person, TestVault};

fn prove(vault: &TestVault, person: &Person) {
    let proof = person.proof(vault);
    vault
        .block(vault.app().prove(&proof, &person.caller(vault)))
        .unwrap();
}

#[test]
fn enrolment_opens_a_test_envelope_with_each_unlocker_once() {
    let vault = TestVault::new();
    for person in [&vault.people.ada, &vault.people.emil] {
        let caller = person.caller(&vault);
        let request = TestEnvelopeRequest {
            unlocker: person.unlocker(),
        };
        let test = vault
            .block(vault.app().test_envelope(&caller, &request))
            .unwrap();
        let inside = open_test(&BASE64.decode(test.envelope).unwrap(), person.opener()).unwrap();
        let opened = TestEnvelopeOpened {
            id: test.id,
            opened: hex::encode(inside),
        };
        let post = || vault.block(vault.app().test_opened(&caller, &opened));
        post().unwrap();
        let entry = vault.last_entry("custody.unlocker_opened").unwrap();
        assert_eq!(entry.text("unlocker"), Some(person.unlocker().as_str()));
        assert_eq!(post().unwrap_err().code(), "login_needed", "once");
        let wrong = TestEnvelopeOpened {
            opened: hex::encode([0; 32]),
            ..opened.clone()
        };
        let error = vault
            .block(vault.app().test_opened(&caller, &wrong))
            .unwrap_err();
        assert_eq!(error.code(), "not_allowed");
    }
    let ada = vault.people.ada.caller(&vault);
    let bens = TestEnvelopeRequest {
        unlocker: vault.people.ben.unlocker(),
    };
    let error = vault
        .block(vault.app().test_envelope(&ada, &bens))
        .unwrap_err();
    assert_eq!(error.code(), "not_allowed");
}

#[test]
fn former_shares_go_when_the_new_epoch_is_ready_and_not_before() {
    let vault = TestVault::new();
    let (incident, _) = vault.opened();
    vault.close(&incident).unwrap();
    vault.settle();
    let former = |index| {
        vault
            .block(vault.store().share(Kind::Live, 1, index))
            .unwrap()
    };
    let custodians = vault.people.custodians();
    for person in &custodians[..4] {
        prove(&vault, person);
        assert!(former(1).is_some());
    }
    prove(&vault, custodians[4]);
    assert_eq!(vault.count("custody.epoch_ready"), 1);
    for index in 1..=5 {
        assert!(former(index).is_none());
    }
    vault.verify_log();
}

#[test]
fn a_close_waits_for_proofs_when_too_few_unlockers_were_proved_lately() {
    let vault = TestVault::new();
    let (incident, _) = vault.opened();
    // As if the approvals of this incident had been given a hundred days ago.
    vault.sql("UPDATE unlocker SET at_ms = at_ms - 101 * 86400000");
    vault.close(&incident).unwrap();
    vault.wait_for_entry("rotate.waits_for_proofs");
    vault.wait_for_rotation(State::Verified);
    assert_eq!(vault.alerts_queued("rotate.acked"), 1);
    assert!(
        matches!(vault.incident(&incident.id).phase, Phase::Closing(_)),
        "not safe yet"
    );
    for person in &vault.people.custodians()[..3] {
        prove(&vault, person);
    }
    vault.settle();
    assert!(matches!(
        vault.incident(&incident.id).phase,
        Phase::InReview(_)
    ));
    all_is_well(&vault);
}

#[test]
fn a_share_of_somebody_who_was_locked_out_does_not_count_for_the_switch() {
    let vault = TestVault::new();
    let (incident, _) = vault.opened();
    // The three who approved have proved lately, nobody else has.
    vault.sql(
        "UPDATE unlocker SET at_ms = at_ms - 101 * 86400000 \
         WHERE person NOT IN ('ada', 'ben', 'cleo')",
    );
    let people = &vault.people;
    let without = roster(&vault, |r| r.people.retain(|p| p.name != "ada"));
    propose(&vault, &people.otto, &without, as_roster).unwrap();
    assert_eq!(vault.count("roster.locked_out"), 1);
    vault.close(&incident).unwrap();
    vault.wait_for_entry("rotate.waits_for_proofs");
    let phase = vault.incident(&incident.id).phase;
    assert!(matches!(phase, Phase::Closing(_)), "{phase:?}");
    prove(&vault, &people.dora);
    vault.settle();
    let acked = vault.last_entry("rotate.acked").unwrap();
    assert_eq!(acked.members["indexes"], serde_json::json!([2, 3, 4]));
    all_is_well(&vault);
}
