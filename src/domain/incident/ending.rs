//! Saying no to an incident: vetoes before a session, stops of one, and the second person whom a
//! second no within a day needs (PROTOCOL §6).

use super::closing::{End, end};
use super::command::No;
use super::event::Event;
use super::refusal::Refusal;
use super::rules::Rules;
use super::{CloseCause, Incident, Phase};
use crate::domain::roster::Role;
use crate::domain::terms::{MAX_REASON_CHARS, is_plain_text};
use crate::domain::time::Timestamp;

/// Ends a session, or the opening of one.
pub(super) fn stop(
    incident: &Incident,
    no: No,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let role = rules.roster.person(&no.person).is_some_and(|p| {
        [Role::Custodian, Role::Auditor, Role::Security]
            .iter()
            .any(|r| p.is(*r))
    });
    if !role && incident.requester.person() != Some(&no.person) {
        return Err(Refusal::WrongRole {
            role: "responder, custodian, auditor or security person",
        });
    }
    check_reason(&no)?;
    if let Some(asked) = second_needed(incident, &no, rules, now)? {
        return Ok(asked);
    }
    Ok(ended(incident, CloseCause::Stopped, no, now))
}

/// A security person's no, up to the moment a session is open.
pub(super) fn veto(
    incident: &Incident,
    no: No,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let person = rules.roster.person(&no.person);
    if !person.is_some_and(|p| p.is(Role::Security)) {
        return Err(Refusal::WrongRole {
            role: Role::Security.word(),
        });
    }
    check_reason(&no)?;
    if let Some(asked) = second_needed(incident, &no, rules, now)? {
        return Ok(asked);
    }
    if incident.is_being_asked() {
        return Ok(vec![Event::Vetoed {
            person: no.person,
            reason: no.reason,
            act_sha256: no.act_sha256,
            at_ms: now,
        }]);
    }
    Ok(ended(incident, CloseCause::Vetoed, no, now))
}

fn check_reason(no: &No) -> Result<(), Refusal> {
    let chars = no.reason.chars().count();
    if chars == 0 || chars > MAX_REASON_CHARS || !is_plain_text(&no.reason) {
        return Err(Refusal::BadText { what: "reason" });
    }
    Ok(())
}

/// Whoever said no within the last day is not obeyed alone: the first such signature waits, the
/// next one, by somebody else, is obeyed.
fn second_needed(
    incident: &Incident,
    no: &No,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Option<Vec<Event>>, Refusal> {
    if rules.stops_last_day == 0 {
        return Ok(None);
    }
    match &incident.end_asked {
        Some(asked) if asked.person != no.person => Ok(None),
        Some(_) => Err(Refusal::SecondStop),
        None => Ok(Some(vec![Event::EndAsked {
            person: no.person.clone(),
            reason: no.reason.clone(),
            act_sha256: no.act_sha256,
            at_ms: now,
        }])),
    }
}

fn ended(incident: &Incident, cause: CloseCause, no: No, now: Timestamp) -> Vec<Event> {
    let memory_lost = matches!(
        incident.phase,
        Phase::Opening {
            unsealed: false,
            ..
        }
    );
    let how = End {
        cause,
        person: Some(no.person),
        reason: no.reason,
        act_sha256: Some(no.act_sha256),
        memory_lost,
    };
    end(incident.session(), how, now)
}
