//! Acts: signed documents by which people do things (PROTOCOL §4).
//!
//! One RFC 8785 document per act; the signature covers exactly its bytes. Knows nothing of
//! signature formats: `sealed` checks those.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::VERSION;
use super::canonical::{self, CanonicalError};
use super::grants::{GrantTo, Right};
use super::ids::{Digest, IncidentId, PersonId, VaultId};
use super::log_epoch::LogEpoch;
use super::manifest::Kind;
use super::review::{Finding, Verdict};
use super::terms::{Gate, Purpose, Target};
use super::time::Timestamp;

/// The newest checkpoint a client verified, carried in everything it signs (gossip).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Log origin.
    pub origin: String,
    /// Tree size.
    pub size: u64,
    /// Root hash, base64.
    pub root: String,
}

/// A phrase pick that was not the right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    /// A decoy was chosen.
    Wrong,
    /// "None of these / I heard nothing".
    NothingHeard,
}

/// The only phrase answer an approval may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PhraseResult {
    /// The words heard were the words of these terms.
    Matched,
}

/// What the responder signs to open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// `incident`, `drill` or `rotate`.
    pub purpose: Purpose,
    /// The use case the tree led to; empty for purpose `rotate`.
    pub use_case: String,
    /// The walk through the tree.
    pub answers: BTreeMap<String, bool>,
    /// Why, 1 to 500 characters.
    pub reason: String,
    /// Ticket or empty.
    pub ticket: String,
    /// What to reach.
    pub target: Target,
    /// Scope patterns; empty means the use case's own.
    pub scope: Vec<String>,
    /// People to whom rights may be granted.
    pub grants_to: Vec<GrantTo>,
    /// Length of the session wanted.
    pub max_minutes: u32,
    /// Public key that will sign the claim; `None` for purpose `rotate`.
    pub claim_key: Option<String>,
    /// An open incident that a quorum for this one shall close.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub displaces: Option<IncidentId>,
    /// An incident that broke within 24 hours, whose rotation debt this one's close settles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<IncidentId>,
    /// 16 or more random bytes in hexadecimal.
    pub client_nonce: String,
}

/// What an act does, with the members it adds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "lowercase")]
pub enum Deed {
    /// Open an incident.
    Open(Box<Opening>),
    /// Take the session token; signed by the claim key.
    Claim {},
    /// Release a share; or, by a co-approver, agree without one.
    Approve {
        /// Share index; 0, which no share has, for a co-approver.
        index: u8,
        /// Manifest of the epoch.
        manifest_sha256: Digest,
        /// Recipient string of the unlocker that opened the share; empty for a co-approver.
        unlocker: String,
        /// Always `matched`.
        phrase: PhraseResult,
        /// Gates this approver lifts beyond the needed ones: `no_alert_confirmed` or none.
        overrides: Vec<Gate>,
        /// The act of the witness, where a paper opened the share: index and unlocker are then its
        /// keeper's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        witness_sha256: Option<Digest>,
    },
    /// Stand beside the opener of a paper share; signed before the bag is opened.
    Witness {
        /// Who opens it and counts.
        opener: PersonId,
        /// The share of the paper's keeper.
        index: u8,
        /// Manifest of the epoch.
        manifest_sha256: Digest,
        /// The paper's recipient.
        unlocker: String,
        /// The number of the bag, found whole.
        bag: String,
    },
    /// A custodian's no.
    Refuse {
        /// Why, shown to all.
        reason: String,
    },
    /// Take an approval back, or (responder) end the incident before quorum.
    Withdraw {},
    /// The phrase did not match.
    Mismatch {
        /// What was picked.
        pick: Pick,
    },
    /// A security person's no.
    Veto {
        /// Why.
        reason: String,
    },
    /// End the session now.
    Stop {
        /// Why.
        reason: String,
    },
    /// Agree to a longer session.
    Extend {
        /// New length in minutes.
        max_minutes: u32,
    },
    /// End the session in order.
    Close {},
    /// Show that a share can be opened.
    Prove {
        /// Live or drill.
        kind: Kind,
        /// Epoch.
        epoch: u32,
        /// Share index.
        index: u8,
        /// Manifest shown to the signer.
        manifest_sha256: Digest,
        /// Roster shown to the signer.
        roster_sha256: Digest,
        /// Policy shown to the signer.
        policy_sha256: Digest,
        /// Recipient string of the unlocker that opened the share.
        unlocker: String,
        /// 32 bytes from the server in hexadecimal, single use.
        challenge: String,
    },
    /// Sign off a review.
    Review {
        /// Answers to the policy's questions and to the open items, by id.
        answers: BTreeMap<String, String>,
        /// What was found.
        findings: Vec<Finding>,
        /// The reviewer's verdict.
        verdict: Verdict,
        /// Hash of the incident's case record that the reviewer was shown.
        record_sha256: Digest,
    },
    /// Agree to a roster version.
    Roster {
        /// Its hash.
        roster_sha256: Digest,
    },
    /// Agree to a policy version.
    Policy {
        /// Its hash.
        policy_sha256: Digest,
    },
    /// Give a person of `grants_to` an admin's right until the close.
    Grant {
        /// Who gets it.
        grantee: PersonId,
        /// What.
        right: Right,
    },
    /// Agree that the log goes on under a new name after a restore.
    Epoch(Box<LogEpoch>),
    /// Lift gates as a security person.
    Override {
        /// Which.
        gates: Vec<Gate>,
    },
}

