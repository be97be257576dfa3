//! What comes due by the calendar: a vault that is not ready yet, a credential that expires
//! (PROTOCOL §1, §3). Pure; when people were told last is an argument.

use super::time::{DAY_MS, Timestamp};

/// People hear of the credential's end at these many days before it, and when it has come.
pub const EXPIRY_DAYS: [i64; 6] = [60, 30, 14, 7, 1, 0];

/// The step of [`EXPIRY_DAYS`] that is reached now; `None` while the end is further away.
#[must_use]
pub fn expiry_step(expires_at: Timestamp, now: Timestamp) -> Option<i64> {
    let left_ms = expires_at.since_ms(now);
    EXPIRY_DAYS
        .into_iter()
        .rev()
        .find(|days| left_ms <= days.saturating_mul(DAY_MS))
}

/// Whether a message that is due daily is due now, `since` being when it was sent last or when
/// its cause began.
#[must_use]
pub fn is_daily_due(since: Timestamp, now: Timestamp) -> bool {
    now.since_ms(since) >= DAY_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_before_the_end_is_reached_once() {
        let end = Timestamp(1_000 * DAY_MS);
        let at = |days: i64| expiry_step(end, end.plus_ms(-days * DAY_MS));
        assert_eq!(at(61), None);
        for (days, step) in [
            (60, 60),
            (31, 60),
            (30, 30),
            (14, 14),
            (8, 14),
            (7, 7),
            (2, 7),
            (1, 1),
            (0, 0),
            (-5, 0),
        ] {
            assert_eq!(at(days), Some(step), "{days} days before");
        }
        // A moment before a step is not that step yet.
        assert_eq!(expiry_step(end, end.plus_ms(-60 * DAY_MS - 1)), None);
    }

    #[test]
    fn a_daily_message_waits_a_whole_day() {
        assert!(!is_daily_due(Timestamp(5), Timestamp(4 + DAY_MS)));
        assert!(is_daily_due(Timestamp(5), Timestamp(5 + DAY_MS)));
    }
}
