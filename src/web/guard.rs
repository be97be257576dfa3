//! What every request passes before its handler: no other site's page may send it, posts are JSON,
//! and all but the open routes need a login.

use axum::extract::{Extension, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, ORIGIN,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, StatusCode};

use super::problem::Problem;
use super::read::ConsoleOrigin;
use crate::app::{App, AppError};
use crate::listen::Peer;

/// Longest request body, bytes: an act of 48 KiB with its envelope fits several times.
pub const MAX_BODY_BYTES: usize = 256 * 1024;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses what another site's page sends, and posts that are not JSON (which a page could send
/// without asking first).
pub(super) async fn own_pages_only(
    Extension(own): Extension<ConsoleOrigin>,
    request: Request,
    next: Next,
) -> Response {
    if is_cross_site(request.headers(), &own) {
        return Problem::door(
            StatusCode::FORBIDDEN,
            "cross_site",
            "requests from other sites are refused",
            "use the command line or the vault's own page",
        )
        .into_response();
    }
    if request.method() == Method::POST && !is_json(request.headers()) {
        return Problem::door(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "bad_content_type",
            "a post must have content type application/json",
            "use the same version of breakglass as the vault",
        )
        .into_response();
    }
    next.run(request).await
}

/// Lets only people with a login through; who it is goes on as an extension.
pub(super) async fn logged_in(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let caller = match bearer(request.headers()) {
        Some(token) => app.caller(token, &peer.address.ip().to_string()).await,
        None => Err(AppError::LoginNeeded("a login is needed")),
    };
    match caller {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => {
            let mut response = Problem::from(error).into_response();
            if response.status() == StatusCode::UNAUTHORIZED {
                let scheme = HeaderValue::from_static("Bearer");
                response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
            }
            response
        }
    }
}

/// Headers of every reply: nothing here may be kept by caches or guessed to be a page.
pub(super) async fn headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// No such path.
pub(super) async fn unknown_path() -> Problem {
    Problem::unknown("path of that name in this API")
}

/// A path that does not take the method.
pub(super) async fn wrong_method() -> Problem {
    Problem::door(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "this path does not take that method",
        "see /api/openapi.json",
    )
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let token = headers
        .get(AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix("Bearer ")?;
    token.starts_with("bgl_").then_some(token)
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = value
        .and_then(|value| value.split(';').next())
        .map(str::trim);
    essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"))
}

fn is_cross_site(headers: &HeaderMap, own: &ConsoleOrigin) -> bool {
    let site = headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes);
    if site.is_some_and(|site| site != b"same-origin" && site != b"none") {
        return true;
    }
    let own = own.text().as_bytes();
    headers
        .get_all(ORIGIN)
        .iter()
        .any(|origin| !origin.as_bytes().eq_ignore_ascii_case(own))
}
