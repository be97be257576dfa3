//! Who else could let somebody in at Databricks: the account's admins, and the managers of the
//! guarded principal. Each of them can mint a secret of it, whatever the vault does.
//!
//! Reads only. A right that a group gives is followed to the group's own members and no further.
//! What the account does not show is an error, never an empty list. Judges nothing.

use std::collections::BTreeMap;

use serde_json::Value;

use super::error::CallError;
use super::http::Client;
use super::token::Minted;
use super::upstream::Upstream;

/// The role that may do everything in the account (facts §3.2).
const ACCOUNT_ADMIN: &str = "account_admin";
/// Who has it on a principal mints its secrets; who has the other runs jobs as it (facts §3.4).
const MANAGER: &str = "roles/servicePrincipal.manager";
const USER: &str = "roles/servicePrincipal.user";
/// Groups that are followed to their members: one call each.
const MAX_GROUPS: usize = 20;

/// What holds a right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HolderKind {
    /// Somebody who signs in.
    Person,
    /// A service principal.
    Principal,
    /// A group: everybody in it.
    Group,
}

impl HolderKind {
    /// The SCIM table of its kind.
    #[must_use]
    pub fn table(self) -> &'static str {
        match self {
            Self::Person => "Users",
            Self::Principal => "ServicePrincipals",
            Self::Group => "Groups",
        }
    }
}

/// One person, principal or group that holds a right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// What it is.
    pub kind: HolderKind,
    /// SCIM id; empty where the account did not tell.
    pub id: String,
    /// User name, application id, or the group's name.
    pub name: String,
    /// Whether it may sign in; groups always are.
    pub active: bool,
    /// Of a group: its own members. Groups among them are not followed.
    pub members: Vec<Holder>,
    /// Of a group: why its members are not known.
    pub unseen: Option<String>,
}

impl Holder {
    /// One that may sign in, without members.
    #[must_use]
    pub fn named(kind: HolderKind, id: &str, name: &str) -> Self {
        Self {
            kind,
            id: id.to_owned(),
            // Somebody without a name is still somebody.
            name: if name.is_empty() { id } else { name }.to_owned(),
            active: true,
            members: Vec::new(),
            unseen: None,
        }
    }
}

/// Everybody besides the guarded principal itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhoElse {
    /// Who is account admin.
    pub admins: Result<Vec<Holder>, CallError>,
    /// Who manages the principal: mints its secrets without being account admin.
    pub managers: Result<Vec<Holder>, CallError>,
    /// Who may run jobs as the principal.
    pub users: Result<Vec<Holder>, CallError>,
}

/// The account's directory, as far as it is needed to name somebody: by kind, then by SCIM id.
#[derive(Default)]
struct Directory(BTreeMap<HolderKind, BTreeMap<String, Known>>);

struct Known {
    name: String,
    active: bool,
    admin: bool,
}

impl Client {
    /// Who else is account admin, manages the principal, or may run as it.
    pub async fn who_else(&self, bearer: &Minted) -> WhoElse {
        let directory = self.directory(bearer).await;
        let rules = self.rules_of_principal(bearer).await;
        let mut left = MAX_GROUPS;
        let admins = match &directory {
            Ok(directory) => {
                let mut admins = directory.admins();
                self.follow(bearer, directory, &mut admins, &mut left).await;
                Ok(admins)
            }
            Err(why) => Err(why.clone()),
        };
        let empty = Directory::default();
        // Without the directory the rules still name people; only groups stay closed.
        let known = directory.as_ref().unwrap_or(&empty);
        let managers = self.having(bearer, &rules, MANAGER, known, &mut left).await;
        let users = self.having(bearer, &rules, USER, known, &mut left).await;
        let ours = self.config().application_id.as_str();
        WhoElse {
            admins: admins.map(|found| besides(found, ours)),
            managers: managers.map(|found| besides(found, ours)),
            users: users.map(|found| besides(found, ours)),
        }
    }

    /// Who has a role by the rules, groups with their members.
    async fn having(
        &self,
        bearer: &Minted,
        rules: &Result<Value, CallError>,
        role: &str,
        known: &Directory,
        left: &mut usize,
    ) -> Result<Vec<Holder>, CallError> {
        let rules = rules.as_ref().map_err(Clone::clone)?;
        let mut found = holders_of(rules, role, known);
        self.follow(bearer, known, &mut found, left).await;
        Ok(found)
    }

