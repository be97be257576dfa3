//! S1, the board.

use crate::domain::time::DAY_MS;

pub(in crate::web) const TITLE: &str = "Board";
pub(in crate::web) const AT_REST: &str = "At rest nothing here opens the Databricks identity.";
pub(in crate::web) const NOW: &str = "Now";
pub(in crate::web) const ASK: &str = "Ask for emergency access";
pub(in crate::web) const RELEASE: &str = "Your share is asked for";
pub(in crate::web) const FITNESS: &str = "Fit for the night?";
pub(in crate::web) const LAST_INCIDENT: &str = "Last incident";
pub(in crate::web) const LAST_DRILL: &str = "Last drill";
pub(in crate::web) const NEVER_DRILLED: &str =
    "Never. A responder or an operator asks: `breakglass drill \"the quarterly drill\"`";

pub(in crate::web) fn drilled(ago: &str, people: usize, of: usize) -> String {
    format!("{ago}; {people} of {of} custodians have given a share in one")
}
pub(in crate::web) const CHANCE: &str = "Enough would answer now";

pub(in crate::web) fn chance(percent: u32) -> String {
    format!("with a chance of {percent} % within ten minutes, by their local hours")
}
pub(in crate::web) const LOG: &str = "Log";
pub(in crate::web) const SHARES: &str = "Shares proved";
pub(in crate::web) const EPOCH: &str = "Epoch";
pub(in crate::web) const ALERT_TEST: &str = "Alerts tested";
pub(in crate::web) const NEVER_TESTED: &str = "never: run `breakglass alert test`";
pub(in crate::web) const REVIEWS: &str = "Reviews";
pub(in crate::web) const NO_REVIEW_WAITS: &str = "none waits";
pub(in crate::web) const SECRET: &str = "Sealed Databricks secret";
pub(in crate::web) const BROKEN: &str =
    "The vault's store does not answer. Nothing can be opened now. Call the operator.";
pub(in crate::web) const ROTATION_OWED: &str =
    "Not safe yet: the credential was unsealed and is not replaced.";
pub(in crate::web) const ROTATION_ASKED: &str =
    "Custodians finish the rotation with their shares. They are asked for below.";
pub(in crate::web) const ROTATION_OWED_NOW: &str = "Custodians finish the rotation with their shares: breakglass open --purpose rotate \"reason\".";
pub(in crate::web) const NO_EPOCH: &str =
    "No epoch has been dealt: nothing could be opened tonight. The operator runs breakglass init.";
pub(in crate::web) const PROVE_YOURS: &str = "Prove your share";
pub(in crate::web) const OVERDUE_MEANS: &str =
    "While it is overdue, every new incident needs one share more.";
pub(in crate::web) const TO_REVIEW: &str = "To the review";

/// The big word.
pub(in crate::web) fn phase(word: &str) -> &'static str {
    match word {
        "collecting" => "Collecting",
        "opening" => "Opening",
        "open" => "Open",
        "closing" => "Closing: not safe yet",
        _ => "Sealed",
    }
}

pub(in crate::web) fn since() -> &'static str {
    "Since"
}

pub(in crate::web) fn shares_in(shares: u8, needed: u8) -> String {
    format!("{shares} of {needed} shares in")
}

pub(in crate::web) fn asked_by(name: &str) -> String {
    format!("Asked by {name}")
}

pub(in crate::web) fn not_ready(epoch: u32) -> String {
    format!("Epoch {epoch} is not ready yet.")
}

pub(in crate::web) fn not_ready_now(proved: usize, needed: u8) -> String {
    format!(
        "{proved} of {needed} proofs that are needed have come in. An incident can be opened nevertheless."
    )
}

pub(in crate::web) fn review(incident: &str, overdue: bool) -> String {
    if overdue {
        format!("The review of {incident} is overdue since")
    } else {
        format!("The review of {incident} is due by")
    }
}

pub(in crate::web) fn reviews_wait(waiting: usize) -> String {
    match waiting {
        1 => "1 waits".to_owned(),
        _ => format!("{waiting} wait"),
    }
}

/// Of every channel: the one whose test was longest ago.
pub(in crate::web) fn alert_test(channel: &str, ago: &str, read: bool) -> String {
    if read {
        format!("{ago} ({channel} longest ago); somebody read each")
    } else {
        format!("{ago} ({channel} longest ago); not every code was typed back")
    }
}

pub(in crate::web) fn entries(size: u64) -> String {
    format!("{size} entries")
}

pub(in crate::web) fn proved(proved: usize, all: usize) -> String {
    format!("{proved} of {all}")
}

pub(in crate::web) fn oldest(name: &str, ago: &str) -> String {
    format!("oldest {ago} ({name})")
}

pub(in crate::web) fn epoch(epoch: u32, k: u8, n: u8) -> String {
    format!("{epoch}: any {k} of {n} shares open it; made")
}

pub(in crate::web) fn expires_in(ms: i64) -> String {
    if ms <= 0 {
        return "has expired: an operator must bring a fresh one".to_owned();
    }
    format!("expires in {} days", ms / DAY_MS)
}
