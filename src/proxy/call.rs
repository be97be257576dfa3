//! One call of an open session: body, verdict, permit, send, and once more if the token was dead.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Body as _;
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, UPGRADE};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Request, Response};
use sha2::{Digest as _, Sha256};

use super::door::{Door, refused, text};
use super::headers::{HeaderRefusal, request_headers};
use super::refusal::Refusal;
use super::reply::Received;
use super::upload::{Sent, Upload};
use crate::app::permit::{
    BodyFacts, Call, Denial, Ending, ForwardError, InFlight, LiveSession, OutBody, Outcome,
    PermitRefusal, Seat, SendError,
};
use crate::domain::judge::{self, Asked, Denied, Judged, Rights};
use crate::domain::never::BodyNeed;
use crate::domain::target::Target;
use crate::listen::{ReplyBody, RequestBody};

/// A request body as the verdict needs it.
enum Inbound {
    /// Read to its end.
    Whole(Bytes),
    /// Passed on as it comes.
    Streaming(RequestBody),
    /// More than the policy reads: this many bytes.
    TooLarge(usize),
}

/// Why a request body was not read.
enum Unread {
    Cut,
    Client,
}

/// A call that was judged and may be tried.
struct Judgment<'a> {
    session: &'a Arc<LiveSession>,
    parts: &'a Parts,
    target: &'a Target,
    judged: &'a Judged,
    request: BodyFacts,
    seat: Arc<Seat>,
}

impl Door {
    /// Judges a call and makes it.
    pub(super) async fn call(
        &self,
        session: Arc<LiveSession>,
        request: Request<RequestBody>,
        target: &Target,
    ) -> Response<ReplyBody> {
        let (parts, body) = request.into_parts();
        // Before anything of the body is read: a seat bounds what is held of bodies as well.
        let Some(seat) = session.seat(self.most_under_way) else {
            let denial = Denial::unjudged(&parts.method, "too_many_calls");
            self.app.deny(&session, &denial).await;
            return refused(&Refusal::busy(self.most_under_way), !body.is_end_stream());
        };
        let inbound = match inbound(&parts, body, target, &session).await {
            Ok(inbound) => inbound,
            Err(Unread::Cut) => return refused(&Refusal::session_ended(), true),
            Err(Unread::Client) => {
                self.app
                    .deny(&session, &Denial::unjudged(&parts.method, "body_unread"))
                    .await;
                return refused(&Refusal::malformed("the body could not be read"), true);
            }
        };
        let judged = self.judged(&session, &parts, target, &inbound);
        if let Err(denied) = &judged.outcome {
            self.app
                .deny(&session, &Denial::judged(&parts.method, &judged, denied))
                .await;
            return refused(&Refusal::of(denied), !matches!(inbound, Inbound::Whole(_)));
        }
        let request = facts(&parts, &inbound);
        let judgment = Judgment {
            session: &session,
            parts: &parts,
            target,
            judged: &judged,
            request,
            seat,
        };
        match inbound {
            Inbound::Whole(bytes) => self.replayable(&judgment, &bytes).await,
            Inbound::Streaming(body) => self.once(&judgment, body).await,
            // Judged without its body, which no verdict lets pass.
            Inbound::TooLarge(_) => refused(&Refusal::malformed("the body is too large"), true),
        }
    }

    fn judged(
        &self,
        session: &LiveSession,
        parts: &Parts,
        target: &Target,
        inbound: &Inbound,
    ) -> Judged {
        let encoding = text(&parts.headers, CONTENT_ENCODING.as_str());
        let asked = Asked {
            method: parts.method.as_str(),
            target,
            body: match inbound {
                Inbound::Whole(bytes) => Some(bytes),
                Inbound::Streaming(_) | Inbound::TooLarge(_) => None,
            },
            content_type: text(&parts.headers, CONTENT_TYPE.as_str()),
            encoded: parts.headers.contains_key(CONTENT_ENCODING)
                && !encoding.is_some_and(|name| name.eq_ignore_ascii_case("identity")),
            upgrade: parts.headers.contains_key(UPGRADE),
        };
        let rights = Rights {
            scope: &session.scope,
            principal: &session.principal,
            target_account: session.target.account,
            target_workspace: session.target.workspace.is_some(),
            account_id: Some(self.app.account_id()),
        };
        let mut judged = judge::judge(&asked, &rights);
        if let Inbound::TooLarge(most_bytes) = inbound
            && !matches!(judged.outcome, Err(Denied::Never(_)))
        {
            judged.outcome = Err(Denied::TooLarge(*most_bytes));
        }
        judged
    }

