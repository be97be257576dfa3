//! Lets only people with a login see a page; others are sent to the sign-in page and back.

use axum::extract::{Extension, FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use hyper::Method;
use hyper::http::request::Parts;

use super::{DeadEnd, dead_end};
use crate::app::look::{Caller, Viewer};
use crate::app::{App, AppError};
use crate::listen::Peer;
use crate::web::guard;

/// Puts who is looking on the request, or answers in the page's place.
pub(super) async fn signed_in(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let caller = match guard::login_token(request.headers()) {
        Some(token) => app.caller(token, &peer.address.ip().to_string()).await,
        None => Err(AppError::LoginNeeded("a login is needed")),
    };
    match caller.and_then(|caller| Ok((app.viewer(&caller)?, caller))) {
        Ok((viewer, caller)) => {
            request.extensions_mut().insert(viewer);
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(AppError::LoginNeeded(_)) if request.method() == Method::POST => {
            dead_end(DeadEnd::SignedOut)
        }
        Err(AppError::LoginNeeded(_)) => {
            let wanted = request.uri().path_and_query();
            let wanted = wanted.map_or("/", |path| path.as_str());
            Redirect::to(&sign_in_path(wanted)).into_response()
        }
        Err(error) => super::dead_end::of_error(&error, None),
    }
}

/// The sign-in page that leads back to `wanted`.
fn sign_in_path(wanted: &str) -> String {
    if wanted == "/" {
        return "/sign-in".to_owned();
    }
    let next = form_urlencoded::byte_serialize(wanted.as_bytes());
    format!("/sign-in?next={}", next.collect::<String>())
}

/// The person who looks, and her login: only `signed_in` puts them there, so a page outside the
/// gate shows nothing.
pub(super) struct Seen(pub Viewer, pub Caller);

impl<S: Send + Sync> FromRequestParts<S> for Seen {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let viewer = parts.extensions.get::<Viewer>().cloned();
        let caller = parts.extensions.get::<Caller>().cloned();
        match (viewer, caller) {
            (Some(viewer), Some(caller)) => Ok(Self(viewer, caller)),
            _ => Err(dead_end(DeadEnd::SignedOut)),
        }
    }
}
