//! IP access lists and workspace configuration (facts §4.2), and the maps other small rooms of
//! the simulator keep.

use std::collections::BTreeMap;

use hyper::StatusCode;
use serde_json::{Value, json};

use super::call::{Call, text};
use super::clock;
use super::reply::{Handled, Reply};
use super::scim;
use super::state::lock;

/// Small stores.
#[derive(Debug, Default)]
pub struct Settings {
    /// IP access lists by id.
    pub ip_lists: BTreeMap<String, Value>,
    /// Workspace configuration; values are strings.
    pub conf: BTreeMap<String, Value>,
    /// Access control lists by object path.
    pub permissions: BTreeMap<String, Vec<Value>>,
    /// Stopped SQL warehouses.
    pub stopped_warehouses: Vec<String>,
    /// Secret scopes changed or added since the start: scope → key → base64 value.
    pub secret_scopes: BTreeMap<String, BTreeMap<String, String>>,
    /// Whatever else was created: kind → objects.
    pub created: BTreeMap<String, Vec<Value>>,
    /// Assignments that will be carried out late: workspace, principal, level.
    pub late_assignments: Vec<(u64, u64, String)>,
    /// Privileges in the catalog by securable.
    pub privileges: BTreeMap<String, Vec<Value>>,
}

/// `/ip-access-lists[/{id}]`.
pub fn ip_access_lists(call: &Call<'_>, rest: &[&str]) -> Handled {
    let missing = |id: &str| Reply::missing(format!("IP access list {id} does not exist"));
    if call.method != "GET" {
        scim::require_workspace_admin(call)?;
    }
    match (call.method, rest) {
        ("GET", []) => {
            let lists: Vec<Value> = lock(&call.state.settings)
                .ip_lists
                .values()
                .cloned()
                .collect();
            Ok(Reply::json(&json!({"ip_access_lists": lists})))
        }
        ("GET", [id]) => {
            let settings = lock(&call.state.settings);
            let list = settings.ip_lists.get(*id).ok_or_else(|| missing(id))?;
            Ok(Reply::json(&json!({"ip_access_list": list})))
        }
        ("POST", []) => write_list(call, clock::random_uuid(), json!({"enabled": true})),
        ("PUT" | "PATCH", [id]) => {
            let held = lock(&call.state.settings).ip_lists.get(*id).cloned();
            write_list(call, (*id).to_owned(), held.ok_or_else(|| missing(id))?)
        }
        ("DELETE", [id]) => {
            lock(&call.state.settings)
                .ip_lists
                .remove(*id)
                .ok_or_else(|| missing(id))?;
            Ok(Reply::done())
        }
        _ => Err(call.no_endpoint()),
    }
}

fn write_list(call: &Call<'_>, id: String, mut list: Value) -> Handled {
    let body = call.json()?;
    if call.method == "POST" {
        text(&body, "label")?;
    }
    for name in ["label", "list_type", "ip_addresses", "enabled"] {
        if let Some(value) = body.get(name) {
            list[name] = value.clone();
        }
    }
    let count = list["ip_addresses"].as_array().map_or(0, Vec::len);
    if count > 1000 {
        let message = "The number of IP values exceeds 1000";
        return Err(Reply::error(
            StatusCode::BAD_REQUEST,
            "QUOTA_EXCEEDED",
            message,
        ));
    }
    list["list_id"] = json!(id);
    list["address_count"] = json!(count);
    lock(&call.state.settings).ip_lists.insert(id, list.clone());
    Ok(Reply::json(&json!({"ip_access_list": list})))
}

/// `/workspace-conf`.
pub fn workspace_conf(call: &Call<'_>) -> Handled {
    match call.method {
        "GET" => {
            let settings = lock(&call.state.settings);
            let keys = call.param("keys").unwrap_or_default().split(',');
            let shown: serde_json::Map<String, Value> = keys
                .map(|key| {
                    let value = settings.conf.get(key).cloned().unwrap_or_default();
                    (key.to_owned(), value)
                })
                .collect();
            Ok(Reply::json(&Value::Object(shown)))
        }
        "PATCH" => {
            scim::require_workspace_admin(call)?;
            let body = call.json()?;
            let mut settings = lock(&call.state.settings);
            for (name, value) in body.as_object().into_iter().flatten() {
                settings.conf.insert(name.clone(), value.clone());
            }
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        _ => Err(call.no_endpoint()),
    }
}
