//! Who hears what, and what no message may say.

use std::collections::BTreeSet;

use super::*;
use crate::domain::act::Pick;
use crate::domain::ids::{IncidentId, RotationId};
use crate::domain::incident::event::{Frozen, KINDS};
use crate::domain::incident::{Approval, CloseCause, Event, Incident};
use crate::domain::phrase;
use crate::domain::policy::tests::outage_answers;
use crate::domain::review::Verdict;
use crate::domain::roster::tests::roster;
use crate::domain::rotation::{self, Cause, Rotation};
use crate::domain::terms::{Gate, Purpose, Requester, Target, Terms};
use crate::domain::time::Timestamp;
use crate::domain::{ids::Digest, manifest::Kind};

const CONSOLE: &str = "https://bg.example.org";
const START: Timestamp = Timestamp(1_795_226_820_000);

fn id(name: &str) -> PersonId {
    name.parse().unwrap()
}

fn terms() -> Terms {
    Terms {
        v: "breakglass/1".to_owned(),
        purpose: Purpose::Incident,
        kind: Kind::Live,
        incident: IncidentId::numbered(2),
        vault: "prod-eu".parse().unwrap(),
        epoch: 7,
        k: 3,
        n: 5,
        needed: 3,
        gates: Vec::new(),
        recipient: "age1one".to_owned(),
        requester: Requester::Person(id("rio")),
        request_sha256: None,
        claim_key: Some("ssh-ed25519 AAAAClaim".to_owned()),
        use_case: "catastrophic-outage".to_owned(),
        answers: outage_answers(),
        reason: "tenant is being wiped".to_owned(),
        ticket: "OPS-1".to_owned(),
        target: Target {
            account: true,
            workspace: Some("1001".to_owned()),
        },
        scope: vec!["ws:read".to_owned()],
        grants_to: Vec::new(),
        max_minutes: 60,
        not_before_ms: START,
        continues: None,
        displaces: None,
        roster_sha256: Digest::of(b"r"),
        manifest_sha256: Digest::of(b"m"),
        policy_sha256: Digest::of(b"p"),
        asked_ms: START,
        expires_ms: START.plus_ms(1_800_000),
        nonce: "00".repeat(32),
        session_secret: None,
    }
}

fn approval(name: &str, index: u8) -> Event {
    Event::ShareAccepted(Approval {
        person: id(name),
        index,
        act_sha256: Digest::of(name.as_bytes()),
        envelope_sha256: Digest::of(name.as_bytes()),
        unlocker: format!("age1qq{name}"),
        at_ms: START,
        overrides: Vec::new(),
        paper: None,
    })
}

fn mismatch(wrong: u8, pick: Pick) -> Event {
    let act_sha256 = Digest::of(b"a");
    Event::Mismatched {
        person: id("dora"),
        pick,
        wrong,
        paused_until_ms: START,
        act_sha256,
    }
}

