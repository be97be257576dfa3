//! What a session added at Databricks and how it is taken away again (PROTOCOL §7).
//!
//! Pure: says what to read, what a reply means, and which writes bring the former state back.
//! Undo takes away what was added; what somebody removed stays removed, for a removed right may
//! have been an attacker's. `calls` finds what a call adds, `back` makes the write that takes it
//! away, `words` names it; `app` does the reading and writing.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

mod back;
mod calls;
mod plain;
mod words;

pub use back::Write;
pub use calls::additions;
pub use plain::is_beyond_undo;

/// What somebody holds of one thing: levels, privileges, members, roles.
pub type Held = BTreeSet<String>;

/// Which of the two hosts a thing is at; the workspace is the session's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum At {
    /// The account host.
    Account,
    /// The workspace host.
    Workspace,
}

/// Who an object permission names: the member of the API and its value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Who {
    /// `user_name`, `group_name` or `service_principal_name`.
    pub member: String,
    /// The name.
    pub name: String,
}

/// One thing that can be added and taken away. Paths are those of the call that adds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "thing", rename_all = "snake_case")]
pub enum Thing {
    /// A principal's assignment to a workspace (account API); `path` ends in
    /// `/permissionassignments`.
    Assignment {
        /// Path of the list.
        path: String,
        /// Numeric id of the principal.
        principal: String,
    },
    /// Values of an attribute of a SCIM object: members, roles, entitlements.
    Values {
        /// Where.
        at: At,
        /// Path of the object.
        path: String,
        /// `members`, `roles` or `entitlements`.
        attribute: String,
        /// The values asked for; `None` when the call did not say plainly.
        asked: Option<Held>,
    },
    /// A member of a workspace group by name (`groups/add-member`).
    LegacyMember {
        /// The group.
        group: String,
        /// The member.
        who: Who,
    },
    /// A direct permission on a workspace object.
    Permission {
        /// `/api/2.0/permissions/…`.
        path: String,
        /// Whose.
        who: Who,
    },
    /// Privileges on a Unity Catalog securable.
    Grant {
        /// `/api/2.1/unity-catalog/permissions/…`.
        path: String,
        /// Whose.
        principal: String,
        /// The privileges asked for.
        asked: Held,
    },
    /// Roles on a principal, group or account (rule set).
    RuleSet {
        /// Where.
        at: At,
        /// `…/access-control/rule-sets`.
        path: String,
        /// Name of the set.
        name: String,
    },
    /// An entry of a secret scope's access list.
    SecretAcl {
        /// The scope.
        scope: String,
        /// Whose.
        principal: String,
    },
    /// An app.
    App {
        /// Its name.
        name: String,
    },
    /// A direct member of a group (`/api/2.0/identity/…`, the newer surface).
    DirectMember {
        /// Where.
        at: At,
        /// Path of the list, ending in `/direct-members`.
        path: String,
        /// Numeric id of the member.
        principal: String,
    },
    /// A principal's assignment to a workspace with its entitlements (the newer surface).
    Entitlements {
        /// Where.
        at: At,
        /// Path of the list, ending in `/workspace-assignments` or `-details`.
        path: String,
        /// Numeric id of the principal.
        principal: String,
    },
}

/// Held by whoever is assigned to a workspace at all, beside the entitlements.
const ASSIGNED: &str = "assigned";

/// One GET.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// Host.
    pub at: At,
    /// Path.
    pub path: String,
    /// Query.
    pub query: Vec<(&'static str, String)>,
}

const ACLS: &str = "/api/2.0/secrets/acls";
const APPS: &str = "/api/2.0/apps";
const LEGACY: &str = "/api/2.0/groups";
const SHARES: &str = "/unity-catalog/shares/";

impl Thing {
    /// Where it is.
    #[must_use]
    pub fn at(&self) -> At {
        match self {
            Self::Assignment { .. } => At::Account,
            Self::Values { at, .. }
            | Self::RuleSet { at, .. }
            | Self::DirectMember { at, .. }
            | Self::Entitlements { at, .. } => *at,
            _ => At::Workspace,
        }
    }

