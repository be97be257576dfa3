//! Delays, vetoes, co-approvers, overrides, displacement and longer sessions, one rule at a time.

use super::world::*;
use crate::domain::act::Pick;
use crate::domain::incident::{CloseCause, Command, Event, Incident, Phase, Refusal};
use crate::domain::roster::Role;
use crate::domain::terms::{Gate, Requester};
use crate::domain::time::{DAY_MS, MINUTE_MS};

fn phase(incident: &Incident) -> &'static str {
    incident.phase.name().word()
}

#[test]
fn out_of_hours_a_veto_window_runs_and_in_office_hours_it_does_not() {
    let mut world = World::plain();
    let night = world.opened(&blocked_request());
    assert_eq!(
        night.terms.not_before_ms.since_ms(night.terms.asked_ms),
        10 * MINUTE_MS
    );
    // 2026-11-23 is a Monday.
    world.now = START.plus_ms(2 * DAY_MS + 6 * 60 * MINUTE_MS);
    let day = world.opened(&blocked_request());
    assert_eq!(day.terms.not_before_ms, day.terms.asked_ms);
    assert_eq!(phase(&world.with_quorum(day)), "collecting");
}

#[test]
fn quorum_within_the_window_cools_and_opens_only_when_it_is_over() {
    let mut world = World::plain();
    let mut incident = world.cooling();
    assert_eq!(phase(&incident), "cooling");
    world.now = incident.terms.not_before_ms.plus_ms(-1);
    assert_eq!(
        world.decide(&incident, Command::Begin),
        Err(Refusal::TooEarly {
            at: incident.terms.not_before_ms
        })
    );
    assert_eq!(world.decide(&incident, Command::Time), Ok(Vec::new()));
    world.now = incident.terms.not_before_ms;
    assert_eq!(world.decide(&incident, Command::Time), Ok(Vec::new()));
    world.go(&mut incident, Command::Begin);
    assert_eq!(phase(&incident), "opening");
}

#[test]
fn a_window_that_ends_with_something_in_the_way_goes_back_to_collecting_with_its_shares() {
    let mut world = World::plain();
    let mut incident = world.cooling();
    world.now = incident.terms.not_before_ms;
    world.alert_confirmed = false;
    world.go(&mut incident, Command::Time);
    assert_eq!(
        (phase(&incident), incident.approvals().len()),
        ("collecting", 3)
    );
    world.alert_confirmed = true;
    world.go(&mut incident, Command::Begin);
    assert_eq!(phase(&incident), "opening");
}

#[test]
fn a_share_withdrawn_while_cooling_collects_again() {
    let world = World::plain();
    let mut incident = world.cooling();
    world.go(&mut incident, withdraw("ada"));
    assert_eq!(
        (phase(&incident), incident.approvals().len()),
        ("collecting", 2)
    );
    let offer = world.offer(&incident, "dora");
    world.go(&mut incident, Command::Approve(offer));
    assert_eq!(phase(&incident), "cooling");
}

#[test]
fn asking_again_while_cooling_neither_shortens_nor_renews_the_window() {
    let mut world = World::plain();
    let mut incident = world.cooling();
    let not_before = incident.terms.not_before_ms;
    world.now = START.plus_ms(4 * MINUTE_MS);
    world.go(&mut incident, Command::Restarted { fresh: fresh(2) });
    assert_eq!(
        (phase(&incident), incident.approvals().len()),
        ("collecting", 0)
    );
    assert_eq!(incident.terms.not_before_ms, not_before);
    world.now = not_before.plus_ms(MINUTE_MS);
    world.go(&mut incident, Command::Restarted { fresh: fresh(3) });
    assert_eq!(incident.terms.not_before_ms, world.now);
}

#[test]
fn a_long_delay_is_waited_for_before_anyone_is_asked() {
    let mut world = World::plain();
    let mut incident = world.waiting();
    assert_eq!(phase(&incident), "waiting");
    let until = START.plus_ms(DAY_MS);
    assert_eq!(incident.phase, Phase::Waiting { until_ms: until });
    let offer = world.offer(&incident, "ada");
    assert!(world.decide(&incident, Command::Approve(offer)).is_err());
    let over = || Command::WaitOver { fresh: fresh(2) };
    world.now = until.plus_ms(-1);
    assert_eq!(
        world.decide(&incident, over()),
        Err(Refusal::TooEarly { at: until })
    );
    world.now = until;
    let before = incident.terms_sha256;
    world.go(&mut incident, over());
    assert_eq!((phase(&incident), incident.restarts), ("collecting", 0));
    assert_ne!(incident.terms_sha256, before, "another phrase");
    assert_eq!(incident.terms.expires_ms, until.plus_ms(30 * MINUTE_MS));
}

