//! The roster: the people, their roles and their keys (PROTOCOL §1).
//!
//! A document whose hash stands in the log. Knows nothing of how keys are checked or used; it
//! only knows which texts belong to whom and that no text belongs to two.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::VERSION;
use super::canonical::{self, CanonicalError};
use super::ids::{Digest, PersonId, VaultId};
use super::terms::VAULT;

pub mod file;
#[cfg(test)]
pub(in crate::domain) mod tests;

pub use file::{PersonEntry, RosterFile, RosterFileError};

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
}

impl Person {
    /// Whether this person holds the role.
    #[must_use]
    pub fn is(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

/// The people, k and n, in one signed document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roster {
    /// Always [`VERSION`].
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

/// Why a roster is not acceptable. Key texts are named by their owner, never printed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RosterError {
    /// Not `breakglass/1`.
    #[error("roster version is not {VERSION}")]
    Version,
    /// k or n outside 2 ≤ k ≤ n ≤ 15.
    #[error("k = {k}, n = {n}: need {MIN_THRESHOLD} <= k <= n <= {MAX_SHARES}")]
    Threshold {
        /// Threshold asked for.
        k: u8,
        /// Shares asked for.
        n: u8,
    },
    /// Fewer custodians than k.
    #[error("{custodians} custodians cannot reach a threshold of k = {k}")]
    TooFewCustodians {
        /// How many people hold the role.
        custodians: usize,
        /// Threshold asked for.
        k: u8,
    },
    /// n is not the number of custodians.
    #[error("n = {n}, but {custodians} people are custodians")]
    CountMismatch {
        /// Shares asked for.
        n: u8,
        /// How many people hold the role.
        custodians: usize,
    },
    /// Two people share an id, a name, a key or an unlocker.
    #[error("{what} appears twice: {first} and {second}")]
    NotUnique {
        /// What kind of thing it is.
        what: &'static str,
        /// One owner.
        first: String,
        /// The other owner.
        second: String,
    },
    /// Not enough auditors, or none who could review independently.
    #[error("need at least two auditors, one of them neither custodian nor responder")]
    Auditors,
    /// Nobody may open an incident.
    #[error("need at least one responder")]
    Responders,
    /// The id by which terms name the vault itself.
    #[error("no person may have the id {VAULT}: terms name the vault itself by it")]
    ReservedId,
    /// A person without a login key.
    #[error("{0} has no login key")]
    NoLoginKey(String),
    /// A custodian with fewer than two unlockers and no waiver.
    #[error("{0} has fewer than two unlockers and no single_unlocker waiver")]
    Unlockers(String),
    /// An unlocker or key of a kind that cannot be used.
    #[error("{who}: {reason}")]
    Key {
        /// Whose.
        who: String,
        /// What is wrong with its kind.
        reason: &'static str,
    },
    /// A contact or name that could break a header or a terminal line.
    #[error("{0}: name, mail or time zone is empty or holds control characters")]
    Text(String),
    /// No canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
}

impl Roster {
    /// SHA-256 of the canonical bytes: what `log.genesis`, terms and manifests carry.
    ///
    /// # Errors
    /// When the document has no canonical form.
    pub fn sha256(&self) -> Result<Digest, CanonicalError> {
        Ok(Digest::of(&canonical::to_bytes(self)?))
    }

    /// Checks every rule of PROTOCOL §1 and §2 that needs no cryptography.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self) -> Result<(), RosterError> {
        if self.v != VERSION {
            return Err(RosterError::Version);
        }
        let custodians = self.custodians().count();
        if custodians < usize::from(self.k) {
            return Err(RosterError::TooFewCustodians {
                custodians,
                k: self.k,
            });
        }
        if self.k < MIN_THRESHOLD || self.k > self.n || self.n > MAX_SHARES {
            return Err(RosterError::Threshold {
                k: self.k,
                n: self.n,
            });
        }
        if usize::from(self.n) != custodians {
            return Err(RosterError::CountMismatch {
                n: self.n,
                custodians,
            });
        }
        self.people.iter().try_for_each(check_person)?;
        if let Some(reason) = self
            .auditor_recipients
            .iter()
            .find_map(|r| unlocker_fault(r))
        {
            return Err(RosterError::Key {
                who: "auditor_recipients".to_owned(),
                reason,
            });
        }
        self.check_unique()?;
        self.check_roles()
    }

    fn check_roles(&self) -> Result<(), RosterError> {
        let auditors = || self.people.iter().filter(|p| p.is(Role::Auditor));
        let independent = |p: &&Person| !p.is(Role::Custodian) && !p.is(Role::Responder);
        if auditors().count() < 2 || auditors().filter(independent).count() == 0 {
            return Err(RosterError::Auditors);
        }
        if !self.people.iter().any(|p| p.is(Role::Responder)) {
            return Err(RosterError::Responders);
        }
        Ok(())
    }

