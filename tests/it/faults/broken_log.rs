//! The log cannot be written: a disk that is full, a database that is broken.

use std::path::Path;
use std::process::Command;

use breakglass::domain::incident::Phase;
use breakglass::store::Ballast;

use crate::restart::{all_is_well, bring_home};
use crate::support::TestVault;

#[test]
fn a_second_commit_that_fails_leaves_the_emergency_logs_work_its_time() {
    let mut vault = TestVault::new();
    vault.with_emergency_log("n1");
    vault.opened();
    assert_eq!(vault.live_secrets().len(), 2);
    vault.knobs(|knobs| knobs.first_byte_delay_ms = 4_000);
    vault.break_at("log.tick");
    drop(vault.block(vault.app().beat()).unwrap_err());
    // The calls that were cut write their ends, the outbox its tries: all of them fail now.
    drop(vault.block(vault.app().beat()).unwrap_err());
    assert!(
        !vault.app().log_lost().is_cancelled(),
        "the delete is on its way"
    );
    vault.knobs(|knobs| knobs.first_byte_delay_ms = 0);
    vault.wait_for_log_loss();
    assert_eq!(
        vault.live_secrets().len(),
        1,
        "session and predecessor are gone"
    );
}

#[test]
fn where_the_emergency_log_takes_nothing_either_everything_is_wiped_and_owed() {
    let mut vault = TestVault::new();
    let (incident, _) = vault.opened();
    vault.break_at("log.tick");
    drop(vault.block(vault.app().beat()));
    vault.wait_for_log_loss();
    assert_eq!(
        vault.live_secrets().len(),
        2,
        "nothing was done without a record"
    );
    vault.kill();
    vault.mend();
    vault.start();
    bring_home(&vault, &incident);
    all_is_well(&vault);
}

/// A folder on a disk of its own, with little room; unmounted also when the test fails.
struct SmallDisk<'f>(&'f Path);

impl<'f> SmallDisk<'f> {
    fn mounted(folder: &'f Path) -> Self {
        let mut mount = Command::new("mount");
        let mount = mount.args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"]);
        assert!(mount.arg(folder).status().unwrap().success());
        Self(folder)
    }

    /// Fills it to the last byte.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.0.join("filler")).unwrap();
        while std::io::Write::write_all(&mut file, &[0; 4096]).is_ok() {}
        while std::io::Write::write_all(&mut file, &[0]).is_ok() {}
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let done = Command::new("umount").arg("-l").arg(self.0).status();
        assert!(done.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

#[test]
#[ignore = "needs root to mount a tmpfs; tests/run runs it as root"]
fn a_full_disk_cuts_the_session_and_the_ballast_takes_the_way_back_to_its_end() {
    let mut vault = TestVault::new();
    let folder = vault.folder().to_owned();
    // The same files, on a disk of their own.
    vault.kill();
    let files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|found| found.unwrap())
        .map(|found| (found.path(), std::fs::read(found.path()).unwrap()))
        .collect();
    let disk = SmallDisk::mounted(&folder);
    for (path, bytes) in files {
        std::fs::write(path, bytes).unwrap();
    }
    vault.start();
    let ballast = Ballast::new(&folder, 6 << 20);
    vault.app().keep_ballast(ballast).unwrap();
    let (incident, claim_key) = vault.opened();
    let token = vault.claim(&incident, &claim_key).unwrap().token;
    disk.fill();
    // Whatever is written next meets the full disk.
    for _ in 0..2_000 {
        if vault.block(vault.app().beat()).is_err() || vault.count("disk.full") > 0 {
            break;
        }
    }
    vault.settle();
    assert_eq!(vault.count("disk.full"), 1);
    assert_eq!(vault.alerts_queued("disk.full"), 1);
    assert!(!vault.token_opens(&token));
    let now = vault.incident(&incident.id);
    assert!(matches!(now.phase, Phase::InReview(_)), "{:?}", now.phase);
    all_is_well(&vault);
    let error = vault.try_open_incident().unwrap_err();
    assert!(error.to_string().contains("the disk is full"), "{error}");
    assert_eq!(vault.block(vault.app().health()).status, "degraded");
    // Somebody makes room: the ballast is taken back, and openings are possible again.
    std::fs::remove_file(folder.join("filler")).unwrap();
    vault.pass_ms(61_000);
    vault.tick();
    assert_eq!(vault.count("disk.room"), 1);
    vault.try_open_incident().unwrap();
    vault.kill();
}

#[test]
fn the_whole_log_is_checked_in_the_background_and_a_changed_entry_opens_nothing() {
    let vault = TestVault::new();
    vault.block(vault.app().check_whole_log());
    assert_eq!(vault.block(vault.app().health()).status, "ok");
    let (incident, _) = vault.open();
    vault.deliver();
    vault.sql(
        "DROP TRIGGER log_entry_no_update; UPDATE log_entry SET leaf = \
         CAST(replace(CAST(leaf AS TEXT), '\"node\":\"n1\"', '\"node\":\"n2\"') AS BLOB) \
         WHERE seq = 1",
    );
    vault.block(vault.app().check_whole_log());
    assert_eq!(vault.block(vault.app().health()).status, "degraded");
    let found = vault.last_entry("log.check_failed").unwrap();
    assert!(found.text("why").unwrap().contains("entry 1"), "{found:?}");
    assert_eq!(vault.alerts_queued("log.broken"), 1);
    vault.approve_by_three(&incident.id);
    vault.settle();
    assert_eq!(vault.count("unseal.begin"), 0);
    let error = vault.try_open_incident().unwrap_err();
    assert!(error.to_string().contains("not the one this vault wrote"));
}
