//! What the rules say no with: one sentence, a code, a next step, a runbook, an exit code.

use super::paper::PaperFault;
use crate::domain::ids::{IncidentId, PersonId};
use crate::domain::terms::Gate;
use crate::domain::time::Timestamp;

/// The rules say no. Logged like a deed; never carries anything secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The incident's phase does not accept this command.
    #[error("{incident} is {phase}: it does not accept {command}")]
    NotInPhase {
        /// Which incident.
        incident: IncidentId,
        /// Its phase.
        phase: &'static str,
        /// What was asked.
        command: &'static str,
    },
    /// A session that has ended.
    #[error("the session of {incident} has ended")]
    SessionEnded {
        /// Which incident.
        incident: IncidentId,
    },
    /// No such incident.
    #[error("there is no incident {0}")]
    NoSuchIncident(String),
    /// The person lacks the role.
    #[error("only a {role} may do this")]
    WrongRole {
        /// The role that may.
        role: &'static str,
    },
    /// The responder approving her own incident, or the rotation that it left owed.
    #[error("who asked for an incident cannot approve it, nor the rotation that it left owed")]
    OwnIncident,
    /// Not a holder of a share in this epoch.
    #[error("this person holds no share of epoch {epoch}")]
    NoShare {
        /// Epoch of the terms.
        epoch: u32,
    },
    /// A restored database: what the shares of its epoch open is dead.
    #[error(
        "the credential sealed here is dead: epoch {later} was dealt later, and this database is older"
    )]
    DeadCredential {
        /// The epoch that is known to have been dealt.
        later: u32,
    },
    /// The terms signed are not the terms in force.
    #[error("the terms signed are not those in force: they have changed or never existed")]
    OtherTerms,
    /// The manifest signed is not the one in force.
    #[error("the manifest signed is not that of epoch {epoch}")]
    OtherManifest {
        /// Epoch in force.
        epoch: u32,
    },
    /// Index of somebody else's share.
    #[error("share {given} is not this person's: hers is share {own}")]
    OtherIndex {
        /// What was sent.
        given: u8,
        /// What the roster says.
        own: u8,
    },
    /// One person counts once.
    #[error("this person's share is already in")]
    AlreadyApproved,
    /// A refusal is final for this person and incident.
    #[error("this person refused {incident}; a refusal is final")]
    RefusedBefore {
        /// Which incident.
        incident: IncidentId,
    },
    /// A paper that does not count.
    #[error(transparent)]
    Paper(#[from] PaperFault),
    /// Nothing to take back.
    #[error("this person has no approval to withdraw")]
    NothingToWithdraw,
    /// Paused after two wrong phrases.
    #[error("paused until {until} after a second wrong phrase")]
    Paused {
        /// When approving is possible again.
        until: Timestamp,
    },
    /// The same document again.
    #[error("this act was posted before; each counts once")]
    Replayed,
    /// The incident lapsed.
    #[error("{incident} lapsed at {at}")]
    Lapsed {
        /// Which incident.
        incident: IncidentId,
        /// When.
        at: Timestamp,
    },
    /// The act is too old or from the future.
    #[error("the act was signed at {signed}, the vault's clock says {now}")]
    ClockApart {
        /// Time in the act.
        signed: Timestamp,
        /// Time here.
        now: Timestamp,
    },
    /// Answers do not lead to the use case.
    #[error("the answers do not lead to use case {use_case}: {because}")]
    TreeSaysNo {
        /// What was asked for.
        use_case: String,
        /// Where the answers lead.
        because: String,
    },
    /// A member of the opening that cannot be.
    #[error("the opening's {what} {why}")]
    BadOpening {
        /// Member.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// Terms that do not name the person.
    #[error("the terms do not name {person} in grants_to")]
    NotInGrants {
        /// Who was to be given a right.
        person: PersonId,
    },
    /// A right on a host that the terms do not include.
    #[error("{right} is not within the terms' target: {target}")]
    OutsideTarget {
        /// The right asked for.
        right: &'static str,
        /// The target in words.
        target: String,
    },
    /// Too many openings.
    #[error("{0}")]
    TooMany(&'static str),
    /// Fewer eligible custodians than k.
    #[error("{eligible} custodians could approve, {k} are needed")]
    TooFewEligible {
        /// Who could.
        eligible: u8,
        /// Threshold.
        k: u8,
    },
    /// Security has not lifted gates for which no further custodian exists.
    #[error(
        "{} and no further custodian could approve: a security person must override",
        gate_words(gates)
    )]
    OverrideNeeded {
        /// Closed gates.
        gates: Vec<Gate>,
    },
    /// An override that would lift nothing.
    #[error("no gate of this incident needs an override for {}", gate_words(gates))]
    NothingToOverride {
        /// What was to be lifted.
        gates: Vec<Gate>,
    },
    /// The co-approver's signature is missing.
    #[error("an approval by one {role} who gives no share is missing")]
    CoApproverMissing {
        /// Her role.
        role: &'static str,
    },
    /// A delay or a minute of grace still runs.
    #[error("not before {at}")]
    TooEarly {
        /// When it is time.
        at: Timestamp,
    },
    /// A longer session that cannot be.
    #[error("the session of {incident} cannot be extended: {why}")]
    BadExtension {
        /// Which incident.
        incident: IncidentId,
        /// What is wrong.
        why: String,
    },
    /// Another incident has the vault.
    #[error("{0} is being opened, open or closing: one at a time")]
    Busy(IncidentId),
    /// Not enough shares yet.
    #[error("{given} of {needed} shares are in")]
    NoQuorum {
        /// Shares in.
        given: u8,
        /// Shares needed.
        needed: u8,
    },
    /// Nobody outside is known to have been told.
    #[error("no channel has confirmed the opening alert yet")]
    NoAlertConfirmed,
    /// A second stop or veto within a day.
    #[error(
        "a second stop or veto by the same person within 24 hours needs another person's signature"
    )]
    SecondStop,
    /// The claim was not signed by the key the opening named.
    #[error("the claim is not signed by the key that the opening named")]
    WrongClaimKey,
    /// The reviewer took part.
    #[error("who took part in an incident cannot review it")]
    Participant,
    /// The reviewer is no auditor.
    #[error("only an auditor may review")]
    NotAuditor,
    /// Answers are missing.
    #[error("not answered yet: {}", missing.join(", "))]
    Unanswered {
        /// Ids of questions and items.
        missing: Vec<String>,
    },
    /// The record changed since it was shown.
    #[error("the case record signed is not the one of this incident now")]
    OtherRecord,
    /// A version of roster or policy that can never take effect as it is.
    #[error("the {what} proposed cannot take effect: {why}")]
    BadVersion {
        /// `roster` or `policy`.
        what: &'static str,
        /// Why not.
        why: String,
    },
    /// Her signature is there already.
    #[error("this person has signed this version before")]
    SignedBefore,
    /// A text that is too long, empty or holds control characters.
    #[error("the {what} is empty, too long or holds control characters")]
    BadText {
        /// Which text.
        what: &'static str,
    },
}

