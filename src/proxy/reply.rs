//! A reply on its way back: small ones are whole and logged before they leave, long ones leave
//! while they come, but for their last part.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use hyper::http::response::Parts;
use hyper::{HeaderMap, Method, Response, StatusCode};
use sha2::{Digest as _, Sha256};

use super::call::uploaded;
use super::door::{Door, boxed, refused, text};
use super::headers::reply_headers;
use super::held::{Ended, Finish, Held, HeldError, How};
use super::refusal::Refusal;
use super::upload::Sent;
use crate::app::App;
use crate::app::permit::{BodyFacts, Ending, InFlight, LiveSession, Outcome, Reply, token_refused};
use crate::listen::ReplyBody;

/// Replies up to this size wait until they are whole, bytes.
const SMALL_BYTES: usize = 1024 * 1024;

/// What became of one attempt.
pub(super) enum Received {
    /// The answer for the client.
    Answer(Response<ReplyBody>),
    /// Databricks refused the token; the answer is for a client that gets no second try.
    TokenRefused {
        /// Number of the token, so that many refused calls cost one new token.
        number: u64,
        /// Databricks' answer.
        response: Response<ReplyBody>,
    },
}

/// How reading a small reply went.
enum Collected {
    /// It is here.
    Whole(Bytes),
    /// It is not small; what was read so far.
    Long(VecDeque<Bytes>),
    /// It ended early, with what was read so far.
    Early(How, VecDeque<Bytes>),
}

impl Door {
    /// Takes one reply, logs it, and gives the client its part.
    pub(super) async fn receive(
        &self,
        method: &Method,
        flight: InFlight,
        reply: Reply,
        sent: Option<Sent>,
    ) -> Received {
        let number = reply.token_number;
        let (mut parts, mut body) = reply.response.into_parts();
        let status = parts.status;
        let passed = reply_headers(&parts.headers, flight.authority());
        let is_chunked = parts.headers.contains_key(TRANSFER_ENCODING);
        parts.headers = passed;
        let open = Open {
            app: self.app.clone(),
            flight,
            status,
            sent,
        };
        if leaks(open.flight.session(), &parts.headers) {
            return Received::Answer(open.early(How::Leaked, &VecDeque::new()).await);
        }
        if has_no_body(method, status) {
            let keeps_length = method == Method::HEAD;
            return Received::Answer(open.whole(parts, Bytes::new(), keeps_length).await);
        }
        let collected = match is_long(&parts.headers) {
            true => Collected::Long(VecDeque::new()),
            false => collect(&mut body, open.flight.session(), self.idle).await,
        };
        match collected {
            Collected::Early(how, pieces) => Received::Answer(open.early(how, &pieces).await),
            Collected::Long(first) => {
                if is_chunked {
                    // Two lengths in one reply: what counted was the chunks.
                    parts.headers.remove(CONTENT_LENGTH);
                }
                let body = Prefixed { first, rest: body };
                Received::Answer(open.stream(parts, body, self.idle).await)
            }
            Collected::Whole(bytes) => {
                let is_refused = token_refused(status.as_u16(), &parts.headers, &bytes);
                let response = open.whole(parts, bytes, false).await;
                match is_refused {
                    true => Received::TokenRefused { number, response },
                    false => Received::Answer(response),
                }
            }
        }
    }
}

/// A reply whose end is not in the log yet.
struct Open {
    app: App,
    flight: InFlight,
    status: StatusCode,
    sent: Option<Sent>,
}

impl Open {
    /// Logs a whole reply, then hands it out. A crash before that: the client saw nothing.
    async fn whole(self, parts: Parts, body: Bytes, keeps_length: bool) -> Response<ReplyBody> {
        let facts = BodyFacts::seen(body.len() as u64, Sha256::digest(&body).into());
        let outcome = self.outcome(How::Complete, facts);
        if self.flight.end(outcome).await.is_err() {
            return refused(&Refusal::outcome_unknown(), true);
        }
        let mut response = answer(parts, boxed(Full::new(body)));
        if !keeps_length {
            // hyper counts it anew; a 304 would promise a body that is not there.
            response.headers_mut().remove(CONTENT_LENGTH);
        }
        response
    }

    /// Logs a reply of which the client gets nothing.
    async fn early(self, how: How, pieces: &VecDeque<Bytes>) -> Response<ReplyBody> {
        if how == How::Leaked {
            // Cutting comes first and needs no log.
            self.app.token_seen(self.flight.session());
        }
        let outcome = self.outcome(how, facts_of(pieces));
        let refusal = match (self.flight.end(outcome).await, how) {
            (Err(_), _) => Refusal::outcome_unknown(),
            (Ok(()), How::Leaked | How::Cut) => Refusal::session_ended(),
            (Ok(()), _) => Refusal::upstream_unreachable(),
        };
        refused(&refusal, true)
    }

