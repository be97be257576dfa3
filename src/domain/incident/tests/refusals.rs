//! Every refusal, shown by the smallest case that meets it, with its code and exit code.

use std::collections::{BTreeMap, BTreeSet};

use super::world::*;
use crate::domain::act::Pick;
use crate::domain::grants::{self, Right};
use crate::domain::incident::command::ShareOffer;
use crate::domain::incident::opening::Request;
use crate::domain::incident::{Command, Event, Incident, Refusal};
use crate::domain::manifest::Kind;
use crate::domain::review::Verdict;
use crate::domain::terms::{Gate, Purpose, Requester};
use crate::domain::time::MINUTE_MS;

type Outcome = Result<Vec<Event>, Refusal>;
type Case = (fn() -> Outcome, &'static str, u8);

fn opening(change: fn(&mut Request)) -> Outcome {
    opening_in(|_| {}, change)
}

fn opening_in(world: fn(&mut World), change: fn(&mut Request)) -> Outcome {
    let (mut w, mut r) = (World::plain(), request());
    world(&mut w);
    change(&mut r);
    w.open(&r)
}

fn approving(who: &str, change: fn(&mut World, &mut Incident, &mut ShareOffer)) -> Outcome {
    let mut world = World::plain();
    let mut incident = world.collecting();
    let mut offer = world.offer(&incident, who);
    change(&mut world, &mut incident, &mut offer);
    world.decide(&incident, Command::Approve(offer))
}

fn beginning(change: fn(&mut World)) -> Outcome {
    let mut world = World::plain();
    let incident = world.with_quorum(world.collecting());
    change(&mut world);
    world.decide(&incident, Command::Begin)
}

/// A gate is closed and only k custodians exist.
fn beginning_gated(change: fn(&mut World, &mut Incident)) -> Outcome {
    let mut world = few();
    let mut incident = world.with_quorum(world.collecting());
    change(&mut world, &mut incident);
    world.decide(&incident, Command::Begin)
}

fn few() -> World {
    let mut world = World::plain();
    world.epoch.holders.truncate(3);
    world.gates = vec![Gate::ReviewOverdue];
    world
}

fn co_approving(who: &str, change: fn(&mut World, &mut Incident)) -> Outcome {
    let mut world = World::plain();
    let mut incident = world.waited();
    let command = co_approve(&world, &incident, who);
    change(&mut world, &mut incident);
    world.decide(&incident, command)
}

fn lifting(who: &str, gates: &[Gate]) -> Outcome {
    let world = few();
    let incident = world.collecting();
    world.decide(&incident, lift(&incident, who, gates))
}

/// The last of these acts; those before must be accepted.
fn extending(acts: &[(&str, u32)]) -> Outcome {
    let world = World::plain();
    let mut incident = world.open_session();
    let (last, before) = acts.split_last().unwrap();
    for (who, minutes) in before {
        let command = extend(&incident, who, *minutes);
        world.go(&mut incident, command);
    }
    world.decide(&incident, extend(&incident, last.0, last.1))
}

fn in_session(command: Command) -> Outcome {
    let world = World::plain();
    world.decide(&world.open_session(), command)
}

fn signing(who: &str, answered: bool, record: &str) -> Outcome {
    let world = World::plain();
    let answers: BTreeMap<String, String> = world
        .policy
        .review_questions
        .iter()
        .filter(|_| answered)
        .map(|q| (q.id.clone(), "yes".to_owned()))
        .collect();
    let command = Command::Sign {
        person: id(who),
        act_sha256: hash("sign"),
        answers,
        findings: Vec::new(),
        verdict: Verdict::Justified,
        record_sha256: hash(record),
        current_record_sha256: hash("record"),
        items: Vec::new(),
    };
    world.decide(&world.in_review(), command)
}

/// One line per case: what is tried, the code, the exit code of DESIGN §13.
const CASES: &[Case] = &[
    // The wrong phase.
    (|| in_session(Command::Begin), "not_in_phase", 3),
    (
        || World::plain().decide(&World::plain().closing(), close("rio")),
        "session_ended",
        7,
    ),
    (
        || World::plain().decide(&World::plain().in_review(), claim("rio", CLAIM_KEY, 1)),
        "session_ended",
        7,
    ),
    (
        || World::plain().decide(&World::plain().over()[3], withdraw("rio")),
        "lapsed",
        4,
    ),
    // No state machine can meet this one: `app` finds no incident to ask.
    (
        || Err(Refusal::NoSuchIncident("INC-9".to_owned())),
        "no_such_incident",
        3,
    ),
    // Opening.
    (
        || opening(|r| r.requester = Requester::Person(id("ada"))),
        "wrong_role",
        9,
    ),
    (
        || opening(|r| r.requester = Requester::Vault),
        "wrong_role",
        9,
    ),
    (
        || opening_in(|w| w.openings_last_hour = 3, |_| {}),
        "too_many",
        5,
    ),
    (
        || opening_in(|w| w.has_collecting = true, |_| {}),
        "too_many",
        5,
    ),
    (|| opening(|r| r.opening.answers.clear()), "tree_says_no", 5),
    (
        || {
            opening(|r| {
                r.opening.answers.insert("harm_within_hour".into(), false);
            })
        },
        "tree_says_no",
        5,
    ),
    (
        || opening(|r| r.opening.use_case = "compliance-mandate".into()),
        "tree_says_no",
        5,
    ),
    (
        || {
            opening(|r| {
                r.opening.purpose = Purpose::Drill;
                r.opening.continues = Some("INC-9".parse().unwrap());
            })
        },
        "bad_opening",
        5,
    ),
    (
        || opening(|r| r.opening.displaces = Some("INC-9".parse().unwrap())),
        "bad_opening",
        5,
    ),
    (
        || opening(|r| r.opening.continues = Some("INC-9".parse().unwrap())),
        "bad_opening",
        5,
    ),
    (|| opening(|r| r.opening.reason = " ".into()), "bad_text", 5),
    (
        || opening(|r| r.opening.reason = "x".repeat(501)),
        "bad_text",
        5,
    ),
    (
        || opening(|r| r.opening.reason = "a\u{202e}b".into()),
        "bad_text",
        5,
    ),
    (
        || opening(|r| r.opening.ticket = "a\nb".into()),
        "bad_text",
        5,
    ),
    (
        || {
            opening(|r| {
                *r = rotation_request();
                r.opening.reason = "\u{1b}[2J".into();
            })
        },
        "bad_text",
        5,
    ),
    (|| opening(|r| r.opening.max_minutes = 0), "bad_opening", 5),
    (|| opening(|r| r.opening.max_minutes = 61), "bad_opening", 5),
    (
        || opening(|r| r.opening.target.workspace = None),
        "bad_opening",
        5,
    ),
    (
        || opening(|r| r.opening.target.workspace = Some("1 2".into())),
        "bad_opening",
        5,
    ),
    (|| opening(|r| r.opening.claim_key = None), "bad_opening", 5),
    (
        || opening(|r| r.opening.grants_to = vec!["nobody".parse().unwrap()]),
        "bad_opening",
        5,
    ),
    (
        || opening(|r| r.opening.scope = vec!["read".into()]),
        "bad_opening",
        5,
    ),
    (
        || granting("ada", Right::WorkspaceAdmin),
        "not_in_grants",
        5,
    ),
    (|| granting("ben", Right::AccountAdmin), "outside_target", 5),
    (
        || {
            opening(|r| {
                *r = rotation_request();
                r.opening.max_minutes = 5;
            })
        },
        "bad_opening",
        5,
    ),
    (
        || opening_in(|w| w.epoch.holders.truncate(2), |_| {}),
        "too_few_eligible",
        5,
    ),
    // A restored database.
    (
        || opening_in(|w| w.dealt_later = Some(2), |_| {}),
        "sealed",
        3,
    ),
    (
        || opening_in(|w| w.dealt_later = Some(2), |r| *r = rotation_request()),
        "sealed",
        3,
    ),
    (
        || approving("ada", |w, _, _| w.dealt_later = Some(2)),
        "sealed",
        3,
    ),
    (|| beginning(|w| w.dealt_later = Some(2)), "sealed", 3),
    // Whoever asked has left.
    (
        || beginning(|w| w.roster.people.retain(|p| p.id != id("rio"))),
        "wrong_role",
        9,
    ),
    // Custodians.
    (|| approving("rio", |_, _, _| {}), "own_incident", 9),
    (|| approving("vera", |_, _, _| {}), "no_share", 9),
    (
        || {
            approving("ada", |w, _, _| {
                w.roster.people.retain(|p| p.id != id("ada"))
            })
        },
        "no_share",
        9,
    ),
    (
        || approving("ada", |_, _, o| o.terms_sha256 = hash("other")),
        "other_terms",
        5,
    ),
    (
        || approving("ada", |_, _, o| o.manifest_sha256 = hash("other")),
        "other_manifest",
        5,
    ),
    (
        || approving("ada", |_, _, o| o.kind = Kind::Drill),
        "other_manifest",
        5,
    ),
    (
        || {
            approving("ada", |w, _, _| {
                w.epoch.manifest_sha256 = hash("manifest 2")
            })
        },
        "other_manifest",
        5,
    ),
    (|| approving("ada", |_, _, o| o.index = 2), "other_index", 6),
    (
        || approving("ada", |w, i, o| w.go(i, Command::Approve(o.clone()))),
        "already_approved",
        5,
    ),
    (
        || {
            approving("ada", |w, i, _| {
                let no = refuse(i, "ada");
                w.go(i, no);
            })
        },
        "refused_before",
        5,
    ),
    (|| approving("ada", twice_wrong), "paused", 5),
    (|| approving("ada", spent_by_another), "replayed", 5),
    (
        || approving("ada", |w, i, _| w.now = i.terms.expires_ms),
        "lapsed",
        4,
    ),
    (
        || approving("ada", |_, _, o| o.signed_ms = START.plus_ms(11 * MINUTE_MS)),
        "clock_apart",
        5,
    ),
    (
        || World::plain().decide(&World::plain().collecting(), withdraw("ada")),
        "nothing_to_withdraw",
        5,
    ),
    // Beginning to unseal.
    (
        || World::plain().decide(&World::plain().collecting(), Command::Begin),
        "no_quorum",
        5,
    ),
    (
        || beginning(|w| w.busy = Some("INC-9".parse().unwrap())),
        "busy",
        5,
    ),
    (
        || beginning(|w| w.alert_confirmed = false),
        "no_alert_confirmed",
        5,
    ),
    (
        || beginning(|w| w.epoch.manifest_sha256 = hash("manifest 2")),
        "other_manifest",
        5,
    ),
    (
        || beginning(|w| w.now = START.plus_ms(31 * MINUTE_MS)),
        "lapsed",
        4,
    ),
    (|| beginning_gated(|_, _| {}), "override_needed", 5),
    (
        || {
            let mut world = World::plain();
            let incident = world.waited();
            world.decide(&world.with_quorum(incident), Command::Begin)
        },
        "co_approver_missing",
        5,
    ),
    (
        || World::plain().decide(&World::plain().cooling(), Command::Begin),
        "too_early",
        5,
    ),
    // Without a share.
    (
        || co_approving("vera", |_, i| i.co_approver = None),
        "no_share",
        9,
    ),
    (|| co_approving("otto", |_, _| {}), "wrong_role", 9),
    (
        || co_approving("vera", |_, i| i.terms.manifest_sha256 = hash("other")),
        "other_manifest",
        5,
    ),
    (
        || {
            co_approving("vera", |w, i| {
                let other = co_approve(w, i, "tess");
                w.go(i, other);
            })
        },
        "already_approved",
        5,
    ),
    (|| lifting("vera", &[Gate::ReviewOverdue]), "wrong_role", 9),
    (|| lifting("sam", &[]), "nothing_to_override", 5),
    (
        || lifting("sam", &[Gate::RotationOwed]),
        "nothing_to_override",
        5,
    ),
    (|| lifting("sam", &[Gate::NoAlertConfirmed]), "too_early", 5),
    (
        || {
            approving("ada", |_, _, o| {
                o.overrides = vec![Gate::ReviewOverdue];
            })
        },
        "nothing_to_override",
        5,
    ),
    (
        || {
            approving("ada", |_, _, o| {
                o.overrides = vec![Gate::NoAlertConfirmed];
            })
        },
        "too_early",
        5,
    ),
    (
        || World::plain().decide(&World::plain().collecting(), veto("vera")),
        "wrong_role",
        9,
    ),
    // A longer session.
    (|| extending(&[("ada", 90)]), "bad_extension", 5),
    (|| extending(&[("rio", 60)]), "bad_extension", 5),
    (|| extending(&[("rio", 241)]), "bad_extension", 5),
    (
        || extending(&[("rio", 90), ("rio", 90)]),
        "bad_extension",
        5,
    ),
    (|| extending(&[("rio", 90), ("ada", 80)]), "other_terms", 5),
    (|| extending(&[("rio", 90), ("vera", 90)]), "no_share", 9),
    (
        || extending(&[("rio", 90), ("ada", 90), ("ada", 90)]),
        "already_approved",
        5,
    ),
    (
        || {
            World::plain().decide(
                &World::plain().closing(),
                extend(&World::plain().open_session(), "rio", 90),
            )
        },
        "session_ended",
        7,
    ),
    // The session.
    (|| in_session(claim("ada", CLAIM_KEY, 1)), "wrong_role", 9),
    (
        || in_session(claim("rio", "ssh-ed25519 AAAAStolen", 1)),
        "wrong_claim_key",
        9,
    ),
    (|| in_session(close("ada")), "wrong_role", 9),
    (|| in_session(stop("otto")), "wrong_role", 9),
    (
        || {
            in_session(Command::Note {
                person: id("zoe"),
                text: "x".into(),
            })
        },
        "wrong_role",
        9,
    ),
    (
        || {
            in_session(Command::Note {
                person: id("rio"),
                text: "\u{7}".into(),
            })
        },
        "bad_text",
        5,
    ),
    (second_stop, "second_stop", 5),
    // The review.
    (|| signing("ada", true, "record"), "participant", 9),
    (|| signing("otto", true, "record"), "not_auditor", 9),
    (|| signing("vera", false, "record"), "unanswered", 5),
    (|| signing("vera", true, "older"), "other_record", 5),
];

fn twice_wrong(world: &mut World, incident: &mut Incident, _: &mut ShareOffer) {
    for _ in 0..2 {
        let wrong = mismatch(incident, "ada", Pick::Wrong);
        world.go(incident, wrong);
    }
}

fn spent_by_another(world: &mut World, incident: &mut Incident, offer: &mut ShareOffer) {
    let ben = ShareOffer {
        act_sha256: offer.act_sha256,
        ..world.offer(incident, "ben")
    };
    world.go(incident, Command::Approve(ben));
}

/// Terms that name ben, on the workspace only.
fn granting(person: &str, right: Right) -> Outcome {
    let mut incident = World::plain().open_session();
    incident.terms.grants_to = vec!["ben".parse().unwrap()];
    incident.terms.target.account = false;
    grants::may_grant(&incident, &id("rio"), &id(person), right).map(|_| Vec::new())
}

fn second_stop() -> Outcome {
    let mut world = World::plain();
    let mut incident = world.open_session();
    world.stops_last_day = 1;
    world.go(&mut incident, stop("ada"));
    assert!(incident.session().is_some(), "the first of two waits");
    world.decide(&incident, stop("ada"))
}

#[test]
fn every_case_is_refused_with_its_code_and_exit_code() {
    for (number, (case, code, exit)) in CASES.iter().enumerate() {
        let refusal = case().expect_err(&format!("case {number}, {code}"));
        assert_eq!(
            (refusal.code(), refusal.exit_code()),
            (*code, *exit),
            "case {number}"
        );
        let said = refusal.to_string();
        assert!(!said.is_empty() && !said.ends_with('.'), "{said}");
        assert!(!refusal.hint().is_empty() && !refusal.runbook().is_empty());
    }
}

#[test]
fn no_refusal_is_without_a_case() {
    let source = include_str!("../refusal.rs");
    let body = source
        .split("pub fn code(")
        .nth(1)
        .unwrap()
        .split("pub fn hint(")
        .next()
        .unwrap();
    // Versions of roster and policy belong to no incident: tests/it/changes.rs has their cases.
    let elsewhere = ["bad_version", "signed_before"];
    let codes: BTreeSet<&str> = body
        .lines()
        .filter(|l| l.contains("=> \""))
        .filter_map(|l| l.split('"').nth(1))
        .filter(|code| !elsewhere.contains(code))
        .collect();
    let shown: BTreeSet<&str> = CASES.iter().map(|(_, code, _)| *code).collect();
    assert_eq!(codes, shown);
}

#[test]
fn a_refusal_is_final_and_enough_of_them_end_the_incident() {
    let world = World::plain();
    let mut incident = world.collecting();
    for name in ["ada", "ben"] {
        let no = refuse(&incident, name);
        world.go(&mut incident, no);
    }
    assert!(incident.is_collecting(), "three can still say yes");
    let no = refuse(&incident, "cleo");
    world.go(&mut incident, no);
    assert_eq!(incident.phase.name().word(), "refused");
}

#[test]
fn a_custodian_may_approve_again_after_her_own_withdrawal() {
    let world = World::plain();
    let mut incident = world.collecting();
    let offer = world.offer(&incident, "ada");
    world.go(&mut incident, Command::Approve(offer.clone()));
    world.go(&mut incident, withdraw("ada"));
    assert!(incident.approvals().is_empty());
    let again = ShareOffer {
        act_sha256: hash("a new document"),
        ..offer
    };
    world.go(&mut incident, Command::Approve(again));
    assert_eq!(incident.approvals().len(), 1);
}

#[test]
fn nobody_is_asked_again_for_who_left_nor_with_a_credential_that_is_dead() {
    let left: fn(&mut World) = |w| w.roster.people.retain(|p| p.id != id("rio"));
    let dead: fn(&mut World) = |w| w.dealt_later = Some(2);
    for change in [left, dead] {
        let mut world = World::plain();
        let asked = [world.collecting(), world.opening(world.collecting())];
        let mut waiting = World::plain();
        let day = waiting.waiting();
        change(&mut world);
        change(&mut waiting);
        for incident in &asked {
            let again = world.decide(incident, Command::Restarted { fresh: fresh(2) });
            let ends = again.unwrap().last().cloned();
            assert!(matches!(ends, Some(Event::Lapsed { .. })), "{ends:?}");
        }
        let again = world.decide(&asked[0], Command::EpochEnded { fresh: fresh(3) });
        assert!(matches!(again.unwrap()[..], [Event::Lapsed { .. }]));
        waiting.now = day.terms.not_before_ms;
        let over = waiting.decide(&day, Command::WaitOver { fresh: fresh(4) });
        assert!(matches!(over.unwrap()[..], [Event::Lapsed { .. }]));
    }
}

#[test]
fn the_way_back_is_asked_for_whoever_left_and_not_with_a_credential_that_is_dead() {
    let mut world = World::plain();
    let closing = world.closing_asked();
    world.roster.people.retain(|p| p.id != id("rio"));
    let again = |world: &World| world.decide(&closing, Command::Restarted { fresh: fresh(2) });
    assert!(matches!(
        again(&world).unwrap()[..],
        [Event::AskedAgain { .. }]
    ));
    world.dealt_later = Some(2);
    assert!(matches!(again(&world).unwrap()[..], [Event::MemoryLost {}]));
}