    async fn directory(&self, bearer: &Minted) -> Result<Directory, CallError> {
        let mut directory = Directory::default();
        let base = format!("/api/2.0/accounts/{}/scim/v2", self.config().account_id);
        for kind in [HolderKind::Person, HolderKind::Principal, HolderKind::Group] {
            let path = format!("{base}/{}", kind.table());
            let member = naming_member(kind);
            let attributes = format!("id,{member},active,roles");
            let found = self
                .scim_all(&Upstream::Account, bearer, &path, &attributes)
                .await?;
            let table = directory.0.entry(kind).or_default();
            for one in &found {
                let roles = one["roles"].as_array().into_iter().flatten();
                let known = Known {
                    name: text(&one[member]),
                    active: one["active"] != false,
                    admin: roles.clone().any(|role| role["value"] == ACCOUNT_ADMIN),
                };
                table.insert(text(&one["id"]), known);
            }
        }
        Ok(directory)
    }

    /// The rules that stand on the principal: role → who (facts §3.4).
    async fn rules_of_principal(&self, bearer: &Minted) -> Result<Value, CallError> {
        const STEP: &str = "read who manages the principal";
        let config = self.config();
        let account = &config.account_id;
        let name = format!(
            "accounts/{account}/servicePrincipals/{}/ruleSets/default",
            config.application_id
        );
        let path = format!("/api/2.0/preview/accounts/{account}/access-control/rule-sets");
        // The etag must be there, and is empty for whoever only reads.
        let query = [("name", name.clone()), ("etag", String::new())];
        let found = self
            .read_json(&Upstream::Account, bearer, &path, &query)
            .await?;
        let Some(found) = found else {
            return Err(CallError::Refused {
                step: STEP,
                status: 404,
                code: "NOT_FOUND".to_owned(),
            });
        };
        // An answer about something else must not be read as "nobody".
        let rules = &found["grant_rules"];
        if found["name"] != name.as_str() || !(rules.is_array() || rules.is_null()) {
            return Err(CallError::Unexpected {
                step: STEP,
                status: 200,
                code: "unreadable_rule_set".to_owned(),
            });
        }
        Ok(rules.clone())
    }

    /// Puts the members of each group under it.
    async fn follow(
        &self,
        bearer: &Minted,
        directory: &Directory,
        found: &mut [Holder],
        left: &mut usize,
    ) {
        let account = &self.config().account_id;
        for group in found {
            if group.kind != HolderKind::Group {
                continue;
            }
            if group.id.is_empty() {
                group.unseen = Some("the account does not list it".to_owned());
                continue;
            }
            if *left == 0 {
                group.unseen = Some("too many groups to follow".to_owned());
                continue;
            }
            *left -= 1;
            let path = format!("/api/2.0/accounts/{account}/scim/v2/Groups/{}", group.id);
            match self.read_json(&Upstream::Account, bearer, &path, &[]).await {
                Ok(Some(shown)) => group.members = members(&shown, directory),
                Ok(None) => group.unseen = Some("the account does not list it".to_owned()),
                Err(why) => group.unseen = Some(why.to_string()),
            }
        }
    }
}

impl Directory {
    fn admins(&self) -> Vec<Holder> {
        let mut admins = Vec::new();
        for (kind, table) in &self.0 {
            let found = table.iter().filter(|(_, known)| known.admin);
            admins.extend(found.map(|(id, known)| known.holder(*kind, id)));
        }
        admins
    }

    /// Somebody by SCIM id.
    fn by_id(&self, id: &str) -> Option<Holder> {
        let mut found = self.0.iter();
        found.find_map(|(kind, table)| Some(table.get(id)?.holder(*kind, id)))
    }

    /// Somebody by the name that a rule uses.
    fn by_name(&self, kind: HolderKind, name: &str) -> Holder {
        let mut known = self.0.get(&kind).into_iter().flatten();
        match known.find(|(_, known)| known.name.eq_ignore_ascii_case(name)) {
            Some((id, known)) => Holder {
                active: known.active,
                ..Holder::named(kind, id, name)
            },
            None => Holder::named(kind, "", name),
        }
    }
}

impl Known {
    fn holder(&self, kind: HolderKind, id: &str) -> Holder {
        Holder {
            active: self.active,
            ..Holder::named(kind, id, &self.name)
        }
    }
}

fn naming_member(kind: HolderKind) -> &'static str {
    match kind {
        HolderKind::Person => "userName",
        HolderKind::Principal => "applicationId",
        HolderKind::Group => "displayName",
    }
}

