//! Rights for the length of a session: grants to people of the terms and the principal's own
//! assignment; taken away at close, stop and after a crash, and read again to be gone.

use breakglass::api::GrantReply;
use breakglass::app::AppError;
use breakglass::domain::act::Deed;
use breakglass::domain::grants::Right;
use breakglass::domain::incident::{Incident, Phase, Refusal};
use breakglass::sealed::loaded_key::LoadedKey;
use serde_json::json;

use crate::restart::{all_is_well, bring_home};
use crate::support::{Person, TestVault, opening};

const OLGA: u64 = 4_000_000_010;
const ADA: u64 = 4_000_000_001;
const BEN: u64 = 4_000_000_002;

/// A session whose terms name these people, on workspace and account.
fn opened(vault: &TestVault, grants: &[&str]) -> Incident {
    let claim_key = LoadedKey::generate_ed25519("claim").unwrap();
    let mut opening = opening(&claim_key);
    opening.target.account = true;
    opening.grants_to = grants.iter().map(|text| text.parse().unwrap()).collect();
    let incident = vault.open_with(opening).unwrap();
    vault.deliver();
    vault.approve_by_three(&incident.id);
    vault.wait_for(&incident.id, |i| matches!(i.phase, Phase::Open(_)));
    vault.settle();
    vault.incident(&incident.id)
}

fn grant_by(
    vault: &TestVault,
    by: &Person,
    incident: &Incident,
    to: &str,
    right: Right,
) -> Result<GrantReply, AppError> {
    let grantee = to.parse().unwrap();
    let signed = by.sign_about(vault, incident, Deed::Grant { grantee, right });
    vault.block(vault.app().grant(&incident.id, &signed, &by.caller(vault)))
}

fn grant(
    vault: &TestVault,
    incident: &Incident,
    to: &str,
    right: Right,
) -> Result<GrantReply, AppError> {
    grant_by(vault, &vault.people.rio, incident, to, right)
}

fn is_account_admin(vault: &TestVault, id: u64) -> bool {
    let rights = vault.rights();
    rights["account_admins"]
        .as_array()
        .unwrap()
        .contains(&json!(id))
}

#[test]
fn two_people_are_admins_until_the_close_and_not_longer() {
    let vault = TestVault::new();
    vault.assign(BEN, Some("USER"));
    let incident = opened(&vault, &["ada", "ben"]);
    let ada = grant(&vault, &incident, "ada", Right::WorkspaceAdmin).unwrap();
    assert!(
        !ada.had_it && ada.url.starts_with("http://127.0.0.1"),
        "{ada:?}"
    );
    grant(&vault, &incident, "ada", Right::AccountAdmin).unwrap();
    grant(&vault, &incident, "ben", Right::WorkspaceAdmin).unwrap();
    assert_eq!(vault.level_of(ADA).as_deref(), Some("ADMIN"));
    assert_eq!(vault.level_of(BEN).as_deref(), Some("ADMIN"));
    assert!(is_account_admin(&vault, ADA));
    vault.deliver();
    assert!(vault.mail.kinds().contains(&"grant".to_owned()));

    vault.close(&incident).unwrap();
    vault.settle();
    assert_eq!(vault.level_of(ADA), None);
    assert_eq!(vault.level_of(BEN).as_deref(), Some("USER"), "as before");
    assert!(!is_account_admin(&vault, ADA));
    assert_eq!(vault.count("undo.done"), 3);
    // The row stands before the call: planned, then granted, then undone.
    let kinds = vault.kinds();
    let place = |kind: &str| kinds.iter().position(|k| k == kind).unwrap();
    assert!(place("undo.planned") < place("grant.done"));
    assert!(place("session.close") < place("undo.done"));
    let saga = kinds.iter().rposition(|k| k == "rotate.begun").unwrap();
    assert!(place("undo.done") < saga, "undo comes before the saga");
    // The reviewer must say something about each grant; nothing else differs.
    let view = vault.block(vault.app().review_view(&incident.id)).unwrap();
    let kinds: Vec<&str> = view
        .items
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["granted", "granted", "granted"], "{:#}", view.items);
    all_is_well(&vault);
}