    fn check_unique(&self) -> Result<(), RosterError> {
        type Texts = fn(&Person) -> Vec<String>;
        // People are found by id or name in any case, so these share one list.
        let kinds: [(&'static str, Texts); 4] = [
            ("id or name", |p| {
                let both = [p.id.as_str(), p.name.as_str()].map(str::to_ascii_lowercase);
                BTreeSet::from(both).into_iter().collect()
            }),
            ("login key", |p| {
                p.login_keys.iter().map(|k| comparable(k)).collect()
            }),
            ("unlocker", |p| {
                p.unlockers.iter().map(|k| comparable(k)).collect()
            }),
            // One key may log in and unlock for the same person, never for two.
            ("key", |p| {
                let keys = p.login_keys.iter().chain(&p.unlockers);
                keys.map(|k| comparable(k))
                    .collect::<BTreeSet<_>>()
                    .into_iter()
                    .collect()
            }),
        ];
        for (what, texts) in kinds {
            let mut seen: Vec<(String, &Person)> = Vec::new();
            for person in &self.people {
                for text in texts(person) {
                    if let Some((_, first)) = seen.iter().find(|(t, _)| *t == text) {
                        return Err(RosterError::NotUnique {
                            what,
                            first: first.name.clone(),
                            second: person.name.clone(),
                        });
                    }
                    seen.push((text, person));
                }
            }
        }
        Ok(())
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

    /// Mail addresses of everybody who holds one of the roles.
    #[must_use]
    pub fn mails_of(&self, roles: &[Role]) -> BTreeSet<String> {
        self.people
            .iter()
            .filter(|p| roles.iter().any(|r| p.is(*r)))
            .map(|p| p.contacts.mail.clone())
            .collect()
    }

    /// A person's name, or the id itself when the roster does not know it.
    #[must_use]
    pub fn name_of(&self, id: &PersonId) -> String {
        self.person(id)
            .map_or_else(|| id.to_string(), |p| p.name.clone())
    }
}

/// Key type and data of an OpenSSH key or recipient text: what makes two of them the same.
#[must_use]
pub fn comparable(key: &str) -> String {
    key.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

fn check_person(person: &Person) -> Result<(), RosterError> {
    let who = || person.name.clone();
    if person.id.as_str() == VAULT {
        return Err(RosterError::ReservedId);
    }
    let texts = [&person.name, &person.contacts.mail, &person.time_zone];
    if texts
        .iter()
        .any(|t| t.trim().is_empty() || t.chars().any(char::is_control))
        || !person.contacts.mail.contains('@')
    {
        return Err(RosterError::Text(person.id.to_string()));
    }
    if person.login_keys.is_empty() {
        return Err(RosterError::NoLoginKey(who()));
    }
    if let Some(reason) = person.login_keys.iter().find_map(|k| login_key_fault(k)) {
        return Err(RosterError::Key { who: who(), reason });
    }
    if let Some(reason) = person.unlockers.iter().find_map(|u| unlocker_fault(u)) {
        return Err(RosterError::Key { who: who(), reason });
    }
    let waived = person.single_unlocker == Some(true) && person.unlockers.len() == 1;
    if person.is(Role::Custodian) && person.unlockers.len() < 2 && !waived {
        return Err(RosterError::Unlockers(who()));
    }
    Ok(())
}

/// What is wrong with the kind of a login key, if anything (PROTOCOL §2).
#[must_use]
pub fn login_key_fault(key: &str) -> Option<&'static str> {
    match key.split_whitespace().next() {
        Some("ssh-ed25519") => None,
        Some(
            "ssh-rsa"
            | "ecdsa-sha2-nistp256"
            | "sk-ssh-ed25519@openssh.com"
            | "sk-ecdsa-sha2-nistp256@openssh.com",
        ) => Some("this kind of login key comes with a later version; use ssh-ed25519"),
        _ => Some("a login key must be an ssh public key such as ssh-ed25519"),
    }
}

/// What is wrong with the kind of an unlocker, if anything (PROTOCOL §2): the server must be able
/// to encrypt to it natively and never starts a plugin.
#[must_use]
pub fn unlocker_fault(unlocker: &str) -> Option<&'static str> {
    match unlocker.split_whitespace().next() {
        Some("ssh-ed25519") => None,
        Some("ssh-rsa") => Some("ssh-rsa unlockers come with a later version; use ssh-ed25519"),
        Some(text) if text.starts_with("age1tag1") => {
            Some("hardware recipients come with a later version; use ssh-ed25519 or age1…")
        }
        // A plugin recipient's human-readable part ends in a second `1`; X25519's data part,
        // after `age1`, cannot hold one (BIP-173 leaves `1` out of its alphabet).
        Some(text)
            if text
                .strip_prefix("age1")
                .is_some_and(|data| data.contains('1')) =>
        {
            Some("the server would have to start a plugin for this recipient, which it never does")
        }
        Some(text) if text.starts_with("age1") => None,
        _ => Some("an unlocker must be ssh-ed25519 or an age1 recipient"),
    }
}
