//! Calls that no session may ever make (PROTOCOL §8), served so that a refusal can be shown to
//! matter: federation policies, app integrations, log delivery, code-forwarding routes.

use bytes::Bytes;
use serde_json::{Value, json};

use super::call::{Call, page};
use super::clock;
use super::reply::{Handled, Reply};
use super::state::lock;

/// Things on one page of a list.
const PAGE: usize = 100;

fn bearer<'c>(call: &'c Call<'_>) -> &'c str {
    let header = call
        .headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    header.unwrap_or_default()
}

/// Account routes without a room of their own.
pub fn account(call: &Call<'_>, rest: &[&str]) -> Handled {
    match (call.method, rest) {
        (_, ["federationPolicies", tail @ ..])
        | (_, ["servicePrincipals", _, "federationPolicies", tail @ ..]) => {
            let policy = || json!({"uid": clock::random_uuid(), "oidc_policy": {}});
            collection(call, "federation", "policies", tail, policy)
        }
        (_, ["oauth2", "custom-app-integrations", tail @ ..]) => {
            let integration = || {
                json!({
                    "integration_id": clock::random_uuid(),
                    "client_id": clock::random_uuid(),
                    "client_secret": format!("dose{}", clock::random_hex(16)),
                })
            };
            collection(call, "integrations", "apps", tail, integration)
        }
        (_, ["oauth2", "published-app-integrations", tail @ ..]) => {
            collection(call, "published", "apps", tail, || json!({}))
        }
        (_, ["log-delivery", tail @ ..]) => {
            let delivery = || json!({"config_id": clock::random_uuid(), "status": "ENABLED"});
            collection(
                call,
                "log-delivery",
                "log_delivery_configurations",
                tail,
                delivery,
            )
        }
        _ => Err(call.no_endpoint()),
    }
}

/// Workspace routes of the same sort.
pub fn workspace(call: &Call<'_>, family: &str, rest: &[&str]) -> Handled {
    match (family, rest) {
        ("global-init-scripts", tail) => collection(
            call,
            family,
            "scripts",
            tail,
            || json!({"script_id": clock::random_hex(8)}),
        ),
        ("apps", tail) => collection(call, family, "apps", tail, || json!({"state": "RUNNING"})),
        ("database", ["credentials"]) => Ok(Reply::json(&json!({
            "token": format!("eyJ{}", clock::random_hex(16)),
            "expiration_time": clock::rfc3339(call.now_ms + 3_600_000),
        }))),
        _ => Err(call.no_endpoint()),
    }
}

/// Create, list and delete of a kind nobody looks into.
fn collection(
    call: &Call<'_>,
    kind: &str,
    plural: &str,
    rest: &[&str],
    fresh: impl Fn() -> Value,
) -> Handled {
    let mut settings = lock(&call.state.settings);
    let held = settings.created.entry(kind.to_owned()).or_default();
    match (call.method, rest) {
        ("GET", []) => {
            let (shown, next) = page(held, call.param("page_token"), PAGE)?;
            let mut body = json!({plural: shown});
            if let Some(next) = next {
                body["next_page_token"] = json!(next);
            }
            Ok(Reply::json(&body))
        }
        ("POST", []) => {
            let mut object = fresh();
            for (name, value) in call.json()?.as_object().into_iter().flatten() {
                object[name.as_str()] = value.clone();
            }
            held.push(object.clone());
            Ok(Reply::json(&object))
        }
        ("GET", [id]) => {
            let named = |object: &&Value| {
                let mut members = object.as_object().into_iter().flatten();
                members.any(|(_, value)| value == *id)
            };
            let found = held.iter().find(named);
            let missing = || Reply::missing(format!("{id} does not exist"));
            found.map(Reply::json).ok_or_else(missing)
        }
        ("DELETE" | "PATCH" | "PUT", [id, ..]) => {
            if call.method == "DELETE" {
                let named = |object: &Value| {
                    let mut members = object.as_object().into_iter().flatten();
                    members.any(|(_, value)| value == *id)
                };
                held.retain(|object| !named(object));
            }
            Ok(Reply::done())
        }
        _ => Err(call.no_endpoint()),
    }
}

/// Code-forwarding routes: an attacker's web server that answers with what it received.
pub fn echo(call: &Call<'_>) -> Handled {
    Ok(Reply::json(&json!({
        "authorization": bearer(call),
        "path": call.path,
        "body_bytes": call.bytes().len(),
    })))
}

/// Answers with the bearer it received, split over two chunks, so that a leak scan that looks
/// at single chunks misses it.
pub fn echo_authorization(call: &Call<'_>) -> Handled {
    let token = bearer(call).to_owned();
    let half = token.len() / 2;
    let body = Bytes::from(format!("{{\"authorization\":\"{token}\"}}"));
    let cut = half + 18;
    let mut reply = Reply::bytes(
        "application/json",
        vec![body.slice(..cut), body.slice(cut..)],
    );
    reply.chunked = true;
    Ok(reply)
}
