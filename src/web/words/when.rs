//! Lengths of time.

use crate::domain::time::{MINUTE_MS, SECOND_MS};

pub(in crate::web) const LEFT: &str = "left";
pub(in crate::web) const OVER: &str = "time is up";

pub(in crate::web) fn left(ms: i64) -> String {
    if ms <= 0 {
        return OVER.to_owned();
    }
    if ms < MINUTE_MS {
        return format!("{} s left", ms / SECOND_MS);
    }
    match ms / MINUTE_MS {
        minutes @ 0..=119 => format!("{minutes} min left"),
        minutes @ 120..=2879 => format!("{} hours left", minutes / 60),
        minutes => format!("{} days left", minutes / 1_440),
    }
}

pub(in crate::web) fn ago(minutes: i64) -> String {
    match minutes {
        0 => "just now".to_owned(),
        1..=119 => format!("{minutes} min ago"),
        120..=2879 => format!("{} hours ago", minutes / 60),
        _ => format!("{} days ago", minutes / 1_440),
    }
}
