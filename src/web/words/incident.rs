//! S3 and S9: incidents, live and in lists.

pub(in crate::web) const WHAT: &str = "What was asked";
pub(in crate::web) const WHOLE_STORY: &str = "The whole story: timeline, calls, alerts";
pub(in crate::web) const PAGED: &str = "Paged";
pub(in crate::web) const NOT_PAGED: &str = "Not paged yet";
pub(in crate::web) const LAPSES: &str = "lapses:";
pub(in crate::web) const NOT_SAFE_YET: &str = "Not safe yet.";
pub(in crate::web) const NOT_SAFE_YET_NOW: &str = "The session is over, but the old Databricks secret is not proved dead. The vault goes on by itself and keeps telling people.";
pub(in crate::web) const ROTATION_OWED: &str = "A rotation is owed.";
pub(in crate::web) const ROTATION_OWED_NOW: &str = "The credential left memory before it was replaced. Custodians must come again: `breakglass approve`.";
pub(in crate::web) const SAFE_AT: &str = "Fully safe at";
pub(in crate::web) const SAFE_THEN: &str =
    "The old secret is gone; access tokens that Databricks gave out before may live until then.";
pub(in crate::web) const OPENS_IN: &str = "shares can be given in:";
pub(in crate::web) const VETO_UNTIL: &str = "it can be vetoed:";
pub(in crate::web) const TO_VETO: &str = "Veto it";
pub(in crate::web) const ACCESS_DETAILS: &str = "How to get in";
pub(in crate::web) const SAFE: &str =
    "Fully safe: the old secret is refused and every token has expired.";
pub(in crate::web) const TO_RELEASE: &str = "Look at it and release your share";
pub(in crate::web) const TO_REFUSE: &str = "Refuse";
pub(in crate::web) const TO_STOP: &str = "Stop this session";
pub(in crate::web) const YOURS_IS_IN: &str = "Your share is in. Changed your mind?";
pub(in crate::web) const PHRASE: &str = "The phrase to read out";
pub(in crate::web) const PHRASE_WHERE: &str = "Your own client computes the three words from terms it has checked; the vault never sends them. In a terminal:";
pub(in crate::web) const PHRASE_WHY: &str =
    "Read them to each custodian on the bridge. Do not write them into chat or mail.";
pub(in crate::web) const NOBODY_ANSWERS: &str = "Nobody answers?";
pub(in crate::web) const NOBODY_ANSWERS_DO: [&str; 4] = [
    "Call the custodians whose local hour is best first; the list below says what time it is there.",
    "Whoever is asked needs this page's address, her key, and a phone to hear the phrase.",
    "If fewer than needed can be reached, use Databricks' own emergency sign-in if your company has it.",
    "An incident that nobody answers lapses by itself. You can open another one.",
];
pub(in crate::web) const TAKE_BACK: &str =
    "Not needed any more? Take it back, so that nobody is woken for nothing:";
pub(in crate::web) const CLOSE: &str = "Close with your passkey";
pub(in crate::web) const WITHDRAW: &str = "Take it back with your passkey";
pub(in crate::web) const WORK: &str = "Work in it";
pub(in crate::web) const WORK_NOTE: &str = "Every call is logged before it happens. Write down what you do and why. When you are done, close: that replaces the secret (in a drill, the decoy).";
pub(in crate::web) const CUSTODIANS: &str = "Custodians";
pub(in crate::web) const YOU: &str = "(you)";
pub(in crate::web) const ALERTS: &str = "Alerts";
pub(in crate::web) const ALERTS_CAPTION: &str =
    "Taken means that a mail relay or webhook accepted it, not that somebody read it.";
pub(in crate::web) const NO_ALERTS: &str = "No alert has been queued yet.";
pub(in crate::web) const AT_UTC: &str = "At (UTC)";
pub(in crate::web) const EVENT: &str = "Event";
pub(in crate::web) const CHANNEL: &str = "Channel";
pub(in crate::web) const TAKEN: &str = "Taken (UTC)";
pub(in crate::web) const NOT_YET: &str = "not yet";
pub(in crate::web) const NOTES: &str = "Notes";
pub(in crate::web) const NOTE: &str = "Write a note";
pub(in crate::web) const NO_NOTES: &str =
    "None. They are written while a session is open, and until it is reviewed.";
pub(in crate::web) const NOTE_HINT: &str =
    "It goes into the log with your name and cannot be taken back. No passwords.";
pub(in crate::web) const NOTE_BUTTON: &str = "Add the note";
pub(in crate::web) const NOTE_FAILED_RELEASED: &str = "Nothing was written or released.";
pub(in crate::web) const NOTE_FAILED_NOW: &str =
    "Your text is still in the box: change it and send it again.";

// The list.
pub(in crate::web) const LIST: &str = "Incidents";
pub(in crate::web) const NONE: &str = "There has been no incident. When somebody asks for access, it stands here with everything that followed.";
pub(in crate::web) const INCIDENT: &str = "Incident";
pub(in crate::web) const ASKED_UTC: &str = "Asked (UTC)";
pub(in crate::web) const BY: &str = "By";
pub(in crate::web) const REASON: &str = "Reason";
pub(in crate::web) const STANDS: &str = "Stands";
pub(in crate::web) const SHARES: &str = "Shares";
pub(in crate::web) const TO_QUORUM: &str = "To quorum";
pub(in crate::web) const CALLS: &str = "Calls";
pub(in crate::web) const WRITES: &str = "Writes";
pub(in crate::web) const DENIED: &str = "Refused";
pub(in crate::web) const AS_CSV: &str = "The same as CSV";
pub(in crate::web) const AS_JSON: &str = "The same as JSON";

