//! Custodians' answers: shares, refusals, wrong phrases, withdrawals. The same rules serve
//! Collecting and an owed rotation inside Closing.

use super::command::ShareOffer;
use super::consent::{self, alert_is_out, grace_is_over, then_cooling};
use super::event::Event;
use super::opening::{opens_something, requester_may_act};
use super::paper;
use super::refusal::Refusal;
use super::rules::Rules;
use super::{Approval, CLOCK_APART_MS, Incident, PAUSE_MS, Phase};
use crate::domain::act::Pick;
use crate::domain::ids::{Digest, PersonId};
use crate::domain::quorum;
use crate::domain::roster::Role;
use crate::domain::terms::{Gate, MAX_REASON_CHARS, Purpose, is_plain_text};
use crate::domain::time::Timestamp;

/// Whether this person may answer these terms at all.
pub(super) fn may_answer(
    incident: &Incident,
    person: &PersonId,
    terms_sha256: &Digest,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<u8, Refusal> {
    if *terms_sha256 != incident.terms_sha256 {
        return Err(Refusal::OtherTerms);
    }
    let own = holds_share(incident, person, rules)?;
    // An owed rotation inside Closing does not lapse (PROTOCOL §6 a).
    if matches!(incident.phase, Phase::Collecting(_)) && now >= incident.terms.expires_ms {
        return Err(lapsed(incident));
    }
    // A refusal is final for the session asked for; the way back may still be helped.
    if incident.is_being_asked() && incident.refused_by.contains(person) {
        return Err(Refusal::RefusedBefore {
            incident: incident.id.clone(),
        });
    }
    Ok(own)
}

/// Her share of the epoch; never the requester's, nor that of a responder who left the debt.
pub(super) fn holds_share(
    incident: &Incident,
    person: &PersonId,
    rules: &Rules<'_>,
) -> Result<u8, Refusal> {
    let purpose = incident.terms.purpose;
    if quorum::excluded(&incident.requester, purpose, &rules.debtors).contains(&person) {
        return Err(Refusal::OwnIncident);
    }
    let known = rules
        .roster
        .person(person)
        .is_some_and(|p| p.is(Role::Custodian));
    let own = rules.epoch.index_of(person).filter(|_| known);
    own.ok_or(Refusal::NoShare {
        epoch: incident.terms.epoch,
    })
}

pub(super) fn approve(
    incident: &Incident,
    offer: ShareOffer,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let own = may_answer(incident, &offer.person, &offer.terms_sha256, rules, now)?;
    opens_something(rules)?;
    epoch_in_force(incident, rules)?;
    if offer.manifest_sha256 != incident.terms.manifest_sha256 || offer.kind != incident.terms.kind
    {
        return Err(Refusal::OtherManifest {
            epoch: incident.terms.epoch,
        });
    }
    // Whoever has signed counts once, whatever she brings now.
    if incident.has_signed(&offer.person) {
        return Err(Refusal::AlreadyApproved);
    }
    let paper = paper::behind(incident, &offer, own, rules)?;
    let index = offer.index;
    let taken = incident.approvals().iter().any(|a| a.index == index);
    if taken {
        return Err(Refusal::AlreadyApproved);
    }
    if incident
        .approvals()
        .iter()
        .any(|a| a.act_sha256 == offer.act_sha256)
    {
        return Err(Refusal::Replayed);
    }
    not_paused(incident, &offer.person, now)?;
    clocks_agree(offer.signed_ms, now)?;
    check_overrides(incident, &offer.overrides, now)?;
    let accepted = Event::ShareAccepted(Approval {
        person: offer.person,
        index,
        act_sha256: offer.act_sha256,
        envelope_sha256: offer.envelope_sha256,
        unlocker: offer.unlocker,
        at_ms: now,
        overrides: offer.overrides,
        paper,
    });
    if index != own {
        paper::enough_are_left(incident, &accepted, rules)?;
    }
    Ok(then_cooling(incident, accepted, now))
}

/// An approver may stand in for a confirmed alert, a minute after it, and for nothing else.
fn check_overrides(incident: &Incident, lifts: &[Gate], now: Timestamp) -> Result<(), Refusal> {
    match lifts {
        [] => Ok(()),
        [Gate::NoAlertConfirmed] => grace_is_over(incident, now),
        _ => Err(Refusal::NothingToOverride {
            gates: lifts.to_vec(),
        }),
    }
}

/// Terms of an epoch that has ended collect nothing: they are about to be asked again.
fn epoch_in_force(incident: &Incident, rules: &Rules<'_>) -> Result<(), Refusal> {
    if incident.terms.manifest_sha256 == rules.epoch.manifest_sha256 {
        return Ok(());
    }
    Err(Refusal::OtherManifest {
        epoch: rules.epoch.epoch,
    })
}

pub(super) fn not_paused(
    incident: &Incident,
    person: &PersonId,
    now: Timestamp,
) -> Result<(), Refusal> {
    match incident.mismatches.get(person) {
        Some(m) if now < m.paused_until_ms => Err(Refusal::Paused {
            until: m.paused_until_ms,
        }),
        _ => Ok(()),
    }
}

/// An act signed far from now is a stored or replayed one.
pub(super) fn clocks_agree(signed: Timestamp, now: Timestamp) -> Result<(), Refusal> {
    if now.since_ms(signed).abs() > CLOCK_APART_MS {
        return Err(Refusal::ClockApart { signed, now });
    }
    Ok(())
}

pub(super) fn refuse(
    incident: &Incident,
    person: PersonId,
    reason: String,
    terms_sha256: Digest,
    act_sha256: Digest,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    may_answer(incident, &person, &terms_sha256, rules, now)?;
    if incident.approvals().iter().any(|a| a.person == person) {
        return Err(Refusal::AlreadyApproved);
    }
    if reason.chars().count() > MAX_REASON_CHARS || !is_plain_text(&reason) {
        return Err(Refusal::BadText { what: "reason" });
    }
    let mut events = vec![Event::CustodianRefused {
        person: person.clone(),
        reason,
        act_sha256,
    }];
    // The way back never ends because people said no: an owed rotation keeps asking.
    if incident.is_being_asked()
        && could_still_say_yes(incident, Some(&person), rules) < usize::from(incident.terms.needed)
    {
        events.push(Event::Refused { at_ms: now });
    }
    Ok(events)
}

/// Eligible people who have neither refused nor are `also_refusing`, and whose share nobody else
/// gave with a paper.
pub(super) fn could_still_say_yes(
    incident: &Incident,
    also_refusing: Option<&PersonId>,
    rules: &Rules<'_>,
) -> usize {
    let purpose = incident.terms.purpose;
    let excluded = quorum::excluded(&incident.requester, purpose, &rules.debtors);
    quorum::eligible(&rules.epoch.holders, rules.roster, &excluded)
        .iter()
        .filter(|(_, p)| !incident.refused_by.contains(p) && Some(p) != also_refusing)
        .filter(|(index, p)| {
            let mut others = incident.approvals().iter().filter(|a| a.person != *p);
            incident.approvals().iter().any(|a| a.person == *p) || others.all(|a| a.index != *index)
        })
        .count()
}

/// Who is read a phrase: whoever may answer these terms, with a share or as co-approver, or a
/// holder of a share who is asked for a longer session.
fn may_hear(
    incident: &Incident,
    person: &PersonId,
    terms_sha256: &Digest,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<(), Refusal> {
    let longer = incident.session().and_then(|s| s.extension.as_ref());
    if longer.is_some_and(|e| e.terms_sha256 == *terms_sha256) {
        return holds_share(incident, person, rules).map(drop);
    }
    if incident.session().is_some() {
        return Err(Refusal::OtherTerms);
    }
    let answers = may_answer(incident, person, terms_sha256, rules, now);
    let co_approves = incident.co_approver.is_some_and(|role| {
        rules.roster.person(person).is_some_and(|p| p.is(role))
            && incident.requester.person() != Some(person)
    });
    match answers {
        Err(Refusal::NoShare { .. }) if co_approves => Ok(()),
        answers => answers.map(drop),
    }
}

pub(super) fn mismatch(
    incident: &Incident,
    person: PersonId,
    pick: Pick,
    terms_sha256: Digest,
    act_sha256: Digest,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    may_hear(incident, &person, &terms_sha256, rules, now)?;
    not_paused(incident, &person, now)?;
    let before = incident
        .mismatches
        .get(&person)
        .copied()
        .unwrap_or_default();
    let (wrong, paused_until_ms) = match pick {
        Pick::NothingHeard => (before.wrong, before.paused_until_ms),
        // The first wrong pick releases nothing; the second pauses and alarms (PROTOCOL §5).
        Pick::Wrong if before.wrong == 0 => (1, before.paused_until_ms),
        Pick::Wrong => (before.wrong.saturating_add(1), now.plus_ms(PAUSE_MS)),
    };
    Ok(vec![Event::Mismatched {
        person,
        pick,
        wrong,
        paused_until_ms,
        act_sha256,
    }])
}

pub(super) fn withdraw(
    incident: &Incident,
    person: PersonId,
    act_sha256: Digest,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let is_requester = incident.requester.person() == Some(&person);
    if is_requester && incident.is_being_asked() {
        return Ok(vec![Event::Withdrawn {
            person,
            act_sha256,
            at_ms: now,
        }]);
    }
    match incident.approvals().iter().find(|a| a.person == person) {
        Some(approval) => {
            let index = approval.index;
            Ok(vec![Event::ShareWithdrawn {
                person,
                index,
                act_sha256,
            }])
        }
        // Index 0: a co-approver takes back a signature without a share.
        None if has_consented(incident, &person) => Ok(vec![Event::ShareWithdrawn {
            person,
            index: 0,
            act_sha256,
        }]),
        None => Err(Refusal::NothingToWithdraw),
    }
}

fn has_consented(incident: &Incident, person: &PersonId) -> bool {
    let consent = incident.gathering().and_then(|g| g.co_approval.as_ref());
    consent.is_some_and(|c| c.person == *person)
}

/// Whether unsealing may begin, decided just before `unseal.begin`.
pub(super) fn begin(
    incident: &Incident,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    incident.agreed()?;
    let indexes = still_agreed(incident, rules)?;
    opens_something(rules)?;
    requester_may_act(&incident.terms, rules)?;
    epoch_in_force(incident, rules)?;
    // The owed rotation of a closing incident is the way back: it asks neither for the vault,
    // which it holds, nor for an alert, which its incident had.
    if let Phase::Collecting(gathering) | Phase::Cooling(gathering) = &incident.phase {
        if now >= incident.terms.expires_ms {
            return Err(lapsed(incident));
        }
        if now < incident.terms.not_before_ms {
            let at = incident.terms.not_before_ms;
            return Err(Refusal::TooEarly { at });
        }
        if incident.terms.purpose != Purpose::Rotate {
            alert_is_out(incident, rules)?;
        }
        if let Some(busy) = &rules.busy {
            // The quorum for this one is the second quorum that closes that one.
            let displaces = incident.terms.displaces.as_ref() == Some(busy);
            if displaces && !gathering.displacing {
                return Ok(vec![Event::Displacing {
                    displaces: busy.clone(),
                    at_ms: now,
                }]);
            }
            return Err(Refusal::Busy(busy.clone()));
        }
    }
    Ok(vec![Event::UnsealBegun {
        indexes,
        at_ms: now,
    }])
}

/// Whether a share that came in counts still.
pub(super) fn stands(incident: &Incident, approval: &Approval, rules: &Rules<'_>) -> bool {
    let own = holds_share(incident, &approval.person, rules);
    match &approval.paper {
        None => own == Ok(approval.index),
        Some(by) => own.is_ok() && paper::stands(approval.index, by, rules),
    }
}

/// Who may sign is asked again when it is used: somebody may have been locked out, or have lost
/// the role, since she signed (PROTOCOL §1, §6). Gives the indexes of the shares that count.
fn still_agreed(incident: &Incident, rules: &Rules<'_>) -> Result<Vec<u8>, Refusal> {
    let approvals = incident.approvals().iter();
    let approvals = approvals.filter(|a| stands(incident, a, rules));
    let indexes: Vec<u8> = approvals.map(|a| a.index).collect();
    if indexes.len() < usize::from(incident.terms.needed) {
        return Err(Refusal::NoQuorum {
            given: u8::try_from(indexes.len()).unwrap_or(u8::MAX),
            needed: incident.terms.needed,
        });
    }
    if incident.terms.purpose != Purpose::Rotate {
        consent::still_given(incident, rules)?;
    }
    Ok(indexes)
}

pub(super) fn lapsed(incident: &Incident) -> Refusal {
    Refusal::Lapsed {
        incident: incident.id.clone(),
        at: incident.terms.expires_ms,
    }
}
