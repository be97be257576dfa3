//! What happened to an incident: the log's entries about it, one variant per entry type.
//!
//! An entry carries everything `apply` needs, except the terms themselves, which stand in the
//! export under their hash; [`Event::with_terms`] puts them back when a log is folded.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::command::AskAgain;
use super::{Approval, CloseCause};
use crate::domain::act::Pick;
use crate::domain::canonical::CanonicalError;
use crate::domain::ids::{Digest, IncidentId, PersonId, SessionId};
use crate::domain::review::{Finding, Verdict};
use crate::domain::terms::{Gate, Purpose, Requester, Terms};
use crate::domain::time::Timestamp;

/// Terms as an entry shows them, and the terms themselves where they are known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frozen {
    /// Hash of the terms.
    pub terms_sha256: Digest,
    /// Hash of the signed opening.
    pub request_sha256: Option<Digest>,
    /// Who asked.
    pub requester: Requester,
    /// What for.
    pub purpose: Purpose,
    /// Use case.
    pub use_case: String,
    /// Epoch whose shares are asked for.
    pub epoch: u32,
    /// Approvals needed.
    pub needed: u8,
    /// Gates closed at the freeze.
    pub gates: Vec<Gate>,
    /// When it lapses.
    pub expires_ms: Timestamp,
    /// The terms; in the export as `terms/<hash>`, never in an entry.
    #[serde(skip)]
    pub terms: Option<Box<Terms>>,
}

impl Frozen {
    /// The entry's view of some terms.
    ///
    /// # Errors
    /// When the terms have no canonical form.
    pub fn new(terms: Terms) -> Result<Self, CanonicalError> {
        Ok(Self {
            terms_sha256: terms.sha256()?,
            request_sha256: terms.request_sha256,
            requester: terms.requester.clone(),
            purpose: terms.purpose,
            use_case: terms.use_case.clone(),
            epoch: terms.epoch,
            needed: terms.needed,
            gates: terms.gates.clone(),
            expires_ms: terms.expires_ms,
            terms: Some(Box::new(terms)),
        })
    }
}

/// What happened. Tags are the entry types of facts §1.2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t")]
pub enum Event {
    /// Somebody asked; custodians are alerted.
    #[serde(rename = "incident.opened")]
    Opened(Frozen),
    /// New terms for the same incident; earlier approvals are void.
    #[serde(rename = "incident.asked_again")]
    AskedAgain {
        /// Why.
        why: AskAgain,
        /// The new terms.
        #[serde(flatten)]
        frozen: Frozen,
    },
    /// A share was accepted.
    #[serde(rename = "share.accept")]
    ShareAccepted(Approval),
    /// A custodian said no.
    #[serde(rename = "approve.refused")]
    CustodianRefused {
        /// Who.
        person: PersonId,
        /// Why.
        reason: String,
        /// The signed act.
        act_sha256: Digest,
    },
    /// A phrase did not match.
    #[serde(rename = "approve.mismatch")]
    Mismatched {
        /// Whose ears.
        person: PersonId,
        /// What was picked.
        pick: Pick,
        /// Wrong picks of this person so far.
        wrong: u8,
        /// No approval before this moment; 0 for none.
        paused_until_ms: Timestamp,
        /// The signed act.
        act_sha256: Digest,
    },
    /// A custodian took her share back.
    #[serde(rename = "approve.withdrawn")]
    ShareWithdrawn {
        /// Who.
        person: PersonId,
        /// Share index.
        index: u8,
        /// The signed act.
        act_sha256: Digest,
    },
    /// The responder took it back.
    #[serde(rename = "incident.withdrawn")]
    Withdrawn {
        /// Who.
        person: PersonId,
        /// The signed act.
        act_sha256: Digest,
        /// When.
        at_ms: Timestamp,
    },
    /// Fewer than needed could still say yes.
    #[serde(rename = "incident.refused")]
    Refused {
        /// When.
        at_ms: Timestamp,
    },
    /// Nobody answered in time, or it was restarted too often.
    #[serde(rename = "incident.lapsed")]
    Lapsed {
        /// When.
        at_ms: Timestamp,
    },
    /// Shares are about to be combined.
    #[serde(rename = "unseal.begin")]
    UnsealBegun {
        /// Share indexes.
        indexes: Vec<u8>,
        /// When.
        at_ms: Timestamp,
    },
    /// The credential is in memory.
    #[serde(rename = "unseal.done")]
    Unsealed {},
    /// Shares could not be combined, or Opening broke afterwards.
    #[serde(rename = "unseal.failed")]
    UnsealFailed {
        /// Why, in words without secrets.
        why: String,
        /// Shares were combined, so a rotation is owed.
        combined: bool,
    },
    /// The session is usable.
    #[serde(rename = "session.open")]
    SessionOpened {
        /// Session id.
        sid: SessionId,
        /// The responder.
        actor: PersonId,
        /// When it became usable.
        opened_ms: Timestamp,
        /// When it ends by itself.
        exp_ms: Timestamp,
    },
    /// The responder took the token; an earlier token is dead.
    #[serde(rename = "session.claim")]
    Claimed {
        /// Session id.
        sid: SessionId,
        /// Hash of the token.
        token_sha256: Digest,
        /// How many claims there were, this one included.
        claims: u32,
        /// The signed act.
        act_sha256: Digest,
        /// From which address.
        from: String,
    },
    /// The responder wrote something down.
    #[serde(rename = "note")]
    Noted {
        /// Who.
        person: PersonId,
        /// What.
        text: String,
    },
    /// The session ended; the way back begins.
    #[serde(rename = "session.close")]
    SessionClosed {
        /// Session id; `None` for purpose `rotate`.
        sid: Option<SessionId>,
        /// Why.
        why: CloseCause,
        /// Who ended it, if a person did.
        person: Option<PersonId>,
        /// In that person's words.
        reason: String,
        /// The signed act, if a person did.
        act_sha256: Option<Digest>,
        /// The credential is gone from memory: the rotation is owed.
        memory_lost: bool,
        /// When.
        at_ms: Timestamp,
    },
    /// The process restarted while closing: the rotation is owed.
    #[serde(rename = "incident.memory_lost")]
    MemoryLost {},
    /// The predecessor is refused by Databricks.
    #[serde(rename = "incident.closed")]
    Closed {
        /// When.
        at_ms: Timestamp,
        /// When the last minted token dies.
        tokens_dead_at_ms: Timestamp,
        /// When the review is overdue; `None` for purpose `rotate`, which has none.
        due_ms: Option<Timestamp>,
    },
    /// A draft answer of the review.
    #[serde(rename = "review.answer")]
    Answered {
        /// Who.
        person: PersonId,
        /// Question or item.
        id: String,
        /// What.
        text: String,
    },
    /// A draft finding of the review.
    #[serde(rename = "review.finding")]
    Found {
        /// Who.
        person: PersonId,
        /// What.
        finding: Finding,
    },
    /// The review is signed.
    #[serde(rename = "review.signed")]
    Reviewed {
        /// Who.
        person: PersonId,
        /// The signed act.
        act_sha256: Digest,
        /// What the reviewer was shown.
        record_sha256: Digest,
        /// Verdict.
        verdict: Verdict,
        /// Answers as signed.
        answers: BTreeMap<String, String>,
        /// Findings as signed.
        findings: Vec<Finding>,
        /// When.
        at_ms: Timestamp,
    },
}

