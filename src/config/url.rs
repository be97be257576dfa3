//! URLs as far as configuration needs them: scheme, host, port.

/// Why a text is not a URL we can use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UrlError(&'static str);

/// Scheme, host and port of a URL without path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostUrl {
    /// `https` rather than `http`.
    pub https: bool,
    /// Host name or address, an IPv6 address in brackets.
    pub host: String,
    /// Port, explicit or the scheme's.
    pub port: u16,
}

impl HostUrl {
    /// Parses `https://host[:port]`, or `http://` for loopback hosts.
    ///
    /// # Errors
    /// [`UrlError`] says which rule was broken.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let uri: hyper::Uri = text.parse().map_err(|_| UrlError("is not a URL"))?;
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => {
                return Err(UrlError(
                    "must begin with https:// (or http:// on loopback)",
                ));
            }
        };
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(UrlError("must have no path"));
        }
        let authority = uri.authority().ok_or(UrlError("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(UrlError("must hold no user name"));
        }
        let host = authority.host().to_ascii_lowercase();
        let loopback = matches!(host.as_str(), "localhost" | "[::1]")
            || host.ends_with(".localhost")
            || host.starts_with("127.");
        if !https && !loopback {
            return Err(UrlError("may be http:// on loopback only"));
        }
        let port = authority.port_u16().unwrap_or(if https { 443 } else { 80 });
        Ok(Self { https, host, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback_only() {
        assert!(HostUrl::parse("http://127.0.0.1:7070").is_ok());
        assert!(HostUrl::parse("http://console.localhost:7070").is_ok());
        assert!(HostUrl::parse("http://bg.example").is_err());
        assert_eq!(HostUrl::parse("https://bg.example").unwrap().port, 443);
    }

    #[test]
    fn urls_with_paths_or_users_are_refused() {
        for text in [
            "https://h/x",
            "https://u@h",
            "ftp://h",
            "h",
            "https://h?x=1",
        ] {
            assert!(HostUrl::parse(text).is_err(), "{text}");
        }
    }
}
