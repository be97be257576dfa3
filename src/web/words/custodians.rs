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
pub(in crate::web) const CHANGES_HOW: [(&str, &str); 5] = [
    (
        "Somebody new: the roster changes once custodians have signed it. Her invitation is printed after that.",
        "breakglass person add NAME --role custodian --mail MAIL",
    ),
    (
        "Her invitation, to be handed over in person or by a channel you trust:",
        "breakglass person invite NAME",
    ),
    (
        "Somebody who leaves: her logins and pages end at once; the rest takes effect when custodians sign.",
        "breakglass person remove NAME",
    ),
    (
        "A stolen share, a lost key, or a custodian who left: a new secret, a new identity, new shares. It never needs the old shares together.",
        "breakglass epoch new --because REASON",
    ),
    (
        "A custodian shows that her share opens, here or on her page:",
        "breakglass prove",
    ),
];
pub(in crate::web) const STEPS: &str = "Where the epoch stands";
pub(in crate::web) const ORDER: &str = "Who would be paged now, and in which order";
pub(in crate::web) const ORDER_MEANS: &str = "Best local hour first, then the freshest proof. Who asks is left out, and whoever has answered.";
pub(in crate::web) const ALERTS: &str = "Do alerts reach people?";
pub(in crate::web) const ALERTS_CAPTION: &str =
    "Taken: a relay has it. Read: a person typed the code of the test back.";
pub(in crate::web) const CHANNEL: &str = "Channel";
pub(in crate::web) const TAKEN_UTC: &str = "Last taken (UTC)";
pub(in crate::web) const WAITS: &str = "Waits";
pub(in crate::web) const TESTED_UTC: &str = "Tested (UTC)";
pub(in crate::web) const READ_UTC: &str = "Test read (UTC)";
pub(in crate::web) const NEVER_TAKEN: &str = "nothing yet";
pub(in crate::web) const NEVER_TESTED: &str = "never";
pub(in crate::web) const NOT_READ: &str = "not yet";
pub(in crate::web) const NO_CHANNEL: &str = "No alert channel is configured: nobody would hear of an incident. Nothing was released. The operator configures two.";
pub(in crate::web) const TEST: &str = "An operator sends a test with a code through every channel:";
pub(in crate::web) const CONFIRM: &str = "Whoever reads a code types it back:";

pub(in crate::web) fn waits(messages: u64) -> String {
    match messages {
        0 => "nothing".to_owned(),
        1 => "1 message".to_owned(),
        _ => format!("{messages} messages"),
    }
}

pub(in crate::web) fn fails(messages: u64) -> String {
    format!("{messages} failing")
}

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
