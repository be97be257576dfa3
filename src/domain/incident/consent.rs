//! Signatures that carry no share: the co-approver's and security's over closed gates; and
//! whether everything that terms ask for has come in (PROTOCOL §6).

use super::collecting::{clocks_agree, could_still_say_yes, lapsed, not_paused, stands};
use super::command::Signed;
use super::event::Event;
use super::refusal::Refusal;
use super::rules::Rules;
use super::{Incident, Lifted, Phase, UNCONFIRMED_MS};
use crate::domain::ids::{Digest, PersonId};
use crate::domain::roster::Role;
use crate::domain::terms::{Gate, Purpose};
use crate::domain::time::Timestamp;

impl Incident {
    /// Whether security must lift the gates, because no further custodian exists.
    #[must_use]
    pub fn override_needed(&self) -> bool {
        let terms = &self.terms;
        terms.purpose != Purpose::Rotate && !terms.gates.is_empty() && terms.needed <= terms.k
    }

    /// What is still missing before the terms are agreed to; whether it is time is another rule.
    ///
    /// # Errors
    /// [`Refusal::NoQuorum`], [`Refusal::CoApproverMissing`] or [`Refusal::OverrideNeeded`].
    pub fn agreed(&self) -> Result<(), Refusal> {
        let given = self.approvals().len();
        if given < usize::from(self.terms.needed) {
            return Err(Refusal::NoQuorum {
                given: u8::try_from(given).unwrap_or(u8::MAX),
                needed: self.terms.needed,
            });
        }
        if self.terms.purpose == Purpose::Rotate {
            return Ok(());
        }
        let gathering = self.gathering();
        if let Some(role) = self.co_approver
            && gathering.is_none_or(|g| g.co_approval.is_none())
        {
            return Err(Refusal::CoApproverMissing { role: role.word() });
        }
        let gates = &self.terms.gates;
        let lifted = |gate: &Gate| lifts(self, *gate).next().is_some();
        if self.override_needed() && !gates.iter().all(lifted) {
            return Err(Refusal::OverrideNeeded {
                gates: gates.clone(),
            });
        }
        Ok(())
    }
}

/// Adds the beginning of the veto window when this event completes what is asked for before
/// `not_before_ms`.
pub(super) fn then_cooling(incident: &Incident, event: Event, now: Timestamp) -> Vec<Event> {
    let until_ms = incident.terms.not_before_ms;
    let mut after = incident.clone();
    let agreed = after.apply(&event).is_ok() && after.agreed().is_ok();
    if agreed && now < until_ms && matches!(incident.phase, Phase::Collecting(_)) {
        return vec![event, Event::CoolingBegun { until_ms }];
    }
    vec![event]
}

/// What every signature over terms must meet, with or without a share.
fn may_sign(incident: &Incident, signed: &Signed, now: Timestamp) -> Result<(), Refusal> {
    if signed.terms_sha256 != incident.terms_sha256 {
        return Err(Refusal::OtherTerms);
    }
    if incident.requester.person() == Some(&signed.person) {
        return Err(Refusal::OwnIncident);
    }
    if now >= incident.terms.expires_ms {
        return Err(lapsed(incident));
    }
    if incident.refused_by.contains(&signed.person) {
        return Err(Refusal::RefusedBefore {
            incident: incident.id.clone(),
        });
    }
    if incident.has_signed(&signed.person) {
        return Err(Refusal::AlreadyApproved);
    }
    not_paused(incident, &signed.person, now)
}

impl Incident {
    /// One person counts once, whatever she signs (PROTOCOL §6).
    pub(super) fn has_signed(&self, person: &PersonId) -> bool {
        let without_share = self.gathering().is_some_and(|g| {
            g.co_approval.iter().any(|c| c.person == *person)
                || g.lifted.iter().any(|l| l.person == *person)
        });
        without_share || self.approvals().iter().any(|a| a.person == *person)
    }
}

/// Whether who signed without a share may still do so: asked again when it is used.
pub(super) fn still_given(incident: &Incident, rules: &Rules<'_>) -> Result<(), Refusal> {
    let gathering = incident.gathering();
    if let Some(role) = incident.co_approver {
        let consent = gathering.and_then(|g| g.co_approval.as_ref());
        if !consent.is_some_and(|c| is_still(&c.person, role, rules)) {
            return Err(Refusal::CoApproverMissing { role: role.word() });
        }
    }
    let lifted =
        |gate: &Gate| lifts(incident, *gate).any(|l| is_still(&l.person, Role::Security, rules));
    let gates = &incident.terms.gates;
    if incident.override_needed() && !gates.iter().all(lifted) {
        return Err(Refusal::OverrideNeeded {
            gates: gates.clone(),
        });
    }
    Ok(())
}

