//! The way in: a challenge, and its signature.

use axum::Json;
use axum::extract::{Extension, State};
use hyper::header::HeaderMap;

use super::guard;
use super::problem::Problem;
use super::read::{ConsoleOrigin, Posted, Source};
use crate::api::{Challenge, ChallengeRequest, LoginReply, PageCode, SignedDocument};
use crate::app::{App, AppError};

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
