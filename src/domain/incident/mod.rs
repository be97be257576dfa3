//! The incident: where it stands, what may happen next, what happened (PROTOCOL §6).
//!
//! `decide` turns a command into events or a refusal; `apply` turns events into the next state.
//! Nothing else changes an incident. Knows nothing of shares' contents, SQL or people's screens.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::ids::{Digest, IncidentId, PersonId, SessionId};
use super::review::Finding;
use super::roster::Role;
use super::terms::{Purpose, Requester, Terms};
use super::time::{MINUTE_MS, Timestamp};

pub mod apply;
mod apply_asked;
mod closing;
mod collecting;
pub mod command;
mod consent;
pub mod decide;
mod ending;
mod entry;
pub mod event;
pub mod extend;
mod gathering;
pub mod opening;
pub mod paper;
pub mod refusal;
pub mod rules;
pub mod table;
#[cfg(test)]
mod tests;

pub use command::Command;
pub use decide::decide;
pub use entry::DRILL;
pub use event::Event;
pub use gathering::{Approval, Consent, EndAsked, Extension, Gathering, Lifted};
pub use paper::{ByPaper, PaperFault, Witnessing};
pub use refusal::Refusal;
pub use rules::Rules;

/// How long an incident collects before it lapses.
pub const LAPSE_MS: i64 = 30 * MINUTE_MS;
/// Delays up to this long run while custodians answer; longer ones are waited for first.
pub const COOLING_MAX_MS: i64 = 15 * MINUTE_MS;
/// From this long after the opening alert, an approver more may stand in for its confirmation.
pub const UNCONFIRMED_MS: i64 = MINUTE_MS;
/// How long Opening may take.
pub const OPENING_MS: i64 = 15 * MINUTE_MS;
/// How often an incident may be asked again after a restart.
pub const MAX_RESTARTS: u8 = 3;
/// How long a second wrong phrase pauses a person.
pub const PAUSE_MS: i64 = 5 * MINUTE_MS;
/// How far an act's time may lie from the vault's clock.
pub const CLOCK_APART_MS: i64 = 10 * MINUTE_MS;

/// A session as the incident knows it; the token's hash, never the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// The responder.
    pub actor: PersonId,
    /// When it became usable.
    pub opened_ms: Timestamp,
    /// When it ends by itself.
    pub exp_ms: Timestamp,
    /// Claims so far; only the newest token is alive.
    pub claims: u32,
    /// Hash of the live token, once claimed.
    pub token_sha256: Option<Digest>,
    /// How often it was extended.
    #[serde(default)]
    pub extensions: u8,
    /// An extension that is being agreed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<Extension>,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseCause {
    /// The responder closed it.
    Closed,
    /// Somebody stopped it.
    Stopped,
    /// A security person's veto while it was being opened.
    Vetoed,
    /// A second quorum closed it for another incident.
    Displaced,
    /// Its time was up.
    Deadline,
    /// The process restarted; its memory is gone.
    Restart,
    /// The emergency: the log could not be written.
    LogLost,
    /// The injected token appeared in a reply.
    TokenSeen,
    /// Purpose `rotate`: there was no session.
    Rotate,
    /// The responder was locked out or left the roster.
    ResponderLeft,
}

impl CloseCause {
    /// Words for people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Closed => "closed by the responder",
            Self::Stopped => "stopped",
            Self::Vetoed => "vetoed by security",
            Self::Displaced => "displaced by another incident",
            Self::Deadline => "its time was up",
            Self::Restart => "the vault restarted",
            Self::LogLost => "the log could not be written",
            Self::TokenSeen => "a reply carried the real token",
            Self::Rotate => "rotation without a session",
            Self::ResponderLeft => "the responder was locked out or left the roster",
        }
    }
}

/// After the session, until the old secret is proved dead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Closing {
    /// Why the session ended.
    pub cause: CloseCause,
    /// When.
    pub since_ms: Timestamp,
    /// The credential left memory before the rotation ended: k custodians must come again.
    pub memory_lost: bool,
    /// Shares for the owed rotation, once its terms are frozen.
    pub rotate: Option<Gathering>,
    /// An owed rotation's shares are being combined.
    pub unsealing: bool,
}

/// Waiting for a reviewer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InReview {
    /// When the review became due.
    pub since_ms: Timestamp,
    /// When it is overdue.
    pub due_ms: Timestamp,
    /// Draft answers, by question or item id.
    pub answers: BTreeMap<String, String>,
    /// Draft findings.
    pub findings: Vec<Finding>,
}