impl Deed {
    /// The word in `act` and in the signature's namespace.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Open(_) => "open",
            Self::Claim {} => "claim",
            Self::Approve { .. } => "approve",
            Self::Witness { .. } => "witness",
            Self::Refuse { .. } => "refuse",
            Self::Withdraw {} => "withdraw",
            Self::Mismatch { .. } => "mismatch",
            Self::Veto { .. } => "veto",
            Self::Stop { .. } => "stop",
            Self::Extend { .. } => "extend",
            Self::Close {} => "close",
            Self::Prove { .. } => "prove",
            Self::Review { .. } => "review",
            Self::Roster { .. } => "roster",
            Self::Policy { .. } => "policy",
            Self::Grant { .. } => "grant",
            Self::Epoch(_) => "epoch",
            Self::Override { .. } => "override",
        }
    }

    /// Whether it only takes back or ends: it must work whatever state the log is in, and an act
    /// of this kind gives nobody anything (PROTOCOL §11).
    #[must_use]
    pub fn only_ends(&self) -> bool {
        matches!(
            self,
            Self::Refuse { .. }
                | Self::Withdraw {}
                | Self::Veto { .. }
                | Self::Stop { .. }
                | Self::Close {}
        )
    }
}

/// One act: the document that is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// Always [`VERSION`].
    pub v: String,
    /// The vault, so that an act for one vault means nothing to another.
    pub vault: VaultId,
    /// The incident, for every act that belongs to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentId>,
    /// Hash of the terms, for every act about them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms_sha256: Option<Digest>,
    /// Who acts.
    pub person: PersonId,
    /// The signing key, `ssh-ed25519 AAAA…` or `passkey HOST/…/…`.
    pub key: String,
    /// When the client signed.
    pub at_ms: Timestamp,
    /// Newest checkpoint the client verified.
    pub cp: Seen,
    /// What is done.
    #[serde(flatten)]
    pub deed: Deed,
}

/// Why a document is not an act.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActError {
    /// Not canonical, or no act.
    #[error("not an act: {0}")]
    Document(#[from] CanonicalError),
    /// Holds members that no act has; an unread member must not be signed away.
    #[error("the act holds members that do not belong to it")]
    UnknownMember,
    /// Not `breakglass/1`.
    #[error("act version is not {VERSION}")]
    Version,
}

impl Act {
    /// The canonical bytes that are signed.
    ///
    /// # Errors
    /// When the document has no canonical form.
    pub fn bytes(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::to_bytes(self)
    }

    /// Parses the exact bytes that were signed.
    ///
    /// # Errors
    /// [`ActError`] for anything but the one canonical spelling of a known act.
    pub fn parse(bytes: &[u8]) -> Result<Self, ActError> {
        let act: Self = canonical::parse_exact(bytes)?;
        if act.v != VERSION {
            return Err(ActError::Version);
        }
        // serde's `flatten` cannot refuse unknown members; writing the act again does.
        if act.bytes()? != bytes {
            return Err(ActError::UnknownMember);
        }
        Ok(act)
    }

    /// SSHSIG namespace of the act, `breakglass-<act>`.
    #[must_use]
    pub fn namespace(&self) -> String {
        format!("breakglass-{}", self.deed.word())
    }
}

/// What is signed to log in: `{origin as dialled, challenge, key, at_ms}`, namespace
/// `breakglass-login` (PROTOCOL §4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// Origin as the client dialled it, `https://host:port`.
    pub origin: String,
    /// 32 bytes from the server, hexadecimal, single use, 60 s.
    pub challenge: String,
    /// The signing key; `passkey HOST` for a passkey, which the assertion names.
    pub key: String,
    /// When the client signed.
    pub at_ms: Timestamp,
}

/// The word of a login where an act has its own.
pub const LOGIN_WORD: &str = "login";

/// SSHSIG namespace of a login.
pub const LOGIN_NAMESPACE: &str = "breakglass-login";
