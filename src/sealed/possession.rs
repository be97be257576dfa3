//! Possession keys: an Ed25519 key derived from a share, whose public half is in the manifest.
//!
//! It names a bad share on arrival and binds an envelope to the signed approval, without anybody
//! learning the share (PROTOCOL §3, §4). Knows documents as bytes only.

use std::fmt;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use hkdf::Hkdf;
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::epoch::EpochName;
use super::scrub::on_scrubbed_stack;
use super::shamir::Share;

/// HKDF info prefix (PROTOCOL §3).
const INFO: &[u8] = b"breakglass/share/v1\0";

/// Why a possession signature was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PossessionError {
    /// The public half is no usable Ed25519 point.
    #[error("the possession key in the manifest is not an ed25519 key")]
    Key,
    /// The signature does not fit key and documents.
    #[error("the signature was not made with this share over this document")]
    Signature,
}

/// The private half, on the heap and wiped on drop.
pub struct PossessionKey(Box<SigningKey>);

impl PossessionKey {
    /// Derives the key of a share (PROTOCOL §3): HKDF-SHA256 with ikm = y, salt = vault id,
    /// info = prefix ‖ u32be(epoch) ‖ u8(index).
    #[must_use]
    pub fn derive(share: &Share, epoch: &EpochName) -> Self {
        on_scrubbed_stack(|| Self(Box::new(SigningKey::from_bytes(&seed(share, epoch)))))
    }

    /// The public half, as the manifest lists it.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// Binds an envelope to the signed approval: over SHA-256(envelope) ‖ SHA-256(document).
    #[must_use]
    pub fn sign_release(&self, envelope: &[u8], document: &[u8]) -> [u8; 64] {
        on_scrubbed_stack(|| self.0.sign(&release_message(envelope, document)).to_bytes())
    }

    /// Proves possession in a `prove` act: over SHA-256(document).
    #[must_use]
    pub fn sign_proof(&self, document: &[u8]) -> [u8; 64] {
        on_scrubbed_stack(|| self.0.sign(&Sha256::digest(document)).to_bytes())
    }
}

impl fmt::Debug for PossessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PossessionKey(hidden)")
    }
}

/// True when the share is the one whose public half is given; in constant time.
#[must_use]
pub fn is_share_of(share: &Share, epoch: &EpochName, public: &[u8; 32]) -> bool {
    PossessionKey::derive(share, epoch)
        .public()
        .ct_eq(public)
        .into()
}

/// Checks what [`PossessionKey::sign_release`] signed.
///
/// # Errors
/// [`PossessionError`].
pub fn verify_release(
    public: &[u8; 32],
    envelope: &[u8],
    document: &[u8],
    signature: &[u8; 64],
) -> Result<(), PossessionError> {
    verify(public, &release_message(envelope, document), signature)
}

/// Checks what [`PossessionKey::sign_proof`] signed.
///
/// # Errors
/// [`PossessionError`].
pub fn verify_proof(
    public: &[u8; 32],
    document: &[u8],
    signature: &[u8; 64],
) -> Result<(), PossessionError> {
    verify(public, &Sha256::digest(document), signature)
}

fn verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<(), PossessionError> {
    let key = VerifyingKey::from_bytes(public).map_err(|_| PossessionError::Key)?;
    // Strict: no small-order keys, one encoding per signature.
    key.verify_strict(message, &Signature::from_bytes(signature))
        .map_err(|_| PossessionError::Signature)
}

/// 64 bytes, where a proof signs 32: one can never pass for the other.
fn release_message(envelope: &[u8], document: &[u8]) -> [u8; 64] {
    let mut message = [0; 64];
    message[..32].copy_from_slice(&Sha256::digest(envelope));
    message[32..].copy_from_slice(&Sha256::digest(document));
    message
}

#[expect(
    clippy::disallowed_methods,
    reason = "the seed is derived from the share's bytes"
)]
fn seed(share: &Share, epoch: &EpochName) -> Zeroizing<[u8; 32]> {
    let mut info = Vec::with_capacity(INFO.len() + 5);
    info.extend_from_slice(INFO);
    info.extend_from_slice(&epoch.epoch().to_be_bytes());
    info.push(share.index());
    let mut seed = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(Some(epoch.vault().as_bytes()), share.y().expose_secret())
        .expand(&info, &mut *seed)
        .expect("32 bytes are less than HKDF's limit");
    seed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sealed::secret::Secret32;

    fn vector_share(index: u8) -> Share {
        let y: Vec<u8> = (0..32).collect();
        Share::new(index, Secret32::copied_from(&y).unwrap())
    }

    fn epoch(number: u32) -> EpochName {
        EpochName::new("vault-1", "live", number).unwrap()
    }

    #[test]
    fn the_protocol_s_vector_holds() {
        let share = vector_share(1);
        assert_eq!(
            hex::encode(*seed(&share, &epoch(7))),
            "da6674ce872e1b1e0610ff3b1e7e01175eb945b0936eb2ba3b541a3f86396045"
        );
        assert_eq!(
            hex::encode(PossessionKey::derive(&share, &epoch(7)).public()),
            "14fe037277530b17f363606baaa6b840e8ae463e9d805032b8aa2169bf2fc290"
        );
    }

    #[test]
    fn another_epoch_index_or_vault_is_another_key() {
        let public = PossessionKey::derive(&vector_share(1), &epoch(7)).public();
        let other_vault = EpochName::new("vault-2", "live", 7).unwrap();
        assert!(is_share_of(&vector_share(1), &epoch(7), &public));
        assert!(!is_share_of(&vector_share(2), &epoch(7), &public));
        assert!(!is_share_of(&vector_share(1), &epoch(8), &public));
        assert!(!is_share_of(&vector_share(1), &other_vault, &public));
    }

    #[test]
    fn a_release_signature_fits_only_its_envelope_document_and_key() {
        let key = PossessionKey::derive(&vector_share(1), &epoch(7));
        let signature = key.sign_release(b"envelope", b"document");
        let public = key.public();
        assert_eq!(
            verify_release(&public, b"envelope", b"document", &signature),
            Ok(())
        );
        let other = PossessionKey::derive(&vector_share(2), &epoch(7)).public();
        for (public, envelope, document) in [
            (&public, &b"Envelope"[..], &b"document"[..]),
            (&public, b"envelope", b"Document"),
            (&other, b"envelope", b"document"),
        ] {
            assert_eq!(
                verify_release(public, envelope, document, &signature),
                Err(PossessionError::Signature)
            );
        }
    }

    #[test]
    fn a_proof_never_passes_for_a_release() {
        let key = PossessionKey::derive(&vector_share(1), &epoch(7));
        let proof = key.sign_proof(b"document");
        assert_eq!(verify_proof(&key.public(), b"document", &proof), Ok(()));
        assert!(verify_release(&key.public(), b"", b"document", &proof).is_err());
    }

    #[test]
    fn a_small_order_public_key_verifies_nothing() {
        let mut small = [0u8; 32];
        small[0] = 1;
        assert!(verify_proof(&small, b"document", &[0; 64]).is_err());
    }
}
