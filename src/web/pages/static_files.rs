//! The console's own files: one style sheet, one script, one icon. Each is asked for under its
//! hash, so that a browser may keep it and never keeps an old one.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};

use super::{DeadEnd, dead_end};
use crate::domain::ids::Digest;
use crate::web::read::Within;

/// Kept for a year: another content has another address.
const KEEP: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

struct File {
    name: &'static str,
    media_type: &'static str,
    text: &'static str,
}

static FILES: [File; 3] = [
    File {
        name: "console.css",
        media_type: "text/css; charset=utf-8",
        text: include_str!("../static/console.css"),
    },
    File {
        name: "console.js",
        media_type: "text/javascript; charset=utf-8",
        text: include_str!("../static/console.js"),
    },
    File {
        name: "icon.svg",
        media_type: "image/svg+xml",
        text: include_str!("../static/icon.svg"),
    },
];

static PATHS: LazyLock<Vec<(&'static str, String)>> = LazyLock::new(|| {
    let path = |file: &File| {
        let hash = Digest::of(file.text.as_bytes()).hex();
        (
            file.name,
            format!("/static/{}?v={}", file.name, &hash[..16]),
        )
    };
    FILES.iter().map(path).collect()
});

/// Where a page finds one of the files.
pub(super) fn path(name: &str) -> &'static str {
    let found = PATHS.iter().find(|(other, _)| *other == name);
    found.map_or("/static/", |(_, path)| path.as_str())
}

/// One file.
pub(super) async fn file(Within(name): Within<String>) -> Response {
    match FILES.iter().find(|file| file.name == name) {
        Some(file) => sent(file),
        None => dead_end(DeadEnd::NoSuchPage),
    }
}

/// What browsers ask for unasked.
pub(super) async fn favicon() -> Response {
    sent(&FILES[2])
}

fn sent(file: &File) -> Response {
    let kind = HeaderValue::from_static(file.media_type);
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, KEEP)], file.text).into_response()
}
