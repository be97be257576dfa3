//! Bytes in, bytes out: request bodies in pieces with their hash, replies with the headers of the
//! real service (facts §5.3).
//!
//! Must not know: paths.

use std::io;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Response};
use sha2::{Digest as _, Sha256};

use super::body::SimBody;
use super::clock;
use super::gzip;
use super::knobs::Faults;
use super::reply::Reply;
use super::state::State;

/// Largest body taken: the simulator keeps files in memory.
const MAX_BODY_BYTES: u64 = 1 << 30;

/// Reads the whole body in its pieces; the digest is `None` for an empty one.
pub async fn read_body(
    mut incoming: Incoming,
    hashed: bool,
) -> io::Result<(Vec<Bytes>, Option<String>, u64)> {
    let (mut pieces, mut length, mut hasher) = (Vec::new(), 0_u64, Sha256::new());
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame.map_err(io::Error::other)?.into_data() else {
            continue;
        };
        length += data.len() as u64;
        if length > MAX_BODY_BYTES {
            return Err(io::Error::other("body larger than the simulator keeps"));
        }
        if hashed {
            hasher.update(&data);
        }
        pieces.push(data);
    }
    let digest = (hashed && length > 0).then(|| hex::encode(hasher.finalize()));
    Ok((pieces, digest, length))
}

/// Adds the headers of the real service and turns the pieces into a body.
pub fn respond(
    state: &State,
    reply: Reply,
    parts: &Parts,
    request_id: &str,
    faults: &Faults,
) -> Response<SimBody> {
    let accepts_gzip = parts
        .headers
        .get("accept-encoding")
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("gzip"));
    let mut pieces = reply.pieces;
    let zipped = faults.gzip && accepts_gzip && !pieces.is_empty() && parts.method != Method::HEAD;
    if zipped {
        pieces = vec![Bytes::from(gzip::wrap(&pieces.concat()))];
    }
    let body = match (faults.reset, reply.chunked) {
        (true, _) => SimBody::broken(pieces),
        (false, true) => SimBody::chunked(pieces),
        (false, false) => SimBody::sized(pieces),
    };
    let mut response = Response::new(body);
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    common_headers(headers, state, request_id);
    let mut text = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(value)) {
            headers.insert(name, value);
        }
    };
    if !reply.content_type.is_empty() {
        text(
            HeaderName::from_static("content-type"),
            reply.content_type.to_owned(),
        );
    }
    if zipped {
        text(
            HeaderName::from_static("content-encoding"),
            "gzip".to_owned(),
        );
    }
    for (name, value) in reply.headers {
        text(HeaderName::from_static(name), value);
    }
    response
}

fn common_headers(headers: &mut HeaderMap, state: &State, request_id: &str) {
    headers.insert("server", HeaderValue::from_static("databricks"));
    headers.insert("alt-svc", HeaderValue::from_static("clear"));
    headers.insert("vary", HeaderValue::from_static("Accept-Encoding"));
    headers.insert(
        "x-content-type-options",
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        "strict-transport-security",
        HeaderValue::from_static("max-age=31536000; includeSubDomains; preload"),
    );
    let mut text = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(value)) {
            headers.insert(name, value);
        }
    };
    text(
        HeaderName::from_static("server-timing"),
        format!(
            "request_id;dur=0;desc=\"{request_id}\", client_protocol;dur=0;desc=\"HTTP/1.1\", \
             request_ttfb_msec;dur=1"
        ),
    );
    text(hyper::header::DATE, clock::http_date(state.now_ms()));
    text(
        HeaderName::from_static("x-request-id"),
        request_id.to_owned(),
    );
    text(
        HeaderName::from_static("x-databricks-org-id"),
        state.workspace_id().to_string(),
    );
}