#[test]
fn a_co_approver_must_agree_and_is_nobody_else_who_signs() {
    let mut world = World::plain();
    let incident = world.waited();
    assert_eq!(incident.co_approver, Some(Role::Auditor));
    let mut incident = world.with_quorum(incident);
    assert_eq!(
        world.decide(&incident, Command::Begin),
        Err(Refusal::CoApproverMissing { role: "auditor" })
    );
    let agree = co_approve(&world, &incident, "vera");
    world.go(&mut incident, agree);
    assert!(incident.participants.contains(&id("vera")));
    world.go(&mut incident, withdraw("vera"));
    assert!(incident.agreed().is_err(), "taken back");
    let agree = co_approve(&world, &incident, "tess");
    world.go(&mut incident, agree);
    world.go(&mut incident, Command::Begin);
    assert_eq!(phase(&incident), "opening");
}

#[test]
fn a_custodian_who_is_an_auditor_too_gives_one_signature_only() {
    let mut world = World::plain();
    for person in &mut world.roster.people {
        if person.id == id("ada") {
            person.roles.push(Role::Auditor);
        }
    }
    let mut incident = world.waited();
    let agree = co_approve(&world, &incident, "ada");
    world.go(&mut incident, agree);
    let offer = world.offer(&incident, "ada");
    assert_eq!(
        world.decide(&incident, Command::Approve(offer)),
        Err(Refusal::AlreadyApproved)
    );
}

#[test]
fn a_veto_ends_an_incident_in_every_phase_before_the_session() {
    let mut world = World::plain();
    let waited = world.waited();
    world.now = START;
    for mut incident in [world.waiting(), world.collecting(), world.cooling(), waited] {
        world.go(&mut incident, veto("sam"));
        assert_eq!(phase(&incident), "refused");
        assert!(incident.participants.contains(&id("sam")));
    }
    let mut opening = world.unsealed(world.collecting());
    world.go(&mut opening, veto("sam"));
    assert!(
        matches!(&opening.phase, Phase::Closing(c) if c.cause == CloseCause::Vetoed && !c.memory_lost)
    );
    assert!(world.decide(&world.open_session(), veto("sam")).is_err());
}

#[test]
fn a_second_no_within_a_day_waits_for_another_person() {
    let mut world = World::plain();
    world.stops_last_day = 1;
    for (mut incident, no, other) in [
        (world.open_session(), stop("sam"), stop("vera")),
        (world.collecting(), veto("sam"), veto("sam")),
    ] {
        let before = phase(&incident);
        world.go(&mut incident, no.clone());
        assert_eq!(phase(&incident), before, "one signature is not obeyed");
        assert_eq!(world.decide(&incident, no), Err(Refusal::SecondStop));
        assert!(incident.participants.contains(&id("sam")));
        if before == "open" {
            world.go(&mut incident, other);
            assert_eq!(phase(&incident), "closing");
        }
    }
}

#[test]
fn where_no_further_custodian_exists_security_overrides_a_gate() {
    let mut world = World::plain();
    world.epoch.holders.truncate(3);
    world.gates = vec![Gate::ReviewOverdue, Gate::WitnessMissing];
    let mut incident = world.collecting();
    assert_eq!((incident.terms.needed, incident.terms.k), (3, 3));
    incident = world.with_quorum(incident);
    let half = lift(&incident, "sam", &[Gate::ReviewOverdue]);
    let mut halfway = incident.clone();
    world.go(&mut halfway, half);
    assert!(matches!(
        world.decide(&halfway, Command::Begin),
        Err(Refusal::OverrideNeeded { .. })
    ));
    let whole = lift(&incident, "sam", &world.gates);
    world.go(&mut incident, whole);
    world.go(&mut incident, Command::Begin);
    assert!(incident.participants.contains(&id("sam")));
}

