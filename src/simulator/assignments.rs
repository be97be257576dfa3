//! Workspace assignments (facts §3.3) and rule sets with etags (facts §3.4).

use hyper::StatusCode;
use serde_json::{Value, json};

use super::auth::Level;
use super::call::{Call, text};
use super::knobs::Knobs;
use super::reply::{Fate, Handled, Reply};
use super::scim::{Directory, Kind};
use super::state::lock;

/// `…/workspaces[/{id}/permissionassignments…]` of the account.
pub fn workspaces(call: &Call<'_>, rest: &[&str]) -> Handled {
    let [_, id, tail @ ..] = rest else {
        let all: Vec<Value> = call
            .state
            .workspaces
            .iter()
            .map(|id| workspace(*id))
            .collect();
        return Ok(Reply::json(&json!(all)));
    };
    let id = id
        .parse::<u64>()
        .ok()
        .filter(|id| call.state.workspaces.contains(id))
        .ok_or_else(|| Reply::missing(format!("Workspace {id} does not exist")))?;
    match (call.method, tail) {
        ("GET", []) => Ok(Reply::json(&workspace(id))),
        ("GET", ["permissionassignments"]) => {
            let shown = list(call, id);
            land_late(call);
            Ok(shown)
        }
        ("PUT", ["permissionassignments", "principals", principal]) => put(call, id, principal),
        ("DELETE", ["permissionassignments", "principals", principal]) => {
            let principal = number(principal)?;
            let mut directory = lock(&call.state.directory);
            directory
                .assignments
                .entry(id)
                .or_default()
                .remove(&principal);
            directory.admins_follow(id, principal);
            drop(directory);
            call.state.directory_changed();
            Ok(Reply::done())
        }
        _ => Err(call.no_endpoint()),
    }
}

fn workspace(id: u64) -> Value {
    json!({
        "workspace_id": id,
        "workspace_name": format!("practice-{id}"),
        "deployment_name": format!("practice-{id}"),
        "workspace_status": "RUNNING",
    })
}

fn number(text: &str) -> Result<u64, Reply> {
    text.parse()
        .map_err(|_| Reply::invalid(format!("{text} is not a principal id")))
}

fn principal(directory: &Directory, id: u64) -> Option<Value> {
    let named = |kind, member: &str| {
        let object = directory.table(kind).get(&id)?;
        Some((object["displayName"].clone(), object[member].clone()))
    };
    let account = Level::Account;
    let (member, (display, name)) = named(Kind::User(account), "userName")
        .map(|names| ("user_name", names))
        .or_else(|| {
            let names = named(Kind::Principal(account), "applicationId")?;
            Some(("service_principal_name", names))
        })
        .or_else(|| Some(("group_name", named(Kind::Group(account), "displayName")?)))?;
    Some(json!({"principal_id": id, member: name, "display_name": display}))
}

fn list(call: &Call<'_>, workspace: u64) -> Reply {
    let directory = lock(&call.state.directory);
    let assigned = directory.assignments.get(&workspace);
    let rows: Vec<Value> = assigned
        .into_iter()
        .flatten()
        .filter_map(|(id, level)| {
            Some(json!({"permissions": [level], "principal": principal(&directory, *id)?}))
        })
        .collect();
    Reply::json(&json!({"permission_assignments": rows}))
}

/// Carries late assignments out once they were read for often enough.
fn land_late(call: &Call<'_>) {
    {
        let mut knobs = lock(&call.state.knobs);
        let armed = Knobs::take_one(&mut knobs.late_after_reads);
        if !armed || knobs.late_after_reads > 0 {
            return;
        }
    }
    let late = std::mem::take(&mut lock(&call.state.settings).late_assignments);
    let mut directory = lock(&call.state.directory);
    for (workspace, id, level) in late {
        directory
            .assignments
            .entry(workspace)
            .or_default()
            .insert(id, level);
        directory.admins_follow(workspace, id);
    }
    drop(directory);
    call.state.directory_changed();
}

