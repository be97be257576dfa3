//! The Files API: upload, download, head, delete, directories, and the calls that hand out
//! presigned URLs (facts §5.4). Content is kept in memory in the pieces in which it came.

use std::collections::BTreeMap;

use bytes::Bytes;
use hyper::StatusCode;
use serde_json::{Value, json};

use super::auth::sha256_hex;
use super::call::{Call, text};
use super::clock;
use super::reply::{Handled, Reply};
use super::state::lock;

/// Most bytes kept in all files together.
const CAP_BYTES: u64 = 1 << 30;

/// One stored file.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// Content in pieces.
    pub pieces: Vec<Bytes>,
    /// When it was written.
    pub modified_ms: i64,
}

impl Stored {
    fn length(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.len() as u64).sum()
    }
}

/// What a presigned URL allows.
#[derive(Debug, Clone)]
pub enum Grant {
    /// Reading this file.
    Download(String),
    /// Writing this part of a multipart upload.
    Part(String, u64),
    /// Forgetting a multipart upload.
    Abort(String),
    /// Reading a statement's rows.
    Rows(Bytes),
}

/// Files, directories, uploads in progress and presigned grants.
#[derive(Debug, Default)]
pub struct FileStore {
    /// Files by path.
    pub files: BTreeMap<String, Stored>,
    directories: Vec<String>,
    /// Parts by session and number.
    pub uploads: BTreeMap<String, BTreeMap<u64, Vec<Bytes>>>,
    /// Grants by the random name in the URL.
    pub grants: BTreeMap<String, Grant>,
}

impl FileStore {
    /// Hands out a presigned URL below `origin`.
    pub fn presign(&mut self, origin: &str, grant: Grant) -> String {
        let name = clock::random_hex(16);
        let url = format!(
            "{origin}/presigned/{name}?X-Databricks-TTL=900&X-Databricks-Signature={}",
            clock::random_hex(16)
        );
        self.grants.insert(name, grant);
        url
    }

    fn put(&mut self, path: String, pieces: Vec<Bytes>, now_ms: i64) -> Result<(), Reply> {
        let held: u64 = self.files.values().map(Stored::length).sum();
        let stored = Stored {
            pieces,
            modified_ms: now_ms,
        };
        if held + stored.length() > CAP_BYTES {
            return Err(Reply::error(
                StatusCode::BAD_REQUEST,
                "QUOTA_EXCEEDED",
                "The simulator keeps at most 1 GiB of files",
            ));
        }
        self.files.insert(path, stored);
        Ok(())
    }
}