#[test]
fn a_holder_who_is_no_custodian_any_more_is_not_counted_as_one_more_approver() {
    let mut world = World::plain();
    world.epoch.holders.truncate(4);
    world.gates = vec![Gate::ReviewOverdue];
    assert_eq!(world.collecting().terms.needed, 4);
    // Dora keeps her role as auditor only; the next epoch is not dealt yet.
    world.roster.people[3].roles = vec![Role::Auditor];
    let mut incident = world.collecting();
    assert_eq!(incident.terms.needed, 3);
    let offer = world.offer(&incident, "dora");
    assert!(matches!(
        world.decide(&incident, Command::Approve(offer)),
        Err(Refusal::NoShare { .. })
    ));
    incident = world.with_quorum(incident);
    assert!(matches!(
        world.decide(&incident, Command::Begin),
        Err(Refusal::OverrideNeeded { .. })
    ));
    let sign = lift(&incident, "sam", &[Gate::ReviewOverdue]);
    world.go(&mut incident, sign);
    world.go(&mut incident, Command::Begin);
    assert_eq!(phase(&incident), "opening");
}

#[test]
fn whoever_left_the_debt_approves_no_rotation_and_is_counted_for_none() {
    let mut world = World::plain();
    world.debtors = vec![id("ada")];
    let incident = world.rotating();
    let offer = world.offer(&incident, "ada");
    assert_eq!(
        world.decide(&incident, Command::Approve(offer)),
        Err(Refusal::OwnIncident)
    );
    // For a session that somebody else asks for she may.
    let session = world.collecting();
    let offer = world.offer(&session, "ada");
    assert!(world.decide(&session, Command::Approve(offer)).is_ok());
    // Two others and she are no quorum for the way back.
    world.epoch.holders.truncate(3);
    assert!(matches!(
        world.open(&rotation_request()),
        Err(Refusal::TooFewEligible { eligible: 2, k: 3 })
    ));
}

#[test]
fn without_a_confirmed_alert_one_approver_more_may_stand_in_after_a_minute() {
    let mut world = World::plain();
    world.alert_confirmed = false;
    let mut incident = world.with_quorum(world.collecting());
    let begin = |world: &World, incident: &Incident| world.decide(incident, Command::Begin);
    assert_eq!(begin(&world, &incident), Err(Refusal::NoAlertConfirmed));
    let plain = Command::Approve(world.offer(&incident, "dora"));
    let mut four = incident.clone();
    world.go(&mut four, plain);
    assert_eq!(begin(&world, &four), Err(Refusal::NoAlertConfirmed));
    world.now = START.plus_ms(MINUTE_MS);
    let mut offer = world.offer(&incident, "emil");
    offer.overrides = vec![Gate::NoAlertConfirmed];
    world.go(&mut incident, Command::Approve(offer));
    world.go(&mut incident, Command::Begin);
    assert_eq!(phase(&incident), "opening");
}

#[test]
fn where_nobody_could_be_one_more_security_stands_in_for_the_alert() {
    let mut world = World::plain();
    world.alert_confirmed = false;
    let gate = [Gate::NoAlertConfirmed];
    world.now = START.plus_ms(MINUTE_MS);
    let more = world.with_quorum(world.collecting());
    world.now = world.now.plus_ms(MINUTE_MS);
    assert!(matches!(
        world.decide(&more, lift(&more, "sam", &gate)),
        Err(Refusal::NothingToOverride { .. })
    ));
    world.epoch.holders.truncate(3);
    let mut incident = more;
    let sign = lift(&incident, "sam", &gate);
    world.go(&mut incident, sign);
    world.go(&mut incident, Command::Begin);
    assert_eq!(phase(&incident), "opening");
}

#[test]
fn a_second_quorum_closes_the_incident_it_displaces_and_waits_for_its_end() {
    let mut world = World::plain();
    world.busy = Some("INC-9".parse().unwrap());
    let mut request = request();
    request.opening.displaces = world.busy.clone();
    let mut incident = world.with_quorum(world.opened(&request));
    assert!(matches!(
        world.decide(&incident, Command::Begin).unwrap().as_slice(),
        [Event::Displacing { .. }]
    ));
    world.go(&mut incident, Command::Begin);
    assert_eq!(phase(&incident), "collecting");
    assert!(matches!(
        world.decide(&incident, Command::Begin),
        Err(Refusal::Busy(_))
    ));
    world.busy = None;
    world.go(&mut incident, Command::EpochEnded { fresh: fresh(2) });
    assert_eq!(
        (phase(&incident), incident.approvals().len()),
        ("collecting", 0)
    );
    let mut incident = world.with_quorum(incident);
    world.go(&mut incident, Command::Begin);
}

