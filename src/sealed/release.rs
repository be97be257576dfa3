//! The envelope of an approval: a share on its way to one incident.
//!
//! PROTOCOL §4: an age file to the incident's one-time recipient. A custodian's client makes it;
//! `vault.rs` opens it. Knows terms only as a hash and a nonce.

use serde::Deserialize;

use super::age_file::{self, SealError};
use super::epoch::{EpochName, EpochNameError};
use super::locked::LockedBytes;
use super::plaintext::{self, PlaintextError, VERSION, Value};
use super::scrub::on_scrubbed_stack;
use super::secret::Secret32;
use super::shamir::Share;

/// Which incident a share is released to; both sides take these from the frozen terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseLabel {
    /// Vault, kind and epoch.
    pub name: EpochName,
    /// The incident's id.
    pub incident: String,
    /// The hash of the frozen terms.
    pub terms_sha256: [u8; 32],
    /// The nonce of the frozen terms, as they spell it.
    pub nonce: String,
}

/// Why an envelope was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// The incident's recipient is no age X25519 recipient.
    #[error(
        "the incident's recipient is not an age1… recipient: nothing was sent: the server or the page is wrong"
    )]
    Recipient,
    /// The document could not be written.
    #[error("the envelope could not be written: {0}")]
    Content(#[from] PlaintextError),
    /// Encryption failed.
    #[error("the envelope could not be sealed: {0}")]
    Seal(#[from] SealError),
}

/// Encrypts a share to the incident's one-time recipient.
///
/// # Errors
/// [`ReleaseError`].
#[expect(clippy::disallowed_methods, reason = "encryption needs the plaintext")]
pub fn seal_release(
    label: &ReleaseLabel,
    share: &Share,
    recipient: &str,
) -> Result<Vec<u8>, ReleaseError> {
    use secrecy::ExposeSecret as _;
    let recipient: age::x25519::Recipient =
        recipient.parse().map_err(|_| ReleaseError::Recipient)?;
    let document = on_scrubbed_stack(|| write(label, share.index(), share.y()))?;
    Ok(age_file::seal(&[&recipient], document.expose_secret())?)
}

/// What an opened envelope says.
pub(super) struct Released {
    pub(super) label: ReleaseLabel,
    pub(super) share: Share,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    v: &'a str,
    vault: &'a str,
    kind: &'a str,
    epoch: u32,
    index: u8,
    incident: &'a str,
    terms_sha256: &'a str,
    nonce: &'a str,
    y: &'a str,
}

fn write(label: &ReleaseLabel, index: u8, y: &Secret32) -> Result<LockedBytes, PlaintextError> {
    plaintext::write(&[
        ("epoch", Value::Number(label.name.epoch().into())),
        ("incident", Value::Text(&label.incident)),
        ("index", Value::Number(index.into())),
        ("kind", Value::Text(label.name.kind())),
        ("nonce", Value::Text(&label.nonce)),
        ("terms_sha256", Value::Digest(&label.terms_sha256)),
        ("v", Value::Text(VERSION)),
        ("vault", Value::Text(label.name.vault())),
        ("y", Value::Hex(y)),
    ])
}

/// Reads an opened envelope strictly; what it says is compared by the caller.
pub(super) fn read(bytes: &LockedBytes) -> Result<Released, PlaintextError> {
    let found: Document<'_> = plaintext::read(bytes)?;
    if found.v != VERSION {
        return Err(PlaintextError::Malformed);
    }
    let name = EpochName::new(found.vault, found.kind, found.epoch)
        .map_err(|_: EpochNameError| PlaintextError::Malformed)?;
    let label = ReleaseLabel {
        name,
        incident: found.incident.to_owned(),
        terms_sha256: plaintext::digest_from_hex(found.terms_sha256)?,
        nonce: found.nonce.to_owned(),
    };
    let y = plaintext::secret_from_hex(found.y)?;
    plaintext::same(bytes, &write(&label, found.index, &y)?)?;
    Ok(Released {
        label,
        share: Share::new(found.index, y),
    })
}
