//! Time as a value. Nobody in `domain` asks what time it is; the answer is an argument.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// Milliseconds in a second.
pub const SECOND_MS: i64 = 1_000;
/// Milliseconds in a minute.
pub const MINUTE_MS: i64 = 60 * SECOND_MS;
/// Milliseconds in an hour.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Milliseconds in a day.
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// The wall clock may lie this far from another clock when something is opened (PROTOCOL §11).
const CLOCK_LIMIT_MS: i64 = 60 * SECOND_MS;

/// How far two clocks are apart, whole seconds, where that is too far to open anything.
#[must_use]
pub fn clocks_apart_s(ours: Timestamp, theirs: Timestamp) -> Option<i64> {
    let apart_ms = ours.since_ms(theirs).saturating_abs();
    (apart_ms > CLOCK_LIMIT_MS).then_some(apart_ms / SECOND_MS)
}

/// A moment: milliseconds since 1970-01-01 UTC, as the wall clock showed it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The moment `ms` milliseconds later.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this moment; negative when it lies before.
    #[must_use]
    pub fn since_ms(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// RFC 3339 in UTC, to the second, as `--json` prints times.
    #[must_use]
    pub fn rfc3339(self) -> String {
        DateTime::<Utc>::from_timestamp_millis(self.0).map_or_else(
            || self.0.to_string(),
            |t| t.to_rfc3339_opts(SecondsFormat::Secs, true),
        )
    }

    /// `HH:MM UTC`, for sentences about today.
    #[must_use]
    pub fn clock_utc(self) -> String {
        DateTime::<Utc>::from_timestamp_millis(self.0)
            .map_or_else(|| self.0.to_string(), |t| t.format("%H:%M UTC").to_string())
    }

    /// `YYYY-MM-DD HH:MM UTC`, for sentences about other days.
    #[must_use]
    pub fn date_clock_utc(self) -> String {
        DateTime::<Utc>::from_timestamp_millis(self.0).map_or_else(
            || self.0.to_string(),
            |t| t.format("%Y-%m-%d %H:%M UTC").to_string(),
        )
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

/// What time it is, asked once per step by `app` and handed on as an argument.
///
/// The wall clock can be set; the boot clock cannot and also runs while the host sleeps. A
/// deadline counts as passed when either says so (DESIGN §4.8).
pub trait Clock: Send + Sync {
    /// The wall clock.
    fn now(&self) -> Timestamp;

    /// Milliseconds since the host started, suspend included.
    fn boot_ms(&self) -> i64;
}
