//! The process ends and begins again, in every phase.

use breakglass::domain::act::Deed;
use breakglass::domain::incident::{Incident, Phase};
use breakglass::domain::rotation::State;
use breakglass::domain::terms::Purpose;

use crate::support::{TestVault, rotation_opening};

/// Brings an incident to its review, with as many approvals as it asks for, whatever broke.
pub fn bring_home(vault: &TestVault, incident: &Incident) {
    let id = &incident.id;
    for _ in 0..6 {
        vault.settle();
        let now = vault.incident(id);
        match &now.phase {
            Phase::Collecting(_) => {
                vault.deliver();
                vault.approve_by_three(id);
                vault.settle();
            }
            Phase::Open(_) => drop(vault.close(&now).unwrap()),
            Phase::Closing(closing) if closing.rotate.is_some() => {
                assert_eq!(now.terms.purpose, Purpose::Rotate);
                vault.approve_by_three(id);
            }
            Phase::InReview(_) => return,
            other => panic!("stuck: {other:#?}"),
        }
    }
    panic!("it never ends: {:#?}", vault.incident(id).phase);
}

/// What is written about a rotation, in order.
pub const SAGA: [&str; 9] = [
    "rotate.begun",
    "rotate.prepared",
    "rotate.create_sent",
    "rotate.sealed",
    "rotate.verified",
    "rotate.acked",
    "rotate.switched",
    "rotate.deleted",
    "rotate.done",
];

/// What is written of a way back, in order.
pub fn way_back() -> impl Iterator<Item = &'static str> {
    let before = ["session.close", "secret.deleted"].into_iter();
    before.chain(SAGA).chain(["incident.closed"])
}

/// The shares that people hold open the next incident, and it ends as it should.
pub fn the_next_incident_works(vault: &TestVault) {
    let (incident, _) = vault.opened();
    vault.close(&incident).unwrap();
    vault.settle();
    all_is_well(vault);
}

/// Everything is as if nothing had ever broken.
pub fn all_is_well(vault: &TestVault) {
    let epoch = vault.current_epoch();
    assert_eq!(
        vault.live_secrets(),
        [epoch.secret_id],
        "exactly one live secret"
    );
    assert!(!vault.first_secret_mints());
    assert_eq!(vault.rotation().state, State::Done);
    assert_eq!(
        vault
            .block(vault.store().fact("rotation_owed_since_ms"))
            .unwrap(),
        None
    );
    vault.verify_log();
}

/// Breaks the log where this entry should stand, kills the process, mends the disk, starts again.
fn break_and_restart(vault: &mut TestVault) {
    vault.wait_for_log_loss();
    vault.kill();
    vault.mend();
    vault.start();
}

#[test]
fn a_crash_before_any_entry_of_opening_leads_to_new_terms_and_then_to_the_review() {
    for kind in [
        "unseal.begin",
        "unseal.done",
        "secret.post",
        "secret.result",
        "session.open",
    ] {
        let mut vault = TestVault::new();
        let (incident, _) = vault.open();
        vault.deliver();
        vault.break_at(kind);
        vault.approve_by_three(&incident.id);
        break_and_restart(&mut vault);
        let again = vault.incident(&incident.id);
        assert!(
            matches!(again.phase, Phase::Collecting(_)),
            "{kind}: {:?}",
            again.phase
        );
        assert_ne!(again.terms_sha256, incident.terms_sha256, "{kind}");
        assert_ne!(again.terms.recipient, incident.terms.recipient, "{kind}");
        assert_eq!(again.rotation_owed, kind != "unseal.begin", "{kind}");
        bring_home(&vault, &incident);
        all_is_well(&vault);
    }
}

#[test]
fn a_crash_before_any_entry_of_the_way_back_is_settled_by_three_custodians() {
    for kind in way_back() {
        let mut vault = TestVault::new();
        let (incident, _) = vault.opened();
        vault.break_at(kind);
        drop(vault.close(&incident));
        break_and_restart(&mut vault);
        bring_home(&vault, &incident);
        all_is_well(&vault);
        assert!(vault.current_epoch().manifest.epoch >= 2, "{kind}");
    }
}

#[test]
fn a_second_crash_while_the_debt_is_settled_loses_nothing() {
    let pairs = [
        ("rotate.begun", "unseal.begin"),
        ("rotate.begun", "unseal.done"),
        ("rotate.sealed", "rotate.reconcile"),
        ("rotate.sealed", "rotate.reconciled"),
        ("rotate.verified", "rotate.discard"),
        ("rotate.verified", "rotate.discarded"),
        ("rotate.acked", "rotate.sealed"),
        ("rotate.deleted", "rotate.deleted"),
        ("rotate.deleted", "rotate.done"),
        ("rotate.deleted", "rotate.begun"),
        ("rotate.deleted", "rotate.switched"),
        ("rotate.done", "rotate.done"),
        ("rotate.done", "incident.closed"),
    ];
    for (first, second) in pairs {
        let mut vault = TestVault::new();
        let (incident, _) = vault.opened();
        vault.break_at(first);
        drop(vault.close(&incident));
        break_and_restart(&mut vault);
        vault.break_at(second);
        vault.approve_by_three(&incident.id);
        break_and_restart(&mut vault);
        let now = vault.incident(&incident.id);
        let over = second == "incident.closed";
        assert_eq!(
            matches!(now.phase, Phase::InReview(_)),
            over,
            "{first}, {second}: {now:#?}"
        );
        bring_home(&vault, &incident);
        all_is_well(&vault);
    }
}

