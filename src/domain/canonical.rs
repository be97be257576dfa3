//! Canonical JSON: the one byte form of everything that is hashed or signed.
//!
//! RFC 8785 restricted as in facts: objects with member names `[a-z][a-z0-9_]{0,39}`, no floats,
//! integers within ±(2^53−1), no duplicate members. Knows nothing of what the documents mean.

use std::fmt;

use serde::Serialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use sha2::{Digest as _, Sha256};

/// Largest integer every JSON reader keeps exactly: 2^53 − 1.
pub const MAX_INTEGER: i64 = 9_007_199_254_740_991;
/// Deepest nesting accepted when parsing; hostile depth is refused before it costs a stack.
pub const MAX_DEPTH: usize = 32;

/// Why a value has no canonical form, or why bytes were not accepted. Never carries the input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    /// A number that is not an integer within ±(2^53−1).
    #[error("a number is not an integer within 2^53-1")]
    Number,
    /// A member name outside `[a-z][a-z0-9_]{0,39}`.
    #[error("a member name does not match [a-z][a-z0-9_]{{0,39}}")]
    MemberName,
    /// The same member twice in one object.
    #[error("an object holds the same member twice")]
    Duplicate,
    /// Nesting deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// Not JSON, or not the expected shape; the reason names the place, not the value.
    #[error("not the expected json: line {line}, column {column}")]
    Syntax {
        /// One-based line of the fault.
        line: usize,
        /// One-based column of the fault.
        column: usize,
    },
    /// Valid JSON whose bytes differ from its canonical form.
    #[error("bytes are not in canonical form")]
    NotCanonical,
    /// The document does not have the members its type demands.
    #[error("not the expected document: {0}")]
    Shape(String),
}

/// The canonical bytes of a document (RFC 8785, restricted).
///
/// # Errors
/// [`CanonicalError`] when the value has floats, large integers or odd member names.
pub fn to_bytes<T: Serialize + ?Sized>(document: &T) -> Result<Vec<u8>, CanonicalError> {
    let value = serde_json::to_value(document).map_err(|e| CanonicalError::Shape(e.to_string()))?;
    value_to_bytes(&value)
}

/// [`to_bytes`] for a value that is already JSON.
///
/// # Errors
/// As [`to_bytes`].
pub fn value_to_bytes(value: &Value) -> Result<Vec<u8>, CanonicalError> {
    check(value, 0)?;
    // serde_json's map is ordered by bytes; for ASCII names that is RFC 8785's UTF-16 order,
    // and its escapes are the ones of RFC 8785 §3.2.2.2 (compared with serde_jcs in the tests).
    serde_json::to_vec(value).map_err(|e| CanonicalError::Shape(e.to_string()))
}

/// Appends `"name":value` to an object that its caller writes member by member, in the order of
/// RFC 8785, where building the whole value would only copy it.
///
/// # Errors
/// As [`to_bytes`]; what was appended is then of no use.
pub fn push_member(bytes: &mut Vec<u8>, name: &str, value: &Value) -> Result<(), CanonicalError> {
    push_name(bytes, name)?;
    check(value, 1)?;
    serde_json::to_writer(bytes, value).map_err(|e| CanonicalError::Shape(e.to_string()))
}

/// Appends `"name":`; its caller appends the value.
///
/// # Errors
/// [`CanonicalError::MemberName`].
pub fn push_name(bytes: &mut Vec<u8>, name: &str) -> Result<(), CanonicalError> {
    check_name(name)?;
    // Such a name needs no escapes.
    bytes.push(b'"');
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(b"\":");
    Ok(())
}

/// Appends a text as a value.
pub fn push_text(bytes: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(bytes, text).expect("a text in memory always has a json form");
}

/// Parses a document whose bytes must already be canonical: what a signature covers.
///
/// # Errors
/// [`CanonicalError::NotCanonical`] for any other spelling of the same document.
pub fn parse_exact<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CanonicalError> {
    let value = parse_value(bytes)?;
    if value_to_bytes(&value)? != bytes {
        return Err(CanonicalError::NotCanonical);
    }
    from_value(value)
}

/// Parses a document in any spelling, with duplicates, floats and odd names refused.
///
/// # Errors
/// As [`CanonicalError`] says.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CanonicalError> {
    let value = parse_value(bytes)?;
    check(&value, 0)?;
    from_value(value)
}

/// Turns an already checked value into its document type; unknown members are the type's business
/// (`deny_unknown_fields` on every signed document).
///
/// # Errors
/// [`CanonicalError::Shape`] with serde's sentence, which names members, not values of secrets.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, CanonicalError> {
    serde_json::from_value(value).map_err(|e| CanonicalError::Shape(e.to_string()))
}

