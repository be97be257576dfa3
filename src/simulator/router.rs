//! From a request to a reply: faults, token check, the table of paths.
//!
//! API versions are aliases, as at the real service: what follows `/api/<version>` decides.

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};

use super::auth::{self, Level};
use super::body::SimBody;
use super::call::{Call, form_pairs, percent_decode};
use super::knobs::Faults;
use super::reply::{Fate, Handled, Reply};
use super::state::{State, lock};
use super::wire::{read_body, respond};
use super::{
    assignments, catalog, clock, clusters, control, discovery, experiments, files, jobs, never,
    permissions, presigned, runs, scim, secret_scopes, secrets, settings, statements, thrift,
    tokens, warehouses, workspace,
};

/// Answers one request. An error drops the connection without an answer.
pub async fn serve(
    state: &State,
    scheme: &'static str,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> io::Result<Response<SimBody>> {
    let (parts, incoming) = request.into_parts();
    if parts.uri.path().starts_with("/_simulator/") {
        let body = incoming
            .collect()
            .await
            .map_err(io::Error::other)?
            .to_bytes();
        let reply = control::route(state, peer, &parts, &body).unwrap_or_else(|reply| reply);
        return Ok(respond(state, reply, &parts, "control", &Faults::default()));
    }
    let request_id = clock::random_uuid();
    let now_ms = state.now_ms();
    let seq = state.recorder.begin(&parts, now_ms, &request_id);
    let (body, digest, length) = read_body(incoming, seq.is_some()).await?;
    state.recorder.body(seq, digest, length);
    let faults = if state.faults_armed.load(Ordering::Relaxed) {
        lock(&state.knobs).take(parts.uri.path())
    } else {
        Faults::default()
    };
    if faults.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(faults.delay_ms)).await;
    }
    let mut subject = None;
    let reply = match fault_reply(&faults) {
        Some(reply) => reply,
        None => answer(
            state,
            scheme,
            &parts,
            body,
            now_ms,
            &request_id,
            &mut subject,
        )
        .unwrap_or_else(|reply| reply),
    };
    if reply.fate == Fate::Drop {
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    state.recorder.end(seq, reply.status.as_u16(), subject);
    Ok(respond(state, reply, &parts, &request_id, &faults))
}

fn fault_reply(faults: &Faults) -> Option<Reply> {
    if let Some(seconds) = faults.rate_limited {
        let reply = Reply::error(
            StatusCode::TOO_MANY_REQUESTS,
            "REQUEST_LIMIT_EXCEEDED",
            "Rate limit exceeded",
        );
        return Some(reply.with_header("retry-after", seconds.to_string()));
    }
    if let Some(reply) = disguise_reply(&faults.disguise) {
        return Some(reply);
    }
    faults.unavailable.then(|| {
        Reply::error(
            StatusCode::SERVICE_UNAVAILABLE,
            "TEMPORARILY_UNAVAILABLE",
            "The service is temporarily unavailable",
        )
    })
}

/// What stands before the API and answers in its place.
fn disguise_reply(disguise: &str) -> Option<Reply> {
    let away = |to: &str| Reply::empty(StatusCode::FOUND).with_header("location", to);
    match disguise {
        "login" => Some(away("/login.html?next_url=%2Fapi")),
        "private" => Some(away("/login.html?error=private-link-validation-error:1")),
        "ip" => Some(Reply::dead_token(
            "Source IP address: 192.0.2.7 is blocked by Databricks IP ACL for workspace: 1",
            "Source IP address is blocked",
        )),
        _ => None,
    }
}

/// The public paths, then the token check, then the API.
fn answer(
    state: &State,
    scheme: &str,
    parts: &Parts,
    body: Vec<Bytes>,
    now_ms: i64,
    request_id: &str,
    subject: &mut Option<String>,
) -> Handled {
    let path = parts.uri.path();
    let host = parts
        .headers
        .get("host")
        .and_then(|host| host.to_str().ok())
        .unwrap_or("");
    let origin = format!("{scheme}://{host}");
    let decoded: Vec<Cow<'_, str>> = path
        .trim_matches('/')
        .split('/')
        .map(|segment| match segment.contains('%') {
            true => Cow::Owned(percent_decode(segment, false)),
            false => Cow::Borrowed(segment),
        })
        .collect();
    let segments: Vec<&str> = decoded.iter().map(AsRef::as_ref).collect();
    let method = parts.method.as_str();
    if let Some(reply) = public(state, method, &segments, host, &origin, parts, &body) {
        return reply;
    }
    let caller = auth::caller(state, &parts.headers, now_ms, request_id)?;
    *subject = Some(caller.subject.clone());
    if caller.subject == state.principal.application_id
        && state.faults_armed.load(Ordering::Relaxed)
        && lock(&state.knobs).refuse_principal
    {
        return Err(Reply::dead_token(
            "User is deactivated",
            "User is deactivated",
        ));
    }
    let call = Call {
        state,
        method,
        path,
        query: form_pairs(parts.uri.query().unwrap_or("")),
        headers: &parts.headers,
        body,
        caller,
        origin,
        now_ms,
    };
    match segments.as_slice() {
        ["api", "2.0" | "2.1" | "2.2" | "1.2", rest @ ..] => api(&call, rest),
        ["sql", "1.0", "warehouses" | "endpoints", _] | ["sql", "protocolv1", "o", _, _] => {
            auth::check_scope(&call.caller, "sql")?;
            thrift::route(&call)
        }
        ["telemetry-ext"] => Ok(discovery::telemetry()),
        ["driver-proxy-api", ..] | ["driver-proxy", ..] | ["apps", ..] => never::echo(&call),
        _ => Err(call.no_endpoint()),
    }
}

