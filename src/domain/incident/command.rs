//! What can be asked of an incident.

use crate::domain::act::Pick;
use crate::domain::ids::{Digest, PersonId, SessionId};
use crate::domain::manifest::Kind;
use crate::domain::review::{Finding, OpenItem, Verdict};
use crate::domain::terms::Gate;
use crate::domain::time::Timestamp;
use std::collections::BTreeMap;

use super::CloseCause;
use super::table::CommandName;

/// A fresh one-time recipient and nonce, made before new terms are frozen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fresh {
    /// One-time age recipient.
    pub recipient: String,
    /// 32 random bytes, hexadecimal; drawn last.
    pub nonce: String,
}

/// A checked share: signature, envelope and possession key were verified before deciding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareOffer {
    /// Who sends it.
    pub person: PersonId,
    /// The signed act.
    pub act_sha256: Digest,
    /// Terms the act signs.
    pub terms_sha256: Digest,
    /// Manifest the act signs.
    pub manifest_sha256: Digest,
    /// Index the act names.
    pub index: u8,
    /// Live or drill, as the envelope says.
    pub kind: Kind,
    /// Unlocker that opened the share.
    pub unlocker: String,
    /// Hash of the envelope.
    pub envelope_sha256: Digest,
    /// Time in the act.
    pub signed_ms: Timestamp,
    /// Gates the act lifts.
    pub overrides: Vec<Gate>,
    /// The witness's act, where a paper opened the share.
    pub witness_sha256: Option<Digest>,
}

/// A witness's signature for the opener of a paper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessOffer {
    /// The witness.
    pub person: PersonId,
    /// Who opens the paper.
    pub opener: PersonId,
    /// The share of its keeper.
    pub index: u8,
    /// The paper's recipient.
    pub unlocker: String,
    /// The number of the bag.
    pub bag: String,
    /// The signed act.
    pub act_sha256: Digest,
    /// Terms the act signs.
    pub terms_sha256: Digest,
    /// Manifest the act signs.
    pub manifest_sha256: Digest,
    /// Time in the act.
    pub signed_ms: Timestamp,
}

/// A person's no: a stop or a veto.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct No {
    /// Who.
    pub person: PersonId,
    /// Why.
    pub reason: String,
    /// The signed act.
    pub act_sha256: Digest,
}

/// A signature that carries no share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// Who.
    pub person: PersonId,
    /// Terms the act signs.
    pub terms_sha256: Digest,
    /// The signed act.
    pub act_sha256: Digest,
}

/// Why new terms are frozen for the same incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskAgain {
    /// The process restarted; the one-time identity is gone. Counts.
    Restart,
    /// A long delay is over: from now on shares are asked for. Does not count.
    WaitOver,
    /// Another incident ended the epoch. Does not count.
    EpochEnded,
    /// Opening broke after shares were combined. Counts.
    OpeningBroke,
    /// An owed rotation inside Closing. Never counts.
    RotationOwed,
}

