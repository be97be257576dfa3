//! Whether every key a roster names is intact and of a size that may be used (PROTOCOL §2).
//!
//! `domain` checks kinds as texts; here each key is parsed by the code that will use it. A roster
//! that passes can be logged in with and dealt to.

use super::login_key::LoginKey;
use super::unlocker::Unlocker;
use crate::domain::roster::Roster;

/// A key of a roster that cannot be used: whose, which one, and why. Public keys are no secrets,
/// but the text is left out all the same: it may be a secret pasted into the wrong place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{who}: {what} {number}: {why}")]
pub struct RosterKeyError {
    /// Name of the person, or `auditor_recipients`.
    pub who: String,
    /// `login key` or `unlocker`.
    pub what: &'static str,
    /// Its place in the list, from 1.
    pub number: usize,
    /// What is wrong with it.
    pub why: String,
}

/// Parses every login key, unlocker and auditors' recipient.
///
/// # Errors
/// The first key that cannot be used.
pub fn check(roster: &Roster) -> Result<(), RosterKeyError> {
    for person in &roster.people {
        let who = person.name.as_str();
        each(who, "login key", &person.login_keys, |text| {
            LoginKey::parse(text).map(drop).map_err(|e| e.to_string())
        })?;
        each(who, "unlocker", &person.unlockers, unlocker)?;
    }
    each(
        "auditor_recipients",
        "unlocker",
        &roster.auditor_recipients,
        unlocker,
    )
}

fn unlocker(text: &str) -> Result<(), String> {
    Unlocker::parse(text).map(drop).map_err(|e| e.to_string())
}

fn each(
    who: &str,
    what: &'static str,
    texts: &[String],
    parse: impl Fn(&str) -> Result<(), String>,
) -> Result<(), RosterKeyError> {
    for (number, text) in (1..).zip(texts) {
        parse(text).map_err(|why| RosterKeyError {
            who: who.to_owned(),
            what,
            number,
            why,
        })?;
    }
    Ok(())
}
