//! The tables of the directory and the questions asked of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::simulator::auth::Level;
use crate::simulator::seed::ADMINS_GROUP;

/// Objects by SCIM id.
pub type Table = BTreeMap<u64, Value>;

/// Which table a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// People, at the given level.
    User(Level),
    /// Groups, at the given level.
    Group(Level),
    /// Service principals, at the given level.
    Principal(Level),
}

impl Kind {
    /// From the path segment.
    pub fn parse(name: &str, level: Level) -> Option<Self> {
        match name {
            "Users" => Some(Self::User(level)),
            "Groups" => Some(Self::Group(level)),
            "ServicePrincipals" => Some(Self::Principal(level)),
            _ => None,
        }
    }

    /// The word in messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::User(_) => "User",
            Self::Group(_) => "Group",
            Self::Principal(_) => "ServicePrincipal",
        }
    }

    /// The member that must be unique.
    pub fn naming_member(self) -> &'static str {
        match self {
            Self::User(_) => "userName",
            Self::Group(_) => "displayName",
            Self::Principal(_) => "applicationId",
        }
    }

    /// Service principals get their application id from the service.
    pub fn is_principal(self) -> bool {
        matches!(self, Self::Principal(_))
    }

    fn level(self) -> Level {
        match self {
            Self::User(level) | Self::Group(level) | Self::Principal(level) => level,
        }
    }
}

/// Users, groups, principals, workspace assignments and rule sets.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Directory {
    /// Users of the account (all are users of every workspace).
    pub users: Table,
    /// Service principals of the account.
    pub principals: Table,
    /// Groups of the account.
    pub account_groups: Table,
    /// Groups of the workspace.
    pub workspace_groups: Table,
    /// Workspace id → principal id → ADMIN or USER.
    pub assignments: BTreeMap<u64, BTreeMap<u64, String>>,
    /// Rule sets by name: version and grant rules.
    pub rule_sets: BTreeMap<String, (u64, Value)>,
    /// The next id given out.
    pub next_id: u64,
}

impl Directory {
    /// The table of a kind.
    pub fn table(&self, kind: Kind) -> &Table {
        match kind {
            Kind::User(_) => &self.users,
            Kind::Principal(_) => &self.principals,
            Kind::Group(Level::Account) => &self.account_groups,
            Kind::Group(Level::Workspace) => &self.workspace_groups,
        }
    }

    /// The table of a kind, to change.
    pub fn table_mut(&mut self, kind: Kind) -> &mut Table {
        match kind {
            Kind::User(_) => &mut self.users,
            Kind::Principal(_) => &mut self.principals,
            Kind::Group(Level::Account) => &mut self.account_groups,
            Kind::Group(Level::Workspace) => &mut self.workspace_groups,
        }
    }

    /// Adds an object under a new id and shows it.
    pub fn insert(&mut self, kind: Kind, object: Value) -> Value {
        let id = self.next_id;
        self.next_id += 1;
        self.table_mut(kind).insert(id, object);
        self.shown(kind, id).unwrap_or_default()
    }

    /// An object as the API shows it: with id, names of members and group memberships.
    pub fn shown(&self, kind: Kind, id: u64) -> Option<Value> {
        let mut object = self.table(kind).get(&id)?.clone();
        object["id"] = json!(id.to_string());
        match kind {
            Kind::Group(_) => self.name_members(&mut object),
            Kind::User(_) | Kind::Principal(_) => {
                let groups = self.groups_of(id, kind.level());
                if !groups.is_empty() {
                    object["groups"] = json!(groups);
                }
            }
        }
        if kind.level() == Level::Workspace
            && let Some(members) = object.as_object_mut()
        {
            members.remove("roles");
        }
        Some(object)
    }

    fn name_members(&self, group: &mut Value) {
        let Some(members) = group["members"].as_array_mut() else {
            return;
        };
        for member in members {
            let id = member["value"]
                .as_str()
                .and_then(|id| id.parse::<u64>().ok());
            let Some(id) = id else { continue };
            let (path, object) = match (self.users.get(&id), self.principals.get(&id)) {
                (Some(user), _) => ("Users", user),
                (None, Some(principal)) => ("ServicePrincipals", principal),
                (None, None) => match self.account_groups.get(&id) {
                    Some(group) => ("Groups", group),
                    None => continue,
                },
            };
            member["display"] = object["displayName"].clone();
            member["$ref"] = json!(format!("{path}/{id}"));
        }
    }

