//! Never because of whom it touches: the principal, its groups, and admin roles.

use serde_json::Value;

use super::{NeverReason, Principal, Seen, writes};
use crate::domain::risk::{Body, Class};

/// A write that names the principal or a protected group, in path, query, body or SQL text.
pub(super) fn touches_principal(call: &Seen<'_>, principal: &Principal) -> Option<NeverReason> {
    if !writes(call) {
        return None;
    }
    let family = is_identity_family(call);
    let mentions = |text: &str| {
        if contains_id(text, &principal.application_id) {
            return Some(NeverReason::Principal);
        }
        if !family {
            return None;
        }
        if is_odd_number(text) || contains_id(text, &principal.numeric_id) {
            return Some(NeverReason::Principal);
        }
        let group = principal.group_ids.iter().any(|id| contains_id(text, id));
        group.then_some(NeverReason::ProtectedGroup)
    };
    let parts = call.readings.iter().flatten();
    let in_path = parts
        .filter(|part| !is_version(part))
        .find_map(|part| mentions(part));
    let in_query = call
        .target
        .pairs()
        .iter()
        .find_map(|(key, value)| mentions(key).or_else(|| mentions(value)));
    let in_body = match call.body {
        Body::Json(value) => find_text(value, &mentions),
        Body::Empty => None,
        Body::Unread | Body::Thrift(_) => family.then_some(NeverReason::Principal),
    };
    // Reading statements may name the principal: the audit tables are full of it.
    let in_sql = call
        .sql
        .filter(|_| call.class != Class::Egress)
        .and_then(mentions);
    let in_body = if call.sql.is_some() { in_sql } else { in_body };
    in_path.or(in_query).or(in_body)
}

/// A write to a protected group by its shown name, as the old `/groups` routes have it. Databricks
/// compares these names without case.
pub(super) fn touches_group_by_name(call: &Seen<'_>, principal: &Principal) -> Option<NeverReason> {
    let is_old = |path: &Vec<_>| path.get(2).is_some_and(|part| part == "groups");
    if !writes(call) || !call.readings.iter().any(is_old) {
        return None;
    }
    let named = |text: &str| {
        let text = text.trim().to_lowercase();
        let known = principal.group_names.iter();
        known
            .filter(|name| !name.is_empty())
            .any(|name| name.trim().to_lowercase() == text)
            .then_some(NeverReason::ProtectedGroup)
    };
    let mut pairs = call.target.pairs().iter();
    let in_query = pairs.find_map(|(_, value)| named(value));
    in_query.or_else(|| call.body.json().and_then(|value| find_text(value, &named)))
}

/// An admin role in the body of a write to people, groups, assignments or rule sets.
pub(super) fn admin_role(call: &Seen<'_>, _: &Principal) -> Option<NeverReason> {
    if !writes(call) || !is_identity_family(call) {
        return None;
    }
    let named = |text: &str| names_admin(text).then_some(NeverReason::AdminRole);
    let in_query = call
        .target
        .pairs()
        .iter()
        .find_map(|(key, value)| named(key).or_else(|| named(value)));
    in_query.or_else(|| call.body.json().and_then(|value| find_text(value, &named)))
}

/// Paths whose numbers are people, service principals and groups. Unknown paths count as such.
fn is_identity_family(call: &Seen<'_>) -> bool {
    const WORDS: [&str; 8] = [
        "scim",
        "identity",
        "serviceprincipals",
        "permissionassignments",
        "rule-sets",
        "access-control",
        "groups",
        "workspace-assignments",
    ];
    call.classified.route.is_none()
        || call
            .readings
            .iter()
            .flatten()
            .any(|part| WORDS.contains(&part.as_ref()))
}

/// Whether a text is a number that is not written as Databricks writes its ids: with a sign, zeros
/// in front, a fraction, an exponent, or digits of another script. Lenient readers take most of
/// them, so nobody here can tell whose id it is.
fn is_odd_number(text: &str) -> bool {
    let digits = text.trim();
    let digits = digits.strip_prefix(['+', '-']).unwrap_or(digits);
    if digits.is_empty() {
        return false;
    }
    match digits.chars().all(char::is_numeric) {
        true => text != "0" && (digits.len() != text.len() || !is_plain(digits)),
        false => digits.contains(['.', 'e', 'E']) && digits.parse::<f64>().is_ok(),
    }
}

fn is_plain(digits: &str) -> bool {
    !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The second segment of every path of the API, which is no id.
fn is_version(segment: &str) -> bool {
    matches!(segment, "1.2" | "2.0" | "2.1" | "2.2")
}

/// Whether a number with the value of this id stands in the text as a whole word, whatever zeros
/// are in front. A word of digits of another script may be any number.
fn contains_number(text: &str, id: &str) -> bool {
    let bare = |number: &str| number.trim_start_matches('0').to_owned();
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty() && word.chars().all(char::is_numeric))
        .any(|word| !word.is_ascii() || bare(word) == bare(id))
}

/// Whether the id stands in the text as a whole word, in any case.
fn contains_id(text: &str, id: &str) -> bool {
    if id.is_empty() {
        return false;
    }
    if id.bytes().all(|byte| byte.is_ascii_digit()) && contains_number(text, id) {
        return true;
    }
    let (text, id) = (text.to_ascii_lowercase(), id.to_ascii_lowercase());
    let whole = |byte: Option<u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric());
    text.match_indices(&id).any(|(at, _)| {
        let before = at.checked_sub(1).and_then(|at| text.as_bytes().get(at));
        let after = text.as_bytes().get(at + id.len());
        whole(before.copied()) && whole(after.copied())
    })
}

/// `admin`, `ADMIN`, `admins`, `account_admin` in a filter, `roles/….admin`.
fn names_admin(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let folded: String = lower.chars().filter(char::is_ascii_alphanumeric).collect();
    matches!(
        folded.as_str(),
        "admin" | "admins" | "workspaceadmin" | "metastoreadmin" | "permissionadmin"
    ) || folded.contains("accountadmin")
        || (lower.starts_with("roles/") && lower.contains("admin"))
}

/// Looks at every member name, string and number of a value; its depth is bounded by the parser.
fn find_text(value: &Value, look: &dyn Fn(&str) -> Option<NeverReason>) -> Option<NeverReason> {
    match value {
        Value::String(text) => look(text),
        Value::Number(number) => look(&number.to_string()),
        Value::Array(items) => items.iter().find_map(|item| find_text(item, look)),
        Value::Object(members) => members
            .iter()
            .find_map(|(name, member)| look(name).or_else(|| find_text(member, look))),
        Value::Null | Value::Bool(_) => None,
    }
}
