//! What handlers take from a request; whatever does not fit is answered here, without repeating
//! the input.

use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use hyper::StatusCode;
use hyper::header::CONTENT_LENGTH;
use hyper::http::request::Parts;
use serde::de::DeserializeOwned;

use super::guard::MAX_BODY_BYTES;
use super::problem::Problem;
use crate::app::AppError;
use crate::app::look::Caller;
use crate::app::origins::{browser_origin, mentions_prf};
use crate::domain::ids::IncidentId;
use crate::domain::incident::Refusal;
use crate::listen::Peer;

/// A JSON body.
pub(super) struct Posted<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Posted<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let declared = request.headers().get(CONTENT_LENGTH);
        let declared = declared
            .and_then(|v| v.to_str().ok())
            .and_then(|v| v.parse::<usize>().ok());
        if declared.is_some_and(|length| length > MAX_BODY_BYTES) {
            return Err(too_long());
        }
        let body = to_bytes(request.into_body(), MAX_BODY_BYTES)
            .await
            .map_err(unread)?;
        // A body that may hold somebody's key is not looked at any further.
        if std::str::from_utf8(&body).is_ok_and(mentions_prf) {
            return Err(carries_prf());
        }
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

fn carries_prf() -> Problem {
    Problem::door(
        StatusCode::BAD_REQUEST,
        "prf_refused",
        "the body names a PRF result, which must never leave the page; it was not read",
        "the page is not the vault's own, or broken: use the command line and tell security",
    )
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
        Ok(Self(
            caller.ok_or(AppError::LoginNeeded("a login is needed"))?,
        ))
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

/// The origin people dial, spelled as browsers and our client spell it: lower case, no default
/// port, no slash at the end.
#[derive(Debug, Clone)]
pub(super) struct ConsoleOrigin(Arc<str>);

impl ConsoleOrigin {
    pub(super) fn new(console_url: &str) -> Self {
        Self(browser_origin(console_url).into())
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// Whether an `Origin` header names it.
    pub(super) fn is(&self, origin: &[u8]) -> bool {
        origin.eq_ignore_ascii_case(self.0.as_bytes())
    }
}

/// The address a request came from, without port.
pub(super) struct Source(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Source {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let peer = parts.extensions.get::<Peer>();
        let unknown = || AppError::Inconsistent("a request from nowhere".into());
        Ok(Self(peer.ok_or_else(unknown)?.address.ip().to_string()))
    }
}
