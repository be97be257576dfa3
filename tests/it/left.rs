//! The responder leaves while her incident runs: on one operator's word, or by the roster.

use breakglass::domain::incident::Phase;
use breakglass::domain::roster::{Role, Roster};

use crate::changes::{as_roster, propose, roster, sign};
use crate::restart::all_is_well;
use crate::support::{Person, TestVault};

/// The next roster: rio goes, gus comes in her place.
fn without_rio(vault: &TestVault) -> Roster {
    let gus = Person::new("gus", &[Role::Responder]);
    roster(vault, |r| {
        r.people.retain(|p| p.name != "rio");
        r.people.push(gus.entry());
    })
}

#[test]
fn one_operators_word_ends_the_leavers_open_session_at_once_and_rotates() {
    let vault = TestVault::new();
    let (incident, claim_key) = vault.opened();
    let token = vault.claim(&incident, &claim_key).unwrap().token;
    assert!(vault.token_opens(&token));
    let without = without_rio(&vault);
    let view = propose(&vault, &vault.people.otto, &without, as_roster).unwrap();
    assert!(!view.in_force, "the roster still waits for signatures");
    assert!(!vault.token_opens(&token), "the session does not");
    vault.settle();
    let closed = vault.last_entry("session.close").unwrap();
    assert_eq!(closed.text("why"), Some("responder_left"));
    let now = vault.incident(&incident.id);
    assert!(matches!(now.phase, Phase::InReview(_)), "{:?}", now.phase);
    all_is_well(&vault);
}

#[test]
fn a_roster_without_the_responder_ends_her_session_when_it_comes_into_force() {
    let vault = TestVault::new();
    let (incident, claim_key) = vault.opened();
    let token = vault.claim(&incident, &claim_key).unwrap().token;
    let people = &vault.people;
    let without = without_rio(&vault);
    let sha256 = without.sha256().unwrap();
    // A custodian's proposal locks nobody out: nothing happens before it is in force.
    propose(&vault, &people.ada, &without, as_roster).unwrap();
    assert!(vault.token_opens(&token));
    let mut in_force = false;
    for person in [&people.ben, &people.cleo, &people.dora] {
        in_force = in_force || sign(&vault, person, as_roster(sha256)).unwrap().in_force;
    }
    assert!(in_force && !vault.token_opens(&token));
    vault.settle();
    let closed = vault.last_entry("session.close").unwrap();
    assert_eq!(closed.text("why"), Some("responder_left"));
    all_is_well(&vault);
}

#[test]
fn shares_given_to_somebody_who_was_locked_out_open_nothing() {
    let vault = TestVault::new();
    let (incident, _) = vault.open();
    vault.deliver();
    let without = without_rio(&vault);
    propose(&vault, &vault.people.otto, &without, as_roster).unwrap();
    let now = vault.incident(&incident.id);
    assert!(matches!(now.phase, Phase::Lapsed { .. }), "{:?}", now.phase);
    let lapsed = vault.last_entry("incident.lapsed").unwrap();
    assert_eq!(lapsed.text("why"), Some("responder_left"));
    for person in [&vault.people.ada, &vault.people.ben, &vault.people.cleo] {
        // Whether the rules still take a share or not: nothing is unsealed.
        drop(vault.approve(person, &incident.id));
    }
    vault.tick();
    vault.settle();
    assert_eq!(vault.count("unseal.begin"), 0);
    // Nor is anybody asked again for what can never open.
    assert_eq!(vault.count("incident.asked_again"), 0);
    let now = vault.incident(&incident.id);
    assert!(matches!(now.phase, Phase::Lapsed { .. }), "{:?}", now.phase);
    all_is_well(&vault);
}

#[test]
fn a_roster_without_the_responder_ends_what_she_still_asks_for() {
    let vault = TestVault::new();
    let (incident, _) = vault.open();
    vault.deliver();
    let people = &vault.people;
    let without = without_rio(&vault);
    let sha256 = without.sha256().unwrap();
    propose(&vault, &people.ada, &without, as_roster).unwrap();
    for person in [&people.ben, &people.cleo] {
        sign(&vault, person, as_roster(sha256)).unwrap();
    }
    let now = vault.incident(&incident.id);
    assert!(matches!(now.phase, Phase::Lapsed { .. }), "{:?}", now.phase);
    vault.deliver();
    let told = vault.mail.messages();
    let lapsed = told.iter().find(|m| m.kind == "incident.lapsed").unwrap();
    assert!(lapsed.body.contains("left the roster"), "{}", lapsed.body);
    all_is_well(&vault);
}

#[test]
fn a_row_that_cannot_be_read_keeps_neither_the_leavers_calls_nor_the_operators_act_nor_the_tick() {
    let vault = TestVault::new();
    let (incident, claim_key) = vault.opened();
    let token = vault.claim(&incident, &claim_key).unwrap().token;
    assert!(vault.token_opens(&token));
    // Terms that are not those their hash names: no step of this incident is decided any more.
    vault.sql("UPDATE incident SET doc = json_set(doc, '$.terms.reason', 'another')");
    let without = without_rio(&vault);
    let view = propose(&vault, &vault.people.otto, &without, as_roster);
    assert_eq!(
        view.map(|v| v.in_force).map_err(|e| e.to_string()),
        Ok(false)
    );
    assert!(!vault.token_opens(&token), "her calls are cut all the same");
    assert_eq!(vault.count("roster.locked_out"), 1);
    // `roster` comes into force by others, and the tick goes on for everybody else.
    let sha256 = without.sha256().unwrap();
    let mut in_force = false;
    for person in [&vault.people.ada, &vault.people.ben, &vault.people.cleo] {
        in_force = in_force || sign(&vault, person, as_roster(sha256)).unwrap().in_force;
    }
    assert!(in_force);
    vault.block(vault.app().tick()).unwrap();
}
