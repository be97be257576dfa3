//! The steps of an epoch.

pub(in crate::web) const DONE: &str = "✓ done";
pub(in crate::web) const NOW: &str = "now";
pub(in crate::web) const LATER: &str = "later";
pub(in crate::web) const KEPT: &str =
    "They are kept until this epoch is ready, so that nothing is lost meanwhile.";
pub(in crate::web) const UNDER_WAY: &str = "It is being asked for or made:";
pub(in crate::web) const WILL_BE_ASKED: &str =
    "The vault asks the custodians for it, at the latest tomorrow.";
pub(in crate::web) const NOT_NEEDED: &str = "Nothing asks for it now.";

pub(in crate::web) fn dealt(epoch: u32, k: u8, n: u8) -> String {
    format!("Epoch {epoch} is dealt: any {k} of {n} shares open it.")
}

pub(in crate::web) fn proved(proved: usize, n: u8) -> String {
    format!("{proved} of {n} custodians have proved their shares.")
}

pub(in crate::web) fn missing(names: &str) -> String {
    format!("Not yet: {names}. Each of them runs `breakglass prove`, or uses her page.")
}

pub(in crate::web) fn ready(needed: u8) -> String {
    format!("Ready: at least {needed} are proved.")
}

pub(in crate::web) fn erased(epoch: u32) -> String {
    format!("The shares of epoch {epoch} are erased.")
}

pub(in crate::web) fn next(epoch: u32) -> String {
    format!("Epoch {epoch} follows.")
}

pub(in crate::web) fn owed(why: &str) -> String {
    format!("It is needed: {why}.")
}