fn gate_words(gates: &[Gate]) -> String {
    gates
        .iter()
        .map(|g| g.words())
        .collect::<Vec<_>>()
        .join(", ")
}

impl Refusal {
    /// Stable code for scripts and entries.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotInPhase { .. } => "not_in_phase",
            Self::SessionEnded { .. } => "session_ended",
            Self::NoSuchIncident(_) => "no_such_incident",
            Self::WrongRole { .. } => "wrong_role",
            Self::OwnIncident => "own_incident",
            Self::NoShare { .. } => "no_share",
            Self::DeadCredential { .. } => "sealed",
            Self::OtherTerms => "other_terms",
            Self::OtherManifest { .. } => "other_manifest",
            Self::OtherIndex { .. } => "other_index",
            Self::AlreadyApproved => "already_approved",
            Self::RefusedBefore { .. } => "refused_before",
            Self::Paper(fault) => fault.code(),
            Self::NothingToWithdraw => "nothing_to_withdraw",
            Self::Paused { .. } => "paused",
            Self::Replayed => "replayed",
            Self::Lapsed { .. } => "lapsed",
            Self::ClockApart { .. } => "clock_apart",
            Self::TreeSaysNo { .. } => "tree_says_no",
            Self::BadOpening { .. } => "bad_opening",
            Self::NotInGrants { .. } => "not_in_grants",
            Self::OutsideTarget { .. } => "outside_target",
            Self::TooMany(_) => "too_many",
            Self::TooFewEligible { .. } => "too_few_eligible",
            Self::OverrideNeeded { .. } => "override_needed",
            Self::NothingToOverride { .. } => "nothing_to_override",
            Self::CoApproverMissing { .. } => "co_approver_missing",
            Self::TooEarly { .. } => "too_early",
            Self::BadExtension { .. } => "bad_extension",
            Self::Busy(_) => "busy",
            Self::NoQuorum { .. } => "no_quorum",
            Self::NoAlertConfirmed => "no_alert_confirmed",
            Self::SecondStop => "second_stop",
            Self::WrongClaimKey => "wrong_claim_key",
            Self::Participant => "participant",
            Self::NotAuditor => "not_auditor",
            Self::Unanswered { .. } => "unanswered",
            Self::OtherRecord => "other_record",
            Self::BadText { .. } => "bad_text",
            Self::BadVersion { .. } => "bad_version",
            Self::SignedBefore => "signed_before",
        }
    }

    /// The next step, for the person who was refused.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::OtherTerms | Self::OtherManifest { .. } | Self::OtherRecord => {
                "run the command again: it fetches and shows what is in force now"
            }
            Self::Paper(fault) => fault.hint(),
            Self::Paused { .. } => "tell security if nobody read you a phrase",
            Self::TreeSaysNo { .. } => {
                "walk the tree again with `breakglass open`, or take the door it names"
            }
            Self::NoAlertConfirmed => {
                "the vault opens by itself once a channel confirms; or one more custodian approves with --override no_alert_confirmed"
            }
            Self::Participant | Self::NotAuditor => "ask an auditor who took no part",
            Self::Unanswered { .. } => "answer them all, then sign again",
            Self::SessionEnded { .. } | Self::Lapsed { .. } => {
                "open a new incident if it is still needed"
            }
            Self::OverrideNeeded { .. } => "ask security: breakglass override INC",
            Self::DeadCredential { .. } => {
                "call the operator: a newer backup, or a fresh credential, opens again"
            }
            Self::SecondStop => "ask another person to run the same command",
            Self::TooEarly { .. } => "wait; `breakglass status` shows the time",
            Self::Busy(_) => "wait until it has closed, stop it, or open with --displace INC",
            Self::ClockApart { .. } => "set this machine's clock",
            Self::BadVersion { .. } => {
                "write it against the version in force: `breakglass roster show`, `breakglass policy show`"
            }
            Self::SignedBefore => {
                "the others see it with `breakglass roster sign` or `breakglass policy sign`"
            }
            _ => "see `breakglass status`",
        }
    }

    /// The page that helps, under `runbooks/`.
    #[must_use]
    pub fn runbook(&self) -> &'static str {
        match self {
            Self::TreeSaysNo { .. } => "decide",
            Self::Participant | Self::NotAuditor | Self::Unanswered { .. } | Self::OtherRecord => {
                "auditor"
            }
            Self::Paper(_) => "paper-share",
            Self::DeadCredential { .. } => "host-lost",
            Self::OwnIncident
            | Self::NoShare { .. }
            | Self::OtherTerms
            | Self::OtherManifest { .. }
            | Self::OtherIndex { .. }
            | Self::AlreadyApproved
            | Self::RefusedBefore { .. }
            | Self::Paused { .. } => "custodian",
            _ => "responder",
        }
    }

    /// Exit code of the command that met it (DESIGN §13).
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoSuchIncident(_) | Self::NotInPhase { .. } | Self::DeadCredential { .. } => 3,
            Self::Lapsed { .. } => 4,
            Self::OtherIndex { .. } => 6,
            Self::SessionEnded { .. } => 7,
            Self::WrongRole { .. }
            | Self::NoShare { .. }
            | Self::OwnIncident
            | Self::WrongClaimKey
            | Self::Participant
            | Self::NotAuditor => 9,
            _ => 5,
        }
    }
}
