//! The facts of an incident.

pub(in crate::web) const WHO: &str = "Who asks";
pub(in crate::web) const WHY: &str = "Why";
pub(in crate::web) const TARGET: &str = "For what";
pub(in crate::web) const HOW_LONG: &str = "How long";
pub(in crate::web) const ASKED: &str = "Asked";
pub(in crate::web) const EPOCH: &str = "Shares";
pub(in crate::web) const GATES: &str = "One share more is needed because";
pub(in crate::web) const ADMIN: &str = "May be made an admin";
pub(in crate::web) const SECRET: &str = "Session secret";
pub(in crate::web) const NOT_BEFORE: &str = "Opens not before";
pub(in crate::web) const DISPLACES: &str = "Displaces";
pub(in crate::web) const CONTINUES: &str = "Continues";
pub(in crate::web) const ANSWERS: &str = "Answers";
pub(in crate::web) const TICKET: &str = "Ticket";
pub(in crate::web) const SCOPE: &str = "What the session may call, and the terms in the log";
pub(in crate::web) const TERMS_HASH: &str = "Hash of the terms:";
pub(in crate::web) const UNREADABLE: &str =
    "The terms have a form this version does not know. Use the command line of the same version.";

/// Of the person with this id of the roster.
pub(in crate::web) fn grant(person: &str, keep: bool) -> String {
    if keep {
        format!("{person}, who KEEPS it after the close")
    } else {
        format!("{person}, until the close")
    }
}

pub(in crate::web) fn displaces(other: &str) -> String {
    format!("{other}, whose session ends")
}

pub(in crate::web) fn continues(other: &str) -> String {
    format!("{other}, which broke")
}

pub(in crate::web) fn answer(id: &str, yes: bool) -> String {
    format!(
        "{}: {}",
        id.replace('_', " "),
        if yes { "yes" } else { "no" }
    )
}

pub(in crate::web) fn code() -> String {
    format!("It {}.", crate::domain::scope::CODE)
}

pub(in crate::web) fn minutes(minutes: u32) -> String {
    match minutes {
        0 => "no session under these terms: the rotation alone".to_owned(),
        _ => format!("{minutes} minutes"),
    }
}

pub(in crate::web) fn epoch(epoch: u32, k: u8, n: u8, needed: u8) -> String {
    format!("{needed} needed; epoch {epoch}, any {k} of {n} open it")
}

pub(in crate::web) fn in_log(seq: u64) -> String {
    format!("Entry {seq} of the log")
}
