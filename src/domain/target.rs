//! The canonical request target: the only source of both what the policy sees and what is sent.
//!
//! Pure and fuzzed. Two readers of one path are the classic way past a proxy, so there is one form:
//! whatever has no such form is refused, and nothing is ever joined to a base address. Knows no
//! session, no scope and no class; asks [`super::risk`] only where a parameter may hold `%2F`.

use std::fmt;

mod path;
mod query;

/// Longest request-target accepted, in bytes.
pub const MAX_TARGET_BYTES: usize = 16 * 1024;
/// Most query pairs accepted.
pub const MAX_QUERY_PAIRS: usize = 200;

/// Why a request-target has no canonical form. Never carries the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetRefusal {
    /// Not origin-form: absolute-form, `*`, an authority, `//…` or `/\…`.
    #[error("the target is not an absolute path on this host")]
    Form,
    /// Longer than [`MAX_TARGET_BYTES`].
    #[error("the target is longer than {MAX_TARGET_BYTES} bytes")]
    TooLong,
    /// A byte outside the printable set, or one that servers read differently.
    #[error("the target holds a byte that is not allowed")]
    Byte,
    /// `%` without two hexadecimal digits, an encoded control byte, or bytes that are not UTF-8.
    #[error("the target holds a percent triplet that is not allowed")]
    Percent,
    /// An empty, `.` or `..` segment.
    #[error("the path holds an empty or dot segment")]
    Segment,
    /// An encoded slash, backslash, percent sign or a semicolon where no route declares it.
    #[error("the path holds an encoded separator outside a declared parameter")]
    Separator,
    /// More than [`MAX_QUERY_PAIRS`] pairs, or a raw `;` in the query.
    #[error("the query is not a plain list of at most {MAX_QUERY_PAIRS} pairs")]
    Query,
}

/// Which of the two Databricks hosts a target belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Upstream {
    /// The account host.
    Account,
    /// The host of the one workspace the session is for.
    Workspace,
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Account => "account",
            Self::Workspace => "ws",
        })
    }
}

/// A target in canonical form; exists only through [`canonicalise`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Target {
    text: String,
    path_bytes: usize,
    pairs: Vec<(String, String)>,
}

impl fmt::Debug for Target {
    // A query may hold what a person typed; logs take the path from `path()` on purpose.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({})", self.path())
    }
}

/// Brings a request-target, exactly as received, into canonical form.
///
/// The rules are those of RFC 3986 §6.2.2 made strict: printable ASCII only, encoded unreserved
/// bytes decoded once, other triplets in upper case, no dot or empty segments, no encoded
/// separators outside parameters that a route declares `encoded`, query decoded and re-encoded.
/// `canonicalise(canonicalise(x)) == canonicalise(x)`.
///
/// # Errors
/// [`TargetRefusal`] for anything two readers could understand differently.
pub fn canonicalise(raw: &str) -> Result<Target, TargetRefusal> {
    if raw.len() > MAX_TARGET_BYTES {
        return Err(TargetRefusal::TooLong);
    }
    let bytes = raw.as_bytes();
    if bytes.first() != Some(&b'/') || matches!(bytes.get(1), Some(b'/' | b'\\')) {
        return Err(TargetRefusal::Form);
    }
    if !bytes.iter().all(|byte| allowed(*byte)) {
        return Err(TargetRefusal::Byte);
    }
    let (raw_path, raw_query) = match raw.split_once('?') {
        Some((path, query)) => (path, query),
        None => (raw, ""),
    };
    let mut text = path::canonical(raw_path)?;
    let path_bytes = text.len();
    let pairs = query::decode(raw_query)?;
    if !pairs.is_empty() {
        text.push('?');
        query::encode(&pairs, &mut text);
    }
    Ok(Target {
        text,
        path_bytes,
        pairs,
    })
}

impl Target {
    /// Exactly what is sent upstream: path and query.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The path alone.
    pub fn path(&self) -> &str {
        &self.text[..self.path_bytes]
    }

    /// The canonical query without its `?`, if there is one.
    pub fn query(&self) -> Option<&str> {
        self.text.get(self.path_bytes + 1..)
    }

    /// The decoded query pairs in the order sent; a key may repeat.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }

    /// The path's segments as sent, without the empty one of a trailing slash.
    pub fn segments(&self) -> Vec<&str> {
        path::segments(self.path())
    }

    /// The segments as a server sees them that decodes before it routes. Deny patterns and the
    /// never-list are held against this reading too, so that `%2F` cannot step around them.
    pub fn decoded_segments(&self) -> Vec<String> {
        path::decoded_segments(self.path())
    }

    /// Whether the path reads the same decoded: nothing in it is encoded or splits a segment.
    pub fn is_plain(&self) -> bool {
        !self
            .path()
            .bytes()
            .any(|byte| matches!(byte, b'%' | b';' | b'\\'))
    }

    /// Which host the target belongs to.
    pub fn upstream(&self) -> Upstream {
        path::upstream(&self.segments())
    }

    /// The account id named in an account path, to be compared with the session's own.
    pub fn account_id(&self) -> Option<&str> {
        path::account_id(&self.segments())
    }
}

/// Printable ASCII except what parsers disagree about.
fn allowed(byte: u8) -> bool {
    (0x21..=0x7e).contains(&byte)
        && !matches!(
            byte,
            b'\\' | b'"' | b'<' | b'>' | b'^' | b'{' | b'|' | b'}' | b'`' | b'#'
        )
}

/// RFC 3986 §2.3: bytes that mean the same encoded or not.
fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// The value of a `%XX` triplet at the start of `rest`.
fn triplet(rest: &[u8]) -> Result<u8, TargetRefusal> {
    let [b'%', high, low, ..] = rest else {
        return Err(TargetRefusal::Percent);
    };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    match (digit(*high), digit(*low)) {
        (Some(high), Some(low)) => {
            u8::try_from(high * 16 + low).map_err(|_| TargetRefusal::Percent)
        }
        _ => Err(TargetRefusal::Percent),
    }
}

#[cfg(test)]
mod tests;
