//! The custodian's page: four files made by `src/web/script`, sent as they are. Knows no login and
//! no incident: the page asks the API like any other client, from here or from another machine.

use axum::Router;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use hyper::StatusCode;
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};

/// No inline script, no request elsewhere, no page around it, and no text ever becomes markup.
/// Whoever serves the page apart sends the same, with the vault's origin as `connect-src`.
pub const CONTENT_SECURITY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// One file of the page.
#[derive(Debug)]
pub struct PageFile {
    /// Its name.
    pub name: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: &'static [u8],
    /// The same, compressed when the page was built.
    pub gzip: Option<&'static [u8]>,
}

macro_rules! page_file {
    ($name:literal, $media_type:literal) => {
        PageFile {
            name: $name,
            media_type: $media_type,
            bytes: include_bytes!(concat!("assets/", $name)),
            gzip: Some(include_bytes!(concat!("assets/", $name, ".gz"))),
        }
    };
}

/// All files: what another machine serves, too.
pub static FILES: [PageFile; 5] = [
    page_file!("index.html", "text/html; charset=utf-8"),
    page_file!("custodian.js", "text/javascript; charset=utf-8"),
    page_file!("custodian.css", "text/css; charset=utf-8"),
    PageFile {
        name: "SHA256SUMS",
        media_type: "text/plain; charset=utf-8",
        bytes: include_bytes!("assets/SHA256SUMS"),
        gzip: None,
    },
    // The console's sign-in page loads this one; the custodian's page does not.
    page_file!("sign-in.js", "text/javascript; charset=utf-8"),
];

/// The page under `/custodian/`, outside the checks of the API and the console's pages: it holds
/// no secret, changes nothing, and may be linked from a mail.
pub(super) fn router() -> Router {
    let mut router = Router::new()
        .route(
            "/custodian",
            get(|| async { Redirect::permanent("/custodian/") }),
        )
        .route(
            "/custodian/",
            get(|headers: HeaderMap| async move { sent(&FILES[0], &headers) }),
        );
    for file in &FILES {
        let path = format!("/custodian/{}", file.name);
        let serve = move |headers: HeaderMap| async move { sent(file, &headers) };
        router = router.route(&path, get(serve));
    }
    router
}

fn sent(file: &'static PageFile, asked: &HeaderMap) -> Response {
    let (bytes, encoding) = match file.gzip {
        Some(gzip) if takes_gzip(asked) => (gzip, Some(HeaderValue::from_static("gzip"))),
        _ => (file.bytes, None),
    };
    let mut response = (StatusCode::OK, bytes).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, file.media_type),
        // Asked for anew each time: a page that a share is trusted to is never an old one.
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, CONTENT_SECURITY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (OPENER_POLICY, "same-origin"),
        (
            PERMISSIONS_POLICY,
            "publickey-credentials-get=(self), publickey-credentials-create=(self)",
        ),
        (VARY, "accept-encoding"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, encoding);
    }
    response
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let listed = headers.get_all(ACCEPT_ENCODING).iter();
    let mut codings = listed
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    codings.any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim() == "gzip" && !is_zero(weight)
    })
}

/// A weight of nothing refuses a coding (RFC 9110 §12.4.2).
fn is_zero(weight: &str) -> bool {
    let value = weight.trim().strip_prefix("q=");
    value.and_then(|value| value.trim().parse::<f32>().ok()) == Some(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::Digest;

    #[test]
    fn the_committed_list_holds_the_hash_of_each_file() {
        let list = std::str::from_utf8(FILES[3].bytes).unwrap();
        for file in FILES.iter().filter(|file| file.gzip.is_some()) {
            let line = format!("{}  {}\n", Digest::of(file.bytes), file.name);
            assert!(list.contains(&line), "{line}");
        }
        assert_eq!(list.lines().count(), 4);
    }

    #[test]
    fn the_page_weighs_at_most_thirty_kilobytes_on_the_wire() {
        let weight: usize = FILES[..3]
            .iter()
            .filter_map(|file| file.gzip)
            .map(<[u8]>::len)
            .sum();
        assert!(weight <= 30_000, "{weight}");
    }

    #[test]
    fn page_and_command_line_speak_the_same_words() {
        let ours = include_str!("../domain/phrase/bytewords.txt");
        assert_eq!(include_str!("script/src/bytewords.txt"), ours);
    }

    #[test]
    fn gzip_is_sent_to_who_takes_it() {
        let asked = |text: &'static str| {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(text))]);
            takes_gzip(&headers)
        };
        assert!(asked("gzip, deflate, br"));
        assert!(asked("br;q=1.0, gzip;q=0.8"));
        assert!(!asked("br, gzip;q=0"));
        assert!(!asked("identity"));
    }
}
