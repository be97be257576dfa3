//! Who is woken, when, and who is let sleep (DESIGN §9); only the clock is moved.

use breakglass::alerts::Message;
use breakglass::app::AppError;
use breakglass::domain::act::Deed;
use breakglass::domain::incident::Incident;
use breakglass::domain::time::MINUTE_MS;

use crate::support::{Mode, Plan, TestVault};

/// Pages that arrived by mail, oldest first.
fn pages(vault: &TestVault) -> Vec<Message> {
    vault.deliver();
    let all = vault.mail.messages().into_iter();
    all.filter(|m| m.kind.starts_with("page.")).collect()
}

/// How many people each page woke.
fn counts(vault: &TestVault) -> Vec<usize> {
    pages(vault).iter().map(|m| m.to.len()).collect()
}

/// rio takes the incident back.
fn withdrawn(vault: &TestVault, incident: &Incident) {
    let rio = &vault.people.rio;
    let act = rio.sign_about(vault, incident, Deed::Withdraw {});
    let caller = rio.caller(vault);
    vault
        .block(vault.app().answer(&incident.id, &act, &caller, "withdraw"))
        .unwrap();
}

#[test]
fn four_are_paged_at_once_one_more_after_three_minutes_and_the_fallback_list_after_ten() {
    let vault = TestVault::new();
    vault.open();
    vault.tick();
    assert_eq!(counts(&vault), [4], "k + 1 of five custodians");
    vault.pass_ms(3 * MINUTE_MS - 1);
    vault.tick();
    assert_eq!(counts(&vault), [4], "not before its time");
    vault.pass_ms(1);
    vault.tick();
    vault.tick();
    assert_eq!(counts(&vault), [4, 1], "all five by now, and each once");
    vault.pass_ms(7 * MINUTE_MS);
    vault.tick();
    let all = pages(&vault);
    assert_eq!(all[2].kind, "page.fallback");
    let woken = |names: &[&str]| -> Vec<String> {
        names
            .iter()
            .map(|name| format!("{name}@example.com"))
            .collect()
    };
    assert_eq!(
        all[2].to,
        woken(&["olga", "otto", "sam"]),
        "no list: operators and security"
    );
    let mut custodians = [all[0].to.clone(), all[1].to.clone()].concat();
    custodians.sort_unstable();
    assert_eq!(custodians, woken(&["ada", "ben", "cleo", "dora", "emil"]));
    assert_eq!(vault.count("page.sent"), 3);
    let subject = &all[0].subject;
    assert!(subject.chars().count() <= 160, "{subject}");
    assert!(
        subject.contains("asks for your share (0 of 3 in)"),
        "{subject}"
    );
    assert!(
        all[0].body.contains(" UTC)"),
        "local time with UTC: {}",
        all[0].body
    );
    vault.verify_log();
}

#[test]
fn an_incident_says_when_each_custodian_was_paged_for_the_terms_in_force() {
    let mut vault = TestVault::new();
    let (incident, _) = vault.open();
    let paged = |vault: &TestVault| -> Vec<Option<i64>> {
        let view = vault.block(vault.app().show(&incident.id)).unwrap();
        view.custodians.iter().map(|c| c.paged_at_ms).collect()
    };
    assert_eq!(paged(&vault), [None; 5]);
    vault.tick();
    let first = vault.last_entry("page.sent").unwrap().ts_ms;
    let all = paged(&vault);
    assert_eq!(all.iter().filter(|at| **at == Some(first)).count(), 4);
    assert_eq!(all.iter().filter(|at| at.is_none()).count(), 1);
    vault.pass_ms(3 * MINUTE_MS);
    vault.tick();
    let all = paged(&vault);
    assert!(all.iter().all(Option::is_some), "{all:?}");
    assert!(all.iter().any(|at| *at >= Some(first + 3 * MINUTE_MS)));
    // Asked again after a restart: who was paged for void terms is not said to be paged.
    vault.restart();
    assert_eq!(paged(&vault), [None; 5]);
}

#[test]
fn a_restart_loses_no_wave_and_sends_none_twice() {
    let mut vault = TestVault::new();
    vault.open();
    vault.tick();
    assert_eq!(counts(&vault), [4]);
    // The restart asks again: new terms, a new phrase, and so the first people once more.
    vault.restart();
    vault.tick();
    vault.tick();
    assert_eq!(counts(&vault), [4, 4]);
    vault.pass_ms(3 * MINUTE_MS);
    vault.tick();
    assert_eq!(counts(&vault), [4, 4, 1]);
}

