//! Steps 3 and 4: custodians answer. A share is checked before it counts; a bad one is named and
//! changes nothing for the others.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use super::App;
use super::acts::{Caller, Verified};
use super::error::AppError;
use super::step::{With, draft};
use crate::api::{ApproveRequest, SignedDocument};
use crate::domain::act::{Act, Deed};
use crate::domain::alert::Attempt;
use crate::domain::ids::{Digest, IncidentId};
use crate::domain::incident::Incident;
use crate::domain::incident::command::{Command, ShareOffer};
use crate::domain::manifest::{Kind, Manifest};
use crate::sealed::epoch::EpochName;
use crate::sealed::release::ReleaseLabel;
use crate::sealed::vault::{CheckError, EpochKeys, ShareReject, Submission};
use crate::store::change::RowChange;

/// Longest envelope, bytes: an age file around one small document.
const MAX_ENVELOPE_BYTES: usize = 8 * 1024;

impl App {
    /// A custodian releases her share.
    ///
    /// # Errors
    /// [`AppError::Share`] names the share, [`AppError::Refused`] the rule.
    pub async fn approve(
        &self,
        id: &IncidentId,
        request: &ApproveRequest,
        caller: &Caller,
    ) -> Result<Incident, AppError> {
        let verified = self.admitted(&request.act, caller, id, "approve").await?;
        match self.approve_verified(id, &verified, request).await {
            Ok(incident) => {
                self.try_begin(id);
                Ok(incident)
            }
            Err(AppError::Share(reject)) => Err(self.share_rejected(id, &verified, reject).await),
            Err(error) => Err(self.refused(&verified, Some(id), error).await),
        }
    }

    async fn approve_verified(
        &self,
        id: &IncidentId,
        verified: &Verified,
        request: &ApproveRequest,
    ) -> Result<Incident, AppError> {
        let Deed::Approve {
            index,
            manifest_sha256,
            unlocker,
            overrides,
            witness_sha256,
            ..
        } = &verified.act.deed
        else {
            return Err(AppError::BadDocument("not an act of approval".into()));
        };
        let envelope = decode("envelope", &request.envelope, MAX_ENVELOPE_BYTES)?;
        let (incident, _) = self.load(id).await?;
        let offer = ShareOffer {
            person: verified.act.person.clone(),
            act_sha256: verified.sha256,
            terms_sha256: verified.terms()?,
            manifest_sha256: *manifest_sha256,
            index: *index,
            kind: incident.terms.kind,
            unlocker: unlocker.clone(),
            envelope_sha256: Digest::of(&envelope),
            signed_ms: verified.act.at_ms,
            overrides: overrides.clone(),
            witness_sha256: *witness_sha256,
        };
        // The rules first: a person without a share must not make us open files.
        self.ask(
            &incident,
            Command::Approve(offer.clone()),
            Some(&offer.person),
        )
        .await?;
        let keeper = self.keeper_of(&incident, &offer)?;
        let manifest = self.manifest_for(&incident).await?;
        let sent = (*index, envelope.as_slice(), request.possession.as_str());
        self.check_share(&incident, &manifest, sent, verified)?;
        let now = self.now();
        let mut with = With::act(verified, now);
        with.rows.push(RowChange::PutEnvelope {
            incident: id.clone(),
            terms_sha256: offer.terms_sha256,
            index: *index,
            act_sha256: verified.sha256,
            envelope,
        });
        with.rows.push(RowChange::UnlockerOpened {
            person: keeper,
            unlocker: unlocker.clone(),
            at_ms: now,
        });
        let person = offer.person.clone();
        Ok(self
            .step(id, Command::Approve(offer), Some(&person), with)
            .await?
            .incident)
    }

    /// Asks the rules without doing anything.
    async fn ask(
        &self,
        incident: &Incident,
        command: Command,
        actor: Option<&crate::domain::ids::PersonId>,
    ) -> Result<(), AppError> {
        let now = self.now();
        let facts = self.inner.facts.get();
        let data = self.rules_data(&facts, Some(incident), actor, now).await?;
        crate::domain::incident::decide(incident, command, &data.rules(&facts)?, now)?;
        Ok(())
    }

    /// Opens the envelope only to check it; what it held is wiped before this returns.
    fn check_share(
        &self,
        incident: &Incident,
        manifest: &Manifest,
        (index, envelope, possession): (u8, &[u8], &str),
        verified: &Verified,
    ) -> Result<(), AppError> {
        let recipient = &incident.terms.recipient;
        let key = self.inner.memory.key(&incident.id, recipient);
        let key = key.ok_or(AppError::Sealed(
            "this incident's identity is gone; it is being asked again",
        ))?;
        let signature: [u8; 64] = decode("possession", possession, 64)?
            .try_into()
            .map_err(|_| ShareReject::NotBound { index })?;
        let submission = Submission {
            index,
            envelope,
            document: &verified.bytes,
            possession_signature: &signature,
        };
        match key.check_envelope(
            &submission,
            &release_label(incident)?,
            &epoch_keys(manifest),
        ) {
            Ok(_) => Ok(()),
            Err(CheckError::Rejected(reject)) => Err(reject.into()),
            Err(CheckError::Host(error)) => Err(AppError::Inconsistent(error.to_string())),
        }
    }

