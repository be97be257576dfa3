//! A paper: an age identity that exists on a sheet only (PROTOCOL §2), an unlocker like another.
//!
//! Made here, written once to where its keeper wants it, read back here. Knows nothing of QR
//! squares, files and terminals.

use secrecy::ExposeSecret;

use super::identity::Identity;
use super::locked::{LockedBytes, MemoryError};
use super::secret::{Secret32, SecretError};
use super::share_text::{self, PaperText, TextError, vault_mark};
use super::unlocker::Opener;

/// A paper in locked memory, wiped on drop.
pub struct Paper {
    identity: Identity,
    /// Places that its reader could not read and that follow from the checksum.
    pub filled: Vec<usize>,
}

/// Why a text is not taken as a paper of this vault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PaperError {
    /// The text itself.
    #[error(transparent)]
    Text(#[from] TextError),
    /// Another vault's.
    #[error(
        "this paper was made for another vault than {vault}: nothing was sent: take the right one"
    )]
    OtherVault {
        /// The vault asked.
        vault: String,
    },
    /// Memory or randomness was missing.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// The text of a paper in locked memory: lower case, without spaces.
pub struct SheetText(LockedBytes);

impl ExposeSecret<str> for SheetText {
    #[expect(
        clippy::disallowed_methods,
        reason = "passes the fence on to its own caller"
    )]
    fn expose_secret(&self) -> &str {
        std::str::from_utf8(self.0.expose_secret()).expect("written in Bech32's alphabet")
    }
}

impl std::fmt::Debug for SheetText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SheetText(hidden)")
    }
}

impl Paper {
    /// A fresh one.
    ///
    /// # Errors
    /// [`SecretError`] when memory or randomness is missing.
    pub fn generate() -> Result<Self, SecretError> {
        Ok(Self {
            identity: Identity::generate()?,
            filled: Vec::new(),
        })
    }

    /// Reads what was typed, for this vault.
    ///
    /// # Errors
    /// [`PaperError`] with the places that look wrong.
    pub fn read(typed: &str, vault: &str) -> Result<Self, PaperError> {
        let PaperText {
            vault: mark,
            secret,
            filled,
        } = share_text::read(typed)?;
        if mark != vault_mark(vault) {
            return Err(PaperError::OtherVault {
                vault: vault.to_owned(),
            });
        }
        Ok(Self {
            identity: Identity::from_secret(secret)?,
            filled,
        })
    }

    /// What its vault seals to: the `age1…` text of the roster.
    #[must_use]
    pub fn recipient(&self) -> &str {
        self.identity.recipient()
    }

    /// The text for the sheet.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub fn text(&self, vault: &str) -> Result<SheetText, MemoryError> {
        share_text::write(vault, self.secret()).map(SheetText)
    }

    /// What opens a share that was sealed to this paper.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub fn opener(&self) -> Result<Opener, MemoryError> {
        self.identity.opener()
    }

    fn secret(&self) -> &Secret32 {
        self.identity.secret()
    }
}

impl std::fmt::Debug for Paper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Paper({}, secret hidden)", self.recipient())
    }
}
