//! What can go wrong in a call to Databricks, and how a reply is read for it.
//!
//! An error carries the step, the status and a short code; never a body, a message of the
//! service or a header, for those may hold a secret.

use hyper::HeaderMap;

/// Why a control-plane call has no good answer. `Unknown` means the service may have acted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// A definite no.
    #[error("databricks refused to {step}: {status} {code}")]
    Refused {
        /// What was asked.
        step: &'static str,
        /// The HTTP status.
        status: u16,
        /// The error code of the reply, or `-`.
        code: String,
    },
    /// The request never left: nothing happened there.
    #[error("databricks is not reachable to {step}: {why}")]
    Unreachable {
        /// What was asked.
        step: &'static str,
        /// How it failed.
        why: Unreached,
    },
    /// The request may have been carried out.
    #[error("it is unknown whether databricks did {step}: {why}")]
    Unknown {
        /// What was asked.
        step: &'static str,
        /// What was seen instead of an answer.
        why: &'static str,
    },
    /// A whole answer that fits no rule. For a write, treat it as unknown.
    #[error("databricks gave an unexpected answer to {step}: {status} {code}")]
    Unexpected {
        /// What was asked.
        step: &'static str,
        /// The HTTP status.
        status: u16,
        /// The error code of the reply, or `-`.
        code: String,
    },
    /// The workspace answers on its private link only.
    #[error("{host} answers on its private link only")]
    PrivateLinkOnly {
        /// The host that said so.
        host: String,
    },
    /// The IP access list does not hold the vault's address.
    #[error("the IP access list of {host} does not hold the address of this vault")]
    IpBlocked {
        /// The host that said so.
        host: String,
    },
    /// A sign-in page came in place of an answer: the address is not the API's, or something
    /// between us and Databricks wants a person.
    #[error("{host} answers with its sign-in page instead of the API")]
    SignInPage {
        /// The host that said so.
        host: String,
    },
    /// A workspace that is not in the configuration.
    #[error("{0} is not configured")]
    NotConfigured(String),
}

impl CallError {
    /// HTTP status and error code for an entry; 0 and `-` where there was no answer.
    #[must_use]
    pub fn status_and_code(&self) -> (u16, String) {
        match self {
            Self::Refused { status, code, .. } | Self::Unexpected { status, code, .. } => {
                (*status, code.clone())
            }
            _ => (0, "-".to_owned()),
        }
    }
}

/// How a host was not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreached {
    /// Name, route, refused connection, proxy or TLS.
    #[error("no connection")]
    NoConnection,
    /// The time to connect ran out.
    #[error("no connection in time")]
    TimedOut,
}

impl CallError {
    /// Whether the token endpoint said that this client id and secret are not valid.
    pub fn is_invalid_client(&self) -> bool {
        matches!(self, CallError::Refused { code, .. } if code == "invalid_client")
    }

    /// Whether Databricks itself says that a thing is not there. A 404 without one of its codes
    /// comes from a proxy or load balancer in between, or from a wrong address, and proves nothing.
    pub(super) fn says_gone(&self) -> bool {
        matches!(self, CallError::Refused { status: 404, code, .. }
            if code != "ENDPOINT_NOT_FOUND" && code != "-")
    }

    /// Whether it is certain that nothing was done at Databricks.
    pub fn is_definite(&self) -> bool {
        !matches!(
            self,
            // A page in place of the reply: somebody in between answered, and the reply is lost.
            CallError::Unknown { .. } | CallError::Unexpected { .. } | CallError::SignInPage { .. }
        )
    }
}

/// The error code of a reply in any of the shapes of Databricks, and whether it is a number.
pub(super) fn error_code(body: &[u8]) -> (String, bool) {
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) else {
        return ("-".to_owned(), false);
    };
    let found = ["error_code", "error", "scimType", "status"]
        .iter()
        .find_map(|key| value.get(key));
    match found {
        Some(serde_json::Value::Number(number)) => (number.to_string(), true),
        Some(serde_json::Value::String(text)) if is_code(text) => (text.clone(), false),
        _ => ("-".to_owned(), false),
    }
}

/// A code is a short word; anything else could be text with something secret in it.
fn is_code(text: &str) -> bool {
    (1..=48).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphabetic() || byte == b'_' || byte == b'-')
        || text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a reply says that the bearer itself is no longer good, so that one new token is worth
