//! Custodians' answers: shares, refusals, wrong phrases, withdrawals. The same rules serve
//! Collecting and an owed rotation inside Closing.

use super::command::ShareOffer;
use super::event::Event;
use super::refusal::Refusal;
use super::rules::Rules;
use super::{Approval, CLOCK_APART_MS, Incident, PAUSE_MS, Phase};
use crate::domain::act::Pick;
use crate::domain::ids::{Digest, PersonId};
use crate::domain::quorum;
use crate::domain::roster::Role;
use crate::domain::terms::{MAX_REASON_CHARS, Purpose, is_plain_text};
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
    if incident.requester.person() == Some(person) {
        return Err(Refusal::OwnIncident);
    }
    let known = rules
        .roster
        .person(person)
        .is_some_and(|p| p.is(Role::Custodian));
    let own = rules.epoch.index_of(person).filter(|_| known);
    let own = own.ok_or(Refusal::NoShare {
        epoch: incident.terms.epoch,
    })?;
    // An owed rotation inside Closing does not lapse (PROTOCOL §6 a).
    if matches!(incident.phase, Phase::Collecting(_)) && now >= incident.terms.expires_ms {
        return Err(lapsed(incident));
    }
    // A refusal is final for the session asked for; the way back may still be helped.
    let asked_first = matches!(incident.phase, Phase::Collecting(_));
    if asked_first && incident.refused_by.contains(person) {
        return Err(Refusal::RefusedBefore {
            incident: incident.id.clone(),
        });
    }
    Ok(own)
}

pub(super) fn approve(
    incident: &Incident,
    offer: ShareOffer,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let own = may_answer(incident, &offer.person, &offer.terms_sha256, rules, now)?;
    epoch_in_force(incident, rules)?;
    if offer.manifest_sha256 != incident.terms.manifest_sha256 || offer.kind != incident.terms.kind
    {
        return Err(Refusal::OtherManifest {
            epoch: incident.terms.epoch,
        });
    }
    if offer.index != own {
        return Err(Refusal::OtherIndex {
            given: offer.index,
            own,
        });
    }
    if incident
        .approvals()
        .iter()
        .any(|a| a.person == offer.person || a.index == own)
    {
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
    Ok(vec![Event::ShareAccepted(Approval {
        person: offer.person,
        index: own,
        act_sha256: offer.act_sha256,
        envelope_sha256: offer.envelope_sha256,
        unlocker: offer.unlocker,
        at_ms: now,
    })])
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

fn not_paused(incident: &Incident, person: &PersonId, now: Timestamp) -> Result<(), Refusal> {
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
    if matches!(incident.phase, Phase::Collecting(_))
        && could_still_say_yes(incident, Some(&person), rules) < usize::from(incident.terms.needed)
    {
        events.push(Event::Refused { at_ms: now });
    }
    Ok(events)
}

/// Eligible people who have neither refused nor are `also_refusing`.
fn could_still_say_yes(
    incident: &Incident,
    also_refusing: Option<&PersonId>,
    rules: &Rules<'_>,
) -> usize {
    let excluded = quorum::excluded(&incident.requester, None);
    quorum::eligible(&rules.epoch.holders, rules.roster, &excluded)
        .iter()
        .filter(|(_, p)| !incident.refused_by.contains(p) && Some(p) != also_refusing)
        .count()
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
    may_answer(incident, &person, &terms_sha256, rules, now)?;
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
    if is_requester && matches!(incident.phase, Phase::Collecting(_)) {
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
        None => Err(Refusal::NothingToWithdraw),
    }
}

/// Whether unsealing may begin, decided just before `unseal.begin`.
pub(super) fn begin(
    incident: &Incident,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let given = incident.approvals().len();
    if given < usize::from(incident.terms.needed) {
        return Err(Refusal::NoQuorum {
            given: u8::try_from(given).unwrap_or(u8::MAX),
            needed: incident.terms.needed,
        });
    }
    epoch_in_force(incident, rules)?;
    // The owed rotation of a closing incident is the way back: it asks neither for the vault,
    // which it holds, nor for an alert, which its incident had.
    if let Phase::Collecting(_) = &incident.phase {
        if now >= incident.terms.expires_ms {
            return Err(lapsed(incident));
        }
        if let Some(busy) = &rules.busy {
            return Err(Refusal::Busy(busy.clone()));
        }
        if incident.terms.purpose != Purpose::Rotate && !rules.alert_confirmed {
            return Err(Refusal::NoAlertConfirmed);
        }
    }
    let indexes = incident.approvals().iter().map(|a| a.index).collect();
    Ok(vec![Event::UnsealBegun {
        indexes,
        at_ms: now,
    }])
}

pub(super) fn lapsed(incident: &Incident) -> Refusal {
    Refusal::Lapsed {
        incident: incident.id.clone(),
        at: incident.terms.expires_ms,
    }
}
