//! A sealed successor as one file: what the rows would hold, while there are none. Everything in
//! it is sealed or public.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::{SealedSuccessor, SecretOf};
use crate::app::error::AppError;
use crate::domain::canonical;
use crate::domain::ids::{Digest, PersonId};
use crate::domain::manifest::Manifest;
use crate::domain::time::Timestamp;
use crate::sealed::secret::Credential;
use crate::store::EpochRow;
use crate::store::change::RowChange;

/// Type of the emergency log's entry that names such a file by its hash.
pub(in crate::app) const KEPT_ENTRY: &str = "emergency.kept";

/// The file, RFC 8785 JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::app) struct Kept {
    /// The epoch.
    pub manifest: Manifest,
    manifest_sha256: Digest,
    /// An age file, base64.
    sealed_credential: String,
    secret_id: String,
    secret_expires_at_ms: Timestamp,
    /// Index, person, age file in base64.
    shares: Vec<(u8, PersonId, String)>,
    at_ms: Timestamp,
}

impl SealedSuccessor {
    /// The bytes of the file.
    pub(in crate::app) fn to_kept(
        &self,
        successor: &Credential,
        now: Timestamp,
    ) -> Result<Vec<u8>, AppError> {
        let shares = self.shares.iter();
        let kept = Kept {
            manifest: self.manifest.clone(),
            manifest_sha256: self.manifest_sha256,
            sealed_credential: BASE64.encode(&self.sealed_credential),
            secret_id: successor.secret_id.clone(),
            // "Never" has no integer that JSON readers agree on.
            secret_expires_at_ms: Timestamp(successor.expires_at_ms.min(canonical::MAX_INTEGER)),
            shares: shares
                .map(|(index, person, file)| (*index, person.clone(), BASE64.encode(file)))
                .collect(),
            at_ms: now,
        };
        Ok(canonical::to_bytes(&kept)?)
    }
}

impl Kept {
    /// An epoch as the rows hold it; `None` where its credential is erased.
    pub(in crate::app) fn of_row(
        row: EpochRow,
        shares: Vec<(u8, PersonId, Vec<u8>)>,
    ) -> Option<Self> {
        let expires_at_ms = row.secret_expires_at_ms.0.min(canonical::MAX_INTEGER);
        let shares = shares.into_iter();
        Some(Self {
            manifest: row.manifest,
            manifest_sha256: row.manifest_sha256,
            sealed_credential: BASE64.encode(row.sealed_credential?),
            secret_id: row.secret_id,
            secret_expires_at_ms: Timestamp(expires_at_ms),
            shares: shares
                .map(|(index, person, file)| (index, person, BASE64.encode(file)))
                .collect(),
            at_ms: row.at_ms,
        })
    }

    /// The bytes of the file.
    pub(in crate::app) fn to_bytes(&self) -> Result<Vec<u8>, AppError> {
        Ok(canonical::to_bytes(self)?)
    }

    /// Reads a file back; its manifest is the one its hash names.
    pub(in crate::app) fn read(bytes: &[u8]) -> Result<Self, AppError> {
        let kept: Self = canonical::parse_exact(bytes)?;
        if kept.manifest.sha256()? != kept.manifest_sha256 {
            return Err(AppError::Inconsistent(
                "a sealed file beside the emergency log holds another manifest".into(),
            ));
        }
        Ok(kept)
    }

    /// The rows it would have been.
    pub(in crate::app) fn rows(self) -> Result<Vec<RowChange>, AppError> {
        let odd = |_| AppError::Inconsistent("a sealed file is not base64".into());
        let mut shares = Vec::new();
        for (index, person, file) in self.shares {
            shares.push((index, person, BASE64.decode(file).map_err(odd)?));
        }
        let secret = SecretOf {
            id: self.secret_id,
            expires_at_ms: self.secret_expires_at_ms,
        };
        let sealed = SealedSuccessor {
            manifest: self.manifest,
            manifest_sha256: self.manifest_sha256,
            sealed_credential: BASE64.decode(self.sealed_credential).map_err(odd)?,
            shares,
        };
        sealed.rows_of(secret, self.at_ms)
    }
}
