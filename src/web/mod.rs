//! Door: our own API and the console's pages over HTTP. Translates requests into steps of `app` and outcomes into status
//! codes, nothing more. Knows no rule, no SQL and no Databricks.
//!
//! Every route stands once in [`routes`], with whether a stranger may call it; the router and the
//! OpenAPI document are made from that table. The pages have a table of the same kind
//! ([`page_table`]).

mod alerts;
mod apart;
mod changes;
mod cookie;
mod custodian_page;
mod custody;
mod guard;
mod incidents;
mod log;
mod login;
mod openapi;
mod pages;
mod problem;
mod read;
mod reviews;
pub mod routes;
mod vault;
mod words;

use axum::Extension;
use axum::Router;
use axum::body::Body;
use axum::middleware::{from_fn, map_response};
use http_body_util::BodyExt as _;
use hyper::Request;
use hyper::header::HeaderValue;
use tower::ServiceExt as _;

use crate::app::App;
use crate::listen::{self, Handler, Peer, RequestBody};

pub use custodian_page::{CONTENT_SECURITY, FILES as CUSTODIAN_PAGE, PageFile};
pub use guard::MAX_BODY_BYTES;
pub use openapi::document as openapi_document;
pub use pages::table as page_table;

/// The API as a handler for [`listen::Hosts`], under the console's host name.
///
/// `console_url` is the URL people dial, without path: what a login must be signed for. A login
/// signed for any other origin, which somebody in the middle could relay, is refused.
#[must_use]
pub fn handler(app: App, console_url: &str) -> Handler {
    let router = router(app, console_url);
    listen::handler(move |request: Request<RequestBody>, peer: Peer| {
        let router = router.clone();
        async move {
            let (mut parts, body) = request.into_parts();
            parts.extensions.insert(peer);
            let request = Request::from_parts(parts, Body::new(body));
            let response = match router.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            response.map(|body| body.map_err(Into::into).boxed_unsync())
        }
    })
}

/// The routes of [`routes::table`] behind the checks every request passes.
///
/// Requests must carry their [`Peer`] as an extension, as [`handler`] sees to.
pub fn router(app: App, console_url: &str) -> Router {
    let allowed = app.custodian_origin();
    let allowed = allowed.and_then(|origin| HeaderValue::from_str(&origin).ok());
    let keeps = guard::keeps_to_tls(console_url);
    let mut router = Router::new();
    for route in routes::table(&app).into_iter().chain(page_table(&app)) {
        router = router.route(route.path, route.serve);
    }
    router
        .fallback(guard::unknown_path)
        .method_not_allowed_fallback(guard::wrong_method)
        .layer(from_fn(guard::own_pages_only))
        .layer(Extension(read::ConsoleOrigin::new(console_url)))
        .layer(map_response(guard::headers))
        .with_state(app)
        .merge(custodian_page::router())
        // Outermost: what the page apart asks goes on as a client's without a browser.
        .layer(from_fn(move |request, next| {
            apart::admit(allowed.clone(), request, next)
        }))
        .layer(map_response(move |response| {
            guard::strict_transport(keeps, response)
        }))
}
