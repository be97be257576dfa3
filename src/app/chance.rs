//! Random values for ids, nonces and tokens, from the operating system and nowhere else.

use std::cell::RefCell;

use super::error::AppError;
use crate::domain::ids::SessionId;

/// Letters of a session token: 62, so that 43 of them carry 256 bits.
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Letters of ids people may read aloud.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// Length of a token behind its prefix.
const TOKEN_CHARS: usize = 43;

/// Length of a short id.
const ID_CHARS: usize = 16;
/// Random bytes asked for at once, for short ids only: every call gets one, and the system is asked
/// for 64 of them at a time.
const POOL_BYTES: usize = 64 * ID_CHARS;

struct Pool {
    bytes: [u8; POOL_BYTES],
    used: usize,
}

thread_local! {
    static POOL: RefCell<Pool> = const {
        RefCell::new(Pool { bytes: [0; POOL_BYTES], used: POOL_BYTES })
    };
}

/// Random bytes.
///
/// # Errors
/// When the operating system has none; nothing goes on then.
pub fn bytes<const N: usize>() -> Result<[u8; N], AppError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|_| AppError::Inconsistent("the system gives no randomness".to_owned()))?;
    Ok(bytes)
}

/// 32 random bytes in hexadecimal.
///
/// # Errors
/// As [`bytes`].
pub fn hex32() -> Result<String, AppError> {
    Ok(hex::encode(bytes::<32>()?))
}

/// A token: prefix and 43 base-62 characters, 256 bits.
///
/// # Errors
/// As [`bytes`].
pub fn token(prefix: &str) -> Result<String, AppError> {
    let mut text = String::with_capacity(prefix.len() + TOKEN_CHARS);
    text.push_str(prefix);
    while text.len() < prefix.len() + TOKEN_CHARS {
        for byte in bytes::<64>()? {
            // 248 = 4 × 62: larger bytes would make the first letters likelier.
            if byte < 248 && text.len() < prefix.len() + TOKEN_CHARS {
                text.push(char::from(BASE62[usize::from(byte % 62)]));
            }
        }
    }
    Ok(text)
}

/// A short random id of lower-case letters and digits.
///
/// # Errors
/// As [`bytes`].
pub fn short_id() -> Result<String, AppError> {
    let mut id = String::with_capacity(ID_CHARS);
    POOL.with_borrow_mut(|pool| {
        if pool.used + ID_CHARS > POOL_BYTES {
            *pool = Pool {
                bytes: bytes()?,
                used: 0,
            };
        }
        for byte in &mut pool.bytes[pool.used..pool.used + ID_CHARS] {
            id.push(char::from(BASE32[usize::from(*byte % 32)]));
            *byte = 0;
        }
        pool.used += ID_CHARS;
        Ok(id)
    })
}

/// A new session's id.
///
/// # Errors
/// As [`bytes`].
pub fn session_id() -> Result<SessionId, AppError> {
    format!("ses-{}", short_id()?)
        .parse()
        .map_err(|_| AppError::Inconsistent("drawn session id".to_owned()))
}

/// A random number from `low` to `high`, both included.
///
/// # Errors
/// As [`bytes`].
pub fn between(low: u64, high: u64) -> Result<u64, AppError> {
    let span = high.saturating_sub(low).saturating_add(1);
    Ok(low + u64::from_be_bytes(bytes::<8>()?) % span)
}
