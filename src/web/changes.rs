//! Versions of roster and policy that wait for signatures.

use axum::Json;
use axum::extract::State;

use super::problem::Problem;
use super::read::{LoggedIn, Posted};
use crate::api::{ProposalList, ProposalView, ProposeRequest, SignedDocument};
use crate::app::App;

/// Everything that waits for signatures, with the documents themselves.
#[utoipa::path(
    get, path = "/api/v1/proposals", tag = "roster",
    responses((status = 200, body = ProposalList))
)]
pub(super) async fn list(State(app): State<App>) -> Result<Json<ProposalList>, Problem> {
    Ok(Json(app.proposal_list().await?))
}

/// Proposes a version of roster or policy.
#[utoipa::path(
    post, path = "/api/v1/proposals", tag = "roster",
    request_body = ProposeRequest, responses((status = 200, body = ProposalView))
)]
pub(super) async fn propose(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
    Posted(request): Posted<ProposeRequest>,
) -> Result<Json<ProposalView>, Problem> {
    Ok(Json(app.propose(&request, &caller).await?))
}

/// Signs a version that was proposed.
#[utoipa::path(
    post, path = "/api/v1/proposals/sign", tag = "roster",
    request_body = SignedDocument, responses((status = 200, body = ProposalView))
)]
pub(super) async fn sign(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
    Posted(signed): Posted<SignedDocument>,
) -> Result<Json<ProposalView>, Problem> {
    Ok(Json(app.sign_version(&signed, &caller).await?))
}
