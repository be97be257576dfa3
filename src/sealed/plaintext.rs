//! The documents inside age files: canonical JSON written into and read from locked memory.
//!
//! `domain::canonical` builds trees of owned strings; a document with a secret in it must not be
//! copied like that, so it is written member by member (RFC 8785: members sorted by name) and
//! read into borrowed text. Errors never carry a value.

use std::io::Write as _;

use secrecy::ExposeSecret as _;
use serde::Deserialize;

use super::locked::{LockedBytes, MemoryError};
use super::secret::{Secret32, SecretError, SecretText};

/// The entry member `v` of every document of this protocol version.
pub const VERSION: &str = "breakglass/1";
/// Most bytes of one plaintext: one memory page, and thrice the longest document.
pub(super) const PLAINTEXT_BYTES: usize = 4095;

/// Why a plaintext was not accepted. The bytes are secret, so there is no more to say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaintextError {
    /// Not the canonical document with exactly the members it must have.
    #[error("the content is not the document that belongs there")]
    Malformed,
    /// A text too long for the fixed room.
    #[error("the document would be longer than {PLAINTEXT_BYTES} bytes")]
    TooLong,
    /// Memory was missing.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

impl From<MemoryError> for PlaintextError {
    fn from(error: MemoryError) -> Self {
        Self::Secret(error.into())
    }
}

/// One member's value.
pub(super) enum Value<'a> {
    /// Public text.
    Text(&'a str),
    /// A number.
    Number(i64),
    /// 32 secret bytes, written in hex.
    Hex(&'a Secret32),
    /// 32 public bytes, written in hex.
    Digest(&'a [u8; 32]),
    /// A secret text.
    Secret(&'a SecretText),
}

/// Writes an object whose members are given in sorted order.
pub(super) fn write(members: &[(&str, Value<'_>)]) -> Result<LockedBytes, PlaintextError> {
    debug_assert!(members.is_sorted_by_key(|member| member.0));
    let mut used = 0;
    let mut room = LockedBytes::filled(PLAINTEXT_BYTES, |room| {
        used = write_into(room, members).map_err(|_| PlaintextError::TooLong)?;
        Ok::<(), PlaintextError>(())
    })?;
    room.truncate(used);
    Ok(room)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the secret member goes from locked memory into locked memory"
)]
fn write_into(room: &mut [u8], members: &[(&str, Value<'_>)]) -> std::io::Result<usize> {
    let whole = room.len();
    let mut rest = room;
    rest.write_all(b"{")?;
    for (place, (name, value)) in members.iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        write!(rest, "{comma}\"{name}\":")?;
        match value {
            Value::Text(text) => serde_json::to_writer(&mut rest, text)?,
            Value::Number(number) => write!(rest, "{number}")?,
            Value::Hex(bytes) => write_hex(&mut rest, bytes.expose_secret())?,
            Value::Digest(bytes) => write_hex(&mut rest, &bytes[..])?,
            Value::Secret(text) => serde_json::to_writer(&mut rest, text.expose_secret())?,
        }
    }
    rest.write_all(b"}")?;
    Ok(whole - rest.len())
}

fn write_hex(rest: &mut &mut [u8], bytes: &[u8]) -> std::io::Result<()> {
    rest.write_all(b"\"")?;
    for byte in bytes {
        write!(rest, "{byte:02x}")?;
    }
    rest.write_all(b"\"")
}

/// Reads a document by borrowing from the locked bytes. Unknown and double members are refused
/// by the type; another spelling is refused by [`same`], which the caller applies.
#[expect(clippy::disallowed_methods, reason = "parsing needs the bytes")]
pub(super) fn read<'a, T: Deserialize<'a>>(bytes: &'a LockedBytes) -> Result<T, PlaintextError> {
    serde_json::from_slice(bytes.expose_secret()).map_err(|_| PlaintextError::Malformed)
}

/// Refuses a document that is not spelled as we would spell it.
#[expect(clippy::disallowed_methods, reason = "comparing needs the bytes")]
pub(super) fn same(found: &LockedBytes, ours: &LockedBytes) -> Result<(), PlaintextError> {
    use subtle::ConstantTimeEq as _;
    if bool::from(found.expose_secret().ct_eq(ours.expose_secret())) {
        Ok(())
    } else {
        Err(PlaintextError::Malformed)
    }
}

/// 32 secret bytes from their hex text, straight into locked memory.
pub(super) fn secret_from_hex(text: &str) -> Result<Secret32, PlaintextError> {
    Secret32::filled(|room| hex::decode_to_slice(text, room).map_err(|_| PlaintextError::Malformed))
}

/// 32 public bytes from their hex text.
pub(super) fn digest_from_hex(text: &str) -> Result<[u8; 32], PlaintextError> {
    let mut digest = [0; 32];
    hex::decode_to_slice(text, &mut digest).map_err(|_| PlaintextError::Malformed)?;
    Ok(digest)
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests look at bytes of their own making"
)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_those_of_the_domain_s_canonical_form() {
        let y = Secret32::copied_from(&[0xab; 32]).unwrap();
        let secret = SecretText::copied_from("a\"\\\u{1}é").unwrap();
        let written = write(&[
            ("epoch", Value::Number(7)),
            ("s", Value::Secret(&secret)),
            ("vault", Value::Text("vault-1")),
            ("y", Value::Hex(&y)),
        ])
        .unwrap();
        let value = serde_json::json!({
            "epoch": 7, "s": "a\"\\\u{1}é", "vault": "vault-1", "y": "ab".repeat(32)
        });
        assert_eq!(
            written.expose_secret(),
            crate::domain::canonical::value_to_bytes(&value).unwrap()
        );
    }

    #[test]
    fn a_text_that_does_not_fit_is_an_error_and_not_a_panic() {
        let long = "x".repeat(PLAINTEXT_BYTES);
        assert_eq!(
            write(&[("a", Value::Text(&long))]).unwrap_err(),
            PlaintextError::TooLong
        );
    }
}
