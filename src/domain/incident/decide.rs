//! The whole state machine, read phase by phase: a command becomes events or a refusal.

use super::closing::{self, End};
use super::collecting;
use super::command::{AskAgain, Command, Fresh};
use super::consent;
use super::ending;
use super::event::Event;
use super::extend;
use super::opening;
use super::paper;
use super::refusal::Refusal;
use super::rules::Rules;
use super::table;
use super::{CloseCause, Closing, InReview, Incident, MAX_RESTARTS, Phase, Session};
use crate::domain::ids::PersonId;
use crate::domain::review;
use crate::domain::terms::{Gate, Purpose};
use crate::domain::time::{MINUTE_MS, Timestamp};

/// Decides one command. Pure: the same arguments give the same events.
///
/// # Errors
/// The rule that says no.
pub fn decide(
    incident: &Incident,
    command: Command,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    if !table::accepts(incident.phase.name(), command.name()) {
        return Err(not_in_phase(incident, &command));
    }
    match &incident.phase {
        Phase::Waiting { until_ms } => in_waiting(incident, *until_ms, command, rules, now),
        Phase::Collecting(_) => in_collecting(incident, command, rules, now),
        Phase::Cooling(_) => in_cooling(incident, command, rules, now),
        Phase::Opening { unsealed, .. } => in_opening(incident, *unsealed, command, rules, now),
        Phase::Open(session) => in_open(incident, session, command, rules, now),
        Phase::Closing(closing) => in_closing(incident, closing, command, rules, now),
        Phase::InReview(in_review) => in_review_phase(incident, in_review, command, rules, now),
        Phase::Reviewed { .. }
        | Phase::Refused { .. }
        | Phase::Withdrawn { .. }
        | Phase::Lapsed { .. } => Err(not_in_phase(incident, &command)),
    }
}

fn not_in_phase(incident: &Incident, command: &Command) -> Refusal {
    let session_over = matches!(
        incident.phase,
        Phase::Closing(_) | Phase::InReview(_) | Phase::Reviewed { .. }
    ) && matches!(
        command,
        Command::Claim { .. } | Command::Extend { .. } | Command::Close { .. } | Command::Stop(_)
    );
    if session_over {
        return Refusal::SessionEnded {
            incident: incident.id.clone(),
        };
    }
    if let Phase::Lapsed { at_ms } = incident.phase {
        return Refusal::Lapsed {
            incident: incident.id.clone(),
            at: at_ms,
        };
    }
    Refusal::NotInPhase {
        incident: incident.id.clone(),
        phase: incident.phase.name().word(),
        command: command.name().word(),
    }
}

fn in_waiting(
    incident: &Incident,
    until_ms: Timestamp,
    command: Command,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::WaitOver { .. } if now < until_ms => Err(Refusal::TooEarly { at: until_ms }),
        Command::WaitOver { fresh } => ask_again(incident, AskAgain::WaitOver, &fresh, rules, now),
        Command::Withdraw { person, act_sha256 } => {
            collecting::withdraw(incident, person, act_sha256, now)
        }
        Command::Veto(no) => ending::veto(incident, no, rules, now),
        other => Err(not_in_phase(incident, &other)),
    }
}

/// Quorum is met; nothing is opened before the veto window is over.
fn in_cooling(
    incident: &Incident,
    command: Command,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::Time if now < incident.terms.not_before_ms => Ok(Vec::new()),
        // `Begin` follows; what stands against it is waited for in Collecting, which lapses.
        Command::Time => match collecting::begin(incident, rules, now) {
            Ok(_) => Ok(Vec::new()),
            Err(_) => Ok(vec![Event::Cooled { at_ms: now }]),
        },
        other => in_collecting(incident, other, rules, now),
    }
}

fn in_collecting(
    incident: &Incident,
    command: Command,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::Time if now >= incident.terms.expires_ms => Ok(lapsed(now)),
        Command::Time => Ok(Vec::new()),
        Command::Restarted { fresh } => ask_again(incident, AskAgain::Restart, &fresh, rules, now),
        Command::EpochEnded { fresh } => {
            ask_again(incident, AskAgain::EpochEnded, &fresh, rules, now)
        }
        answer => custodians_answer(incident, answer, rules, now),
    }
}

/// What custodians send while shares are taken, in Collecting or inside Closing.
fn custodians_answer(
    incident: &Incident,
    command: Command,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::Approve(offer) => collecting::approve(incident, offer, rules, now),
        Command::Witness(offer) => paper::witness(incident, offer, rules, now),
        Command::Refuse {
            person,
            reason,
            terms_sha256,
            act_sha256,
        } => collecting::refuse(
            incident,
            person,
            reason,
            terms_sha256,
            act_sha256,
            rules,
            now,
        ),
        Command::Mismatch {
            person,
            pick,
            terms_sha256,
            act_sha256,
        } => collecting::mismatch(incident, person, pick, terms_sha256, act_sha256, rules, now),
        Command::Withdraw { person, act_sha256 } => {
            collecting::withdraw(incident, person, act_sha256, now)
        }
        Command::Begin => collecting::begin(incident, rules, now),
        other => without_share(incident, other, rules, now),
    }
}