#[test]
fn a_restart_while_collecting_asks_again_and_former_approvals_are_void() {
    let mut vault = TestVault::new();
    let (incident, _) = vault.open();
    vault.deliver();
    let former = vault.people.ada.release(&vault, &incident);
    vault.approve(&vault.people.ada, &incident.id).unwrap();
    vault.restart();
    let again = vault.incident(&incident.id);
    assert!(again.approvals().is_empty());
    assert_ne!(again.terms.nonce, incident.terms.nonce);
    assert_eq!(again.request_sha256, incident.request_sha256);
    assert!(
        vault
            .block(vault.store().envelopes(&incident.id))
            .unwrap()
            .is_empty()
    );
    let ada = vault.people.ada.caller(&vault);
    let error = vault
        .block(vault.app().approve(&incident.id, &former, &ada))
        .unwrap_err();
    assert_eq!(error.code(), "other_terms");
    bring_home(&vault, &incident);
    all_is_well(&vault);
}

#[test]
fn a_fourth_restart_while_collecting_ends_the_incident() {
    let mut vault = TestVault::new();
    let (incident, _) = vault.open();
    for restarts in 1..=3 {
        vault.restart();
        assert_eq!(vault.incident(&incident.id).restarts, restarts);
    }
    vault.restart();
    assert!(matches!(
        vault.incident(&incident.id).phase,
        Phase::Lapsed { .. }
    ));
    vault.verify_log();
}

#[test]
fn a_restart_with_an_open_session_ends_it_and_three_custodians_settle_the_rotation() {
    let mut vault = TestVault::new();
    let (incident, claim_key) = vault.opened();
    vault.claim(&incident, &claim_key).unwrap();
    assert_eq!(vault.live_secrets().len(), 2);
    vault.restart();
    let now = vault.incident(&incident.id);
    let Phase::Closing(closing) = &now.phase else {
        panic!("{:?}", now.phase)
    };
    assert!(closing.memory_lost && closing.rotate.is_some());
    assert_eq!((now.terms.purpose, now.terms.needed), (Purpose::Rotate, 3));
    assert_eq!((now.terms.scope.len(), now.terms.max_minutes), (0, 0));
    assert_eq!(
        vault.claim(&now, &claim_key).err().unwrap().code(),
        "session_ended"
    );
    vault.approve_by_three(&incident.id);
    vault.settle();
    bring_home(&vault, &incident);
    all_is_well(&vault);
    assert_eq!(vault.current_epoch().manifest.epoch, 2);
}

#[test]
fn an_owed_rotation_does_not_lapse_and_is_asked_again_without_limit() {
    let mut vault = TestVault::new();
    let (incident, _) = vault.opened();
    for _ in 0..5 {
        vault.restart();
        vault.pass_ms(3_600_000);
        vault.tick();
        let now = vault.incident(&incident.id);
        assert!(
            matches!(&now.phase, Phase::Closing(c) if c.rotate.is_some()),
            "{:?}",
            now.phase
        );
    }
    bring_home(&vault, &incident);
    all_is_well(&vault);
}

#[test]
fn a_debt_that_no_incident_settles_is_asked_for_by_the_vault_itself() {
    let mut vault = TestVault::new();
    let (incident, _) = vault.open();
    vault.deliver();
    vault.break_at("session.open");
    vault.approve_by_three(&incident.id);
    break_and_restart(&mut vault);
    // Nobody answers the new terms: the incident lapses, the debt stays.
    vault.pass_ms(31 * 60_000);
    vault.tick();
    assert!(matches!(
        vault.incident(&incident.id).phase,
        Phase::Lapsed { .. }
    ));
    // Whoever opens now needs one approval more; the vault asks for its rotation at k.
    let (gated, _) = vault.open();
    assert_eq!(gated.terms.needed, 4);
    vault.tick();
    let asked = vault.incidents().remove(0);
    assert_eq!(String::from(asked.requester.clone()), "vault");
    assert_eq!(
        (asked.terms.purpose, asked.terms.needed),
        (Purpose::Rotate, 3)
    );
    vault.tick();
    assert_eq!(vault.incidents().len(), 3, "asked once");
    vault.approve_by_three(&asked.id);
    vault.settle();
    assert!(matches!(
        vault.incident(&asked.id).phase,
        Phase::Reviewed { .. }
    ));
    // The collecting incident was asked again for the new epoch, without the gate.
    let again = vault.incident(&gated.id);
    assert_eq!((again.terms.epoch, again.restarts), (2, 0));
    all_is_well(&vault);
}

#[test]
fn an_incident_that_collects_while_another_ends_the_epoch_is_asked_again() {
    let vault = TestVault::new();
    let (incident, _) = vault.opened();
    let otto = &vault.people.otto;
    let deed = Deed::Open(Box::new(rotation_opening()));
    let signed = otto.sign(&vault, deed);
    let waiting = vault
        .block(vault.app().open(&signed, &otto.caller(&vault)))
        .unwrap();
    vault.approve_by_three(&waiting.id);
    vault.settle();
    assert!(
        matches!(vault.incident(&waiting.id).phase, Phase::Collecting(_)),
        "one at a time"
    );
    vault.close(&incident).unwrap();
    vault.settle();
    let again = vault.incident(&waiting.id);
    assert_eq!((again.terms.epoch, again.approvals().len()), (2, 0));
    vault.approve_by_three(&waiting.id);
    vault.settle();
    assert!(matches!(
        vault.incident(&waiting.id).phase,
        Phase::Reviewed { .. }
    ));
    assert_eq!(vault.current_epoch().manifest.epoch, 3);
    all_is_well(&vault);
}

#[test]
fn an_orderly_end_closes_the_session_and_rotates_before_the_process_goes() {
    let vault = TestVault::new();
    let (incident, _) = vault.opened();
    vault.block(vault.app().shut_down());
    assert!(matches!(
        vault.incident(&incident.id).phase,
        Phase::InReview(_)
    ));
    all_is_well(&vault);
}
