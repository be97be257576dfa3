//! Access tokens: minting at the token endpoint, checking on every call (facts §1.3, §1.4).
//!
//! A token is JWT-shaped and signed with the simulator's own key, so a check needs no table and
//! tokens live on after their secret was deleted, as at the real service (facts §0.8).

use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use hyper::header::AUTHORIZATION;
use hyper::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::call::form_pairs;
use super::clock;
use super::reply::{Handled, Reply};
use super::state::{State, lock};

/// Which host minted a token; decides which APIs it may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Minted at the account endpoint: account and workspaces.
    Account,
    /// Minted at a workspace: that workspace only.
    Workspace,
}

/// Who makes a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Application id of a principal or name of a user.
    pub subject: String,
    /// Where the token came from.
    pub level: Level,
    /// What the token may be used for; `all-apis` for everything.
    pub scopes: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    sub: String,
    iss: String,
    scope: String,
    iat: i64,
    exp: i64,
    jti: String,
    generation: u64,
    level: Level,
}

/// Lower-case hexadecimal SHA-256.
pub fn sha256_hex(data: &[u8]) -> String {
    hex::encode(Sha256::digest(data))
}

fn signature(state: &State, signed: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(&state.signing_key).expect("HMAC takes a key of any length");
    mac.update(signed.as_bytes());
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

/// Checks the bearer of a call.
///
/// # Errors
/// The 401 or 403 reply to send.
pub fn caller(
    state: &State,
    headers: &HeaderMap,
    now_ms: i64,
    request_id: &str,
) -> Result<Caller, Reply> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (Some(header), None) = (given.next(), given.next()) else {
        return Err(Reply::no_credential(request_id));
    };
    let bearer = header
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(|| Reply::no_credential(request_id))?;
    if bearer.starts_with("dapi") {
        return lock(&state.personal_tokens)
            .caller(bearer, now_ms)
            .ok_or_else(|| invalid_token(request_id));
    }
    check_access_token(state, bearer, now_ms).unwrap_or_else(|| Err(invalid_token(request_id)))
}

fn invalid_token(request_id: &str) -> Reply {
    Reply::dead_token(
        &format!("Invalid access token. [ReqId: {request_id}]"),
        "Invalid access token.",
    )
}

/// `None`: not one of ours. The inner error: ours, but dead.
fn check_access_token(state: &State, token: &str, now_ms: i64) -> Option<Result<Caller, Reply>> {
    let (signed, given) = token.rsplit_once('.')?;
    let (_, payload) = signed.split_once('.')?;
    if signature(state, signed) != given {
        return None;
    }
    let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    let generation = state.token_generation.load(Ordering::Relaxed);
    if claims.exp * 1000 <= now_ms || claims.generation != generation {
        return Some(Err(Reply::dead_token("JWT has expired", "JWT has expired")));
    }
    Some(Ok(Caller {
        subject: claims.sub,
        level: claims.level,
        scopes: claims.scope.split(' ').map(str::to_owned).collect(),
    }))
}

/// Refuses a call that the token's scopes do not cover. A scope covers the API family of the
/// same name: `jobs` covers `/api/2.2/jobs/…`.
pub fn check_scope(caller: &Caller, family: &str) -> Result<(), Reply> {
    let covered = |scope: &String| scope == "all-apis" || scope == family;
    if family == "scim" || caller.scopes.iter().any(covered) {
        return Ok(());
    }
    Err(Reply::denied(format!(
        "Provided OAuth token does not have required scopes: {family}"
    )))
}

/// The token endpoint, `POST /oidc/v1/token` and its account form.
pub fn token_endpoint(state: &State, level: Level, headers: &HeaderMap, body: &[u8]) -> Handled {
    let form = form_pairs(&String::from_utf8_lossy(body));
    let field = |name: &str| {
        form.iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    if field("grant_type") != Some("client_credentials") {
        return Err(Reply::oauth_error(
            StatusCode::BAD_REQUEST,
            "unsupported_grant_type",
            "Only client_credentials is supported",
        ));
    }
    let (client_id, secret) = basic(headers)
        .or_else(|| {
            Some((
                field("client_id")?.to_owned(),
                field("client_secret")?.to_owned(),
            ))
        })
        .ok_or_else(invalid_client)?;
    let now_ms = state.now_ms();
    let knobs = state.knobs();
    if knobs.refuse_principal && client_id == state.principal.application_id {
        return Err(invalid_client());
    }
    let principal = lock(&state.directory)
        .active_principal(&client_id)
        .ok_or_else(invalid_client)?;
    let digest = sha256_hex(secret.as_bytes());
    let bound = lock(&state.secrets)
        .scopes_of_live(principal, &digest, now_ms, &knobs)
        .ok_or_else(invalid_client)?;
    let scope = narrowed(field("scope").unwrap_or("all-apis"), &bound)?;
    let lifetime = match knobs.token_lifetime_seconds {
        0 => 3600,
        seconds => seconds,
    };
    let token = mint(state, &client_id, level, &scope, now_ms / 1000, lifetime);
    Ok(Reply::json(&json!({
        "access_token": token,
        "scope": scope,
        "token_type": "Bearer",
        "expires_in": lifetime,
    }))
    .with_header("cache-control", "no-store"))
}

fn mint(
    state: &State,
    subject: &str,
    level: Level,
    scope: &str,
    now_s: i64,
    lifetime: i64,
) -> String {
    let claims = Claims {
        sub: subject.to_owned(),
        iss: format!("https://simulator/oidc/accounts/{}", state.account_id),
        scope: scope.to_owned(),
        iat: now_s,
        exp: now_s + lifetime,
        jti: clock::random_uuid(),
        generation: state.token_generation.load(Ordering::Relaxed),
        level,
    };
    let header = URL_SAFE_NO_PAD.encode(br#"{"kid":"simulator","typ":"at+jwt","alg":"HS256"}"#);
    let payload = serde_json::to_vec(&claims).expect("claims are plain data");
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload));
    let tail = signature(state, &signed);
    format!("{signed}.{tail}")
}

/// What is granted of the asked scope, given what the secret is bound to (empty = all).
fn narrowed(asked: &str, bound: &[String]) -> Result<String, Reply> {
    let everything = bound.is_empty() || bound.iter().any(|scope| scope == "all-apis");
    if everything {
        return Ok(asked.to_owned());
    }
    if asked == "all-apis" {
        return Ok(bound.join(" "));
    }
    if asked
        .split(' ')
        .all(|scope| bound.iter().any(|held| held == scope))
    {
        return Ok(asked.to_owned());
    }
    Err(Reply::oauth_error(
        StatusCode::BAD_REQUEST,
        "invalid_scope",
        "The requested scope exceeds the scopes of the secret",
    ))
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let text = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

fn invalid_client() -> Reply {
    Reply::oauth_error(
        StatusCode::UNAUTHORIZED,
        "invalid_client",
        "Client authentication failed",
    )
}
