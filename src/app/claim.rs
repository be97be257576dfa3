//! The responder takes the session token: the only time it is shown, and only to the client that
//! opened (PROTOCOL §4).

use std::sync::PoisonError;

use super::App;
use super::acts::{Caller, Verified};
use super::chance;
use super::error::AppError;
use super::memory::ClaimedToken;
use super::step::With;
use crate::api::{ClaimReply, SignedDocument};
use crate::domain::act::Deed;
use crate::domain::ids::{Digest, IncidentId};
use crate::domain::incident::command::Command;
use crate::domain::incident::{Phase, Refusal};

impl App {
    /// Hands out a new session token; a former one is dead from here on.
    ///
    /// # Errors
    /// A claim not signed by the claim key, another person's login, or no open session.
    pub async fn claim(
        &self,
        id: &IncidentId,
        signed: &SignedDocument,
        caller: &Caller,
    ) -> Result<ClaimReply, AppError> {
        let verified = match self.verified_by_its_key(signed, caller) {
            Ok(verified) => verified,
            Err(error) => return Err(self.forged(caller, "claim", Some(id), error).await),
        };
        match self.claim_verified(id, &verified, caller).await {
            Ok(reply) => Ok(reply),
            Err(error) => Err(self.refused(&verified, Some(id), error).await),
        }
    }

    async fn claim_verified(
        &self,
        id: &IncidentId,
        verified: &Verified,
        caller: &Caller,
    ) -> Result<ClaimReply, AppError> {
        verified.about(id)?;
        self.first_time(verified).await?;
        if verified.act.deed != (Deed::Claim {}) {
            return Err(AppError::BadDocument("not an act of claiming".into()));
        }
        let now = self.now();
        // The terms that were unsealed are in memory: a changed row names no other claim key.
        let (incident, _) = self.load(id).await?;
        let live = self
            .inner
            .memory
            .session()
            .filter(|live| live.incident == *id);
        // Ended by the boot clock counts as ended, though the wall clock was set back.
        if live.as_ref().is_some_and(|live| self.is_over(live)) {
            return Err(Refusal::SessionEnded {
                incident: id.clone(),
            }
            .into());
        }
        if live.is_some_and(|live| live.terms_sha256 != incident.terms_sha256) {
            return Err(AppError::Inconsistent(format!(
                "the terms of {id} are not those its session was opened for: its row was changed"
            )));
        }
        let token = chance::token("bgt_")?;
        let token_sha256 = Digest::of(token.as_bytes());
        let command = Command::Claim {
            person: verified.act.person.clone(),
            key: verified.act.key.clone(),
            token_sha256,
            act_sha256: verified.sha256,
            from: caller.from.clone(),
        };
        let with = With::act(verified, now);
        let stepped = self
            .step(id, command, Some(&verified.act.person), with)
            .await?;
        let Phase::Open(session) = &stepped.incident.phase else {
            return Err(Refusal::SessionEnded {
                incident: id.clone(),
            }
            .into());
        };
        let live = self
            .inner
            .memory
            .session()
            .filter(|live| live.id == session.id);
        let live = live.ok_or(Refusal::SessionEnded {
            incident: id.clone(),
        })?;
        // The entry is durable; only now does the new token open anything, and the old one stops.
        let claimed = ClaimedToken::of_claim(session.claims, token_sha256);
        let mut newest = live.token.write().unwrap_or_else(PoisonError::into_inner);
        newest.newer(claimed);
        drop(newest);
        live.desk.forget_addresses();
        let settings = &self.inner.settings;
        let config = self.inner.databricks.config();
        Ok(ClaimReply {
            session: session.id.to_string(),
            token,
            exp_ms: session.exp_ms.0,
            proxy_url: settings.proxy_url.clone(),
            account_proxy_url: settings.account_proxy_url.clone(),
            plain_url: settings.plain_url.clone(),
            account_id: config.account_id.clone(),
            workspace: stepped.incident.terms.target.workspace.clone(),
            ca_pem: settings.ca_pem.clone(),
        })
    }
}
