//! Signatures that carry no share: a co-approver's, security's over closed gates, and those under
//! a longer session. Each is a signed act of its own.

use super::App;
use super::acts::{Caller, Verified};
use super::error::AppError;
use super::step::With;
use crate::api::SignedDocument;
use crate::domain::act::Deed;
use crate::domain::ids::IncidentId;
use crate::domain::incident::Incident;
use crate::domain::incident::command::{Command, Signed};

impl App {
    /// A co-approver agrees to the terms in force.
    ///
    /// # Errors
    /// A bad document or a refusal of the rules.
    pub async fn co_approve(
        &self,
        id: &IncidentId,
        signed: &SignedDocument,
        caller: &Caller,
    ) -> Result<Incident, AppError> {
        let verified = self.admitted(signed, caller, id, "approve").await?;
        let result = self.sign_without_share(id, &verified).await;
        self.or_refused(&verified, id, result).await
    }

    /// A security person lifts gates for which no further custodian exists.
    ///
    /// # Errors
    /// A bad document or a refusal of the rules.
    pub async fn lift_gates(
        &self,
        id: &IncidentId,
        signed: &SignedDocument,
        caller: &Caller,
    ) -> Result<Incident, AppError> {
        let verified = self.admitted(signed, caller, id, "override").await?;
        let result = self.sign_without_share(id, &verified).await;
        self.or_refused(&verified, id, result).await
    }

    /// The responder asks for a longer session, or a custodian agrees to it.
    ///
    /// # Errors
    /// A bad document or a refusal of the rules.
    pub async fn extend(
        &self,
        id: &IncidentId,
        signed: &SignedDocument,
        caller: &Caller,
    ) -> Result<Incident, AppError> {
        let verified = self.admitted(signed, caller, id, "extend").await?;
        let result = self.sign_without_share(id, &verified).await;
        let incident = self.or_refused(&verified, id, result).await?;
        self.try_extend(id);
        Ok(incident)
    }

    async fn sign_without_share(
        &self,
        id: &IncidentId,
        verified: &Verified,
    ) -> Result<Incident, AppError> {
        let command = command(verified)?;
        let with = With::act(verified, self.now());
        let person = verified.act.person.clone();
        let incident = self.step(id, command, Some(&person), with).await?.incident;
        self.try_begin(id);
        Ok(incident)
    }
}

fn command(verified: &Verified) -> Result<Command, AppError> {
    let signed = Signed {
        person: verified.act.person.clone(),
        terms_sha256: verified.terms()?,
        act_sha256: verified.sha256,
    };
    match &verified.act.deed {
        Deed::Approve {
            index: 0,
            manifest_sha256,
            unlocker,
            overrides,
            witness_sha256: None,
            ..
        } if unlocker.is_empty() && overrides.is_empty() => Ok(Command::CoApprove {
            signed,
            manifest_sha256: *manifest_sha256,
            signed_ms: verified.act.at_ms,
        }),
        Deed::Override { gates } => Ok(Command::Override {
            signed,
            gates: gates.clone(),
        }),
        Deed::Extend { max_minutes } => Ok(Command::Extend {
            signed,
            max_minutes: *max_minutes,
        }),
        other => Err(AppError::BadDocument(format!(
            "this act of {} is no signature without a share: index 0, no unlocker, no overrides",
            other.word()
        ))),
    }
}
