//! A person's private key, unlocked once: it logs in, signs acts and opens her share.
//!
//! PROTOCOL §2: one command asks for a passphrase at most once. Keys that this program cannot sign
//! with (RSA, agents, security keys) are signed by `ssh-keygen -Y sign`, which is the CLI's business.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{HashAlg, LineEnding, PrivateKey};
use zeroize::Zeroizing;

use super::scrub::on_scrubbed_stack;
use super::secret::{Secret32, SecretError};
use super::sshsig::{PublicKeyError, SshPublicKey};
use super::unlocker::Opener;

/// Why a key was not loaded or did not sign. Never carries file content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not an OpenSSH private key.
    #[error("not an openssh private key: older formats are converted by ssh-keygen -p -f FILE")]
    Damaged,
    /// Encrypted, and no passphrase was given.
    #[error("the key is encrypted and no passphrase was given")]
    PassphraseNeeded,
    /// The passphrase does not open the key.
    #[error("the passphrase does not open this key")]
    WrongPassphrase,
    /// The public half is not allowed.
    #[error(transparent)]
    Public(#[from] PublicKeyError),
    /// The key is fine but signing with it needs another program.
    #[error("this program cannot sign with a {kind} key itself: ssh-keygen -Y sign can")]
    CannotSign {
        /// The key's type.
        kind: String,
    },
    /// Memory or randomness was missing.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// An unlocked OpenSSH private key.
pub struct LoadedKey {
    private: Box<PrivateKey>,
    public: SshPublicKey,
    opener: Option<Opener>,
}

/// What a private key file says without its passphrase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    /// The public half.
    pub public: SshPublicKey,
    /// Whether it needs a passphrase.
    pub is_encrypted: bool,
}

impl KeyFile {
    /// Reads the public half of an OpenSSH private key file.
    ///
    /// # Errors
    /// [`KeyError::Damaged`] and [`KeyError::Public`].
    pub fn read(file: &[u8]) -> Result<Self, KeyError> {
        let private = PrivateKey::from_openssh(file).map_err(|_| KeyError::Damaged)?;
        Ok(Self {
            public: SshPublicKey::from_key(private.public_key())?,
            is_encrypted: private.is_encrypted(),
        })
    }

    /// True when [`LoadedKey::sign`] can sign with this type of key.
    #[must_use]
    pub fn can_sign(&self) -> bool {
        matches!(self.public.kind(), "ssh-ed25519" | "ecdsa-sha2-nistp256")
    }
}

impl LoadedKey {
    /// Loads a private key file; `ask` is called once, and only when the key is encrypted.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_openssh(
        file: &[u8],
        ask: impl FnOnce() -> Option<SecretString>,
    ) -> Result<Self, KeyError> {
        let private = PrivateKey::from_openssh(file).map_err(|_| KeyError::Damaged)?;
        let identity = age::ssh::Identity::from_buffer(file, None).ok();
        if !private.is_encrypted() {
            return Self::assembled(private, identity);
        }
        let passphrase = ask().ok_or(KeyError::PassphraseNeeded)?;
        on_scrubbed_stack(|| {
            let private = decrypted(&private, &passphrase)?;
            let identity = match identity {
                Some(age::ssh::Identity::Encrypted(key)) => {
                    key.decrypt(passphrase).ok().map(age::ssh::Identity::from)
                }
                other => other,
            };
            Self::assembled(private, identity)
        })
    }

    /// A fresh Ed25519 key, such as a claim key.
    ///
    /// # Errors
    /// [`KeyError::Secret`].
    pub fn generate_ed25519(comment: &str) -> Result<Self, KeyError> {
        let seed = Secret32::random()?;
        on_scrubbed_stack(|| {
            let pair = ed25519_pair(&seed);
            let private = PrivateKey::new(KeypairData::Ed25519(pair), comment)
                .map_err(|_| KeyError::Damaged)?;
            // Through its own text, so that it opens age files like any key from a file.
            let text = private
                .to_openssh(LineEnding::LF)
                .map_err(|_| KeyError::Damaged)?;
            Self::from_openssh(text.as_bytes(), || None)
        })
    }

    fn assembled(
        private: PrivateKey,
        identity: Option<age::ssh::Identity>,
    ) -> Result<Self, KeyError> {
        let public = SshPublicKey::from_key(private.public_key())?;
        let opener = identity
            .filter(|identity| matches!(identity, age::ssh::Identity::Unencrypted(_)))
            .map(Opener::from_ssh);
        Ok(Self {
            private: Box::new(private),
            public,
            opener,
        })
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &SshPublicKey {
        &self.public
    }

    /// What opens shares sealed to this key; none for key types age cannot encrypt to.
    #[must_use]
    pub fn opener(&self) -> Option<&Opener> {
        self.opener.as_ref()
    }

    /// True when [`LoadedKey::sign`] can sign with this type of key.
    #[must_use]
    pub fn can_sign(&self) -> bool {
        matches!(
            self.private.key_data(),
            KeypairData::Ed25519(_) | KeypairData::Ecdsa(_)
        )
    }

    /// An armored SSHSIG over `document`, as `ssh-keygen -Y sign -n NAMESPACE` makes it.
    ///
    /// # Errors
    /// [`KeyError::CannotSign`] for RSA and security keys.
    pub fn sign(&self, namespace: &str, document: &[u8]) -> Result<String, KeyError> {
        let refused = || KeyError::CannotSign {
            kind: self.public.kind().to_owned(),
        };
        if !self.can_sign() {
            return Err(refused());
        }
        on_scrubbed_stack(|| {
            self.private
                .sign(namespace, HashAlg::Sha512, document)
                .and_then(|signature| signature.to_pem(LineEnding::LF))
                .map_err(|_| refused())
        })
    }

    /// The unencrypted private key file, for the claim key's place in the runtime directory.
    ///
    /// # Errors
    /// [`KeyError::Damaged`] when the key cannot be written, which no loaded key shows.
    pub fn to_openssh(&self) -> Result<Zeroizing<String>, KeyError> {
        self.private
            .to_openssh(LineEnding::LF)
            .map_err(|_| KeyError::Damaged)
    }
}

impl fmt::Debug for LoadedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoadedKey({}, hidden)", self.public.text())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the key is decrypted with its passphrase"
)]
fn decrypted(private: &PrivateKey, passphrase: &SecretString) -> Result<PrivateKey, KeyError> {
    private
        .decrypt(passphrase.expose_secret())
        .map_err(|_| KeyError::WrongPassphrase)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a key pair is made from its seed"
)]
fn ed25519_pair(seed: &Secret32) -> Ed25519Keypair {
    let seed = seed
        .expose_secret()
        .try_into()
        .expect("a secret has 32 bytes");
    Ed25519Keypair::from_seed(seed)
}
