//! The query half of the canonical target: decoded strictly, then written in one spelling only.

use super::{MAX_QUERY_PAIRS, TargetRefusal, triplet, unreserved};

/// The decoded pairs. An empty query and empty pairs (`?`, `&&`) are no pairs.
pub(super) fn decode(raw: &str) -> Result<Vec<(String, String)>, TargetRefusal> {
    // Some servers split at `;`, others do not.
    if raw.contains(';') {
        return Err(TargetRefusal::Query);
    }
    let mut pairs = Vec::new();
    for piece in raw.split('&').filter(|piece| !piece.is_empty()) {
        let (key, value) = piece.split_once('=').unwrap_or((piece, ""));
        pairs.push((decode_part(key)?, decode_part(value)?));
        if pairs.len() > MAX_QUERY_PAIRS {
            return Err(TargetRefusal::Query);
        }
    }
    Ok(pairs)
}

/// Appends `key=value&…` with everything but unreserved bytes encoded.
pub(super) fn encode(pairs: &[(String, String)], text: &mut String) {
    for (index, (key, value)) in pairs.iter().enumerate() {
        if index > 0 {
            text.push('&');
        }
        encode_part(key, text);
        text.push('=');
        encode_part(value, text);
    }
}

fn encode_part(part: &str, text: &mut String) {
    for byte in part.bytes() {
        if unreserved(byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
}

fn decode_part(part: &str) -> Result<String, TargetRefusal> {
    let bytes = part.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'%' => {
                decoded.push(triplet(&bytes[at..])?);
                at += 3;
            }
            b'+' => {
                decoded.push(b' ');
                at += 1;
            }
            byte => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    if decoded.contains(&0) {
        return Err(TargetRefusal::Percent);
    }
    String::from_utf8(decoded).map_err(|_| TargetRefusal::Percent)
}