    /// Logs the status, then lets the body through with its end held back.
    async fn stream(self, parts: Parts, body: Prefixed, idle: Duration) -> Response<ReplyBody> {
        if self.flight.head(self.status.as_u16()).await.is_err() {
            return refused(&Refusal::outcome_unknown(), true);
        }
        let session = std::sync::Arc::clone(self.flight.session());
        let mut scanner = session.scanner();
        let finish: Finish = Box::new(move |ended| {
            Box::pin(async move {
                let app = self.app.clone();
                // Carried on if the connection is gone before the disk has answered.
                app.carry(self.ended(ended))
                    .await
                    .unwrap_or(Err(HeldError::NotLogged))
            })
        });
        let scan = Box::new(move |piece: &[u8]| scanner.feed(piece));
        let held = Held::new(body, scan, session.cut.clone(), idle, finish);
        answer(parts, held.map_err(Into::into).boxed_unsync())
    }

    /// Logs the end of a stream.
    async fn ended(self, ended: Ended) -> Result<(), HeldError> {
        if ended.how == How::Leaked {
            self.app.token_seen(self.flight.session());
        }
        let outcome = self.outcome(ended.how, BodyFacts::seen(ended.bytes, ended.sha256));
        self.flight
            .end(outcome)
            .await
            .map_err(|_| HeldError::NotLogged)
    }

    fn outcome(&self, how: How, reply: BodyFacts) -> Outcome {
        Outcome {
            ending: match how {
                How::Complete => Ending::Complete,
                How::Leaked | How::Cut => Ending::SessionClosed,
                How::Idle | How::Broken => Ending::UpstreamError,
                How::ClientGone => Ending::ClientGone,
            },
            status: self.status.as_u16(),
            request: uploaded(self.sent.as_ref()),
            reply,
            leaked: how == How::Leaked,
        }
    }
}

fn answer(parts: Parts, body: ReplyBody) -> Response<ReplyBody> {
    let mut response = Response::new(body);
    *response.status_mut() = parts.status;
    *response.headers_mut() = parts.headers;
    response
}

fn facts_of(pieces: &VecDeque<Bytes>) -> BodyFacts {
    let mut hasher = Sha256::new();
    let mut bytes = 0;
    for piece in pieces {
        hasher.update(piece);
        bytes += piece.len() as u64;
    }
    BodyFacts::seen(bytes, hasher.finalize().into())
}

/// Whether one of the headers that would pass holds a secret of ours.
fn leaks(session: &LiveSession, headers: &HeaderMap) -> bool {
    let length = headers.values().map(|value| value.len() + 1).sum();
    let mut values = Vec::with_capacity(length);
    for value in headers.values() {
        values.extend_from_slice(value.as_bytes());
        values.push(b'\n');
    }
    session.scanner().feed(&values)
}

/// RFC 9110 §6.4.1: such a reply has no body, whatever its headers say.
fn has_no_body(method: &Method, status: StatusCode) -> bool {
    method == Method::HEAD || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// Known to be long, or made to be read while it comes.
fn is_long(headers: &HeaderMap) -> bool {
    let bytes = text(headers, CONTENT_LENGTH.as_str()).and_then(|text| text.parse::<u64>().ok());
    let is_events = text(headers, CONTENT_TYPE.as_str())
        .is_some_and(|kind| kind.starts_with("text/event-stream"));
    is_events || bytes.is_some_and(|bytes| bytes > SMALL_BYTES as u64)
}

/// Reads a reply that may be small.
async fn collect(body: &mut Incoming, session: &LiveSession, idle: Duration) -> Collected {
    let mut scanner = session.scanner();
    let mut pieces = VecDeque::new();
    let mut bytes = 0;
    while !body.is_end_stream() {
        let frame = tokio::select! {
            biased;
            () = session.cut.cancelled() => return Collected::Early(How::Cut, pieces),
            frame = tokio::time::timeout(idle, body.frame()) => frame,
        };
        let piece = match frame {
            Err(_) => return Collected::Early(How::Idle, pieces),
            Ok(None) => break,
            Ok(Some(Err(_))) => return Collected::Early(How::Broken, pieces),
            // Trailers would be headers that no list has seen.
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(piece) => piece,
                Err(_) => continue,
            },
        };
        let is_leak = scanner.feed(&piece);
        bytes += piece.len();
        pieces.push_back(piece);
        if is_leak {
            return Collected::Early(How::Leaked, pieces);
        }
        if bytes > SMALL_BYTES {
            return Collected::Long(pieces);
        }
    }
    Collected::Whole(joined(pieces, bytes))
}

fn joined(mut pieces: VecDeque<Bytes>, bytes: usize) -> Bytes {
    if pieces.len() <= 1 {
        return pieces.pop_front().unwrap_or_default();
    }
    let mut whole = BytesMut::with_capacity(bytes);
    pieces
        .iter()
        .for_each(|piece| whole.extend_from_slice(piece));
    whole.freeze()
}

/// What was read already, then the rest.
struct Prefixed {
    first: VecDeque<Bytes>,
    rest: Incoming,
}

impl Body for Prefixed {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.first.pop_front() {
            Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            None => Pin::new(&mut self.rest).poll_frame(context),
        }
    }
}
