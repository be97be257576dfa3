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
        if contains_id(text, &principal.numeric_id) {
            return Some(NeverReason::Principal);
        }
        let group = principal.group_ids.iter().any(|id| contains_id(text, id));
        group.then_some(NeverReason::ProtectedGroup)
    };
    let in_path = call
        .readings
        .iter()
        .flatten()
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

/// Whether the id stands in the text as a whole word, in any case.
fn contains_id(text: &str, id: &str) -> bool {
    if id.is_empty() {
        return false;
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
