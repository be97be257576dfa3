//! The vault as a whole: its health, its CA, its public documents.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::header::CONTENT_TYPE;

use super::problem::Problem;
use crate::api::{Health, VaultView};
use crate::app::App;

/// Whether the vault lives.
#[utoipa::path(
    get, path = "/api/v1/health", tag = "vault", responses((status = 200, body = Health))
)]
pub(super) async fn health(State(app): State<App>) -> Json<Health> {
    Json(app.health().await)
}

/// PEM of our own CA. Its hash is in the enrolment line, so it needs no trust on the way.
#[utoipa::path(
    get, path = "/api/v1/ca", tag = "vault",
    responses((status = 200, body = String, content_type = "application/x-pem-file"))
)]
pub(super) async fn ca(State(app): State<App>) -> Result<Response, Problem> {
    let pem = app.settings().ca_pem.clone();
    let pem = pem.ok_or_else(|| Problem::unknown("CA of its own: the certificate is public"))?;
    Ok(([(CONTENT_TYPE, "application/x-pem-file")], pem).into_response())
}

/// Roster, policy, manifest, and how far the epoch is proved.
#[utoipa::path(
    get, path = "/api/v1/vault", tag = "vault", responses((status = 200, body = VaultView))
)]
pub(super) async fn vault(State(app): State<App>) -> Result<Json<VaultView>, Problem> {
    Ok(Json(app.vault_view().await?))
}
