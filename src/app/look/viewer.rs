//! Who looks at a page: what the roster says of her.

use crate::app::App;
use crate::app::acts::Caller;
use crate::app::error::AppError;
use crate::domain::ids::PersonId;
use crate::domain::roster::{Role, passkey_parts};

/// A person of the roster who looks at the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// The vault she looks at.
    pub vault: String,
    /// Her id.
    pub person: PersonId,
    /// Her name.
    pub name: String,
    /// Her roles.
    pub roles: Vec<Role>,
    /// IANA time zone in which she reads times.
    pub time_zone: String,
    /// Whether the roster has a passkey of hers, by which pages can sign.
    pub passkey: bool,
}

impl Viewer {
    /// Whether she holds a role.
    #[must_use]
    pub fn is(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

impl App {
    /// What the roster in force says of a caller.
    ///
    /// # Errors
    /// [`AppError::LoginNeeded`] for somebody who was removed meanwhile.
    pub fn viewer(&self, caller: &Caller) -> Result<Viewer, AppError> {
        let facts = self.inner.facts.get();
        let person = facts.roster.person(&caller.person);
        let person = person.ok_or(AppError::LoginNeeded("the login has ended or never was"))?;
        Ok(Viewer {
            vault: self.inner.settings.vault.to_string(),
            person: person.id.clone(),
            name: person.name.clone(),
            roles: person.roles.clone(),
            time_zone: person.time_zone.clone(),
            passkey: person
                .login_keys
                .iter()
                .any(|key| passkey_parts(key).is_some()),
        })
    }
}
