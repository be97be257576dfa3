//! The process ends and begins again, in every phase.

use breakglass::domain::incident::{Incident, Phase};
use breakglass::domain::rotation::State;
use breakglass::domain::terms::Purpose;

use crate::support::TestVault;

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

/// Everything is as if nothing had ever broken.
pub fn all_is_well(vault: &TestVault) {
    let epoch = vault.current_epoch();
    assert_eq!(vault.live_secrets(), [epoch.secret_id], "exactly one live secret");
    assert!(!vault.first_secret_mints());
    assert_eq!(vault.rotation().state, State::Done);
    assert_eq!(vault.block(vault.store().fact("rotation_owed_since_ms")).unwrap(), None);
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
    for kind in ["unseal.begin", "unseal.done", "secret.post", "secret.result", "session.open"] {
        let mut vault = TestVault::new();
        let (incident, _) = vault.open();
        vault.deliver();
        vault.break_at(kind);
        vault.approve_by_three(&incident.id);
        break_and_restart(&mut vault);
        let again = vault.incident(&incident.id);
        assert!(matches!(again.phase, Phase::Collecting(_)), "{kind}: {:?}", again.phase);
        assert_ne!(again.terms_sha256, incident.terms_sha256, "{kind}");
        assert_ne!(again.terms.recipient, incident.terms.recipient, "{kind}");
        assert_eq!(again.rotation_owed, kind != "unseal.begin", "{kind}");
        bring_home(&vault, &incident);
        all_is_well(&vault);
    }
}

#[test]
fn a_crash_before_any_entry_of_the_way_back_is_settled_by_three_custodians() {
    let kinds = [
        "session.close",
        "secret.deleted",
        "rotate.begun",
        "rotate.prepared",
        "rotate.create_sent",
        "rotate.sealed",
        "rotate.verified",
        "rotate.acked",
        "rotate.switched",
        "rotate.deleted",
        "rotate.done",
        "incident.closed",
    ];
    for kind in kinds {
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
