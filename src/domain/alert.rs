//! Who is told what: every event and every attempt that people should know, as finished texts
//! (DESIGN §9, facts on custody §3.5).
//!
//! The subject is what a pager shows: it never holds the reason. The body may. Neither ever holds
//! the phrase, a key, a token or a share. Knows nothing of channels, retries or checkpoints, and
//! does not mark drills: the alerts room does that for every message alike.

use std::collections::BTreeSet;

use super::ids::PersonId;
use super::roster::{Person, Role, Roster};

mod attempt;
mod consent;
mod drill;
mod fault;
mod incident;
mod known;
mod local;
mod other_log;
mod overdue;
mod page;
mod paper;
mod rotation;
mod session;
#[cfg(test)]
mod tests;
pub mod version;

pub use attempt::{Attempt, for_attempt};
pub use fault::Fault;
pub use incident::for_event;
pub use known::{Calls, Known};
pub use local::{by_local_time, clocks_shown};
pub use overdue::for_overdue_review;
pub use page::for_page;
pub use rotation::for_rotation;

/// How much a message should disturb its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// For the record.
    Info,
    /// Somebody named in it has something to do.
    Action,
    /// Something is wrong, or a way in is open.
    Alarm,
}

impl Severity {
    /// The word in the outbox and on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Action => "action",
            Self::Alarm => "alarm",
        }
    }

    /// The severity of a word; the outbox keeps words.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Info, Self::Action, Self::Alarm]
            .into_iter()
            .find(|s| s.word() == word)
    }
}

/// For whom a message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// Everybody on the roster.
    Everyone,
    /// Everybody who holds one of the roles.
    Roles(Vec<Role>),
    /// These people.
    People(Vec<PersonId>),
}

impl Audience {
    /// Mail addresses of the audience. People who left the roster get no mail any more.
    #[must_use]
    pub fn mails(&self, roster: &Roster) -> BTreeSet<String> {
        match self {
            Self::Everyone => roster
                .people
                .iter()
                .map(|p| p.contacts.mail.clone())
                .collect(),
            Self::Roles(roles) => roster.mails_of(roles),
            Self::People(people) => people
                .iter()
                .filter_map(|id| roster.person(id))
                .map(|p| p.contacts.mail.clone())
                .collect(),
        }
    }

    /// Whether somebody on the roster belongs to it.
    fn names(&self, person: &Person) -> bool {
        match self {
            Self::Everyone => true,
            Self::Roles(roles) => roles.iter().any(|role| person.is(*role)),
            Self::People(people) => people.contains(&person.id),
        }
    }

    /// Pager names of the audience; for who has none her id, which is nobody's pager: the channel
    /// must know that somebody is left.
    #[must_use]
    pub fn pagers(&self, roster: &Roster) -> BTreeSet<String> {
        let meant = roster.people.iter().filter(|person| self.names(person));
        let name = |p: &Person| p.contacts.pager.clone().unwrap_or_else(|| p.id.to_string());
        meant.map(name).collect()
    }
}

/// One message before it becomes an outbox row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertDraft {
    /// The entry type it speaks of; `incident.opened` is the one whose confirmation opens a gate.
    pub kind: &'static str,
    /// How much it disturbs.
    pub severity: Severity,
    /// For whom.
    pub audience: Audience,
    /// One line without the reason: all that a pager shows.
    pub subject: String,
    /// Plain text.
    pub body: String,
}

/// Whoever holds `security`; operators and auditors where nobody does, so that no alarm is
/// addressed to an empty room.
fn security(roster: &Roster) -> Vec<Role> {
    if roster.people.iter().any(|p| p.is(Role::Security)) {
        vec![Role::Security]
    } else {
        vec![Role::Operator, Role::Auditor]
    }
}

/// [`security`] and more roles.
fn security_and(roster: &Roster, more: &[Role]) -> Audience {
    let mut roles = security(roster);
    roles.extend(
        more.iter()
            .filter(|r| !roles.contains(r))
            .copied()
            .collect::<Vec<_>>(),
    );
    Audience::Roles(roles)
}

/// Names for a sentence: `Ada, Ben and Cleo`.
fn names(roster: &Roster, people: &[&PersonId]) -> String {
    let names: Vec<String> = people.iter().map(|id| roster.name_of(id)).collect();
    match names.as_slice() {
        [] => "nobody".to_owned(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
