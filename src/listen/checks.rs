//! What is refused before any handler: requests whose host, sender or protocol is ambiguous.

use hyper::header::{AUTHORIZATION, HOST, UPGRADE};
use hyper::{Method, Request, StatusCode, Version};

/// Why a request never reached a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// No Host, two, or one that is not a name.
    Host,
    /// A Host that is not served here.
    UnknownHost,
    /// A method outside the allow-list, in exact case.
    Method,
    /// Absolute-form, authority-form or `*`.
    Form,
    /// `Upgrade` or `CONNECT`.
    Upgrade,
    /// A header name with `_`, which gateways read as `-`.
    HeaderName,
    /// More than one Authorization.
    Authorization,
    /// Neither HTTP/1.1 nor HTTP/1.0.
    Version,
    /// A head or body that readers could frame differently, or that is no HTTP.
    Framing,
}

impl Refusal {
    /// The status of the answer.
    pub fn status(self) -> StatusCode {
        match self {
            Self::UnknownHost => StatusCode::MISDIRECTED_REQUEST,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// One sentence, without the input.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Host => "exactly one valid Host header is required",
            Self::UnknownHost => "this host is not served here",
            Self::Method => "this method is not allowed",
            Self::Form => "the request target must be an absolute path",
            Self::Upgrade => "changing the protocol is not allowed",
            Self::HeaderName => "header names with an underscore are not allowed",
            Self::Authorization => "more than one Authorization header",
            Self::Version => "only HTTP/1.1 is spoken here",
            Self::Framing => "the request is not well formed",
        }
    }

    /// One word, for entries.
    pub fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::UnknownHost => "unknown_host",
            Self::Method => "method",
            Self::Form => "form",
            Self::Upgrade => "upgrade",
            Self::HeaderName => "header_name",
            Self::Authorization => "authorization",
            Self::Version => "version",
            Self::Framing => "framing",
        }
    }
}

/// The host name of an acceptable request, in lower case and without its port.
pub(super) fn check<B>(request: &Request<B>) -> Result<String, Refusal> {
    if !matches!(request.version(), Version::HTTP_11 | Version::HTTP_10) {
        return Err(Refusal::Version);
    }
    if request.method() == Method::CONNECT || request.headers().contains_key(UPGRADE) {
        return Err(Refusal::Upgrade);
    }
    let methods = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        // What a browser asks first for a page on another machine; doors refuse it where none is.
        Method::OPTIONS,
    ];
    if !methods.contains(request.method()) {
        return Err(Refusal::Method);
    }
    let uri = request.uri();
    let origin_form = uri.scheme().is_none()
        && uri.authority().is_none()
        && uri
            .path_and_query()
            .is_some_and(|path| path.as_str().starts_with('/'));
    if !origin_form {
        return Err(Refusal::Form);
    }
    let headers = request.headers();
    if headers.keys().any(|name| name.as_str().contains('_')) {
        return Err(Refusal::HeaderName);
    }
    if headers.get_all(AUTHORIZATION).iter().count() > 1 {
        return Err(Refusal::Authorization);
    }
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next().map(|host| host.to_str()), hosts.next()) {
        (Some(Ok(host)), None) => host_name(host).ok_or(Refusal::Host),
        _ => Err(Refusal::Host),
    }
}

/// The name in `name`, `name:port` or `[v6]:port`.
fn host_name(host: &str) -> Option<String> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (inner, after) = rest.split_once(']')?;
            let v6: std::net::Ipv6Addr = inner.parse().ok()?;
            (format!("[{v6}]"), after)
        }
        None => {
            let end = host.find(':').unwrap_or(host.len());
            (host[..end].to_ascii_lowercase(), &host[end..])
        }
    };
    let port_is_good = match port.strip_prefix(':') {
        Some(digits) => digits.parse::<u16>().is_ok() && digits.bytes().all(|b| b.is_ascii_digit()),
        None => port.is_empty(),
    };
    let name_is_good = name.starts_with('[')
        || (!name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')));
    (port_is_good && name_is_good).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_with_or_without_a_port() {
        assert_eq!(
            host_name("Vault.Example:443").as_deref(),
            Some("vault.example")
        );
        assert_eq!(host_name("127.0.0.1").as_deref(), Some("127.0.0.1"));
        assert_eq!(host_name("[::1]:80").as_deref(), Some("[::1]"));
        for bad in [
            "",
            ":80",
            "a:b",
            "a:80:80",
            "a@b",
            "a/b",
            "[::1%eth0]",
            "[x]",
            "a:+80",
            "a b",
        ] {
            assert_eq!(host_name(bad), None, "{bad}");
        }
    }
}
