//! `/_simulator/…`: knobs, request log and inspection. Loopback only, no token.
//!
//! Never answers a secret value, only its SHA-256.

use std::net::SocketAddr;

use hyper::StatusCode;
use hyper::http::request::Parts;
use serde_json::{Value, json};

use super::call::form_pairs;
use super::clock;
use super::knobs::Knobs;
use super::recorder::Recorded;
use super::reply::{Handled, Reply};
use super::secrets::Secret;
use super::seed::ADMINS_GROUP;
use super::state::{State, lock};

/// The control routes.
pub fn route(state: &State, peer: SocketAddr, parts: &Parts, body: &[u8]) -> Handled {
    if !peer.ip().is_loopback() {
        return Err(Reply::denied("the control routes answer on loopback only"));
    }
    let path = parts.uri.path().trim_start_matches("/_simulator/");
    let query = form_pairs(parts.uri.query().unwrap_or(""));
    let since = query
        .iter()
        .find(|(name, _)| name == "since")
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or(0);
    match (parts.method.as_str(), path) {
        ("GET", "knobs") => knobs_reply(&state.knobs()),
        ("PUT", "knobs") => put_knobs(state, body),
        ("GET", "requests") => {
            let (count, requests) = state.recorder.read(since);
            Ok(Reply::json(&json!({"count": count, "requests": requests})))
        }
        ("GET", "audit") => {
            let (_, requests) = state.recorder.read(since);
            let rows: Vec<Value> = requests
                .iter()
                .map(|entry| audit_row(state, entry))
                .collect();
            Ok(Reply::json(&json!({"rows": rows})))
        }
        ("POST", "reset-requests") => {
            state.recorder.reset();
            Ok(Reply::done())
        }
        ("GET", "secrets") => Ok(secrets(state)),
        ("POST", "foreign-secret") => foreign_secret(state, body),
        ("POST", "delete-secret") => Ok(delete_secret(state, body)),
        ("GET", "rights") => Ok(rights(state)),
        ("POST", "assign") => assign(state, body),
        ("POST", "things") => things(state, body),
        ("POST", "manager") => manager(state, body),
        _ => Err(Reply::no_endpoint(parts.method.as_str(), parts.uri.path())),
    }
}

fn knobs_reply(knobs: &Knobs) -> Handled {
    let value = serde_json::to_value(knobs).expect("knobs are plain data");
    Ok(Reply::json(&value))
}

/// Members that are named change; the others stay.
fn put_knobs(state: &State, body: &[u8]) -> Handled {
    let refused = |error: serde_json::Error| {
        Reply::error(StatusCode::BAD_REQUEST, "KNOBS", error.to_string())
    };
    let given: serde_json::Map<String, Value> = serde_json::from_slice(body).map_err(refused)?;
    let mut merged = serde_json::to_value(state.knobs()).expect("knobs are plain data");
    for (name, value) in given {
        merged[name] = value;
    }
    let knobs: Knobs = serde_json::from_value(merged).map_err(refused)?;
    state.set_knobs(knobs);
    knobs_reply(&state.knobs())
}

fn secrets(state: &State) -> Reply {
    let (now_ms, knobs) = (state.now_ms(), state.knobs());
    let book = lock(&state.secrets);
    let held = book.by_principal.get(&state.principal.id);
    let shown: Vec<Value> = held
        .into_iter()
        .flatten()
        .map(|secret| {
            json!({
                "id": secret.id,
                "created_ms": secret.created_ms,
                "expire_time": clock::rfc3339(secret.expire_s * 1000),
                "lifetime_seconds": secret.expire_s - secret.created_ms.div_euclid(1000),
                "live": secret.is_live(now_ms),
                "mints": secret.mints(now_ms, &knobs),
                "deleted": secret.deleted_ms.is_some(),
                "scopes": secret.scopes,
                "value_sha256": secret.value_sha256,
            })
        })
        .collect();
    let live = shown
        .iter()
        .filter(|secret| secret["live"] == json!(true))
        .count();
    Reply::json(&json!({"live": live, "secrets": shown}))
}

/// A secret made by a person outside the vault; whoever asks with `show` learns its value, as in
/// the account console.
fn foreign_secret(state: &State, body: &[u8]) -> Handled {
    let given: Value = serde_json::from_slice(body).unwrap_or_default();
    let lifetime_s = given["lifetime_seconds"].as_i64().unwrap_or(7_776_000);
    let value = Secret::random_value();
    let mut secret = Secret::new(&value, state.now_ms(), lifetime_s, Vec::new());
    secret.settled = true;
    let mut shown = json!({"id": secret.id, "expire_time": clock::rfc3339(secret.expire_s * 1000)});
    if given["show"] == true {
        shown["secret"] = Value::from(value);
    }
    lock(&state.secrets)
        .by_principal
        .entry(state.principal.id)
        .or_default()
        .push(secret);
    state.keep();
    Ok(Reply::json(&shown))
}

