//! The way in: a challenge, and its signature.

use axum::Json;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use hyper::header::{HeaderMap, SET_COOKIE};

use super::problem::Problem;
use super::read::{ConsoleOrigin, Posted, Source};
use super::{cookie, guard};
use crate::api::{Challenge, ChallengeRequest, Done, LoginReply, PageCode, SignedDocument};
use crate::app::{App, AppError};
use crate::domain::time::SECOND_MS;

/// Longest public key taken, in bytes; the largest that people use is an RSA key of 16,384 bits.
const MAX_KEY_BYTES: usize = 4 * 1024;

/// A challenge for any key, known or not.
#[utoipa::path(
    post, path = "/api/v1/login/challenge", tag = "login",
    request_body = ChallengeRequest, responses((status = 200, body = Challenge))
)]
pub(super) async fn challenge(
    State(app): State<App>,
    Source(from): Source,
    Posted(request): Posted<ChallengeRequest>,
) -> Result<Json<Challenge>, Problem> {
    if request.key.len() > MAX_KEY_BYTES {
        return Err(AppError::BadDocument("the key is too long".into()).into());
    }
    // Asked by anybody, and kept as text: PostgreSQL takes no zero byte.
    if request.key.contains(char::is_control) {
        return Err(AppError::BadDocument("the key holds control characters".into()).into());
    }
    Ok(Json(app.login_challenge(&request.key, &from).await?))
}

/// Checks a signed login and gives a token.
#[utoipa::path(
    post, path = "/api/v1/login", tag = "login",
    request_body = SignedDocument, responses((status = 200, body = LoginReply))
)]
pub(super) async fn login(
    State(app): State<App>,
    Extension(dialled): Extension<ConsoleOrigin>,
    Source(from): Source,
    Posted(signed): Posted<SignedDocument>,
) -> Result<Json<LoginReply>, Problem> {
    Ok(Json(app.login(&signed, dialled.text(), &from).await?))
}

/// Checks a signed login and keeps its token in the browser, where no script can read it.
#[utoipa::path(
    post, path = "/api/v1/login/browser", tag = "login",
    request_body = SignedDocument, responses((status = 200, body = Done))
)]
pub(super) async fn browser(
    State(app): State<App>,
    Extension(dialled): Extension<ConsoleOrigin>,
    Source(from): Source,
    Posted(signed): Posted<SignedDocument>,
) -> Result<Response, Problem> {
    let reply = app.login(&signed, dialled.text(), &from).await?;
    let seconds = (reply.expires_ms - app.now().0) / SECOND_MS;
    let kept = cookie::keep(&reply.token, seconds)
        .ok_or_else(|| AppError::Inconsistent("a token that no header can carry".into()))?;
    let done = Done {
        done: "signed in".to_owned(),
    };
    Ok(([(SET_COOKIE, kept)], Json(done)).into_response())
}

/// A code that signs the caller's browser in, once. Takes no body.
#[utoipa::path(
    post, path = "/api/v1/login/page", tag = "login",
    responses((status = 200, body = PageCode))
)]
pub(super) async fn page_code(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Json<PageCode>, Problem> {
    let token = guard::login_token(&headers);
    let token = token.ok_or(AppError::LoginNeeded("a login is needed"))?;
    Ok(Json(app.page_code(token).await?))
}
