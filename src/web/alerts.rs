//! Channels: how each fares, a test that carries a code, and the code typed back. And the metrics,
//! which a monitor reads with a bearer of its own.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{HeaderMap, StatusCode};

use super::problem::Problem;
use super::read::{LoggedIn, Posted};
use crate::api::{AlertConfirm, AlertTest, ChannelList, Done};
use crate::app::App;
use crate::domain::ids::Digest;

/// How each channel fares.
#[utoipa::path(
    get, path = "/api/v1/alerts", tag = "alerts", responses((status = 200, body = ChannelList))
)]
pub(super) async fn list(State(app): State<App>) -> Result<Json<ChannelList>, Problem> {
    Ok(Json(app.channel_list().await?))
}

/// Sends a message with a code to every channel, or to one.
#[utoipa::path(
    post, path = "/api/v1/alerts/test", tag = "alerts", request_body = AlertTest,
    responses((status = 200, body = Done))
)]
pub(super) async fn test(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
    Posted(asked): Posted<AlertTest>,
) -> Result<Json<Done>, Problem> {
    app.test_channels(&caller, asked.channel.as_deref()).await?;
    Ok(Json(Done {
        done: "queued".to_owned(),
    }))
}

/// A code that somebody read.
#[utoipa::path(
    post, path = "/api/v1/alerts/confirm", tag = "alerts", request_body = AlertConfirm,
    responses((status = 200, body = Done))
)]
pub(super) async fn confirm(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
    Posted(told): Posted<AlertConfirm>,
) -> Result<Json<Done>, Problem> {
    let channel = app.confirm_test(&caller, &told.code).await?;
    Ok(Json(Done { done: channel }))
}

/// Prometheus' text. Open to the bearer of `metrics_token_file` alone, which is no login.
#[utoipa::path(
    get, path = "/api/v1/metrics", tag = "vault",
    responses((status = 200, body = String, content_type = "text/plain"))
)]
pub(super) async fn metrics(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let bearer = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    // Hashes are compared, so the time it takes tells nothing of the bearer.
    let given = bearer.map(|bearer| Digest::of(bearer.as_bytes()));
    let wanted = app.settings().watch.metrics_token_sha256;
    if wanted.is_none() || given != wanted {
        return Err(Problem::door(
            StatusCode::FORBIDDEN,
            "metrics_token",
            "metrics need the bearer of [watch] metrics_token_file",
            "set it in the configuration and in the monitor",
        ));
    }
    let text = app.metrics().await?;
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(CONTENT_TYPE, kind)], text).into_response())
}
