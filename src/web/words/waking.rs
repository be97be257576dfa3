//! Who would be woken.

pub(in crate::web) const NIGHT: &str = "night there";

pub(in crate::web) fn needed(needed: u8, eligible: usize) -> String {
    format!("{needed} of {eligible} people are needed. Nobody is paged once enough have answered.")
}

pub(in crate::web) fn too_few(eligible: usize, needed: u8) -> String {
    format!(
        "Only {eligible} could give a share, and {needed} are needed: it cannot be asked for now. Nothing was released. Call the operator."
    )
}

/// A wave, by how long after the asking it goes out.
pub(in crate::web) fn after(minutes: i64, fallback: bool) -> String {
    match (minutes, fallback) {
        (0, false) => "At once".to_owned(),
        (_, false) => format!("After {minutes} minutes, if shares are missing"),
        (_, true) => format!("After {minutes} minutes, to find custodians by phone"),
    }
}