fn is_still(person: &PersonId, role: Role, rules: &Rules<'_>) -> bool {
    rules.roster.person(person).is_some_and(|p| p.is(role))
}

/// Who lifted a gate.
fn lifts(incident: &Incident, gate: Gate) -> impl Iterator<Item = &Lifted> {
    let lifted = incident.gathering().map_or(&[][..], |g| &g.lifted);
    lifted.iter().filter(move |l| l.gates.contains(&gate))
}

pub(super) fn co_approve(
    incident: &Incident,
    signed: Signed,
    manifest_sha256: Digest,
    signed_ms: Timestamp,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let Some(role) = incident.co_approver else {
        return Err(Refusal::NoShare {
            epoch: incident.terms.epoch,
        });
    };
    may_sign(incident, &signed, now)?;
    let person = rules.roster.person(&signed.person);
    if !person.is_some_and(|p| p.is(role)) {
        return Err(Refusal::WrongRole { role: role.word() });
    }
    if manifest_sha256 != incident.terms.manifest_sha256 {
        return Err(Refusal::OtherManifest {
            epoch: incident.terms.epoch,
        });
    }
    if incident
        .gathering()
        .is_some_and(|g| g.co_approval.is_some())
    {
        return Err(Refusal::AlreadyApproved);
    }
    clocks_agree(signed_ms, now)?;
    let event = Event::CoApproved {
        person: signed.person,
        act_sha256: signed.act_sha256,
        at_ms: now,
    };
    Ok(then_cooling(incident, event, now))
}

pub(super) fn lift(
    incident: &Incident,
    signed: Signed,
    gates: Vec<Gate>,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    may_sign(incident, &signed, now)?;
    let person = rules.roster.person(&signed.person);
    if !person.is_some_and(|p| p.is(Role::Security)) {
        return Err(Refusal::WrongRole {
            role: Role::Security.word(),
        });
    }
    let liftable = |gate: &Gate| match gate {
        Gate::NoAlertConfirmed => nobody_further(incident, rules),
        gate => incident.override_needed() && incident.terms.gates.contains(gate),
    };
    if gates.is_empty() || !gates.iter().all(liftable) {
        return Err(Refusal::NothingToOverride { gates });
    }
    if gates.contains(&Gate::NoAlertConfirmed) {
        grace_is_over(incident, now)?;
    }
    let event = Event::GateLifted {
        person: signed.person,
        gates,
        act_sha256: signed.act_sha256,
        at_ms: now,
    };
    Ok(then_cooling(incident, event, now))
}

/// No custodian beyond the needed ones could still approve.
fn nobody_further(incident: &Incident, rules: &Rules<'_>) -> bool {
    could_still_say_yes(incident, None, rules) <= usize::from(incident.terms.needed)
}

/// A channel gets a minute to confirm before anyone may stand in for it.
pub(super) fn grace_is_over(incident: &Incident, now: Timestamp) -> Result<(), Refusal> {
    let at = incident.terms.asked_ms.plus_ms(UNCONFIRMED_MS);
    if now < at {
        return Err(Refusal::TooEarly { at });
    }
    Ok(())
}

/// Whether the opening alert is known to have reached somebody, or people stand in for that: one
/// approver beyond the needed ones, or security where no such person exists (PROTOCOL §6).
pub(super) fn alert_is_out(incident: &Incident, rules: &Rules<'_>) -> Result<(), Refusal> {
    let gate = Gate::NoAlertConfirmed;
    let approvals = incident.approvals().iter();
    let counted: Vec<_> = approvals.filter(|a| stands(incident, a, rules)).collect();
    let beyond = counted.len() > usize::from(incident.terms.needed)
        && counted.iter().any(|a| a.overrides.contains(&gate));
    let lifted = lifts(incident, gate).any(|l| is_still(&l.person, Role::Security, rules));
    if rules.alert_confirmed || beyond || lifted {
        return Ok(());
    }
    Err(Refusal::NoAlertConfirmed)
}
