//! Access tokens: minting them with the client-credentials grant, and the session's own.
//!
//! One of the two files that may look at a bearer. A token leaves only as a header on a request
//! to the host it was made for; it is never printed, stored or handed to another room.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use hyper::header::{AUTHORIZATION, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::error::CallError;
use super::http::{Client, exchange, parsed};
use super::leak::Needles;
use super::upstream::Upstream;
use crate::sealed::secret::Credential;

/// How long after its end a token is still looked for in replies.
const DEAD_AFTER_MS: i64 = 5 * 60_000;

/// An access token and when Databricks said it ends.
pub struct Minted {
    bearer: SecretString,
    /// The same as a whole `Authorization` value: made once, shared by every call.
    header: HeaderValue,
    /// End by the service's word, unix milliseconds on our clock.
    pub expires_at_ms: i64,
    minted_at_ms: i64,
}

impl std::fmt::Debug for Minted {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Minted(***, expires_at_ms: {})", self.expires_at_ms)
    }
}

impl Minted {
    /// Adds the bearer to a control-plane request, marked sensitive.
    pub(super) fn authorise(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        request.header(AUTHORIZATION, self.header())
    }

    /// The whole `Authorization` value for the proxied leg, marked sensitive.
    pub(super) fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    /// A new token is due in the last tenth of the life, at most two minutes before the end.
    fn is_stale(&self, now_at_ms: i64) -> bool {
        let margin_ms = ((self.expires_at_ms - self.minted_at_ms) / 10).min(120_000);
        now_at_ms >= self.expires_at_ms - margin_ms
    }
}

#[derive(Deserialize)]
struct RawToken {
    access_token: String,
    expires_in: Seconds,
}

/// Clients accept a number or a numeric string, so servers send both.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(i64),
    Text(String),
}

impl Client {
    /// Mints an access token for `at` with the principal's client id and `secret`.
    ///
    /// Errors: [`CallError::is_invalid_client`] tells a secret that is dead, or not yet known
    /// there; `Unreachable`, `Unknown` and `Unexpected` prove nothing about the secret.
    pub async fn mint(
        &self,
        at: &Upstream,
        secret: &(dyn ExposeSecret<str> + Sync),
        now_at_ms: i64,
    ) -> Result<Minted, CallError> {
        const STEP: &str = "mint a token";
        let base = self.base(at)?;
        let path = match at {
            Upstream::Account => format!("/oidc/accounts/{}/v1/token", self.config().account_id),
            Upstream::Workspace(_) => "/oidc/v1/token".to_owned(),
        };
        let form = [("grant_type", "client_credentials"), ("scope", "all-apis")];
        // A connection of its own: one kept open would keep the secret in its buffer (base64) for
        // as long as it idles, beyond every wipe.
        let request = self.writing().post(base.url(&path)).form(&form);
        let request = with_secret(request, &self.config().application_id, secret);
        let answer = exchange(STEP, request).await?;
        let raw: RawToken = parsed(STEP, &base, &answer)?;
        minted(raw, now_at_ms).ok_or(CallError::Unexpected {
            step: STEP,
            status: 200,
            code: "odd_token".to_owned(),
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the token endpoint takes the secret by Basic"
)]
fn with_secret(
    request: reqwest::RequestBuilder,
    application_id: &str,
    secret: &(dyn ExposeSecret<str> + Sync),
) -> reqwest::RequestBuilder {
    request.basic_auth(application_id, Some(secret.expose_secret()))
}

/// `None` for a token that is empty, cannot stand in a header, or has a senseless life.
fn minted(raw: RawToken, now_at_ms: i64) -> Option<Minted> {
    let seconds = match raw.expires_in {
        Seconds::Number(number) => number,
        Seconds::Text(text) => text.parse().ok()?,
    };
    let visible = raw
        .access_token
        .bytes()
        .all(|byte| (0x21..0x7f).contains(&byte));
    if !(1..=86_400).contains(&seconds) || raw.access_token.is_empty() || !visible {
        return None;
    }
    let mut header = HeaderValue::try_from(format!("Bearer {}", raw.access_token)).ok()?;
    header.set_sensitive(true);
    Some(Minted {
        bearer: SecretString::from(raw.access_token),
        header,
        expires_at_ms: now_at_ms + seconds * 1000,
        minted_at_ms: now_at_ms,
    })
}

/// The session secret and the tokens made from it: the source of every proxied bearer.
///
/// Dropping it wipes the secret; tokens already minted live on at Databricks until
/// [`SessionCredential::tokens_dead_at_ms`].
pub struct SessionCredential {
    client: Client,
    secret: Box<dyn ExposeSecret<str> + Send + Sync>,
    current: RwLock<HashMap<Upstream, Slot>>,
    /// One hand for all upstreams: a mint in flight makes who has no token wait, not mint too.
    minting: tokio::sync::Mutex<()>,
    needles: RwLock<Arc<Needles>>,
    tokens_dead_at_ms: AtomicI64,
}

/// The credential as a source of tokens.
struct Dormant(Arc<Credential>);

impl ExposeSecret<str> for Dormant {
    #[expect(
        clippy::disallowed_methods,
        reason = "passes the fence on to its own caller"
    )]
    fn expose_secret(&self) -> &str {
        self.0.client_secret.expose_secret()
    }
}

