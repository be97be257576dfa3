//! The server's memory during one incident: the one-time identity, and unsealing.
//!
//! Envelopes are opened on arrival only to check the share, wiped, and kept as ciphertext until
//! Opening (PROTOCOL §6); a process that dies loses the identity and with it every envelope.
//! Knows neither people nor phases: who may send what is `domain`'s and `app`'s business.

use super::age_file::OpenError;
use super::envelope::{self, EnvelopeError};
use super::epoch::EpochName;
use super::identity::Identity;
use super::locked::MemoryError;
use super::plaintext::{PLAINTEXT_BYTES, PlaintextError};
use super::possession;
use super::release::{self, ReleaseLabel, Released};
use super::scrub::on_scrubbed_stack;
use super::secret::{Credential, SecretError};
use super::shamir::{self, ShamirError, Share};

/// Why a share was refused: what is logged and told to the custodian, share by share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShareReject {
    /// The envelope does not open with this incident's identity.
    #[error("share {index} is unreadable: {reason}")]
    Unreadable {
        /// The index the custodian holds.
        index: u8,
        /// What the age file is.
        reason: OpenError,
    },
    /// It opened and holds something else.
    #[error("share {index} is unreadable: the envelope holds no share document")]
    Content {
        /// The index the custodian holds.
        index: u8,
    },
    /// A share of another vault.
    #[error("share {index} is of vault {found}, not {expected}")]
    Vault {
        /// The index the custodian holds.
        index: u8,
        /// What the envelope says.
        found: String,
        /// This vault.
        expected: String,
    },
    /// A live share for a drill, or a drill share for anything else.
    #[error("share {index} is a {found} share, this incident needs a {expected} share")]
    Kind {
        /// The index the custodian holds.
        index: u8,
        /// What the envelope says.
        found: String,
        /// What the incident is.
        expected: String,
    },
    /// A share of another epoch.
    #[error("share {index} is of epoch {found}, now {now}")]
    Epoch {
        /// The index the custodian holds.
        index: u8,
        /// What the envelope says.
        found: u32,
        /// The epoch of the terms.
        now: u32,
    },
    /// Someone else's share.
    #[error("share {found} was sent where share {expected} belongs")]
    Index {
        /// The index the custodian holds.
        expected: u8,
        /// What the envelope says.
        found: u8,
    },
    /// Released to another incident.
    #[error("share {index} was released to another incident")]
    Incident {
        /// The index the custodian holds.
        index: u8,
    },
    /// Released to other terms of this incident.
    #[error("share {index} was released to other terms of this incident")]
    Terms {
        /// The index the custodian holds.
        index: u8,
    },
    /// The y-bytes are not the ones that were dealt.
    #[error("share {index} does not fit its possession key in the manifest")]
    Possession {
        /// The index the custodian holds.
        index: u8,
    },
    /// Envelope and approval were not bound by this share.
    #[error("share {index} was not signed together with this approval")]
    NotBound {
        /// The index the custodian holds.
        index: u8,
    },
}

impl ShareReject {
    /// The reason as one word for log entries.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } | Self::Content { .. } => "unreadable",
            Self::Vault { .. } => "vault",
            Self::Kind { .. } => "kind",
            Self::Epoch { .. } => "epoch",
            Self::Index { .. } => "index",
            Self::Incident { .. } => "incident",
            Self::Terms { .. } => "terms",
            Self::Possession { .. } => "possession",
            Self::NotBound { .. } => "not_bound",
        }
    }
}

/// Why an envelope was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// The share is at fault; other shares keep their place.
    #[error(transparent)]
    Rejected(#[from] ShareReject),
    /// This host is at fault: the custodian may send the same again.
    #[error("the share could not be checked: {0}")]
    Host(#[from] SecretError),
}

impl From<MemoryError> for CheckError {
    fn from(error: MemoryError) -> Self {
        Self::Host(error.into())
    }
}

/// Why unsealing failed. Shares and identity are wiped in every case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnsealError {
    /// One of the kept envelopes no longer fits.
    #[error(transparent)]
    Share(#[from] CheckError),
    /// The shares do not go together.
    #[error(transparent)]
    Shamir(#[from] ShamirError),
    /// The recombined secret is not the identity of the manifest.
    #[error("the combined shares do not give the identity of {expected}")]
    WrongIdentity {
        /// The epoch of the manifest.
        expected: EpochName,
    },
    /// The sealed credential did not open.
    #[error(transparent)]
    Credential(#[from] EnvelopeError),
}

impl From<SecretError> for UnsealError {
    fn from(error: SecretError) -> Self {
        Self::Share(error.into())
    }
}

/// What the manifest says that shares are checked against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochKeys {
    /// The threshold.
    pub k: u8,
    /// The number of shares.
    pub n: u8,
    /// The identity's recipient.
    pub recipient: String,
    /// Public possession keys of shares 1…n in order.
    pub possession_keys: Vec<[u8; 32]>,
}

/// A share as it arrives with an approval.
#[derive(Debug, Clone, Copy)]
pub struct Submission<'a> {
    /// The index that belongs to the person who signed.
    pub index: u8,
    /// The age file.
    pub envelope: &'a [u8],
    /// The approval document, as signed.
    pub document: &'a [u8],
    /// The possession key's signature over both.
    pub possession_signature: &'a [u8; 64],
}

/// A share that was opened, found right, and wiped again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// Its index.
    pub index: u8,
}

