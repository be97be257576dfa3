//! One API call as a handler sees it: method, query, body, caller and time.
//!
//! Must not know: how it was carried.

use bytes::Bytes;
use hyper::HeaderMap;
use serde_json::Value;

use super::auth::Caller;
use super::reply::Reply;
use super::state::State;

/// An authenticated call.
#[derive(Debug)]
pub struct Call<'a> {
    /// The shared state.
    pub state: &'a State,
    /// Method, upper case.
    pub method: &'a str,
    /// Raw path without query, for messages.
    pub path: &'a str,
    /// Decoded query pairs in order.
    pub query: Vec<(String, String)>,
    /// Request headers.
    pub headers: &'a HeaderMap,
    /// Request body in the pieces in which it came.
    pub body: Vec<Bytes>,
    /// Who calls.
    pub caller: Caller,
    /// `scheme://host` under which the simulator was reached.
    pub origin: String,
    /// The simulator's time.
    pub now_ms: i64,
}

impl Call<'_> {
    /// A query parameter; `None` when absent or empty.
    pub fn param(&self, name: &str) -> Option<&str> {
        let pair = self
            .query
            .iter()
            .find(|(key, value)| key == name && !value.is_empty());
        pair.map(|(_, value)| value.as_str())
    }

    /// A whole-number query parameter.
    pub fn number_param(&self, name: &str) -> Option<u64> {
        self.param(name).and_then(|text| text.parse().ok())
    }

    /// The whole body in one piece.
    pub fn bytes(&self) -> Bytes {
        match self.body.as_slice() {
            [] => Bytes::new(),
            [one] => one.clone(),
            many => Bytes::from(many.concat()),
        }
    }

    /// The body as a JSON object; an empty body is an empty one.
    pub fn json(&self) -> Result<Value, Reply> {
        let bytes = self.bytes();
        if bytes.is_empty() {
            return Ok(Value::Object(serde_json::Map::new()));
        }
        let parsed = serde_json::from_slice::<Value>(&bytes)
            .ok()
            .filter(Value::is_object);
        parsed.ok_or_else(|| {
            Reply::error(
                hyper::StatusCode::BAD_REQUEST,
                "MALFORMED_REQUEST",
                "Could not parse request object: invalid JSON",
            )
        })
    }

    /// 404 for this method and path.
    pub fn no_endpoint(&self) -> Reply {
        Reply::no_endpoint(self.method, self.path)
    }
}

/// A member that must be a string.
pub fn text<'v>(value: &'v Value, name: &str) -> Result<&'v str, Reply> {
    value[name]
        .as_str()
        .ok_or_else(|| Reply::invalid(format!("Missing required field: {name}")))
}

/// A member that is a number or the text of one.
pub fn number(value: &Value, name: &str) -> Result<u64, Reply> {
    let member = &value[name];
    member
        .as_u64()
        .or_else(|| member.as_str().and_then(|text| text.parse().ok()))
        .ok_or_else(|| Reply::invalid(format!("Missing required field: {name}")))
}

/// Decodes `%XX`; `plus` also turns `+` into a space (form encoding). Broken escapes stay.
pub fn percent_decode(text: &str, plus: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes.get(at + 1..at + 3).and_then(|pair| {
            let digits = std::str::from_utf8(pair).ok()?;
            u8::from_str_radix(digits, 16).ok()
        });
        match (bytes[at], escape) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
                continue;
            }
            (b'+', _) if plus => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Decoded pairs of a query string or form body.
pub fn form_pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent_decode(name, true), percent_decode(value, true))
        })
        .collect()
}

/// One page of `items`: `page_token` is an offset; the reply says where the next page starts.
pub fn page<T: Clone>(
    items: &[T],
    page_token: Option<&str>,
    size: usize,
) -> Result<(Vec<T>, Option<String>), Reply> {
    let start = match page_token {
        None => 0,
        Some(text) => text
            .strip_prefix("p-")
            .and_then(|offset| offset.parse::<usize>().ok())
            .ok_or_else(|| Reply::invalid("Invalid page token"))?,
    };
    let end = start.saturating_add(size.max(1)).min(items.len());
    let taken = items.get(start..end).unwrap_or_default().to_vec();
    let next = (end < items.len()).then(|| format!("p-{end}"));
    Ok((taken, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_until_no_token_is_left() {
        let items = [1, 2, 3, 4, 5];
        let (first, next) = page(&items, None, 2).unwrap();
        assert_eq!((first, next.as_deref()), (vec![1, 2], Some("p-2")));
        let (last, end) = page(&items, Some("p-4"), 2).unwrap();
        assert_eq!((last, end), (vec![5], None));
        assert!(page(&items, Some("nonsense"), 2).is_err());
        assert_eq!(page(&items, Some("p-99"), 2).unwrap(), (vec![], None));
    }

    #[test]
    fn form_pairs_decode_plus_and_escapes() {
        let pairs = form_pairs("filter=displayName+eq+%22admins%22&empty=&flag");
        assert_eq!(pairs[0].1, "displayName eq \"admins\"");
        assert_eq!(pairs[1].1, "");
        assert_eq!(pairs[2], ("flag".to_owned(), String::new()));
        assert_eq!(percent_decode("100%", false), "100%");
    }
}
