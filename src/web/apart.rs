//! The custodian's page on another machine: its one origin may ask the API from the browser
//! (`custodian_origin`, PROTOCOL §10). Every other origin stays refused by [`super::guard`].

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, COOKIE, HeaderName, HeaderValue, ORIGIN, VARY,
};
use hyper::{Method, StatusCode};

/// What browsers say of a request's origin besides `Origin`.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Answers for the page apart, if there is one and the request is its own.
///
/// Its requests go on as those of a client without a browser: by bearer alone. A cookie of the
/// console never counts here.
pub(super) async fn admit(
    allowed: Option<HeaderValue>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(origin) = allowed.filter(|allowed| is_from(&request, allowed)) else {
        return next.run(request).await;
    };
    let mut response = if request.method() == Method::OPTIONS {
        preflight()
    } else {
        for name in [ORIGIN, SEC_FETCH_SITE, COOKIE] {
            request.headers_mut().remove(name);
        }
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(VARY, HeaderValue::from_static("origin"));
    response
}

fn is_from(request: &Request, allowed: &HeaderValue) -> bool {
    let mut origins = request.headers().get_all(ORIGIN).iter();
    let named = origins.next() == Some(allowed) && origins.next().is_none();
    named && request.uri().path().starts_with("/api/v1/")
}

fn preflight() -> Response {
    let headers = [
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"),
        (ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}
