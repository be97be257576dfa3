//! A share opened by a sheet of paper (PROTOCOL §2): an opener and a witness sign, the opener
//! counts as one person and gives no other share, neither is the responder, and one paper counts.
//!
//! The witness signs first, before the bag is opened: who opens, whose paper, which bag. The
//! opener's approval names that act by its hash, so that each signature binds the other. Knows
//! nothing of what stands on a sheet.

use serde::{Deserialize, Serialize};

use super::collecting::{clocks_agree, could_still_say_yes, lapsed, may_answer};
use super::command::{ShareOffer, WitnessOffer};
use super::event::Event;
use super::refusal::Refusal;
use super::rules::Rules;
use super::{Incident, Phase};
use crate::domain::ids::{Digest, PersonId};
use crate::domain::quorum;
use crate::domain::roster::{Person, Role};
use crate::domain::terms::is_plain_text;
use crate::domain::time::Timestamp;

/// Longest number of a bag, characters.
pub const MAX_BAG_CHARS: usize = 60;

/// What a witness signed: she stands beside the opener of this paper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witnessing {
    /// The witness.
    pub person: PersonId,
    /// Who opens the paper and counts.
    pub opener: PersonId,
    /// Whose paper it is.
    pub keeper: PersonId,
    /// The keeper's share.
    pub index: u8,
    /// The paper's recipient.
    pub unlocker: String,
    /// The number of the bag, found whole.
    pub bag: String,
    /// The signed act.
    pub act_sha256: Digest,
    /// When it was accepted.
    pub at_ms: Timestamp,
}

/// The paper behind an accepted share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByPaper {
    /// Whose share it is.
    pub keeper: PersonId,
    /// Who stood by.
    pub witness: PersonId,
    /// Her signed act.
    pub witness_sha256: Digest,
}

/// Why a paper does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PaperFault {
    /// A paper share is in.
    #[error("a paper share is in already: one counts in an incident")]
    OnlyOne,
    /// Opener and witness are one.
    #[error("the witness of a paper is another person than its opener")]
    OwnWitness,
    /// Nobody signed that she stands by, or for somebody or something else.
    #[error("no witness has signed for this opener and this paper under these terms")]
    NoWitness,
    /// The recipient is not her paper.
    #[error("the unlocker named is not the paper of that share's keeper")]
    NotPaper,
    /// A paper opened alone.
    #[error("a paper is opened by two people: this approval names no witness")]
    Alone,
    /// The keeper is gone.
    #[error("the keeper of this paper is no custodian any more")]
    KeeperLeft,
    /// The responder's own paper.
    #[error("the paper of who asked for an incident cannot open it")]
    KeeperAsked,
    /// Her no holds for her paper too.
    #[error("the keeper of this paper refused; a refusal is final")]
    KeeperRefused,
    /// Her share is in.
    #[error("the share that this paper opens is in already")]
    KeeperGave,
    /// Opener and keeper together are two shares that only one can give.
    #[error("too few custodians would be left: the opener gives no share of her own")]
    TooFewLeft,
}

impl PaperFault {
    /// Stable code for scripts and entries.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::OnlyOne => "one_paper",
            Self::OwnWitness => "own_witness",
            Self::NoWitness => "no_witness",
            Self::NotPaper => "not_paper",
            Self::Alone => "paper_alone",
            Self::KeeperLeft => "keeper_left",
            Self::KeeperAsked => "keeper_asked",
            Self::KeeperRefused => "keeper_refused",
            Self::KeeperGave => "keeper_gave",
            Self::TooFewLeft => "paper_too_few_left",
        }
    }

    /// The next step.
    #[must_use]
    pub fn hint(self) -> &'static str {
        match self {
            Self::OnlyOne | Self::TooFewLeft => "ask another custodian for her own share",
            Self::OwnWitness | Self::NoWitness | Self::Alone => {
                "somebody beside you signs first: breakglass paper witness INC --opener YOU --keeper HER --bag NUMBER"
            }
            Self::NotPaper => "take her present paper; an older one opens nothing",
            Self::KeeperLeft | Self::KeeperAsked | Self::KeeperRefused | Self::KeeperGave => {
                "put the paper back unopened and ask another custodian"
            }
        }
    }
}

/// A witness signs that she stands beside the opener.
pub(super) fn witness(
    incident: &Incident,
    offer: WitnessOffer,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    may_witness(incident, &offer, rules, now)?;
    may_answer(incident, &offer.opener, &offer.terms_sha256, rules, now)?;
    if offer.person == offer.opener {
        return Err(PaperFault::OwnWitness.into());
    }
    if incident.has_signed(&offer.opener) {
        return Err(Refusal::AlreadyApproved);
    }
    let keeper = counts(incident, offer.index, &offer.unlocker, rules)?;
    let bag = offer.bag.trim();
    if bag.is_empty() || bag.chars().count() > MAX_BAG_CHARS || !is_plain_text(bag) {
        return Err(Refusal::BadText { what: "bag number" });
    }
    clocks_agree(offer.signed_ms, now)?;
    Ok(vec![Event::PaperWitnessed(Witnessing {
        person: offer.person,
        opener: offer.opener,
        keeper,
        index: offer.index,
        unlocker: offer.unlocker,
        bag: offer.bag,
        act_sha256: offer.act_sha256,
        at_ms: now,
    })])
}

