//! A little of Unity Catalog: metastores, catalogs, schemas, permissions, vended credentials.

use serde_json::{Value, json};

use super::call::{Call, text};
use super::reply::{Handled, Reply};
use super::state::lock;

const CATALOGS: [&str; 2] = ["main", "samples"];

/// `/unity-catalog/…`.
pub fn route(call: &Call<'_>, rest: &[&str]) -> Handled {
    match (call.method, rest) {
        ("GET", ["metastores"]) => Ok(Reply::json(&json!({"metastores": [metastore()]}))),
        ("GET", ["metastore_summary" | "current-metastore-assignment"]) => {
            Ok(Reply::json(&metastore()))
        }
        ("GET", ["catalogs"]) => {
            let all: Vec<Value> = CATALOGS.iter().map(|name| catalog(name)).collect();
            Ok(Reply::json(&json!({"catalogs": all})))
        }
        ("GET", ["catalogs", name]) => match CATALOGS.contains(name) {
            true => Ok(Reply::json(&catalog(name))),
            false => Err(Reply::missing(format!("Catalog '{name}' does not exist."))),
        },
        ("GET", ["schemas"]) => {
            let catalog = call.param("catalog_name").unwrap_or("main");
            Ok(Reply::json(&json!({"schemas": [{
                "name": "default",
                "catalog_name": catalog,
                "full_name": format!("{catalog}.default"),
            }]})))
        }
        ("GET", ["permissions", kind, name]) => Ok(privileges(call, kind, name)),
        ("PATCH", ["permissions", kind, name]) => change_privileges(call, kind, name),
        ("GET", ["shares", name, "permissions"]) => Ok(privileges(call, "share", name)),
        ("PATCH", ["shares", name, "permissions"]) => change_privileges(call, "share", name),
        ("GET", ["metastores", _, "systemschemas"]) => Ok(Reply::json(
            &json!({"schemas": [{"schema": "access", "state": "ENABLE_COMPLETED"}]}),
        )),
        ("PUT" | "DELETE", ["metastores", _, "systemschemas", _]) => Ok(Reply::done()),
        ("POST", ["temporary-table-credentials" | "temporary-path-credentials"]) => {
            Ok(Reply::json(&json!({
                "aws_temp_credentials": {
                    "access_key_id": "ASIAEXAMPLE",
                    "secret_access_key": "example-secret-access-key",
                    "session_token": "example-session-token",
                },
                "expiration_time": call.now_ms + 3_600_000,
                "url": "s3://practice/table",
            })))
        }
        ("POST", ["recipients"]) => Ok(Reply::json(&json!({
            "name": call.json()?["name"],
            "tokens": [{"activation_url": "https://recipient.example.com/?example-token"}],
        }))),
        _ => Err(call.no_endpoint()),
    }
}

fn metastore() -> Value {
    json!({
        "metastore_id": "11111111-2222-4333-8444-555555555555",
        "name": "practice",
        "owner": "metastore-admins",
    })
}

fn catalog(name: &str) -> Value {
    json!({"name": name, "catalog_type": "MANAGED_CATALOG", "owner": "olga@example.com"})
}

fn privileges(call: &Call<'_>, kind: &str, name: &str) -> Reply {
    let settings = lock(&call.state.settings);
    let held = settings
        .privileges
        .get(&format!("{kind}/{name}"))
        .cloned()
        .unwrap_or_default();
    Reply::json(&json!({"privilege_assignments": held}))
}

fn change_privileges(call: &Call<'_>, kind: &str, name: &str) -> Handled {
    let body = call.json()?;
    for change in body["changes"].as_array().into_iter().flatten() {
        let who = text(change, "principal")?;
        let words =
            |member: &str| -> Vec<Value> { change[member].as_array().cloned().unwrap_or_default() };
        let (added, removed) = (words("add"), words("remove"));
        if added.iter().any(|privilege| removed.contains(privilege)) {
            return Err(Reply::invalid(
                "The same privilege is both added and removed",
            ));
        }
        let mut settings = lock(&call.state.settings);
        let held = settings
            .privileges
            .entry(format!("{kind}/{name}"))
            .or_default();
        let mut privileges: Vec<Value> = held
            .iter()
            .find(|entry| entry["principal"] == json!(who))
            .and_then(|entry| entry["privileges"].as_array().cloned())
            .unwrap_or_default();
        privileges.retain(|privilege| !removed.contains(privilege) && !added.contains(privilege));
        privileges.extend(added);
        held.retain(|entry| entry["principal"] != json!(who));
        if !privileges.is_empty() {
            held.push(json!({"principal": who, "privileges": privileges}));
        }
    }
    Ok(privileges(call, kind, name))
}
