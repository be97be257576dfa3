//! The terms beside the opening that asked for them: who signed it, whether the terms say what it
//! says, and what a careful reader should be told. Part of `terms_check`.

use super::CliError;
use super::terms_check::refused;
use crate::domain::act::{Act, Deed, Opening};
use crate::domain::incident::CLOCK_APART_MS;
use crate::domain::policy::{DelayWhen, Policy};
use crate::domain::roster::{Role, Roster};
use crate::domain::terms::{Purpose, Terms};
use crate::domain::time::MINUTE_MS;

/// Apart by more than this, an opening's own time and the terms' time are worth a word.
const ODD_AGE_MS: i64 = 5 * MINUTE_MS;

/// The signer is the requester, with a key of hers and a role that may ask.
pub(super) fn check_signer(act: &Act, terms: &Terms, roster: &Roster) -> Result<(), CliError> {
    let Deed::Open(opening) = &act.deed else {
        return Err(refused("the act the terms name is no opening".to_owned()));
    };
    let owner = roster.owner_of_key(&act.key);
    let may = owner.is_some_and(|owner| {
        let role = match opening.purpose {
            Purpose::Rotate => true,
            Purpose::Drill => owner.is(Role::Operator) || owner.is(Role::Responder),
            Purpose::Incident => owner.is(Role::Responder),
        };
        owner.id == act.person && role
    });
    if may && terms.requester.person() == Some(&act.person) && act.vault == terms.vault {
        return Ok(());
    }
    Err(refused(
        "the opening was not signed by a responder of the roster".to_owned(),
    ))
}

/// The opening says what the terms say. Inside Closing the vault freezes rotate terms for an
/// incident's own request (PROTOCOL §6 a): then the purpose is the log's word.
pub(super) fn check_members(
    opening: &Opening,
    terms: &Terms,
    policy: &Policy,
) -> Result<(), CliError> {
    let rotation_of_incident =
        terms.purpose == Purpose::Rotate && opening.purpose != Purpose::Rotate;
    let default = policy.use_case(&opening.use_case).map(|found| &found.scope);
    let scope = if opening.scope.is_empty() {
        default.unwrap_or(&opening.scope)
    } else {
        &opening.scope
    };
    let checks = [
        (
            "purpose",
            opening.purpose == terms.purpose || rotation_of_incident,
        ),
        ("use case", opening.use_case == terms.use_case),
        ("answers", opening.answers == terms.answers),
        ("reason", opening.reason == terms.reason),
        ("ticket", opening.ticket == terms.ticket),
        ("target", opening.target == terms.target),
        ("scope", *scope == terms.scope || rotation_of_incident),
        (
            "grants",
            opening.grants_to == terms.grants_to || rotation_of_incident,
        ),
        (
            "minutes",
            terms.max_minutes == opening.max_minutes || rotation_of_incident,
        ),
        ("displaced incident", opening.displaces == terms.displaces),
        ("continued incident", opening.continues == terms.continues),
        (
            "claim key",
            opening.claim_key == terms.claim_key || rotation_of_incident,
        ),
    ];
    match checks.iter().find(|check| !check.1) {
        None => Ok(()),
        Some((what, _)) => Err(refused(format!(
            "the terms' {what} is not what was signed when it was opened"
        ))),
    }
}

/// A delay that applies at any hour was not cut short. Out-of-hours delays depend on the vault's
/// clock at the opening; a reader is told of them.
pub(super) fn check_delay(act: &Act, terms: &Terms, policy: &Policy) -> Result<(), CliError> {
    let delay = policy
        .use_case(&terms.use_case)
        .filter(|found| found.delay_when == Some(DelayWhen::Always))
        .map_or(0, |found| i64::from(found.delay_minutes) * MINUTE_MS);
    let earliest = act.at_ms.plus_ms(delay - CLOCK_APART_MS);
    if delay > 0 && terms.purpose == Purpose::Incident && terms.not_before_ms < earliest {
        return Err(refused(
            "the terms' delay is shorter than the policy's".to_owned(),
        ));
    }
    Ok(())
}

/// What a careful reader should be told of these terms.
pub(super) fn remarks(terms: &Terms, request: Option<&Act>, policy: &Policy) -> Vec<String> {
    let mut remarks = Vec::new();
    if let Some(act) = request {
        let apart = terms.asked_ms.since_ms(act.at_ms).abs();
        if apart > ODD_AGE_MS {
            let at = act.at_ms.date_clock_utc();
            remarks.push(format!(
                "The opening itself was signed at {at}: ask why these terms are not of then."
            ));
        }
    }
    let costs = if terms.needed > terms.k {
        "One approval more than k is needed"
    } else {
        "Nobody else could approve, so security must override"
    };
    for gate in &terms.gates {
        remarks.push(format!("{costs}: {}.", gate.words()));
    }
    if let Some(other) = &terms.displaces {
        remarks.push(format!(
            "It displaces {other}: with enough approvals {other} is closed, and you are asked again."
        ));
    }
    if let Some(other) = &terms.continues {
        remarks.push(format!("It continues {other}, which broke."));
    }
    let co_approver = policy.use_case(&terms.use_case).and_then(|u| u.co_approver);
    if let Some(role) = co_approver
        && terms.purpose != Purpose::Rotate
    {
        remarks.push(format!("One {} must agree as well.", role.word()));
    }
    remarks
}
