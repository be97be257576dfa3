//! The rules every roster must keep, and the sentence for each that is broken (PROTOCOL §1, §2).

use std::collections::BTreeSet;

use super::keys::{comparable, login_key_fault, passkey_parts, unlocker_fault};
use super::{MAX_SHARES, MIN_THRESHOLD, Person, Role, Roster};
use crate::domain::VERSION;
use crate::domain::canonical::CanonicalError;
use crate::domain::terms::VAULT;

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
    /// A paper that is no unlocker of hers, or no plain age recipient.
    #[error("{0}: what is on paper must be one of the unlockers, an age1… recipient")]
    Paper(String),
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
        let kinds: [(&'static str, Texts); 5] = [
            ("id or name", |p| {
                let both = [p.id.as_str(), p.name.as_str()].map(str::to_ascii_lowercase);
                BTreeSet::from(both).into_iter().collect()
            }),
            ("login key", |p| {
                p.login_keys.iter().map(|k| comparable(k)).collect()
            }),
            // The same key under another credential id is the same key.
            ("passkey", |p| {
                let parts = p.login_keys.iter().filter_map(|k| passkey_parts(k));
                parts.map(|[_, _, key]| key.to_owned()).collect()
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
    if let Some(paper) = &person.paper {
        // Made by `paper new`: X25519, whose data part holds no second `1`.
        let plain = paper
            .strip_prefix("age1")
            .is_some_and(|data| !data.contains('1'));
        if !plain || !person.unlockers.contains(paper) {
            return Err(RosterError::Paper(who()));
        }
    }
    let waived = person.single_unlocker == Some(true) && person.unlockers.len() == 1;
    if person.is(Role::Custodian) && person.unlockers.len() < 2 && !waived {
        return Err(RosterError::Unlockers(who()));
    }
    Ok(())
}