/// Parses JSON into a value, refusing duplicate members and hostile depth, accepting any number
/// and any member name. This is the strict reader for bodies the policy looks at.
///
/// # Errors
/// [`CanonicalError::Duplicate`], [`CanonicalError::TooDeep`] or [`CanonicalError::Syntax`].
pub fn parse_value(bytes: &[u8]) -> Result<Value, CanonicalError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let strict = Strict { depth: 0 };
    let value = strict.deserialize(&mut reader).map_err(|e| reason(&e))?;
    reader.end().map_err(|e| reason(&e))?;
    Ok(value)
}

/// SHA-256 over a domain prefix and the canonical bytes: `SHA-256(prefix ‖ JCS)`.
///
/// # Errors
/// As [`to_bytes`].
pub fn hash_with_prefix<T: Serialize + ?Sized>(
    prefix: &str,
    document: &T,
) -> Result<[u8; 32], CanonicalError> {
    let mut hasher = Sha256::new();
    hasher.update(prefix.as_bytes());
    hasher.update(to_bytes(document)?);
    Ok(hasher.finalize().into())
}

fn reason(error: &serde_json::Error) -> CanonicalError {
    let text = error.to_string();
    if text.starts_with(DUPLICATE) {
        CanonicalError::Duplicate
    } else if text.starts_with(TOO_DEEP) {
        CanonicalError::TooDeep
    } else {
        CanonicalError::Syntax {
            line: error.line(),
            column: error.column(),
        }
    }
}

fn check(value: &Value, depth: usize) -> Result<(), CanonicalError> {
    if depth > MAX_DEPTH {
        return Err(CanonicalError::TooDeep);
    }
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
        Value::Number(number) => check_number(number),
        Value::Array(items) => items.iter().try_for_each(|item| check(item, depth + 1)),
        Value::Object(members) => members.iter().try_for_each(|(name, member)| {
            check_name(name)?;
            check(member, depth + 1)
        }),
    }
}

fn check_number(number: &Number) -> Result<(), CanonicalError> {
    match number.as_i64() {
        Some(n) if (-MAX_INTEGER..=MAX_INTEGER).contains(&n) => Ok(()),
        _ => Err(CanonicalError::Number),
    }
}

fn check_name(name: &str) -> Result<(), CanonicalError> {
    let bytes = name.as_bytes();
    let good = (1..=40).contains(&bytes.len())
        && bytes[0].is_ascii_lowercase()
        && bytes
            .iter()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'_');
    if good {
        Ok(())
    } else {
        Err(CanonicalError::MemberName)
    }
}

const DUPLICATE: &str = "duplicate member";
const TOO_DEEP: &str = "too deep";

/// Reads one JSON value and notices what serde_json would silently accept.
struct Strict {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if self.depth > MAX_DEPTH {
            return Err(serde::de::Error::custom(TOO_DEEP));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a json value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("not a number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(Strict {
            depth: self.depth + 1,
        })? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            let value = access.next_value_seed(Strict {
                depth: self.depth + 1,
            })?;
            if members.insert(name, value).is_some() {
                return Err(serde::de::Error::custom(DUPLICATE));
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn canonical_bytes_equal_those_of_an_independent_implementation() {
        let value = json!({"z":1,"a":[true,null,"\u{1}\u{7f}\u{80}\u{2028}😀\"\\/\n\t"],"m":{"b_2":-5,"b":""}});
        assert_eq!(
            value_to_bytes(&value).unwrap(),
            serde_jcs::to_vec(&value).unwrap()
        );
    }

    #[test]
    fn duplicate_members_are_refused_at_any_depth() {
        assert_eq!(
            parse_value(br#"{"a":1,"a":2}"#),
            Err(CanonicalError::Duplicate)
        );
        assert_eq!(
            parse_value(br#"{"b":[{"a":1,"a":1}]}"#),
            Err(CanonicalError::Duplicate)
        );
    }

    #[test]
    fn floats_and_large_integers_have_no_canonical_form() {
        assert_eq!(
            value_to_bytes(&json!({"a": 1.5})),
            Err(CanonicalError::Number)
        );
        assert_eq!(
            value_to_bytes(&json!({"a": MAX_INTEGER + 1})),
            Err(CanonicalError::Number)
        );
        assert!(value_to_bytes(&json!({"a": -MAX_INTEGER})).is_ok());
    }

    #[test]
    fn another_spelling_of_a_signed_document_is_refused() {
        assert_eq!(
            parse_exact::<Value>(br#"{"b":1,"a":2}"#),
            Err(CanonicalError::NotCanonical)
        );
        assert_eq!(
            parse_exact::<Value>(br#"{"a": 2}"#),
            Err(CanonicalError::NotCanonical)
        );
        assert!(parse_exact::<Value>(br#"{"a":2}"#).is_ok());
    }

    #[test]
    fn hostile_depth_is_refused_before_it_costs_a_stack() {
        let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
        assert!(parse_value(&deep).is_err());
    }

    #[test]
    fn odd_member_names_are_refused() {
        for name in ["A", "", "1a", "a-b", "ä", &"a".repeat(41)] {
            assert_eq!(
                value_to_bytes(&json!({ name: 1 })),
                Err(CanonicalError::MemberName)
            );
        }
    }
}