/// minting: 401, or 403 with a numeric `error_code`, or a reason phrase about the token. A 403
/// with a word as its code is a real denial.
pub fn token_refused(status: u16, headers: &HeaderMap, body: &[u8]) -> bool {
    if status == 401 {
        return true;
    }
    if status != 403 || ip_blocked(status, body) {
        return false;
    }
    let phrase = headers
        .get("x-databricks-reason-phrase")
        .and_then(|value| value.to_str().ok());
    let about_token = phrase.is_some_and(|text| {
        let text = text.to_ascii_lowercase();
        text.contains("token") || text.contains("jwt")
    });
    about_token || error_code(body).1
}

/// Whether a reply says that the caller's address is not on the IP access list.
pub fn ip_blocked(status: u16, body: &[u8]) -> bool {
    if status != 403 {
        return false;
    }
    let text = String::from_utf8_lossy(&body[..body.len().min(4096)]).to_ascii_lowercase();
    ["ip acl", "ip access list", "unauthorized network access"]
        .iter()
        .any(|words| text.contains(words))
}

/// Whether a redirect is the denial in disguise of a workspace behind a private link.
pub fn private_link_redirect(status: u16, headers: &HeaderMap) -> bool {
    let location = headers
        .get("location")
        .and_then(|value| value.to_str().ok());
    (300..400).contains(&status)
        && location.is_some_and(|to| to.contains("error=private-link-validation-error"))
}

/// Whether a reply is the way to a sign-in page.
pub(super) fn sign_in_page(status: u16, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let to = text("location").unwrap_or_default();
    (300..400).contains(&status) && to.contains("login")
        || text("content-type").is_some_and(|kind| kind.starts_with("text/html"))
            && (200..400).contains(&status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_numeric_code_means_a_dead_token_and_a_word_means_a_denial() {
        let none = HeaderMap::new();
        assert!(token_refused(
            403,
            &none,
            br#"{"error_code":403,"message":"JWT has expired"}"#
        ));
        assert!(!token_refused(
            403,
            &none,
            br#"{"error_code":"PERMISSION_DENIED"}"#
        ));
        assert!(token_refused(401, &none, b""));
        assert!(!token_refused(404, &none, br#"{"error_code":404}"#));
        let mut phrase = HeaderMap::new();
        phrase.insert(
            "x-databricks-reason-phrase",
            "Invalid access token.".parse().unwrap(),
        );
        assert!(token_refused(403, &phrase, b""));
    }

    #[test]
    fn an_address_that_is_blocked_is_not_taken_for_a_dead_token() {
        let body = br#"{"error_code":403,"message":"Source IP address: 192.0.2.7 is blocked by Databricks IP ACL"}"#;
        assert!(ip_blocked(403, body));
        assert!(!token_refused(403, &HeaderMap::new(), body));
    }

    #[test]
    fn a_404_without_a_code_of_databricks_does_not_say_that_something_is_gone() {
        let refused = |status, body: &[u8]| CallError::Refused {
            step: "delete a secret",
            status,
            code: error_code(body).0,
        };
        let gone: [&[u8]; 3] = [
            br#"{"error_code":"RESOURCE_DOES_NOT_EXIST"}"#,
            br#"{"error_code":"NOT_FOUND","message":"x"}"#,
            br#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"404"}"#,
        ];
        for body in gone {
            assert!(refused(404, body).says_gone());
        }
        let unknown: [&[u8]; 5] = [
            b"",
            b"<html><h1>404 Not Found</h1></html>",
            b"default backend - 404",
            br#"{"error":"Not Found","path":"/api"}"#,
            br#"{"error_code":"ENDPOINT_NOT_FOUND"}"#,
        ];
        for body in unknown {
            assert!(!refused(404, body).says_gone());
        }
        assert!(!refused(400, gone[0]).says_gone());
    }

    #[test]
    fn only_a_short_word_is_repeated_from_a_reply() {
        assert_eq!(
            error_code(br#"{"error":"invalid_client"}"#).0,
            "invalid_client"
        );
        assert_eq!(error_code(br#"{"status":"404","detail":"x"}"#).0, "404");
        assert_eq!(error_code(br#"{"error":"secret dose123 is wrong"}"#).0, "-");
        assert_eq!(error_code(br#"{"error":"dose0123456789abcdef"}"#).0, "-");
        assert_eq!(error_code(b"<html>").0, "-");
    }
}
