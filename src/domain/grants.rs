//! Rights for people (PROTOCOL §7): who may be given an admin's right for the length of a session,
//! and whether it stays.
//!
//! Pure. Knows roster people, not Databricks' ids; `app` looks those up by the person's mail.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::ids::{IdError, PersonId};
use super::incident::{Incident, Phase, Refusal};
use super::roster::Roster;

/// Most people one opening may name.
pub const MAX_GRANTS: usize = 10;
/// How `grants_to` marks a right that stays after the close.
const KEEP: &str = ":keep";

/// One entry of `grants_to`: `rio`, or `rio:keep` for rights that are not taken back at close.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GrantTo {
    /// The person of the roster.
    pub person: PersonId,
    /// What she is given stays, and is a review item.
    pub keep: bool,
}

impl std::str::FromStr for GrantTo {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (person, keep) = match text.strip_suffix(KEEP) {
            Some(person) => (person, true),
            None => (text, false),
        };
        Ok(Self {
            person: person.parse()?,
            keep,
        })
    }
}

impl TryFrom<String> for GrantTo {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<GrantTo> for String {
    fn from(grant: GrantTo) -> Self {
        let keep = if grant.keep { KEEP } else { "" };
        format!("{}{keep}", grant.person)
    }
}

impl GrantTo {
    /// Words for the custodian who is asked to sign.
    #[must_use]
    pub fn words(&self, roster: &Roster) -> String {
        let name = roster.name_of(&self.person);
        if self.keep {
            format!("{name} may be made an admin, and KEEPS it after the close")
        } else {
            format!("{name} may be made an admin until the close")
        }
    }
}

/// What a grant gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Right {
    /// Admin of the target workspace.
    WorkspaceAdmin,
    /// The role `account_admin`.
    AccountAdmin,
}

impl Right {
    /// The word in commands, acts and entries.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::WorkspaceAdmin => "workspace-admin",
            Self::AccountAdmin => "account-admin",
        }
    }
}

/// Checks the `grants_to` of an opening: people of the roster, each once.
///
/// # Errors
/// The sentence that completes "the opening's `grants_to` …".
pub fn check(grants: &[GrantTo], roster: &Roster) -> Result<(), String> {
    if grants.len() > MAX_GRANTS {
        return Err(format!("names more than {MAX_GRANTS} people"));
    }
    let mut seen = BTreeSet::new();
    for grant in grants {
        if roster.person(&grant.person).is_none() {
            return Err(format!("names {}, who is not in the roster", grant.person));
        }
        if !seen.insert(&grant.person) {
            return Err(format!("names {} twice", grant.person));
        }
    }
    Ok(())
}

/// Whether this person may be given this right now; the entry of the terms that says so.
///
/// # Errors
/// Not the responder, not open, not named in the terms, or a host that the terms do not include.
pub fn may_grant<'a>(
    incident: &'a Incident,
    actor: &PersonId,
    person: &PersonId,
    right: Right,
) -> Result<&'a GrantTo, Refusal> {
    if incident.requester.person() != Some(actor) {
        return Err(Refusal::WrongRole {
            role: "responder of this incident",
        });
    }
    if !matches!(incident.phase, Phase::Open(_)) {
        return Err(Refusal::SessionEnded {
            incident: incident.id.clone(),
        });
    }
    let named = incident
        .terms
        .grants_to
        .iter()
        .find(|grant| grant.person == *person)
        .ok_or(Refusal::NotInGrants {
            person: person.clone(),
        })?;
    let reaches = match right {
        Right::WorkspaceAdmin => incident.terms.target.workspace.is_some(),
        Right::AccountAdmin => incident.terms.target.account,
    };
    if reaches {
        Ok(named)
    } else {
        Err(Refusal::OutsideTarget {
            right: right.word(),
            target: incident.terms.target.words(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_a_person_with_or_without_the_word_keep() {
        for text in ["rio", "rio:keep"] {
            let grant: GrantTo = serde_json::from_value(text.into()).unwrap();
            assert_eq!(grant.keep, text.ends_with("keep"));
            assert_eq!(String::from(grant), text);
        }
        for odd in ["rio:kept", ":keep", "rio:keep:keep", "Rio"] {
            assert!(odd.parse::<GrantTo>().is_err(), "{odd}");
        }
    }

    #[test]
    fn rights_are_written_as_the_command_says_them() {
        let right: Right = serde_json::from_value("account-admin".into()).unwrap();
        assert_eq!(right, Right::AccountAdmin);
        assert_eq!(Right::WorkspaceAdmin.word(), "workspace-admin");
    }
}