    /// What to read to know how it stands.
    #[must_use]
    pub fn read(&self) -> Read {
        let (path, query) = match self {
            Self::Assignment { path, .. }
            | Self::Values { path, .. }
            | Self::Permission { path, .. } => (path.clone(), Vec::new()),
            // A share's list takes no principal; it is read whole.
            Self::Grant { path, .. } if path.contains(SHARES) => (path.clone(), Vec::new()),
            Self::Grant {
                path, principal, ..
            } => (path.clone(), vec![("principal", principal.clone())]),
            Self::LegacyMember { group, .. } => (
                format!("{LEGACY}/list-members"),
                vec![("group_name", group.clone())],
            ),
            Self::RuleSet { path, name, .. } => (
                path.clone(),
                vec![("name", name.clone()), ("etag", String::new())],
            ),
            Self::SecretAcl { scope, principal } => (
                format!("{ACLS}/get"),
                vec![("scope", scope.clone()), ("principal", principal.clone())],
            ),
            Self::App { name } => (format!("{APPS}/{name}"), Vec::new()),
            Self::DirectMember {
                path, principal, ..
            }
            | Self::Entitlements {
                path, principal, ..
            } => (format!("{path}/{principal}"), Vec::new()),
        };
        Read {
            at: self.at(),
            path,
            query,
        }
    }

    /// What a reply says is held; `None` = 404, nothing is.
    #[must_use]
    pub fn held(&self, reply: Option<&Value>) -> Held {
        let Some(reply) = reply else {
            return Held::new();
        };
        match self {
            Self::Assignment { principal, .. } => list(reply, "permission_assignments")
                .filter(|one| same_id(&text_of(&one["principal"]["principal_id"]), principal))
                .flat_map(|one| texts(&one["permissions"]))
                .collect(),
            Self::Values {
                attribute, asked, ..
            } => list(reply, attribute)
                .map(|one| text_of(&one["value"]))
                .filter(|value| {
                    let same = |one: &String| same_who(one, value);
                    asked.as_ref().is_none_or(|asked| asked.iter().any(same))
                })
                .collect(),
            Self::LegacyMember { who, .. } => list(reply, "members")
                .filter(|one| is_named(&one[who.member.as_str()], &who.name))
                .map(|_| "member".to_owned())
                .collect(),
            Self::Permission { who, .. } => list(reply, "access_control_list")
                .filter(|one| is_named(&one[who.member.as_str()], &who.name))
                .flat_map(direct)
                .collect(),
            Self::Grant {
                principal, asked, ..
            } => list(reply, "privilege_assignments")
                .filter(|one| is_named(&one["principal"], principal))
                .flat_map(|one| texts(&one["privileges"]))
                .filter(|privilege| asked.contains(privilege))
                .collect(),
            Self::RuleSet { .. } => list(reply, "grant_rules")
                .flat_map(|rule| {
                    let role = text_of(&rule["role"]);
                    texts(&rule["principals"])
                        .into_iter()
                        .map(move |who| format!("{role}|{who}"))
                })
                .collect(),
            Self::SecretAcl { .. } => Some(text_of(&reply["permission"]))
                .filter(|held| !held.is_empty())
                .into_iter()
                .collect(),
            Self::App { .. } => Held::from(["exists".to_owned()]),
            Self::DirectMember { .. } => Held::from(["member".to_owned()]),
            Self::Entitlements { .. } => {
                let own = texts(&reply["entitlements"]).into_iter();
                own.chain([ASSIGNED.to_owned()]).collect()
            }
        }
    }

    /// What is held now and was not before: what is left to undo. Empty = as before.
    #[must_use]
    pub fn added(&self, before: &Held, now: &Held) -> Held {
        if matches!(self, Self::Assignment { .. }) && before.contains("ADMIN") {
            // ADMIN beats USER: nothing can have been added.
            return Held::new();
        }
        now.difference(before).cloned().collect()
    }
}

fn list<'a>(reply: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> {
    reply[member].as_array().into_iter().flatten()
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(text_of).collect()
}

/// Databricks compares names of people and words of rights without case.
fn same_who(one: &str, two: &str) -> bool {
    one.trim().to_lowercase() == two.trim().to_lowercase()
}

fn is_named(value: &Value, name: &str) -> bool {
    value.as_str().is_some_and(|value| same_who(value, name))
}

/// Zeros in front do not make another number.
fn same_id(one: &str, two: &str) -> bool {
    one.trim_start_matches('0') == two.trim_start_matches('0')
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

/// The levels of one entry that are its own, not inherited.
fn direct(entry: &Value) -> Vec<String> {
    list(entry, "all_permissions")
        .filter(|one| one["inherited"] != true)
        .map(|one| text_of(&one["permission_level"]))
        .collect()
}

#[cfg(test)]
mod tests;