/// An incident's one-time age identity, in locked memory, never stored.
#[derive(Debug)]
pub struct IncidentKey(Identity);

impl IncidentKey {
    /// A fresh one: made before the terms are frozen.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn generate() -> Result<Self, SecretError> {
        Identity::generate().map(Self)
    }

    /// What custodians seal their shares to; it stands in the terms.
    #[must_use]
    pub fn recipient(&self) -> &str {
        self.0.recipient()
    }

    /// Opens an envelope only to check it, and wipes what it held.
    ///
    /// # Errors
    /// [`CheckError::Rejected`] with the first thing that is wrong, in the order of
    /// [`ShareReject`]; [`CheckError::Host`] when the custodian is not at fault.
    pub fn check_envelope(
        &self,
        submission: &Submission<'_>,
        expected: &ReleaseLabel,
        keys: &EpochKeys,
    ) -> Result<Checked, CheckError> {
        let index = submission.index;
        let share = self.opened(index, submission.envelope, expected, keys)?;
        drop(share);
        possession::verify_release(
            possession_key(index, keys)?,
            submission.envelope,
            submission.document,
            submission.possession_signature,
        )
        .map_err(|_| ShareReject::NotBound { index })?;
        Ok(Checked { index })
    }

    /// Opens at least k accepted envelopes, combines them, checks the identity against the
    /// manifest and opens the credential. Takes the one-time identity: whatever happens, it and
    /// the shares are wiped, and a second try needs new terms.
    ///
    /// `unseal.begin` must be durable before this is called (PROTOCOL §6).
    ///
    /// # Errors
    /// [`UnsealError`].
    pub fn unseal(
        self,
        envelopes: &[(u8, &[u8])],
        expected: &ReleaseLabel,
        keys: &EpochKeys,
        sealed_credential: &[u8],
    ) -> Result<Credential, UnsealError> {
        let shares = envelopes
            .iter()
            .map(|(index, envelope)| self.opened(*index, envelope, expected, keys))
            .collect::<Result<Vec<Share>, CheckError>>()?;
        let lent: Vec<&Share> = shares.iter().collect();
        let identity = Identity::from_secret(shamir::combine(&lent, keys.k, keys.n)?)?;
        if identity.recipient() != keys.recipient {
            return Err(UnsealError::WrongIdentity {
                expected: expected.name.clone(),
            });
        }
        Ok(envelope::open_credential(
            sealed_credential,
            &identity,
            &expected.name,
        )?)
    }

    fn opened(
        &self,
        index: u8,
        envelope: &[u8],
        expected: &ReleaseLabel,
        keys: &EpochKeys,
    ) -> Result<Share, CheckError> {
        let public = possession_key(index, keys)?;
        let document = self
            .0
            .open(envelope, PLAINTEXT_BYTES)
            .map_err(|reason| match reason {
                OpenError::Memory(error) => CheckError::from(error),
                reason => ShareReject::Unreadable { index, reason }.into(),
            })?;
        let released = on_scrubbed_stack(|| release::read(&document)).map_err(|e| match e {
            PlaintextError::Secret(error @ SecretError::Memory(_)) => CheckError::Host(error),
            _ => ShareReject::Content { index }.into(),
        })?;
        compare(index, &released, expected)?;
        if !possession::is_share_of(&released.share, &released.label.name, public) {
            return Err(ShareReject::Possession { index }.into());
        }
        Ok(released.share)
    }
}

fn possession_key(index: u8, keys: &EpochKeys) -> Result<&[u8; 32], ShareReject> {
    // An index outside 1…n has no key, so no share can fit it.
    usize::from(index)
        .checked_sub(1)
        .and_then(|place| keys.possession_keys.get(place))
        .ok_or(ShareReject::Possession { index })
}

fn compare(index: u8, released: &Released, expected: &ReleaseLabel) -> Result<(), ShareReject> {
    let (found, wanted) = (&released.label.name, &expected.name);
    if found.vault() != wanted.vault() {
        return Err(ShareReject::Vault {
            index,
            found: found.vault().to_owned(),
            expected: wanted.vault().to_owned(),
        });
    }
    if found.kind() != wanted.kind() {
        return Err(ShareReject::Kind {
            index,
            found: found.kind().to_owned(),
            expected: wanted.kind().to_owned(),
        });
    }
    if found.epoch() != wanted.epoch() {
        return Err(ShareReject::Epoch {
            index,
            found: found.epoch(),
            now: wanted.epoch(),
        });
    }
    if released.share.index() != index {
        return Err(ShareReject::Index {
            expected: index,
            found: released.share.index(),
        });
    }
    if released.label.incident != expected.incident {
        return Err(ShareReject::Incident { index });
    }
    let same_terms = released.label.terms_sha256 == expected.terms_sha256
        && released.label.nonce == expected.nonce;
    if same_terms {
        Ok(())
    } else {
        Err(ShareReject::Terms { index })
    }
}

#[cfg(test)]
#[path = "vault_tests.rs"]
mod tests;
