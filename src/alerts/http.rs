//! What the channels over HTTP share: the one client, and what a reply means.
//!
//! Knows nothing of messages. An address often carries a secret in its path, so no error here
//! ever holds one.

use std::path::Path;
use std::time::Duration;

use chrono::DateTime;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};

use super::{Delivery, SendError, is_loopback};

/// Longest pause another side may ask of us: an odd header must not silence a channel for days.
const LONGEST_PAUSE_MS: i64 = 3_600_000;
/// As much of an error's text as is looked at for a code such as `no_service`.
const CODE_BYTES: usize = 64;

/// An address that may be posted to: https, or http on loopback. `key` names it in the error.
pub(super) fn address(key: &str, text: &str) -> Result<reqwest::Url, String> {
    let url = reqwest::Url::parse(text).map_err(|_| format!("{key} is no address"))?;
    let plain_here = url.scheme() == "http" && url.host_str().is_some_and(is_loopback);
    if url.scheme() != "https" && !plain_here {
        return Err(format!("{key} must be https, or http on loopback"));
    }
    Ok(url)
}

/// The same for an address that is itself the secret.
#[expect(clippy::disallowed_methods, reason = "the address is what is dialled")]
pub(super) fn secret_address(key: &str, secret: &SecretString) -> Result<reqwest::Url, String> {
    address(key, secret.expose_secret().trim())
}

/// What stands for a secret in the policy: it changes when the secret does, and tells nothing.
#[expect(
    clippy::disallowed_methods,
    reason = "the policy holds the hash (PROTOCOL §9)"
)]
pub(super) fn fingerprint(secret: &SecretString) -> String {
    let hash = Sha256::digest(secret.expose_secret().trim().as_bytes());
    format!("sha256:{}", hex::encode(hash))
}

/// The only place where a `reqwest` client of this room is made.
pub(super) fn client(ca_file: Option<&Path>, timeout_ms: u64) -> Result<reqwest::Client, String> {
    let limit = Duration::from_millis(timeout_ms);
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("breakglass/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .pool_max_idle_per_host(0)
        .connect_timeout(limit)
        .timeout(limit);
    if let Some(path) = ca_file {
        let pem = std::fs::read(path).map_err(|why| format!("ca_file {path:?}: {why}"))?;
        let roots = reqwest::Certificate::from_pem_bundle(&pem)
            .map_err(|_| format!("ca_file {path:?} holds no certificate that can be read"))?;
        builder = builder.tls_certs_only(roots);
    }
    builder.build().map_err(|why| why.without_url().to_string())
}

/// Sends a request once and says truly what became of it.
pub(super) async fn deliver(
    channel: &str,
    request: reqwest::RequestBuilder,
    now_at_ms: i64,
) -> Result<Delivery, SendError> {
    let name = || channel.to_owned();
    let unknown = |why: String| SendError::Unknown {
        channel: name(),
        why,
    };
    let reply = match request.send().await {
        Ok(reply) => reply,
        Err(why) if why.is_builder() => {
            return Err(SendError::Refused {
                channel: name(),
                code: "odd message id".to_owned(),
            });
        }
        Err(why) if why.is_connect() => {
            return Err(SendError::Unreachable {
                channel: name(),
                why: "no connection",
            });
        }
        Err(why) if why.is_timeout() => return Err(unknown("no reply in time".to_owned())),
        Err(_) => return Err(unknown("the reply was lost".to_owned())),
    };
    let status = reply.status();
    if status.is_success() {
        return Ok(Delivery {
            accepted: vec![name()],
            refused: Vec::new(),
        });
    }
    let may_ask = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::SERVICE_UNAVAILABLE,
    ];
    let asked = retry_after_ms(reply.headers(), now_at_ms).filter(|_| may_ask.contains(&status));
    if let Some(after_ms) = asked {
        return Err(SendError::Later {
            channel: name(),
            code: status.as_u16(),
            after_ms,
        });
    }
    // A server error may come after the message was passed on.
    if status.is_server_error() {
        return Err(unknown(format!("status {status}")));
    }
    Err(SendError::Refused {
        channel: name(),
        code: with_code(status, reply).await,
    })
}

/// `Retry-After` in either of its forms (RFC 9110 §10.2.3).
fn retry_after_ms(headers: &HeaderMap, now_at_ms: i64) -> Option<i64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait_ms = match text.parse::<i64>() {
        Ok(seconds) => seconds.saturating_mul(1_000),
        Err(_) => DateTime::parse_from_rfc2822(text)
            .ok()?
            .timestamp_millis()
            .saturating_sub(now_at_ms),
    };
    Some(wait_ms.clamp(0, LONGEST_PAUSE_MS))
}

/// The status, and the short code some services put into the text (`404 no_service`). Any other
/// text stays out: nobody knows what is in it.
async fn with_code(status: StatusCode, mut reply: reqwest::Response) -> String {
    let number = status.as_u16();
    let text = match reply.chunk().await {
        Ok(Some(bytes)) if bytes.len() <= CODE_BYTES => bytes,
        _ => return number.to_string(),
    };
    let is_code = !text.is_empty() && text.iter().all(|b| b.is_ascii_lowercase() || *b == b'_');
    match std::str::from_utf8(&text) {
        Ok(code) if is_code => format!("{number} {code}"),
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Option<i64> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, text.parse().unwrap());
        retry_after_ms(&headers, 1_795_231_320_000)
    }

    #[test]
    fn a_pause_is_read_in_both_forms_and_never_longer_than_an_hour() {
        assert_eq!(asked("30"), Some(30_000));
        assert_eq!(asked("Sat, 21 Nov 2026 03:23:00 GMT"), Some(60_000));
        assert_eq!(asked("Sat, 21 Nov 2026 03:00:00 GMT"), Some(0));
        assert_eq!(asked("-5"), Some(0));
        assert_eq!(asked("864000"), Some(LONGEST_PAUSE_MS));
        assert_eq!(asked("soon"), None);
    }

    #[test]
    fn the_hash_of_a_secret_address_does_not_depend_on_the_line_end() {
        let hash = |text: &str| fingerprint(&SecretString::from(text));
        assert_eq!(hash("https://a.example/x"), hash("https://a.example/x\n"));
        assert_ne!(hash("https://a.example/x"), hash("https://a.example/y"));
        assert!(!hash("https://a.example/x").contains("example"));
    }
}