    fn groups_of(&self, id: u64, level: Level) -> Vec<Value> {
        let id = id.to_string();
        self.table(Kind::Group(level))
            .iter()
            .filter(|(_, group)| has_member(group, &id))
            .map(|(group_id, group)| {
                json!({
                    "display": group["displayName"],
                    "type": "direct",
                    "value": group_id.to_string(),
                    "$ref": format!("Groups/{group_id}"),
                })
            })
            .collect()
    }

    /// SCIM id of the principal with this application id, when it is active.
    pub fn active_principal(&self, application_id: &str) -> Option<u64> {
        self.principals
            .iter()
            .find(|(_, object)| object["applicationId"] == json!(application_id))
            .filter(|(_, object)| object["active"] != json!(false))
            .map(|(id, _)| *id)
    }

    /// Id of a caller: a principal by application id or a user by name.
    fn id_of(&self, subject: &str) -> Option<u64> {
        let named = |table: &Table, member: &str| {
            table
                .iter()
                .find(|(_, object)| object[member] == json!(subject))
                .map(|(id, _)| *id)
        };
        named(&self.principals, "applicationId").or_else(|| named(&self.users, "userName"))
    }

    /// The entry shown at `Me`.
    pub fn me(&self, subject: &str) -> Option<Value> {
        let id = self.id_of(subject)?;
        if self.users.contains_key(&id) {
            return self.shown(Kind::User(Level::Workspace), id);
        }
        let mut shown = self.shown(Kind::Principal(Level::Workspace), id)?;
        // A principal sees itself as a user named by its application id.
        shown["schemas"] = json!(["urn:ietf:params:scim:schemas:core:2.0:User"]);
        shown["userName"] = json!(subject);
        shown["emails"] = json!([{"value": subject, "type": "work", "primary": true}]);
        Some(shown)
    }

    /// Member of `admins`.
    pub fn is_workspace_admin(&self, subject: &str) -> bool {
        let (Some(id), Some(group)) = (
            self.id_of(subject),
            self.workspace_groups.get(&ADMINS_GROUP),
        ) else {
            return false;
        };
        has_member(group, &id.to_string())
    }

    /// Bears the role `account_admin`.
    pub fn is_account_admin(&self, subject: &str) -> bool {
        let Some(id) = self.id_of(subject) else {
            return false;
        };
        let object = self.principals.get(&id).or_else(|| self.users.get(&id));
        object
            .and_then(|object| object["roles"].as_array())
            .is_some_and(|roles| roles.iter().any(|role| role["value"] == "account_admin"))
    }

    /// Names of the workspace groups.
    pub fn group_names(&self) -> Vec<Value> {
        self.workspace_groups
            .values()
            .map(|group| group["displayName"].clone())
            .collect()
    }

    /// The workspace's `admins` has whom the account assigns as ADMIN, and no longer.
    pub fn admins_follow(&mut self, workspace: u64, principal: u64) {
        let assigned = self.assignments.get(&workspace);
        let is_admin = assigned
            .and_then(|held| held.get(&principal))
            .is_some_and(|level| level == "ADMIN");
        let Some(group) = self.workspace_groups.get_mut(&ADMINS_GROUP) else {
            return;
        };
        let id = json!(principal.to_string());
        let mut members = group["members"].as_array().cloned().unwrap_or_default();
        members.retain(|member| member["value"] != id);
        if is_admin {
            members.push(json!({"value": id}));
        }
        group["members"] = json!(members);
    }

    /// User names in a group of the workspace; `None` when there is no such group.
    pub fn legacy_members(&self, parent: &str) -> Option<Vec<Value>> {
        let mut groups = self.workspace_groups.values();
        let group = groups.find(|group| group["displayName"] == json!(parent))?;
        let members = group["members"].as_array().into_iter().flatten();
        let ids = members.filter_map(|member| member["value"].as_str()?.parse::<u64>().ok());
        Some(
            ids.filter_map(|id| Some(json!({"user_name": self.users.get(&id)?["userName"]})))
                .collect(),
        )
    }

    /// Adds or removes by names; false when the group or user is unknown.
    pub fn legacy_member(&mut self, parent: &str, user: &str, adds: bool) -> bool {
        let Some(id) = self.id_of(user).map(|id| id.to_string()) else {
            return false;
        };
        let group = self
            .workspace_groups
            .values_mut()
            .find(|group| group["displayName"] == json!(parent));
        let Some(group) = group else { return false };
        let mut members = group["members"].as_array().cloned().unwrap_or_default();
        members.retain(|member| member["value"] != json!(id));
        if adds {
            members.push(json!({"value": id}));
        }
        group["members"] = json!(members);
        true
    }
}

fn has_member(group: &Value, id: &str) -> bool {
    let members = group["members"].as_array();
    members.is_some_and(|members| members.iter().any(|member| member["value"] == json!(id)))
}
