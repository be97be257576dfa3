//! The next node of a vault on a server: it knows what the one before it did on its emergency log,
//! also where that one's disk is gone, and believes nothing that it did not sign.

use std::fs;

use breakglass::domain::incident::Phase;
use breakglass::store::EpochRow;

use super::emergency::{lose_the_log, open_session, rules_hold, told};
use crate::restart::{all_is_well, bring_home, the_next_incident_works};
use crate::support::TestVault;

/// A vault whose node n1 lost its log with a session open; n2 is about to start; and the epoch
/// that was in force. None where there
/// is no other node: a file's vault stays on its host.
fn n1_lost_its_log() -> Option<(TestVault, EpochRow)> {
    let mut vault = TestVault::new();
    if !vault.is_on_a_server() {
        return None;
    }
    vault.with_emergency_log("n1");
    let before = vault.current_epoch();
    open_session(&vault);
    lose_the_log(&vault);
    vault.kill();
    vault.mend();
    vault.emergency = Some("n2");
    Some((vault, before))
}

#[test]
fn the_next_node_has_the_rotation_that_the_lost_one_did_though_its_disk_is_gone() {
    let Some((mut vault, before)) = n1_lost_its_log() else {
        return;
    };
    fs::remove_dir_all(vault.emergency_folder("n1")).unwrap();
    vault.start();
    vault.settle();
    assert_eq!(vault.count("emergency.unfit"), 0);
    let incident = vault.incidents().remove(0);
    assert!(
        matches!(incident.phase, Phase::InReview(_)),
        "{:?}",
        incident.phase
    );
    assert_eq!(
        vault.current_epoch().manifest.epoch,
        before.manifest.epoch + 1
    );
    all_is_well(&vault);
    rules_hold(&vault);
    assert!(
        vault
            .block(vault.store().facts_of("emergency_copy:"))
            .unwrap()
            .is_empty()
    );
    the_next_incident_works(&vault);
}

#[test]
fn a_node_that_comes_back_binds_nothing_that_the_next_one_bound() {
    let Some((mut vault, _)) = n1_lost_its_log() else {
        return;
    };
    vault.start();
    vault.settle();
    let bound = told(&vault).len();
    for node in ["n1", "n2", "n1"] {
        vault.kill();
        vault.emergency = Some(node);
        vault.start();
    }
    assert_eq!(told(&vault).len(), bound);
    all_is_well(&vault);
    rules_hold(&vault);
}

#[test]
fn a_copy_that_the_node_did_not_sign_is_told_and_changes_nothing() {
    let Some((mut vault, before)) = n1_lost_its_log() else {
        return;
    };
    vault.sql(
        "UPDATE fact SET value = replace(value, 'rotate.done', 'rotate.dome') \
         WHERE name = 'emergency_copy:n1'",
    );
    vault.start();
    assert_eq!(vault.count("emergency.unfit"), 1);
    assert_eq!(vault.alerts_queued("emergency.unfit"), 1);
    assert_eq!(vault.count("emergency.entry"), 0);
    assert_eq!(vault.current_epoch().secret_id, before.secret_id);
    // Its own files say it once that node is back.
    vault.kill();
    vault.emergency = Some("n1");
    vault.start();
    let incident = vault.incidents().remove(0);
    bring_home(&vault, &incident);
    all_is_well(&vault);
    rules_hold(&vault);
}

#[test]
fn a_node_that_is_not_the_writer_any_more_makes_no_second_secret() {
    let mut vault = TestVault::new();
    if !vault.is_on_a_server() {
        return;
    }
    vault.with_emergency_log("n1");
    let before = vault.current_epoch();
    let incident = open_session(&vault);
    // Another node has raised it: this one's next commit fails, and what it would leave as well.
    vault.sql("UPDATE log_head SET writer_epoch = writer_epoch + 1");
    drop(vault.block(vault.app().beat()));
    vault.wait_for_log_loss();
    assert_eq!(
        vault.live_secrets(),
        [before.secret_id],
        "the session's own is gone"
    );
    vault.kill();
    vault.emergency = Some("n2");
    vault.start();
    bring_home(&vault, &incident);
    all_is_well(&vault);
    rules_hold(&vault);
}
