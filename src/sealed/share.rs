//! Share files: one share, labelled with its epoch, sealed to one custodian's unlockers.
//!
//! PROTOCOL §3. The server makes and keeps them and cannot open them; a custodian opens hers on
//! her own machine. Errors have three parts: what did not work, why, what to do.

use serde::Deserialize;

use super::age_file::{self, OpenError, SealError};
use super::epoch::{EpochName, EpochNameError};
use super::locked::LockedBytes;
use super::plaintext::{self, PLAINTEXT_BYTES, PlaintextError, VERSION, Value};
use super::possession;
use super::scrub::on_scrubbed_stack;
use super::secret::{Secret32, SecretError};
use super::shamir::{self, ShamirError, Share};
use super::unlocker::{Opener, Unlocker};

/// Everything a share file says besides y.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareLabel {
    /// Vault, kind and epoch.
    pub name: EpochName,
    /// The threshold.
    pub k: u8,
    /// How many shares the epoch has.
    pub n: u8,
    /// The share's x, 1…n.
    pub index: u8,
    /// SHA-256 of the manifest the share belongs to.
    pub manifest_sha256: [u8; 32],
}

/// Why a share file was not made or not opened. Carries labels, never content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// The file did not open.
    #[error(
        "the share did not open: {0}: use the key this share was sealed to, or another unlocker"
    )]
    Open(OpenError),
    /// It opened, but holds no share document.
    #[error("the share opened but holds no share: {0}: ask an operator for the sealed share again")]
    Content(PlaintextError),
    /// The label inside is impossible.
    #[error("the share's label is impossible: {0}: ask an operator for the sealed share again")]
    Name(#[from] EpochNameError),
    /// Threshold or index inside is impossible.
    #[error("the share's numbers are impossible: {0}: ask an operator for the sealed share again")]
    Numbers(#[from] ShamirError),
    /// A share of something else than expected.
    #[error(
        "share {index} is of {found}, {field} differs from {expected}: nothing was sent: fetch the current share"
    )]
    Foreign {
        /// The share's index as labelled.
        index: u8,
        /// Which part of the label differs.
        field: &'static str,
        /// What the label says.
        found: EpochName,
        /// What the pinned manifest says.
        expected: EpochName,
    },
    /// The y-bytes are not those the manifest's possession key was made from.
    #[error(
        "share {index} does not fit the manifest's possession key: nothing was sent: tell an operator"
    )]
    Possession {
        /// The share's index.
        index: u8,
    },
    /// The file could not be made.
    #[error("the share could not be sealed: {0}: check this person's unlockers")]
    Seal(#[from] SealError),
    /// Memory was missing.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

impl From<PlaintextError> for ShareError {
    fn from(error: PlaintextError) -> Self {
        Self::Content(error)
    }
}

/// An opened share with its label, on the custodian's machine.
#[derive(Debug)]
pub struct OpenedShare {
    label: ShareLabel,
    share: Share,
}

impl OpenedShare {
    /// What the file says of the share.
    #[must_use]
    pub fn label(&self) -> &ShareLabel {
        &self.label
    }

    /// The share.
    #[must_use]
    pub fn share(&self) -> &Share {
        &self.share
    }

    /// Checks label and share against what the client has pinned and the manifest lists.
    ///
    /// `possession_public` is the manifest's key for this index.
    ///
    /// # Errors
    /// [`ShareError::Foreign`] naming the first part that differs, or [`ShareError::Possession`].
    pub fn check(
        &self,
        expected: &ShareLabel,
        possession_public: &[u8; 32],
    ) -> Result<(), ShareError> {
        if let Some(field) = self.label.first_difference(expected) {
            return Err(ShareError::Foreign {
                index: self.label.index,
                field,
                found: self.label.name.clone(),
                expected: expected.name.clone(),
            });
        }
        if possession::is_share_of(&self.share, &self.label.name, possession_public) {
            Ok(())
        } else {
            Err(ShareError::Possession {
                index: self.label.index,
            })
        }
    }
}

impl ShareLabel {
    fn first_difference(&self, other: &Self) -> Option<&'static str> {
        let parts = [
            ("vault", self.name.vault() == other.name.vault()),
            ("kind", self.name.kind() == other.name.kind()),
            ("epoch", self.name.epoch() == other.name.epoch()),
            ("threshold", (self.k, self.n) == (other.k, other.n)),
            ("index", self.index == other.index),
            ("manifest", self.manifest_sha256 == other.manifest_sha256),
        ];
        parts.iter().find(|part| !part.1).map(|part| part.0)
    }

    fn check(&self) -> Result<(), ShamirError> {
        shamir::check_threshold(self.k, self.n)?;
        if self.index == 0 || self.index > self.n {
            return Err(ShamirError::Index {
                index: self.index,
                n: self.n,
            });
        }
        Ok(())
    }
}

