//! The simulator's clock (real time plus the `clock_offset_ms` knob) and its random bytes.
//!
//! Must not know: who asks.

use chrono::{DateTime, SecondsFormat};

/// Milliseconds since 1970 by the machine's clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the simulated service has a clock of its own"
)]
pub fn machine_now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |duration| {
        i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
    })
}

/// RFC 3339 in whole seconds, as the secrets API prints times.
pub fn rfc3339(time_ms: i64) -> String {
    DateTime::from_timestamp_millis(time_ms)
        .map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
        .unwrap_or_default()
}

/// The HTTP date form used by `Last-Modified`.
pub fn http_date(time_ms: i64) -> String {
    DateTime::from_timestamp_millis(time_ms)
        .map(|time| time.format("%a, %d %b %Y %H:%M:%S GMT").to_string())
        .unwrap_or_default()
}

/// `count` random bytes in lower-case hexadecimal.
pub fn random_hex(count: usize) -> String {
    let mut bytes = vec![0_u8; count];
    getrandom::fill(&mut bytes).expect("the system always has random bytes");
    hex::encode(bytes)
}

/// A random UUID (version 4 layout).
pub fn random_uuid() -> String {
    let digits = random_hex(16);
    format!(
        "{}-{}-4{}-8{}-{}",
        &digits[0..8],
        &digits[8..12],
        &digits[13..16],
        &digits[17..20],
        &digits[20..32]
    )
}
