//! Headers pass by allow-list, both ways.

use hyper::HeaderMap;
use hyper::header::{
    self, ACCEPT_ENCODING, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue,
    LOCATION, USER_AGENT,
};

use crate::domain::target::Upstream;

/// Request headers that pass as they are.
static REQUEST: [HeaderName; 15] = [
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    header::RANGE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
    header::IF_RANGE,
    header::USER_AGENT,
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("x-mlflow-client-version"),
    HeaderName::from_static("x-databricks-azure-workspace-resource-id"),
];

/// Reply headers that pass. `Strict-Transport-Security` and `Alt-Svc` speak of another host.
static REPLY: [HeaderName; 23] = [
    header::SERVER,
    header::DATE,
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::CONTENT_DISPOSITION,
    header::CONTENT_RANGE,
    header::ACCEPT_RANGES,
    header::ETAG,
    header::LAST_MODIFIED,
    header::VARY,
    header::RETRY_AFTER,
    header::WWW_AUTHENTICATE,
    header::X_CONTENT_TYPE_OPTIONS,
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("x-databricks-org-id"),
    HeaderName::from_static("x-databricks-reason-phrase"),
    HeaderName::from_static("x-databricks-error-or-redirect-message"),
    HeaderName::from_static("x-databricks-unexpected-message"),
    HeaderName::from_static("x-thriftserver-error-message"),
    HeaderName::from_static("x-unmodified-since"),
    HeaderName::from_static("server-timing"),
    header::LOCATION,
];

static WORKSPACE_HEADERS: [HeaderName; 2] = [
    HeaderName::from_static("x-databricks-workspace-id"),
    HeaderName::from_static("x-databricks-org-id"),
];

/// Room for the headers of an ordinary message.
const USUAL_HEADERS: usize = 12;

/// Why the headers of a request were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderRefusal {
    /// A workspace header names another workspace than the session's.
    #[error("a workspace header names another workspace than the session's")]
    ForeignWorkspace,
    /// A header that must be single is there twice.
    #[error("a header that must be single is there twice")]
    Repeated,
}

/// The headers to send upstream, without Authorization and Host, which are set last by the room
/// that holds the bearer. Whatever `Connection` names is dropped before ours are added. Encoding is
/// `identity`, because the reply is scanned.
///
/// # Errors
/// [`HeaderRefusal`] for another workspace or a repeated header.
pub fn request_headers(
    received: &HeaderMap,
    upstream: Upstream,
    workspace_id: Option<&str>,
    agent_suffix: &str,
) -> Result<HeaderMap, HeaderRefusal> {
    for name in &WORKSPACE_HEADERS {
        let foreign = received
            .get_all(name)
            .iter()
            .any(|value| Some(value.as_bytes()) != workspace_id.map(str::as_bytes));
        if foreign {
            return Err(HeaderRefusal::ForeignWorkspace);
        }
    }
    let named = connection_names(received);
    let mut sent = HeaderMap::with_capacity(USUAL_HEADERS);
    for name in received.keys().filter(|name| REQUEST.contains(name)) {
        let mut values = received.get_all(name).iter();
        let Some(value) = values.next() else { continue };
        if values.next().is_some() && !name.as_str().starts_with("accept") {
            return Err(HeaderRefusal::Repeated);
        }
        // A framing header is never optional, whatever Connection says.
        if name == CONTENT_LENGTH || !is_named(&named, name) {
            sent.append(name.clone(), value.clone());
        }
    }
    sent.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    set_agent(&mut sent, agent_suffix);
    if let (Upstream::Workspace, Some(id)) = (upstream, workspace_id)
        && let Ok(value) = HeaderValue::from_str(id)
    {
        for name in &WORKSPACE_HEADERS {
            if received.contains_key(name) {
                sent.insert(name.clone(), value.clone());
            }
        }
    }
    Ok(sent)
}

/// The reply's headers for the client. `Location` passes as a path on this host or not at all.
pub fn reply_headers(received: &HeaderMap, upstream_authority: &str) -> HeaderMap {
    let named = connection_names(received);
    let mut sent = HeaderMap::with_capacity(USUAL_HEADERS);
    for (name, value) in received {
        let passes = REPLY.contains(name) && (name == CONTENT_LENGTH || !is_named(&named, name));
        if passes {
            sent.append(name.clone(), value.clone());
        }
    }
    if let Some(location) = sent.remove(LOCATION)
        && let Some(own) = own_location(&location, upstream_authority)
    {
        sent.insert(LOCATION, own);
    }
    sent.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    sent
}

fn is_named(named: &[String], name: &HeaderName) -> bool {
    named.iter().any(|token| token == name.as_str())
}

fn connection_names(headers: &HeaderMap) -> Vec<String> {
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|token| token.trim().to_ascii_lowercase())
        .collect()
}

