//! What happened to an incident: the log's entries about it, one variant per entry type.
//!
//! An entry carries everything `apply` needs, except the terms themselves, which stand in the
//! export under their hash; [`Event::with_terms`] puts them back when a log is folded.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::command::AskAgain;
pub use super::entry::KINDS;
use super::{Approval, CloseCause, Witnessing};
use crate::domain::act::Pick;
use crate::domain::canonical::CanonicalError;
use crate::domain::ids::{Digest, IncidentId, PersonId, SessionId};
use crate::domain::review::{Finding, Verdict};
use crate::domain::roster::Role;
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
    /// The role of which one member must agree besides the custodians.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub co_approver: Option<Role>,
    /// The terms; in the export as `terms/<hash>`, never in an entry.
    #[serde(skip)]
    pub terms: Option<Box<Terms>>,
}

impl Frozen {
    /// The entry's view of some terms.
    ///
    /// # Errors
    /// When the terms have no canonical form.
    pub fn new(terms: Terms, co_approver: Option<Role>) -> Result<Self, CanonicalError> {
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
            co_approver,
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
    /// Somebody stands beside the opener of a paper.
    #[serde(rename = "paper.witnessed")]
    PaperWitnessed(Witnessing),
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
    /// A co-approver agreed; she gave no share.
    #[serde(rename = "approve.co")]
    CoApproved {
        /// Who.
        person: PersonId,
        /// The signed act.
        act_sha256: Digest,
        /// When.
        at_ms: Timestamp,
    },
    /// A security person lifted gates.
    #[serde(rename = "gate.lifted")]
    GateLifted {
        /// Who.
        person: PersonId,
        /// Which.
        gates: Vec<Gate>,
        /// The signed act.
        act_sha256: Digest,
        /// When.
        at_ms: Timestamp,
    },
    /// Quorum is met before the veto window is over.
    #[serde(rename = "incident.cooling")]
    CoolingBegun {
        /// When the window is over.
        until_ms: Timestamp,
    },
    /// The window is over and something else still stands against opening.
    #[serde(rename = "incident.cooled")]
    Cooled {
        /// When.
        at_ms: Timestamp,
    },
    /// The quorum agreed to close the incident that these terms displace.
    #[serde(rename = "incident.displacing")]
    Displacing {
        /// The incident to be closed.
        displaces: IncidentId,
        /// When.
        at_ms: Timestamp,
    },
    /// A security person's no ended it.
    #[serde(rename = "incident.vetoed")]
    Vetoed {
        /// Who.
        person: PersonId,
        /// Why.
        reason: String,
        /// The signed act.
        act_sha256: Digest,
        /// When.
        at_ms: Timestamp,
    },
    /// A person's second stop or veto within a day waits for another person's signature.
    #[serde(rename = "stop.asked")]
    EndAsked {
        /// Who.
        person: PersonId,
        /// Why.
        reason: String,
        /// The signed act.
        act_sha256: Digest,
        /// When.
        at_ms: Timestamp,
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
    /// Nobody answered in time, it was restarted too often, or its requester has left.
    #[serde(rename = "incident.lapsed")]
    Lapsed {
        /// When.
        at_ms: Timestamp,
        /// Why, where it was not time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<CloseCause>,
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
    /// The responder asked for a longer session.
    #[serde(rename = "extend.asked")]
    ExtendAsked {
        /// Who.
        person: PersonId,
        /// New length of the whole session, minutes.
        max_minutes: u32,
        /// The session's terms with these minutes.
        terms_sha256: Digest,
        /// The signed act.
        act_sha256: Digest,
        /// When.
        at_ms: Timestamp,
    },
    /// A custodian agreed to the longer session.
    #[serde(rename = "extend.signed")]
    ExtendSigned {
        /// Who.
        person: PersonId,
        /// The signed act.
        act_sha256: Digest,
        /// When.
        at_ms: Timestamp,
    },
    /// The session is longer; its new secret exists.
    #[serde(rename = "session.extended")]
    Extended {
        /// Session id.
        sid: SessionId,
        /// Length of the whole session now, minutes.
        max_minutes: u32,
        /// When it ends by itself.
        exp_ms: Timestamp,
    },
    /// The longer session got no secret: the old deadline stands.
    #[serde(rename = "extend.failed")]
    ExtendFailed {
        /// Why, in words without secrets.
        why: String,
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
