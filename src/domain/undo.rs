//! What a session added at Databricks and how it is taken away again (PROTOCOL §7).
//!
//! Pure: says what to read, what a reply means, and which writes bring the former state back.
//! Undo takes away what was added; what somebody removed stays removed, for a removed right may
//! have been an attacker's. `calls` finds what a call adds; `app` does the reading and writing.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

mod calls;
mod plain;

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

/// One write that undoes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Host.
    pub at: At,
    /// Method.
    pub method: &'static str,
    /// Path.
    pub path: String,
    /// JSON body; `None` for a DELETE.
    pub body: Option<Value>,
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

    /// The write that brings `before` back, given the newest reply; `None` when nothing was added.
    #[must_use]
    pub fn undo(&self, before: &Held, reply: Option<&Value>) -> Option<Write> {
        let added = self.added(before, &self.held(reply));
        if added.is_empty() {
            return None;
        }
        let (method, path, body) = match self {
            Self::Assignment { path, principal } => {
                let path = format!("{path}/principals/{principal}");
                if before.is_empty() {
                    ("DELETE", path, None)
                } else {
                    ("PUT", path, Some(json!({ "permissions": before })))
                }
            }
            Self::Values {
                path, attribute, ..
            } => ("PATCH", path.clone(), Some(removal(attribute, &added))),
            Self::LegacyMember { group, who } => (
                "POST",
                format!("{LEGACY}/remove-member"),
                Some(json!({"parent_name": group, who.member.as_str(): who.name})),
            ),
            Self::Permission { path, who } => (
                "PUT",
                path.clone(),
                Some(json!({"access_control_list": restored(reply?, who, before)})),
            ),
            Self::Grant {
                path, principal, ..
            } => (
                "PATCH",
                path.clone(),
                Some(json!({"changes": [{"principal": principal, "remove": added}]})),
            ),
            Self::RuleSet { path, name, .. } => {
                ("PUT", path.clone(), Some(without(reply?, name, &added)))
            }
            Self::SecretAcl { scope, principal } => match before.first() {
                None => (
                    "POST",
                    format!("{ACLS}/delete"),
                    Some(json!({"scope": scope, "principal": principal})),
                ),
                Some(level) => (
                    "POST",
                    format!("{ACLS}/put"),
                    Some(json!({"scope": scope, "principal": principal, "permission": level})),
                ),
            },
            Self::App { name } => ("DELETE", format!("{APPS}/{name}"), None),
            Self::DirectMember {
                path, principal, ..
            } => ("DELETE", format!("{path}/{principal}"), None),
            Self::Entitlements {
                path, principal, ..
            } if before.is_empty() => ("DELETE", format!("{path}/{principal}"), None),
            Self::Entitlements {
                path, principal, ..
            } => {
                // What somebody took away meanwhile stays away: only what was there before and
                // still is.
                let now = self.held(reply);
                let kept: Vec<&String> = now
                    .intersection(before)
                    .filter(|one| *one != ASSIGNED)
                    .collect();
                (
                    "PATCH",
                    format!("{path}/{principal}?update_mask=entitlements"),
                    Some(json!({ "entitlements": kept })),
                )
            }
        };
        Some(Write {
            at: self.at(),
            method,
            path,
            body,
        })
    }

    /// Names and ids of those who get the right, as the call writes them.
    #[must_use]
    pub fn people(&self) -> Vec<&str> {
        match self {
            Self::Assignment { principal, .. }
            | Self::Grant { principal, .. }
            | Self::SecretAcl { principal, .. }
            | Self::DirectMember { principal, .. }
            | Self::Entitlements { principal, .. } => vec![principal],
            Self::Values {
                attribute, asked, ..
            } if attribute == "members" => asked.iter().flatten().map(String::as_str).collect(),
            Self::Values { path, .. } => path.rsplit('/').take(1).collect(),
            Self::LegacyMember { who, .. } | Self::Permission { who, .. } => vec![&who.name],
            Self::RuleSet { .. } | Self::App { .. } => Vec::new(),
        }
    }

    /// What it is, for entries and people; never a name of a person, which a log would keep.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Assignment { path, principal } => {
                let workspace = path.rsplit('/').nth(1).unwrap_or("?");
                format!("assignment of principal {principal} to workspace {workspace}")
            }
            Self::Values {
                path, attribute, ..
            } => {
                let mut ends = path.rsplit('/');
                let (id, table) = (ends.next().unwrap_or("?"), ends.next().unwrap_or("?"));
                format!("{attribute} of {table}/{id}")
            }
            Self::LegacyMember { group, .. } => format!("a member of group {group}"),
            Self::Permission { path, .. } => {
                format!("permission on {}", after(path, "/permissions/"))
            }
            Self::Grant { path, .. } => {
                let share = after(path, "/unity-catalog/").trim_end_matches("/permissions");
                match path.contains(SHARES) {
                    true => format!("privileges on {share}"),
                    false => format!("privileges on {}", after(path, "/permissions/")),
                }
            }
            Self::RuleSet { name, .. } => format!("rule set {name}"),
            Self::SecretAcl { scope, .. } => format!("access to secret scope {scope}"),
            Self::App { name } => format!("app {name}"),
            Self::DirectMember { path, .. } => {
                format!(
                    "a member of group {}",
                    path.rsplit('/').nth(1).unwrap_or("?")
                )
            }
            Self::Entitlements {
                path, principal, ..
            } => {
                let place = after(path, "/workspaces/").split('/').next();
                let place = place.filter(|id| id.bytes().all(|b| b.is_ascii_digit()));
                let place =
                    place.map_or("the workspace".to_owned(), |id| format!("workspace {id}"));
                format!("assignment of principal {principal} to {place}")
            }
        }
    }
}

fn after<'a>(path: &'a str, mark: &str) -> &'a str {
    path.split_once(mark).map_or(path, |(_, rest)| rest)
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

/// A SCIM PATCH that removes values of an attribute (facts §3.2).
fn removal(attribute: &str, values: &Held) -> Value {
    let operations: Vec<Value> = values
        .iter()
        .map(|value| {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            json!({"op": "remove", "path": format!("{attribute}[value eq \"{value}\"]")})
        })
        .collect();
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": operations,
    })
}

/// The whole access list as it is now, but for one name, which gets its former levels.
fn restored(reply: &Value, who: &Who, before: &Held) -> Vec<Value> {
    let mut entries = Vec::new();
    for entry in list(reply, "access_control_list") {
        let member = ["user_name", "group_name", "service_principal_name"]
            .into_iter()
            .find(|member| entry[*member].is_string());
        let Some(member) = member else { continue };
        if member == who.member && is_named(&entry[member], &who.name) {
            continue;
        }
        for level in direct(entry) {
            entries.push(json!({member: entry[member], "permission_level": level}));
        }
    }
    for level in before {
        entries.push(json!({who.member.as_str(): who.name, "permission_level": level}));
    }
    entries
}

/// The rule set without the pairs that were added; its newest etag guards the write.
fn without(reply: &Value, name: &str, added: &Held) -> Value {
    let rules: Vec<Value> = list(reply, "grant_rules")
        .filter_map(|rule| {
            let role = text_of(&rule["role"]);
            let mut principals = texts(&rule["principals"]);
            principals.retain(|who| !added.contains(&format!("{role}|{who}")));
            (!principals.is_empty()).then(|| json!({"role": role, "principals": principals}))
        })
        .collect();
    json!({"name": name, "rule_set": {"name": name, "etag": reply["etag"], "grant_rules": rules}})
}

#[cfg(test)]
mod tests;
