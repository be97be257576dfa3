//! What the vault knows of its backups, and when it says that one is lacking.

use breakglass::domain::time::{DAY_MS, SECOND_MS};
use breakglass::store::{BackupStamp, back_up};

use crate::restart::all_is_well;
use crate::support::TestVault;

/// What `breakglass backup` does on the host: copy, then stamp.
fn backup(vault: &TestVault, name: &str) {
    let folder = vault.folder().join(name);
    std::fs::create_dir(&folder).unwrap();
    let made = vault.outside(back_up(&vault.store_config(), &folder));
    let made = made.unwrap();
    let epoch = made.epoch.manifest.epoch;
    BackupStamp::new(vault.id(), vault.now(), epoch, made.size)
        .write(&BackupStamp::path(vault.folder()))
        .unwrap();
    vault.pass_ms(SECOND_MS);
    vault.tick();
}

fn metric(vault: &TestVault, name: &str) -> Option<f64> {
    let text = vault.block(vault.app().metrics()).unwrap();
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

#[test]
fn a_backup_is_on_record_once_it_is_complete_and_its_age_is_the_real_one() {
    let mut vault = TestVault::new();
    vault.tick();
    assert_eq!(metric(&vault, "breakglass_backup_age_seconds"), None);
    assert_eq!(metric(&vault, "breakglass_backup_epoch"), Some(0.0));
    backup(&vault, "first");
    assert_eq!(vault.count("backup.made"), 1);
    vault.pass_ms(DAY_MS - SECOND_MS);
    vault.tick();
    vault.restart();
    vault.tick();
    assert_eq!(vault.count("backup.made"), 1, "one stamp, one entry");
    let age = metric(&vault, "breakglass_backup_age_seconds");
    assert_eq!(age, Some(86_400.0));
    assert_eq!(metric(&vault, "breakglass_backup_epoch"), Some(1.0));
    let view = vault.block(vault.app().vault_view()).unwrap();
    assert_eq!(view.backup_epoch, Some(1));
    backup(&vault, "second");
    assert_eq!(vault.count("backup.made"), 2);
    vault.verify_log();
}

#[test]
fn operators_hear_weekly_while_no_backup_holds_the_epoch_in_force() {
    let mut vault = TestVault::new();
    let told = |vault: &TestVault| vault.alerts_queued("backup.lacks");
    vault.tick();
    assert_eq!(told(&vault), 0, "the first day is for making one");
    vault.pass_ms(DAY_MS);
    vault.tick();
    assert_eq!(told(&vault), 1);
    for _ in 0..2 {
        vault.pass_ms(3 * DAY_MS);
        vault.tick();
    }
    assert_eq!(told(&vault), 1);
    vault.pass_ms(DAY_MS);
    vault.restart();
    vault.tick();
    assert_eq!(told(&vault), 2, "a week later");
    backup(&vault, "first");
    vault.pass_ms(6 * DAY_MS);
    vault.tick();
    assert_eq!(told(&vault), 2, "it is there now");

    let (incident, _) = vault.opened();
    vault.close(&incident).unwrap();
    vault.settle();
    all_is_well(&vault);
    assert_eq!(vault.current_epoch().manifest.epoch, 2);
    assert_eq!(told(&vault), 2, "the new epoch has its day");
    vault.pass_ms(DAY_MS);
    vault.tick();
    assert_eq!(told(&vault), 3);
    let entry = vault.last_entry("backup.lacks").unwrap();
    assert_eq!(entry.text("why"), Some("epoch"));
    let of = |name| entry.integer(name);
    assert_eq!((of("epoch"), of("holds")), (Some(2), Some(1)));
    vault.verify_log();
}

#[test]
fn a_stamp_of_another_vault_or_none_at_all_changes_nothing() {
    let vault = TestVault::new();
    let path = BackupStamp::path(vault.folder());
    for stamp in [&b"not a stamp"[..], b"{}"] {
        std::fs::write(&path, stamp).unwrap();
        vault.pass_ms(SECOND_MS);
        vault.tick();
    }
    let other = "other-vault".parse().unwrap();
    let stamp = BackupStamp::new(other, vault.now(), 1, 9);
    stamp.write(&path).unwrap();
    vault.pass_ms(SECOND_MS);
    vault.tick();
    assert_eq!(vault.count("backup.made"), 0);
    assert_eq!(metric(&vault, "breakglass_backup_epoch"), Some(0.0));
}
