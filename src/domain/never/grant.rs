//! The one way a call may make somebody an admin: plainly, and only people of `grants_to`
//! (PROTOCOL §8). Every member of the body is read; anything else falls to the never-list.

use serde_json::Value;

use super::{Grantee, Principal};
use crate::domain::risk::Body;
use crate::domain::scope::CallFacts;

/// Whether the call gives or takes an admin's right of people in `grants_to` and does nothing else.
pub(super) fn is_plain_grant(call: &CallFacts<'_>, principal: &Principal) -> bool {
    let (Body::Json(body), Some(template)) = (call.body, call.classified.template()) else {
        return false;
    };
    if principal.grantees.is_empty() || !call.target.pairs().is_empty() {
        return false;
    }
    let Some(id) = call.target.segments().last().map(|id| (*id).to_owned()) else {
        return false;
    };
    let one = |id: &str| principal.grantees.iter().any(|one| one.user_id == id);
    if template.ends_with("/permissionassignments/principals/{principal_id}") {
        return call.method == "PUT" && one(&id) && is_assignment(body);
    }
    if call.method != "PATCH" {
        return false;
    }
    if template.ends_with("/accounts/{account_id}/scim/v2/Users/{id}") {
        return one(&id) && operations(body, "roles", &|value| value == "account_admin");
    }
    if template.ends_with("/preview/scim/v2/Groups/{id}") {
        // The last protected group is the workspace's `admins`.
        return principal.group_ids.last() == Some(&id)
            && operations(body, "members", &|value| named(&principal.grantees, value));
    }
    false
}

fn named(grantees: &[Grantee], id: &str) -> bool {
    grantees.iter().any(|one| one.user_id == id)
}

fn has_only(value: &Value, names: &[&str]) -> bool {
    value
        .as_object()
        .is_some_and(|members| members.keys().all(|name| names.contains(&name.as_str())))
}

fn is_assignment(body: &Value) -> bool {
    let levels = body["permissions"].as_array();
    has_only(body, &["permissions"])
        && levels.is_some_and(|levels| {
            levels
                .iter()
                .all(|level| level == "ADMIN" || level == "USER")
        })
}

/// A PatchOp that adds or removes values of one attribute, all of them allowed (facts §3.2).
fn operations(body: &Value, attribute: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let list = body["Operations"].as_array();
    has_only(body, &["schemas", "Operations"])
        && list.is_some_and(|list| {
            !list.is_empty() && list.iter().all(|one| operation(one, attribute, allowed))
        })
}

fn operation(one: &Value, attribute: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let values = |value: &Value| {
        value.as_array().is_some_and(|values| {
            !values.is_empty()
                && values.iter().all(|value| {
                    has_only(value, &["value"]) && value["value"].as_str().is_some_and(allowed)
                })
        })
    };
    match (one["op"].as_str(), one["path"].as_str()) {
        (Some("add"), Some(path)) => {
            has_only(one, &["op", "path", "value"]) && path == attribute && values(&one["value"])
        }
        (Some("add"), None) => {
            has_only(one, &["op", "value"])
                && has_only(&one["value"], &[attribute])
                && values(&one["value"][attribute])
        }
        (Some("remove"), Some(path)) => {
            let inside = path
                .strip_prefix(attribute)
                .and_then(|rest| rest.strip_prefix("[value eq \""))
                .and_then(|rest| rest.strip_suffix("\"]"));
            has_only(one, &["op", "path"]) && inside.is_some_and(allowed)
        }
        _ => false,
    }
}
