//! The OpenAPI document. Paths and bodies stand beside the handlers; who needs a login is taken
//! from the table of routes.

use axum::Json;
use axum::extract::State;
use utoipa::OpenApi;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Content, Ref, ResponseBuilder};

use super::{alerts, changes, custody, incidents, log, login, reviews, routes, vault};
use crate::api::ErrorBody;
use crate::app::App;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Breakglass",
        description = "Break-glass emergency access vault for Databricks."
    ),
    paths(
        serve,
        vault::health,
        vault::ca,
        vault::vault,
        login::challenge,
        login::login,
        login::browser,
        login::page_code,
        incidents::list,
        incidents::open,
        incidents::show,
        incidents::approve,
        incidents::witness,
        incidents::paper_share,
        incidents::refuse,
        incidents::mismatch,
        incidents::withdraw,
        incidents::co_approve,
        incidents::lift_gates,
        incidents::veto,
        incidents::extend,
        incidents::stop,
        incidents::close,
        incidents::claim,
        incidents::grant,
        incidents::note,
        custody::share,
        custody::prove_challenge,
        custody::prove,
        custody::enrol_test,
        custody::enrol_opened,
        changes::list,
        changes::propose,
        changes::sign,
        reviews::list,
        reviews::show,
        reviews::answer,
        reviews::finding,
        reviews::sign,
        alerts::list,
        alerts::test,
        alerts::confirm,
        alerts::metrics,
        log::checkpoint,
        log::entries,
        log::consistency,
        log::proof,
        log::export,
        log::file,
    ),
    components(schemas(ErrorBody))
)]
struct Documented;

/// Name of the login in the document.
const LOGIN: &str = "login";

/// This document.
#[utoipa::path(
    get, path = "/api/openapi.json", tag = "vault",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json"))
)]
pub(super) async fn serve(State(app): State<App>) -> Json<utoipa::openapi::OpenApi> {
    Json(document(&routes::table(&app)))
}

/// The document for these routes.
#[must_use]
pub fn document(table: &[routes::Route]) -> utoipa::openapi::OpenApi {
    let mut document = Documented::openapi();
    let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(LOGIN, scheme);
    for route in table {
        let path = route.path.replace("{*", "{");
        let Some(item) = document.paths.paths.get_mut(&path) else {
            continue;
        };
        let found = if route.method == hyper::Method::POST {
            &mut item.post
        } else {
            &mut item.get
        };
        if let Some(operation) = found {
            describe(operation, route.open);
        }
    }
    document
}

fn describe(operation: &mut Operation, open: bool) {
    if !open {
        let needed = SecurityRequirement::new(LOGIN, Vec::<String>::new());
        operation.security = Some(vec![needed]);
    }
    let body = Content::new(Some(Ref::from_schema_name("ErrorBody")));
    let said_no = ResponseBuilder::new()
        .description("What went wrong, for people and scripts.")
        .content("application/json", body);
    operation
        .responses
        .responses
        .insert("default".to_owned(), said_no.build().into());
}