/// Signatures that carry no share, and security's no.
fn without_share(
    incident: &Incident,
    command: Command,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::CoApprove {
            signed,
            manifest_sha256,
            signed_ms,
        } => consent::co_approve(incident, signed, manifest_sha256, signed_ms, rules, now),
        Command::Override { signed, gates } => consent::lift(incident, signed, gates, rules, now),
        Command::Veto(no) => ending::veto(incident, no, rules, now),
        other => Err(not_in_phase(incident, &other)),
    }
}

fn lapsed(now: Timestamp) -> Vec<Event> {
    vec![Event::Lapsed {
        at_ms: now,
        why: None,
    }]
}

/// New terms for the same incident, or its end after too many restarts.
pub(super) fn ask_again(
    incident: &Incident,
    why: AskAgain,
    fresh: &Fresh,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    // Whoever was locked out or left the roster asks for nothing any more (PROTOCOL §1).
    let requester = incident.requester.person();
    if requester.is_some_and(|person| rules.roster.person(person).is_none()) {
        return Ok(vec![Event::Lapsed {
            at_ms: now,
            why: Some(CloseCause::ResponderLeft),
        }]);
    }
    let counts = matches!(why, AskAgain::Restart | AskAgain::OpeningBroke);
    if counts && incident.restarts >= MAX_RESTARTS {
        return Ok(lapsed(now));
    }
    // An incident collecting anew after its own broken Opening has no rotation gate: it is the
    // one that will settle the debt (PROTOCOL §6).
    let own_debt = incident.rotation_owed
        || incident.terms.continues.is_some()
        || why == AskAgain::OpeningBroke;
    let gates: Vec<Gate> = rules
        .gates
        .iter()
        .copied()
        .filter(|gate| !(own_debt && *gate == Gate::RotationOwed))
        .collect();
    match opening::refreeze(incident, fresh, &gates, rules, now) {
        Ok(frozen) => Ok(vec![Event::AskedAgain { why, frozen }]),
        // The identity that shares were encrypted to is gone and no new terms are possible:
        // staying would hold the vault for ever.
        Err(_) => Ok(lapsed(now)),
    }
}

fn in_opening(
    incident: &Incident,
    unsealed: bool,
    command: Command,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::Unsealed => Ok(vec![Event::Unsealed {}]),
        Command::SessionReady { session } if unsealed && incident.purpose != Purpose::Rotate => {
            let Some(actor) = incident.requester.person().cloned() else {
                return Err(Refusal::WrongRole { role: "responder" });
            };
            let length_ms = i64::from(incident.terms.max_minutes) * MINUTE_MS;
            let exp_ms = now.plus_ms(length_ms);
            Ok(vec![Event::SessionOpened {
                sid: session,
                actor,
                opened_ms: now,
                exp_ms,
            }])
        }
        Command::RotationBegun if unsealed && incident.purpose == Purpose::Rotate => Ok(
            closing::end(None, without_person(CloseCause::Rotate, false), now),
        ),
        Command::OpeningBroke {
            why,
            fresh,
            combined,
            replaced,
        } => {
            let owed = !replaced && (combined || unsealed);
            closing::opening_broke(incident, why, &fresh, owed, rules, now)
        }
        // After a restart nobody can tell how far combining went: a rotation is owed.
        Command::Restarted { fresh } => {
            let why = "the vault restarted while opening".to_owned();
            closing::opening_broke(incident, why, &fresh, true, rules, now)
        }
        Command::Stop(no) => ending::stop(incident, no, rules, now),
        Command::Time => Ok(Vec::new()),
        veto => without_share(incident, veto, rules, now),
    }
}

fn without_person(cause: CloseCause, memory_lost: bool) -> End {
    End {
        cause,
        person: None,
        reason: String::new(),
        act_sha256: None,
        memory_lost,
    }
}