#[derive(Clone)]
struct Slot {
    token: Arc<Minted>,
    number: u64,
}

impl std::fmt::Debug for SessionCredential {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("SessionCredential(***)")
    }
}

impl SessionCredential {
    /// Takes the session secret over; nothing is minted yet.
    #[expect(
        clippy::disallowed_methods,
        reason = "the patterns of the leak scan are made here"
    )]
    pub fn new(client: Client, secret: SecretString) -> SessionCredential {
        let needles = Needles::default().with(secret.expose_secret());
        SessionCredential::over(client, Box::new(secret), needles)
    }

    /// The dormant credential itself, where Databricks refuses every session secret
    /// (PROTOCOL §7). It stays in locked memory; this holds it as long as the session lives.
    #[expect(
        clippy::disallowed_methods,
        reason = "the patterns of the leak scan are made here"
    )]
    pub fn of_credential(client: Client, credential: Arc<Credential>) -> SessionCredential {
        let needles = Needles::default().with(credential.client_secret.expose_secret());
        SessionCredential::over(client, Box::new(Dormant(credential)), needles)
    }

    fn over(
        client: Client,
        secret: Box<dyn ExposeSecret<str> + Send + Sync>,
        needles: Needles,
    ) -> SessionCredential {
        SessionCredential {
            client,
            secret,
            current: RwLock::default(),
            minting: tokio::sync::Mutex::default(),
            needles: RwLock::new(Arc::new(needles)),
            tokens_dead_at_ms: AtomicI64::new(0),
        }
    }

    /// A token for `at` and its number, minted or renewed when due. While the old token lives, one
    /// call renews it and the others go on with it; a renewal that fails then is not an error.
    pub(super) async fn token(
        &self,
        at: &Upstream,
        now_at_ms: i64,
    ) -> Result<(Arc<Minted>, u64), CallError> {
        let held = self.held(at);
        if let Some(slot) = &held
            && !slot.token.is_stale(now_at_ms)
        {
            return Ok((Arc::clone(&slot.token), slot.number));
        }
        let alive = held.filter(|slot| now_at_ms < slot.token.expires_at_ms);
        let Some(old) = alive else {
            let _hand = self.minting.lock().await;
            return match self.held(at) {
                // Somebody else minted meanwhile.
                Some(slot) if !slot.token.is_stale(now_at_ms) => Ok((slot.token, slot.number)),
                _ => self.refill(at, now_at_ms).await,
            };
        };
        let renewed = match self.minting.try_lock() {
            Ok(_hand) => self.refill(at, now_at_ms).await.ok(),
            Err(_) => None,
        };
        Ok(renewed.unwrap_or((old.token, old.number)))
    }

    fn held(&self, at: &Upstream) -> Option<Slot> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.get(at).cloned()
    }

    /// Replaces the token with this number after Databricks refused it; does nothing when another
    /// call already has. So many refused calls at once cost one mint.
    pub async fn renew(
        &self,
        at: &Upstream,
        refused_number: u64,
        now_at_ms: i64,
    ) -> Result<(), CallError> {
        let _hand = self.minting.lock().await;
        match self.held(at) {
            Some(slot) if slot.number != refused_number => Ok(()),
            _ => self.refill(at, now_at_ms).await.map(drop),
        }
    }

    /// Mints; the caller holds the minting hand.
    #[expect(
        clippy::disallowed_methods,
        reason = "the patterns of the leak scan are made here"
    )]
    async fn refill(&self, at: &Upstream, now_at_ms: i64) -> Result<(Arc<Minted>, u64), CallError> {
        let token = Arc::new(self.client.mint(at, &*self.secret, now_at_ms).await?);
        self.tokens_dead_at_ms
            .fetch_max(token.expires_at_ms, Ordering::SeqCst);
        {
            let mut needles = self.needles.write().unwrap_or_else(PoisonError::into_inner);
            // Its end by the service's word, and a little more for clocks that differ.
            let until_ms = token.expires_at_ms + DEAD_AFTER_MS;
            let bearer = token.bearer.expose_secret();
            *needles = Arc::new(needles.with_token(bearer, until_ms, now_at_ms));
        }
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let number = current.get(at).map_or(1, |slot| slot.number + 1);
        current.insert(
            at.clone(),
            Slot {
                token: token.clone(),
                number,
            },
        );
        Ok((token, number))
    }

    /// Mints for one upstream ahead of the first call, which so finds a token waiting.
    ///
    /// # Errors
    /// As [`Client::mint`].
    pub async fn warm(&self, at: &Upstream, now_at_ms: i64) -> Result<(), CallError> {
        self.token(at, now_at_ms).await.map(drop)
    }

    /// Watches replies for one more secret: the vault's own credential while it is unsealed.
    #[expect(
        clippy::disallowed_methods,
        reason = "the patterns of the leak scan are made here"
    )]
    pub fn also_guard(&self, secret: &(dyn ExposeSecret<str> + Sync)) {
        let mut needles = self.needles.write().unwrap_or_else(PoisonError::into_inner);
        *needles = Arc::new(needles.with(secret.expose_secret()));
    }

    /// When the last token minted for this session ends (unix milliseconds; 0 = none was minted).
    pub fn tokens_dead_at_ms(&self) -> i64 {
        self.tokens_dead_at_ms.load(Ordering::SeqCst)
    }

    /// Shows each byte pattern by which the session secret or one of its tokens would appear in a
    /// reply: as it is, in the three alignments of base64, and percent-encoded. Nothing is cloned.
    pub fn leak_needles(&self, visit: &mut dyn FnMut(&[u8])) {
        self.needles().each(visit);
    }

    pub(super) fn needles(&self) -> Arc<Needles> {
        self.needles
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(token: &str, seconds: Seconds) -> RawToken {
        RawToken {
            access_token: token.to_owned(),
            expires_in: seconds,
        }
    }

    #[test]
    fn the_life_of_a_token_may_be_a_number_or_a_numeric_string() {
        assert_eq!(
            minted(raw("t", Seconds::Number(3600)), 5)
                .unwrap()
                .expires_at_ms,
            3_600_005
        );
        let text = Seconds::Text("60".into());
        assert_eq!(minted(raw("t", text), 0).unwrap().expires_at_ms, 60_000);
    }

    #[test]
    fn a_token_that_could_break_a_header_or_never_ends_is_refused() {
        assert!(minted(raw("a\r\nX: y", Seconds::Number(60)), 0).is_none());
        assert!(minted(raw("", Seconds::Number(60)), 0).is_none());
        assert!(minted(raw("t", Seconds::Number(0)), 0).is_none());
        assert!(minted(raw("t", Seconds::Number(i64::MAX)), 0).is_none());
    }

    #[test]
    fn a_token_is_renewed_shortly_before_its_end() {
        let hour = minted(raw("t", Seconds::Number(3600)), 0).unwrap();
        assert!(!hour.is_stale(3_479_999));
        assert!(hour.is_stale(3_480_000));
        let short = minted(raw("t", Seconds::Number(10)), 0).unwrap();
        assert!(!short.is_stale(8_999) && short.is_stale(9_000));
    }

    #[test]
    fn printing_a_token_shows_no_part_of_it() {
        let token = minted(raw("eyJcanary", Seconds::Number(60)), 0).unwrap();
        assert!(!format!("{token:?}").contains("canary"));
        assert!(token.header().is_sensitive());
    }
}
