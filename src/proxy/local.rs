//! What the proxy answers itself: discovery, the token endpoint, feature
//! flags, telemetry. None of it reaches Databricks, and discovery tells no workspace id.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::domain::target::Target;

/// A call the proxy answers itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalCall {
    /// `/.well-known/databricks-config`.
    Config,
    /// The authorization server's metadata, perhaps for one account.
    AuthorizationServer {
        /// Account id in the path.
        account: Option<String>,
    },
    /// The token endpoint; needs the form body.
    Token,
    /// Feature flags of SQL drivers: none.
    FeatureFlags,
    /// Telemetry of clients: taken and dropped.
    Telemetry,
    /// The first step of an upload in parts: an SDK that is refused here gives up, while one that
    /// is refused the addresses of the parts falls back to one plain upload.
    BeginUpload,
}

/// Whether a call is one of ours to answer.
pub fn local_call(method: &Method, target: &Target) -> Option<LocalCall> {
    let segments = target.segments();
    let metadata =
        |name: &str| matches!(name, "oauth-authorization-server" | "openid-configuration");
    match (method.as_str(), segments.as_slice()) {
        ("GET", [".well-known", "databricks-config"]) => Some(LocalCall::Config),
        ("GET", ["oidc", ".well-known", name]) if metadata(name) => {
            Some(LocalCall::AuthorizationServer { account: None })
        }
        ("GET", ["oidc", "accounts", id, ".well-known", name]) if metadata(name) => {
            Some(LocalCall::AuthorizationServer {
                account: Some((*id).to_owned()),
            })
        }
        ("POST", ["oidc", "v1", "token"] | ["oidc", "accounts", _, "v1", "token"]) => {
            Some(LocalCall::Token)
        }
        ("GET", ["api", "2.0", "connector-service", "feature-flags", ..]) => {
            Some(LocalCall::FeatureFlags)
        }
        ("POST", ["telemetry-ext" | "telemetry-unauth"]) => Some(LocalCall::Telemetry),
        ("POST", ["api", "2.0", "fs", "files", _, ..]) => {
            let begins =
                |(name, value): &(String, String)| name == "action" && value == "initiate-upload";
            target
                .pairs()
                .iter()
                .any(begins)
                .then_some(LocalCall::BeginUpload)
        }
        _ => None,
    }
}

/// The document for a call that needs no token; `None` for the token endpoint. `base` is the
/// address the client used, such as `https://proxy.example:443`; `account_host` is true under the
/// name `accounts.…`.
pub fn discovery(call: &LocalCall, base: &str, account_host: bool) -> Option<Value> {
    match call {
        // The placeholder is literal: clients put their own account id into it.
        LocalCall::Config if account_host => Some(json!({
            "oidc_endpoint": format!("{base}/oidc/accounts/{{account_id}}"),
            "host_type": "ACCOUNT_HOST",
        })),
        LocalCall::Config => Some(json!({ "oidc_endpoint": format!("{base}/oidc") })),
        LocalCall::AuthorizationServer { account } => {
            let issuer = match account {
                Some(id) => format!("{base}/oidc/accounts/{id}"),
                None => format!("{base}/oidc"),
            };
            Some(json!({
                "issuer": issuer,
                "authorization_endpoint": format!("{issuer}/v1/authorize"),
                "token_endpoint": format!("{issuer}/v1/token"),
                "response_types_supported": ["token"],
                "grant_types_supported": ["client_credentials"],
            }))
        }
        LocalCall::FeatureFlags => Some(json!({"flags": [], "ttl_seconds": 900})),
        LocalCall::Telemetry => Some(json!({"errors": [], "numProtoSuccess": 1})),
        // No upload exists under this name: every later step of it is refused, logged and never
        // reaches Databricks.
        LocalCall::BeginUpload => Some(json!({"multipart_upload": {"session_token": "none"}})),
        LocalCall::Token => None,
    }
}

/// A session token on its way to be looked up; never printed, wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionToken(Zeroizing<String>);

impl std::fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionToken(***)")
    }
}

impl SessionToken {
    /// Takes a token as the client sent it.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The token in `Authorization: Bearer …`.
    pub fn from_bearer(header: &str) -> Option<Self> {
        let (scheme, token) = header.split_once(' ')?;
        let good = scheme.eq_ignore_ascii_case("bearer")
            && !token.is_empty()
            && token.bytes().all(|byte| byte.is_ascii_graphic());
        good.then(|| Self::new(token.to_owned()))
    }