/// Paths that need no bearer; `None` for all others.
fn public(
    state: &State,
    method: &str,
    segments: &[&str],
    host: &str,
    origin: &str,
    parts: &Parts,
    body: &[Bytes],
) -> Option<Handled> {
    let account_host = host.starts_with("accounts.");
    let documents = ["oauth-authorization-server", "openid-configuration"];
    let ours = |account: &str| account == state.account_id;
    match (method, segments) {
        ("GET", [".well-known", "databricks-config"]) => Some(Ok(discovery::databricks_config(
            state,
            origin,
            account_host,
        ))),
        ("GET", ["oidc", ".well-known", name]) if documents.contains(name) => {
            Some(Ok(discovery::authorization_server(origin, "/oidc")))
        }
        ("GET", ["oidc", "accounts", account, ".well-known", name])
            if ours(account) && documents.contains(name) =>
        {
            let base = format!("/oidc/accounts/{account}");
            Some(Ok(discovery::authorization_server(origin, &base)))
        }
        ("POST", ["oidc", "v1", "token"]) => Some(auth::token_endpoint(
            state,
            Level::Workspace,
            &parts.headers,
            &body.concat(),
        )),
        ("POST", ["oidc", "accounts", account, "v1", "token"]) if ours(account) => Some(
            auth::token_endpoint(state, Level::Account, &parts.headers, &body.concat()),
        ),
        ("POST", ["telemetry-unauth"]) => Some(Ok(discovery::telemetry())),
        (_, ["presigned", rest @ ..]) => {
            Some(presigned::route(state, method, rest, parts, body.to_vec()))
        }
        _ => None,
    }
}

/// The API below `/api/<version>`.
fn api(call: &Call<'_>, rest: &[&str]) -> Handled {
    let state = call.state;
    let hot = call.method == Method::GET.as_str();
    match rest {
        ["clusters", "list"] if hot => {
            auth::check_scope(&call.caller, "clusters")?;
            let bytes = state
                .clusters_list
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            Ok(Reply::bytes("application/json", vec![bytes]))
        }
        [
            "accounts",
            "servicePrincipals",
            principal,
            "credentials",
            "secrets",
            tail @ ..,
        ] => {
            auth::check_scope(&call.caller, "access-management")?;
            scim::require_workspace_admin(call)?;
            secrets::route(call, principal, tail)
        }
        ["preview", "accounts", "access-control", tail @ ..] => {
            assignments::access_control(call, tail)
        }
        ["accounts", account, tail @ ..] => {
            require_account(call, account)?;
            account_api(call, tail)
        }
        ["preview", "accounts", account, "access-control", tail @ ..] => {
            require_account(call, account)?;
            assignments::access_control(call, tail)
        }
        ["preview", "scim", "v2", tail @ ..] => scim::route(call, Level::Workspace, tail),
        ["preview", "echo-authorization"] if hot => never::echo_authorization(call),
        [family, tail @ ..] => {
            auth::check_scope(&call.caller, family)?;
            workspace_api(call, family, tail)
        }
        [] => Err(call.no_endpoint()),
    }
}

fn workspace_api(call: &Call<'_>, family: &str, rest: &[&str]) -> Handled {
    match (family, rest) {
        ("jobs", ["runs", tail @ ..]) => runs::route(call, tail),
        ("jobs", ["run-now"]) if call.method == "POST" => runs::run_now(call),
        ("jobs", _) => jobs::route(call, rest),
        ("clusters", _) => clusters::route(call, rest),
        ("permissions", _) => permissions::route(call, rest),
        ("ip-access-lists", _) => settings::ip_access_lists(call, rest),
        ("workspace-conf", []) => settings::workspace_conf(call),
        ("token", _) => tokens::route(call, rest),
        ("token-management", _) => tokens::management(call, rest),
        ("secrets", _) => secret_scopes::route(call, rest),
        ("sql", ["warehouses", tail @ ..]) => warehouses::route(call, tail),
        ("sql", ["statements", tail @ ..]) => statements::route(call, tail),
        ("sql", ["sessions", tail @ ..]) => statements::sessions(call, tail),
        ("fs", _) => files::route(call, rest),
        ("workspace", _) => workspace::route(call, rest),
        ("unity-catalog", _) => catalog::route(call, rest),
        ("mlflow", _) => experiments::route(call, rest),
        ("connector-service", ["feature-flags", ..]) => Ok(discovery::feature_flags()),
        ("groups", _) => scim::legacy_groups(call, rest),
        ("global-init-scripts" | "apps" | "database", _) => never::workspace(call, family, rest),
        _ => Err(call.no_endpoint()),
    }
}

fn account_api(call: &Call<'_>, rest: &[&str]) -> Handled {
    match rest {
        [
            "servicePrincipals",
            principal,
            "credentials",
            "secrets",
            tail @ ..,
        ] => secrets::route(call, principal, tail),
        ["scim", "v2", tail @ ..] => scim::route(call, Level::Account, tail),
        ["workspaces", ..] => assignments::workspaces(call, rest),
        ["ip-access-lists", tail @ ..] => settings::ip_access_lists(call, tail),
        _ => never::account(call, rest),
    }
}

/// Account APIs need the right account, an account-level token and the account_admin role.
fn require_account(call: &Call<'_>, account: &str) -> Result<(), Reply> {
    if account != call.state.account_id {
        return Err(Reply::missing(format!("Account {account} does not exist")));
    }
    auth::check_scope(&call.caller, "access-management")?;
    let lax = lock(&call.state.knobs).lax_token_level;
    if call.caller.level == Level::Workspace && !lax {
        return Err(Reply::dead_token(
            "This API requires an account-level token",
            "This API requires an account-level token",
        ));
    }
    scim::require_account_admin(call)
}