#[test]
fn an_incident_that_continues_a_broken_one_has_no_rotation_gate() {
    let mut world = World::plain();
    world.gates = vec![Gate::RotationOwed, Gate::ReviewOverdue];
    world.continues = Some("INC-8".parse().unwrap());
    let mut request = request();
    assert_eq!(world.opened(&request).terms.gates, world.gates);
    request.opening.continues = world.continues.clone();
    let mut incident = world.opened(&request);
    assert_eq!(incident.terms.gates, [Gate::ReviewOverdue]);
    world.go(&mut incident, Command::Restarted { fresh: fresh(2) });
    assert_eq!(incident.terms.gates, [Gate::ReviewOverdue]);
}

#[test]
fn a_session_is_longer_when_as_many_agreed_as_opened_it_and_the_secret_exists() {
    let mut world = World::plain();
    let mut incident = world.open_session();
    let old_exp = incident.session().unwrap().exp_ms;
    for who in ["rio", "ada", "ben", "dora"] {
        assert!(world.decide(&incident, Command::Extended).is_err());
        let act = extend(&incident, who, 90);
        world.go(&mut incident, act);
    }
    assert_eq!(incident.session().unwrap().exp_ms, old_exp, "not yet");
    assert!(incident.participants.contains(&id("dora")));
    let mut failed = incident.clone();
    let why = "refused".to_owned();
    world.go(&mut failed, Command::ExtendFailed { why });
    let session = failed.session().unwrap();
    assert_eq!((session.exp_ms, session.extensions), (old_exp, 0));
    world.go(&mut incident, Command::Extended);
    let session = incident.session().unwrap();
    assert_eq!(session.exp_ms, old_exp.plus_ms(30 * MINUTE_MS));
    world.now = old_exp;
    assert_eq!(world.decide(&incident, Command::Time), Ok(Vec::new()));
}

#[test]
fn a_session_is_extended_twice_at_most_and_never_after_its_deadline() {
    let mut world = World::plain();
    let mut incident = world.open_session();
    for minutes in [90, 240] {
        for who in ["rio", "ada", "ben", "cleo"] {
            let act = extend(&incident, who, minutes);
            world.go(&mut incident, act);
        }
        world.go(&mut incident, Command::Extended);
    }
    let third = world.decide(&incident, extend(&incident, "rio", 240));
    assert!(matches!(third, Err(Refusal::BadExtension { .. })));
    let fresh_session = world.open_session();
    world.now = fresh_session.session().unwrap().exp_ms;
    let late = world.decide(&fresh_session, extend(&fresh_session, "rio", 90));
    assert!(matches!(late, Err(Refusal::SessionEnded { .. })));
}

#[test]
fn an_approval_while_the_vault_asks_for_nothing_like_it_is_refused() {
    let world = World::plain();
    let mut rotation = world.rotating();
    assert_eq!(rotation.requester, Requester::Vault);
    let agree = co_approve(&world, &rotation, "vera");
    assert!(world.decide(&rotation, agree).is_err());
    rotation = world.with_quorum(rotation);
    world.go(&mut rotation, Command::Begin);
}

#[test]
fn wrong_words_count_for_a_co_approver_and_for_a_longer_session_too() {
    let mut world = World::plain();
    let mut waited = world.waited();
    for _ in 0..2 {
        let wrong = mismatch(&waited, "vera", Pick::Wrong);
        world.go(&mut waited, wrong);
    }
    let agree = co_approve(&world, &waited, "vera");
    assert!(matches!(
        world.decide(&waited, agree),
        Err(Refusal::Paused { .. })
    ));
    let mut open = world.open_session();
    let early = mismatch(&open, "ada", Pick::Wrong);
    assert_eq!(world.decide(&open, early), Err(Refusal::OtherTerms));
    let ask = extend(&open, "rio", 90);
    world.go(&mut open, ask);
    let longer = open.session().unwrap().extension.clone().unwrap();
    let wrong = Command::Mismatch {
        person: id("ada"),
        pick: Pick::Wrong,
        terms_sha256: longer.terms_sha256,
        act_sha256: hash("mismatch"),
    };
    for _ in 0..2 {
        world.go(&mut open, wrong.clone());
    }
    assert!(matches!(
        world.decide(&open, extend(&open, "ada", 90)),
        Err(Refusal::Paused { .. })
    ));
}
