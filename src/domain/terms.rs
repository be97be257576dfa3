//! The terms: the frozen statement that custodians sign (PROTOCOL §5).
//!
//! Who, why, what, how long, which epoch, which recipient. Hashed once, never changed; anything
//! that must differ makes new terms. Knows nothing of how the recipient's identity is kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::canonical::{self, CanonicalError};
use super::grants::GrantTo;
use super::ids::{Digest, IdError, IncidentId, PersonId, VaultId};
use super::lifetime::SessionSecret;
use super::manifest::Kind;
use super::time::Timestamp;

/// Domain prefix of the terms hash.
pub const TERMS_PREFIX: &str = "breakglass/terms/v1\n";
/// How terms write the vault itself where a person could stand; no person may have this id.
pub const VAULT: &str = "vault";
/// Longest reason, in characters.
pub const MAX_REASON_CHARS: usize = 500;

/// What an unsealing is for. Shares given for one purpose open nothing for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// A session for a responder.
    Incident,
    /// The same, rehearsed.
    Drill,
    /// Rotation of the credential, without a session.
    Rotate,
}

/// Who asked: a person, or the vault itself (purpose `rotate` only).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Requester {
    /// The vault, after a restart that left a rotation owed.
    Vault,
    /// A person of the roster.
    Person(PersonId),
}

impl TryFrom<String> for Requester {
    type Error = IdError;

    /// `vault` or a person id; anything else is refused, so that no odd text becomes the vault.
    fn try_from(text: String) -> Result<Self, IdError> {
        if text == VAULT {
            return Ok(Self::Vault);
        }
        text.parse().map(Self::Person)
    }
}

impl From<Requester> for String {
    fn from(requester: Requester) -> Self {
        match requester {
            Requester::Vault => VAULT.to_owned(),
            Requester::Person(person) => person.into(),
        }
    }
}

impl Requester {
    /// The person, when it was one.
    #[must_use]
    pub fn person(&self) -> Option<&PersonId> {
        match self {
            Self::Vault => None,
            Self::Person(person) => Some(person),
        }
    }
}

/// What a session may reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The account host.
    pub account: bool,
    /// One workspace, by id.
    pub workspace: Option<String>,
}

impl Target {
    /// Words for people: `account`, `workspace 123`, or both.
    #[must_use]
    pub fn words(&self) -> String {
        match (&self.workspace, self.account) {
            (Some(id), true) => format!("account and workspace {id}"),
            (Some(id), false) => format!("workspace {id}"),
            (None, true) => "account".to_owned(),
            (None, false) => "nothing".to_owned(),
        }
    }
}

/// What makes one more approver necessary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// A review of an earlier incident is overdue.
    ReviewOverdue,
    /// An earlier rotation never finished.
    RotationOwed,
    /// No witness has cosigned lately.
    WitnessMissing,
    /// No channel has confirmed the opening alert; decided at quorum, never in terms.
    NoAlertConfirmed,
}

impl Gate {
    /// The word in documents and on the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::ReviewOverdue => "review_overdue",
            Self::RotationOwed => "rotation_owed",
            Self::WitnessMissing => "witness_missing",
            Self::NoAlertConfirmed => "no_alert_confirmed",
        }
    }

    /// The gate of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [
            Self::ReviewOverdue,
            Self::RotationOwed,
            Self::WitnessMissing,
            Self::NoAlertConfirmed,
        ]
        .into_iter()
        .find(|gate| gate.word() == word)
    }

    /// Words for people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::ReviewOverdue => "a review is overdue",
            Self::RotationOwed => "a rotation is owed",
            Self::WitnessMissing => "no witness has cosigned",
            Self::NoAlertConfirmed => "no alert was confirmed",
        }
    }
}

/// The frozen statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Always [`super::VERSION`].
    pub v: String,
    /// What the shares will be used for.
    pub purpose: Purpose,
    /// Live or drill epoch.
    pub kind: Kind,
    /// The incident.
    pub incident: IncidentId,
    /// The vault.
    pub vault: VaultId,
    /// The epoch whose shares are asked for.
    pub epoch: u32,
    /// Threshold of the epoch.
    pub k: u8,
    /// Shares of the epoch.
    pub n: u8,
    /// Approvals the server wants: k, or one more when a gate is closed.
    pub needed: u8,
    /// Gates closed when the terms were frozen.
    pub gates: Vec<Gate>,
    /// One-time age recipient to which shares are encrypted.
    pub recipient: String,
    /// Who asked.
    pub requester: Requester,
    /// Hash of the signed opening; `None` when the vault asked.
    pub request_sha256: Option<Digest>,
    /// Public key that must sign the claim (`ssh-ed25519 …`); `None` for purpose `rotate`.
    pub claim_key: Option<String>,
    /// The use case.
    pub use_case: String,
    /// The walk through the decision tree.
    pub answers: BTreeMap<String, bool>,
    /// Why, in the responder's words.
    pub reason: String,
    /// Ticket, if any.
    pub ticket: String,
    /// What may be reached.
    pub target: Target,
    /// Scope patterns.
    pub scope: Vec<String>,
    /// People to whom rights may be granted.
    pub grants_to: Vec<GrantTo>,
    /// Length of the session.
    pub max_minutes: u32,
    /// Not opened before this moment.
    pub not_before_ms: Timestamp,
    /// A broken incident that this one continues.
    pub continues: Option<IncidentId>,
    /// An incident that this one displaces.
    pub displaces: Option<IncidentId>,
    /// Roster in force.
    pub roster_sha256: Digest,
    /// Manifest of the epoch.
    pub manifest_sha256: Digest,
    /// Policy in force.
    pub policy_sha256: Digest,
    /// When it was asked.
    pub asked_ms: Timestamp,
    /// When it lapses.
    pub expires_ms: Timestamp,
    /// 32 random bytes in hexadecimal, drawn after everything above was frozen.
    pub nonce: String,
    /// What the session's tokens come from, where that is out of the ordinary (PROTOCOL §7);
    /// left out otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_secret: Option<SessionSecret>,
}

impl Terms {
    /// SHA-256(`breakglass/terms/v1\n` ‖ JCS): what every approval signs.
    ///
    /// # Errors
    /// When the document has no canonical form.
    pub fn sha256(&self) -> Result<Digest, CanonicalError> {
        canonical::hash_with_prefix(TERMS_PREFIX, self).map(Digest)
    }
}

/// Whether a reason may stand in terms: 1 to 500 characters, no control or bidirectional ones,
/// which could make a terminal or page show something else than what is signed.
#[must_use]
pub fn is_plain_text(text: &str) -> bool {
    let bidi = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{061c}' | '\u{2028}' | '\u{2029}' | '\u{feff}');
    !text.chars().any(|c| c.is_control() || bidi(c))
}
