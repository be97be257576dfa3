//! SSH public keys of people and the signatures they make (OpenSSH PROTOCOL.sshsig).
//!
//! Verification is native for every login key of PROTOCOL §2, and what passes here passes stock
//! `ssh-keygen -Y verify`. Knows documents as bytes and acts as namespaces.

use std::fmt;

use ssh_key::public::KeyData;
use ssh_key::{Algorithm, EcdsaCurve, HashAlg, SshSig};

/// Fewest bits of an RSA login key (PROTOCOL §2).
const MIN_RSA_BITS: usize = 3072;
/// Most bits the verifying library takes.
const MAX_RSA_BITS: usize = 4096;
/// Length of what a security key appends to its signature: flags and a 32-bit counter.
const SK_TRAILER_BYTES: usize = 5;
/// The flag of a touch (FIDO CTAP2 §6.1, "user present").
const USER_PRESENT: u8 = 0x01;
/// Longest armored signature looked at, in bytes; an RSA 4096 one has 1.8 kB.
const MAX_ARMORED_BYTES: usize = 8 * 1024;

/// Why a public key was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    /// Not one line `type base64 [comment]`, or damaged.
    #[error("not an intact ssh public key: it should be one line like \"ssh-ed25519 AAAA…\"")]
    Damaged,
    /// A type that cannot log in.
    #[error(
        "a key of type {kind} cannot be a login key: use ssh-ed25519, ecdsa-sha2-nistp256, ssh-rsa or an sk- key"
    )]
    Kind {
        /// The key's type.
        kind: String,
    },
    /// An RSA key outside 3072…4096 bits.
    #[error("an ssh-rsa login key has {bits} bits, allowed are {MIN_RSA_BITS} to {MAX_RSA_BITS}")]
    RsaBits {
        /// Bits of the modulus.
        bits: usize,
    },
    /// A point under which many messages verify.
    #[error("this ed25519 key is one of the known weak points: make a new key")]
    Weak,
}

/// Why a signature was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Not an armored SSHSIG of version 1.
    #[error("not an intact ssh signature")]
    Damaged,
    /// Made for something else.
    #[error("the signature is for namespace {found:?}, not for {expected:?}")]
    Namespace {
        /// Namespace in the signature.
        found: String,
        /// Namespace that was needed.
        expected: String,
    },
    /// Made with another key.
    #[error("the signature was made with key {found}, not with {expected}")]
    OtherKey {
        /// Fingerprint in the signature.
        found: String,
        /// Fingerprint that was needed.
        expected: String,
    },
    /// The mathematics says no.
    #[error("the signature does not fit document and key")]
    Wrong,
    /// A security key signed without a touch.
    #[error("the security key signed without a touch: make the key without no-touch-required")]
    NoTouch,
}

/// A checked public key that may log in and sign acts.
#[derive(Clone, PartialEq, Eq)]
pub struct SshPublicKey {
    key: ssh_key::PublicKey,
    text: String,
}

impl SshPublicKey {
    /// Reads `type base64 [comment]`; the comment is dropped.
    ///
    /// # Errors
    /// [`PublicKeyError`].
    pub fn parse(text: &str) -> Result<Self, PublicKeyError> {
        let mut words = text.split_ascii_whitespace();
        let (Some(kind), Some(data)) = (words.next(), words.next()) else {
            return Err(PublicKeyError::Damaged);
        };
        let text = format!("{kind} {data}");
        let key = ssh_key::PublicKey::from_openssh(&text).map_err(|_| PublicKeyError::Damaged)?;
        Self::checked(key, text)
    }

    /// An Ed25519 key from its 32 bytes, such as a claim key.
    ///
    /// # Errors
    /// [`PublicKeyError::Weak`].
    pub fn from_ed25519(public: &[u8; 32]) -> Result<Self, PublicKeyError> {
        let key = KeyData::Ed25519(ssh_key::public::Ed25519PublicKey(*public)).into();
        Self::from_key(&key)
    }

    pub(super) fn from_key(key: &ssh_key::PublicKey) -> Result<Self, PublicKeyError> {
        let key = ssh_key::PublicKey::from(key.key_data().clone());
        let text = key.to_openssh().map_err(|_| PublicKeyError::Damaged)?;
        Self::checked(key, text.trim_end().to_owned())
    }

