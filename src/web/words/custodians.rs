//! S11, custodians and epochs.

pub(in crate::web) const TITLE: &str = "Custodians and epochs";
pub(in crate::web) const OPENS: &str = "What opens it";
pub(in crate::web) const MADE: &str = "Made";
pub(in crate::web) const SECRET: &str = "Sealed Databricks secret";
pub(in crate::web) const TABLE: &str = "The same as a table";
pub(in crate::web) const SHARE: &str = "Share";
pub(in crate::web) const CUSTODIAN: &str = "Custodian";
pub(in crate::web) const LOCAL: &str = "There now";
pub(in crate::web) const PROVED_UTC: &str = "Proved (UTC)";
pub(in crate::web) const UNLOCKERS: &str = "Unlockers";
pub(in crate::web) const NOT_PROVED: &str = "not yet";
pub(in crate::web) const NEVER: &str = "never opened a file";
pub(in crate::web) const PEOPLE: &str = "People";
pub(in crate::web) const PERSON: &str = "Person";
pub(in crate::web) const ROLES: &str = "Roles";
pub(in crate::web) const CHANGES: &str = "To change something";
pub(in crate::web) const CHANGES_HOW: [&str; 3] = [
    "A custodian who leaves or lost a key, or a stolen share, means a new epoch: a new Databricks secret, a new identity, new shares. It never needs the old shares together.",
    "People and keys change with a new version of the roster, which custodians sign: see breakglass person --help.",
    "A custodian shows that her share opens with breakglass prove, or on her page.",
];

pub(in crate::web) fn epoch(epoch: u32, ready: bool) -> String {
    if ready {
        format!("✓ Epoch {epoch} is ready.")
    } else {
        format!("Epoch {epoch} is not ready yet.")
    }
}

pub(in crate::web) fn proofs(proved: usize, needed: u8, n: u8) -> String {
    format!("{proved} of {n} shares are proved; {needed} are needed to call it ready.")
}

pub(in crate::web) fn any(k: u8, n: u8) -> String {
    format!("any {k} of {n} shares")
}

pub(in crate::web) fn opened(ago: &str) -> String {
    format!("opened a file {ago}")
}

pub(in crate::web) fn roster(seq: u32) -> String {
    format!("Roster {seq}, in force.")
}
