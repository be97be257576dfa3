//! What is told by the calendar, and what is told once only.

use std::net::IpAddr;

use breakglass::domain::incident::Phase;
use breakglass::domain::time::DAY_MS;

use crate::restart::all_is_well;
use crate::story::review as review_of;
use crate::support::TestVault;

#[test]
fn everyone_hears_daily_while_the_first_epoch_is_not_ready() {
    let mut vault = TestVault::new();
    let told = |vault: &TestVault| vault.alerts_queued("custody.not_ready");
    vault.tick();
    assert_eq!(
        told(&vault),
        0,
        "the enrolment lines have only just gone out"
    );
    for day in 1..=3 {
        vault.pass_ms(DAY_MS);
        vault.tick();
        vault.tick();
        assert_eq!(told(&vault), day);
        vault.restart();
        vault.tick();
        assert_eq!(told(&vault), day, "a restart tells nothing twice");
    }
    for person in vault.people.custodians() {
        let proof = person.proof(&vault);
        let caller = person.caller(&vault);
        vault.block(vault.app().prove(&proof, &caller)).unwrap();
    }
    vault.pass_ms(DAY_MS);
    vault.tick();
    assert_eq!(told(&vault), 3);
    let text = vault.last_entry("custody.not_ready").unwrap();
    assert_eq!(
        (text.integer("have"), text.integer("need")),
        (Some(0), Some(5))
    );
    vault.verify_log();
}

#[test]
fn the_end_of_the_credential_is_told_at_each_step_once() {
    let mut vault = TestVault::new();
    let end = vault.current_epoch().secret_expires_at_ms;
    let told = |vault: &TestVault| vault.alerts_queued("credential.expires");
    let mut expected = 0;
    for (left, step) in [
        (61, None),
        (60, Some(60)),
        (45, None),
        (30, Some(30)),
        (14, Some(14)),
        (7, Some(7)),
        (3, None),
        (1, Some(1)),
        (0, Some(0)),
    ] {
        let to = end.plus_ms(-left * DAY_MS);
        vault.pass_ms(to.since_ms(vault.now()));
        vault.tick();
        vault.restart();
        vault.tick();
        expected += usize::from(step.is_some());
        assert_eq!(told(&vault), expected, "{left} days before");
        if let Some(step) = step {
            let entry = vault.last_entry("credential.expires").unwrap();
            assert_eq!(entry.integer("days"), Some(step));
        }
    }
    vault.verify_log();
}

/// Mails about overdue reviews: subject and whom they went to, oldest first.
fn overdue(vault: &TestVault) -> Vec<(String, Vec<String>)> {
    vault.deliver();
    let all = vault.mail.messages().into_iter();
    let mails = all.filter(|m| m.kind == "review.overdue");
    let name = |to: String| to.replace("@example.com", "");
    mails
        .map(|m| (m.subject, m.to.into_iter().map(name).collect()))
        .collect()
}

#[test]
fn an_overdue_review_is_told_to_those_who_may_sign_then_to_operators_and_security_then_weekly() {
    let mut vault = TestVault::new();
    let (incident, _) = vault.opened();
    vault.stop(&vault.people.tess, &incident).unwrap();
    vault.settle();
    let Phase::InReview(review) = vault.incident(&incident.id).phase else {
        panic!("{} is not in review", incident.id);
    };
    let look = |vault: &mut TestVault| {
        vault.tick();
        vault.restart();
        vault.tick();
        vault.tick();
        overdue(vault)
    };
    vault.pass_ms(review.due_ms.since_ms(vault.now()) - 1);
    assert_eq!(look(&mut vault), []);
    vault.pass_ms(review.due_ms.since_ms(vault.now()).max(0));
    let mails = look(&mut vault);
    // Tess stopped the session: she took part and cannot sign.
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert_eq!(mails[0].1, ["vera"]);
    let since = review.due_ms.date_clock_utc();
    let about = format!("[OVERDUE since {since}] Break glass {} ", incident.id);
    assert!(mails[0].0.starts_with(&about), "{mails:?}");
    vault.pass_ms(DAY_MS);
    let mails = look(&mut vault);
    assert_eq!(mails.len(), 2, "{mails:?}");
    assert_eq!(mails[1].1, ["olga", "otto", "sam", "vera"]);
    vault.pass_ms(6 * DAY_MS);
    assert_eq!(look(&mut vault).len(), 2, "not before a week");
    vault.pass_ms(DAY_MS);
    assert_eq!(look(&mut vault).len(), 3);
    // Away for three weeks: told once for the time it was away.
    vault.pass_ms(21 * DAY_MS);
    assert_eq!(look(&mut vault).len(), 4);
    let entry = vault.last_entry("review.overdue").unwrap();
    assert_eq!(entry.integer("step"), Some(5));
    // Whoever signs silences it.
    let signed = review_of(
        &vault,
        &vault.people.vera,
        &vault.incident(&incident.id),
        |_| {},
    );
    let vera = vault.people.vera.caller(&vault);
    vault
        .block(vault.app().review_sign(&incident.id, &signed, &vera))
        .unwrap();
    vault.pass_ms(30 * DAY_MS);
    assert_eq!(look(&mut vault).len(), 4);
    vault.verify_log();
}

#[test]
fn a_create_that_is_refused_again_and_again_is_told_once_and_written_each_time() {
    let vault = TestVault::new();
    let (incident, _) = vault.opened();
    vault.knobs(|knobs| knobs.reject_create = 5);
    vault.close(&incident).unwrap();
    vault.settle();
    assert_eq!(vault.count("rotate.create_refused"), 5);
    assert_eq!(vault.alerts_queued("rotate.create_refused"), 1);
    all_is_well(&vault);
}

#[test]
fn what_a_listener_refuses_is_written_and_a_burst_is_counted() {
    let vault = TestVault::new();
    let peer = IpAddr::from([192, 0, 2, 9]);
    vault.block(async {
        for _ in 0..50 {
            vault.app().note_refused_at_door("host", peer);
        }
    });
    vault.settle();
    assert_eq!(vault.count("door.refused"), 5);
    let entry = vault.last_entry("door.refused").unwrap();
    assert_eq!(entry.text("why"), Some("host"));
    assert_eq!(entry.text("from"), Some("192.0.2.9"));
    let burst = vault.last_entry("door.burst").unwrap();
    assert_eq!(burst.integer("n"), Some(45));
    assert_eq!(vault.count("door.burst"), 1);
    vault.verify_log();
}