/// One whole incident, event by event.
fn story() -> Vec<Event> {
    let act = Digest::of(b"act");
    let at_ms = START.plus_ms(3_600_000);
    let sid = "ses-0001".parse().unwrap();
    vec![
        Event::Opened(Frozen::new(terms(), None).unwrap()),
        approval("ada", 1),
        Event::CustodianRefused {
            person: id("emil"),
            reason: "on a plane".into(),
            act_sha256: act,
        },
        mismatch(0, Pick::NothingHeard),
        mismatch(1, Pick::Wrong),
        mismatch(2, Pick::Wrong),
        Event::ShareWithdrawn {
            index: 1,
            person: id("ada"),
            act_sha256: act,
        },
        approval("ada", 1),
        approval("ben", 2),
        approval("cleo", 3),
        Event::CoApproved {
            person: id("sam"),
            act_sha256: act,
            at_ms: START,
        },
        Event::GateLifted {
            person: id("sam"),
            gates: vec![Gate::ReviewOverdue],
            act_sha256: act,
            at_ms: START,
        },
        Event::CoolingBegun { until_ms: START },
        Event::Cooled { at_ms: START },
        Event::Displacing {
            displaces: "INC-9".parse().unwrap(),
            at_ms: START,
        },
        Event::UnsealBegun {
            indexes: vec![1, 2, 3],
            at_ms: START,
        },
        Event::Unsealed {},
        Event::SessionOpened {
            sid,
            actor: id("rio"),
            opened_ms: START,
            exp_ms: at_ms,
        },
        claimed(1),
        claimed(2),
        Event::EndAsked {
            person: id("sam"),
            reason: "not in the calendar".into(),
            act_sha256: act,
            at_ms: START,
        },
        Event::ExtendAsked {
            person: id("rio"),
            max_minutes: 90,
            terms_sha256: act,
            act_sha256: act,
            at_ms: START,
        },
        Event::ExtendSigned {
            person: id("ada"),
            act_sha256: act,
            at_ms: START,
        },
        Event::Extended {
            sid: "ses-0001".parse().unwrap(),
            max_minutes: 90,
            exp_ms: at_ms,
        },
        Event::ExtendFailed {
            why: "refused".into(),
        },
        Event::Noted {
            person: id("rio"),
            text: "looked".into(),
        },
        Event::SessionClosed {
            sid: None,
            why: CloseCause::Stopped,
            person: Some(id("ada")),
            reason: "not expected".into(),
            act_sha256: Some(act),
            memory_lost: false,
            at_ms,
        },
        Event::MemoryLost {},
        Event::Closed {
            at_ms,
            tokens_dead_at_ms: at_ms,
            due_ms: Some(at_ms.plus_ms(259_200_000)),
        },
        Event::Answered {
            person: id("vera"),
            id: "q".into(),
            text: "yes".into(),
        },
        Event::Reviewed {
            person: id("vera"),
            act_sha256: act,
            record_sha256: act,
            verdict: Verdict::Justified,
            answers: Default::default(),
            findings: Vec::new(),
            at_ms,
        },
    ]
}

fn claimed(claims: u32) -> Event {
    Event::Claimed {
        sid: "ses-0001".parse().unwrap(),
        token_sha256: Digest::of(b"t"),
        claims,
        act_sha256: Digest::of(b"a"),
        from: "203.0.113.7".into(),
    }
}

/// What the log says of it besides.
fn known() -> Known {
    Known {
        released_by: ["ada", "ben", "cleo"].map(id).to_vec(),
        opened_at: Some(START.plus_ms(900_000)),
        calls: Some(Calls {
            read: 201,
            egress: 0,
            write: 11,
            dangerous: 2,
            refused: 3,
            outside: 1,
            in_bursts: 0,
        }),
        refused_at: Some(START.plus_ms(3_540_000)),
    }
}

/// Every event of the story with its messages.
fn told() -> Vec<(Event, Vec<AlertDraft>)> {
    let (roster, story) = (roster(), story());
    let mut incident = Incident::from_opened(&story[0]).unwrap();
    let mut told = Vec::new();
    for (number, event) in story.into_iter().enumerate() {
        if number > 0 {
            incident.apply(&event).unwrap();
        }
        let drafts = for_event(&event, &incident, &known(), &roster, CONSOLE);
        told.push((event, drafts));
    }
    told
}

fn drafts_of(kind: &str) -> Vec<AlertDraft> {
    told()
        .into_iter()
        .flat_map(|(_, drafts)| drafts)
        .filter(|d| d.kind == kind)
        .collect()
}

fn everybody_told(drafts: &[AlertDraft]) -> BTreeSet<String> {
    drafts
        .iter()
        .flat_map(|d| d.audience.mails(&roster()))
        .collect()
}

