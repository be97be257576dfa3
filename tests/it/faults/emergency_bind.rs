//! The start after a lost log, where something is wrong again: a file that cannot be read, or is
//! not there, a database that is older or went on, an incident that was not open yet.

use std::fs;
use std::path::PathBuf;

use breakglass::domain::act::Deed;
use breakglass::domain::incident::Phase;

use super::emergency::{lose_the_log, open_session, rules_hold, start_again};
use crate::restart::{all_is_well, bring_home, the_next_incident_works};
use crate::support::{TestVault, rotation_opening};

/// Sealed files beside the emergency log.
fn sealed_files(vault: &TestVault) -> Vec<PathBuf> {
    let found = fs::read_dir(vault.emergency_folder("n1")).unwrap();
    let paths = found.map(|file| file.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|end| end == "sealed"))
        .collect()
}

#[test]
fn a_sealed_file_that_cannot_be_read_now_refuses_the_start_and_is_bound_by_the_next() {
    let mut vault = TestVault::new();
    vault.with_emergency_log("n1");
    let before = vault.current_epoch();
    let incident = open_session(&vault);
    lose_the_log(&vault);
    vault.kill();
    vault.mend();
    let file = sealed_files(&vault).remove(0);
    let aside = file.with_extension("aside");
    fs::rename(&file, &aside).unwrap();
    fs::create_dir(&file).unwrap();
    let error = vault.try_start().unwrap_err();
    assert_eq!(error.code(), "broken", "{error}");
    assert_eq!(vault.count("emergency.bound"), 0, "nothing is settled");
    vault.kill();
    fs::remove_dir(&file).unwrap();
    fs::rename(&aside, &file).unwrap();
    vault.start();
    vault.settle();
    let now = vault.incident(&incident.id);
    assert!(matches!(now.phase, Phase::InReview(_)), "{:?}", now.phase);
    assert_eq!(
        vault.current_epoch().manifest.epoch,
        before.manifest.epoch + 1
    );
    assert_eq!(vault.count("emergency.unfit"), 0);
    all_is_well(&vault);
    rules_hold(&vault);
}

#[test]
fn a_sealed_file_that_is_missing_is_named_and_taken_when_it_is_back() {
    let mut vault = TestVault::new();
    vault.with_emergency_log("n1");
    let before = vault.current_epoch();
    let incident = open_session(&vault);
    lose_the_log(&vault);
    vault.kill();
    vault.mend();
    let file = sealed_files(&vault).remove(0);
    let aside = vault.folder().join("aside");
    fs::rename(&file, &aside).unwrap();
    vault.start();
    let unfit = vault.last_entry("emergency.unfit").unwrap();
    let name = file.file_name().unwrap().to_string_lossy();
    assert_eq!(unfit.members["missing"], serde_json::json!([name]));
    assert_eq!(vault.alerts_queued("emergency.unfit"), 1);
    assert_eq!(vault.current_epoch().secret_id, before.secret_id);
    // Told once, and looked for again.
    vault.restart();
    assert_eq!(vault.alerts_queued("emergency.unfit"), 1);
    vault.kill();
    fs::rename(&aside, &file).unwrap();
    vault.start();
    let epoch = vault.current_epoch();
    assert_eq!(epoch.manifest.epoch, before.manifest.epoch + 1);
    assert_eq!(vault.live_secrets(), [epoch.secret_id]);
    assert!(sealed_files(&vault).is_empty(), "the rows hold it now");
    assert_eq!(vault.count("emergency.saved"), 1);
    bring_home(&vault, &incident);
    all_is_well(&vault);
    rules_hold(&vault);
    vault.restart();
    assert_eq!(vault.count("emergency.saved"), 1);
}

#[test]
fn an_older_database_takes_what_was_sealed_beside_it() {
    let mut vault = TestVault::new();
    vault.with_emergency_log("n1");
    let before = vault.current_epoch();
    vault.copy_database();
    open_session(&vault);
    lose_the_log(&vault);
    vault.kill();
    vault.restore_database();
    vault.start();
    assert_eq!(vault.count("emergency.unfit"), 0);
    let epoch = vault.current_epoch();
    assert_eq!(epoch.manifest.epoch, before.manifest.epoch + 1);
    all_is_well(&vault);
    rules_hold(&vault);
    the_next_incident_works(&vault);
}