    /// The bytes to be hashed for the look-up.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// What a client asks the token endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenAsk {
    /// `client_id`: the session's id; `None` in a token exchange.
    pub session: Option<String>,
    /// `client_secret`: the session token.
    pub token: SessionToken,
}

/// Why a token request was refused; the word is OAuth's `error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenAskError {
    /// Not a form, or a member twice.
    #[error("invalid_request")]
    Request,
    /// No client id and secret.
    #[error("invalid_client")]
    Client,
    /// Another grant than client credentials or token exchange.
    #[error("unsupported_grant_type")]
    Grant,
}

impl TokenAskError {
    /// Status and body of the answer (RFC 6749 §5.2).
    pub fn answer(self) -> (u16, Value) {
        let status = if self == Self::Client { 401 } else { 400 };
        let description = match self {
            Self::Client => "Client authentication failed",
            Self::Request => "The token request could not be read",
            Self::Grant => "Only client_credentials is granted here",
        };
        let body = json!({"error": self.to_string(), "error_description": description});
        (status, body)
    }
}

impl TokenAsk {
    /// Reads the form and the Authorization header of a token request.
    ///
    /// # Errors
    /// [`TokenAskError`] as OAuth names it.
    pub fn read(authorization: Option<&str>, form: &[u8]) -> Result<Self, TokenAskError> {
        let pairs = form_pairs(form)?;
        let member = |name: &str| {
            let mut found = pairs.iter().filter(|(key, _)| key == name);
            match (found.next(), found.next()) {
                (Some((_, value)), None) => Ok(Some(value.to_string())),
                (None, _) => Ok(None),
                _ => Err(TokenAskError::Request),
            }
        };
        match member("grant_type")?.as_deref() {
            Some("client_credentials") => {}
            Some("urn:ietf:params:oauth:grant-type:token-exchange") => {
                let token = member("subject_token")?.ok_or(TokenAskError::Request)?;
                return Ok(Self {
                    session: None,
                    token: SessionToken::new(token),
                });
            }
            _ => return Err(TokenAskError::Grant),
        }
        let (session, token) = match authorization {
            Some(header) => basic(header).ok_or(TokenAskError::Client)?,
            None => match (member("client_id")?, member("client_secret")?) {
                (Some(id), Some(secret)) => (id, secret),
                _ => return Err(TokenAskError::Client),
            },
        };
        Ok(Self {
            session: Some(session),
            token: SessionToken::new(token),
        })
    }
}

/// The answer to a good token request: the session token itself, until the session ends. Clients
/// refresh 40 s before expiry, so less than 120 s would be asked for again at every call.
pub fn token_reply(token: &SessionToken, remaining_seconds: u64) -> Zeroizing<String> {
    let expires_in = remaining_seconds.clamp(120, 3600);
    // A token is letters, digits and `_`, but it came from outside: let serde quote it.
    let quoted = Zeroizing::new(json!(token.0.as_str()).to_string());
    Zeroizing::new(format!(
        "{{\"access_token\":{},\"scope\":\"all-apis\",\"token_type\":\"Bearer\",\
         \"expires_in\":{expires_in}}}",
        quoted.as_str()
    ))
}

fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = Zeroizing::new(STANDARD.decode(encoded.trim()).ok()?);
    let text = std::str::from_utf8(&decoded).ok()?;
    let (id, secret) = text.split_once(':')?;
    (!id.is_empty() && !secret.is_empty()).then(|| (id.to_owned(), secret.to_owned()))
}

type Pairs = Vec<(String, Zeroizing<String>)>;

fn form_pairs(form: &[u8]) -> Result<Pairs, TokenAskError> {
    let text = std::str::from_utf8(form).map_err(|_| TokenAskError::Request)?;
    text.split('&')
        .filter(|piece| !piece.is_empty())
        .map(|piece| {
            let (key, value) = piece.split_once('=').unwrap_or((piece, ""));
            let key = form_part(key).ok_or(TokenAskError::Request)?;
            let value = form_part(value).ok_or(TokenAskError::Request)?;
            Ok((key.to_string(), value))
        })
        .collect()
}

