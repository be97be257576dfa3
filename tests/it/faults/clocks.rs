//! Clocks that are wrong.

use breakglass::domain::incident::Phase;

use crate::restart::all_is_well;
use crate::support::TestVault;

#[test]
fn a_clock_more_than_a_minute_from_databricks_opens_nothing_and_says_so() {
    // Databricks' clock runs on while the vault's stands, and the vault's is moved below: both must
    // leave it wrong.
    for apart_ms in [-120_000, 120_000] {
        let vault = TestVault::new();
        let (incident, _) = vault.open();
        vault.deliver();
        vault.knobs(|knobs| knobs.clock_offset_ms = apart_ms);
        vault.approve_by_three(&incident.id);
        vault.settle();
        let waits = vault.incident(&incident.id);
        assert!(
            matches!(waits.phase, Phase::Collecting(_)),
            "{:?}",
            waits.phase
        );
        assert_eq!(waits.approvals().len(), 3, "nothing is lost");
        assert_eq!(vault.count("unseal.begin"), 0);
        let entry = vault.last_entry("opening.clock").unwrap();
        assert!(
            entry.text("why").unwrap().contains("60 s are the limit"),
            "{entry:?}"
        );
        assert_eq!(vault.alerts_queued("opening.clock"), 1);
        let shown = vault.block(vault.app().show(&incident.id)).unwrap();
        assert!(shown.waits_for.unwrap().contains("from databricks'"));
        // The timer does not repeat it.
        vault.clock.pass_ms(10_000);
        vault.tick();
        vault.settle();
        assert_eq!(vault.alerts_queued("opening.clock"), 1);
        // Somebody sets the clock: it opens by itself.
        vault.knobs(|knobs| knobs.clock_offset_ms = 10_000);
        vault.clock.pass_ms(3_000);
        vault.tick();
        vault.wait_for(&incident.id, |i| matches!(i.phase, Phase::Open(_)));
        let shown = vault.block(vault.app().show(&incident.id)).unwrap();
        assert_eq!(shown.waits_for, None);
        vault.close(&incident).unwrap();
        vault.settle();
        all_is_well(&vault);
    }
}

#[test]
fn a_clock_that_cannot_be_compared_opens_nothing_and_says_so() {
    let vault = TestVault::new();
    let (incident, _) = vault.open();
    vault.deliver();
    vault.knobs(|knobs| knobs.reset_mid_body_next = u32::MAX);
    vault.approve_by_three(&incident.id);
    vault.settle();
    assert_eq!(vault.count("unseal.begin"), 0);
    let entry = vault.last_entry("opening.clock").unwrap();
    assert!(entry.text("why").unwrap().contains("cannot be compared"));
    assert_eq!(vault.alerts_queued("opening.clock"), 1);
    vault.knobs(|knobs| knobs.reset_mid_body_next = 0);
    vault.pass_ms(3_000);
    vault.tick();
    vault.wait_for(&incident.id, |i| matches!(i.phase, Phase::Open(_)));
    vault.close(&incident).unwrap();
    vault.settle();
    all_is_well(&vault);
}

#[test]
fn a_wrong_clock_never_holds_up_a_way_back() {
    let mut vault = TestVault::new();
    let (incident, _) = vault.opened();
    vault.restart();
    vault.knobs(|knobs| knobs.clock_offset_ms = 600_000);
    vault.approve_by_three(&incident.id);
    vault.settle();
    assert!(matches!(
        vault.incident(&incident.id).phase,
        Phase::InReview(_)
    ));
    assert_eq!(vault.count("opening.clock"), 0);
    all_is_well(&vault);
}

#[test]
fn a_clock_set_back_an_hour_is_written_and_changes_no_deadline_of_a_session() {
    let vault = TestVault::new();
    let (incident, claim_key) = vault.opened();
    let token = vault.claim(&incident, &claim_key).unwrap().token;
    let minutes = i64::from(incident.terms.max_minutes);
    vault.clock.set_wall(vault.now().plus_ms(-3_600_000));
    vault.tick();
    assert!(vault.token_opens(&token));
    vault.block(vault.app().beat()).unwrap();
    let jump = vault.last_entry("clock.jump").unwrap();
    let fell = jump.integer("from_ms").unwrap() - jump.integer("to_ms").unwrap();
    assert!((3_590_000..=3_610_000).contains(&fell), "{fell}");
    // By the wall clock it would live an hour longer; by the boot clock its time is up.
    vault.pass_ms(minutes * 60_000);
    assert!(!vault.token_opens(&token));
    vault.tick();
    vault.settle();
    let closed = vault.last_entry("session.close").unwrap();
    assert_eq!(closed.text("why"), Some("deadline"));
    all_is_well(&vault);
}
