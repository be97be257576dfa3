//! A person's login key, whatever its kind: an SSH key or a passkey (PROTOCOL §2).
//!
//! Both sign the same document: SSH keys under a namespace, passkeys by a challenge made of it.

use super::passkey::{self, AssertionError, Origins, Passkey, PasskeyError};
use super::sshsig::{PublicKeyError, SignatureError, SshPublicKey};

/// Why a text is no login key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoginKeyError {
    /// No SSH key.
    #[error(transparent)]
    Ssh(#[from] PublicKeyError),
    /// No passkey.
    #[error(transparent)]
    Passkey(#[from] PasskeyError),
}

/// Why a signature was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoginSignatureError {
    /// An SSH signature that does not hold.
    #[error(transparent)]
    Ssh(#[from] SignatureError),
    /// An assertion that does not hold.
    #[error(transparent)]
    Passkey(#[from] AssertionError),
}

/// A checked public key that may log in and sign acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginKey {
    /// `ssh-ed25519 …` and its relatives.
    Ssh(SshPublicKey),
    /// `passkey …`.
    Passkey(Passkey),
}

/// What a good signature says besides yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signed {
    /// By an SSH key.
    Ssh,
    /// By a passkey, with its counter; 0 means that it counts nothing.
    Passkey {
        /// Credential id, base64url.
        credential_id: String,
        /// The signature counter.
        counter: u32,
    },
}

impl LoginKey {
    /// Reads a key text as rosters and acts carry it.
    ///
    /// # Errors
    /// [`LoginKeyError`].
    pub fn parse(text: &str) -> Result<Self, LoginKeyError> {
        if text.split(' ').next() == Some(passkey::KIND) {
            return Ok(Self::Passkey(Passkey::parse(text)?));
        }
        Ok(Self::Ssh(SshPublicKey::parse(text)?))
    }

    /// Checks a signature over a document: `word` is the act's word, or `login`.
    ///
    /// # Errors
    /// [`LoginSignatureError`].
    pub fn verify(
        &self,
        word: &str,
        document: &[u8],
        signature: &str,
        origins: Origins<'_>,
    ) -> Result<Signed, LoginSignatureError> {
        match self {
            Self::Ssh(key) => {
                key.verify(&format!("breakglass-{word}"), document, signature)?;
                Ok(Signed::Ssh)
            }
            Self::Passkey(key) => Ok(Signed::Passkey {
                counter: key.verify(word, document, signature, origins)?,
                credential_id: key.credential_id().to_owned(),
            }),
        }
    }
}
