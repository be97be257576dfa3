//! Object permissions, `GET|PUT|PATCH /permissions/{type}/{id}` (facts §4.2).

use serde_json::{Value, json};

use super::call::Call;
use super::reply::{Handled, Reply};
use super::scim;
use super::state::{State, lock};

/// The routes.
pub fn route(call: &Call<'_>, rest: &[&str]) -> Handled {
    let (kind, id) = match rest {
        ["authorization", id] => ("authorization".to_owned(), *id),
        ["sql", "warehouses", id] => ("sql/warehouses".to_owned(), *id),
        [kind, id] => ((*kind).to_owned(), *id),
        _ => return Err(call.no_endpoint()),
    };
    exists(call, &kind, id)?;
    let key = format!("/{kind}/{id}");
    if call.method == "GET" {
        return Ok(Reply::json(&shown(&key, &kind, &stored(call.state, &key))));
    }
    scim::require_workspace_admin(call)?;
    let body = call.json()?;
    let given = body["access_control_list"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let entries = match call.method {
        "PUT" => given,
        "PATCH" => merged(stored(call.state, &key), given),
        _ => return Err(call.no_endpoint()),
    };
    let owners = entries
        .iter()
        .filter(|entry| entry["permission_level"] == "IS_OWNER")
        .count();
    if matches!(kind.as_str(), "jobs" | "pipelines") && owners != 1 {
        return Err(Reply::invalid("The job must have exactly one owner."));
    }
    lock(&call.state.settings)
        .permissions
        .insert(key.clone(), entries.clone());
    Ok(Reply::json(&shown(&key, &kind, &entries)))
}

fn exists(call: &Call<'_>, kind: &str, id: &str) -> Result<(), Reply> {
    if kind == "jobs" {
        let known = id
            .parse()
            .is_ok_and(|id| lock(&call.state.jobs).jobs.contains_key(&id));
        if !known {
            return Err(Reply::missing(format!("Job {id} does not exist.")));
        }
    }
    Ok(())
}

fn stored(state: &State, key: &str) -> Vec<Value> {
    if let Some(entries) = lock(&state.settings).permissions.get(key) {
        return entries.clone();
    }
    let level = if key.starts_with("/jobs/") {
        "IS_OWNER"
    } else {
        "CAN_MANAGE"
    };
    vec![json!({
        "service_principal_name": state.principal.application_id,
        "permission_level": level,
    })]
}

fn subject(entry: &Value) -> Vec<&Value> {
    ["user_name", "group_name", "service_principal_name"]
        .iter()
        .map(|name| &entry[*name])
        .collect()
}

/// PATCH: the given entries replace those of the same subject; a new owner replaces the owner.
fn merged(mut held: Vec<Value>, given: Vec<Value>) -> Vec<Value> {
    let new_owner = given
        .iter()
        .any(|entry| entry["permission_level"] == "IS_OWNER");
    held.retain(|old| {
        let replaced = given.iter().any(|entry| subject(entry) == subject(old));
        let ousted = new_owner && old["permission_level"] == "IS_OWNER";
        !(replaced || ousted)
    });
    held.extend(given);
    held
}

fn shown(key: &str, kind: &str, entries: &[Value]) -> Value {
    let mut list: Vec<Value> = entries
        .iter()
        .map(|entry| {
            let mut shown = entry.clone();
            if let Some(members) = shown.as_object_mut() {
                members.remove("permission_level");
            }
            shown["all_permissions"] = json!([{
                "permission_level": entry["permission_level"],
                "inherited": false,
            }]);
            shown
        })
        .collect();
    list.push(json!({
        "group_name": "admins",
        "all_permissions": [{
            "permission_level": "CAN_MANAGE",
            "inherited": true,
            "inherited_from_object": [format!("/{kind}/")],
        }],
    }));
    let kind = kind.rsplit('/').next().unwrap_or(kind);
    let object_type = kind.strip_suffix('s').unwrap_or(kind);
    json!({"object_id": key, "object_type": object_type, "access_control_list": list})
}
