//! The path half of the canonical target. Knows nothing of queries.

use super::{TargetRefusal, Upstream, triplet, unreserved};
use crate::domain::risk;

/// The canonical path, or why there is none.
pub(super) fn canonical(raw: &str) -> Result<String, TargetRefusal> {
    let text = decode_once(raw)?;
    let mut parts: Vec<&str> = text.split('/').skip(1).collect();
    if parts.last().is_some_and(|last| last.is_empty()) {
        parts.pop();
    }
    let mut encoded_at = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        check_segment(part)?;
        if risk::holds_separator(part) {
            encoded_at.push(index);
        }
    }
    if !encoded_at.is_empty() && !risk::permits_encoded(&parts, &encoded_at) {
        return Err(TargetRefusal::Separator);
    }
    Ok(text)
}

/// Decodes encoded unreserved bytes once and puts every other triplet into upper case.
fn decode_once(raw: &str) -> Result<String, TargetRefusal> {
    let bytes = raw.as_bytes();
    let mut text = String::with_capacity(raw.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'%' {
            text.push(char::from(bytes[at]));
            at += 1;
            continue;
        }
        let value = triplet(&bytes[at..])?;
        if value < 0x20 || value == 0x7f {
            return Err(TargetRefusal::Percent);
        }
        if unreserved(value) {
            text.push(char::from(value));
        } else {
            text.push_str(&format!("%{value:02X}"));
        }
        at += 3;
    }
    Ok(text)
}

fn check_segment(part: &str) -> Result<(), TargetRefusal> {
    let decoded = decode_fully(part).ok_or(TargetRefusal::Percent)?;
    // A server that decodes before it walks must not find a way up or an empty step inside.
    let mut steps = decoded.split(['/', '\\', ';']);
    if decoded.is_empty() || steps.any(|step| step == "." || step == "..") {
        return Err(TargetRefusal::Segment);
    }
    if decoded.contains("//") || decoded.starts_with('/') {
        return Err(TargetRefusal::Segment);
    }
    // What is still a triplet after one decoding was encoded twice: never, not even in parameters.
    let bytes = decoded.as_bytes();
    let twice = (0..bytes.len()).any(|at| bytes[at] == b'%' && triplet(&bytes[at..]).is_ok());
    if twice {
        return Err(TargetRefusal::Percent);
    }
    Ok(())
}

fn decode_fully(part: &str) -> Option<String> {
    let bytes = part.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            decoded.push(triplet(&bytes[at..]).ok()?);
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    // Overlong spellings of a slash are not UTF-8 and end here.
    String::from_utf8(decoded).ok()
}

pub(super) fn segments(path: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = path.split('/').skip(1).collect();
    if parts.last().is_some_and(|last| last.is_empty()) {
        parts.pop();
    }
    parts
}

pub(super) fn decoded_segments(path: &str) -> Vec<String> {
    segments(path)
        .iter()
        .flat_map(|part| {
            let decoded = decode_fully(part).unwrap_or_else(|| (*part).to_owned());
            decoded
                .split(['/', '\\'])
                .filter(|step| !step.is_empty())
                .map(|step| step.split(';').next().unwrap_or(step).to_owned())
                .collect::<Vec<_>>()
        })
        .collect()
}

pub(super) fn upstream(segments: &[&str]) -> Upstream {
    if account_id(segments).is_some() || segments.starts_with(&["oidc", "accounts"]) {
        Upstream::Account
    } else {
        Upstream::Workspace
    }
}

/// The id after `accounts` in `/api/<version>/…`. Two paths look like it and belong to a workspace:
/// `accounts/servicePrincipals/…` and `preview/accounts/access-control/…`.
pub(super) fn account_id<'a>(segments: &[&'a str]) -> Option<&'a str> {
    match segments {
        ["api", _, "accounts", id, _, ..] if *id != "servicePrincipals" => Some(id),
        ["api", _, "preview", "accounts", id, _, ..] if *id != "access-control" => Some(id),
        ["api", _, "preview", ..] => None,
        ["api", _, "identity", "accounts", id, ..] => Some(id),
        // Services with their own version, such as networking/v1/accounts/{id}.
        ["api", _, _, "accounts", id, ..] => Some(id),
        ["oidc", "accounts", id, ..] => Some(id),
        _ => None,
    }
}
