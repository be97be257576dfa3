//! The log.

pub(in crate::web) const TITLE: &str = "Log";
pub(in crate::web) const KIND: &str = "What the type begins with, such as share or call.begin";
pub(in crate::web) const INCIDENT: &str = "Incident, such as INC-7";
pub(in crate::web) const TEXT: &str = "Text anywhere in the entry";
pub(in crate::web) const SEARCH: &str = "Search";
pub(in crate::web) const ALL: &str = "Show everything";
pub(in crate::web) const ENTRY: &str = "Entry";
pub(in crate::web) const AT_UTC: &str = "At (UTC)";
pub(in crate::web) const KIND_SHORT: &str = "Type";
pub(in crate::web) const INCIDENT_SHORT: &str = "Incident";
pub(in crate::web) const WHO: &str = "Who";
pub(in crate::web) const CHECKPOINT: &str = "Newest checkpoint";
pub(in crate::web) const CHECKPOINT_LEAD: &str = "It fixes every entry before it. Every mail carries one; whoever keeps an old one can tell later whether the log was rewritten.";
pub(in crate::web) const KEY: &str = "The log's public key:";
pub(in crate::web) const COMPARE: &str = "Compare with one you kept";
pub(in crate::web) const PASTE: &str = "Paste the checkpoint from a mail";
pub(in crate::web) const PASTE_HINT: &str =
    "From the line with the log's name to the line that begins with a dash.";
pub(in crate::web) const COMPARE_BUTTON: &str = "Compare";
pub(in crate::web) const OWN_WORD: &str = "This is the vault's own answer. An export is checked on another computer, without trusting it.";
pub(in crate::web) const FORKED_RELEASED: &str = "This page released and changed nothing.";
pub(in crate::web) const FORKED_NOW: &str =
    "Keep the mail, release nothing, and call security by phone: the log was rewritten or cut.";
pub(in crate::web) const NOT_OURS_RELEASED: &str = "Nothing was released or changed.";
pub(in crate::web) const NOT_OURS_NOW: &str =
    "Copy the whole checkpoint again, with its empty line.";
pub(in crate::web) const ELSEWHERE: &str = "Check it elsewhere";
pub(in crate::web) const ELSEWHERE_LEAD: &str = "An export proves itself with our verifier, with plain Python, and its signatures with OpenSSH:";
pub(in crate::web) const EXACT: &str = "The exact bytes, as they are hashed";
pub(in crate::web) const PROOF: &str = "Proof that the log has it";
pub(in crate::web) const PROOF_HOLDS: &str =
    "The proof leads from this entry to the newest checkpoint.";
pub(in crate::web) const PROOF_FAILS: &str =
    "The proof does not lead from this entry to the newest checkpoint.";
pub(in crate::web) const LEAF: &str = "Hash of the entry:";
pub(in crate::web) const BEFORE: &str = "Entry before";
pub(in crate::web) const AFTER: &str = "Entry after";
pub(in crate::web) const TO_LOG: &str = "To the log";

pub(in crate::web) fn older(read_to: u64) -> String {
    format!("Older than entry {read_to}")
}

pub(in crate::web) fn nothing(read_to: u64) -> String {
    if read_to == 0 {
        "Nothing in the log fits.".to_owned()
    } else {
        format!("Nothing fits back to entry {read_to}; go on with the button.")
    }
}

pub(in crate::web) fn shown(shown: usize, size: u64) -> String {
    format!("{shown} shown, newest first; the log has {size} entries.")
}

pub(in crate::web) fn extends(old: u64, new: u64) -> String {
    format!("The log of {old} entries that you kept is the beginning of today's {new}.")
}

pub(in crate::web) fn forked(old: u64, new: u64) -> String {
    format!("The log of {old} entries that you kept is NOT the beginning of today's {new}.")
}

pub(in crate::web) fn not_ours(why: &str) -> String {
    format!("This is no checkpoint of this log: {why}.")
}

pub(in crate::web) fn of_former_epoch(epoch: u32) -> String {
    format!(
        "it is of epoch {epoch} of the log, before this one was declared. Hold it against a copy: \
         breakglass log verify DIR --seen FILE"
    )
}

pub(in crate::web) fn entry(seq: u64) -> String {
    format!("Entry {seq}")
}

pub(in crate::web) fn hashes(count: usize) -> String {
    format!("{count} hashes on the way, leaf side first")
}

pub(in crate::web) const CHECK_NONE: &str =
    "The whole log has not been checked since the vault started.";
pub(in crate::web) const CHECK_BROKEN: &str = "The whole log was checked and is broken, found";
pub(in crate::web) const CHECK_BROKEN_MEANS: &str =
    "Nothing new is opened until this is settled; closing and rotation go on.";

pub(in crate::web) fn checking(checked: u64, of: u64) -> String {
    format!("The whole log is being checked: {checked} of {of} entries so far.")
}

pub(in crate::web) fn checked(entries: u64) -> String {
    let last = entries.saturating_sub(1);
    format!("The whole log was checked to entry {last}: every entry gives the signed root. Checked")
}
