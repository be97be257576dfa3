//! What a message says of an incident that its row does not hold: who released shares that are
//! spent by now, what the calls were, when the old secret was refused. Counted by the caller.

use crate::domain::ids::PersonId;
use crate::domain::time::Timestamp;

/// What was known when the event happened. Whatever is missing is left out of the message: an
/// alert never waits for a number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Who released the shares that were combined.
    pub released_by: Vec<PersonId>,
    /// When the session opened.
    pub opened_at: Option<Timestamp>,
    /// The calls of the session.
    pub calls: Option<Calls>,
    /// When Databricks was seen to refuse the old secret.
    pub refused_at: Option<Timestamp>,
}

/// How many calls of each sort a session made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Calls {
    /// Class read.
    pub read: usize,
    /// Class egress.
    pub egress: usize,
    /// Class change.
    pub write: usize,
    /// Every other class: privilege, code, destroy, unreviewed.
    pub dangerous: usize,
    /// Refused by the vault: nothing went upstream.
    pub refused: usize,
    /// Of those, outside the stated scope. A burst of refusals is one number without reasons, so
    /// there may be more.
    pub outside: usize,
    /// Refused ones whose reason is not known.
    pub in_bursts: usize,
}

impl Calls {
    /// Calls that went upstream.
    #[must_use]
    pub fn all(&self) -> usize {
        self.read + self.egress + self.write + self.dangerous
    }

    /// `214 calls, 2 dangerous`: for a subject.
    #[must_use]
    pub fn short(&self) -> String {
        format!("{}, {} dangerous", counted(self.all()), self.dangerous)
    }

    /// `214 calls: 201 read, 0 egress, 11 write, 2 dangerous; 3 refused by the vault, 1 of them
    /// outside the stated scope.`
    #[must_use]
    pub fn sentence(&self) -> String {
        let least = if self.in_bursts > 0 { "at least " } else { "" };
        format!(
            "{}: {} read, {} egress, {} write, {} dangerous; {} refused by the vault, {least}{} of \
             them outside the stated scope.",
            counted(self.all()),
            self.read,
            self.egress,
            self.write,
            self.dangerous,
            self.refused,
            self.outside
        )
    }
}

fn counted(calls: usize) -> String {
    match calls {
        1 => "1 call".to_owned(),
        calls => format!("{calls} calls"),
    }
}
