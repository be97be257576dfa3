//! The open session as the proxy needs it. Its token is known by its hash alone.

use std::sync::{Arc, RwLock};

use tokio_util::sync::CancellationToken;

use crate::app::permit::Desk;
use crate::databricks::Forwarder;
use crate::domain::ids::{Digest, IncidentId, PersonId, SessionId};
use crate::domain::never::Principal;
use crate::domain::scope::Scope;
use crate::domain::terms::Target;
use crate::domain::time::Timestamp;

/// A session as the proxy needs it.
pub struct LiveSession {
    /// Its id.
    pub id: SessionId,
    /// Its incident.
    pub incident: IncidentId,
    /// The terms that were unsealed.
    pub terms_sha256: Digest,
    /// The responder.
    pub actor: PersonId,
    /// What it may reach.
    pub target: Target,
    /// What it may call.
    pub scope: Scope,
    /// The policy it stands under.
    pub policy_sha256: Digest,
    /// The principal no call may touch.
    pub principal: Principal,
    /// Ends by itself at this wall clock …
    pub exp: Timestamp,
    /// … or this boot clock, whichever comes first.
    pub exp_boot_ms: i64,
    /// Cut when the session ends; both copy directions watch it.
    pub cut: CancellationToken,
    /// The proxied leg; the bearer never leaves it. None in a drill, which reaches nothing.
    pub(in crate::app) forwarder: Option<Arc<Forwarder>>,
    /// Databricks' id of the session secret; none where the dormant credential is used.
    pub(in crate::app) secret_id: Option<String>,
    pub(in crate::app) token: Arc<RwLock<ClaimedToken>>,
    /// The snapshot before is taken: calls that may leave something behind wait for it.
    pub(in crate::app) surveyed: CancellationToken,
    /// What is counted about its calls.
    pub(in crate::app) desk: Arc<Desk>,
}

/// The session token that opens something: that of the newest claim.
#[derive(Debug, Default)]
pub(in crate::app) struct ClaimedToken {
    claims: u32,
    /// None before the first claim.
    pub sha256: Option<Digest>,
}

impl ClaimedToken {
    pub(in crate::app) fn of_claim(claims: u32, sha256: Digest) -> Self {
        Self {
            claims,
            sha256: Some(sha256),
        }
    }

    /// Two claims at once are in order in the log; whoever comes here last may be the older one.
    pub(in crate::app) fn newer(&mut self, other: Self) {
        if other.claims > self.claims {
            *self = other;
        }
    }
}

impl LiveSession {
    /// Whether it rehearses: its calls are judged and logged, and go nowhere.
    #[must_use]
    pub fn is_drill(&self) -> bool {
        self.forwarder.is_none()
    }

    /// The same session: one token, one cut, one count of calls.
    pub(in crate::app) fn shared(&self) -> Self {
        Self {
            id: self.id.clone(),
            incident: self.incident.clone(),
            terms_sha256: self.terms_sha256,
            actor: self.actor.clone(),
            target: self.target.clone(),
            scope: self.scope.clone(),
            policy_sha256: self.policy_sha256,
            principal: self.principal.clone(),
            exp: self.exp,
            exp_boot_ms: self.exp_boot_ms,
            cut: self.cut.clone(),
            forwarder: self.forwarder.clone(),
            secret_id: self.secret_id.clone(),
            surveyed: self.surveyed.clone(),
            token: Arc::clone(&self.token),
            desk: Arc::clone(&self.desk),
        }
    }
}