/// Who has a role, of rules such as `{"role":"…","principals":["users/ada@example.com"]}`.
fn holders_of(rules: &Value, role: &str, directory: &Directory) -> Vec<Holder> {
    let rules = rules.as_array().into_iter().flatten();
    let mut found = Vec::new();
    for rule in rules.filter(|rule| rule["role"] == role) {
        let principals = rule["principals"].as_array().into_iter().flatten();
        for principal in principals.filter_map(Value::as_str) {
            let (kind, name) = match principal.split_once('/') {
                Some(("users", name)) => (HolderKind::Person, name),
                Some(("servicePrincipals", name)) => (HolderKind::Principal, name),
                Some(("groups", name)) => (HolderKind::Group, name),
                // A kind that is new to us still holds the role.
                _ => (HolderKind::Group, principal),
            };
            let one = directory.by_name(kind, name);
            if !found.contains(&one) {
                found.push(one);
            }
        }
    }
    found
}

/// The members that a group itself shows.
fn members(group: &Value, directory: &Directory) -> Vec<Holder> {
    let members = group["members"].as_array().into_iter().flatten();
    let one = |member: &Value| {
        let id = text(&member["value"]);
        directory.by_id(&id).unwrap_or_else(|| {
            let to = text(&member["$ref"]);
            let kind = match to.split('/').next() {
                Some("ServicePrincipals") => HolderKind::Principal,
                Some("Groups") => HolderKind::Group,
                _ => HolderKind::Person,
            };
            Holder::named(kind, &id, &text(&member["display"]))
        })
    };
    members.map(one).collect()
}

/// Everybody but the principal with this application id.
fn besides(found: Vec<Holder>, application_id: &str) -> Vec<Holder> {
    let other = |one: &Holder| one.kind != HolderKind::Principal || one.name != application_id;
    let mut found: Vec<Holder> = found.into_iter().filter(other).collect();
    for group in &mut found {
        group.members.retain(other);
    }
    found
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn directory() -> Directory {
        let known = |name: &str| Known {
            name: name.to_owned(),
            active: true,
            admin: false,
        };
        let mut directory = Directory::default();
        for (kind, id, name) in [
            (HolderKind::Person, "1", "Ada@example.com"),
            (HolderKind::Group, "3", "platform"),
        ] {
            let table = directory.0.entry(kind).or_default();
            table.insert(id.to_owned(), known(name));
        }
        directory
    }

    #[test]
    fn a_rule_names_people_principals_and_groups_once_each() {
        let rules = json!([
            {"role": MANAGER, "principals": ["users/ada@example.com", "groups/platform"]},
            {"role": MANAGER, "principals": ["users/ada@example.com", "robots/r2"]},
            {"role": USER, "principals": ["servicePrincipals/app-2"]},
        ]);
        let found = holders_of(&rules, MANAGER, &directory());
        let seen: Vec<_> = found
            .iter()
            .map(|one| (one.kind, one.id.as_str(), one.name.as_str()))
            .collect();
        assert_eq!(
            seen,
            [
                (HolderKind::Person, "1", "ada@example.com"),
                (HolderKind::Group, "3", "platform"),
                (HolderKind::Group, "", "robots/r2"),
            ]
        );
        let users = holders_of(&rules, USER, &directory());
        assert_eq!(users[0].kind, HolderKind::Principal);
        assert!(holders_of(&Value::Null, USER, &directory()).is_empty());
    }

    #[test]
    fn a_member_is_named_by_the_directory_and_else_by_what_the_group_says() {
        let group = json!({"members": [
            {"value": "1", "display": "Ada"},
            {"value": "9", "display": "robot", "$ref": "ServicePrincipals/9"},
            {"value": "8", "$ref": "Groups/8"},
        ]});
        let found = members(&group, &directory());
        let names: Vec<_> = found.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["Ada@example.com", "robot", "8"]);
        assert_eq!(found[2].kind, HolderKind::Group);
    }

    #[test]
    fn our_own_principal_is_left_out_and_no_other() {
        let mut group = Holder::named(HolderKind::Group, "3", "platform");
        group.members = vec![
            Holder::named(HolderKind::Principal, "4", "app-1"),
            Holder::named(HolderKind::Person, "1", "app-1"),
        ];
        let ours = Holder::named(HolderKind::Principal, "4", "app-1");
        let left = besides(vec![ours, group], "app-1");
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].members.len(), 1);
        assert_eq!(left[0].members[0].kind, HolderKind::Person);
    }
}