#[test]
fn after_a_long_wait_the_waves_are_counted_from_its_end() {
    let vault = TestVault::new();
    let (incident, _) = vault.open_case("compliance-mandate");
    vault.tick();
    assert_eq!(counts(&vault), [0_usize; 0], "nobody is asked yet");
    vault.pass_ms(24 * 60 * MINUTE_MS);
    vault.tick();
    vault.tick();
    assert!(vault.incident(&incident.id).is_collecting());
    assert_eq!(counts(&vault), [4], "not everybody at once");
    vault.pass_ms(3 * MINUTE_MS);
    vault.tick();
    assert_eq!(counts(&vault), [4, 1]);
}

#[test]
fn when_a_share_is_taken_back_late_the_waves_do_not_fall_due_together() {
    let vault = TestVault::planned(Plan {
        policy: Box::new(|policy| policy.office_hours.days.clear()),
        ..Plan::default()
    });
    let (incident, _) = vault.open_case("blocked-recovery-path");
    vault.tick();
    assert_eq!(counts(&vault), [4]);
    vault.deliver();
    vault.approve_by_three(&incident.id);
    vault.settle();
    // Enough while it cools; then ada takes hers back, a minute before the window ends.
    vault.pass_ms(9 * MINUTE_MS);
    vault.tick();
    let ada = &vault.people.ada;
    let act = ada.sign_about(&vault, &vault.incident(&incident.id), Deed::Withdraw {});
    let caller = ada.caller(&vault);
    let answer = vault.app().answer(&incident.id, &act, &caller, "withdraw");
    vault.block(answer).unwrap();
    vault.tick();
    vault.pass_ms(2 * MINUTE_MS);
    vault.tick();
    assert_eq!(counts(&vault), [4, 1], "the next wave, and no other");
    vault.pass_ms(5 * MINUTE_MS);
    vault.tick();
    let all = pages(&vault);
    assert_eq!(all.len(), 3);
    assert_eq!(
        all[2].kind, "page.fallback",
        "seven minutes after the wave before"
    );
}

#[test]
fn who_has_answered_is_let_sleep_and_at_quorum_nobody_is_paged_any_more() {
    let vault = TestVault::new();
    let (incident, _) = vault.open();
    vault.deliver();
    vault.approve_by_three(&incident.id);
    vault.settle();
    vault.tick();
    vault.pass_ms(11 * MINUTE_MS);
    vault.tick();
    assert_eq!(
        counts(&vault),
        [0_usize; 0],
        "three answered before the first page"
    );
    let kinds = vault.mail.kinds();
    assert!(
        kinds.contains(&"incident.stand_down".to_owned()),
        "{kinds:?}"
    );
}