#[test]
fn every_step_of_the_main_path_is_told_to_somebody() {
    let silent: Vec<String> = told()
        .iter()
        .filter(|(_, drafts)| drafts.is_empty())
        .map(|(event, _)| event.to_entry(&IncidentId::numbered(2)).unwrap().0)
        .collect();
    assert_eq!(
        silent,
        ["incident.cooled", "unseal.done", "note", "review.answer"]
    );
    for (_, drafts) in told() {
        for draft in drafts {
            assert!(
                !draft.audience.mails(&roster()).is_empty(),
                "{}",
                draft.subject
            );
            let own = ["incident.stand_down", "review.due"];
            assert!(
                KINDS.contains(&draft.kind) || own.contains(&draft.kind),
                "{}",
                draft.kind
            );
        }
    }
}

#[test]
fn the_opening_alert_goes_once_to_custodians_security_and_auditors() {
    let drafts = drafts_of("incident.opened");
    assert_eq!(
        drafts.len(),
        1,
        "one message, whose confirmation opens the gate"
    );
    let roles = [Role::Custodian, Role::Security, Role::Auditor];
    assert_eq!(everybody_told(&drafts), roster().mails_of(&roles));
    assert!(drafts[0].body.contains("breakglass approve INC-2"));
}

#[test]
fn subjects_have_the_usual_form_and_fit_a_pager() {
    let subjects: Vec<String> = told()
        .into_iter()
        .flat_map(|(_, d)| d)
        .map(|d| d.subject)
        .collect();
    assert!(subjects.contains(&"[OPEN] Break glass INC-2 prod-eu until 03:07 UTC".to_owned()));
    for subject in &subjects {
        assert!(
            subject.starts_with('[') && subject.chars().count() <= 160,
            "{subject}"
        );
        assert!(!subject.chars().any(char::is_control));
    }
}

