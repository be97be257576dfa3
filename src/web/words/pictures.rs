//! Words in and around pictures.

use crate::domain::time::Timestamp;

pub(in crate::web) const UTC: &str = "UTC";
pub(in crate::web) const LANES_LABEL: &str =
    "The incident over time; the table below has the same moments in words";
pub(in crate::web) const LANES: &str = "The incident over time";
pub(in crate::web) const LANES_TABLE: &str = "The same as a table";
pub(in crate::web) const LANE_ASKED: &str = "Asked, reviewed";
pub(in crate::web) const LANE_ALERTS: &str = "Alerts";
pub(in crate::web) const LANE_SHARES: &str = "Shares";
pub(in crate::web) const LANE_SESSION: &str = "Session";
pub(in crate::web) const LANE_CALLS: &str = "Calls";
pub(in crate::web) const LANE_BACK: &str = "Close, rotation";
pub(in crate::web) const LANES_KEY: &str = "? asked · a alert taken, … not yet · ✓ done · × refused or rejected · ≠ other words · – taken back · k combined · t token claimed · d secret deleted · r rotation · ! look here";
pub(in crate::web) const BARS: &str = "Calls by risk over time";
pub(in crate::web) const BARS_LABEL: &str =
    "Calls by risk over time; the table below has the same numbers";
pub(in crate::web) const CIRCLES: &str = "A circle above a column: a few, too low for a letter.";
pub(in crate::web) const GRID_LABEL: &str =
    "Readiness by custodian; the table below has the same in words";
pub(in crate::web) const GRID: &str = "Readiness";
pub(in crate::web) const GRID_KEY: &str = "✓ opened within 100 days · ! longer ago · – never. First column: the share of this epoch; then each unlocker.";

pub(in crate::web) fn says(kind: &str, who: &str, at: Timestamp) -> String {
    let kind = kind.replace(['.', '_'], " ");
    let clock = at.rfc3339();
    let clock = clock.get(11..19).unwrap_or_default();
    if who.is_empty() {
        format!("{clock} {kind}")
    } else {
        format!("{clock} {kind}: {who}")
    }
}

pub(in crate::web) fn bar(group: &str, count: i64, from: Timestamp) -> String {
    let clock = from.rfc3339();
    format!(
        "{} {}: {count}",
        clock.get(11..19).unwrap_or_default(),
        group_name(group)
    )
}

fn group_name(group: &str) -> &'static str {
    match group {
        "read" => "read",
        "egress" => "data read out",
        "change" => "changed",
        "danger" => "code, privilege, destroy, unreviewed",
        _ => "refused here",
    }
}

pub(in crate::web) fn group(group: &str) -> &'static str {
    group_name(group)
}

pub(in crate::web) fn grid_column(column: i64) -> String {
    if column == 0 {
        "share".to_owned()
    } else {
        format!("key {column}")
    }
}
