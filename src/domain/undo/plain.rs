//! Calls that give a right and do not say plainly what and to whom.
//!
//! Databricks' readers are lenient: SCIM attribute names have no case (RFC 7643 §2.1) and may be
//! qualified (RFC 7644 §3.10), readers of protocol buffers take `principalId` for `principal_id` and
//! `4.2e1` for 42. What [`super::additions`] could miss while Databricks understands it would have
//! no undo row, so it is never sent (PROTOCOL §7).

use serde_json::{Map, Value};

use super::calls::{Gives, RIGHTS, gives};
use super::{Thing, additions};
use crate::domain::target::Target;

/// Whether a call gives a right that [`additions`] does not surely find.
#[must_use]
pub fn is_beyond_undo(
    method: &str,
    target: &Target,
    template: Option<&str>,
    body: Option<&Value>,
) -> bool {
    let Some(gives) = gives(method, template) else {
        return false;
    };
    let members = match body {
        Some(Value::Object(members)) => members,
        Some(_) => return true,
        // Nothing is given by an empty body, unless what it names could stand in the query.
        None => return is_one_thing(gives),
    };
    let found = additions(method, target, template, body);
    if is_one_thing(gives) && found.len() != 1 {
        return true;
    }
    let plain = match gives {
        Gives::Assignment => spelled(members, &["permissions"]) && found.iter().all(has_plain_id),
        Gives::Scim => object(members) && patch(members.get("Operations")),
        Gives::LegacyMember => legacy(members),
        Gives::Permissions => {
            const LIST: &str = "access_control_list";
            spelled(members, &[LIST]) && every(members.get(LIST), &permission)
        }
        Gives::Grants => spelled(members, &["changes"]) && every(members.get("changes"), &change),
        Gives::RuleSet => rule_set(members),
        Gives::SecretAcl => {
            spelled(members, &["scope", "principal", "permission"])
                && is_text(members.get("scope"))
                && is_text(members.get("principal"))
        }
        Gives::NamedInBody => spelled(members, &["principal_id", "entitlements"]),
        Gives::NamedInPath => found.len() == 1 && spelled(members, &["entitlements"]),
        Gives::App => spelled(members, &["name"]),
    };
    !plain
}

/// Whether a call of this kind adds exactly one thing, or is not understood.
fn is_one_thing(gives: Gives) -> bool {
    match gives {
        Gives::LegacyMember
        | Gives::RuleSet
        | Gives::SecretAcl
        | Gives::NamedInBody
        | Gives::App => true,
        // A body may say nothing about whom the path names, and a list may be empty.
        Gives::Assignment
        | Gives::NamedInPath
        | Gives::Scim
        | Gives::Permissions
        | Gives::Grants => false,
    }
}

/// Whether two names are one to a lenient reader: neither case nor separators count. Upper case
/// first, for `ſ` is an `s` to readers that ignore case that way.
pub(super) fn same_name(one: &str, two: &str) -> bool {
    let fold = |name: &str| -> String {
        let letters = name.chars().filter(|c| c.is_alphanumeric());
        let upper = letters.flat_map(char::to_uppercase);
        upper.flat_map(char::to_lowercase).collect()
    };
    fold(one) == fold(two)
}

