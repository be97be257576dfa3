//! The custodian's page: files made by `src/web/script`, sent as they are. Knows no login and
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

/// Headers that say something of a document and nothing of its parts; the page of a night is light.
const OF_DOCUMENTS: [(HeaderName, &str); 2] = [
    (OPENER_POLICY, "same-origin"),
    (
        PERMISSIONS_POLICY,
        "publickey-credentials-get=(self), publickey-credentials-create=(self)",
    ),
];

/// One file of the page.
#[derive(Debug)]
pub struct PageFile {
    /// Its name.
    pub name: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: &'static [u8],
    /// The same, compressed when the page was built: brotli, which browsers take over TLS and from
    /// their own machine, then gzip.
    pub packed: Option<[&'static [u8]; 2]>,
}

/// Names of the two compressions, in the order of [`PageFile::packed`].
const CODINGS: [&str; 2] = ["br", "gzip"];

macro_rules! page_file {
    ($name:literal, $media_type:literal) => {
        PageFile {
            name: $name,
            media_type: $media_type,
            bytes: include_bytes!(concat!("assets/", $name)),
            packed: Some([
                include_bytes!(concat!("assets/", $name, ".br")),
                include_bytes!(concat!("assets/", $name, ".gz")),
            ]),
        }
    };
}

/// All files: what another machine serves, too.
pub static FILES: [PageFile; 12] = [
    page_file!("index.html", "text/html; charset=utf-8"),
    page_file!("custodian.js", "text/javascript; charset=utf-8"),
    page_file!("chunk.js", "text/javascript; charset=utf-8"),
    page_file!("custodian.css", "text/css; charset=utf-8"),
    // Only for what is done between incidents.
    page_file!("custody.js", "text/javascript; charset=utf-8"),
    // Only when the log has gone on under a new name.
    page_file!("epochs.js", "text/javascript; charset=utf-8"),
    PageFile {
        name: "SHA256SUMS",
        media_type: "text/plain; charset=utf-8",
        bytes: include_bytes!("assets/SHA256SUMS"),
        packed: None,
    },
    // A page of its own, which reads a paper's text and sends nothing.
    page_file!("paper.html", "text/html; charset=utf-8"),
    page_file!("paper.js", "text/javascript; charset=utf-8"),
    page_file!("paper.css", "text/css; charset=utf-8"),
    // The console's pages load these; the custodian's page does not.
    page_file!("acts.js", "text/javascript; charset=utf-8"),
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
    let packed = file.packed.iter().flatten().zip(CODINGS);
    let best = packed.into_iter().find(|(_, coding)| takes(asked, coding));
    let (bytes, encoding) = match best {
        Some((packed, coding)) => (*packed, Some(HeaderValue::from_static(coding))),
        None => (file.bytes, None),
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
        (VARY, "accept-encoding"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if file.media_type.starts_with("text/html") {
        headers.extend(OF_DOCUMENTS.map(|(name, value)| (name, HeaderValue::from_static(value))));
    }
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, encoding);
    }
    response
}

fn takes(headers: &HeaderMap, wanted: &str) -> bool {
    let listed = headers.get_all(ACCEPT_ENCODING).iter();
    let mut codings = listed
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    codings.any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim() == wanted && !is_zero(weight)
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
        let list = FILES.iter().find(|file| file.packed.is_none()).unwrap();
        let list = std::str::from_utf8(list.bytes).unwrap();
        for file in FILES.iter().filter(|file| file.packed.is_some()) {
            let line = format!("{}  {}\n", Digest::of(file.bytes), file.name);
            assert!(list.contains(&line), "{line}");
        }
        assert_eq!(list.lines().count(), FILES.len() - 1);
    }

    #[test]
    fn the_page_weighs_at_most_thirty_kilobytes_on_the_wire() {
        let loaded = FILES[..4].iter().filter_map(|file| file.packed);
        let weight: usize = loaded.map(|[brotli, _]| brotli.len()).sum();
        // The headers of the four replies are 2,094 bytes more: what a browser says it received is
        // measured by the browser's test.
        assert!(weight <= 30_000 - 2_094, "{weight}");
    }

    #[test]
    fn page_and_command_line_speak_the_same_words() {
        let ours = include_str!("../domain/phrase/bytewords.txt");
        assert_eq!(include_str!("script/src/bytewords.txt"), ours);
    }

    #[test]
    fn each_browser_gets_the_best_compression_it_takes() {
        let coding = |text: &'static str| {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(text))]);
            let sent = sent(&FILES[1], &headers);
            let encoding = sent.headers().get(CONTENT_ENCODING);
            encoding.map(|coding| coding.to_str().unwrap().to_owned())
        };
        assert_eq!(coding("gzip, deflate, br").as_deref(), Some("br"));
        assert_eq!(coding("br;q=0, gzip;q=0.8").as_deref(), Some("gzip"));
        assert_eq!(coding("br;q=0, gzip;q=0"), None);
        assert_eq!(coding("identity"), None);
    }
}
