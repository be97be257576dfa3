//! Incidents: open, look, answer, end. Every deed is a signed act; the login only says whose
//! request it is.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::problem::Problem;
use super::read::{Asked, LoggedIn, Named, Posted};
use crate::api::{
    ApproveRequest, ClaimReply, Done, GrantReply, IncidentList, IncidentView, NoteRequest,
    ShareView, SignedDocument,
};
use crate::app::App;

type View = Result<Json<IncidentView>, Problem>;

/// How to wait for a change.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Waiting {
    /// Version the client has; the answer comes when there is another.
    after_version: Option<i64>,
    /// Longest wait, milliseconds; at most 30,000.
    wait_ms: Option<u64>,
}

/// The newest incidents.
#[utoipa::path(
    get, path = "/api/v1/incidents", tag = "incidents",
    responses((status = 200, body = IncidentList))
)]
pub(super) async fn list(State(app): State<App>) -> Result<Json<IncidentList>, Problem> {
    Ok(Json(app.incident_list().await?))
}

/// Opens an incident.
#[utoipa::path(
    post, path = "/api/v1/incidents", tag = "incidents",
    request_body = SignedDocument, responses((status = 200, body = IncidentView))
)]
pub(super) async fn open(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
    Posted(signed): Posted<SignedDocument>,
) -> View {
    let incident = app.open(&signed, &caller).await?;
    Ok(Json(app.show(&incident.id).await?))
}

/// One incident, now or when it has changed.
#[utoipa::path(
    get, path = "/api/v1/incidents/{id}", tag = "incidents",
    params(("id" = String, Path), Waiting), responses((status = 200, body = IncidentView))
)]
pub(super) async fn show(
    State(app): State<App>,
    Named(id): Named,
    Asked(waiting): Asked<Waiting>,
) -> View {
    Ok(Json(match waiting.after_version {
        None => app.show(&id).await?,
        Some(after) => {
            let wait = Duration::from_millis(waiting.wait_ms.unwrap_or(0));
            app.show_after(&id, after, wait).await?
        }
    }))
}

/// A custodian releases her share.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/approve", tag = "incidents",
    params(("id" = String, Path)), request_body = ApproveRequest,
    responses((status = 200, body = IncidentView))
)]
pub(super) async fn approve(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
    Named(id): Named,
    Posted(request): Posted<ApproveRequest>,
) -> View {
    app.approve(&id, &request, &caller).await?;
    Ok(Json(app.show(&id).await?))
}

/// Somebody signs that she stands beside the opener of a paper share.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/witness", tag = "incidents",
    params(("id" = String, Path)), request_body = SignedDocument,
    responses((status = 200, body = IncidentView))
)]
pub(super) async fn witness(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
    Named(id): Named,
    Posted(signed): Posted<SignedDocument>,
) -> View {
    app.witness_paper(&id, &signed, &caller).await?;
    Ok(Json(app.show(&id).await?))
}

/// The sealed share that a paper opens, for the opener whom a witness named.
#[utoipa::path(
    get, path = "/api/v1/incidents/{id}/paper-share", tag = "incidents",
    params(("id" = String, Path)), responses((status = 200, body = ShareView))
)]
pub(super) async fn paper_share(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
    Named(id): Named,
) -> Result<Json<ShareView>, Problem> {
    Ok(Json(app.paper_share(&id, &caller).await?))
}

/// A custodian says no.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/refuse", tag = "incidents",
    params(("id" = String, Path)), request_body = SignedDocument,
    responses((status = 200, body = IncidentView))
)]
pub(super) async fn refuse(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
    Named(id): Named,
    Posted(signed): Posted<SignedDocument>,
) -> View {
    app.answer(&id, &signed, &caller, "refuse").await?;
    Ok(Json(app.show(&id).await?))
}

/// The phrase a custodian heard was not this incident's.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/mismatch", tag = "incidents",
    params(("id" = String, Path)), request_body = SignedDocument,
    responses((status = 200, body = IncidentView))
)]
pub(super) async fn mismatch(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
    Named(id): Named,
    Posted(signed): Posted<SignedDocument>,
) -> View {
    app.answer(&id, &signed, &caller, "mismatch").await?;
    Ok(Json(app.show(&id).await?))
}