fn form_part(part: &str) -> Option<Zeroizing<String>> {
    let mut decoded = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'+' => decoded.push(b' '),
            b'%' => {
                let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
                if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                    return None;
                }
                decoded.push(u8::from_str_radix(digits, 16).ok()?);
                rest = &rest[2..];
            }
            byte => decoded.push(*byte),
        }
    }
    String::from_utf8(decoded).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::target::canonicalise;

    fn local(method: Method, raw: &str) -> Option<LocalCall> {
        local_call(&method, &canonicalise(raw).unwrap())
    }

    #[test]
    fn discovery_tells_addresses_of_the_proxy_and_no_workspace() {
        let config = local(Method::GET, "/.well-known/databricks-config").unwrap();
        let base = "https://proxy.test:8443";
        let document = discovery(&config, base, false).unwrap();
        assert_eq!(
            document,
            json!({"oidc_endpoint": "https://proxy.test:8443/oidc"})
        );
        let account = discovery(&config, base, true).unwrap();
        assert_eq!(account["host_type"], "ACCOUNT_HOST");
        assert_eq!(
            account["oidc_endpoint"],
            "https://proxy.test:8443/oidc/accounts/{account_id}"
        );
        let server = local(
            Method::GET,
            "/oidc/accounts/a/.well-known/openid-configuration",
        );
        let document = discovery(&server.unwrap(), base, true).unwrap();
        assert_eq!(
            document["token_endpoint"],
            "https://proxy.test:8443/oidc/accounts/a/v1/token"
        );
    }

    #[test]
    fn only_these_calls_are_answered_here() {
        assert_eq!(
            local(Method::POST, "/oidc/v1/token"),
            Some(LocalCall::Token)
        );
        assert_eq!(
            local(
                Method::GET,
                "/api/2.0/connector-service/feature-flags/PYTHON/4.9.0"
            ),
            Some(LocalCall::FeatureFlags)
        );
        assert_eq!(
            local(Method::POST, "/telemetry-ext"),
            Some(LocalCall::Telemetry)
        );
        assert_eq!(
            local(
                Method::POST,
                "/api/2.0/fs/files/Volumes/a/b?action=initiate-upload&overwrite=true"
            ),
            Some(LocalCall::BeginUpload)
        );
        assert_eq!(
            local(
                Method::POST,
                "/api/2.0/fs/files/Volumes/a/b?action=complete-upload"
            ),
            None
        );
        for raw in [
            "/oidc/v1/token",
            "/oidc/v1/authorize",
            "/telemetry-ext",
            "/api/2.0/jobs/list",
        ] {
            assert_eq!(local(Method::GET, raw), None, "{raw}");
        }
    }

    #[test]
    fn both_ways_to_send_id_and_secret_are_read() {
        let basic = format!("Basic {}", STANDARD.encode("inc-1:bgt_abc"));
        let form = b"scope=all-apis&grant_type=client_credentials";
        let ask = TokenAsk::read(Some(&basic), form).unwrap();
        assert_eq!(ask.session.as_deref(), Some("inc-1"));
        assert_eq!(ask.token.as_bytes(), b"bgt_abc");
        let form = b"grant_type=client_credentials&client_id=inc%2D1&client_secret=bgt_abc";
        assert_eq!(TokenAsk::read(None, form).unwrap(), ask);
        assert!(!format!("{ask:?}").contains("bgt_abc"));
    }

    #[test]
    fn a_token_exchange_returns_the_same_token() {
        let form = b"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=bgt_a";
        assert_eq!(
            TokenAsk::read(None, form).unwrap().token.as_bytes(),
            b"bgt_a"
        );
    }

    #[test]
    fn bad_token_requests_are_named_as_oauth_names_them() {
        let read = |header, form: &[u8]| TokenAsk::read(header, form).unwrap_err();
        assert_eq!(
            read(None, b"grant_type=client_credentials"),
            TokenAskError::Client
        );
        assert_eq!(
            read(Some("Basic !"), b"grant_type=client_credentials"),
            TokenAskError::Client
        );
        assert_eq!(read(None, b"grant_type=password"), TokenAskError::Grant);
        assert_eq!(read(None, b""), TokenAskError::Grant);
        assert_eq!(read(None, b"a=%zz"), TokenAskError::Request);
        let twice = b"grant_type=client_credentials&grant_type=client_credentials";
        assert_eq!(read(None, twice), TokenAskError::Request);
        assert_eq!(TokenAskError::Client.answer().0, 401);
        assert_eq!(TokenAskError::Client.answer().1["error"], "invalid_client");
    }

    #[test]
    fn a_token_reply_lasts_between_two_minutes_and_an_hour() {
        let token = SessionToken::from_bearer("Bearer bgt_a").unwrap();
        let seconds = |remaining| {
            let value: Value = serde_json::from_str(&token_reply(&token, remaining)).unwrap();
            assert_eq!(value["access_token"], "bgt_a");
            value["expires_in"].as_u64().unwrap()
        };
        assert_eq!((seconds(5), seconds(600), seconds(9999)), (120, 600, 3600));
    }
}
