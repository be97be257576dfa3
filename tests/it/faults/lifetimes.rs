//! Databricks that refuses lifetimes, and secrets that nobody here made.

use breakglass::app::genesis::Initialised;
use breakglass::domain::incident::Phase;
use breakglass::domain::lifetime::SessionSecret;

use crate::restart::{all_is_well, bring_home};
use crate::support::{Plan, TestVault};

/// Longer than every lifetime that is tried for a session, shorter than a successor's.
const REFUSED_BELOW_S: u64 = 700_000;

#[test]
fn where_every_lifetime_is_refused_the_terms_say_it_and_the_session_uses_the_credential() {
    let mut vault = TestVault::founded(Plan::default());
    vault.knobs(|knobs| knobs.refuse_lifetime = vec![REFUSED_BELOW_S]);
    assert_eq!(vault.initialise().unwrap(), Initialised::Done);
    vault.restart();
    let measured = vault.last_entry("rotate.measured").unwrap();
    assert_eq!(measured.members["all_refused"], true);
    let (incident, claim_key) = vault.opened();
    assert_eq!(
        incident.terms.session_secret,
        Some(SessionSecret::Credential)
    );
    assert_eq!(incident.restarts, 0, "custodians were asked once");
    assert_eq!(vault.count("session.uses_credential"), 1);
    assert_eq!(vault.alerts_queued("session.uses_credential"), 1);
    assert_eq!(vault.live_secrets(), [vault.current_epoch().secret_id]);
    let token = vault.claim(&incident, &claim_key).unwrap().token;
    assert!(vault.token_opens(&token));
    vault.close(&incident).unwrap();
    vault.settle();
    assert!(!vault.token_opens(&token));
    all_is_well(&vault);
}

#[test]
fn a_refusal_of_every_lifetime_that_nobody_had_signed_leads_to_terms_that_say_it() {
    let vault = TestVault::new();
    let (incident, _) = vault.open();
    assert_eq!(incident.terms.session_secret, None);
    vault.deliver();
    vault.knobs(|knobs| knobs.refuse_lifetime = vec![REFUSED_BELOW_S]);
    vault.approve_by_three(&incident.id);
    vault.settle();
    let again = vault.incident(&incident.id);
    assert!(
        matches!(again.phase, Phase::Collecting(_)),
        "{:?}",
        again.phase
    );
    assert_eq!(again.terms.session_secret, Some(SessionSecret::Credential));
    assert_eq!(vault.count("session.uses_credential"), 0);
    bring_home(&vault, &incident);
    assert_eq!(vault.count("session.uses_credential"), 1);
    all_is_well(&vault);
}

#[test]
fn a_lifetime_that_only_a_longer_one_replaces_is_named_in_the_terms() {
    let mut vault = TestVault::founded(Plan::default());
    vault.knobs(|knobs| knobs.refuse_lifetime = vec![86_400]);
    assert_eq!(vault.initialise().unwrap(), Initialised::Done);
    vault.restart();
    let (incident, _) = vault.opened();
    let named = SessionSecret::Longer { seconds: 86_400 };
    assert_eq!(incident.terms.session_secret, Some(named));
    vault.close(&incident).unwrap();
    vault.settle();
    all_is_well(&vault);
}

#[test]
fn a_list_without_room_says_nothing_about_lifetimes() {
    let vault = TestVault::new();
    for _ in 0..4 {
        vault.foreign_secret(600);
    }
    let (incident, _) = vault.open();
    vault.deliver();
    vault.approve_by_three(&incident.id);
    vault.settle();
    let again = vault.incident(&incident.id);
    assert!(matches!(again.phase, Phase::Collecting(_)));
    assert_eq!(again.terms.session_secret, None);
    assert_eq!(vault.count("session.uses_credential"), 0);
}

#[test]
fn a_foreign_secret_is_told_at_the_opening_and_never_deleted() {
    let vault = TestVault::new();
    let foreign = vault.foreign_secret(86_400);
    let (incident, _) = vault.opened();
    let reported = vault.last_entry("secret.foreign").unwrap();
    assert_eq!(reported.members["ids"], serde_json::json!([foreign]));
    assert_eq!(reported.text("inc"), Some(incident.id.as_str()));
    assert_eq!(vault.count("secret.foreign"), 1);
    assert_eq!(vault.alerts_queued("secret.foreign"), 1);
    vault.close(&incident).unwrap();
    vault.settle();
    assert!(vault.live_secrets().contains(&foreign));
    // Our own ones are not foreign at the next opening.
    vault.pass_ms(86_400_000);
    let (again, _) = vault.opened();
    assert_eq!(vault.count("secret.foreign"), 1);
    vault.close(&again).unwrap();
    vault.settle();
    all_is_well(&vault);
}
