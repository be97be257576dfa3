//! A database that is older than the last epoch: nobody is asked for a share that opens nothing.

use breakglass::domain::act::Deed;
use breakglass::domain::incident::Phase;
use breakglass::store::BackupStamp;

use crate::restart::{all_is_well, bring_home};
use crate::support::{TestVault, rotation_opening};

/// Starts the vault again where a backup with a later epoch was made on this host.
fn restored(vault: &mut TestVault) {
    vault.kill();
    let stamp = BackupStamp::new(vault.id(), vault.now(), 9, 1);
    stamp.write(&BackupStamp::path(vault.folder())).unwrap();
    vault.start();
    assert_eq!(vault.app().dealt_later(), Some(9));
}

#[test]
fn an_incident_that_collected_ends_and_an_owed_rotation_is_not_asked_for() {
    let mut vault = TestVault::new();
    let (incident, _) = vault.open();
    vault.approve(&vault.people.ada, &incident.id).unwrap();
    vault.sql("INSERT INTO fact (name, value) VALUES ('rotation_owed_since_ms', '1')");
    vault.sql("INSERT INTO fact (name, value) VALUES ('epoch_owed', 'it is time')");
    restored(&mut vault);
    let now = vault.incident(&incident.id);
    assert!(matches!(now.phase, Phase::Lapsed { .. }), "{:?}", now.phase);
    vault.tick();
    vault.tick();
    assert_eq!(vault.incidents().len(), 1, "nobody is asked for a rotation");
    assert_eq!(vault.count("incident.asked_again"), 0);

    let refused = vault.try_open_incident().unwrap_err();
    assert_eq!(refused.code(), "sealed");
    assert!(
        refused
            .to_string()
            .contains("credential sealed here is dead")
    );
    let otto = &vault.people.otto;
    let signed = otto.sign(&vault, Deed::Open(Box::new(rotation_opening())));
    let refused = vault.block(vault.app().open(&signed, &otto.caller(&vault)));
    assert_eq!(refused.unwrap_err().code(), "sealed");
    assert_eq!(vault.incidents().len(), 1);
}

#[test]
fn the_way_back_of_an_open_session_asks_nobody() {
    let mut vault = TestVault::new();
    let (incident, _) = vault.opened();
    restored(&mut vault);
    for _ in 0..2 {
        vault.tick();
        vault.settle();
        let now = vault.incident(&incident.id);
        let Phase::Closing(closing) = &now.phase else {
            panic!("{:?}", now.phase)
        };
        assert!(closing.memory_lost && closing.rotate.is_none());
        assert_eq!(vault.count("incident.asked_again"), 0);
        // It starts again, with what it found before.
        vault.restart();
    }
    assert!(vault.approve(&vault.people.ada, &incident.id).is_err());
    // A fresh credential does not wait for what nobody can finish; its epoch finishes that.
    let (_, value) = vault.fresh_secret();
    vault.kill();
    vault.start_for_init();
    assert_eq!(vault.supply(&value, None).unwrap(), 10, "after the ninth");
    vault.restart();
    assert_eq!(vault.app().dealt_later(), None);
    bring_home(&vault, &incident);
    all_is_well(&vault);
}