fn set_agent(headers: &mut HeaderMap, suffix: &str) {
    let own = headers
        .get(USER_AGENT)
        .and_then(|value| value.to_str().ok());
    let text = match own {
        Some(agent) => format!("{agent} {suffix}"),
        None => suffix.to_owned(),
    };
    // The suffix is ours (version and incident id), so only a bad client agent can fail here.
    let value = HeaderValue::from_str(&text).or_else(|_| HeaderValue::from_str(suffix));
    if let Ok(value) = value {
        headers.insert(USER_AGENT, value);
    }
}

/// A relative location as it is; one on the upstream itself as its path; nothing else.
fn own_location(location: &HeaderValue, upstream_authority: &str) -> Option<HeaderValue> {
    let text = location.to_str().ok()?;
    let path = match text.strip_prefix("https://") {
        Some(rest) => rest
            .strip_prefix(upstream_authority)
            .filter(|path| path.starts_with('/'))?,
        None => text,
    };
    let relative = path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains('\\')
        && path.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
    relative.then(|| HeaderValue::from_str(path).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn sent(pairs: &[(&'static str, &str)]) -> HeaderMap {
        request_headers(
            &map(pairs),
            Upstream::Workspace,
            Some("77"),
            "breakglass/1 bg-session/i",
        )
        .unwrap()
    }

    #[test]
    fn only_listed_request_headers_pass() {
        let headers = sent(&[
            ("authorization", "Bearer a"),
            ("cookie", "a=b"),
            ("proxy-authorization", "x"),
            ("x-forwarded-for", "1.2.3.4"),
            ("forwarded", "for=1"),
            ("x-http-method-override", "DELETE"),
            ("x-databricks-azure-sp-management-token", "t"),
            ("x-databricks-gcp-sa-access-token", "t"),
            ("host", "vault.test"),
            ("accept-encoding", "gzip"),
            ("content-type", "application/json"),
            ("user-agent", "databricks-sdk-py/0.156.0"),
        ]);
        let names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["content-type", "user-agent", "accept-encoding"]);
        assert_eq!(headers["accept-encoding"], "identity");
        assert_eq!(
            headers["user-agent"],
            "databricks-sdk-py/0.156.0 breakglass/1 bg-session/i"
        );
    }

    #[test]
    fn connection_cannot_remove_what_we_add() {
        for spelling in [
            "user-agent, accept-encoding",
            "User-Agent,Accept-Encoding",
            "close",
        ] {
            let headers = sent(&[
                ("connection", spelling),
                ("x-databricks-workspace-id", "77"),
            ]);
            assert!(
                headers["user-agent"]
                    .to_str()
                    .unwrap()
                    .ends_with("bg-session/i")
            );
            assert_eq!(headers["accept-encoding"], "identity");
            assert!(!headers.contains_key("connection"));
        }
    }

    #[test]
    fn another_workspace_is_refused_and_the_own_one_passes() {
        let ask = |value| {
            let received = map(&[("x-databricks-workspace-id", value)]);
            request_headers(&received, Upstream::Workspace, Some("77"), "s")
        };
        assert_eq!(ask("77").unwrap()["x-databricks-workspace-id"], "77");
        assert_eq!(ask("78").unwrap_err(), HeaderRefusal::ForeignWorkspace);
        let two = map(&[("x-databricks-org-id", "77"), ("x-databricks-org-id", "78")]);
        assert_eq!(
            request_headers(&two, Upstream::Workspace, Some("77"), "s").unwrap_err(),
            HeaderRefusal::ForeignWorkspace
        );
    }

    #[test]
    fn a_repeated_content_type_is_refused() {
        let two = map(&[("content-type", "a/b"), ("content-type", "c/d")]);
        assert_eq!(
            request_headers(&two, Upstream::Workspace, None, "s").unwrap_err(),
            HeaderRefusal::Repeated
        );
    }

    #[test]
    fn reply_headers_pass_by_list_and_are_never_cached() {
        let headers = reply_headers(
            &map(&[
                ("set-cookie", "a=b"),
                ("strict-transport-security", "max-age=1"),
                ("x-request-id", "r"),
                ("cache-control", "public"),
                ("connection", "x-request-id-not"),
            ]),
            "host.test",
        );
        let names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["x-request-id", "cache-control"]);
        assert_eq!(headers["cache-control"], "no-store");
    }

    #[test]
    fn a_location_passes_only_as_a_path_on_this_host() {
        let after = |location: &str| {
            reply_headers(&map(&[("location", location)]), "host.test")
                .get(LOCATION)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(after("/login.html?a=b").as_deref(), Some("/login.html?a=b"));
        assert_eq!(after("https://host.test/x").as_deref(), Some("/x"));
        for bad in [
            "https://evil.test/x",
            "http://host.test/x",
            "https://host.test:444/x",
            "https://host.test.evil/x",
            "//evil.test/x",
            "/\\evil.test",
            "https://host.test//evil",
            "javascript:1",
        ] {
            assert_eq!(after(bad), None, "{bad}");
        }
    }
}
