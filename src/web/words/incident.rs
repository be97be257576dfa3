//! Incidents: lists, the live page, answers.

/// A phase, as pages say it.
pub(in crate::web) fn phase_word(phase: &str) -> &'static str {
    match phase {
        "waiting" => "Waiting",
        "collecting" => "Collecting shares",
        "cooling" => "Veto window",
        "opening" => "Opening",
        "open" => "Open",
        "closing" => "Closing, not safe yet",
        "in_review" => "In review",
        "reviewed" => "Reviewed",
        "refused" => "Refused",
        "withdrawn" => "Withdrawn",
        "lapsed" => "Lapsed",
        _ => "Unknown",
    }
}
