//! What comes due by the calendar: a vault that is not ready yet, a credential that expires
//! (PROTOCOL §1, §3). Pure; when people were told last is an argument.

use super::time::{DAY_MS, Timestamp};

/// A backup older than this is old: seven days, as the Prometheus rule has it.
pub const BACKUP_OLD_MS: i64 = 7 * DAY_MS;

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

/// Whether a message that is due weekly is due now, `told` being when it was sent last.
#[must_use]
pub fn is_weekly_due(told: Timestamp, now: Timestamp) -> bool {
    now.since_ms(told) >= 7 * DAY_MS
}

/// How often an overdue review was due to be told by now: 0 at its date, 1 a day later, one more
/// each week from then on; `None` before its date.
#[must_use]
pub fn overdue_step(due: Timestamp, now: Timestamp) -> Option<i64> {
    let late_ms = now.since_ms(due);
    match late_ms {
        ..0 => None,
        0..DAY_MS => Some(0),
        _ => Some(1 + (late_ms - DAY_MS) / (7 * DAY_MS)),
    }
}

/// What the newest backup lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupLack {
    /// There never was one.
    Never,
    /// It holds an epoch that is over: what it opens is a dead secret.
    Epoch,
    /// It holds the epoch, but not what happened since.
    Old {
        /// Its age, whole days.
        days: i64,
    },
}

impl BackupLack {
    /// The word entries use.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Epoch => "epoch",
            Self::Old { .. } => "old",
        }
    }
}

/// What the newest backup (when it was made, and the epoch in it) lacks now. Operators have a day
/// after each new epoch before its absence counts.
#[must_use]
pub fn backup_lack(
    newest: Option<(Timestamp, u32)>,
    epoch: u32,
    epoch_at: Timestamp,
    now: Timestamp,
) -> Option<BackupLack> {
    let day_is_over = is_daily_due(epoch_at, now);
    match newest {
        None => day_is_over.then_some(BackupLack::Never),
        Some((_, held)) if held < epoch => day_is_over.then_some(BackupLack::Epoch),
        Some((at, _)) => {
            let age_ms = now.since_ms(at);
            (age_ms >= BACKUP_OLD_MS).then_some(BackupLack::Old {
                days: age_ms / DAY_MS,
            })
        }
    }
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
    fn a_backup_lacks_an_epoch_after_a_day_and_is_old_after_a_week() {
        let dealt = Timestamp(100 * DAY_MS);
        let at = |days: i64| dealt.plus_ms(days * DAY_MS);
        let lack = |newest, days| backup_lack(newest, 3, dealt, at(days));
        assert_eq!(lack(None, 0), None);
        assert_eq!(lack(None, 1), Some(BackupLack::Never));
        assert_eq!(lack(Some((at(-1), 2)), 0), None);
        assert_eq!(lack(Some((at(-1), 2)), 1), Some(BackupLack::Epoch));
        assert_eq!(lack(Some((at(0), 3)), 6), None);
        assert_eq!(lack(Some((at(0), 3)), 7), Some(BackupLack::Old { days: 7 }));
    }

    #[test]
    fn an_overdue_review_is_told_at_once_after_a_day_and_then_weekly() {
        let due = Timestamp(1_000 * DAY_MS);
        let at = |days: i64| overdue_step(due, due.plus_ms(days * DAY_MS));
        assert_eq!(overdue_step(due, due.plus_ms(-1)), None);
        for (days, step) in [(0, 0), (1, 1), (7, 1), (8, 2), (14, 2), (15, 3), (22, 4)] {
            assert_eq!(at(days), Some(step), "{days} days after");
        }
        assert_eq!(overdue_step(due, due.plus_ms(DAY_MS - 1)), Some(0));
    }

    #[test]
    fn a_daily_message_waits_a_whole_day() {
        assert!(!is_daily_due(Timestamp(5), Timestamp(4 + DAY_MS)));
        assert!(is_daily_due(Timestamp(5), Timestamp(5 + DAY_MS)));
    }
}
