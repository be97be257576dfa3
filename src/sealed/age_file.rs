//! age files: sealing bytes to recipients and opening them into locked memory.
//!
//! The only place that drives the `age` crate's streams. Knows nothing of shares or credentials.
//! Plaintext is read into a buffer of fixed size, because `age::decrypt` grows a vector and
//! leaves copies behind.

use std::io::{Read as _, Write as _};

use age::{DecryptError, Decryptor, Encryptor};

use super::locked::{LockedBytes, MemoryError};
use super::scrub::on_scrubbed_stack;

/// The longest age file that is looked at, in bytes: a share with 15 RSA unlockers fits thrice.
pub const MAX_FILE_BYTES: usize = 64 * 1024;

/// Why an age file did not open. Never carries plaintext or keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The bytes are no age file, or one that was changed.
    #[error("not an intact age file: the bytes were cut, changed or are something else")]
    Damaged,
    /// Intact, but none of the keys at hand opens it.
    #[error("the age file is not addressed to this key")]
    NotForThisKey,
    /// Larger than anything this vault makes.
    #[error("the age file or its content is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The limit that was passed, in bytes.
        limit_bytes: usize,
    },
    /// Locked memory was not to be had.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

/// Why sealing failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// No recipient was given.
    #[error("no recipient to seal to")]
    NoRecipient,
    /// The recipients cannot share one file.
    #[error("these recipients cannot be in one age file")]
    Recipients,
}

/// Encrypts `plaintext` to every recipient.
///
/// # Errors
/// [`SealError`] when there is no recipient or they do not go together.
pub(super) fn seal(
    recipients: &[&dyn age::Recipient],
    plaintext: &[u8],
) -> Result<Vec<u8>, SealError> {
    if recipients.is_empty() {
        return Err(SealError::NoRecipient);
    }
    on_scrubbed_stack(|| {
        let encryptor = Encryptor::with_recipients(recipients.iter().copied())
            .map_err(|_| SealError::Recipients)?;
        let mut file = Vec::new();
        let mut writer = encryptor
            .wrap_output(&mut file)
            .expect("a vector takes every byte");
        writer
            .write_all(plaintext)
            .expect("a vector takes every byte");
        writer.finish().expect("a vector takes every byte");
        Ok(file)
    })
}

/// Opens `file` with `identity` into locked memory of at most `limit_bytes`.
///
/// # Errors
/// [`OpenError`]; a wrong key and a damaged file are told apart.
pub(super) fn open(
    identity: &dyn age::Identity,
    file: &[u8],
    limit_bytes: usize,
) -> Result<LockedBytes, OpenError> {
    if file.len() > MAX_FILE_BYTES {
        return Err(OpenError::TooLarge {
            limit_bytes: MAX_FILE_BYTES,
        });
    }
    on_scrubbed_stack(|| {
        let decryptor = Decryptor::new_buffered(file).map_err(|_| OpenError::Damaged)?;
        let mut reader = decryptor
            .decrypt(std::iter::once(identity))
            .map_err(|e| match e {
                DecryptError::NoMatchingKeys => OpenError::NotForThisKey,
                _ => OpenError::Damaged,
            })?;
        // One byte more than allowed, so that "exactly full" and "too long" differ.
        let mut read_bytes = 0;
        let mut plaintext = LockedBytes::filled(limit_bytes + 1, |room| {
            while read_bytes < room.len() {
                match reader.read(&mut room[read_bytes..]) {
                    Ok(0) => break,
                    Ok(n) => read_bytes += n,
                    Err(_) => return Err(OpenError::Damaged),
                }
            }
            Ok(())
        })?;
        if read_bytes > limit_bytes {
            return Err(OpenError::TooLarge { limit_bytes });
        }
        plaintext.truncate(read_bytes);
        Ok(plaintext)
    })
}