#[test]
fn a_withdrawn_incident_pages_nobody_any_more() {
    let vault = TestVault::new();
    let (incident, _) = vault.open();
    vault.tick();
    assert_eq!(counts(&vault), [4]);
    withdrawn(&vault, &incident);
    vault.pass_ms(11 * MINUTE_MS);
    vault.tick();
    assert_eq!(counts(&vault), [4]);
    assert!(
        vault
            .block(vault.store().due_pages(vault.now()))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn an_owed_rotation_pages_nobody() {
    let mut vault = TestVault::new();
    let (incident, claim_key) = vault.open();
    vault.deliver();
    vault.approve_by_three(&incident.id);
    vault.settle();
    drop(vault.claim(&incident, &claim_key));
    vault.restart();
    let before = counts(&vault);
    vault.tick();
    vault.settle();
    vault.pass_ms(11 * MINUTE_MS);
    vault.tick();
    assert!(
        vault.incidents().iter().any(|i| i.rotation_owed)
            || vault.count("incident.asked_again") > 0
    );
    assert_eq!(counts(&vault), before);
}

#[test]
fn a_page_that_failed_and_one_that_failed_but_arrived_are_both_sent_again() {
    for mode in [Mode::Fails, Mode::FailsButDelivers] {
        let vault = TestVault::new();
        vault.open();
        vault.deliver();
        vault.channels(mode);
        vault.tick();
        vault.deliver();
        let arrived = pages(&vault).len();
        assert_eq!(arrived, usize::from(mode == Mode::FailsButDelivers));
        vault.channels(Mode::Works);
        vault.pass_ms(6_000);
        // The message id stays, so a receiver can tell the repetition.
        let all = pages(&vault);
        assert_eq!(all.len(), arrived + 1);
        assert!(all.windows(2).all(|two| two[0].id == two[1].id));
        assert_eq!(vault.count("page.sent"), 1);
    }
}

#[test]
fn what_silences_a_pager_does_not_overtake_what_made_it_ring_for_an_hour() {
    let vault = TestVault::new();
    vault.hook.is_silenced_by("incident.withdrawn");
    vault.hook.set(Mode::FailsButDelivers);
    let (incident, _) = vault.open();
    vault.deliver();
    withdrawn(&vault, &incident);
    let ends = || {
        let kinds = vault.hook.kinds();
        kinds.iter().filter(|k| *k == "incident.withdrawn").count()
    };
    for minutes in [0, 1, 57] {
        vault.pass_ms(minutes * MINUTE_MS);
        vault.deliver();
        // Nobody is sure that it rang.
        assert_eq!(ends(), 0, "{minutes}: {:?}", vault.hook.kinds());
    }
    vault.pass_ms(3 * MINUTE_MS);
    vault.deliver();
    assert_ne!(ends(), 0, "{:?}", vault.hook.kinds());

    // Where the pager works again in time, both go out and in order.
    let vault = TestVault::new();
    vault.hook.is_silenced_by("incident.withdrawn");
    vault.hook.set(Mode::Fails);
    let (incident, _) = vault.open();
    vault.deliver();
    withdrawn(&vault, &incident);
    vault.hook.set(Mode::Works);
    vault.pass_ms(MINUTE_MS);
    vault.deliver();
    let kinds = vault.hook.kinds();
    let place = |wanted: &str| kinds.iter().position(|kind| kind == wanted);
    let (rang, ended) = (place("incident.opened"), place("incident.withdrawn"));
    assert!(rang.is_some() && rang < ended, "{kinds:?}");
}

#[test]
fn a_test_message_carries_a_code_that_proves_its_channel_once_somebody_types_it_back() {
    let vault = TestVault::new();
    vault.deliver();
    let caller = |person: &crate::support::Person| person.caller(&vault);
    let (otto, rio) = (caller(&vault.people.otto), caller(&vault.people.rio));
    let test = |who, only| vault.block(vault.app().test_channels(who, only));
    assert!(test(&rio, None).is_err(), "operators only");
    assert!(test(&otto, Some("pigeon")).is_err());
    test(&otto, None).unwrap();
    vault.deliver();
    let sent = vault.mail.messages().pop().unwrap();
    assert_eq!(sent.kind, "alert.test");
    let code = sent.body.split_whitespace().last().unwrap().to_owned();
    assert_eq!(code.len(), 6, "{}", sent.body);
    assert_ne!(
        vault.hook.messages().pop().unwrap().body,
        sent.body,
        "a code for each channel"
    );
    let confirm = |code: &str| vault.block(vault.app().confirm_test(&rio, code));
    assert!(confirm("AAAAAA").is_err());
    assert_eq!(confirm(&code.to_lowercase()).unwrap(), "mail");
    let list = vault.block(vault.app().channel_list()).unwrap();
    let confirmed: Vec<bool> = list
        .channels
        .iter()
        .map(|c| c.confirmed_at_ms.is_some())
        .collect();
    assert_eq!(confirmed, [true, false]);
    assert!(
        list.channels
            .iter()
            .all(|c| c.delivered_at_ms.is_some() && c.failing == 0)
    );
    assert_eq!(vault.count("alert.confirmed"), 1);
}

#[test]
fn the_metrics_say_what_is_open_failing_and_due_and_name_nobody() {
    let vault = TestVault::new();
    vault.deliver();
    let metrics = || vault.block(vault.app().metrics()).unwrap();
    let has = |line: &str| {
        assert!(
            metrics().lines().any(|l| l == line),
            "{line}\n{}",
            metrics()
        )
    };
    has("breakglass_session_open 0");
    has("breakglass_unsealed 0");
    has("breakglass_epoch 1");
    has("breakglass_epoch_ready 0");
    vault.hook.set(Mode::Fails);
    let (incident, _) = vault.open();
    vault.deliver();
    has("breakglass_incidents{phase=\"collecting\"} 1");
    assert!(!metrics().contains("breakglass_channel_failing{channel=\"hook\"} 0"));
    vault.approve_by_three(&incident.id);
    vault.settle();
    has("breakglass_session_open 1");
    has("breakglass_unsealed 1");
    for secret in ["u_", "INC-", "rio", "Rio"] {
        assert!(!metrics().contains(secret), "{secret}");
    }
}

#[test]
fn a_row_that_the_store_does_not_take_is_no_conflict() {
    let vault = TestVault::new();
    let (incident, _) = vault.opened();
    let (_, version) = vault
        .block(vault.store().incident(&incident.id))
        .unwrap()
        .unwrap();
    // A schema that refuses the incident's next state, as one does that knows a value less.
    vault.sql(&format!(
        "ALTER TABLE incident ADD COLUMN never INTEGER CHECK (version <= {version})"
    ));
    let rio = vault.people.rio.caller(&vault);
    let note = vault
        .app()
        .note(&incident.id, &rio, "restarted the cluster".to_owned());
    let error = vault.block(note).unwrap_err();
    // A tick that pages takes a conflict for another tick's page; this is none.
    assert!(matches!(error, AppError::Untakeable(_)), "{error:?}");
    assert!(vault.store().is_writable(), "nothing of it was written");
}
