//! Signed documents: from the text that came in to an act that is known to be its person's.

use super::App;
use super::error::AppError;
use crate::api::SignedDocument;
use crate::domain::act::{Act, Seen};
use crate::domain::ids::{Digest, IncidentId, PersonId};
use crate::domain::incident::{CLOCK_APART_MS, Refusal};
use crate::domain::roster::comparable;
use crate::domain::time::Timestamp;
use crate::sealed::login_key::{LoginKey, Signed};
use crate::sealed::passkey::Origins;
use crate::store::change::{Document, DocumentKind, RowChange};

/// Longest document that is read at all, bytes.
pub const MAX_DOCUMENT_BYTES: usize = 48 * 1024;

/// Who is calling: the person behind a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The person.
    pub person: PersonId,
    /// The address the call came from, without port.
    pub from: String,
}

/// An act whose signature, person and vault hold.
#[derive(Debug, Clone)]
pub struct Verified {
    /// The act.
    pub act: Act,
    /// Its exact bytes.
    pub bytes: Vec<u8>,
    /// Hash of the bytes.
    pub sha256: Digest,
    /// The signature: an armored SSHSIG, or a passkey's assertion.
    pub signature: String,
    /// By which kind of key.
    pub signed: Signed,
}

impl Verified {
    /// Rows that keep the act and use it up.
    pub(super) fn rows(&self, now: Timestamp) -> Vec<RowChange> {
        let mut rows = vec![
            self.document(),
            RowChange::UseAct {
                sha256: self.sha256,
                word: self.act.deed.word().to_owned(),
                person: self.act.person.clone(),
                incident: self.act.incident.clone(),
                at_ms: now,
            },
        ];
        rows.extend(passkey_used(&self.signed, now));
        rows
    }

    /// The row that keeps the act and its signature.
    pub(super) fn document(&self) -> RowChange {
        RowChange::PutDocument(Document {
            kind: DocumentKind::Act,
            sha256: self.sha256,
            bytes: self.bytes.clone(),
            signature: Some(self.signature.clone()),
        })
    }

    /// Checks that the act is about this incident.
    ///
    /// # Errors
    /// [`AppError::NotAllowed`].
    pub(super) fn about(&self, incident: &IncidentId) -> Result<(), AppError> {
        if self.act.incident.as_ref() == Some(incident) {
            Ok(())
        } else {
            Err(AppError::NotAllowed(
                "the act signed is about another incident".into(),
            ))
        }
    }

    /// The terms the act is about.
    ///
    /// # Errors
    /// [`AppError::BadDocument`].
    pub(super) fn terms(&self) -> Result<Digest, AppError> {
        self.act
            .terms_sha256
            .ok_or_else(|| AppError::BadDocument("the act names no terms".into()))
    }
}

/// The row that counts a passkey's signature.
pub(super) fn passkey_used(signed: &Signed, now: Timestamp) -> Option<RowChange> {
    match signed {
        Signed::Ssh => None,
        Signed::Passkey {
            credential_id,
            counter,
        } => Some(RowChange::PasskeyUsed {
            credential: credential_id.clone(),
            counter: *counter,
            at_ms: now,
        }),
    }
}

impl App {
    /// Checks that an act was not used before. The commit that uses it checks once more; this
    /// only gives a replay its own name before any other rule speaks.
    pub(super) async fn first_time(&self, verified: &Verified) -> Result<(), AppError> {
        if self.inner.store.act_used(&verified.sha256).await? {
            return Err(Refusal::Replayed.into());
        }
        Ok(())
    }

    /// The frame around an act about an incident, first half: signature, word, incident, not used
    /// before. Every no is logged.
    pub(super) async fn admitted(
        &self,
        signed: &SignedDocument,
        caller: &Caller,
        id: &IncidentId,
        word: &'static str,
    ) -> Result<Verified, AppError> {
        let verified = match self.verified(signed, caller) {
            Ok(verified) => verified,
            Err(error) => return Err(self.forged(caller, word, Some(id), error).await),
        };
        let found = verified.act.deed.word();
        let fits = if found == word {
            verified.about(id)
        } else {
            Err(AppError::BadDocument(format!("not an act of {word}")))
        };
        let first = match fits {
            Ok(()) => self.first_time(&verified).await,
            Err(error) => Err(error),
        };
        self.or_refused(&verified, id, first).await?;
        Ok(verified)
    }

    /// The frame's second half: what was refused is logged, whatever the outcome is handed on.
    pub(super) async fn or_refused<T>(
        &self,
        verified: &Verified,
        id: &IncidentId,
        result: Result<T, AppError>,
    ) -> Result<T, AppError> {
        match result {
            Ok(done) => Ok(done),
            Err(error) => Err(self.refused(verified, Some(id), error).await),
        }
    }

    /// Verifies an act signed by one of the caller's own login keys.
    ///
    /// # Errors
    /// [`AppError::BadDocument`] or [`AppError::NotAllowed`]; the document is never repeated.
    pub(super) fn verified(
        &self,
        signed: &SignedDocument,
        caller: &Caller,
    ) -> Result<Verified, AppError> {
        let verified = self.verified_by_its_key(signed, caller)?;
        let facts = self.inner.facts.get();
        let owner = facts.roster.owner_of_key(&verified.act.key);
        if owner.map(|p| &p.id) != Some(&verified.act.person) {
            return Err(AppError::NotAllowed(
                "the act is signed by a key that is not its person's".into(),
            ));
        }
        Ok(verified)
    }

    /// Whether a signer has seen a log of another name, or entries that this vault does not have.
    pub(super) fn unknown_log(&self, seen: &Seen) -> bool {
        seen.origin != self.inner.settings.origin || seen.size > self.inner.store.head().size
    }

    /// Verifies an act signed by the key it names, whoever that is: the claim key (PROTOCOL §4).
    pub(super) fn verified_by_its_key(
        &self,
        signed: &SignedDocument,
        caller: &Caller,
    ) -> Result<Verified, AppError> {
        let bytes = signed.document.as_bytes();
        if bytes.len() > MAX_DOCUMENT_BYTES {
            return Err(AppError::BadDocument("the document is too long".into()));
        }
        let act = Act::parse(bytes).map_err(|e| AppError::BadDocument(e.to_string()))?;
        if act.vault != self.inner.settings.vault {
            return Err(AppError::NotAllowed("the act is for another vault".into()));
        }
        if act.person != caller.person {
            return Err(AppError::NotAllowed(
                "the act is another person's than the login".into(),
            ));
        }
        let now = self.now();
        if now.since_ms(act.at_ms).abs() > CLOCK_APART_MS {
            // Signed long ago and kept back, or by a clock nobody can rely on.
            return Err(Refusal::ClockApart {
                signed: act.at_ms,
                now,
            }
            .into());
        }
        if self.unknown_log(&act.cp) && !act.deed.only_ends() {
            return Err(AppError::NotAllowed(
                "the signer has seen a log that this vault does not have: call security".into(),
            ));
        }
        let key = LoginKey::parse(&comparable(&act.key))
            .map_err(|e| AppError::BadDocument(e.to_string()))?;
        let origins = self.page_origins();
        let by = key
            .verify(
                act.deed.word(),
                bytes,
                &signed.signature,
                Origins::Exactly(&origins),
            )
            .map_err(|e| AppError::NotAllowed(format!("the signature does not hold: {e}")))?;
        Ok(Verified {
            sha256: Digest::of(bytes),
            bytes: bytes.to_vec(),
            signature: signed.signature.clone(),
            signed: by,
            act,
        })
    }
}