impl Event {
    /// Entry type and members, with the incident's id as `inc`.
    ///
    /// # Errors
    /// Never in practice: every member has a JSON form.
    pub fn to_entry(
        &self,
        incident: &IncidentId,
    ) -> Result<(String, Map<String, Value>), CanonicalError> {
        let shape = |e: serde_json::Error| CanonicalError::Shape(e.to_string());
        let mut members = match serde_json::to_value(self).map_err(shape)? {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        let kind = match members.remove("t") {
            Some(Value::String(kind)) => kind,
            _ => return Err(CanonicalError::Shape("event without a type".to_owned())),
        };
        members.insert("inc".to_owned(), Value::String(incident.to_string()));
        Ok((kind, members))
    }

    /// Reads an entry back; `None` when its type is not one about an incident.
    ///
    /// # Errors
    /// When the type is known but members are missing or odd.
    pub fn from_entry(
        kind: &str,
        members: &Map<String, Value>,
    ) -> Result<Option<(IncidentId, Self)>, CanonicalError> {
        let Some(Value::String(incident)) = members.get("inc") else {
            return Ok(None);
        };
        if !KINDS.contains(&kind) {
            return Ok(None);
        }
        let incident = incident
            .parse()
            .map_err(|_| CanonicalError::Shape("inc is not an incident id".to_owned()))?;
        let mut members = members.clone();
        members.remove("inc");
        members.insert("t".to_owned(), Value::String(kind.to_owned()));
        let event = serde_json::from_value(Value::Object(members))
            .map_err(|e| CanonicalError::Shape(e.to_string()))?;
        Ok(Some((incident, event)))
    }

    /// Puts the terms back after reading a log, found by their hash.
    #[must_use]
    pub fn with_terms(mut self, find: &dyn Fn(&Digest) -> Option<Terms>) -> Self {
        if let Self::Opened(frozen) | Self::AskedAgain { frozen, .. } = &mut self
            && frozen.terms.is_none()
        {
            frozen.terms = find(&frozen.terms_sha256).map(Box::new);
        }
        self
    }

    /// The terms this event freezes.
    #[must_use]
    pub fn terms(&self) -> Option<&Terms> {
        match self {
            Self::Opened(frozen) | Self::AskedAgain { frozen, .. } => frozen.terms.as_deref(),
            _ => None,
        }
    }
}

/// Every entry type about an incident; a test compares it with the variants.
pub const KINDS: &[&str] = &[
    "incident.opened",
    "incident.asked_again",
    "share.accept",
    "approve.refused",
    "approve.mismatch",
    "approve.withdrawn",
    "incident.withdrawn",
    "incident.refused",
    "incident.lapsed",
    "unseal.begin",
    "unseal.done",
    "unseal.failed",
    "session.open",
    "session.claim",
    "note",
    "session.close",
    "incident.memory_lost",
    "incident.closed",
    "review.answer",
    "review.finding",
    "review.signed",
];