pub(in crate::web) fn title(id: &str) -> String {
    format!("Incident {id}")
}

pub(in crate::web) fn kind(purpose: &str) -> &'static str {
    match purpose {
        "drill" => "Drill, no real incident:",
        "rotate" => "Rotation",
        _ => "Incident",
    }
}

/// A phase, as pages say it.
pub(in crate::web) fn phase_word(phase: &str) -> &'static str {
    match phase {
        "waiting" => "Waiting",
        "collecting" => "Collecting shares",
        "cooling" => "Veto window",
        "opening" => "Opening",
        "open" => "Open",
        "closing" => "Closing",
        "in_review" => "Closed, in review",
        "reviewed" => "Reviewed",
        "refused" => "Refused",
        "withdrawn" => "Withdrawn",
        "lapsed" => "Lapsed",
        _ => "Unknown",
    }
}

/// An end without a session: what happened, whether anything was released, what to do now.
pub(in crate::web) fn end_of(phase: &str, vetoed: bool) -> Option<&'static str> {
    match phase {
        "refused" if vetoed => Some(
            "A security person said no, and the incident ended. Nothing was released. Whoever still needs access asks again.",
        ),
        "refused" => Some(
            "Too few custodians could still say yes. Nothing was released. Open another incident if the need goes on, and speak with who refused.",
        ),
        "withdrawn" => Some("It was taken back. Nothing was released. Nothing is left to do."),
        "lapsed" => Some(
            "Too few shares came in time. Nothing was released. Open another incident if the need goes on.",
        ),
        _ => None,
    }
}

/// What a screen reader is told when something changes.
pub(in crate::web) fn said(phase: &str, shares: u8, needed: u8) -> String {
    if phase == "collecting" {
        return shares_in(shares, needed);
    }
    phase_word(phase).to_owned()
}

pub(in crate::web) fn shares_in(shares: u8, needed: u8) -> String {
    format!("{shares} of {needed} shares in")
}

pub(in crate::web) fn asked_by(name: &str) -> String {
    format!("Asked by {name}")
}

pub(in crate::web) fn ended(cause: &str) -> String {
    format!("The session ended: {cause}")
}

/// A custodian's answer: kind of badge, and word. What it is worth depends on the phase.
pub(in crate::web) fn answer(state: &str, phase: &str) -> (&'static str, &'static str) {
    let over = matches!(phase, "refused" | "withdrawn" | "lapsed");
    match state {
        "in" if over => ("", "share came in, worth nothing now"),
        "asked" if phase == "waiting" => ("", "not asked yet"),
        "asked" if over => ("", "did not answer"),
        "in" => ("good", "✓ share in"),
        "paper" => ("good", "✓ share in, by paper"),
        "opener" => ("good", "✓ opened a paper, counts once"),
        "refused" => ("bad", "✗ refused"),
        "paused" => ("warn", "paused: other words were picked"),
        "excluded" => ("", "asked for it, does not count"),
        "asked"
            if matches!(
                phase,
                "cooling" | "opening" | "open" | "in_review" | "reviewed"
            ) =>
        {
            ("", "was not needed")
        }
        _ => ("", "… not answered"),
    }
}

pub(in crate::web) fn share(index: u8) -> String {
    format!("share {index}")
}

pub(in crate::web) fn local_hour(hour: &str, zone: &str) -> String {
    format!("{hour} there ({})", zone.replace('_', " "))
}

pub(in crate::web) fn event(kind: &str) -> String {
    kind.replace(['.', '_'], " ")
}

/// Most time zones named of one mail; the rest is counted.
const ZONES_NAMED: usize = 2;

/// Who gets a mail, by the clock that it shows.
pub(in crate::web) fn readers(people: usize, zones: &[String]) -> String {
    let named: Vec<String> = zones
        .iter()
        .take(ZONES_NAMED)
        .map(|z| z.replace('_', " "))
        .collect();
    let more = match zones.len().saturating_sub(ZONES_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let people = if people == 1 {
        "1 person".to_owned()
    } else {
        format!("{people} people")
    };
    format!("to {people}, for {}{more}", named.join(", "))
}

pub(in crate::web) fn note_failed(why: &str) -> String {
    format!("The note was not taken: {why}.")
}

pub(in crate::web) fn alerts(all: usize, waiting: usize) -> String {
    match waiting {
        0 => format!("{all} alerts, all taken"),
        _ => format!("{all} alerts, {waiting} not taken yet"),
    }
}

pub(in crate::web) const OLDER: &str = "Older incidents";
pub(in crate::web) const NEWER: &str = "Newer incidents";

pub(in crate::web) fn list_caption(from: usize, to: usize, all: usize) -> String {
    let which = if to - from + 1 == all {
        format!("{all} in all, newest first")
    } else {
        format!("{from} to {to} of the newest {all}")
    };
    format!("{which}; times in UTC. ≥ means that the calls were not all counted.")
}