#[test]
fn a_database_that_went_on_keeps_the_epoch_that_was_sealed_and_owes_a_rotation() {
    let mut vault = TestVault::new();
    vault.with_emergency_log("n1");
    let before = vault.current_epoch();
    let incident = open_session(&vault);
    lose_the_log(&vault);
    vault.kill();
    vault.mend();
    // A saga of the same number.
    vault.sql(
        "INSERT INTO rotation (id, number, version, incident, doc) SELECT replace(id, '1', '2'), \
         number + 1, version, incident, replace(doc, id, replace(id, '1', '2')) FROM rotation",
    );
    vault.start();
    assert_eq!(vault.count("emergency.unfit"), 1);
    assert_eq!(vault.alerts_queued("emergency.unfit"), 1);
    assert_eq!(vault.count("emergency.bound"), 1, "bound all the same");
    let epoch = vault.current_epoch();
    assert_eq!(epoch.manifest.epoch, before.manifest.epoch + 1);
    assert_eq!(vault.live_secrets(), [epoch.secret_id]);
    bring_home(&vault, &incident);
    all_is_well(&vault);
    rules_hold(&vault);
}

#[test]
fn an_opening_whose_credential_was_replaced_meanwhile_owes_nothing() {
    for kind in [
        "unseal.done",
        "secret.post",
        "secret.result",
        "session.open",
    ] {
        let mut vault = TestVault::new();
        vault.with_emergency_log("n1");
        let (incident, _) = vault.open();
        vault.deliver();
        vault.break_at(kind);
        vault.approve_by_three(&incident.id);
        vault.wait_for_log_loss();
        assert_eq!(vault.live_secrets().len(), 1, "{kind}");
        start_again(&mut vault);
        all_is_well(&vault);
        let again = vault.incident(&incident.id);
        assert!(
            matches!(again.phase, Phase::Collecting(_)),
            "{kind}: {:?}",
            again.phase
        );
        assert!(!again.rotation_owed, "{kind}");
        assert_eq!(
            again.terms.epoch,
            vault.current_epoch().manifest.epoch,
            "{kind}"
        );
        vault.tick();
        assert_eq!(
            vault.incidents().len(),
            1,
            "{kind}: nobody is asked for one"
        );
        bring_home(&vault, &incident);
        all_is_well(&vault);
    }
}

#[test]
fn a_rotation_that_the_emergency_log_took_to_its_end_is_over_at_the_start() {
    let mut vault = TestVault::new();
    vault.with_emergency_log("n1");
    let otto = &vault.people.otto;
    let signed = otto.sign(&vault, Deed::Open(Box::new(rotation_opening())));
    let asked = vault
        .block(vault.app().open(&signed, &otto.caller(&vault)))
        .unwrap();
    vault.deliver();
    // The entry that ends its Opening.
    vault.break_at("session.close");
    vault.approve_by_three(&asked.id);
    vault.wait_for_log_loss();
    start_again(&mut vault);
    let over = vault.incident(&asked.id);
    assert!(
        matches!(over.phase, Phase::Reviewed { .. }),
        "{:?}",
        over.phase
    );
    all_is_well(&vault);
    rules_hold(&vault);
}

#[test]
fn a_saga_that_is_taken_over_does_not_rest_on_a_commit_that_was_lost() {
    let mut vault = TestVault::new();
    vault.with_emergency_log("n1");
    let before = vault.current_epoch();
    let (incident, _) = vault.opened();
    vault.sql("UPDATE unlocker SET at_ms = at_ms - 101 * 86400000");
    vault.close(&incident).unwrap();
    vault.wait_for_entry("rotate.waits_for_proofs");
    vault.copy_database();
    // Acknowledged, and the next commit loses the log.
    vault.break_at("rotate.switched");
    for person in vault.people.custodians().into_iter().take(3) {
        let proof = person.proof(&vault);
        let caller = person.caller(&vault);
        vault.block(vault.app().prove(&proof, &caller)).unwrap();
    }
    vault.wait_for_log_loss();
    let left = vault.live_secrets();
    assert!(left.len() == 1 && left[0] != before.secret_id, "{left:?}");
    vault.kill();
    // The commit before, which the takeover had read, was never durable.
    vault.restore_database();
    vault.start();
    vault.settle();
    assert_eq!(vault.count("emergency.unfit"), 0);
    assert_eq!(vault.count("rotate.resumed"), 1);
    let now = vault.incident(&incident.id);
    assert!(matches!(now.phase, Phase::InReview(_)), "{:?}", now.phase);
    all_is_well(&vault);
    rules_hold(&vault);
}

