//! The newest backup on record.

use breakglass::store::BackupStamp;

use crate::support::TestVault;

#[test]
fn an_older_stamp_of_another_node_does_not_replace_the_newest_backup() {
    let vault = TestVault::new();
    let stamped = |made_ms: i64, epoch: u32| {
        let stamp = BackupStamp::new(vault.id(), vault.now().plus_ms(made_ms), epoch, 9);
        stamp.write(&BackupStamp::path(vault.folder())).unwrap();
        // The vault looks once a second.
        vault.pass_ms(2_000);
        vault.tick();
    };
    stamped(-1_000, 1);
    let newest = vault.last_entry("backup.made").unwrap();
    // Another node of this vault has the lock now; its own stamp is a day old.
    stamped(-86_400_000, 1);
    assert_eq!(vault.count("backup.made"), 1);
    let at = vault.block(vault.store().fact("backup_at_ms")).unwrap();
    let made = newest.integer("made_ms").map(|ms| ms.to_string());
    assert_eq!(at, made);
    stamped(0, 1);
    assert_eq!(vault.count("backup.made"), 2, "a newer one does");
}
