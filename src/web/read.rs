//! What handlers take from a request; whatever does not fit is answered here, without repeating
//! the input.

use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use hyper::StatusCode;
use hyper::header::{CONTENT_LENGTH, HOST, HeaderMap};
use hyper::http::request::Parts;
use serde::de::DeserializeOwned;

use super::guard::MAX_BODY_BYTES;
use super::problem::Problem;
use crate::app::AppError;
use crate::app::look::Caller;
use crate::domain::ids::IncidentId;
use crate::domain::incident::Refusal;
use crate::listen::Peer;

/// A JSON body.
pub(super) struct Posted<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Posted<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let declared = request.headers().get(CONTENT_LENGTH);
        let declared = declared.and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<usize>().ok());
        if declared.is_some_and(|length| length > MAX_BODY_BYTES) {
            return Err(too_long());
        }
        let body = to_bytes(request.into_body(), MAX_BODY_BYTES).await.map_err(unread)?;
        // Where the fault lies, never what stands there.
        let parsed = serde_json::from_slice(&body).map_err(|fault| {
            let (line, column) = (fault.line(), fault.column());
            AppError::BadDocument(format!(
                "the body is not the JSON this path takes (line {line}, column {column})"
            ))
        });
        Ok(Self(parsed?))
    }
}

fn too_long() -> Problem {
    Problem::door(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body_too_long",
        &format!("the body is longer than {MAX_BODY_BYTES} bytes"),
        "use the same version of breakglass as the vault",
    )
}

fn unread(error: axum::Error) -> Problem {
    let inner = error.into_inner();
    if inner.is::<http_body_util::LengthLimitError>() {
        return too_long();
    }
    // Too slow, broken off or badly framed: most often nobody reads this answer.
    AppError::BadDocument("the body could not be read".into()).into()
}

/// The person whose login the request carries.
pub(super) struct LoggedIn(pub Caller);

impl<S: Send + Sync> FromRequestParts<S> for LoggedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Only `guard::logged_in` puts it there, so a route outside it lets nobody in.
        let caller = parts.extensions.get::<Caller>().cloned();
        Ok(Self(caller.ok_or(AppError::LoginNeeded("a login is needed"))?))
    }
}

/// The incident that the path names.
pub(super) struct Named(pub IncidentId);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let id = Path::<String>::from_request_parts(parts, state).await.ok();
        let id = id.and_then(|Path(id)| id.parse().ok());
        let unknown = || AppError::from(Refusal::NoSuchIncident("of that name".into()));
        Ok(Self(id.ok_or_else(unknown)?))
    }
}

/// The path's parameters; odd ones name nothing.
pub(super) struct Within<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Within<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(parameters)) => Ok(Self(parameters)),
            Err(_) => Err(Problem::unknown("such thing")),
        }
    }
}

/// The query's parameters.
pub(super) struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(parameters)) => Ok(Self(parameters)),
            Err(_) => {
                Err(AppError::BadDocument("the query is not what this path takes".into()).into())
            }
        }
    }
}

/// Where the request came from and which origin the client dialled.
pub(super) struct Dialled {
    /// `https://vault.example`, as the client wrote it into Host.
    pub origin: String,
    /// Source address, without port.
    pub from: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Dialled {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let peer = parts.extensions.get::<Peer>().copied();
        let found = peer.and_then(|peer| Some((dialled(&parts.headers, peer)?, peer)));
        let (origin, peer) = found.ok_or_else(|| Problem::unknown("host in the request"))?;
        Ok(Self { origin, from: peer.address.ip().to_string() })
    }
}

/// The origin as dialled: the listener's scheme and the Host header as received. `listen` has
/// checked that there is exactly one and that it is served here.
pub(super) fn dialled(headers: &HeaderMap, peer: Peer) -> Option<String> {
    let host = headers.get(HOST)?.to_str().ok()?;
    let scheme = if peer.tls { "https" } else { "http" };
    Some(format!("{scheme}://{host}"))
}