/// An id as Databricks writes it.
pub(super) fn is_plain_id(text: &str) -> bool {
    text == "0"
        || (!text.starts_with('0')
            && !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A value that every reader takes for the same: a plain id or a word, never a number written
/// otherwise.
pub(super) fn is_plain_value(text: &str) -> bool {
    let word = text.bytes().any(|byte| byte.is_ascii_alphabetic()) && text.parse::<f64>().is_err();
    let printable = text.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
    is_plain_id(text) || (word && printable)
}

/// Whether every member that means one of these names is spelled like it.
fn spelled(members: &Map<String, Value>, known: &[&str]) -> bool {
    members.keys().all(|name| {
        known.contains(&name.as_str()) || !known.iter().any(|known| same_name(name, known))
    })
}

/// Whether a list is one, or absent, and every item of it an object that this is true of.
fn every(list: Option<&Value>, plain: &dyn Fn(&Map<String, Value>) -> bool) -> bool {
    match list {
        None | Some(Value::Null) => true,
        Some(Value::Array(items)) => items.iter().all(|item| item.as_object().is_some_and(plain)),
        Some(_) => false,
    }
}

fn is_text(value: Option<&Value>) -> bool {
    value
        .and_then(Value::as_str)
        .is_some_and(|text| !text.is_empty())
}

fn has_plain_id(thing: &Thing) -> bool {
    thing.people().into_iter().all(is_plain_id)
}

/// A whole SCIM object: rights under their own names, as lists, and nothing qualified.
fn object(members: &Map<String, Value>) -> bool {
    let known = [&RIGHTS[..], &["Operations", "schemas"]].concat();
    let lists = RIGHTS
        .iter()
        .filter_map(|right| members.get(*right))
        .all(|value| value.is_array() || value.is_null());
    lists && spelled(members, &known) && members.keys().all(|name| !name.contains(':'))
}

/// The operations of a PatchOp (RFC 7644 §3.5.2).
fn patch(operations: Option<&Value>) -> bool {
    every(operations, &|operation| {
        let verb = operation.get("op").and_then(Value::as_str);
        spelled(operation, &["op", "path", "value"])
            && (verb.is_some_and(|verb| verb.eq_ignore_ascii_case("remove")) || adds(operation))
    })
}

/// An operation that is no removal.
fn adds(operation: &Map<String, Value>) -> bool {
    match (operation.get("path"), operation.get("value")) {
        (Some(Value::String(path)), _) => {
            let attribute = path.split(['[', '.']).next().unwrap_or(path);
            !path.contains(':') && is_attribute(attribute)
        }
        (None | Some(Value::Null), Some(Value::Object(values))) => {
            values.keys().all(|name| is_attribute(name))
        }
        (None | Some(Value::Null), None | Some(Value::Null)) => true,
        _ => false,
    }
}

/// The name of an attribute that is a right as we spell it, or surely none.
fn is_attribute(name: &str) -> bool {
    let first = name.split(['[', '.']).next().unwrap_or(name);
    RIGHTS.contains(&name)
        || (!name.contains(':') && !RIGHTS.iter().any(|right| same_name(first, right)))
}

fn legacy(members: &Map<String, Value>) -> bool {
    let names = ["user_name", "group_name"];
    spelled(members, &["parent_name", "user_name", "group_name"])
        && is_text(members.get("parent_name"))
        && is_one_of(members, &names)
}

/// Exactly one of these members is there.
fn is_one_of(members: &Map<String, Value>, names: &[&str]) -> bool {
    let there = |name: &&&str| members.get(**name).is_some_and(|value| !value.is_null());
    let mut named = names.iter().filter(there);
    is_text(named.next().and_then(|name| members.get(*name))) && named.next().is_none()
}

fn permission(entry: &Map<String, Value>) -> bool {
    const NAMES: [&str; 3] = ["user_name", "group_name", "service_principal_name"];
    let known = [&NAMES[..], &["permission_level"]].concat();
    spelled(entry, &known) && is_one_of(entry, &NAMES)
}

fn change(change: &Map<String, Value>) -> bool {
    let word = |value: &Value| {
        value.as_str().is_some_and(|word| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
        })
    };
    let added = match change.get("add") {
        None | Some(Value::Null) => return spelled(change, &["principal", "add", "remove"]),
        Some(Value::Array(added)) => added,
        Some(_) => return false,
    };
    spelled(change, &["principal", "add", "remove"])
        && !change.contains_key("principal_id")
        && added.iter().all(word)
        && (added.is_empty() || is_text(change.get("principal")))
}

/// The name at the top is read back; the one inside must not be another.
fn rule_set(members: &Map<String, Value>) -> bool {
    let inner = match members.get("rule_set") {
        None | Some(Value::Null) => return spelled(members, &["name", "rule_set"]),
        Some(Value::Object(inner)) => inner,
        Some(_) => return false,
    };
    let name = members.get("name");
    spelled(members, &["name", "rule_set"])
        && spelled(inner, &["name"])
        && is_text(name)
        && inner.get("name").is_none_or(|inner| Some(inner) == name)
}
