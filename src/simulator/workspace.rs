//! Workspace objects: list, get-status, export, import, mkdirs, delete.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use serde_json::{Value, json};

use super::call::{Call, text};
use super::reply::{Handled, Reply};
use super::state::lock;

#[derive(Debug, Clone)]
struct Object {
    kind: &'static str,
    id: u64,
    language: Option<String>,
    content: Vec<u8>,
}

/// Objects by path.
#[derive(Debug, Default)]
pub struct Objects {
    objects: BTreeMap<String, Object>,
    next_id: u64,
}

impl Objects {
    /// A few folders and one notebook.
    pub fn seeded() -> Self {
        let mut objects = Self {
            next_id: 3001,
            ..Self::default()
        };
        for path in ["/Shared", "/Users", "/Users/rio@example.com"] {
            objects.put(path, "DIRECTORY", None, Vec::new());
        }
        let source = b"# Databricks notebook source\nprint(42)\n".to_vec();
        objects.put(
            "/Shared/nightly",
            "NOTEBOOK",
            Some("PYTHON".to_owned()),
            source,
        );
        objects
    }

    fn put(&mut self, path: &str, kind: &'static str, language: Option<String>, content: Vec<u8>) {
        let id = self.objects.get(path).map_or(self.next_id, |old| old.id);
        self.next_id += 1;
        self.objects.insert(
            path.to_owned(),
            Object {
                kind,
                id,
                language,
                content,
            },
        );
    }

    fn shown(&self, path: &str) -> Option<Value> {
        let object = self.objects.get(path)?;
        let mut shown = json!({
            "path": path, "object_type": object.kind, "object_id": object.id,
            "resource_id": object.id.to_string(),
        });
        if let Some(language) = &object.language {
            shown["language"] = json!(language);
        }
        Some(shown)
    }
}

fn missing(path: &str) -> Reply {
    Reply::missing(format!("Path ({path}) doesn't exist."))
}

fn parent(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((parent, _)) => parent,
    }
}

/// `/workspace/…`.
pub fn route(call: &Call<'_>, rest: &[&str]) -> Handled {
    let path = call.param("path").unwrap_or_default();
    let mut held = lock(&call.state.objects);
    match (call.method, rest) {
        ("GET", ["list"]) => {
            let folder = if path == "/" {
                path
            } else {
                path.trim_end_matches('/')
            };
            if folder != "/" && !held.objects.contains_key(folder) {
                return Err(missing(folder));
            }
            let all: Vec<Value> = held
                .objects
                .keys()
                .filter(|name| parent(name) == folder)
                .filter_map(|name| held.shown(name))
                .collect();
            Ok(Reply::json(&json!({"objects": all})))
        }
        ("GET", ["get-status"]) => Ok(Reply::json(&held.shown(path).ok_or_else(|| missing(path))?)),
        ("GET", ["export"]) => {
            let object = held.objects.get(path).ok_or_else(|| missing(path))?;
            if call.param("direct_download") == Some("true") {
                let content = object.content.clone();
                return Ok(Reply::bytes(
                    "application/octet-stream",
                    vec![content.into()],
                ));
            }
            Ok(Reply::json(&json!({
                "content": STANDARD.encode(&object.content),
                "file_type": "py",
            })))
        }
        ("POST", ["import"]) => import(call, &mut held),
        ("POST", ["mkdirs"]) => {
            let body = call.json()?;
            held.put(text(&body, "path")?, "DIRECTORY", None, Vec::new());
            Ok(Reply::done())
        }
        ("POST", ["delete"]) => {
            let body = call.json()?;
            let path = text(&body, "path")?;
            held.objects.remove(path).ok_or_else(|| missing(path))?;
            let below = format!("{path}/");
            held.objects.retain(|name, _| !name.starts_with(&below));
            Ok(Reply::done())
        }
        _ => Err(call.no_endpoint()),
    }
}

/// JSON with base64 content, or multipart form data as the SDKs send it.
fn import(call: &Call<'_>, held: &mut Objects) -> Handled {
    let kind = call
        .headers
        .get("content-type")
        .and_then(|value| value.to_str().ok());
    let fields = match kind.and_then(|kind| kind.split_once("boundary=")) {
        Some((_, boundary)) => multipart(&call.bytes(), boundary.trim_matches('"')),
        None => {
            let body = call.json()?;
            let mut fields: BTreeMap<String, Vec<u8>> = BTreeMap::new();
            for (name, value) in body.as_object().into_iter().flatten() {
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                fields.insert(name.clone(), text.into_bytes());
            }
            let encoded = fields.remove("content").unwrap_or_default();
            let content = STANDARD
                .decode(encoded)
                .map_err(|_| Reply::invalid("content must be base64"))?;
            fields.insert("content".to_owned(), content);
            fields
        }
    };
    let field = |name: &str| {
        fields
            .get(name)
            .map(|v| String::from_utf8_lossy(v).into_owned())
    };
    let path = field("path").ok_or_else(|| Reply::invalid("Missing required field: path"))?;
    if held.objects.contains_key(&path) && field("overwrite").as_deref() != Some("true") {
        return Err(Reply::error(
            StatusCode::BAD_REQUEST,
            "RESOURCE_ALREADY_EXISTS",
            format!("Path ({path}) already exists."),
        ));
    }
    let content = fields.get("content").cloned().unwrap_or_default();
    held.put(&path, "NOTEBOOK", field("language"), content);
    Ok(Reply::done())
}

/// The parts of a multipart body by field name.
fn multipart(body: &[u8], boundary: &str) -> BTreeMap<String, Vec<u8>> {
    let mark = format!("--{boundary}");
    let find = |hay: &[u8], needle: &[u8]| memchr::memmem::find(hay, needle);
    let mut fields = BTreeMap::new();
    let mut rest = body;
    while let Some(start) = find(rest, mark.as_bytes()) {
        rest = &rest[start + mark.len()..];
        let end = find(rest, mark.as_bytes()).unwrap_or(rest.len());
        let part = &rest[..end];
        let Some(split) = find(part, b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&part[..split]).into_owned();
        let name = head
            .split_once("name=\"")
            .and_then(|(_, tail)| tail.split_once('"'));
        let content = &part[split + 4..];
        let content = content.strip_suffix(b"\r\n").unwrap_or(content);
        if let Some((name, _)) = name {
            fields.insert(name.to_owned(), content.to_vec());
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multipart_fields_keep_their_bytes() {
        let body = b"--b\r\nContent-Disposition: form-data; name=\"path\"\r\n\r\n/x\r\n--b\r\n\
            Content-Disposition: form-data; name=\"content\"; filename=\"c\"\r\n\r\na\r\nb\r\n--b--";
        let fields = multipart(body, "b");
        assert_eq!(fields["path"], b"/x");
        assert_eq!(fields["content"], b"a\r\nb");
    }
}
