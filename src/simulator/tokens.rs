//! Personal access tokens (facts §2.2, §2.3) and on-behalf-of tokens. Values are kept hashed.

use std::collections::BTreeMap;

use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::auth::{Caller, Level, sha256_hex};
use super::call::{Call, text};
use super::clock;
use super::reply::{Handled, Reply};
use super::scim;
use super::state::lock;

/// Two years, the default of the real service.
const DEFAULT_LIFETIME_SECONDS: i64 = 63_072_000;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct PersonalToken {
    value_sha256: String,
    owner: String,
    comment: String,
    created_ms: i64,
    /// −1 for never.
    expiry_ms: i64,
}

/// Tokens by id.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PersonalTokens {
    tokens: BTreeMap<String, PersonalToken>,
}

impl PersonalTokens {
    /// Who a bearer belongs to; `None` when unknown or expired.
    pub fn caller(&self, bearer: &str, now_ms: i64) -> Option<Caller> {
        let digest = sha256_hex(bearer.as_bytes());
        let token = self
            .tokens
            .values()
            .find(|token| token.value_sha256 == digest)?;
        let alive = token.expiry_ms < 0 || token.expiry_ms > now_ms;
        alive.then(|| Caller {
            subject: token.owner.clone(),
            level: Level::Workspace,
            scopes: vec!["all-apis".to_owned()],
        })
    }
}

fn info(id: &str, token: &PersonalToken, managed: bool) -> Value {
    let mut shown = json!({
        "token_id": id,
        "creation_time": token.created_ms,
        "expiry_time": token.expiry_ms,
        "comment": token.comment,
    });
    if managed {
        shown["created_by_username"] = json!(token.owner);
    }
    shown
}

/// `/token/…`: the caller's own tokens.
pub fn route(call: &Call<'_>, rest: &[&str]) -> Handled {
    match (call.method, rest) {
        ("POST", ["create"]) => create(call, call.caller.subject.clone(), &call.json()?),
        ("GET", ["list"]) => Ok(list(call, false)),
        ("POST", ["delete"]) => {
            let body = call.json()?;
            let id = text(&body, "token_id")?;
            let mut held = lock(&call.state.personal_tokens);
            let own = held
                .tokens
                .get(id)
                .is_some_and(|token| token.owner == call.caller.subject);
            if !own {
                return Err(Reply::missing(format!("Token with id {id} does not exist")));
            }
            held.tokens.remove(id);
            drop(held);
            call.state.keep();
            Ok(Reply::done())
        }
        _ => Err(call.no_endpoint()),
    }
}

/// `/token-management/…`: all tokens, for workspace admins.
pub fn management(call: &Call<'_>, rest: &[&str]) -> Handled {
    scim::require_workspace_admin(call)?;
    let unknown = || Reply::error(StatusCode::NOT_FOUND, "NOT_FOUND", "Token does not exist");
    match (call.method, rest) {
        ("GET", ["tokens"]) => Ok(list(call, true)),
        ("GET", ["tokens", id]) => {
            let held = lock(&call.state.personal_tokens);
            let token = held.tokens.get(*id).ok_or_else(unknown)?;
            Ok(Reply::json(&json!({"token_info": info(id, token, true)})))
        }
        ("DELETE", ["tokens", id]) => {
            lock(&call.state.personal_tokens)
                .tokens
                .remove(*id)
                .ok_or_else(unknown)?;
            call.state.keep();
            Ok(Reply::done())
        }
        ("POST", ["on-behalf-of", "tokens"]) => {
            let body = call.json()?;
            let owner = text(&body, "application_id")?;
            let known = lock(&call.state.directory)
                .active_principal(owner)
                .is_some();
            if !known {
                return Err(Reply::missing(format!(
                    "Service principal {owner} does not exist"
                )));
            }
            create(call, owner.to_owned(), &body)
        }
        _ => Err(call.no_endpoint()),
    }
}

fn create(call: &Call<'_>, owner: String, body: &Value) -> Handled {
    let lifetime = body["lifetime_seconds"]
        .as_i64()
        .unwrap_or(DEFAULT_LIFETIME_SECONDS);
    let value = format!("dapi{}", clock::random_hex(16));
    let token = PersonalToken {
        value_sha256: sha256_hex(value.as_bytes()),
        owner,
        comment: body["comment"].as_str().unwrap_or_default().to_owned(),
        created_ms: call.now_ms,
        expiry_ms: if lifetime < 0 {
            -1
        } else {
            call.now_ms + lifetime * 1000
        },
    };
    let id = clock::random_hex(32);
    let shown = json!({"token_value": value, "token_info": info(&id, &token, false)});
    lock(&call.state.personal_tokens).tokens.insert(id, token);
    call.state.keep();
    Ok(Reply::json(&shown))
}

fn list(call: &Call<'_>, managed: bool) -> Reply {
    let held = lock(&call.state.personal_tokens);
    let shown: Vec<Value> = held
        .tokens
        .iter()
        .filter(|(_, token)| managed || token.owner == call.caller.subject)
        .map(|(id, token)| info(id, token, managed))
        .collect();
    Reply::json(&json!({"token_infos": shown}))
}
