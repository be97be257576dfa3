//! The sealed credential: the Databricks OAuth pair, encrypted to an epoch's recipient.
//!
//! At rest this is the only form of the credential. Opening is `vault.rs`'s business, and ends in
//! locked memory. Knows nothing of Databricks beyond the four fields.

use std::borrow::Cow;

use serde::Deserialize;

use super::age_file::{self, OpenError, SealError};
use super::epoch::EpochName;
use super::identity::Identity;
use super::locked::LockedBytes;
use super::plaintext::{self, PLAINTEXT_BYTES, PlaintextError, VERSION, Value};
use super::scrub::on_scrubbed_stack;
use super::secret::{Credential, SecretText};

/// Why a sealed credential was not made or not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// The epoch's recipient is no age X25519 recipient.
    #[error("the epoch's recipient is not an age1… recipient")]
    Recipient,
    /// The document could not be written or is not a credential.
    #[error("the sealed credential's content was refused: {0}")]
    Content(#[from] PlaintextError),
    /// Encryption failed.
    #[error("the credential could not be sealed: {0}")]
    Seal(#[from] SealError),
    /// The file did not open with this identity.
    #[error("the sealed credential did not open: {0}")]
    Open(#[from] OpenError),
    /// The credential of another vault, kind or epoch stood in its place.
    #[error("the sealed credential is of {found}, not of {expected}")]
    Foreign {
        /// What the file says.
        found: EpochName,
        /// What was expected.
        expected: EpochName,
    },
}

/// Encrypts a credential to an epoch's recipient.
///
/// # Errors
/// [`EnvelopeError`].
#[expect(clippy::disallowed_methods, reason = "encryption needs the plaintext")]
pub fn seal_credential(
    name: &EpochName,
    credential: &Credential,
    recipient: &str,
) -> Result<Vec<u8>, EnvelopeError> {
    use secrecy::ExposeSecret as _;
    let recipient: age::x25519::Recipient =
        recipient.parse().map_err(|_| EnvelopeError::Recipient)?;
    let document = on_scrubbed_stack(|| write(name, credential))?;
    Ok(age_file::seal(&[&recipient], document.expose_secret())?)
}

/// Opens a sealed credential into locked memory and checks whose it is.
pub(super) fn open_credential(
    file: &[u8],
    identity: &Identity,
    expected: &EpochName,
) -> Result<Credential, EnvelopeError> {
    let document = identity.open(file, PLAINTEXT_BYTES)?;
    let (found, credential) = on_scrubbed_stack(|| read(&document))?;
    if &found == expected {
        Ok(credential)
    } else {
        Err(EnvelopeError::Foreign {
            found,
            expected: expected.clone(),
        })
    }
}

/// Text borrows from the locked plaintext unless it was escaped, which no Databricks secret is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    v: &'a str,
    vault: &'a str,
    kind: &'a str,
    epoch: u32,
    #[serde(borrow)]
    client_id: Cow<'a, str>,
    #[serde(borrow)]
    client_secret: Cow<'a, str>,
    #[serde(borrow)]
    secret_id: Cow<'a, str>,
    expires_at_ms: i64,
}

fn write(name: &EpochName, credential: &Credential) -> Result<LockedBytes, PlaintextError> {
    plaintext::write(&[
        ("client_id", Value::Text(&credential.client_id)),
        ("client_secret", Value::Secret(&credential.client_secret)),
        ("epoch", Value::Number(name.epoch().into())),
        ("expires_at_ms", Value::Number(credential.expires_at_ms)),
        ("kind", Value::Text(name.kind())),
        ("secret_id", Value::Text(&credential.secret_id)),
        ("v", Value::Text(VERSION)),
        ("vault", Value::Text(name.vault())),
    ])
}

fn read(bytes: &LockedBytes) -> Result<(EpochName, Credential), PlaintextError> {
    let found: Document<'_> = plaintext::read(bytes)?;
    if found.v != VERSION {
        return Err(PlaintextError::Malformed);
    }
    let name = EpochName::new(found.vault, found.kind, found.epoch)
        .map_err(|_| PlaintextError::Malformed)?;
    let credential = Credential {
        client_id: found.client_id.into_owned(),
        client_secret: SecretText::copied_from(&found.client_secret)?,
        secret_id: found.secret_id.into_owned(),
        expires_at_ms: found.expires_at_ms,
    };
    plaintext::same(bytes, &write(&name, &credential)?)?;
    Ok((name, credential))
}

#[cfg(test)]
mod tests {
    use super::*;
    use subtle::ConstantTimeEq as _;

    fn credential() -> Credential {
        Credential {
            client_id: "3f0c-app".into(),
            client_secret: SecretText::copied_from("dose\"with\\escapes").unwrap(),
            secret_id: "sec-1".into(),
            expires_at_ms: 1_800_000_000_000,
        }
    }

    fn name(epoch: u32) -> EpochName {
        EpochName::new("vault-1", "live", epoch).unwrap()
    }

    #[test]
    fn a_credential_comes_back_as_it_was_sealed() {
        let identity = Identity::generate().unwrap();
        let file = seal_credential(&name(7), &credential(), identity.recipient()).unwrap();
        let opened = open_credential(&file, &identity, &name(7)).unwrap();
        assert_eq!(opened.client_id, "3f0c-app");
        assert_eq!(opened.secret_id, "sec-1");
        assert_eq!(opened.expires_at_ms, 1_800_000_000_000);
        assert!(bool::from(
            opened.client_secret.ct_eq(&credential().client_secret)
        ));
    }

    #[test]
    fn a_swapped_or_foreign_credential_is_refused() {
        let identity = Identity::generate().unwrap();
        let file = seal_credential(&name(6), &credential(), identity.recipient()).unwrap();
        assert!(matches!(
            open_credential(&file, &identity, &name(7)),
            Err(EnvelopeError::Foreign { .. })
        ));
        let other = Identity::generate().unwrap();
        assert_eq!(
            open_credential(&file, &other, &name(6)).unwrap_err(),
            EnvelopeError::Open(OpenError::NotForThisKey)
        );
    }

    #[test]
    fn a_credential_too_long_for_the_room_is_refused() {
        let identity = Identity::generate().unwrap();
        let long = Credential {
            client_id: "x".repeat(PLAINTEXT_BYTES),
            ..credential()
        };
        assert!(seal_credential(&name(1), &long, identity.recipient()).is_err());
    }
}
