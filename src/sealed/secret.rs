//! The secret types: what may be held, compared and wiped, but not printed or serialised.
//!
//! None of them implements `Serialize` or `Clone`; `Debug` is by hand. Looking inside is
//! `expose_secret`, which clippy bans outside the few functions that must. Knows no file format.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::locked::{LockedBytes, MemoryError};

/// Bytes of an identity's secret and of one share's y.
pub const SECRET_BYTES: usize = 32;

/// Why a secret could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Locked memory was not to be had.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The operating system gave no randomness.
    #[error("the system gave no random bytes: code {0}: nothing was made, try again")]
    Random(i32),
    /// A secret of the wrong length.
    #[error("a secret has {found} bytes where {wanted} are needed")]
    Length {
        /// Bytes needed.
        wanted: usize,
        /// Bytes found.
        found: usize,
    },
}

/// 32 secret bytes in locked memory: one share's y-bytes, or the raw secret of an age identity.
pub struct Secret32(LockedBytes);

impl Secret32 {
    /// Fresh random bytes, drawn straight into locked memory.
    ///
    /// # Errors
    /// [`SecretError::Memory`] or [`SecretError::Random`].
    pub fn random() -> Result<Self, SecretError> {
        Self::filled(|bytes| {
            getrandom::fill(bytes)
                .map_err(|e| SecretError::Random(e.raw_os_error().unwrap_or_default()))
        })
    }

    /// Copies bytes into locked memory; wiping the source is the caller's business.
    ///
    /// # Errors
    /// [`SecretError::Length`] unless there are exactly 32, or [`SecretError::Memory`].
    pub fn copied_from(source: &[u8]) -> Result<Self, SecretError> {
        if source.len() != SECRET_BYTES {
            return Err(SecretError::Length {
                wanted: SECRET_BYTES,
                found: source.len(),
            });
        }
        Self::filled(|bytes| {
            bytes.copy_from_slice(source);
            Ok(())
        })
    }

    /// Lets `fill` write the bytes in place.
    ///
    /// # Errors
    /// [`SecretError::Memory`], or what `fill` says.
    pub fn filled<E: From<MemoryError>>(
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Self, E> {
        Ok(Self(LockedBytes::filled(SECRET_BYTES, fill)?))
    }
}

impl ExposeSecret<[u8]> for Secret32 {
    #[expect(
        clippy::disallowed_methods,
        reason = "passes the fence on to its own caller"
    )]
    fn expose_secret(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

impl ConstantTimeEq for Secret32 {
    #[expect(
        clippy::disallowed_methods,
        reason = "constant-time comparison needs the bytes"
    )]
    fn ct_eq(&self, other: &Self) -> subtle::Choice {
        self.expose_secret().ct_eq(other.expose_secret())
    }
}

impl fmt::Debug for Secret32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret32(hidden)")
    }
}

/// A secret text in locked memory: the OAuth client secret while the vault is unsealed.
pub struct SecretText(LockedBytes);

impl SecretText {
    /// Copies text into locked memory; wiping the source is the caller's business.
    ///
    /// # Errors
    /// [`MemoryError`] when the memory cannot be had.
    pub fn copied_from(source: &str) -> Result<Self, MemoryError> {
        LockedBytes::filled(source.len(), |bytes| {
            bytes.copy_from_slice(source.as_bytes());
            Ok(())
        })
        .map(Self)
    }
}

impl SecretText {
    /// Copies the text and a line's end to a writer that the caller answers for: a private file in
    /// a recovery, where there is no vault to keep it in.
    ///
    /// # Errors
    /// What the writer says.
    #[expect(
        clippy::disallowed_methods,
        reason = "a recovery hands the secret to people; nothing else calls this"
    )]
    pub fn write_line(&self, writer: &mut dyn std::io::Write) -> std::io::Result<()> {
        writer.write_all(self.0.expose_secret())?;
        writer.write_all(b"\n")
    }
}

impl ExposeSecret<str> for SecretText {
    #[expect(
        clippy::disallowed_methods,
        reason = "passes the fence on to its own caller"
    )]
    fn expose_secret(&self) -> &str {
        std::str::from_utf8(self.0.expose_secret()).expect("written from a str, never changed")
    }
}

impl ConstantTimeEq for SecretText {
    #[expect(
        clippy::disallowed_methods,
        reason = "constant-time comparison needs the bytes"
    )]
    fn ct_eq(&self, other: &Self) -> subtle::Choice {
        self.0.expose_secret().ct_eq(other.0.expose_secret())
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(hidden)")
    }
}

/// The guarded Databricks OAuth pair. The client id is public, the secret is not.
pub struct Credential {
    /// The service principal's application id, as Databricks' token endpoint takes it.
    pub client_id: String,
    /// The OAuth secret.
    pub client_secret: SecretText,
    /// Databricks' id of the secret; public.
    pub secret_id: String,
    /// When Databricks ends the secret, in unix milliseconds.
    pub expires_at_ms: i64,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("client_id", &self.client_id)
            .field("client_secret", &"hidden")
            .field("secret_id", &self.secret_id)
            .field("expires_at_ms", &self.expires_at_ms)
            .finish()
    }
}

/// A bearer string: a session token or an access token of Databricks.
pub struct BearerToken(SecretString);

impl BearerToken {
    /// Takes the text over.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(SecretString::from(text))
    }
}

impl ExposeSecret<str> for BearerToken {
    #[expect(
        clippy::disallowed_methods,
        reason = "passes the fence on to its own caller"
    )]
    fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }
}

impl ConstantTimeEq for BearerToken {
    #[expect(
        clippy::disallowed_methods,
        reason = "constant-time comparison needs the bytes"
    )]
    fn ct_eq(&self, other: &Self) -> subtle::Choice {
        let (ours, theirs) = (self.expose_secret(), other.expose_secret());
        ours.as_bytes().ct_eq(theirs.as_bytes())
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_every_secret_type_hides_it() {
        let canary = "dosecanarycanarycanary0123456789";
        let credential = Credential {
            client_id: "app-1".into(),
            client_secret: SecretText::copied_from(canary).unwrap(),
            secret_id: "s-1".into(),
            expires_at_ms: 7,
        };
        let shown = format!(
            "{credential:?} {:?} {:?} {:?}",
            SecretText::copied_from(canary).unwrap(),
            BearerToken::new(canary.to_owned()),
            Secret32::copied_from(canary.as_bytes()).unwrap()
        );
        assert!(!shown.contains("canary"), "{shown}");
    }

    #[test]
    fn equality_is_of_content() {
        let a = Secret32::copied_from(&[7; 32]).unwrap();
        let b = Secret32::copied_from(&[7; 32]).unwrap();
        let c = Secret32::random().unwrap();
        assert!(bool::from(a.ct_eq(&b)));
        assert!(!bool::from(a.ct_eq(&c)));
        assert!(matches!(
            Secret32::copied_from(&[1; 31]),
            Err(SecretError::Length {
                wanted: 32,
                found: 31
            })
        ));
    }
}
