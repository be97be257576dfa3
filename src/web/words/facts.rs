//! The facts of an incident.

pub(in crate::web) const WHO: &str = "Who asks";
pub(in crate::web) const WHY: &str = "Why";
pub(in crate::web) const TARGET: &str = "For what";
pub(in crate::web) const HOW_LONG: &str = "How long";
pub(in crate::web) const ASKED: &str = "Asked";
pub(in crate::web) const EPOCH: &str = "Shares";
pub(in crate::web) const GATES: &str = "One share more is needed because";
pub(in crate::web) const TICKET: &str = "Ticket";
pub(in crate::web) const SCOPE: &str = "What the session may call, and the terms in the log";
pub(in crate::web) const TERMS_HASH: &str = "Hash of the terms:";
pub(in crate::web) const UNREADABLE: &str =
    "The terms have a form this version does not know. Use the command line of the same version.";

pub(in crate::web) fn minutes(minutes: u32) -> String {
    match minutes {
        0 => "no session".to_owned(),
        _ => format!("{minutes} minutes"),
    }
}

pub(in crate::web) fn epoch(epoch: u32, k: u8, n: u8, needed: u8) -> String {
    format!("{needed} needed; epoch {epoch}, any {k} of {n} open it")
}

pub(in crate::web) fn in_log(seq: u64) -> String {
    format!("Entry {seq} of the log")
}
