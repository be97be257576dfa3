//! Secret scopes: list, get, put, delete. The scope `payroll` may be listed, not read.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::call::{Call, text};
use super::reply::{Handled, Reply};
use super::settings::Settings;
use super::state::lock;

const SEEDED: [(&str, &str, &str); 3] = [
    ("etl", "db-host", "db.example.com"),
    ("etl", "db-user", "etl"),
    ("payroll", "key", "x"),
];

fn scopes(settings: &Settings) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut all: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (scope, key, value) in SEEDED {
        let keys = all.entry(scope.to_owned()).or_default();
        keys.insert(key.to_owned(), STANDARD.encode(value));
    }
    for (scope, keys) in &settings.secret_scopes {
        all.entry(scope.clone()).or_default().extend(keys.clone());
    }
    all
}

/// `/secrets/…`.
pub fn route(call: &Call<'_>, rest: &[&str]) -> Handled {
    let all = scopes(&lock(&call.state.settings));
    let scope = |name: &str| {
        all.get(name)
            .ok_or_else(|| Reply::missing(format!("Scope {name} does not exist!")))
    };
    match (call.method, rest) {
        ("GET", ["scopes", "list"]) => {
            let shown: Vec<Value> = all
                .keys()
                .map(|name| json!({"name": name, "backend_type": "DATABRICKS"}))
                .collect();
            Ok(Reply::json(&json!({"scopes": shown})))
        }
        ("GET", ["list"]) => {
            let keys = scope(call.param("scope").unwrap_or_default())?;
            let shown: Vec<Value> = keys
                .keys()
                .map(|key| json!({"key": key, "last_updated_timestamp": 1_767_225_600_000_i64}))
                .collect();
            Ok(Reply::json(&json!({"secrets": shown})))
        }
        ("GET", ["get"]) => {
            let name = call.param("scope").unwrap_or_default();
            let keys = scope(name)?;
            if name == "payroll" {
                return Err(Reply::denied(format!(
                    "User does not have READ permission on scope {name}"
                )));
            }
            let key = call.param("key").unwrap_or_default();
            let value = keys.get(key).ok_or_else(|| {
                Reply::missing(format!("Failed to get secret {key} for scope {name}."))
            })?;
            Ok(Reply::json(&json!({"key": key, "value": value})))
        }
        ("POST", ["scopes", "create"]) => {
            let body = call.json()?;
            let name = text(&body, "scope")?.to_owned();
            lock(&call.state.settings)
                .secret_scopes
                .entry(name)
                .or_default();
            Ok(Reply::done())
        }
        ("POST", ["put"]) => {
            let body = call.json()?;
            scope(text(&body, "scope")?)?;
            put(call, &body)
        }
        ("POST", ["delete"]) => {
            let body = call.json()?;
            let (name, key) = (text(&body, "scope")?, text(&body, "key")?);
            scope(name)?;
            let mut settings = lock(&call.state.settings);
            settings
                .secret_scopes
                .entry(name.to_owned())
                .or_default()
                .remove(key);
            Ok(Reply::done())
        }
        _ => Err(call.no_endpoint()),
    }
}

fn put(call: &Call<'_>, body: &Value) -> Handled {
    let (name, key) = (text(body, "scope")?, text(body, "key")?);
    let value = match body["bytes_value"].as_str() {
        Some(encoded) => encoded.to_owned(),
        None => STANDARD.encode(text(body, "string_value")?),
    };
    let mut settings = lock(&call.state.settings);
    settings
        .secret_scopes
        .entry(name.to_owned())
        .or_default()
        .insert(key.to_owned(), value);
    Ok(Reply::done())
}