/// `/fs/…`.
pub fn route(call: &Call<'_>, rest: &[&str]) -> Handled {
    let path = |segments: &[&str]| format!("/{}", segments.join("/"));
    match (call.method, rest) {
        ("PUT", ["files", tail @ ..]) => put(call, path(tail)),
        ("GET" | "HEAD", ["files", tail @ ..]) => get(call, &path(tail)),
        ("POST", ["files", tail @ ..]) => multipart(call, path(tail)),
        ("DELETE", ["files", tail @ ..]) => {
            let path = path(tail);
            lock(&call.state.files)
                .files
                .remove(&path)
                .ok_or_else(|| missing(&path))?;
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        ("PUT", ["directories", tail @ ..]) => {
            lock(&call.state.files).directories.push(path(tail));
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        ("DELETE", ["directories", tail @ ..]) => {
            lock(&call.state.files)
                .directories
                .retain(|known| *known != path(tail));
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        ("GET" | "HEAD", ["directories", tail @ ..]) => directory(call, &path(tail)),
        ("POST", ["create-download-url"]) => {
            let body = call.json()?;
            let path = call
                .param("path")
                .or_else(|| body["path"].as_str())
                .unwrap_or_default();
            let mut store = lock(&call.state.files);
            if !store.files.contains_key(path) {
                return Err(missing(path));
            }
            let url = store.presign(&call.origin, Grant::Download(path.to_owned()));
            Ok(Reply::json(&json!({"url": url, "headers": []})))
        }
        ("POST", ["create-upload-part-urls"]) => part_urls(call),
        ("POST", ["create-abort-upload-url"]) => {
            let session = text(&call.json()?, "session_token")?.to_owned();
            let url = lock(&call.state.files).presign(&call.origin, Grant::Abort(session));
            Ok(Reply::json(
                &json!({"abort_upload_url": {"url": url, "headers": []}}),
            ))
        }
        _ => Err(call.no_endpoint()),
    }
}

fn missing(path: &str) -> Reply {
    Reply::error(
        StatusCode::NOT_FOUND,
        "NOT_FOUND",
        format!("The file {path} does not exist."),
    )
}

fn put(call: &Call<'_>, path: String) -> Handled {
    let mut store = lock(&call.state.files);
    if call.param("overwrite") == Some("false") && store.files.contains_key(&path) {
        return Err(Reply::error(
            StatusCode::CONFLICT,
            "ALREADY_EXISTS",
            format!("The file {path} already exists."),
        ));
    }
    store.put(path, call.body.clone(), call.now_ms)?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

fn get(call: &Call<'_>, path: &str) -> Handled {
    let stored = lock(&call.state.files)
        .files
        .get(path)
        .cloned()
        .ok_or_else(|| missing(path))?;
    let range = call
        .headers
        .get("range")
        .and_then(|value| value.to_str().ok());
    Ok(download(&stored, range, call.method == "HEAD"))
}

/// A file as a reply, whole or from `bytes=N-`.
pub fn download(stored: &Stored, range: Option<&str>, head: bool) -> Reply {
    let total = stored.length();
    let start = range
        .and_then(|range| range.strip_prefix("bytes="))
        .and_then(|range| range.split('-').next()?.parse::<u64>().ok())
        .unwrap_or(0)
        .min(total);
    let mut skip = usize::try_from(start).unwrap_or(usize::MAX);
    let mut pieces = Vec::new();
    for piece in &stored.pieces {
        let cut = skip.min(piece.len());
        skip -= cut;
        pieces.push(piece.slice(cut..));
    }
    let date = clock::http_date(stored.modified_ms);
    let mut reply = Reply::bytes("application/octet-stream", pieces)
        .with_header("last-modified", date)
        .with_header("accept-ranges", "bytes");
    if start > 0 {
        let shown = format!("bytes {start}-{}/{total}", total.saturating_sub(1));
        reply = reply
            .with_status(StatusCode::PARTIAL_CONTENT)
            .with_header("content-range", shown);
    }
    if head {
        reply.pieces.clear();
        reply = reply.with_header("content-length", (total - start).to_string());
    }
    reply
}

fn directory(call: &Call<'_>, path: &str) -> Handled {
    let store = lock(&call.state.files);
    let below = format!("{}/", path.trim_end_matches('/'));
    let contents: Vec<Value> = store
        .files
        .range(below.clone()..)
        .take_while(|(name, _)| name.starts_with(&below))
        .map(|(name, stored)| {
            json!({
                "path": name,
                "name": name.rsplit('/').next(),
                "is_directory": false,
                "file_size": stored.length(),
                "last_modified": stored.modified_ms,
            })
        })
        .collect();
    if contents.is_empty() && !store.directories.iter().any(|known| known == path) {
        return Err(missing(path));
    }
    Ok(Reply::json(&json!({"contents": contents})))
}

/// `POST …/fs/files/…?action=initiate-upload|complete-upload`.
fn multipart(call: &Call<'_>, path: String) -> Handled {
    let mut store = lock(&call.state.files);
    match call.param("action") {
        Some("initiate-upload") => {
            let session = clock::random_hex(16);
            store.uploads.insert(session.clone(), BTreeMap::new());
            Ok(Reply::json(
                &json!({"multipart_upload": {"session_token": session}}),
            ))
        }
        Some("complete-upload") => {
            let session = call.param("session_token").unwrap_or_default();
            let parts = store
                .uploads
                .remove(session)
                .ok_or_else(|| Reply::missing("The upload session does not exist"))?;
            let pieces = parts.into_values().flatten().collect();
            store.put(path, pieces, call.now_ms)?;
            Ok(Reply::done())
        }
        _ => Err(call.no_endpoint()),
    }
}

fn part_urls(call: &Call<'_>) -> Handled {
    let body = call.json()?;
    let session = text(&body, "session_token")?;
    let first = body["start_part_number"].as_u64().unwrap_or(1);
    let count = body["count"].as_u64().unwrap_or(1).min(100);
    let mut store = lock(&call.state.files);
    let urls: Vec<Value> = (first..first + count)
        .map(|part| {
            let url = store.presign(&call.origin, Grant::Part(session.to_owned(), part));
            json!({"url": url, "part_number": part, "headers": []})
        })
        .collect();
    Ok(Reply::json(&json!({"upload_part_urls": urls})))
}

/// The etag of an uploaded part.
pub fn etag(pieces: &[Bytes]) -> String {
    sha256_hex(&pieces.concat())[..32].to_owned()
}
