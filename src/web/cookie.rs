//! The console's cookie: a login token of the same kind as the API's, kept where no script can
//! read it. Knows neither routes nor pages.

use hyper::header::{COOKIE, HeaderMap, HeaderValue};

/// Name of the cookie. `__Host-` binds it to this host, this path and TLS (or loopback), whatever
/// else the domain serves.
pub(super) const NAME: &str = "__Host-breakglass";

/// `Lax`: a link in a mail arrives signed in; a form on another site does not.
const ATTRIBUTES: &str = "Path=/; Secure; HttpOnly; SameSite=Lax";

/// The login token in a request's cookies, if one of its form is there.
pub(super) fn token(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter();
    let mut named = cookies
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == NAME)
        .map(|(_, value)| value);
    let token = named.next()?;
    // Two of the same name: somebody else wrote one of them.
    let alone = named.next().is_none();
    (alone && token.starts_with("bgl_")).then_some(token)
}

/// The header that keeps a login in the browser for `seconds`.
///
/// # Errors
/// `None` when the token could not stand in a header; tokens of ours always can.
pub(super) fn keep(token: &str, seconds: i64) -> Option<HeaderValue> {
    let text = format!("{NAME}={token}; Max-Age={}; {ATTRIBUTES}", seconds.max(0));
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The header that makes the browser forget it.
pub(super) fn forget() -> HeaderValue {
    let text = format!("{NAME}=; Max-Age=0; {ATTRIBUTES}");
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(values: &[&'static str]) -> HeaderMap {
        let pairs = values.iter().map(|v| (COOKIE, HeaderValue::from_static(v)));
        pairs.collect()
    }

    #[test]
    fn the_token_is_found_among_other_cookies() {
        let headers = sent(&["theme=dark; __Host-breakglass=bgl_abc; x=y"]);
        assert_eq!(token(&headers), Some("bgl_abc"));
    }

    #[test]
    fn a_cookie_of_another_form_or_name_or_twice_is_none() {
        for values in [
            &["breakglass=bgl_abc"][..],
            &["__Host-breakglass=bgt_abc"],
            &["__Host-breakglass="],
            &["__Host-breakglass=bgl_a; __Host-breakglass=bgl_b"],
            &["__Host-breakglass=bgl_a", "__Host-breakglass=bgl_b"],
        ] {
            assert_eq!(token(&sent(values)), None, "{values:?}");
        }
    }

    #[test]
    fn what_is_kept_is_closed_to_scripts_and_other_hosts() {
        let kept = keep("bgl_abc", 28_800).unwrap();
        let text = kept.to_str().unwrap();
        for part in [
            "__Host-breakglass=bgl_abc;",
            "Secure",
            "HttpOnly",
            "SameSite=Lax",
            "Path=/;",
            "Max-Age=28800",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!text.contains("Domain"));
        assert!(forget().to_str().unwrap().contains("Max-Age=0"));
    }
}