/// A custodian takes her share back, or the responder the whole incident.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/withdraw", tag = "incidents",
    params(("id" = String, Path)), request_body = SignedDocument,
    responses((status = 200, body = IncidentView))
)]
pub(super) async fn withdraw(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
    Named(id): Named,
    Posted(signed): Posted<SignedDocument>,
) -> View {
    app.answer(&id, &signed, &caller, "withdraw").await?;
    Ok(Json(app.show(&id).await?))
}

/// A co-approver agrees, without a share.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/co-approve", tag = "incidents",
    params(("id" = String, Path)), request_body = SignedDocument,
    responses((status = 200, body = IncidentView))
)]
pub(super) async fn co_approve(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
    Named(id): Named,
    Posted(signed): Posted<SignedDocument>,
) -> View {
    app.co_approve(&id, &signed, &caller).await?;
    Ok(Json(app.show(&id).await?))
}

/// Security lifts gates for which no further custodian exists.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/override", tag = "incidents",
    params(("id" = String, Path)), request_body = SignedDocument,
    responses((status = 200, body = IncidentView))
)]
pub(super) async fn lift_gates(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
    Named(id): Named,
    Posted(signed): Posted<SignedDocument>,
) -> View {
    app.lift_gates(&id, &signed, &caller).await?;
    Ok(Json(app.show(&id).await?))
}

/// Security says no, before a session is open.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/veto", tag = "incidents",
    params(("id" = String, Path)), request_body = SignedDocument,
    responses((status = 200, body = IncidentView))
)]
pub(super) async fn veto(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
    Named(id): Named,
    Posted(signed): Posted<SignedDocument>,
) -> View {
    app.end(&id, &signed, &caller, "veto").await?;
    Ok(Json(app.show(&id).await?))
}

/// The responder asks for a longer session, or a custodian agrees to it.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/extend", tag = "incidents",
    params(("id" = String, Path)), request_body = SignedDocument,
    responses((status = 200, body = IncidentView))
)]
pub(super) async fn extend(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
    Named(id): Named,
    Posted(signed): Posted<SignedDocument>,
) -> View {
    app.extend(&id, &signed, &caller).await?;
    Ok(Json(app.show(&id).await?))
}

/// Ends a session against or without the responder.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/stop", tag = "incidents",
    params(("id" = String, Path)), request_body = SignedDocument,
    responses((status = 200, body = IncidentView))
)]
pub(super) async fn stop(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
    Named(id): Named,
    Posted(signed): Posted<SignedDocument>,
) -> View {
    app.end(&id, &signed, &caller, "stop").await?;
    Ok(Json(app.show(&id).await?))
}

/// The responder is done.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/close", tag = "incidents",
    params(("id" = String, Path)), request_body = SignedDocument,
    responses((status = 200, body = IncidentView))
)]
pub(super) async fn close(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
    Named(id): Named,
    Posted(signed): Posted<SignedDocument>,
) -> View {
    app.end(&id, &signed, &caller, "close").await?;
    Ok(Json(app.show(&id).await?))
}

/// The responder takes the session token; the only answer that carries one.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/claim", tag = "incidents",
    params(("id" = String, Path)), request_body = SignedDocument,
    responses((status = 200, body = ClaimReply))
)]
pub(super) async fn claim(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
    Named(id): Named,
    Posted(signed): Posted<SignedDocument>,
) -> Result<Json<ClaimReply>, Problem> {
    Ok(Json(app.claim(&id, &signed, &caller).await?))
}

/// The responder gives a person of `grants_to` an admin's right until the close.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/grant", tag = "incidents",
    params(("id" = String, Path)), request_body = SignedDocument,
    responses((status = 200, body = GrantReply))
)]
pub(super) async fn grant(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
    Named(id): Named,
    Posted(signed): Posted<SignedDocument>,
) -> Result<Json<GrantReply>, Problem> {
    Ok(Json(app.grant(&id, &signed, &caller).await?))
}

/// Writes something down.
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/note", tag = "incidents",
    params(("id" = String, Path)), request_body = NoteRequest,
    responses((status = 200, body = Done))
)]
pub(super) async fn note(
    State(app): State<App>,
    LoggedIn(caller): LoggedIn,
    Named(id): Named,
    Posted(request): Posted<NoteRequest>,
) -> Result<Json<Done>, Problem> {
    app.note(&id, &caller, request.text).await?;
    Ok(Json(Done {
        done: "noted".to_owned(),
    }))
}
