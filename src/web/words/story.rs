//! What happened, in tables.

pub(in crate::web) const TIMELINE: &str = "Every mark of the picture, in order";
pub(in crate::web) const BARS: &str = "Calls by risk";
pub(in crate::web) const AT_UTC: &str = "At (UTC)";
pub(in crate::web) const FROM_UTC: &str = "From (UTC)";
pub(in crate::web) const LANE: &str = "Line";
pub(in crate::web) const EVENT: &str = "Event";
pub(in crate::web) const WRITES: &str = "Calls that may have changed something";
pub(in crate::web) const NO_WRITES: &str = "None.";
pub(in crate::web) const DENIED: &str = "Calls that were refused here";
pub(in crate::web) const NO_DENIED: &str = "None.";
pub(in crate::web) const GROUPS: &str = "All calls by route";
pub(in crate::web) const NO_CALLS: &str = "No call was made.";
pub(in crate::web) const CLASS: &str = "Risk";
pub(in crate::web) const CALL: &str = "Call";
pub(in crate::web) const CAME_OF_IT: &str = "What came of it";
pub(in crate::web) const ENTRY: &str = "Entry";
pub(in crate::web) const HOW_OFTEN: &str = "How often";
pub(in crate::web) const REFUSED_HERE: &str = "refused";
pub(in crate::web) const ABORTED: &str = "given up before anything was sent";
pub(in crate::web) const LOST: &str = "unknown: the answer was lost";
pub(in crate::web) const NO_ROUTE: &str = "a path that no route fits";
pub(in crate::web) const RUNNING: &str = "has not ended";

pub(in crate::web) fn each(length: &str) -> String {
    format!("Each line is {length} long; stretches without calls are left out.")
}

pub(in crate::web) fn listed(all: usize, most: usize) -> String {
    if all > most {
        format!("The first {most} of {all}; the export has all.")
    } else {
        format!("All {all}.")
    }
}

pub(in crate::web) fn status(status: i64, ms: i64) -> String {
    format!("{status}, {ms} ms")
}

pub(in crate::web) fn denied(why: &str) -> String {
    format!("refused: {}", why.replace('_', " "))
}
