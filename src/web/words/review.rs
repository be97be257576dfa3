//! S10, the review desk.

use crate::domain::review::Severity;

pub(in crate::web) const LIST: &str = "Reviews";
pub(in crate::web) const NONE_WAIT: &str = "No review waits.";
pub(in crate::web) const OVERDUE: &str = "overdue";
pub(in crate::web) const WAITS: &str = "waits";
pub(in crate::web) const DUE: &str = "Due";
pub(in crate::web) const PAST: &str = "Signed";
pub(in crate::web) const NONE_SIGNED: &str =
    "None has been signed yet. After each incident its review stands here.";
pub(in crate::web) const VERDICT_WAS: &str = "Signed by";
pub(in crate::web) const REVIEW_OF: &str = "Review of";
pub(in crate::web) const PROVED_DEAD: &str =
    "Databricks refuses the old secret, and it is gone from its list.";
pub(in crate::web) const NOT_PROVED_DEAD: &str = "It is not proved that Databricks refuses the old secret: it was seen to be gone from its list only, or the rotation goes on.";
pub(in crate::web) const CUT: &str = "This incident has more entries than are shown here. Use the export: breakglass log export DIR.";
pub(in crate::web) const QUESTIONS: &str = "Questions to answer";
pub(in crate::web) const SAVE: &str = "Save the answers";
pub(in crate::web) const FINDINGS: &str = "Findings";
pub(in crate::web) const NO_FINDINGS: &str = "None so far.";
pub(in crate::web) const SEVERITY: &str = "How much it matters";
pub(in crate::web) const FINDING: &str = "What you found";
pub(in crate::web) const ADD_FINDING: &str = "Add the finding";
pub(in crate::web) const SIGN: &str = "Sign";
pub(in crate::web) const PARTICIPANT: &str = "You took part in this incident, so you cannot sign its review. Nothing was signed. Ask an auditor who took no part.";
pub(in crate::web) const NOT_AUDITOR: &str =
    "An auditor who took no part signs this review. You can read everything and write notes.";
pub(in crate::web) const ANSWER_FIRST: &str = "Answer and save them first.";
pub(in crate::web) const SIGN_LEAD: &str =
    "Everything is answered. The signature covers your answers and the record below, by its hash.";
pub(in crate::web) const SIGN_TOUCH: &str = "Press one. Your touch signs it with the answers as they stand above, the findings, and the record below.";
pub(in crate::web) const VERDICT: &str = "Your verdict, signed with your passkey";
pub(in crate::web) const VERDICT_WORDS: [(&str, &str); 3] = [
    ("justified", "It was justified"),
    ("findings", "Something is to be mended"),
    ("unjustified", "It should not have been opened"),
];
pub(in crate::web) const SIGN_COMMAND: &str = "Or by command";
pub(in crate::web) const DOWNLOAD: &str = "Download your answers as a file";
pub(in crate::web) const SIGN_RUN: &str =
    "On the machine that has your key, where the file is, run:";
pub(in crate::web) const VERDICTS: &str = "The verdict is justified, findings or unjustified. The command shows the record again before it signs.";
pub(in crate::web) const RECORD: &str = "The record that is signed";
pub(in crate::web) const RECORD_HASH: &str = "SHA-256:";
pub(in crate::web) const NOT_TAKEN_RELEASED: &str = "Nothing was signed or released.";
pub(in crate::web) const NOT_TAKEN_NOW: &str =
    "What you typed is still here: change it and save again.";

pub(in crate::web) fn title(id: &str) -> String {
    format!("Review of {id}")
}

pub(in crate::web) fn asked_by(name: &str) -> String {
    format!("asked by {name}")
}

pub(in crate::web) fn not_taken(why: &str) -> String {
    format!("This was not taken: {why}.")
}

pub(in crate::web) fn open(open: usize, all: usize) -> String {
    match open {
        0 => format!("All {all} are answered."),
        _ => format!("{open} of {all} wait for an answer."),
    }
}

pub(in crate::web) fn item(kind: &str, about: &str, count: u64) -> String {
    let what = match kind {
        "deny" => "A call was refused",
        "call_lost" => "The outcome of a call is unknown",
        "share_rejected" => "A share was rejected",
        "act_refused" => "Something signed was refused",
        "mismatch" => "Other words were picked",
        "foreign_secret" => "A secret that is not ours was seen",
        "second_address" => "The token was used from a second address",
        other => return format!("{}: {about} ({count}×)", other.replace('_', " ")),
    };
    // A path of no known route is logged without it.
    let about = about.strip_suffix(" -").map_or_else(
        || about.to_owned(),
        |method| format!("{method} {}", super::story::NO_ROUTE),
    );
    format!("{what}: {about} ({count}×)")
}

/// A signed verdict, as the buttons say it.
pub(in crate::web) fn verdict(word: &str) -> &str {
    let known = VERDICT_WORDS.iter().find(|(key, _)| *key == word);
    known.map_or(word, |(_, text)| text)
}

pub(in crate::web) fn in_log(seq: u64) -> String {
    format!("Entry {seq} of the log, with answers and findings")
}

pub(in crate::web) fn severity_key(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Minor => "minor",
        Severity::Major => "major",
    }
}

pub(in crate::web) fn severity(severity: Severity) -> &'static str {
    severity_word(severity_key(severity))
}

pub(in crate::web) fn severity_word(word: &str) -> &'static str {
    match word {
        "minor" => "Minor: to be mended",
        "major" => "Major: to be mended before the next incident",
        _ => "Note: worth knowing",
    }
}
