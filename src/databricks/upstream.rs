//! Which of the two Databricks levels a call goes to, and the constant address of each.
//!
//! An address is parsed once, from the configuration; nothing a client sends can change it.

use hyper::Uri;
use hyper::http::uri::{Authority, Scheme};

/// The account host or one configured workspace, by its numeric id as text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Upstream {
    /// The account host.
    Account,
    /// The workspace with this id.
    Workspace(String),
}

impl std::fmt::Display for Upstream {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Upstream::Account => out.write_str("the account host"),
            Upstream::Workspace(id) => write!(out, "workspace {id}"),
        }
    }
}

/// Scheme and authority of one upstream; there is no path in it, so nothing can be joined to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Base {
    pub(super) scheme: Scheme,
    pub(super) authority: Authority,
}

impl Base {
    /// Accepts `https://host[:port]`, and `http://` only for a loopback host.
    pub(super) fn parse(text: &str) -> Option<Base> {
        let uri: Uri = text.trim_end_matches('/').parse().ok()?;
        let (scheme, authority) = (uri.scheme()?.clone(), uri.authority()?.clone());
        let bare = uri.path() == "/" && uri.query().is_none();
        let allowed =
            scheme == Scheme::HTTPS || (scheme == Scheme::HTTP && is_loopback(authority.host()));
        // An `@` would carry a name or password to a host the reader did not see.
        (bare && allowed && !authority.as_str().contains('@')).then_some(Base { scheme, authority })
    }

    /// The host name without its port.
    pub(super) fn host(&self) -> &str {
        self.authority.host()
    }

    /// A whole address; `path` is ours and starts with `/`.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.authority)
    }
}

/// Whether a host as written in an address can only be this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost"
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback_only_and_nothing_hides_in_an_address() {
        assert!(Base::parse("https://accounts.cloud.databricks.com/").is_some());
        assert!(Base::parse("http://127.0.0.1:8080").is_some());
        assert!(Base::parse("http://[::1]:8080").is_some());
        for bad in [
            "http://example.com",
            "https://host/path",
            "https://host?x=1",
            "https://name@host",
            "ftp://127.0.0.1",
            "host",
            "",
        ] {
            assert!(Base::parse(bad).is_none(), "{bad}");
        }
    }
}
