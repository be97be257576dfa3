//! What every request passes before its handler: no other site's page may send it, posts are JSON
//! (forms, where they go to a page), and all but the open routes need a login, by bearer or cookie.

use axum::extract::{Extension, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, ORIGIN, STRICT_TRANSPORT_SECURITY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, StatusCode, Uri};

use super::problem::Problem;
use super::read::ConsoleOrigin;
use super::{cookie, pages};
use crate::app::{App, AppError};
use crate::listen::Peer;

/// Longest request body, bytes: an act of 48 KiB with its envelope fits several times.
pub const MAX_BODY_BYTES: usize = 256 * 1024;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Whether a path belongs to the API; every other one is a page or a file of one.
pub(super) fn is_api(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/")
}

/// Refuses what another site's page sends, and posts that are not JSON (which a page could send
/// without asking first).
pub(super) async fn own_pages_only(
    Extension(own): Extension<ConsoleOrigin>,
    request: Request,
    next: Next,
) -> Response {
    if !is_api(request.uri().path()) {
        return match page_fault(&request, &own) {
            Some(fault) => pages::dead_end(fault),
            None => next.run(request).await,
        };
    }
    if is_cross_site(request.headers(), &own) {
        return cross_site().into_response();
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

fn cross_site() -> Problem {
    Problem::door(
        StatusCode::FORBIDDEN,
        "cross_site",
        "requests from other sites are refused",
        "use the command line or the vault's own page",
    )
}

/// Why a page does not answer a request, if it does not: pages may be linked from anywhere (a
/// mail), but only their own forms may send, and nothing may embed or fetch them from elsewhere.
fn page_fault(request: &Request, own: &ConsoleOrigin) -> Option<pages::DeadEnd> {
    let headers = request.headers();
    if is_read(request.method()) {
        let linked = headers.get(SEC_FETCH_MODE).is_some_and(|m| m == "navigate")
            && headers.get(SEC_FETCH_DEST).is_some_and(|d| d == "document");
        return (is_cross_site(headers, own) && !linked).then_some(pages::DeadEnd::CrossSite);
    }
    if is_cross_site(headers, own) || !names_own_origin(headers, own) {
        return Some(pages::DeadEnd::CrossSite);
    }
    let form = has_type(headers, "application/x-www-form-urlencoded");
    (!form).then_some(pages::DeadEnd::NotAForm)
}

/// Lets only people with a login through; who it is goes on as an extension.
///
/// A cookie is sent by the browser, whoever made it send: where it is what admits a request that
/// changes something, the request must name our origin. A bearer is sent by who holds it.
pub(super) async fn logged_in(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    Extension(own): Extension<ConsoleOrigin>,
    mut request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    let by_cookie = !headers.contains_key(AUTHORIZATION) && cookie::token(headers).is_some();
    if by_cookie && !is_read(request.method()) && !names_own_origin(headers, &own) {
        return cross_site().into_response();
    }
    let caller = match login_token(headers) {
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
    // Files under their hash bring a line of their own.
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // What is no page may be shown, framed and run by nobody.
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(
            "default-src 'none'; frame-ancestors 'none'",
        ));
    response
}

/// Whether browsers are told to come by TLS only from now on: at a name of its own under https.
/// `localhost` is everybody's, and an address has no such rule (RFC 6797 §8.1.1).
pub(super) fn keeps_to_tls(console_url: &str) -> bool {
    let Ok(url) = console_url.parse::<Uri>() else {
        return false;
    };
    let host = url.host().unwrap_or_default();
    let address = host.trim_matches(['[', ']']);
    url.scheme_str() == Some("https")
        && host != "localhost"
        && !host.ends_with(".localhost")
        && address.parse::<std::net::IpAddr>().is_err()
}

/// Says so on every reply, a year at a time (RFC 6797 §6.1).
pub(super) async fn strict_transport(keeps: bool, mut response: Response) -> Response {
    if keeps {
        let year = HeaderValue::from_static("max-age=31536000");
        response
            .headers_mut()
            .insert(STRICT_TRANSPORT_SECURITY, year);
    }
    response
}

/// No such path.
pub(super) async fn unknown_path(uri: Uri) -> Response {
    if is_api(uri.path()) {
        Problem::unknown("path of that name in this API").into_response()
    } else {
        pages::dead_end(pages::DeadEnd::NoSuchPage)
    }
}

/// A path that does not take the method.
pub(super) async fn wrong_method(uri: Uri) -> Response {
    if is_api(uri.path()) {
        Problem::door(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "this path does not take that method",
            "see /api/openapi.json",
        )
        .into_response()
    } else {
        pages::dead_end(pages::DeadEnd::WrongMethod)
    }
}

/// The login token a request carries: the bearer where there is an `Authorization` header,
/// otherwise the console's cookie.
pub(super) fn login_token(headers: &HeaderMap) -> Option<&str> {
    if headers.contains_key(AUTHORIZATION) {
        bearer(headers)
    } else {
        cookie::token(headers)
    }
}

fn is_read(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

/// Whether the request says that a page of ours sent it. Browsers say so with every post.
fn names_own_origin(headers: &HeaderMap, own: &ConsoleOrigin) -> bool {
    let mut origins = headers.get_all(ORIGIN).iter();
    let named = origins.next().is_some_and(|o| own.is(o.as_bytes()));
    named && origins.next().is_none()
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
    has_type(headers, "application/json")
}

fn has_type(headers: &HeaderMap, wanted: &str) -> bool {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = value
        .and_then(|value| value.split(';').next())
        .map(str::trim);
    essence.is_some_and(|essence| essence.eq_ignore_ascii_case(wanted))
}

fn is_cross_site(headers: &HeaderMap, own: &ConsoleOrigin) -> bool {
    let site = headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes);
    if site.is_some_and(|site| site != b"same-origin" && site != b"none") {
        return true;
    }
    headers
        .get_all(ORIGIN)
        .iter()
        .any(|origin| !own.is(origin.as_bytes()))
}
