//! A longer session: agreed to without shares, its new secret made before the old one goes.

use breakglass::domain::incident::Phase;

use crate::restart::{all_is_well, bring_home};
use crate::support::TestVault;

const MINUTE_MS: i64 = 60_000;

#[test]
fn an_extended_session_outlives_its_first_deadline_with_the_same_token_and_a_new_secret() {
    let vault = TestVault::new();
    let (incident, claim_key) = vault.opened();
    let token = vault.claim(&incident, &claim_key).unwrap().token;
    let old_secrets = vault.live_secrets();
    let first_exp = incident.session().unwrap().exp_ms;
    vault.extend_by_three(&incident.id, 90);
    vault.settle();
    let session = vault.incident(&incident.id).session().unwrap().clone();
    assert_eq!(session.exp_ms, first_exp.plus_ms(60 * MINUTE_MS));
    assert_eq!((session.extensions, session.extension), (1, None));
    let secrets = vault.live_secrets();
    assert_eq!(secrets.len(), 2, "the dormant one and the new session's");
    assert_ne!(secrets, old_secrets);
    vault.pass_ms(31 * MINUTE_MS);
    vault.tick();
    assert!(
        vault.token_opens(&token),
        "the same token, after the first deadline"
    );
    vault.pass_ms(59 * MINUTE_MS);
    assert!(!vault.token_opens(&token), "not after the second");
    vault.tick();
    vault.settle();
    let why = vault.last_entry("session.close").unwrap();
    assert_eq!(why.text("why"), Some("deadline"));
    assert!(matches!(
        vault.incident(&incident.id).phase,
        Phase::InReview(_)
    ));
    all_is_well(&vault);
}

#[test]
fn too_few_agreeing_leaves_the_old_deadline() {
    let vault = TestVault::new();
    let (incident, claim_key) = vault.opened();
    let token = vault.claim(&incident, &claim_key).unwrap().token;
    let people = &vault.people;
    assert_eq!(
        vault
            .extend(&people.ada, &incident.id, 90)
            .unwrap_err()
            .code(),
        "bad_extension",
        "its responder asks first"
    );
    for person in [&people.rio, &people.ada, &people.ben] {
        vault.extend(person, &incident.id, 90).unwrap();
    }
    vault.settle();
    let twice = vault.extend(&people.ada, &incident.id, 90).unwrap_err();
    assert_eq!(twice.code(), "already_approved");
    vault.pass_ms(30 * MINUTE_MS);
    assert!(!vault.token_opens(&token));
    vault.tick();
    vault.settle();
    assert_eq!(vault.count("session.extended"), 0);
    all_is_well(&vault);
}

#[test]
fn databricks_refusing_the_new_secret_leaves_the_session_as_it_was() {
    let vault = TestVault::new();
    let (incident, claim_key) = vault.opened();
    let token = vault.claim(&incident, &claim_key).unwrap().token;
    let before = vault.live_secrets();
    vault.knobs(|knobs| knobs.reject_create = u32::MAX);
    vault.extend_by_three(&incident.id, 60);
    vault.settle();
    vault.knobs(|knobs| knobs.reject_create = 0);
    assert_eq!(vault.count("extend.failed"), 1);
    let session = vault.incident(&incident.id).session().unwrap().clone();
    assert_eq!((session.extensions, session.extension), (0, None));
    assert_eq!(vault.live_secrets(), before);
    assert!(vault.token_opens(&token));
    // It can be asked for again.
    vault.extend_by_three(&incident.id, 60);
    vault.settle();
    assert_eq!(vault.count("session.extended"), 1);
    bring_home(&vault, &incident);
    all_is_well(&vault);
}

#[test]
fn a_lost_reply_makes_another_secret_and_none_is_left_behind() {
    let vault = TestVault::new();
    let (incident, _) = vault.opened();
    vault.knobs(|knobs| knobs.lost_reply_on_create = 1);
    vault.extend_by_three(&incident.id, 60);
    vault.settle();
    assert_eq!(vault.count("session.extended"), 1);
    assert_eq!(vault.live_secrets().len(), 2);
    bring_home(&vault, &incident);
    all_is_well(&vault);
}

#[test]
fn a_stop_while_it_is_being_extended_wins() {
    let vault = TestVault::new();
    let (incident, claim_key) = vault.opened();
    let token = vault.claim(&incident, &claim_key).unwrap().token;
    vault.knobs(|knobs| knobs.first_byte_delay_ms = 3_000);
    vault.extend_by_three(&incident.id, 60);
    vault.stop(&vault.people.sam, &incident).unwrap();
    assert!(!vault.token_opens(&token));
    vault.knobs(|knobs| knobs.first_byte_delay_ms = 0);
    vault.settle();
    assert!(!vault.token_opens(&token));
    assert_eq!(vault.count("session.extended"), 0);
    assert!(matches!(
        vault.incident(&incident.id).phase,
        Phase::InReview(_)
    ));
    all_is_well(&vault);
}

#[test]
fn a_restart_while_it_is_being_extended_closes_and_rotates() {
    let mut vault = TestVault::new();
    let (incident, _) = vault.opened();
    vault.knobs(|knobs| knobs.first_byte_delay_ms = 3_000);
    vault.extend_by_three(&incident.id, 60);
    vault.kill();
    vault.knobs(|knobs| knobs.first_byte_delay_ms = 0);
    vault.start();
    bring_home(&vault, &incident);
    all_is_well(&vault);
}