#[test]
fn what_came_on_the_second_page_of_a_list_is_a_difference_too() {
    let vault = TestVault::new();
    vault.federate(100);
    let incident = opened(&vault, &[]);
    vault.wait_for_entry("snapshot.taken");
    vault.federate(1);
    vault.close(&incident).unwrap();
    vault.settle();
    let view = vault.block(vault.app().review_view(&incident.id)).unwrap();
    let items = view.items.as_array().unwrap();
    // The account's policies and the principal's are one list in the simulator.
    let about: Vec<&str> = items.iter().map(|i| i["about"].as_str().unwrap()).collect();
    assert_eq!(about.len(), 2, "{:#}", view.items);
    assert!(about.iter().all(|line| line.contains("federation policy")));
    assert_eq!(
        vault
            .last_entry("snapshot.diff")
            .unwrap()
            .integer("n_added"),
        Some(1)
    );
}

#[test]
fn who_came_to_manage_the_principal_in_a_session_is_a_review_item_and_is_kept_as_seen_last() {
    let vault = TestVault::new();
    let incident = opened(&vault, &[]);
    vault.wait_for_entry("snapshot.taken");
    vault.let_manage("groups/on-call");
    vault.close(&incident).unwrap();
    vault.settle();
    let view = vault.block(vault.app().review_view(&incident.id)).unwrap();
    let items = view.items.as_array().unwrap();
    let about: Vec<&str> = items.iter().map(|i| i["about"].as_str().unwrap()).collect();
    assert!(
        matches!(about.as_slice(), [one] if one.contains("manager of the principal")),
        "{:#}",
        view.items
    );
    // The group, and whom it lets in; the log has numbers only.
    let diff = vault.last_entry("snapshot.diff").unwrap();
    assert_eq!(diff.integer("n_added"), Some(2));
    let seen = vault.last_entry("access.seen").unwrap();
    assert_eq!(seen.integer("managers"), Some(2));
    let fact = vault.block(vault.store().fact(breakglass::app::ACCESS));
    let kept: breakglass::app::Access = serde_json::from_str(&fact.unwrap().unwrap()).unwrap();
    let managers: Vec<String> = kept.managers.unwrap().names.into_iter().collect();
    assert_eq!(
        managers,
        ["group on-call", "rio@example.com (group on-call)"]
    );
}

#[test]
fn what_the_terms_let_stay_stays_and_is_a_review_item() {
    let vault = TestVault::new();
    let incident = opened(&vault, &["ada:keep"]);
    assert!(
        grant(&vault, &incident, "ada", Right::WorkspaceAdmin)
            .unwrap()
            .keep
    );
    vault.close(&incident).unwrap();
    vault.settle();
    assert_eq!(vault.level_of(ADA).as_deref(), Some("ADMIN"));
    let view = vault.block(vault.app().review_view(&incident.id)).unwrap();
    let kinds: Vec<&str> = view
        .items
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["kind"].as_str().unwrap())
        .collect();
    // Kept, shown by the comparison as assignment and as member of admins, and granted.
    assert_eq!(
        kinds,
        ["difference", "difference", "granted", "kept"],
        "{:#}",
        view.items
    );
    assert_eq!(vault.count("undo.kept"), 1);
}

#[test]
fn who_was_admin_before_is_not_touched() {
    let vault = TestVault::new();
    let incident = opened(&vault, &["olga"]);
    let reply = grant(&vault, &incident, "olga", Right::WorkspaceAdmin).unwrap();
    assert!(reply.had_it);
    vault.close(&incident).unwrap();
    vault.settle();
    assert_eq!(vault.level_of(OLGA).as_deref(), Some("ADMIN"));
    assert_eq!(
        (vault.count("undo.nothing"), vault.count("undo.done")),
        (1, 0)
    );
}