/// An absent, empty or unknown list deletes the assignment; ADMIN beats USER.
fn put(call: &Call<'_>, workspace: u64, id: &str) -> Handled {
    let (id, body) = (number(id)?, call.json()?);
    let asked: Vec<&str> = body["permissions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let level = ["ADMIN", "USER"]
        .into_iter()
        .find(|level| asked.contains(level));
    if let Some(level) = level
        && Knobs::take_one(&mut lock(&call.state.knobs).late_assignments)
    {
        let late = (workspace, id, level.to_owned());
        lock(&call.state.settings).late_assignments.push(late);
        return Err(Reply {
            fate: Fate::Drop,
            ..Reply::done()
        });
    }
    let shown = {
        let mut directory = lock(&call.state.directory);
        let who = principal(&directory, id)
            .ok_or_else(|| Reply::missing(format!("Principal {id} does not exist")))?;
        let assigned = directory.assignments.entry(workspace).or_default();
        match level {
            Some(level) => assigned.insert(id, level.to_owned()),
            None => assigned.remove(&id),
        };
        directory.admins_follow(workspace, id);
        json!({"permissions": level.into_iter().collect::<Vec<_>>(), "principal": who})
    };
    call.state.directory_changed();
    Ok(Reply::json(&shown))
}

/// `…/access-control/{rule-sets,assignable-roles}`.
pub fn access_control(call: &Call<'_>, rest: &[&str]) -> Handled {
    match (call.method, rest) {
        ("GET", ["rule-sets"]) => {
            let name = call
                .param("name")
                .ok_or_else(|| Reply::invalid("name is required"))?;
            // Required, and empty for whoever only reads (facts §3.4).
            if !call.query.iter().any(|(key, _)| key == "etag") {
                return Err(Reply::invalid("etag is required"));
            }
            let directory = lock(&call.state.directory);
            if !bears_rules(call, &directory, name) {
                return Err(Reply::missing(format!("Resource of {name} does not exist")));
            }
            Ok(Reply::json(&rule_set(&directory, name)))
        }
        ("PUT", ["rule-sets"]) => put_rule_set(call),
        ("GET", ["assignable-roles"]) => Ok(Reply::json(&json!({"roles": [
            {"name": "roles/servicePrincipal.manager"},
            {"name": "roles/servicePrincipal.user"},
        ]}))),
        _ => Err(call.no_endpoint()),
    }
}

/// Whether a rule set belongs to something of this account: a principal, a group, the account.
fn bears_rules(call: &Call<'_>, directory: &Directory, name: &str) -> bool {
    let own = call.state.account_id.as_str();
    let parts: Vec<&str> = name.split('/').collect();
    match parts.as_slice() {
        ["accounts", account, "ruleSets", "default"] => *account == own,
        [
            "accounts",
            account,
            "servicePrincipals",
            id,
            "ruleSets",
            "default",
        ] => {
            let mut held = directory.principals.values();
            *account == own && held.any(|one| one["applicationId"] == *id)
        }
        ["accounts", account, "groups", id, "ruleSets", "default"] => {
            let id = id.parse::<u64>();
            *account == own && id.is_ok_and(|id| directory.account_groups.contains_key(&id))
        }
        _ => false,
    }
}

fn etag(version: u64) -> String {
    format!("RENUAAABgR{version:04}==")
}

fn rule_set(directory: &Directory, name: &str) -> Value {
    let (version, rules) = directory
        .rule_sets
        .get(name)
        .cloned()
        .unwrap_or((0, json!([])));
    json!({"name": name, "etag": etag(version), "grant_rules": rules})
}

fn put_rule_set(call: &Call<'_>) -> Handled {
    let body = call.json()?;
    let name = text(&body, "name")?;
    let given = &body["rule_set"];
    let shown = {
        let mut directory = lock(&call.state.directory);
        let version = directory
            .rule_sets
            .get(name)
            .map_or(0, |(version, _)| *version);
        if text(given, "etag")? != etag(version) {
            return Err(Reply::error(
                StatusCode::CONFLICT,
                "RESOURCE_CONFLICT",
                "Conflict with another RuleSet operation",
            ));
        }
        let rules = given
            .get("grant_rules")
            .cloned()
            .unwrap_or_else(|| json!([]));
        directory
            .rule_sets
            .insert(name.to_owned(), (version + 1, rules));
        rule_set(&directory, name)
    };
    call.state.directory_changed();
    Ok(Reply::json(&shown))
}