#[test]
fn no_message_holds_the_phrase_and_no_subject_the_reason() {
    let words = phrase::phrase(&terms().sha256().unwrap());
    for draft in told().into_iter().flat_map(|(_, drafts)| drafts) {
        let text = format!("{}\n{}", draft.subject, draft.body);
        let said: Vec<String> = text
            .split(|c: char| !c.is_alphabetic())
            .map(str::to_lowercase)
            .collect();
        assert!(
            !words.iter().all(|w| said.contains(&(*w).to_owned())),
            "{text}"
        );
        for secret in ["AAAAClaim", "age1one", &terms().nonce] {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(!draft.subject.contains("wiped") && !draft.subject.contains("on a plane"));
        // The alerts room marks drills, for every message alike.
        assert!(!text.contains("DRILL"));
    }
}

#[test]
fn the_first_wrong_phrase_tells_the_responder_and_the_second_alarms_security() {
    let story = told();
    let of = |number: usize| &story[number].1;
    assert_eq!(
        everybody_told(of(3)),
        BTreeSet::from(["rio@example.org".to_owned()])
    );
    assert_eq!(
        everybody_told(of(4)),
        BTreeSet::from(["rio@example.org".to_owned()])
    );
    let second = everybody_told(of(5));
    for mail in ["rio@example.org", "sam@example.org", "dora@example.org"] {
        assert!(second.contains(mail), "{mail}");
    }
    assert!(of(4).iter().all(|d| d.severity < Severity::Alarm));
    assert!(of(5).iter().any(|d| d.severity == Severity::Alarm));
}

#[test]
fn an_alarm_for_security_reaches_operators_and_auditors_where_nobody_holds_the_role() {
    let mut roster = roster();
    roster.people.retain(|p| p.id.as_str() != "sam");
    let attempt = Attempt::LoginFailed {
        person: None,
        why: "unknown key",
    };
    let mails = for_attempt(&attempt, &roster)[0].audience.mails(&roster);
    assert_eq!(mails, roster.mails_of(&[Role::Operator, Role::Auditor]));
}

#[test]
fn at_quorum_those_who_have_not_answered_may_sleep_and_nobody_else_is_told_so() {
    let drafts = drafts_of("incident.stand_down");
    assert_eq!(drafts.len(), 1);
    assert_eq!(
        everybody_told(&drafts),
        BTreeSet::from(["dora@example.org".to_owned()])
    );
}

#[test]
fn the_end_says_not_safe_yet_and_the_close_says_when_it_is() {
    let end = &drafts_of("session.close")[0];
    assert!(end.subject.contains("NOT SAFE YET") && end.severity == Severity::Alarm);
    let close = &drafts_of("incident.closed")[0];
    assert!(close.subject.contains("fully safe at"));
    let subject = "[CLOSED] Break glass INC-2 prod-eu secret rotated, 214 calls, 2 dangerous, \
                   fully safe at 03:07 UTC";
    assert_eq!(close.subject, subject);
    for line in [
        "INC-2 on prod-eu is closed. Asked 2026-11-21 02:07 UTC, opened 2026-11-21 02:22 UTC, closed \
         2026-11-21 03:07 UTC.",
        "214 calls: 201 read, 0 egress, 11 write, 2 dangerous; 3 refused by the vault, 1 of them \
         outside the stated scope.",
        "The secret is rotated, and Databricks refused the old one at 2026-11-21 03:06 UTC.",
        "The review by Vera or Tess is due 2026-11-24 03:07 UTC.",
        "https://bg.example.org/reviews/INC-2",
    ] {
        assert!(
            close.body.lines().any(|l| l == line),
            "{line}: {}",
            close.body
        );
    }
}

#[test]
fn what_is_not_known_is_left_out_of_the_closing_mail_and_not_made_up() {
    let (roster, story) = (roster(), story());
    let mut incident = Incident::from_opened(&story[0]).unwrap();
    let is_closed = |event: &&Event| matches!(event, Event::Closed { .. });
    for event in &story[1..=story.iter().position(|e| is_closed(&e)).unwrap()] {
        incident.apply(event).unwrap();
    }
    let event = story.iter().find(is_closed).unwrap();
    let drafts = for_event(event, &incident, &Known::default(), &roster, CONSOLE);
    let body = &drafts[0].body;
    assert!(
        body.contains("the old one is dead at Databricks."),
        "{body}"
    );
    assert!(!body.contains("call") && !body.contains("opened"), "{body}");
    let burst = Calls {
        refused: 40,
        in_bursts: 39,
        outside: 1,
        read: 1,
        ..Calls::default()
    };
    let said = burst.sentence();
    assert!(
        said.starts_with("1 call: 1 read") && said.contains("at least 1 of them"),
        "{said}"
    );
}

#[test]
fn the_open_mail_says_who_released_shares_and_where_anyone_stops_it() {
    let open = &drafts_of("session.open")[0];
    for line in [
        "Released by Ada, Ben and Cleo.",
        "Not expected? Stop it: https://bg.example.org/i/INC-2/stop",
        "or: breakglass stop INC-2",
    ] {
        assert!(
            open.body.lines().any(|l| l == line),
            "{line}: {}",
            open.body
        );
    }
}

#[test]
fn only_auditors_who_took_no_part_are_asked_to_review() {
    let both = ["vera@example.org", "tess@example.org"].map(str::to_owned);
    assert_eq!(
        everybody_told(&drafts_of("review.due")),
        BTreeSet::from(both)
    );
}

#[test]
fn an_overdue_review_names_who_may_sign_and_where_nobody_may_asks_for_another_auditor() {
    let mut roster = roster();
    let mut incident = Incident::from_opened(&story()[0]).unwrap();
    incident.participants.insert(id("tess"));
    let told = |incident: &Incident, roster: &Roster, step| {
        let draft = for_overdue_review(incident, START, step, roster, CONSOLE);
        let mails = draft.audience.mails(roster);
        (draft, mails)
    };
    let (draft, mails) = told(&incident, &roster, 0);
    assert_eq!(mails, BTreeSet::from(["vera@example.org".to_owned()]));
    let subject =
        "[OVERDUE since 2026-11-21 02:07 UTC] Break glass INC-2 prod-eu review not signed";
    assert_eq!(draft.subject, subject);
    for words in [
        "Who may sign it: Vera.",
        "Operators and security hear of it in a day.",
        "https://bg.example.org/reviews/INC-2",
    ] {
        assert!(draft.body.contains(words), "{words}: {}", draft.body);
    }
    let (draft, mails) = told(&incident, &roster, 1);
    let expected = ["vera", "otto", "sam"].map(|name| format!("{name}@example.org"));
    assert_eq!(mails, BTreeSet::from(expected));
    assert!(
        draft.body.contains("You hear this weekly"),
        "{}",
        draft.body
    );
    roster.people.retain(|p| p.id.as_str() != "vera");
    let (draft, mails) = told(&incident, &roster, 0);
    assert!(mails.contains("ada@example.org") && mails.contains("otto@example.org"));
    assert!(!mails.contains("tess@example.org"));
    assert!(
        draft.body.contains("name a further auditor"),
        "{}",
        draft.body
    );
}

#[test]
fn every_failed_attempt_reaches_security_and_the_person_it_names() {
    let incident = IncidentId::numbered(2);
    let (person, why) = (id("ada"), "possession key does not match".to_owned());
    let attempts = [
        Attempt::LoginFailed {
            person: Some(person.clone()),
            why: "signature",
        },
        Attempt::ShareRejected {
            person: person.clone(),
            index: 3,
            why,
            incident: incident.clone(),
        },
        Attempt::ActRefused {
            person: person.clone(),
            word: "stop",
            incident: None,
            code: "x",
        },
        Attempt::ForeignAddress {
            incident: incident.clone(),
            actor: person.clone(),
            first: "192.0.2.1".into(),
            now: "198.51.100.2".into(),
        },
        Attempt::ScopeRefused {
            incident: incident.clone(),
            actor: person,
            count: 2,
        },
    ];
    for attempt in &attempts {
        let mails = everybody_told(&for_attempt(attempt, &roster()));
        for mail in ["ada@example.org", "sam@example.org"] {
            assert!(mails.contains(mail), "{attempt:?}");
        }
    }
    let troubles = [
        Attempt::TokenSeen { incident },
        Attempt::ChannelFailed {
            channel: "mail".into(),
            error: "550".into(),
        },
        Attempt::RotationOwed { since: START },
        Attempt::LogBroken {
            why: "disk full".into(),
        },
    ];
    for attempt in &troubles {
        let drafts = for_attempt(attempt, &roster());
        assert!(
            drafts.iter().all(|d| d.severity == Severity::Alarm),
            "{attempt:?}"
        );
        assert!(
            everybody_told(&drafts).contains("otto@example.org"),
            "{attempt:?}"
        );
    }
}

#[test]
fn a_foreign_secret_is_an_alarm_and_new_shares_ask_custodians_to_prove() {
    let saga = Rotation::begun(RotationId::numbered(1), None, Cause::Close, 1, START);
    let foreign = rotation::Event::Foreign {
        ids: vec!["s-9".into()],
    };
    let drafts = for_rotation(&foreign, &saga, &roster());
    assert_eq!(drafts[0].severity, Severity::Alarm);
    assert!(drafts[0].body.contains("s-9") && drafts[0].body.contains("never deleted"));
    let manifest_sha256 = Digest::of(b"m");
    let sealed = rotation::Event::Sealed {
        new_secret_id: "s".into(),
        epoch: 8,
        manifest_sha256,
    };
    let drafts = for_rotation(&sealed, &saga, &roster());
    assert_eq!(
        everybody_told(&drafts),
        roster().mails_of(&[Role::Custodian])
    );
    assert!(for_rotation(&rotation::Event::Verified {}, &saga, &roster()).is_empty());
}

#[test]
fn a_severity_is_read_back_from_its_word() {
    for severity in [Severity::Info, Severity::Action, Severity::Alarm] {
        assert_eq!(Severity::from_word(severity.word()), Some(severity));
    }
    assert_eq!(Severity::from_word("loud"), None);
}