/// A custodian, auditor or security person who did not ask and did not refuse. Operators never see
/// a paper (PROTOCOL §2).
fn may_witness(
    incident: &Incident,
    offer: &WitnessOffer,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<(), Refusal> {
    if offer.terms_sha256 != incident.terms_sha256 {
        return Err(Refusal::OtherTerms);
    }
    if offer.manifest_sha256 != incident.terms.manifest_sha256 {
        return Err(Refusal::OtherManifest {
            epoch: incident.terms.epoch,
        });
    }
    if asked(incident, &offer.person, rules) {
        return Err(Refusal::OwnIncident);
    }
    if matches!(incident.phase, Phase::Collecting(_)) && now >= incident.terms.expires_ms {
        return Err(lapsed(incident));
    }
    if !rules.roster.person(&offer.person).is_some_and(stands_by) {
        return Err(Refusal::WrongRole {
            role: "custodian, auditor or security person",
        });
    }
    if incident.is_being_asked() && incident.refused_by.contains(&offer.person) {
        return Err(Refusal::RefusedBefore {
            incident: incident.id.clone(),
        });
    }
    Ok(())
}

/// Whether she asked for it, or left the debt that a rotation settles.
fn asked(incident: &Incident, person: &PersonId, rules: &Rules<'_>) -> bool {
    let purpose = incident.terms.purpose;
    quorum::excluded(&incident.requester, purpose, &rules.debtors).contains(&person)
}

fn stands_by(person: &Person) -> bool {
    let roles = [Role::Custodian, Role::Auditor, Role::Security];
    roles.iter().any(|role| person.is(*role))
}

/// Whether keeper and witness of a paper share that came in are still what they were; its opener is
/// asked about like everybody.
pub(super) fn stands(index: u8, paper: &ByPaper, rules: &Rules<'_>) -> bool {
    let keeper = rules.roster.person(&paper.keeper);
    rules.epoch.index_of(&paper.keeper) == Some(index)
        && keeper.is_some_and(|p| p.is(Role::Custodian))
        && rules.roster.person(&paper.witness).is_some_and(stands_by)
}

/// Whether this paper may open this share now; its keeper.
fn counts(
    incident: &Incident,
    index: u8,
    unlocker: &str,
    rules: &Rules<'_>,
) -> Result<PersonId, PaperFault> {
    if incident.approvals().iter().any(|a| a.paper.is_some()) {
        return Err(PaperFault::OnlyOne);
    }
    let holder = rules.epoch.holders.iter().find(|(i, _)| *i == index);
    let keeper = holder
        .and_then(|(_, id)| rules.roster.person(id))
        .filter(|person| person.is(Role::Custodian))
        .ok_or(PaperFault::KeeperLeft)?;
    if !keeper.on_paper(unlocker) {
        return Err(PaperFault::NotPaper);
    }
    if asked(incident, &keeper.id, rules) {
        return Err(PaperFault::KeeperAsked);
    }
    if incident.is_being_asked() && incident.refused_by.contains(&keeper.id) {
        return Err(PaperFault::KeeperRefused);
    }
    if incident.approvals().iter().any(|a| a.index == index) {
        return Err(PaperFault::KeeperGave);
    }
    Ok(keeper.id.clone())
}

/// What an approval says of a paper: none for a share that its own custodian opened with a key.
pub(super) fn behind(
    incident: &Incident,
    offer: &ShareOffer,
    own: u8,
    rules: &Rules<'_>,
) -> Result<Option<ByPaper>, Refusal> {
    let Some(witness_sha256) = offer.witness_sha256 else {
        let person = rules.roster.person(&offer.person);
        if person.is_some_and(|p| p.on_paper(&offer.unlocker)) {
            return Err(PaperFault::Alone.into());
        }
        return if offer.index == own {
            Ok(None)
        } else {
            Err(Refusal::OtherIndex {
                given: offer.index,
                own,
            })
        };
    };
    let keeper = counts(incident, offer.index, &offer.unlocker, rules)?;
    let gathering = incident.gathering();
    let witnessing = gathering.and_then(|g| {
        g.witnessing.iter().find(|w| {
            w.act_sha256 == witness_sha256
                && w.opener == offer.person
                && w.index == offer.index
                && w.unlocker == offer.unlocker
        })
    });
    let witness = witnessing.ok_or(PaperFault::NoWitness)?.person.clone();
    // She may have left, or said no, since she signed.
    if !rules.roster.person(&witness).is_some_and(stands_by)
        || (incident.is_being_asked() && incident.refused_by.contains(&witness))
    {
        return Err(PaperFault::NoWitness.into());
    }
    Ok(Some(ByPaper {
        keeper,
        witness,
        witness_sha256,
    }))
}

/// A paper of somebody else spends two custodians for one share: enough must be left.
pub(super) fn enough_are_left(
    incident: &Incident,
    accepted: &Event,
    rules: &Rules<'_>,
) -> Result<(), Refusal> {
    let mut after = incident.clone();
    let applies = after.apply(accepted).is_ok();
    let left = could_still_say_yes(&after, None, rules);
    if applies && left < usize::from(after.terms.needed) {
        return Err(PaperFault::TooFewLeft.into());
    }
    Ok(())
}
