//! The roster: the people, their roles and their keys (PROTOCOL §1).
//!
//! A document whose hash stands in the log. Knows nothing of how keys are checked or used; it
//! only knows which texts belong to whom and that no text belongs to two.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::canonical::{self, CanonicalError};
use super::ids::{Digest, PersonId, VaultId};

pub mod browsers;
pub mod change;
mod check;
pub mod file;
mod keys;
#[cfg(test)]
pub(in crate::domain) mod tests;

pub use check::RosterError;
pub use file::{PersonEntry, RosterFile, RosterFileError};
pub use keys::{comparable, login_key_fault, passkey_parts, unlocker_fault};

/// Fewest custodians that must act together.
pub const MIN_THRESHOLD: u8 = 2;
/// Most shares one epoch may have.
pub const MAX_SHARES: u8 = 15;

/// What a person may do. One person may hold several; PROTOCOL keeps them apart in an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May open incidents.
    Responder,
    /// Keeps a share.
    Custodian,
    /// Reads, verifies and signs reviews.
    Auditor,
    /// Runs the host.
    Operator,
    /// May stop and veto, hears of wrong phrases, never counts as a share.
    Security,
}

impl Role {
    /// The word people read.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Responder => "responder",
            Self::Custodian => "custodian",
            Self::Auditor => "auditor",
            Self::Operator => "operator",
            Self::Security => "security",
        }
    }
}

/// Where alerts reach a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contacts {
    /// Mail address.
    pub mail: String,
    /// Pager routing name, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pager: Option<String>,
}

/// One person of the roster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Opaque id, the only thing log entries carry.
    pub id: PersonId,
    /// Name as people say it.
    pub name: String,
    /// What this person may do.
    pub roles: Vec<Role>,
    /// IANA time zone, for the local hour on pages.
    pub time_zone: String,
    /// Where alerts go.
    pub contacts: Contacts,
    /// OpenSSH public keys that sign logins and acts, without comment.
    pub login_keys: Vec<String>,
    /// Recipients to which this person's shares are encrypted.
    #[serde(default)]
    pub unlockers: Vec<String>,
    /// A written waiver of the second unlocker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub single_unlocker: Option<bool>,
    /// The one of her unlockers that exists on a sheet only: a share it opens needs a witness
    /// (PROTOCOL §2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper: Option<String>,
}

impl Person {
    /// Whether this person holds the role.
    #[must_use]
    pub fn is(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// Whether this unlocker of hers is a sheet.
    #[must_use]
    pub fn on_paper(&self, unlocker: &str) -> bool {
        self.paper.as_deref() == Some(unlocker)
    }
}

/// The people, k and n, in one signed document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roster {
    /// Always [`VERSION`](super::VERSION).
    pub v: String,
    /// The vault it belongs to.
    pub vault: VaultId,
    /// 1 for the first, one more for each change.
    pub seq: u32,
    /// Hash of the version before; `None` for the first.
    pub prev_sha256: Option<Digest>,
    /// How many shares open the vault.
    pub k: u8,
    /// How many shares exist: the number of custodians.
    pub n: u8,
    /// Everybody.
    pub people: Vec<Person>,
    /// age recipients to which sealed bodies are encrypted.
    pub auditor_recipients: Vec<String>,
}

impl Roster {
    /// SHA-256 of the canonical bytes: what `log.genesis`, terms and manifests carry.
    ///
    /// # Errors
    /// When the document has no canonical form.
    pub fn sha256(&self) -> Result<Digest, CanonicalError> {
        Ok(Digest::of(&canonical::to_bytes(self)?))
    }

    /// The custodians with their share indexes: 1 for the first in the document, and so on.
    pub fn custodians(&self) -> impl Iterator<Item = (u8, &Person)> {
        (1..).zip(self.people.iter().filter(|p| p.is(Role::Custodian)))
    }

    /// The share index of a custodian in an epoch dealt to this roster.
    #[must_use]
    pub fn index_of(&self, person: &PersonId) -> Option<u8> {
        self.custodians()
            .find(|(_, p)| p.id == *person)
            .map(|(index, _)| index)
    }

    /// The custodian who holds this share index.
    #[must_use]
    pub fn holder(&self, index: u8) -> Option<&Person> {
        self.custodians().find(|(i, _)| *i == index).map(|(_, p)| p)
    }

    /// The person with this id.
    #[must_use]
    pub fn person(&self, id: &PersonId) -> Option<&Person> {
        self.people.iter().find(|p| p.id == *id)
    }

    /// The person whose id or name is this text; names are compared without regard to case.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<&Person> {
        self.people
            .iter()
            .find(|p| p.id.as_str() == text || p.name.eq_ignore_ascii_case(text))
    }

    /// The owner of a login key (`ssh-ed25519 AAAA…`; a comment is ignored).
    #[must_use]
    pub fn owner_of_key(&self, key: &str) -> Option<&Person> {
        let wanted = comparable(key);
        self.people
            .iter()
            .find(|p| p.login_keys.iter().any(|k| comparable(k) == wanted))
    }

    /// The passkey of somebody with this credential id, as the roster writes it.
    #[must_use]
    pub fn passkey(&self, host: &str, credential_id: &str) -> Option<&str> {
        let keys = self.people.iter().flat_map(|p| &p.login_keys);
        let mut passkeys = keys.filter(|key| {
            passkey_parts(key).is_some_and(|[h, id, _]| h == host && id == credential_id)
        });
        passkeys.next().map(String::as_str)
    }

    /// Mail addresses of everybody who holds one of the roles.
    #[must_use]
    pub fn mails_of(&self, roles: &[Role]) -> BTreeSet<String> {
        self.people
            .iter()
            .filter(|p| roles.iter().any(|r| p.is(*r)))
            .map(|p| p.contacts.mail.clone())
            .collect()
    }

    /// The one person whom a text means: her id, else her name, else her mail or the part before
    /// the `@`. `None` when it means nobody, or more than one.
    #[must_use]
    pub fn meant(&self, text: &str) -> Option<&Person> {
        let by = |fits: &dyn Fn(&Person) -> bool| {
            let mut found = self.people.iter().filter(|person| fits(person));
            found.next().filter(|_| found.next().is_none())
        };
        by(&|p| p.id.as_str() == text)
            .or_else(|| by(&|p| p.name.eq_ignore_ascii_case(text)))
            .or_else(|| {
                by(&|p| {
                    let mail = &p.contacts.mail;
                    let local = mail.split('@').next().unwrap_or_default();
                    mail.eq_ignore_ascii_case(text) || local.eq_ignore_ascii_case(text)
                })
            })
    }

    /// A person's name, or the id itself when the roster does not know it.
    #[must_use]
    pub fn name_of(&self, id: &PersonId) -> String {
        self.person(id)
            .map_or_else(|| id.to_string(), |p| p.name.clone())
    }
}