#[test]
fn only_the_responder_grants_only_to_people_of_the_terms_and_only_while_it_is_open() {
    let vault = TestVault::new();
    let incident = opened(&vault, &["ada"]);
    let code = |result: Result<GrantReply, AppError>| result.unwrap_err().code();
    let right = Right::WorkspaceAdmin;
    assert_eq!(
        code(grant(&vault, &incident, "ben", right)),
        "not_in_grants"
    );
    let otto = &vault.people.otto;
    assert_eq!(
        code(grant_by(&vault, otto, &incident, "ada", right)),
        "wrong_role"
    );
    vault.close(&incident).unwrap();
    vault.settle();
    let ended = grant(&vault, &incident, "ada", right).unwrap_err();
    assert!(
        matches!(ended, AppError::Refused(Refusal::SessionEnded { .. })),
        "{ended:?}"
    );
    assert_eq!(vault.level_of(ADA), None);
    assert_eq!(vault.count("act.refused"), 3);
}

#[test]
fn a_right_on_a_host_outside_the_target_is_refused() {
    let vault = TestVault::new();
    let claim_key = LoadedKey::generate_ed25519("claim").unwrap();
    let mut asked = opening(&claim_key);
    asked.grants_to = vec!["ada".parse().unwrap()];
    let incident = vault.open_with(asked).unwrap();
    vault.deliver();
    vault.approve_by_three(&incident.id);
    vault.wait_for(&incident.id, |i| matches!(i.phase, Phase::Open(_)));
    let refused = grant(&vault, &incident, "ada", Right::AccountAdmin).unwrap_err();
    assert_eq!(refused.code(), "outside_target");
}

#[test]
fn a_grant_outlives_neither_a_stop_nor_a_crash() {
    let mut vault = TestVault::new();
    let incident = opened(&vault, &["ada"]);
    grant(&vault, &incident, "ada", Right::WorkspaceAdmin).unwrap();
    let tess = &vault.people.tess;
    vault.stop(tess, &incident).unwrap();
    vault.settle();
    assert_eq!(vault.level_of(ADA), None);

    let incident = opened(&vault, &["ada"]);
    grant(&vault, &incident, "ada", Right::AccountAdmin).unwrap();
    vault.restart();
    assert!(
        is_account_admin(&vault, ADA),
        "nobody is there to take it away yet"
    );
    bring_home(&vault, &incident);
    assert!(!is_account_admin(&vault, ADA));
    all_is_well(&vault);
}

#[test]
fn a_grant_whose_record_broke_is_not_made_and_one_whose_end_broke_is_undone() {
    for (kind, made) in [("undo.planned", false), ("grant.done", true)] {
        let mut vault = TestVault::new();
        let incident = opened(&vault, &["ada"]);
        vault.break_at(kind);
        grant(&vault, &incident, "ada", Right::WorkspaceAdmin).unwrap_err();
        assert_eq!(vault.level_of(ADA).is_some(), made, "{kind}");
        vault.wait_for_log_loss();
        vault.kill();
        vault.mend();
        vault.start();
        bring_home(&vault, &incident);
        assert_eq!(vault.level_of(ADA), None, "{kind}");
        all_is_well(&vault);
    }
}

#[test]
fn a_grant_whose_reply_is_lost_is_found_by_reading() {
    let vault = TestVault::new();
    let incident = opened(&vault, &["ada"]);
    // The write is refused by a busy service: nothing happened, and the grant says so.
    vault.knobs(|knobs| {
        knobs.unavailable_next = 1;
        knobs.unavailable_prefix = format!(
            "/api/2.0/accounts/{}/workspaces/900800700600/permissionassignments/principals",
            vault.account()
        );
    });
    grant(&vault, &incident, "ada", Right::WorkspaceAdmin).unwrap_err();
    assert_eq!(
        (vault.level_of(ADA), vault.count("grant.failed")),
        (None, 1)
    );
    grant(&vault, &incident, "ada", Right::WorkspaceAdmin).unwrap();
    vault.close(&incident).unwrap();
    vault.settle();
    assert_eq!(vault.level_of(ADA), None);
}