    /// A call whose body is at hand: a refused token costs one more try, with its own entries.
    async fn replayable(&self, call: &Judgment<'_>, bytes: &Bytes) -> Response<ReplyBody> {
        let body = || {
            Full::new(bytes.clone())
                .map_err(|never| match never {})
                .boxed_unsync()
        };
        match self.attempt(call, body(), None).await {
            Received::Answer(response) => response,
            Received::TokenRefused { number, response } => {
                if !self
                    .app
                    .renew_token(call.session, call.target, number)
                    .await
                {
                    return response;
                }
                match self.attempt(call, body(), None).await {
                    Received::Answer(response) | Received::TokenRefused { response, .. } => {
                        response
                    }
                }
            }
        }
    }

    /// A call whose body streams through: it cannot be sent again, so a refused token is only
    /// replaced for the next call.
    async fn once(&self, call: &Judgment<'_>, body: RequestBody) -> Response<ReplyBody> {
        let (upload, sent) = Upload::new(body, call.session.cut.clone());
        let body = upload.map_err(Into::into).boxed_unsync();
        match self.attempt(call, body, Some(sent)).await {
            Received::Answer(response) => response,
            Received::TokenRefused { number, response } => {
                self.app
                    .renew_token(call.session, call.target, number)
                    .await;
                response
            }
        }
    }

    /// One begin, one request, one end.
    async fn attempt(&self, call: &Judgment<'_>, body: OutBody, sent: Option<Sent>) -> Received {
        let headers = match self.headers(call).await {
            Ok(headers) => headers,
            Err(refusal) => return Received::Answer(refused(&refusal, sent.is_some())),
        };
        let wanted = Call {
            judged: call.judged,
            method: &call.parts.method,
            target: call.target,
            request: call.request,
            seat: Arc::clone(&call.seat),
        };
        let permit = match self.app.permit(call.session, wanted).await {
            Ok(permit) => permit,
            Err(refusal) => {
                let refusal = self.not_permitted(call, refusal).await;
                return Received::Answer(refused(&refusal, sent.is_some()));
            }
        };
        match permit.send(headers, body).await {
            (flight, Ok(reply)) => self.receive(&call.parts.method, flight, reply, sent).await,
            (flight, Err(error)) => {
                let refusal = unanswered(flight, &error, sent.as_ref()).await;
                Received::Answer(refused(&refusal, sent.is_some()))
            }
        }
    }

    async fn headers(&self, call: &Judgment<'_>) -> Result<HeaderMap, Refusal> {
        let suffix = format!(
            "breakglass/{} bg-session/{}",
            env!("CARGO_PKG_VERSION"),
            call.session.incident
        );
        let upstream = call.target.upstream();
        let workspace = call.session.target.workspace.as_deref();
        let passed = request_headers(&call.parts.headers, upstream, workspace, &suffix);
        match passed {
            Ok(headers) => Ok(headers),
            Err(error) => {
                let (why, refusal) = match error {
                    HeaderRefusal::ForeignWorkspace => {
                        ("foreign_workspace", Refusal::denied(error.to_string()))
                    }
                    HeaderRefusal::Repeated => {
                        ("repeated_header", Refusal::malformed(error.to_string()))
                    }
                };
                self.app
                    .deny(call.session, &Denial::unjudged(&call.parts.method, why))
                    .await;
                Err(refusal)
            }
        }
    }

