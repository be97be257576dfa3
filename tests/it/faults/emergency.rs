//! The main log is lost with the credential in memory: the session secret is deleted and the
//! credential rotated on the emergency log, and the next start makes the rows of it.

use std::fs;

use breakglass::audit::entry::Entry;
use breakglass::audit::verify::RuleCheck;
use breakglass::domain::incident::{Incident, Phase};
use breakglass::domain::rotation::State;

use crate::restart::{all_is_well, bring_home, the_next_incident_works, way_back};
use crate::support::TestVault;

/// Every entry passes the offline rules.
pub(super) fn rules_hold(vault: &TestVault) {
    let entries = vault.entries();
    let mut check = RuleCheck::new(entries[0].text("origin").unwrap());
    for seq in 0..vault.store().head().size {
        let bytes = vault.block(vault.store().entry(seq)).unwrap().unwrap();
        check.check(seq, &bytes).unwrap();
    }
    check.check_emergency_covered().unwrap();
}

/// An export that ends between the emergency log's entries and their checkpoint is refused.
fn cut_before_its_checkpoint_it_does_not_hold(vault: &TestVault) {
    let entries = vault.entries();
    let bound = entries.iter().position(|e| e.kind == "emergency.bound");
    let mut check = RuleCheck::new(entries[0].text("origin").unwrap());
    for seq in 0..bound.unwrap() as u64 {
        let bytes = vault.block(vault.store().entry(seq)).unwrap().unwrap();
        check.check(seq, &bytes).unwrap();
    }
    check.check_emergency_covered().unwrap_err();
}

/// What the main log tells of the emergency log.
pub(super) fn told(vault: &TestVault) -> Vec<String> {
    let entries = vault.entries().into_iter();
    entries
        .filter(|e| e.kind == "emergency.entry")
        .map(|e: Entry| e.text("entry").unwrap().to_owned())
        .collect()
}

pub(super) fn ends_with(vault: &TestVault, outcome: &str) {
    let told = told(vault);
    let end = told.last().unwrap();
    assert!(
        end.contains("emergency.ended") && end.contains(outcome),
        "{end}"
    );
}

pub(super) fn open_session(vault: &TestVault) -> Incident {
    let (incident, claim_key) = vault.opened();
    vault.claim(&incident, &claim_key).unwrap();
    incident
}

/// The log breaks at the next entry of the vault's own.
pub(super) fn lose_the_log(vault: &TestVault) {
    vault.break_at("log.tick");
    let error = vault.block(vault.app().beat()).unwrap_err();
    assert_eq!(error.code(), "log_lost");
    vault.wait_for_log_loss();
}

pub(super) fn start_again(vault: &mut TestVault) {
    vault.kill();
    vault.mend();
    vault.start();
    vault.settle();
}

/// A vault that lost its log with a session open, after the next start; and how many entries of the
/// emergency log that told.
pub(super) fn back_from_a_lost_log() -> (TestVault, usize) {
    let mut vault = TestVault::new();
    vault.with_emergency_log("n1");
    open_session(&vault);
    lose_the_log(&vault);
    start_again(&mut vault);
    let entries = told(&vault).len();
    (vault, entries)
}

