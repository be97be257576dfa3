//! An operator brings a fresh secret to the host: what she has seen is dead at the end, and so is
//! what was sealed before.

use breakglass::alerts::Message;
use breakglass::app::AppError;
use breakglass::domain::incident::Phase;
use breakglass::domain::manifest::Kind;
use breakglass::domain::roster::Role;
use breakglass::domain::rotation::{Cause, Proof, State};

use crate::restart::{SAGA, all_is_well, bring_home, the_next_incident_works};
use crate::support::{Plan, TestVault};

/// A vault whose process is not `serve`, and a fresh secret: id and value.
fn ready() -> (TestVault, String, String) {
    let mut vault = TestVault::new();
    prove_by_three(&vault);
    let (id, value) = vault.fresh_secret();
    vault.kill();
    vault.start_for_init();
    (vault, id, value)
}

fn prove_by_three(vault: &TestVault) {
    for person in &vault.people.custodians()[..3] {
        let proof = person.proof(vault);
        let caller = person.caller(vault);
        vault.block(vault.app().prove(&proof, &caller)).unwrap();
    }
}

#[test]
fn a_fresh_secret_is_replaced_at_once_and_what_was_sealed_dies_with_it() {
    let (mut vault, fresh, value) = ready();
    let before = vault.current_epoch();
    assert_eq!(vault.supply(&value, None).unwrap(), 2);
    assert!(!vault.secret_mints(&fresh), "what the operator has seen");
    assert!(!vault.secret_mints(&before.secret_id), "what was sealed");
    let saga = vault.rotation();
    assert_eq!(
        (saga.cause, saga.proof),
        (Cause::Supplied, Some(Proof::ListAndRefused))
    );
    let former = vault.block(vault.store().epoch(Kind::Live, 1)).unwrap();
    assert!(former.unwrap().sealed_credential.is_none());
    assert_eq!(vault.count("credential.supplied"), 1);
    assert_eq!(vault.count("epoch.secret_deleted"), 1);
    assert!(vault.count("secret.post") > 2, "it was measured");
    // Nobody's shares were asked for: everyone hears of it.
    vault.deliver();
    let told = vault.mail.messages();
    // That of `init`, which few heard, is delivered now as well, in whatever order.
    let begun = |m: &&Message| m.kind == "rotate.begun" && m.body.contains("fresh secret");
    let alarm = told.iter().find(begun).unwrap();
    for person in vault.people.everybody() {
        let address = person.entry().contacts.mail;
        assert!(alarm.to.contains(&address), "{address}");
    }
    all_is_well(&vault);
    // The new shares open the next incident.
    vault.restart();
    the_next_incident_works(&vault);
}

#[test]
fn a_vault_whose_secret_somebody_deleted_works_again() {
    let (mut vault, _, value) = ready();
    vault.delete_secret(&vault.current_epoch().secret_id);
    vault.supply(&value, None).unwrap();
    all_is_well(&vault);
    vault.restart();
    let (incident, _) = vault.opened();
    assert!(matches!(vault.incident(&incident.id).phase, Phase::Open(_)));
}

#[test]
fn an_incident_that_holds_the_vault_comes_first() {
    for close in [false, true] {
        let mut vault = TestVault::new();
        let (incident, _) = vault.opened();
        if close {
            vault.break_at("rotate.begun");
            drop(vault.close(&incident));
            vault.wait_for_log_loss();
        }
        let (fresh, value) = vault.fresh_secret();
        vault.kill();
        vault.mend();
        vault.start_for_init();
        let error = vault.supply(&value, None).unwrap_err();
        assert_eq!(error.code(), "busy");
        assert!(vault.secret_mints(&fresh), "nothing was done");
        vault.delete_secret(&fresh);
        vault.restart();
        bring_home(&vault, &incident);
        all_is_well(&vault);
    }
}

#[test]
fn without_enough_proofs_nothing_is_made() {
    let mut vault = TestVault::new();
    vault.sql("DELETE FROM unlocker");
    let (fresh, value) = vault.fresh_secret();
    let before = vault.live_secrets();
    vault.kill();
    vault.start_for_init();
    let error = vault.supply(&value, None).unwrap_err();
    assert!(error.to_string().contains("breakglass prove"), "{error}");
    assert_eq!(vault.live_secrets(), before);
    assert!(vault.secret_mints(&fresh));
}

#[test]
fn the_one_given_must_be_told_from_others_and_a_dead_one_changes_nothing() {
    let (vault, fresh, value) = ready();
    let (other, _) = vault.fresh_secret();
    let error = vault.supply(&value, None).unwrap_err();
    assert!(error.to_string().contains("--secret-id"), "{error}");
    let error = vault.supply("dose-unknown", Some(&fresh)).unwrap_err();
    assert!(
        matches!(&error, AppError::Databricks(why) if why.is_invalid_client()),
        "{error}"
    );
    assert_eq!(vault.live_secrets().len(), 3);
    vault.supply(&value, Some(&fresh)).unwrap();
    let current = vault.current_epoch().secret_id;
    let mut left = vault.live_secrets();
    left.sort();
    let mut wanted = vec![other.clone(), current];
    wanted.sort();
    assert_eq!(left, wanted, "somebody else's is never deleted");
    let foreign = vault.last_entry("rotate.foreign").unwrap();
    assert!(foreign.members["ids"].to_string().contains(&other));
}

