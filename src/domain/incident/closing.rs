//! The session's end, the way back and the review.

use super::command::{AskAgain, Fresh};
use super::event::Event;
use super::refusal::Refusal;
use super::rules::Rules;
use super::{CloseCause, Closing, Incident, Phase, Session, opening};
use crate::domain::ids::{Digest, PersonId};
use crate::domain::review;
use crate::domain::terms::{Purpose, is_plain_text};
use crate::domain::time::{HOUR_MS, Timestamp};

/// What ends a session.
pub(super) struct End {
    pub cause: CloseCause,
    pub person: Option<PersonId>,
    pub reason: String,
    pub act_sha256: Option<Digest>,
    pub memory_lost: bool,
}

pub(super) fn end(session: Option<&Session>, end: End, now: Timestamp) -> Vec<Event> {
    vec![Event::SessionClosed {
        sid: session.map(|s| s.id.clone()),
        why: end.cause,
        person: end.person,
        reason: end.reason,
        act_sha256: end.act_sha256,
        memory_lost: end.memory_lost,
        at_ms: now,
    }]
}

pub(super) fn close(
    incident: &Incident,
    session: &Session,
    person: PersonId,
    act_sha256: Digest,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    if incident.requester.person() != Some(&person) {
        return Err(Refusal::WrongRole {
            role: "responder of this incident",
        });
    }
    let cause = CloseCause::Closed;
    let reason = String::new();
    let act = Some(act_sha256);
    Ok(end(
        Some(session),
        End {
            cause,
            person: Some(person),
            reason,
            act_sha256: act,
            memory_lost: false,
        },
        now,
    ))
}

pub(super) fn ask_rotation(
    incident: &Incident,
    closing: &Closing,
    fresh: &Fresh,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    if !closing.memory_lost {
        return Err(Refusal::NotInPhase {
            incident: incident.id.clone(),
            phase: "closing with the credential in memory",
            command: "ask rotation",
        });
    }
    let frozen = opening::freeze_rotation(incident, fresh, rules, now)?;
    Ok(vec![Event::AskedAgain {
        why: AskAgain::RotationOwed,
        frozen,
    }])
}

pub(super) fn rotated(
    incident: &Incident,
    tokens_dead_at_ms: Timestamp,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Vec<Event> {
    let due = now.plus_ms(i64::from(rules.policy.review_due_hours) * HOUR_MS);
    let due_ms = (incident.purpose != Purpose::Rotate).then_some(due);
    vec![Event::Closed {
        at_ms: now,
        tokens_dead_at_ms,
        due_ms,
    }]
}

pub(super) fn note(
    person: PersonId,
    text: String,
    rules: &Rules<'_>,
) -> Result<Vec<Event>, Refusal> {
    if rules.roster.person(&person).is_none() {
        return Err(Refusal::WrongRole {
            role: "person of the roster",
        });
    }
    let plain = text.lines().all(is_plain_text);
    if text.trim().is_empty() || text.chars().count() > review::MAX_ANSWER_CHARS || !plain {
        return Err(Refusal::BadText { what: "note" });
    }
    Ok(vec![Event::Noted { person, text }])
}

/// Whether this person may write into the review of this incident.
pub(super) fn may_review(
    incident: &Incident,
    person: &PersonId,
    rules: &Rules<'_>,
) -> Result<(), Refusal> {
    review::may_sign(person, rules.roster, &incident.participants)
}

/// What a broken Opening leads to: ask again, or lapse after too many tries.
pub(super) fn opening_broke(
    incident: &Incident,
    why: String,
    fresh: &Fresh,
    combined: bool,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let failed = Event::UnsealFailed { why, combined };
    if let Phase::Closing(_) = &incident.phase {
        let again = match opening::freeze_rotation(incident, fresh, rules, now) {
            Ok(frozen) => Event::AskedAgain {
                why: AskAgain::RotationOwed,
                frozen,
            },
            Err(_) => Event::MemoryLost {},
        };
        return Ok(vec![failed, again]);
    }
    let again = super::decide::ask_again(incident, AskAgain::OpeningBroke, fresh, rules, now)?;
    Ok([vec![failed], again].concat())
}
