//! The door itself: who asks, for what, and whether it is answered here.
//!
//! Everything that ends before the verdict is here: targets without a canonical form, discovery,
//! the token endpoint, and tokens that open nothing.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Body as _;
use hyper::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{HeaderMap, Request, Response, StatusCode};

use super::local::token_reply;
use super::local::{LocalCall, SessionToken, TokenAsk, TokenAskError, discovery, local_call};
use super::refusal::Refusal;
use crate::app::App;
use crate::app::permit::{Denial, LiveSession, SessionLookup};
use crate::domain::target::{Target, TargetRefusal, canonicalise};
use crate::listen::{self, Handler, Peer, ReplyBody, RequestBody};

/// Longest silence of Databricks within a reply: statements and driver calls take minutes.
const IDLE: Duration = Duration::from_secs(15 * 60);
/// Largest form or telemetry body read here.
const LOCAL_BODY_BYTES: usize = 64 * 1024;

/// What every call needs.
pub(super) struct Door {
    pub(super) app: App,
    /// Calls one session may have under way.
    pub(super) most_under_way: usize,
    pub(super) idle: Duration,
}

/// The proxy as `listen` serves it; the same for the workspace's and the account's name.
#[must_use]
pub fn handler(app: App, calls_in_flight: usize) -> Handler {
    let door = Arc::new(Door {
        app,
        most_under_way: calls_in_flight,
        idle: IDLE,
    });
    listen::handler(move |request, peer| Arc::clone(&door).answer(request, peer))
}

/// A refusal as a reply.
pub(super) fn refused(refusal: &Refusal, close: bool) -> Response<ReplyBody> {
    refusal.reply(close).map(boxed)
}

/// A whole body.
pub(super) fn boxed(body: Full<Bytes>) -> ReplyBody {
    body.map_err(|never| match never {}).boxed_unsync()
}

impl Door {
    async fn answer(
        self: Arc<Self>,
        request: Request<RequestBody>,
        peer: Peer,
    ) -> Response<ReplyBody> {
        let raw = request
            .uri()
            .path_and_query()
            .map_or("/", |path| path.as_str());
        let target = canonicalise(raw);
        if let Ok(target) = &target
            && let Some(local) = local_call(request.method(), target)
        {
            return self.answer_here(&local, request, peer).await;
        }
        let app = self.app.clone();
        let call = app.carry(async move { self.authenticated(request, peer, target).await });
        // A panic: nobody can tell whether it was sent. The log says `call.lost`.
        call.await
            .unwrap_or_else(|_| refused(&Refusal::outcome_unknown(), true))
    }

    async fn authenticated(
        &self,
        request: Request<RequestBody>,
        peer: Peer,
        target: Result<Target, TargetRefusal>,
    ) -> Response<ReplyBody> {
        let close = !request.body().is_end_stream();
        let Some(token) = bearer(request.headers()) else {
            self.app.note_stranger(peer.address.ip());
            return refused(&Refusal::unauthenticated(), close);
        };
        let session = match self.session(&token, peer).await {
            Ok(session) => session,
            Err(refusal) => return refused(&refusal, close),
        };
        match target {
            Ok(target) => self.call(session, request, &target).await,
            Err(refusal) => {
                self.app
                    .deny(&session, &Denial::unjudged(request.method(), "target"))
                    .await;
                refused(&Refusal::malformed(refusal.to_string()), close)
            }
        }
    }

    async fn session(&self, token: &SessionToken, peer: Peer) -> Result<Arc<LiveSession>, Refusal> {
        match self
            .app
            .session_for(token.as_bytes(), peer.address.ip())
            .await
        {
            SessionLookup::Open(session) => Ok(session),
            SessionLookup::Ended { incident, reason } => {
                Err(Refusal::session_over(incident.as_str(), reason))
            }
            SessionLookup::Unknown => Err(Refusal::unauthenticated()),
            SessionLookup::Unavailable => Err(Refusal::audit_unavailable()),
        }
    }

    /// Discovery, the token endpoint, feature flags, telemetry: nothing goes upstream.
    async fn answer_here(
        &self,
        local: &LocalCall,
        request: Request<RequestBody>,
        peer: Peer,
    ) -> Response<ReplyBody> {
        let (parts, body) = request.into_parts();
        let form = match Limited::new(body, LOCAL_BODY_BYTES).collect().await {
            Ok(form) => form.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                return refused(&Refusal::too_large(LOCAL_BODY_BYTES), true);
            }
            Err(_) => return refused(&Refusal::malformed("the body could not be read"), true),
        };
        let host = text(&parts.headers, HOST.as_str()).unwrap_or_default();
        let scheme = if peer.tls { "https" } else { "http" };
        let on_account_host = host.starts_with("accounts.");
        match discovery(local, &format!("{scheme}://{host}"), on_account_host) {
            Some(document) => json(StatusCode::OK, document.to_string().into()),
            None => self.give_token(&parts.headers, &form, peer).await,
        }
    }

    /// The token endpoint gives the session token back to whoever has it already.
    async fn give_token(
        &self,
        headers: &HeaderMap,
        form: &[u8],
        peer: Peer,
    ) -> Response<ReplyBody> {
        let answer = match TokenAsk::read(text(headers, AUTHORIZATION.as_str()), form) {
            Err(error) => {
                self.app.note_stranger(peer.address.ip());
                Err(error)
            }
            Ok(ask) => match self.session(&ask.token, peer).await {
                Ok(live)
                    if ask
                        .session
                        .as_deref()
                        .is_none_or(|id| id == live.id.as_str()) =>
                {
                    let seconds = self.app.remaining_seconds(&live);
                    Ok(token_reply(&ask.token, seconds))
                }
                Ok(_) => {
                    self.app.note_stranger(peer.address.ip());
                    Err(TokenAskError::Client)
                }
                // Ended sessions keep their own answer: clients stop on it.
                Err(refusal) if refusal.status == StatusCode::UNAUTHORIZED => {
                    Err(TokenAskError::Client)
                }
                Err(refusal) => return refused(&refusal, false),
            },
        };
        match answer {
            Ok(reply) => json(StatusCode::OK, Bytes::copy_from_slice(reply.as_bytes())),
            Err(error) => {
                let (status, body) = error.answer();
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
                json(status, body.to_string().into())
            }
        }
    }
}

/// The session token of a request, if it carries one.
fn bearer(headers: &HeaderMap) -> Option<SessionToken> {
    SessionToken::from_bearer(text(headers, AUTHORIZATION.as_str())?)
}

/// A header as text.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn json(status: StatusCode, body: Bytes) -> Response<ReplyBody> {
    let mut response = Response::new(boxed(Full::new(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