#[test]
fn a_delete_that_failed_or_a_create_that_happened_unseen_leaves_nothing_behind() {
    for fault in 0..3 {
        let (vault, fresh, value) = ready();
        match fault {
            0 => {
                vault.refuse_deletes();
                vault.knobs(|knobs| knobs.unavailable_next = 4);
            }
            1 => vault.knobs(|knobs| knobs.lost_reply_on_create = 1),
            _ => vault.knobs(|knobs| knobs.error_after_apply_on_create = 2),
        }
        vault.supply(&value, None).unwrap();
        assert!(!vault.secret_mints(&fresh));
        all_is_well(&vault);
    }
}

#[test]
fn a_crash_before_any_entry_is_mended_by_running_it_again_or_by_custodians() {
    for kind in ["credential.supplied"].into_iter().chain(SAGA) {
        let (mut vault, fresh, value) = ready();
        let before = vault.current_epoch().secret_id;
        vault.break_at(kind);
        vault.supply(&value, None).unwrap_err();
        vault.kill();
        vault.mend();
        vault.start_for_init();
        if ["rotate.deleted", "rotate.done"].contains(&kind) {
            // What was brought is dead already: only the new shares open what is left.
            vault.supply(&value, None).unwrap_err();
            vault.restart();
            vault.deliver();
            vault.tick();
            let asked = vault.incidents().remove(0);
            bring_home_rotation(&vault, &asked.id);
        } else {
            vault.supply(&value, None).unwrap();
        }
        assert!(!vault.secret_mints(&fresh), "{kind}");
        assert!(!vault.secret_mints(&before), "{kind}");
        all_is_well(&vault);
    }
}

fn bring_home_rotation(vault: &TestVault, id: &breakglass::domain::ids::IncidentId) {
    vault.deliver();
    vault.approve_by_three(id);
    vault.settle();
    let now = vault.incident(id);
    assert!(
        matches!(now.phase, Phase::Reviewed { .. }),
        "{:?}",
        now.phase
    );
    assert_eq!(vault.rotation().state, State::Done);
}

#[test]
fn a_try_that_was_left_unfinished_does_not_hinder_the_next_close() {
    for kind in ["rotate.create_sent", "rotate.sealed", "rotate.verified"] {
        let (mut vault, fresh, value) = ready();
        let before = vault.current_epoch().secret_id;
        vault.break_at(kind);
        vault.supply(&value, None).unwrap_err();
        vault.kill();
        vault.mend();
        vault.start();
        let (incident, _) = vault.opened();
        drop(vault.close(&incident).unwrap());
        vault.settle();
        let now = vault.incident(&incident.id);
        assert!(matches!(now.phase, Phase::InReview(_)), "{kind}");
        assert!(!vault.secret_mints(&before), "{kind}");
        // Nobody came back for it: it is told of, and people delete it.
        assert!(vault.secret_mints(&fresh), "{kind}");
        assert!(vault.count("rotate.foreign") + vault.count("secret.foreign") > 0);
        vault.verify_log();
    }
}

#[test]
fn a_database_older_than_the_last_epoch_gets_a_number_that_was_never_given() {
    let (mut vault, _, value) = ready();
    vault.kill();
    vault.start();
    vault.sql("INSERT INTO fact (name, value) VALUES ('dealt_later_epoch', '6')");
    vault.restart();
    assert_eq!(vault.app().dealt_later(), Some(6));
    vault.kill();
    vault.start_for_init();
    assert_eq!(vault.supply(&value, None).unwrap(), 7);
    vault.restart();
    assert_eq!(vault.app().dealt_later(), None);
    the_next_incident_works(&vault);
}

#[test]
fn a_roster_without_its_custodian_is_dealt_to_by_the_fresh_secret_as_well() {
    let plan = Plan {
        roster: Box::new(|roster| {
            let last = roster.people.iter().position(|p| p.name == "emil").unwrap();
            roster.people[last].roles.retain(|r| *r != Role::Custodian);
            roster.people[last].roles.push(Role::Operator);
            roster.n = 4;
        }),
        ..Plan::default()
    };
    let mut vault = TestVault::planned(plan);
    prove_by_three(&vault);
    let (_, value) = vault.fresh_secret();
    vault.kill();
    vault.start_for_init();
    vault.supply(&value, None).unwrap();
    assert_eq!(vault.current_epoch().manifest.n, 4);
}