/// Somebody deletes a secret in the account console.
fn delete_secret(state: &State, body: &[u8]) -> Reply {
    let given: Value = serde_json::from_slice(body).unwrap_or_default();
    let now_ms = state.now_ms();
    let mut book = lock(&state.secrets);
    for secret in book.by_principal.values_mut().flatten() {
        if given["id"] == secret.id.as_str() {
            secret.deleted_ms = Some(now_ms);
        }
    }
    drop(book);
    state.keep();
    Reply::done()
}

/// Who is admin of what.
fn rights(state: &State) -> Reply {
    let directory = lock(&state.directory);
    let admins = directory.workspace_groups.get(&ADMINS_GROUP);
    Reply::json(&json!({
        "assignments": directory.assignments,
        "admins": admins.map(|group| group["members"].clone()),
        "account_admins": directory.users.iter().chain(&directory.principals)
            .filter(|(_, one)| one["roles"].to_string().contains("account_admin"))
            .map(|(id, _)| id)
            .collect::<Vec<_>>(),
        "groups": directory.workspace_groups,
    }))
}

/// Sets or, without a level, removes an assignment, as an account admin would.
fn assign(state: &State, body: &[u8]) -> Handled {
    let given: Value = serde_json::from_slice(body).unwrap_or_default();
    let number = |name: &str| given[name].as_u64().unwrap_or_default();
    let (workspace, principal) = (number("workspace"), number("principal"));
    {
        let mut directory = lock(&state.directory);
        let assigned = directory.assignments.entry(workspace).or_default();
        match given["level"].as_str() {
            Some(level) => assigned.insert(principal, level.to_owned()),
            None => assigned.remove(&principal),
        };
        directory.admins_follow(workspace, principal);
    }
    state.directory_changed();
    Ok(Reply::done())
}

/// An account admin lets a `principal` such as `users/ada@example.com` manage ours.
fn manager(state: &State, body: &[u8]) -> Handled {
    let given: Value = serde_json::from_slice(body).unwrap_or_default();
    let (account, ours) = (&state.account_id, &state.principal.application_id);
    let name = format!("accounts/{account}/servicePrincipals/{ours}/ruleSets/default");
    let role = "roles/servicePrincipal.manager";
    {
        let mut directory = lock(&state.directory);
        let (version, rules) = directory
            .rule_sets
            .entry(name)
            .or_insert_with(|| (0, json!([])));
        *version += 1;
        if let Some(rules) = rules.as_array_mut() {
            rules.push(json!({"role": role, "principals": [given["principal"]]}));
        }
    }
    state.directory_changed();
    Ok(Reply::done())
}

/// Somebody beside the vault makes `count` things of one `kind` (federation policies, …).
fn things(state: &State, body: &[u8]) -> Handled {
    let given: Value = serde_json::from_slice(body).unwrap_or_default();
    let kind = given["kind"].as_str().unwrap_or_default().to_owned();
    let mut settings = lock(&state.settings);
    let held = settings.created.entry(kind).or_default();
    for _ in 0..given["count"].as_u64().unwrap_or(1) {
        held.push(json!({"uid": clock::random_uuid()}));
    }
    Ok(Reply::done())
}

/// A request as a row of `system.access.audit` (facts §4.4).
fn audit_row(state: &State, entry: &Recorded) -> Value {
    let path = entry.path.split('?').next().unwrap_or_default();
    let account = path.contains(&format!("/accounts/{}", state.account_id));
    let mut words = path.trim_start_matches("/api/").split('/').skip(1);
    let service = words.next().unwrap_or_default();
    let action = path.rsplit('/').next().unwrap_or_default();
    json!({
        "account_id": state.account_id,
        "workspace_id": if account { 0 } else { state.workspace_id() },
        "version": "2.0",
        "event_time": clock::rfc3339(entry.at_ms),
        "user_agent": entry.user_agent,
        "user_identity": {"email": entry.subject, "subjectName": null},
        "service_name": service,
        "action_name": format!("{} {action}", entry.method),
        "request_id": entry.request_id,
        "response": {"statusCode": entry.status},
        "audit_level": if account { "ACCOUNT_LEVEL" } else { "WORKSPACE_LEVEL" },
        "event_id": format!("event-{}", entry.seq),
    })
}