/// What can be asked of an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A custodian releases her share.
    Approve(ShareOffer),
    /// Somebody stands beside the opener of a paper.
    Witness(WitnessOffer),
    /// A custodian says no.
    Refuse {
        /// Who.
        person: PersonId,
        /// Why.
        reason: String,
        /// Terms the act signs.
        terms_sha256: Digest,
        /// The signed act.
        act_sha256: Digest,
    },
    /// A phrase did not match.
    Mismatch {
        /// Whose ears.
        person: PersonId,
        /// What was picked.
        pick: Pick,
        /// Terms the act signs.
        terms_sha256: Digest,
        /// The signed act.
        act_sha256: Digest,
    },
    /// A custodian takes her share back, or the responder ends it before quorum.
    Withdraw {
        /// Who.
        person: PersonId,
        /// The signed act.
        act_sha256: Digest,
    },
    /// A security person's no.
    Veto(No),
    /// A co-approver agrees; she gives no share.
    CoApprove {
        /// Her signature.
        signed: Signed,
        /// Manifest the act signs.
        manifest_sha256: Digest,
        /// Time in the act.
        signed_ms: Timestamp,
    },
    /// A security person lifts gates.
    Override {
        /// Her signature.
        signed: Signed,
        /// Which gates.
        gates: Vec<Gate>,
    },
    /// The responder asks for a longer session, or a custodian agrees to it.
    Extend {
        /// The signature over the session's terms with these minutes.
        signed: Signed,
        /// New length of the whole session, minutes.
        max_minutes: u32,
    },
    /// The longer session's secret is made and usable.
    Extended,
    /// No secret could be made for the longer session: the old deadline stands.
    ExtendFailed {
        /// Why, in words without secrets.
        why: String,
    },
    /// A long delay is over.
    WaitOver {
        /// For new terms.
        fresh: Fresh,
    },
    /// Time passed: lapse, deadline, overdue opening, the end of a veto window.
    Time,
    /// Quorum may be met: begin to unseal.
    Begin,
    /// The credential is in memory.
    Unsealed,
    /// The session secret is made and usable.
    SessionReady {
        /// New session's id.
        session: SessionId,
    },
    /// Opening broke. `combined` tells whether shares were combined, so that a rotation is owed.
    OpeningBroke {
        /// Why, in words without secrets.
        why: String,
        /// For new terms.
        fresh: Fresh,
        /// Shares were combined.
        combined: bool,
        /// What they opened is replaced and proved dead since: nothing is owed.
        replaced: bool,
    },
    /// Purpose `rotate`: unsealed, the saga begins.
    RotationBegun,
    /// The responder takes the token.
    Claim {
        /// Who.
        person: PersonId,
        /// Key that signed the claim.
        key: String,
        /// Hash of the token to be handed out.
        token_sha256: Digest,
        /// The signed act.
        act_sha256: Digest,
        /// Where from, as an address without port.
        from: String,
    },
    /// The responder writes down what she did.
    Note {
        /// Who.
        person: PersonId,
        /// What.
        text: String,
    },
    /// The responder ends the session.
    Close {
        /// Who.
        person: PersonId,
        /// The signed act.
        act_sha256: Digest,
    },
    /// Anyone involved ends the session.
    Stop(No),
    /// The vault itself ends the session.
    Cut {
        /// Why.
        cause: CloseCause,
    },
    /// The process restarted.
    Restarted {
        /// For new terms.
        fresh: Fresh,
    },
    /// Another incident ended the epoch.
    EpochEnded {
        /// For new terms.
        fresh: Fresh,
    },
    /// Ask the custodians for the owed rotation of this closing incident.
    AskRotation {
        /// For new terms.
        fresh: Fresh,
    },
    /// The predecessor is dead.
    Rotated {
        /// When the last minted token dies.
        tokens_dead_at_ms: Timestamp,
    },
    /// A draft answer of the review.
    Answer {
        /// Who.
        person: PersonId,
        /// Question or item.
        id: String,
        /// What.
        text: String,
    },
    /// A draft finding.
    Find {
        /// Who.
        person: PersonId,
        /// What.
        finding: Finding,
    },
    /// The review's signature.
    Sign {
        /// Who.
        person: PersonId,
        /// The signed act.
        act_sha256: Digest,
        /// Answers the act signs.
        answers: BTreeMap<String, String>,
        /// Findings the act signs.
        findings: Vec<Finding>,
        /// Verdict.
        verdict: Verdict,
        /// Record hash the act signs.
        record_sha256: Digest,
        /// Record hash now.
        current_record_sha256: Digest,
        /// Open items now.
        items: Vec<OpenItem>,
    },
}

impl Command {
    /// The command's name in the phase table.
    #[must_use]
    pub fn name(&self) -> CommandName {
        use CommandName as N;
        match self {
            Self::Approve(_) => N::Approve,
            Self::Witness(_) => N::Witness,
            Self::Refuse { .. } => N::Refuse,
            Self::Mismatch { .. } => N::Mismatch,
            Self::Withdraw { .. } => N::Withdraw,
            Self::Veto(_) => N::Veto,
            Self::CoApprove { .. } => N::CoApprove,
            Self::Override { .. } => N::Override,
            Self::Extend { .. } => N::Extend,
            Self::Extended => N::Extended,
            Self::ExtendFailed { .. } => N::ExtendFailed,
            Self::WaitOver { .. } => N::WaitOver,
            Self::Time => N::Time,
            Self::Begin => N::Begin,
            Self::Unsealed => N::Unsealed,
            Self::SessionReady { .. } => N::SessionReady,
            Self::OpeningBroke { .. } => N::OpeningBroke,
            Self::RotationBegun => N::RotationBegun,
            Self::Claim { .. } => N::Claim,
            Self::Note { .. } => N::Note,
            Self::Close { .. } => N::Close,
            Self::Stop(_) => N::Stop,
            Self::Cut { .. } => N::Cut,
            Self::Restarted { .. } => N::Restarted,
            Self::EpochEnded { .. } => N::EpochEnded,
            Self::AskRotation { .. } => N::AskRotation,
            Self::Rotated { .. } => N::Rotated,
            Self::Answer { .. } => N::Answer,
            Self::Find { .. } => N::Find,
            Self::Sign { .. } => N::Sign,
        }
    }
}