    async fn not_permitted(&self, call: &Judgment<'_>, refusal: PermitRefusal) -> Refusal {
        match refusal {
            PermitRefusal::Ended => Refusal::session_ended(),
            PermitRefusal::NotLogged => Refusal::audit_unavailable(),
            PermitRefusal::NotSurveyed | PermitRefusal::NotRead => {
                let denial = Denial::unjudged(&call.parts.method, "no_way_back");
                self.app.deny(call.session, &denial).await;
                Refusal::not_sent(refusal.to_string())
            }
            PermitRefusal::NotAllowed => {
                let denial = Denial::unjudged(&call.parts.method, "not_allowed");
                self.app.deny(call.session, &denial).await;
                Refusal::denied("the terms of this session do not name this host")
            }
        }
    }
}

/// Reads the body where the policy must see it.
async fn inbound(
    parts: &Parts,
    body: RequestBody,
    target: &Target,
    session: &LiveSession,
) -> Result<Inbound, Unread> {
    if body.is_end_stream() {
        return Ok(Inbound::Whole(Bytes::new()));
    }
    let (need, most_bytes) = judge::need(parts.method.as_str(), target);
    if need == BodyNeed::None {
        return Ok(Inbound::Streaming(body));
    }
    if declared(&parts.headers).is_some_and(|bytes| bytes > most_bytes as u64) {
        return Ok(Inbound::TooLarge(most_bytes));
    }
    tokio::select! {
        biased;
        () = session.cut.cancelled() => Err(Unread::Cut),
        read = read(body, most_bytes) => read,
    }
}

async fn read(mut body: RequestBody, most_bytes: usize) -> Result<Inbound, Unread> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(|_| Unread::Client)?.into_data() else {
            continue;
        };
        if whole.len() + piece.len() > most_bytes {
            return Ok(Inbound::TooLarge(most_bytes));
        }
        if whole.is_empty() && body.is_end_stream() {
            return Ok(Inbound::Whole(piece));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(Inbound::Whole(whole.freeze()))
}

fn declared(headers: &HeaderMap) -> Option<u64> {
    text(headers, CONTENT_LENGTH.as_str())?.parse().ok()
}

fn facts(parts: &Parts, inbound: &Inbound) -> BodyFacts {
    match inbound {
        Inbound::Whole(bytes) if bytes.is_empty() => BodyFacts {
            bytes: Some(0),
            sha256: None,
        },
        Inbound::Whole(bytes) => BodyFacts::seen(bytes.len() as u64, Sha256::digest(bytes).into()),
        Inbound::Streaming(_) | Inbound::TooLarge(_) => BodyFacts {
            bytes: declared(&parts.headers),
            sha256: None,
        },
    }
}

/// What a streamed request body turned out to be.
pub(super) fn uploaded(sent: Option<&Sent>) -> Option<BodyFacts> {
    sent.map(|sent| {
        let (bytes, sha256) = sent.so_far();
        BodyFacts::seen(bytes, sha256)
    })
}

/// Logs a call without a reply and says what the client may know.
async fn unanswered(flight: InFlight, error: &SendError, sent: Option<&Sent>) -> Refusal {
    let is_cut = flight.session().cut.is_cancelled();
    let logged = match error {
        SendError::Forward(
            ForwardError::Token(_) | ForwardError::Target | ForwardError::Unreachable(_),
        )
        | SendError::Drill => flight.abort(never_sent(error)).await,
        SendError::Cut | SendError::Forward(_) => {
            let ending = match sent.is_some_and(Sent::is_broken_by_client) {
                _ if is_cut => Ending::SessionClosed,
                true => Ending::ClientGone,
                false => Ending::UpstreamError,
            };
            let request = uploaded(sent);
            flight
                .end(Outcome {
                    request,
                    ..Outcome::without_reply(ending)
                })
                .await
        }
    };
    match (logged, error) {
        (Err(_), _) => Refusal::outcome_unknown(),
        (Ok(()), _) if is_cut => Refusal::session_ended(),
        (Ok(()), SendError::Drill) => Refusal::drill(),
        (Ok(()), SendError::Forward(error)) if error.is_definite() => {
            Refusal::not_sent(error.to_string())
        }
        (Ok(()), _) => Refusal::upstream_unreachable(),
    }
}

fn never_sent(error: &SendError) -> &'static str {
    match error {
        SendError::Drill => "drill",
        SendError::Forward(ForwardError::Token(_)) => "no_token",
        SendError::Forward(ForwardError::Unreachable(_)) => "unreachable",
        _ => "target",
    }
}
