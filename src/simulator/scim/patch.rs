//! SCIM PATCH in the three shapes clients send (facts §3.2), idempotent.

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use crate::simulator::reply::Reply;

/// Applies all operations of a PatchOp body.
pub fn apply(object: &mut Value, body: &Value) -> Result<(), Reply> {
    let operations = body["Operations"]
        .as_array()
        .ok_or_else(|| refused("invalidSyntax", "Operations is missing"))?;
    for operation in operations {
        let name = operation["op"]
            .as_str()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let path = operation["path"].as_str();
        let value = &operation["value"];
        match (name.as_str(), path) {
            ("add", Some(path)) => add(object, path, value),
            ("replace", Some(path)) => object[path] = value.clone(),
            ("add" | "replace", None) => {
                let members = value
                    .as_object()
                    .ok_or_else(|| refused("invalidValue", "value must be an object"))?;
                merge(object, members, name == "add");
            }
            ("remove", Some(path)) => remove(object, path, value)?,
            _ => {
                return Err(refused(
                    "invalidSyntax",
                    "op must be add, replace or remove",
                ));
            }
        }
    }
    Ok(())
}

fn refused(kind: &str, detail: &str) -> Reply {
    Reply::scim_error(StatusCode::BAD_REQUEST, kind, detail)
}

fn merge(object: &mut Value, members: &Map<String, Value>, adds: bool) {
    for (name, value) in members {
        if adds {
            add(object, name, value);
        } else {
            object[name.as_str()] = value.clone();
        }
    }
}

/// Lists are joined without repeating an entry of the same `value`.
fn add(object: &mut Value, path: &str, value: &Value) {
    let Some(entries) = value.as_array() else {
        object[path] = value.clone();
        return;
    };
    let mut held = object[path].as_array().cloned().unwrap_or_default();
    for entry in entries {
        if !held.iter().any(|old| old["value"] == entry["value"]) {
            held.push(entry.clone());
        }
    }
    object[path] = json!(held);
}

/// `members[value eq "42"]`, or `members` with the entries in `value`, or the whole attribute.
fn remove(object: &mut Value, path: &str, value: &Value) -> Result<(), Reply> {
    let Some((name, condition)) = path.split_once('[') else {
        let gone: Vec<&Value> = value
            .as_array()
            .into_iter()
            .flatten()
            .map(|entry| &entry["value"])
            .collect();
        if gone.is_empty() {
            if let Some(members) = object.as_object_mut() {
                members.remove(path);
            }
        } else if let Some(held) = object[path].as_array_mut() {
            held.retain(|entry| !gone.contains(&&entry["value"]));
        }
        return Ok(());
    };
    let condition = condition
        .strip_suffix(']')
        .ok_or_else(|| refused("invalidPath", "a bracket is not closed in path"))?;
    let wanted =
        super::filter::parse(condition).map_err(|detail| refused("invalidPath", &detail))?;
    if let Some(held) = object[name].as_array_mut() {
        held.retain(|entry| !wanted.matches(entry));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patched(object: &Value, operation: Value) -> Value {
        let mut object = object.clone();
        apply(&mut object, &json!({"Operations": [operation]})).unwrap();
        object
    }

    #[test]
    fn all_three_shapes_change_members_and_repeating_changes_nothing() {
        let one = json!({"members": [{"value": "1"}]});
        let two = json!({"members": [{"value": "1"}, {"value": "42"}]});
        let entries = json!([{"value": "42"}]);
        let with_path = json!({"op": "add", "path": "members", "value": entries});
        let without_path = json!({"op": "add", "value": {"members": entries}});
        let remove = json!({"op": "remove", "path": "members[value eq \"42\"]"});
        for add in [with_path, without_path] {
            assert_eq!(patched(&one, add.clone()), two);
            assert_eq!(patched(&two, add), two);
        }
        assert_eq!(patched(&two, remove.clone()), one);
        assert_eq!(patched(&one, remove), one);
        let listed = json!({"op": "Remove", "path": "members", "value": entries});
        assert_eq!(patched(&two, listed), one);
    }

    #[test]
    fn roles_are_added_where_there_were_none() {
        let role = json!([{"value": "account_admin"}]);
        let added = patched(
            &json!({}),
            json!({"op": "add", "path": "roles", "value": role}),
        );
        assert_eq!(added, json!({"roles": role}));
    }
}