fn in_open(
    incident: &Incident,
    session: &Session,
    command: Command,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::Claim {
            person,
            key,
            token_sha256,
            act_sha256,
            from,
        } => {
            check_claim(incident, session, &person, &key, now)?;
            let claims = session.claims.saturating_add(1);
            let sid = session.id.clone();
            Ok(vec![Event::Claimed {
                sid,
                token_sha256,
                claims,
                act_sha256,
                from,
            }])
        }
        Command::Note { person, text } => closing::note(person, text, rules),
        Command::Close { person, act_sha256 } => {
            closing::close(incident, session, person, act_sha256, now)
        }
        Command::Stop(no) => ending::stop(incident, no, rules, now),
        Command::Cut { cause } => Ok(closing::end(
            Some(session),
            without_person(cause, false),
            now,
        )),
        Command::Restarted { .. } => Ok(closing::end(
            Some(session),
            without_person(CloseCause::Restart, true),
            now,
        )),
        Command::Time if now >= session.exp_ms => Ok(closing::end(
            Some(session),
            without_person(CloseCause::Deadline, false),
            now,
        )),
        Command::Time => Ok(Vec::new()),
        longer => of_extension(incident, session, longer, rules, now),
    }
}

fn of_extension(
    incident: &Incident,
    session: &Session,
    command: Command,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::Extend {
            signed,
            max_minutes,
        } => extend::extend(incident, session, signed, max_minutes, rules, now),
        Command::Mismatch {
            person,
            pick,
            terms_sha256,
            act_sha256,
        } => collecting::mismatch(incident, person, pick, terms_sha256, act_sha256, rules, now),
        Command::Extended => extend::extended(incident, session, rules, now),
        Command::ExtendFailed { why } => Ok(vec![Event::ExtendFailed { why }]),
        other => Err(not_in_phase(incident, &other)),
    }
}

fn check_claim(
    incident: &Incident,
    session: &Session,
    person: &PersonId,
    key: &str,
    now: Timestamp,
) -> Result<(), Refusal> {
    if now >= session.exp_ms {
        return Err(Refusal::SessionEnded {
            incident: incident.id.clone(),
        });
    }
    if session.actor != *person {
        return Err(Refusal::WrongRole {
            role: "responder of this incident",
        });
    }
    // A stolen login is not enough: the key was made by the client that opened (PROTOCOL §4).
    if incident.terms.claim_key.as_deref() != Some(key) {
        return Err(Refusal::WrongClaimKey);
    }
    Ok(())
}

fn in_closing(
    incident: &Incident,
    closing: &Closing,
    command: Command,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::Note { person, text } => closing::note(person, text, rules),
        Command::Rotated { tokens_dead_at_ms } => {
            Ok(closing::rotated(incident, tokens_dead_at_ms, rules, now))
        }
        Command::AskRotation { fresh } => {
            closing::ask_rotation(incident, closing, &fresh, rules, now)
        }
        Command::Restarted { fresh } if closing.memory_lost => {
            // Asked again without limit: the way back is never lost (PROTOCOL §6 a). Where no
            // terms are possible now, shares sent to the lost identity are forgotten all the same.
            Ok(closing::ask_rotation(incident, closing, &fresh, rules, now)
                .unwrap_or_else(|_| vec![Event::MemoryLost {}]))
        }
        Command::Restarted { .. } => Ok(vec![Event::MemoryLost {}]),
        Command::Unsealed if closing.unsealing => Ok(vec![Event::Unsealed {}]),
        Command::OpeningBroke {
            why,
            fresh,
            combined,
            ..
        } if closing.unsealing => {
            closing::opening_broke(incident, why, &fresh, combined, rules, now)
        }
        answer if closing.rotate.is_some() && !closing.unsealing => {
            custodians_answer(incident, answer, rules, now)
        }
        other => Err(not_in_phase(incident, &other)),
    }
}

fn in_review_phase(
    incident: &Incident,
    _in_review: &InReview,
    command: Command,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::Note { person, text } => closing::note(person, text, rules),
        Command::Answer { person, id, text } => {
            closing::may_review(incident, &person, rules)?;
            if id.len() > 40 || text.chars().count() > review::MAX_ANSWER_CHARS {
                return Err(Refusal::BadText { what: "answer" });
            }
            Ok(vec![Event::Answered { person, id, text }])
        }
        Command::Find { person, finding } => {
            closing::may_review(incident, &person, rules)?;
            if finding.text.trim().is_empty()
                || finding.text.chars().count() > review::MAX_ANSWER_CHARS
            {
                return Err(Refusal::BadText { what: "finding" });
            }
            Ok(vec![Event::Found { person, finding }])
        }
        Command::Sign {
            person,
            act_sha256,
            answers,
            findings,
            verdict,
            record_sha256,
            current_record_sha256,
            items,
        } => {
            closing::may_review(incident, &person, rules)?;
            if record_sha256 != current_record_sha256 {
                return Err(Refusal::OtherRecord);
            }
            review::complete(&rules.policy.review_questions, &items, &answers, &findings)?;
            Ok(vec![Event::Reviewed {
                person,
                act_sha256,
                record_sha256,
                verdict,
                answers,
                findings,
                at_ms: now,
            }])
        }
        other => Err(not_in_phase(incident, &other)),
    }
}
