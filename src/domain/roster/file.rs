//! `roster.toml`, as a person writes it for `init`. Reads text, never files.

use serde::{Deserialize, Serialize};

use super::{Contacts, Person, Role, Roster, RosterError, comparable};
use crate::domain::VERSION;
use crate::domain::ids::{PersonId, VaultId};

/// One person as written: the id may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonEntry {
    /// Opaque id; drawn when it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<PersonId>,
    /// Name as people say it.
    pub name: String,
    /// What this person may do.
    pub roles: Vec<Role>,
    /// IANA time zone; UTC when it is missing.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// Where alerts go.
    pub contacts: Contacts,
    /// OpenSSH public keys; comments are dropped.
    pub login_keys: Vec<String>,
    /// Recipients to which this person's shares are encrypted; comments are dropped.
    #[serde(default)]
    pub unlockers: Vec<String>,
    /// A written waiver of the second unlocker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub single_unlocker: Option<bool>,
}

/// The roster as a person writes it; `n` is the number of custodians and not written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RosterFile {
    /// The vault's name.
    pub vault: VaultId,
    /// How many shares open the vault.
    pub k: u8,
    /// age recipients to which sealed bodies are encrypted.
    #[serde(default)]
    pub auditor_recipients: Vec<String>,
    /// Everybody; custodians get their share indexes in this order.
    pub people: Vec<PersonEntry>,
}

/// Why a roster file makes no roster.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RosterFileError {
    /// Not TOML, or a key nobody knows; the sentence names line and key.
    #[error("roster file: {0}")]
    Syntax(String),
    /// A rule every roster must keep.
    #[error(transparent)]
    Rule(#[from] RosterError),
}

impl RosterFile {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`RosterFileError::Syntax`] for anything but the keys above.
    pub fn parse(text: &str) -> Result<Self, RosterFileError> {
        toml::from_str(text).map_err(|e| RosterFileError::Syntax(e.to_string()))
    }

    /// Names of those who waive the second unlocker: `init` takes them only when told to
    /// (PROTOCOL §2).
    #[must_use]
    pub fn waivers(&self) -> Vec<&str> {
        self.people
            .iter()
            .filter(|p| p.single_unlocker == Some(true))
            .map(|p| p.name.as_str())
            .collect()
    }

    /// The file that gives this roster: what a person edits for the next version.
    #[must_use]
    pub fn of(roster: &Roster) -> Self {
        let people = roster.people.iter().map(|p| PersonEntry {
            id: Some(p.id.clone()),
            name: p.name.clone(),
            roles: p.roles.clone(),
            time_zone: p.time_zone.clone(),
            contacts: p.contacts.clone(),
            login_keys: p.login_keys.clone(),
            unlockers: p.unlockers.clone(),
            single_unlocker: p.single_unlocker,
        });
        Self {
            vault: roster.vault.clone(),
            k: roster.k,
            auditor_recipients: roster.auditor_recipients.clone(),
            people: people.collect(),
        }
    }

    /// The version after `before`, checked. People keep their ids by id or name; `derive` makes
    /// one for whoever is new.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn into_next(
        self,
        before: &Roster,
        derive: &mut dyn FnMut(&PersonEntry) -> PersonId,
    ) -> Result<Roster, RosterFileError> {
        let mut known = |entry: &PersonEntry| {
            let same = before.people.iter().find(|p| p.name == entry.name);
            same.map_or_else(|| derive(entry), |p| p.id.clone())
        };
        let roster = Roster {
            seq: before.seq.saturating_add(1),
            prev_sha256: Some(before.sha256().map_err(RosterError::from)?),
            ..self.into_roster(&mut known)?
        };
        Ok(roster)
    }

    /// Roster 1, checked. `derive` makes an id for a person without one.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn into_roster(
        self,
        derive: &mut dyn FnMut(&PersonEntry) -> PersonId,
    ) -> Result<Roster, RosterFileError> {
        let people: Vec<Person> = self.people.into_iter().map(|p| person(p, derive)).collect();
        let custodians = people.iter().filter(|p| p.is(Role::Custodian)).count();
        let roster = Roster {
            v: VERSION.to_owned(),
            vault: self.vault,
            seq: 1,
            prev_sha256: None,
            k: self.k,
            // More than 255 custodians: the check refuses the count that does not fit.
            n: u8::try_from(custodians).unwrap_or(u8::MAX),
            people,
            auditor_recipients: self.auditor_recipients,
        };
        roster.check()?;
        Ok(roster)
    }
}

fn person(entry: PersonEntry, derive: &mut dyn FnMut(&PersonEntry) -> PersonId) -> Person {
    let id = entry.id.clone().unwrap_or_else(|| derive(&entry));
    Person {
        id,
        name: entry.name,
        roles: entry.roles,
        time_zone: entry.time_zone,
        contacts: entry.contacts,
        login_keys: entry.login_keys.iter().map(|k| comparable(k)).collect(),
        unlockers: entry.unlockers.iter().map(|k| comparable(k)).collect(),
        single_unlocker: entry.single_unlocker,
        // Only its keeper makes one, on her own machine, after `init`.
        paper: None,
    }
}

fn utc() -> String {
    "UTC".to_owned()
}