#[test]
fn a_lost_log_ends_in_a_rotation_whose_rows_the_next_start_makes() {
    let mut vault = TestVault::new();
    vault.with_emergency_log("n1");
    let before = vault.current_epoch();
    let principal = vault.principal();
    vault.assign(principal, None);
    let incident = open_session(&vault);
    assert_eq!(vault.level_of(principal).as_deref(), Some("ADMIN"));
    assert_eq!(vault.live_secrets().len(), 2);
    lose_the_log(&vault);
    let left = vault.live_secrets();
    assert_eq!(left.len(), 1, "session and predecessor are gone");
    assert_ne!(left[0], before.secret_id);
    assert!(!vault.secret_mints(&before.secret_id));
    assert_eq!(
        vault.current_epoch().secret_id,
        before.secret_id,
        "no rows yet"
    );
    start_again(&mut vault);
    let now = vault.incident(&incident.id);
    assert!(matches!(now.phase, Phase::InReview(_)), "{:?}", now.phase);
    assert_eq!(
        vault.current_epoch().manifest.epoch,
        before.manifest.epoch + 1
    );
    assert!(vault.current_epoch().sealed_credential.is_some());
    all_is_well(&vault);
    rules_hold(&vault);
    cut_before_its_checkpoint_it_does_not_hold(&vault);
    ends_with(&vault, "\"rotation\":\"done\"");
    assert_eq!(
        vault.level_of(principal),
        None,
        "the vault's own right is undone"
    );
    assert!(
        vault
            .block(vault.store().undos(&["planned", "failed"]))
            .unwrap()
            .is_empty()
    );
    assert_eq!(vault.alerts_queued("emergency.bound"), 1);
    let kept = fs::read_dir(vault.emergency_folder("n1")).unwrap();
    let sealed = kept.filter(|f| {
        f.as_ref()
            .unwrap()
            .file_name()
            .to_string_lossy()
            .ends_with("sealed")
    });
    assert_eq!(sealed.count(), 0, "the rows hold it now");
    // Bound once: another start adds nothing.
    let entries = told(&vault).len();
    vault.restart();
    assert_eq!(told(&vault).len(), entries);
    assert_eq!(vault.count("emergency.opened"), 1);
    // The shares that were sealed meanwhile open the next incident, and the next close rotates.
    the_next_incident_works(&vault);
}

#[test]
fn wherever_the_way_back_loses_the_log_it_goes_on_to_its_end() {
    for kind in way_back() {
        let mut vault = TestVault::new();
        vault.with_emergency_log("n1");
        let (incident, _) = vault.opened();
        vault.break_at(kind);
        drop(vault.close(&incident));
        vault.wait_for_log_loss();
        assert_eq!(vault.live_secrets().len(), 1, "{kind}");
        start_again(&mut vault);
        let now = vault.incident(&incident.id);
        assert!(
            matches!(now.phase, Phase::InReview(_)),
            "{kind}: {:?}",
            now.phase
        );
        all_is_well(&vault);
        rules_hold(&vault);
        the_next_incident_works(&vault);
    }
}

#[test]
fn a_process_killed_in_the_middle_of_it_leaves_a_saga_that_custodians_finish() {
    let mut vault = TestVault::new();
    vault.with_emergency_log("n1");
    vault.kill();
    // The proof of death waits for an hour; somebody loses patience.
    vault.waits.delete_proof_ms = 3_600_000;
    vault.start();
    let before = vault.current_epoch();
    let incident = open_session(&vault);
    vault.break_at("log.tick");
    vault.block(vault.app().beat()).unwrap_err();
    vault.wait(
        || matches!(&vault.live_secrets()[..], [left] if *left != before.secret_id),
        || format!("{:?}", vault.live_secrets()),
    );
    vault.waits.delete_proof_ms = 2;
    start_again(&mut vault);
    assert_eq!(vault.rotation().state, State::Deleted);
    assert_eq!(
        vault.current_epoch().manifest.epoch,
        before.manifest.epoch + 1
    );
    let now = vault.incident(&incident.id);
    assert!(matches!(now.phase, Phase::Closing(_)), "{:?}", now.phase);
    bring_home(&vault, &incident);
    all_is_well(&vault);
    rules_hold(&vault);
}

#[test]
fn without_proofs_the_rotation_is_owed_and_no_second_secret_is_made() {
    let mut vault = TestVault::new();
    vault.with_emergency_log("n1");
    let incident = open_session(&vault);
    vault.sql("DELETE FROM unlocker");
    lose_the_log(&vault);
    assert_eq!(vault.live_secrets(), [vault.current_epoch().secret_id]);
    start_again(&mut vault);
    ends_with(&vault, "fewer than k custodians");
    bring_home(&vault, &incident);
    all_is_well(&vault);
    rules_hold(&vault);
}

