//! Reviews: read the case, draft answers and findings, sign.

use axum::Json;
use axum::extract::State;

use super::problem::Problem;
use super::read::{LoggedIn, Named, Posted};
use crate::api::{
    AnswerRequest, Done, FindingRequest, IncidentView, ReviewList, ReviewView, SignedDocument,
};
use crate::app::App;

/// Reviews that wait for a signature.
#[utoipa::path(
    get, path = "/api/v1/reviews", tag = "reviews", responses((status = 200, body = ReviewList))
)]
pub(super) async fn list(State(app): State<App>) -> Result<Json<ReviewList>, Problem> {
    Ok(Json(app.reviews().await?))
}

/// Everything a reviewer is shown.
#[utoipa::path(
    get, path = "/api/v1/reviews/{id}", tag = "reviews",
    params(("id" = String, Path)), responses((status = 200, body = ReviewView))
)]
pub(super) async fn show(
    State(app): State<App>,
    Named(id): Named,
) -> Result<Json<ReviewView>, Problem> {
    Ok(Json(app.review_view(&id).await?))
}

/// Drafts an answer.
#[utoipa::path(
    post, path = "/api/v1/reviews/{id}/answers", tag = "reviews",
    params(("id" = String, Path)), request_body = AnswerRequest,
    responses((status = 200, body = Done))
)]
pub(super) async fn answer(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
    Named(id): Named,
    Posted(request): Posted<AnswerRequest>,
) -> Result<Json<Done>, Problem> {
    app.review_answer(&id, &caller, &request).await?;
    Ok(Json(Done {
        done: "answered".to_owned(),
    }))
}

/// Drafts a finding.
#[utoipa::path(
    post, path = "/api/v1/reviews/{id}/findings", tag = "reviews",
    params(("id" = String, Path)), request_body = FindingRequest,
    responses((status = 200, body = Done))
)]
pub(super) async fn finding(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
    Named(id): Named,
    Posted(request): Posted<FindingRequest>,
) -> Result<Json<Done>, Problem> {
    app.review_finding(&id, &caller, &request).await?;
    Ok(Json(Done {
        done: "found".to_owned(),
    }))
}

/// An auditor who took no part signs.
#[utoipa::path(
    post, path = "/api/v1/reviews/{id}/sign", tag = "reviews",
    params(("id" = String, Path)), request_body = SignedDocument,
    responses((status = 200, body = IncidentView))
)]
pub(super) async fn sign(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
    Named(id): Named,
    Posted(signed): Posted<SignedDocument>,
) -> Result<Json<IncidentView>, Problem> {
    app.review_sign(&id, &signed, &caller).await?;
    Ok(Json(app.show(&id).await?))
}