    async fn share_rejected(
        &self,
        id: &IncidentId,
        verified: &Verified,
        reject: ShareReject,
    ) -> AppError {
        let person = verified.act.person.clone();
        let index = match &verified.act.deed {
            Deed::Approve { index, .. } => *index,
            _ => 0,
        };
        let entry = draft(
            "share.reject",
            [
                ("inc", Value::from(id.as_str())),
                ("person", Value::from(person.as_str())),
                ("index", Value::from(index)),
                ("why", Value::from(reject.code())),
                ("act_sha256", Value::from(verified.sha256.hex())),
            ],
        );
        let attempt = Attempt::ShareRejected {
            person,
            index,
            why: reject.code().to_owned(),
            incident: id.clone(),
        };
        self.note_act(verified, entry, &attempt).await;
        reject.into()
    }

    /// A custodian's refusal, wrong phrase or withdrawal; the responder's withdrawal.
    ///
    /// # Errors
    /// A bad document or a refusal of the rules.
    pub async fn answer(
        &self,
        id: &IncidentId,
        signed: &SignedDocument,
        caller: &Caller,
        word: &'static str,
    ) -> Result<Incident, AppError> {
        let verified = self.admitted(signed, caller, id, word).await?;
        let result = self.answer_verified(id, &verified).await;
        if verified.act.deed.only_ends() {
            self.note_other_log(&verified, id).await;
        }
        self.or_refused(&verified, id, result).await
    }

    async fn answer_verified(
        &self,
        id: &IncidentId,
        verified: &Verified,
    ) -> Result<Incident, AppError> {
        let command = answer_command(&verified.act, verified)?;
        let with = With::act(verified, self.now());
        let person = verified.act.person.clone();
        let incident = self.step(id, command, Some(&person), with).await?.incident;
        if incident.phase.is_over() {
            self.inner.memory.forget_key(id);
        }
        Ok(incident)
    }
}

fn answer_command(act: &Act, verified: &Verified) -> Result<Command, AppError> {
    let person = act.person.clone();
    let act_sha256 = verified.sha256;
    match &act.deed {
        Deed::Refuse { reason } => Ok(Command::Refuse {
            person,
            reason: reason.clone(),
            terms_sha256: verified.terms()?,
            act_sha256,
        }),
        Deed::Mismatch { pick } => Ok(Command::Mismatch {
            person,
            pick: *pick,
            terms_sha256: verified.terms()?,
            act_sha256,
        }),
        Deed::Withdraw {} => Ok(Command::Withdraw { person, act_sha256 }),
        other => Err(AppError::BadDocument(format!(
            "{} is no answer",
            other.word()
        ))),
    }
}

fn decode(what: &str, text: &str, limit: usize) -> Result<Vec<u8>, AppError> {
    let bytes = BASE64
        .decode(text)
        .map_err(|_| AppError::BadDocument(format!("the {what} is not base64")))?;
    if bytes.len() > limit {
        return Err(AppError::BadDocument(format!(
            "the {what} is longer than {limit} bytes"
        )));
    }
    Ok(bytes)
}

/// What an envelope for these terms must say.
pub(super) fn release_label(incident: &Incident) -> Result<ReleaseLabel, AppError> {
    let terms = &incident.terms;
    Ok(ReleaseLabel {
        name: epoch_name(terms.vault.as_str(), terms.kind, terms.epoch)?,
        incident: incident.id.to_string(),
        terms_sha256: *incident.terms_sha256.bytes(),
        nonce: terms.nonce.clone(),
    })
}

/// The name every label of an epoch carries.
pub(super) fn epoch_name(vault: &str, kind: Kind, epoch: u32) -> Result<EpochName, AppError> {
    EpochName::new(vault, kind.word(), epoch).map_err(|e| AppError::Inconsistent(e.to_string()))
}

/// What the manifest says that shares are checked against.
pub fn epoch_keys(manifest: &Manifest) -> EpochKeys {
    EpochKeys {
        k: manifest.k,
        n: manifest.n,
        recipient: manifest.recipient.clone(),
        possession_keys: (1..=manifest.n)
            .filter_map(|i| manifest.possession_key(i))
            .collect(),
    }
}