#[test]
fn where_databricks_refuses_the_delete_nothing_else_is_begun() {
    let mut vault = TestVault::new();
    vault.with_emergency_log("n1");
    let incident = open_session(&vault);
    vault.refuse_deletes();
    lose_the_log(&vault);
    assert_eq!(vault.live_secrets().len(), 2);
    vault.allow_all();
    start_again(&mut vault);
    ends_with(&vault, "\"rotation\":\"owed\"");
    bring_home(&vault, &incident);
    all_is_well(&vault);
}

#[test]
fn a_lost_reply_to_the_create_is_reconciled_by_the_list_and_done_again() {
    let mut vault = TestVault::new();
    vault.with_emergency_log("n1");
    let incident = open_session(&vault);
    vault.knobs(|knobs| knobs.lost_reply_on_create = 1);
    lose_the_log(&vault);
    assert_eq!(vault.live_secrets().len(), 1, "no orphan is left");
    start_again(&mut vault);
    assert!(matches!(
        vault.incident(&incident.id).phase,
        Phase::InReview(_)
    ));
    assert_eq!(vault.count("rotate.reconciled"), 1);
    all_is_well(&vault);
}

#[test]
fn a_file_that_was_cut_is_told_at_the_start_and_bound_entries_are_not_bound_twice() {
    let (mut vault, bound) = back_from_a_lost_log();
    let path = vault.emergency_folder("n1").join("emergency.ndjson");
    let text = fs::read_to_string(&path).unwrap();
    let cut: Vec<&str> = text.lines().take(2).collect();
    vault.kill();
    fs::write(&path, cut.join("\n") + "\n").unwrap();
    vault.start();
    let found = vault.last_entry("emergency.cut").unwrap();
    assert_eq!(found.integer("had"), i64::try_from(bound).ok());
    assert_eq!(found.integer("found"), Some(2));
    assert_eq!(vault.alerts_queued("emergency.cut"), 1);
    assert_eq!(told(&vault).len(), bound, "nothing is bound twice");
    // Told once; and it works on.
    vault.restart();
    assert_eq!(vault.count("emergency.cut"), 1);
    open_session(&vault);
    lose_the_log(&vault);
    start_again(&mut vault);
    assert!(told(&vault).len() > bound);
    rules_hold(&vault);
    all_is_well(&vault);
}

#[test]
fn where_the_database_cannot_be_read_either_the_sessions_secret_still_dies() {
    let mut vault = TestVault::new();
    vault.with_emergency_log("n1");
    let before = vault.current_epoch().secret_id;
    let incident = open_session(&vault);
    assert_eq!(vault.live_secrets().len(), 2);
    vault.sql("ALTER TABLE secret_post RENAME TO lost");
    lose_the_log(&vault);
    let alive = vault.live_secrets();
    assert!(alive.len() == 1, "the session's secret lives: {alive:?}");
    vault.kill();
    vault.sql("ALTER TABLE lost RENAME TO secret_post");
    vault.mend();
    vault.start();
    vault.settle();
    bring_home(&vault, &incident);
    assert!(!vault.secret_mints(&before));
    all_is_well(&vault);
    rules_hold(&vault);
    the_next_incident_works(&vault);
}

#[test]
fn two_nodes_over_one_database_keep_their_emergency_logs_apart() {
    let (mut vault, first) = back_from_a_lost_log();
    for node in ["n2", "n1", "n2"] {
        vault.kill();
        vault.emergency = Some(node);
        vault.start();
    }
    assert_eq!(vault.count("emergency.opened"), 2);
    assert_eq!(told(&vault).len(), first);
    open_session(&vault);
    lose_the_log(&vault);
    start_again(&mut vault);
    let second = told(&vault).len();
    assert!(second > first);
    vault.kill();
    vault.emergency = Some("n1");
    vault.start();
    assert_eq!(told(&vault).len(), second);
    rules_hold(&vault);
    all_is_well(&vault);
}
