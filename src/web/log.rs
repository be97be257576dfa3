//! The log: checkpoint, proofs, and the files of an export.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::header::CONTENT_TYPE;
use serde::Deserialize;
use utoipa::IntoParams;

use super::problem::Problem;
use super::read::{Asked, Within};
use crate::api::{ConsistencyProof, EntryProof, ExportList};
use crate::app::App;

/// Two sizes.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Sizes {
    /// Older size.
    old: u64,
    /// Newer size; the newest without it.
    new: Option<u64>,
}

/// An entry and a size.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EntryAt {
    /// Index of the entry, from 0.
    seq: u64,
    /// Size of the tree; the newest without it.
    size: Option<u64>,
}

/// The newest signed checkpoint. Open: it is in every mail anyway.
#[utoipa::path(
    get, path = "/api/v1/log/checkpoint", tag = "log",
    responses((status = 200, body = String, content_type = "text/plain"))
)]
pub(super) async fn checkpoint(State(app): State<App>) -> Response {
    (
        [(CONTENT_TYPE, "text/plain; charset=utf-8")],
        app.checkpoint(),
    )
        .into_response()
}

/// Proof that the log only grew.
#[utoipa::path(
    get, path = "/api/v1/log/consistency", tag = "log", params(Sizes),
    responses((status = 200, body = ConsistencyProof))
)]
pub(super) async fn consistency(
    State(app): State<App>,
    Asked(sizes): Asked<Sizes>,
) -> Result<Json<ConsistencyProof>, Problem> {
    Ok(Json(app.consistency(sizes.old, sizes.new).await?))
}

/// An entry with its inclusion proof.
#[utoipa::path(
    get, path = "/api/v1/log/proof", tag = "log", params(EntryAt),
    responses((status = 200, body = EntryProof))
)]
pub(super) async fn proof(
    State(app): State<App>,
    Asked(at): Asked<EntryAt>,
) -> Result<Json<EntryProof>, Problem> {
    Ok(Json(app.entry_proof(at.seq, at.size).await?))
}

/// Where to go on reading.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct From {
    /// Index of the first entry wanted.
    from: u64,
}

/// Entries from an index on, one line each, as they were hashed; empty when there are none yet.
#[utoipa::path(
    get, path = "/api/v1/log/entries", tag = "log", params(From),
    responses((status = 200, body = String, content_type = "application/x-ndjson"))
)]
pub(super) async fn entries(
    State(app): State<App>,
    Asked(at): Asked<From>,
) -> Result<Response, Problem> {
    let lines = app.entry_lines(at.from).await?;
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], lines).into_response())
}

/// What an export holds.
#[utoipa::path(
    get, path = "/api/v1/log/export", tag = "log", responses((status = 200, body = ExportList))
)]
pub(super) async fn export(State(app): State<App>) -> Result<Json<ExportList>, Problem> {
    Ok(Json(app.export_list().await?))
}

/// One file of an export, by its path there; also tiles and entry bundles (C2SP tlog-tiles).
#[utoipa::path(
    get, path = "/api/v1/log/files/{path}", tag = "log", params(("path" = String, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"))
)]
pub(super) async fn file(
    State(app): State<App>,
    Within(path): Within<String>,
) -> Result<Response, Problem> {
    let file = app.log_file(&path).await?;
    Ok(([(CONTENT_TYPE, file.media_type)], file.bytes).into_response())
}
