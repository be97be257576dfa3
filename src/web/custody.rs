//! Shares between incidents: a custodian's own, proving it, and enrolling unlockers.

use axum::Json;
use axum::extract::State;

use super::problem::Problem;
use super::read::{LoggedIn, Posted, Within};
use crate::api::{
    Challenge, Done, ProveRequest, ShareView, TestEnvelope, TestEnvelopeOpened, TestEnvelopeRequest,
};
use crate::app::App;
use crate::domain::manifest::Kind;

/// The caller's own sealed share; there is no way to ask for another's.
#[utoipa::path(
    get, path = "/api/v1/shares/{kind}/{epoch}", tag = "custody",
    params(("kind" = String, Path, description = "`live` or `drill`"), ("epoch" = u32, Path)),
    responses((status = 200, body = ShareView))
)]
pub(super) async fn share(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
    Within((kind, epoch)): Within<(Kind, u32)>,
) -> Result<Json<ShareView>, Problem> {
    Ok(Json(app.own_share(&caller, kind, epoch).await?))
}

/// A challenge for a proof. Takes no body.
#[utoipa::path(
    post, path = "/api/v1/prove/challenge", tag = "custody",
    responses((status = 200, body = Challenge))
)]
pub(super) async fn prove_challenge(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
) -> Result<Json<Challenge>, Problem> {
    Ok(Json(app.prove_challenge(&caller).await?))
}

/// A custodian shows that she can open her share.
#[utoipa::path(
    post, path = "/api/v1/prove", tag = "custody",
    request_body = ProveRequest, responses((status = 200, body = Done))
)]
pub(super) async fn prove(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
    Posted(request): Posted<ProveRequest>,
) -> Result<Json<Done>, Problem> {
    app.prove(&request, &caller).await?;
    Ok(Json(Done {
        done: "proved".to_owned(),
    }))
}

/// A random text sealed to one of the caller's unlockers.
#[utoipa::path(
    post, path = "/api/v1/enrol/test", tag = "custody",
    request_body = TestEnvelopeRequest, responses((status = 200, body = TestEnvelope))
)]
pub(super) async fn enrol_test(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
    Posted(request): Posted<TestEnvelopeRequest>,
) -> Result<Json<TestEnvelope>, Problem> {
    Ok(Json(app.test_envelope(&caller, &request).await?))
}

/// The text that was inside.
#[utoipa::path(
    post, path = "/api/v1/enrol/opened", tag = "custody",
    request_body = TestEnvelopeOpened, responses((status = 200, body = Done))
)]
pub(super) async fn enrol_opened(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
    Posted(opened): Posted<TestEnvelopeOpened>,
) -> Result<Json<Done>, Problem> {
    app.test_opened(&caller, &opened).await?;
    Ok(Json(Done {
        done: "opened".to_owned(),
    }))
}