/// A POST whose reply was lost, as its row stands.
fn lost_reply(vault: &TestVault, used_for: &str, lifetime_s: i64) {
    vault.sql(&format!(
        "INSERT INTO secret_post (id, used_for, owner, lifetime_s, pre_ids, state, secret_id, at_ms) \
         VALUES ('lost-{used_for}', '{used_for}', 'INC-1', {lifetime_s}, '[]', 'unknown', NULL, {})",
        vault.now().0
    ));
}

#[test]
fn a_session_without_a_comparison_is_a_review_item_and_a_probe_is_deleted_as_well() {
    let mut vault = TestVault::new();
    vault.with_emergency_log("n1");
    let incident = open_session(&vault);
    let probe = vault.foreign_secret(7_431);
    lost_reply(&vault, "probe", 7_431);
    lose_the_log(&vault);
    let left = vault.live_secrets();
    assert!(left.len() == 1 && !left.contains(&probe), "{left:?}");
    start_again(&mut vault);
    let now = vault.incident(&incident.id);
    assert!(matches!(now.phase, Phase::InReview(_)), "{:?}", now.phase);
    let failed = vault.last_entry("snapshot.failed").unwrap();
    assert_eq!(failed.text("inc"), Some(incident.id.as_str()));
    assert_eq!(vault.count("snapshot.failed"), 1);
    all_is_well(&vault);
    rules_hold(&vault);
}

#[test]
fn a_secret_that_the_list_does_not_show_yet_is_waited_for() {
    let mut vault = TestVault::new();
    vault.with_emergency_log("n1");
    vault.kill();
    vault.waits.reconcile_wait_ms = 4_000;
    vault.waits.reconcile_gap_ms = 100;
    vault.start();
    let incident = open_session(&vault);
    vault.knobs(|knobs| knobs.list_delay_ms = 2_000);
    let late = vault.foreign_secret(7_431);
    lost_reply(&vault, "session", 7_431);
    lose_the_log(&vault);
    assert!(!vault.live_secrets().contains(&late));
    vault.knobs(|knobs| knobs.list_delay_ms = 0);
    start_again(&mut vault);
    let now = vault.incident(&incident.id);
    assert!(matches!(now.phase, Phase::InReview(_)), "{:?}", now.phase);
    all_is_well(&vault);
}

#[test]
fn an_incident_is_not_closed_while_a_session_secret_may_be_alive() {
    let mut vault = TestVault::new();
    vault.with_emergency_log("n1");
    let incident = open_session(&vault);
    lose_the_log(&vault);
    vault.kill();
    vault.mend();
    let alive = vault.foreign_secret(7_431);
    lost_reply(&vault, "session", 7_431);
    vault.start();
    vault.settle();
    let now = vault.incident(&incident.id);
    assert!(matches!(now.phase, Phase::Closing(_)), "{:?}", now.phase);
    bring_home(&vault, &incident);
    assert!(!vault.live_secrets().contains(&alive));
    all_is_well(&vault);
}

#[test]
fn entries_without_their_checkpoint_are_told_of_at_the_start() {
    let mut vault = TestVault::new();
    vault.with_emergency_log("n1");
    open_session(&vault);
    lose_the_log(&vault);
    vault.kill();
    vault.mend();
    let mark = vault.emergency_folder("n1").join("emergency.hw");
    fs::remove_file(&mark).unwrap();
    vault.start();
    vault.settle();
    assert_eq!(vault.count("emergency.cut"), 1);
    assert_eq!(vault.alerts_queued("emergency.cut"), 1);
    // What was bound needs it no more.
    vault.kill();
    fs::remove_file(&mark).unwrap();
    vault.start();
    assert_eq!(vault.count("emergency.cut"), 1);
    all_is_well(&vault);
}
