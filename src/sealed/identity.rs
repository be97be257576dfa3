//! The vault's age identity: 32 secret bytes, and the recipient everybody may know.
//!
//! The same type is the epoch's identity and an incident's one-time identity. The `age` crate's
//! own value exists only for the length of one call. Knows nothing of shares.

use std::fmt;

use bech32::{Bech32, Hrp};
use secrecy::ExposeSecret as _;

use super::age_file::{self, OpenError};
use super::locked::LockedBytes;
use super::scrub::on_scrubbed_stack;
use super::secret::{Secret32, SecretError};

/// Human-readable part of an age X25519 secret (age specification, "X25519 identity").
const SECRET_PREFIX: &str = "age-secret-key-";
/// Length of `AGE-SECRET-KEY-1…` in characters: prefix 15, `1`, data 52, checksum 6.
const SECRET_TEXT_BYTES: usize = 74;

/// An age X25519 identity in locked memory, wiped on drop.
pub struct Identity {
    secret: Secret32,
    recipient: String,
}

impl Identity {
    /// A fresh identity; its secret is drawn straight into locked memory.
    ///
    /// # Errors
    /// [`SecretError`] when memory or randomness is missing.
    pub fn generate() -> Result<Self, SecretError> {
        Self::from_secret(Secret32::random()?)
    }

    /// The identity whose secret this is.
    ///
    /// # Errors
    /// [`SecretError::Memory`].
    pub fn from_secret(secret: Secret32) -> Result<Self, SecretError> {
        let recipient = with_age_identity(&secret, |identity| identity.to_public().to_string())?;
        Ok(Self { secret, recipient })
    }

    /// The `age1…` text anybody may seal to.
    #[must_use]
    pub fn recipient(&self) -> &str {
        &self.recipient
    }

    /// The raw secret, for dealing.
    pub(super) fn secret(&self) -> &Secret32 {
        &self.secret
    }

    /// What opens files sealed to this identity, for the calls that try one opener after another.
    /// The age crate's value stays on the heap, which the allocator wipes.
    ///
    /// # Errors
    /// [`MemoryError`](super::locked::MemoryError).
    pub(super) fn opener(&self) -> Result<super::unlocker::Opener, super::locked::MemoryError> {
        let text = secret_text(&self.secret)?;
        Ok(on_scrubbed_stack(|| {
            super::unlocker::Opener::from_age(parsed(&text))
        }))
    }

    /// Opens an age file addressed to this identity, into locked memory.
    ///
    /// # Errors
    /// [`OpenError`].
    pub(super) fn open(&self, file: &[u8], limit_bytes: usize) -> Result<LockedBytes, OpenError> {
        with_age_identity(&self.secret, |identity| {
            age_file::open(identity, file, limit_bytes)
        })?
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({}, secret hidden)", self.recipient)
    }
}

/// Lends the `age` crate's identity to `work`. The crate has no raw constructor, so the secret goes
/// through its Bech32 text, which is written in locked memory; what the parser leaves on the stack
/// is scrubbed.
fn with_age_identity<T>(
    secret: &Secret32,
    work: impl FnOnce(&age::x25519::Identity) -> T,
) -> Result<T, super::locked::MemoryError> {
    let text = secret_text(secret)?;
    Ok(on_scrubbed_stack(|| work(&parsed(&text))))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the age crate takes its secret as text only"
)]
fn parsed(text: &LockedBytes) -> Box<age::x25519::Identity> {
    let text = std::str::from_utf8(text.expose_secret()).expect("bech32 is ascii");
    Box::new(text.parse().expect("encoded from 32 bytes just now"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the secret is encoded from locked memory into locked memory"
)]
fn secret_text(secret: &Secret32) -> Result<LockedBytes, super::locked::MemoryError> {
    let prefix = Hrp::parse_unchecked(SECRET_PREFIX);
    LockedBytes::filled(SECRET_TEXT_BYTES, |room| {
        on_scrubbed_stack(|| {
            let mut writer = FixedWriter { room, used: 0 };
            bech32::encode_upper_to_fmt::<Bech32, _>(&mut writer, prefix, secret.expose_secret())
                .expect("32 bytes fit the room");
        });
        Ok(())
    })
}

/// A text writer over room of fixed size: what it writes is nowhere else.
struct FixedWriter<'a> {
    room: &'a mut [u8],
    used: usize,
}

impl fmt::Write for FixedWriter<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.used + text.len();
        let room = self.room.get_mut(self.used..end).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.used = end;
        Ok(())
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests look at keys of their own making"
)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_text_is_the_one_age_writes() {
        let age_made = age::x25519::Identity::generate();
        let text = age_made.to_string();
        let checked =
            bech32::primitives::decode::CheckedHrpstring::new::<Bech32>(text.expose_secret())
                .unwrap();
        let raw: Vec<u8> = checked.byte_iter().collect();
        let secret = Secret32::copied_from(&raw).unwrap();
        assert_eq!(
            secret_text(&secret).unwrap().expose_secret(),
            text.expose_secret().as_bytes()
        );
        let ours = Identity::from_secret(secret).unwrap();
        assert_eq!(ours.recipient(), age_made.to_public().to_string());
    }

    #[test]
    fn a_file_sealed_to_the_recipient_opens_and_a_foreign_one_does_not() {
        let ours = Identity::generate().unwrap();
        let foreign = Identity::generate().unwrap();
        let recipient: age::x25519::Recipient = ours.recipient().parse().unwrap();
        let file = age_file::seal(&[&recipient], b"hello").unwrap();
        assert_eq!(ours.open(&file, 5).unwrap().expose_secret(), b"hello");
        assert_eq!(
            ours.open(&file, 4).unwrap_err(),
            OpenError::TooLarge { limit_bytes: 4 }
        );
        assert_eq!(
            foreign.open(&file, 5).unwrap_err(),
            OpenError::NotForThisKey
        );
        let mut changed = file.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(ours.open(&changed, 5).unwrap_err(), OpenError::Damaged);
        assert_eq!(
            ours.open(&file[..file.len() - 1], 5).unwrap_err(),
            OpenError::Damaged
        );
    }
}