/// Where an incident stands. Each phase carries its data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// A long delay runs; nobody is asked for a share yet.
    Waiting {
        /// When collecting begins.
        until_ms: Timestamp,
    },
    /// Custodians are asked.
    Collecting(Gathering),
    /// Quorum is met, the veto window runs; envelopes stay encrypted.
    Cooling(Gathering),
    /// Shares are combined, the session secret is made.
    Opening {
        /// The shares being combined.
        approvals: Vec<Approval>,
        /// When it began.
        begun_ms: Timestamp,
        /// The credential is in memory.
        unsealed: bool,
    },
    /// The responder works.
    Open(Session),
    /// The way back.
    Closing(Closing),
    /// The old secret is dead; an auditor must sign.
    InReview(InReview),
    /// Done.
    Reviewed {
        /// When.
        at_ms: Timestamp,
    },
    /// Fewer than needed could still say yes, or security vetoed.
    Refused {
        /// When.
        at_ms: Timestamp,
    },
    /// The responder took it back.
    Withdrawn {
        /// When.
        at_ms: Timestamp,
    },
    /// Nobody answered in time.
    Lapsed {
        /// When.
        at_ms: Timestamp,
    },
}

impl Phase {
    /// The phase's name, as entries and `--json` say it.
    #[must_use]
    pub fn name(&self) -> table::PhaseName {
        use table::PhaseName as P;
        match self {
            Self::Waiting { .. } => P::Waiting,
            Self::Collecting(_) => P::Collecting,
            Self::Cooling(_) => P::Cooling,
            Self::Opening { .. } => P::Opening,
            Self::Open(_) => P::Open,
            Self::Closing(_) => P::Closing,
            Self::InReview(_) => P::InReview,
            Self::Reviewed { .. } => P::Reviewed,
            Self::Refused { .. } => P::Refused,
            Self::Withdrawn { .. } => P::Withdrawn,
            Self::Lapsed { .. } => P::Lapsed,
        }
    }

    /// Whether nothing can happen any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(
            self,
            Self::Reviewed { .. }
                | Self::Refused { .. }
                | Self::Withdrawn { .. }
                | Self::Lapsed { .. }
        )
    }

    /// Whether the incident has the vault to itself: at most one does (PROTOCOL §6).
    #[must_use]
    pub fn holds_vault(&self) -> bool {
        matches!(
            self,
            Self::Opening { .. } | Self::Open(_) | Self::Closing(_)
        )
    }
}

/// Wrong phrases of one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Mismatches {
    /// Wrong picks so far; "heard nothing" never counts.
    pub wrong: u8,
    /// No approval before this moment.
    pub paused_until_ms: Timestamp,
}

/// One break-glass case, from open to reviewed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// Its id.
    pub id: IncidentId,
    /// The purpose it was opened for; terms in force may be of purpose `rotate` while closing.
    pub purpose: Purpose,
    /// Who asked.
    pub requester: Requester,
    /// The signed opening.
    pub request_sha256: Option<Digest>,
    /// The terms in force.
    pub terms: Terms,
    /// Their hash.
    pub terms_sha256: Digest,
    /// The terms under which the session opened.
    pub opened_terms_sha256: Option<Digest>,
    /// How often it was asked again after a restart.
    pub restarts: u8,
    /// People whose no is final.
    pub refused_by: BTreeSet<PersonId>,
    /// Wrong phrases.
    pub mismatches: BTreeMap<PersonId, Mismatches>,
    /// Everyone who took part and so cannot review.
    pub participants: BTreeSet<PersonId>,
    /// A broken Opening left its rotation owed.
    pub rotation_owed: bool,
    /// The role of which one member must agree besides the custodians.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub co_approver: Option<Role>,
    /// A stop or veto that waits for a second person's signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_asked: Option<EndAsked>,
    /// When the last token minted in this incident dies (PROTOCOL §7).
    pub tokens_dead_at_ms: Option<Timestamp>,
    /// Where it stands.
    pub phase: Phase,
}

impl Incident {
    /// The session, while there is one.
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        match &self.phase {
            Phase::Open(session) => Some(session),
            _ => None,
        }
    }

    /// Shares accepted for the terms in force.
    #[must_use]
    pub fn approvals(&self) -> &[Approval] {
        match &self.phase {
            Phase::Collecting(g) | Phase::Cooling(g) => &g.approvals,
            Phase::Opening { approvals, .. } => approvals,
            Phase::Closing(Closing {
                rotate: Some(g), ..
            }) => &g.approvals,
            _ => &[],
        }
    }

    /// What has come in for the terms in force, while it is being gathered.
    #[must_use]
    pub fn gathering(&self) -> Option<&Gathering> {
        match &self.phase {
            Phase::Collecting(g) | Phase::Cooling(g) => Some(g),
            Phase::Closing(Closing { rotate, .. }) => rotate.as_ref(),
            _ => None,
        }
    }

    /// Whether the incident still asks for what it was opened for: before any session.
    #[must_use]
    pub fn is_being_asked(&self) -> bool {
        matches!(
            &self.phase,
            Phase::Waiting { .. } | Phase::Collecting(_) | Phase::Cooling(_)
        )
    }

    /// Whether shares are being taken now (also for an owed rotation inside Closing).
    #[must_use]
    pub fn is_collecting(&self) -> bool {
        matches!(
            &self.phase,
            Phase::Collecting(_)
                | Phase::Cooling(_)
                | Phase::Closing(Closing {
                    rotate: Some(_),
                    ..
                })
        )
    }
}