#[test]
fn a_grant_that_is_carried_out_after_the_first_look_is_undone_by_the_second() {
    let vault = TestVault::new();
    let incident = opened(&vault, &["ada"]);
    vault.knobs(|knobs| knobs.late_assignments = 1);
    grant(&vault, &incident, "ada", Right::WorkspaceAdmin).unwrap_err();
    assert_eq!(
        vault.level_of(ADA),
        None,
        "its reply is lost, and it is not done yet"
    );
    // Done as soon as the way back has looked and found nothing.
    vault.knobs(|knobs| knobs.late_after_reads = 1);
    vault.close(&incident).unwrap();
    vault.settle();
    assert_eq!(vault.level_of(ADA), None);
    assert_eq!(
        (vault.count("undo.nothing"), vault.count("undo.done")),
        (1, 1)
    );
    all_is_well(&vault);
}

#[test]
fn the_principal_is_admin_of_the_workspace_only_while_a_session_is_open() {
    let vault = TestVault::new();
    let own = vault.principal();
    vault.assign(own, None);
    let (incident, _) = vault.opened();
    vault.settle();
    assert_eq!(vault.level_of(own).as_deref(), Some("ADMIN"));
    assert_eq!(vault.count("undo.planned"), 1);
    vault.close(&incident).unwrap();
    vault.settle();
    assert_eq!(vault.level_of(own), None);
    assert_eq!(vault.count("undo.done"), 1);
    all_is_well(&vault);
}

#[test]
fn a_crash_while_the_principal_is_being_assigned_leaves_nothing_behind() {
    for kind in ["undo.planned", "session.open", "undo.done"] {
        let mut vault = TestVault::new();
        let own = vault.principal();
        vault.assign(own, None);
        let (incident, _) = vault.open();
        vault.deliver();
        vault.break_at(kind);
        vault.approve_by_three(&incident.id);
        if kind == "undo.done" {
            vault.wait_for(&incident.id, |i| matches!(i.phase, Phase::Open(_)));
            vault.close(&vault.incident(&incident.id)).unwrap();
        }
        vault.wait_for_log_loss();
        vault.kill();
        vault.mend();
        vault.start();
        bring_home(&vault, &incident);
        assert_eq!(vault.level_of(own), None, "{kind}");
        all_is_well(&vault);
    }
}

#[test]
fn what_cannot_be_undone_is_told_and_the_rotation_goes_on() {
    let vault = TestVault::new();
    let incident = opened(&vault, &["ada"]);
    grant(&vault, &incident, "ada", Right::WorkspaceAdmin).unwrap();
    vault.knobs(|knobs| {
        knobs.unavailable_next = u32::MAX;
        knobs.unavailable_prefix = format!(
            "/api/2.0/accounts/{}/workspaces/900800700600/permissionassignments/principals",
            vault.account()
        );
    });
    vault.close(&incident).unwrap();
    vault.settle();
    assert!(matches!(
        vault.incident(&incident.id).phase,
        Phase::InReview(_)
    ));
    assert_eq!(vault.count("undo.failed"), 1);
    vault.deliver();
    assert!(vault.mail.kinds().contains(&"undo.failed".to_owned()));
    assert_eq!(vault.level_of(ADA).as_deref(), Some("ADMIN"));
    // The next session's way back tries again.
    vault.allow_all();
    let (next, _) = vault.opened();
    vault.close(&next).unwrap();
    vault.settle();
    assert_eq!(vault.level_of(ADA), None);
}