    fn checked(key: ssh_key::PublicKey, text: String) -> Result<Self, PublicKeyError> {
        match key.key_data() {
            KeyData::Ed25519(public) => check_ed25519(&public.0)?,
            KeyData::SkEd25519(public) => check_ed25519(&public.public_key().0)?,
            KeyData::Rsa(public) => {
                let bits = rsa_bits(public.n.as_positive_bytes().unwrap_or_default());
                if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) {
                    return Err(PublicKeyError::RsaBits { bits });
                }
            }
            KeyData::Ecdsa(public) if public.curve() == EcdsaCurve::NistP256 => {}
            KeyData::SkEcdsaSha2NistP256(_) => {}
            other => {
                return Err(PublicKeyError::Kind {
                    kind: other.algorithm().as_str().to_owned(),
                });
            }
        }
        Ok(Self { key, text })
    }

    /// `type base64`, without comment: the spelling documents carry.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The key's type, such as `ssh-ed25519`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.text.split(' ').next().unwrap_or_default()
    }

    /// `SHA256:…` as OpenSSH prints it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.key.fingerprint(HashAlg::Sha256).to_string()
    }

    /// Checks an armored signature over `document` in `namespace`.
    ///
    /// # Errors
    /// [`SignatureError`] naming what differs.
    pub fn verify(
        &self,
        namespace: &str,
        document: &[u8],
        armored: &str,
    ) -> Result<(), SignatureError> {
        let signature = parse_armored(armored)?;
        if signature.namespace() != namespace {
            return Err(SignatureError::Namespace {
                found: signature.namespace().chars().take(80).collect(),
                expected: namespace.to_owned(),
            });
        }
        if signature.public_key() != self.key.key_data() {
            let found = signature.public_key().fingerprint(HashAlg::Sha256);
            return Err(SignatureError::OtherKey {
                found: found.to_string(),
                expected: self.fingerprint(),
            });
        }
        self.key
            .verify(namespace, document, &signature)
            .map_err(|_| SignatureError::Wrong)?;
        // The library checks the mathematics only; the touch is ours to check.
        if self.is_security_key() && !is_user_present(signature.signature_bytes()) {
            return Err(SignatureError::NoTouch);
        }
        Ok(())
    }

    /// True for keys that live in a security key.
    #[must_use]
    pub fn is_security_key(&self) -> bool {
        matches!(
            self.key.algorithm(),
            Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256
        )
    }

    /// A line of an `allowed_signers` file (ssh-keygen(1), ALLOWED SIGNERS) for one person.
    ///
    /// `namespaces` is a pattern list such as `breakglass-*`.
    #[must_use]
    pub fn allowed_signers_line(&self, person: &str, namespaces: &str) -> String {
        format!("{person} namespaces=\"{namespaces}\" {}", self.text)
    }
}

impl fmt::Debug for SshPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SshPublicKey({})", self.text)
    }
}

/// Which key an armored signature says it was made with; nothing is verified.
///
/// # Errors
/// [`SignatureError::Damaged`].
pub fn fingerprint_in(armored: &str) -> Result<String, SignatureError> {
    let signature = parse_armored(armored)?;
    Ok(signature
        .public_key()
        .fingerprint(HashAlg::Sha256)
        .to_string())
}

fn parse_armored(armored: &str) -> Result<SshSig, SignatureError> {
    if armored.len() > MAX_ARMORED_BYTES {
        return Err(SignatureError::Damaged);
    }
    SshSig::from_pem(armored).map_err(|_| SignatureError::Damaged)
}

fn is_user_present(signature: &[u8]) -> bool {
    signature
        .len()
        .checked_sub(SK_TRAILER_BYTES)
        .is_some_and(|flags| signature[flags] & USER_PRESENT != 0)
}

fn check_ed25519(public: &[u8; 32]) -> Result<(), PublicKeyError> {
    let key =
        ed25519_dalek::VerifyingKey::from_bytes(public).map_err(|_| PublicKeyError::Damaged)?;
    if key.is_weak() {
        return Err(PublicKeyError::Weak);
    }
    Ok(())
}

fn rsa_bits(modulus: &[u8]) -> usize {
    let Some(first) = modulus.first() else {
        return 0;
    };
    modulus.len() * 8 - first.leading_zeros() as usize
}

#[cfg(test)]
#[path = "sshsig_tests.rs"]
mod tests;