/// Seals a share to all of one custodian's unlockers. The index is the share's own.
///
/// # Errors
/// [`ShareError`].
pub fn seal_share(
    label: &ShareLabel,
    share: &Share,
    unlockers: &[Unlocker],
) -> Result<Vec<u8>, ShareError> {
    label.check()?;
    if label.index != share.index() {
        return Err(ShamirError::Index {
            index: label.index,
            n: label.n,
        }
        .into());
    }
    let document = on_scrubbed_stack(|| write(label, share.y()))?;
    seal_locked(&document, unlockers)
}

/// Opens a share file. The label is what the file says: call [`OpenedShare::check`] next.
///
/// # Errors
/// [`ShareError::Open`], [`ShareError::Content`], or an impossible label.
pub fn open_share(file: &[u8], opener: &Opener) -> Result<OpenedShare, ShareError> {
    let document =
        age_file::open(opener.identity(), file, PLAINTEXT_BYTES).map_err(ShareError::Open)?;
    on_scrubbed_stack(|| read(&document))
}

/// Seals 32 random bytes to one unlocker, which `enrol` opens to show that it can.
///
/// # Errors
/// [`ShareError::Seal`].
pub fn seal_test(challenge: &[u8; 32], unlocker: &Unlocker) -> Result<Vec<u8>, ShareError> {
    Ok(age_file::seal(&[unlocker.recipient()], challenge)?)
}

/// Opens what [`seal_test`] made. The bytes are a challenge, not a secret that lasts.
///
/// # Errors
/// [`ShareError::Open`] or [`ShareError::Content`].
#[expect(
    clippy::disallowed_methods,
    reason = "the challenge is sent back in the clear"
)]
pub fn open_test(file: &[u8], opener: &Opener) -> Result<[u8; 32], ShareError> {
    use secrecy::ExposeSecret as _;
    let found = age_file::open(opener.identity(), file, 32).map_err(ShareError::Open)?;
    found
        .expose_secret()
        .try_into()
        .map_err(|_| ShareError::Content(PlaintextError::Malformed))
}

#[expect(clippy::disallowed_methods, reason = "encryption needs the plaintext")]
fn seal_locked(document: &LockedBytes, unlockers: &[Unlocker]) -> Result<Vec<u8>, ShareError> {
    use secrecy::ExposeSecret as _;
    let recipients: Vec<&dyn age::Recipient> = unlockers.iter().map(Unlocker::recipient).collect();
    Ok(age_file::seal(&recipients, document.expose_secret())?)
}

/// Text stays borrowed from the locked plaintext, so `y` is never copied as text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    v: &'a str,
    vault: &'a str,
    kind: &'a str,
    epoch: u32,
    k: u8,
    n: u8,
    index: u8,
    y: &'a str,
    manifest_sha256: &'a str,
}

fn write(label: &ShareLabel, y: &Secret32) -> Result<LockedBytes, PlaintextError> {
    plaintext::write(&[
        ("epoch", Value::Number(label.name.epoch().into())),
        ("index", Value::Number(label.index.into())),
        ("k", Value::Number(label.k.into())),
        ("kind", Value::Text(label.name.kind())),
        ("manifest_sha256", Value::Digest(&label.manifest_sha256)),
        ("n", Value::Number(label.n.into())),
        ("v", Value::Text(VERSION)),
        ("vault", Value::Text(label.name.vault())),
        ("y", Value::Hex(y)),
    ])
}

fn read(bytes: &LockedBytes) -> Result<OpenedShare, ShareError> {
    let found: Document<'_> = plaintext::read(bytes)?;
    if found.v != VERSION {
        return Err(PlaintextError::Malformed.into());
    }
    let label = ShareLabel {
        name: EpochName::new(found.vault, found.kind, found.epoch)?,
        k: found.k,
        n: found.n,
        index: found.index,
        manifest_sha256: plaintext::digest_from_hex(found.manifest_sha256)?,
    };
    label.check()?;
    let y = plaintext::secret_from_hex(found.y)?;
    plaintext::same(bytes, &write(&label, &y)?)?;
    let share = Share::new(label.index, y);
    Ok(OpenedShare { label, share })
}

#[cfg(test)]
#[path = "share_tests.rs"]
mod tests;
