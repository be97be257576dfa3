//! Databricks away, in disguise, or behind a list that does not hold the vault.

use std::time::Duration;

use breakglass::domain::incident::Phase;
use breakglass::domain::rotation::State;

use crate::restart::{all_is_well, bring_home};
use crate::support::{TestVault, rotation_opening};

#[test]
fn a_rotation_during_ten_minutes_without_databricks_only_takes_longer() {
    let vault = TestVault::new();
    let (incident, _) = vault.opened();
    vault.knobs(|knobs| knobs.unavailable_next = u32::MAX);
    vault.close(&incident).unwrap();
    for _ in 0..10 {
        vault.pass_ms(60_000);
        vault.tick();
        let now = vault.incident(&incident.id);
        assert!(matches!(now.phase, Phase::Closing(_)), "not safe yet");
    }
    vault.allow_all();
    vault.settle();
    assert!(matches!(
        vault.incident(&incident.id).phase,
        Phase::InReview(_)
    ));
    assert_eq!(vault.rotation().state, State::Done);
    all_is_well(&vault);
}

#[test]
fn a_sign_in_page_or_an_ip_list_in_place_of_an_answer_is_said_in_one_sentence() {
    for (disguise, sentence) in [
        ("login", "answers with its sign-in page instead of the API"),
        ("private", "answers on its private link only"),
        ("ip", "does not hold the address of this vault"),
    ] {
        let vault = TestVault::new();
        let (incident, _) = vault.open();
        vault.deliver();
        vault.knobs(|knobs| knobs.disguise = disguise.to_owned());
        vault.approve_by_three(&incident.id);
        vault.wait_for(&incident.id, |i| {
            matches!(i.phase, Phase::Opening { unsealed: true, .. })
        });
        // No answer comes within the quarter of an hour that Opening may take.
        for _ in 0..3_000 {
            if vault.count("unseal.failed") > 0 {
                break;
            }
            vault.pass_ms(60_000);
            vault.block(async { tokio::time::sleep(Duration::from_millis(5)).await });
        }
        vault.settle();
        let why = vault.last_entry("unseal.failed").unwrap();
        let why = why.text("why").unwrap().to_owned();
        assert!(why.contains(sentence), "{disguise}: {why}");
        assert_eq!(vault.alerts_queued("unseal.failed"), 1);
        vault.knobs(|knobs| knobs.disguise = String::new());
        bring_home(&vault, &incident);
        all_is_well(&vault);
    }
}

#[test]
fn of_two_incidents_that_collect_at_once_one_opens_and_the_other_is_asked_again() {
    let vault = TestVault::new();
    let (first, _) = vault.open();
    let otto = &vault.people.otto;
    let deed = breakglass::domain::act::Deed::Open(Box::new(rotation_opening()));
    let signed = otto.sign(&vault, deed);
    let caller = otto.caller(&vault);
    let second = vault.block(vault.app().open(&signed, &caller)).unwrap();
    vault.deliver();
    for person in [&vault.people.ada, &vault.people.ben] {
        vault.approve(person, &first.id).unwrap();
        vault.approve(person, &second.id).unwrap();
    }
    vault.approve(&vault.people.cleo, &first.id).unwrap();
    vault.wait_for(&first.id, |i| matches!(i.phase, Phase::Open(_)));
    assert_eq!(vault.incident(&second.id).approvals().len(), 2);
    vault.close(&vault.incident(&first.id)).unwrap();
    vault.settle();
    let again = vault.incident(&second.id);
    assert_eq!((again.terms.epoch, again.approvals().len()), (2, 0));
    all_is_well(&vault);
}
