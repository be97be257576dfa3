//! What a call adds, read from its route and body before it is sent.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{At, Held, Thing, Who, list, text_of, texts};
use crate::domain::target::{Target, Upstream};

/// SCIM attributes whose values are rights.
const RIGHTS: [&str; 4] = ["members", "roles", "entitlements", "groups"];

/// The things a call may add that a close takes away again. Empty for every other call.
#[must_use]
pub fn additions(
    method: &str,
    target: &Target,
    template: Option<&str>,
    body: Option<&Value>,
) -> Vec<Thing> {
    let (Some(template), Some(body)) = (template, body) else {
        return Vec::new();
    };
    let at = match target.upstream() {
        Upstream::Account => At::Account,
        Upstream::Workspace => At::Workspace,
    };
    let path = target.path().trim_end_matches('/').to_owned();
    match (method, template) {
        ("PUT", _) if template.contains("/permissionassignments/principals/") => {
            assignment(&path).into_iter().collect()
        }
        ("PATCH" | "PUT", _) if template.contains("/scim/v2/") => scim(at, &path, body),
        ("POST", "/api/2/groups/add-member") => legacy(body).into_iter().collect(),
        ("PATCH" | "PUT", _) if template.starts_with("/api/2/permissions/") => {
            permissions(&path, body)
        }
        ("PATCH", _) if template.starts_with("/api/2/unity-catalog/permissions/") => {
            grants(&path, body)
        }
        ("PUT", _) if template.ends_with("/access-control/rule-sets") => {
            let name = text_of(&body["name"]);
            vec![Thing::RuleSet { at, path, name }]
        }
        ("POST", "/api/2/secrets/acls/put") => vec![Thing::SecretAcl {
            scope: text_of(&body["scope"]),
            principal: text_of(&body["principal"]),
        }],
        ("POST" | "PATCH", _) if template.starts_with("/api/2/identity/") => {
            newer(at, template, &path, body).into_iter().collect()
        }
        ("POST", "/api/2/apps") => app(body).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// Lists of the newer identity surface to which a POST adds whom its body names.
const NAMED_IN_BODY: [&str; 3] = [
    "direct-members",
    "workspace-assignments",
    "workspace-assignment-details",
];

/// Whether a call gives a right to somebody whom it does not name plainly. It would have no undo
/// row while Databricks may well understand it, `4.2e1` for one, so it is never sent (PROTOCOL §7).
#[must_use]
pub fn is_beyond_undo(
    method: &str,
    target: &Target,
    template: Option<&str>,
    body: Option<&Value>,
) -> bool {
    let gives = template.is_some_and(|template| {
        template.starts_with("/api/2/identity/")
            && NAMED_IN_BODY.iter().any(|list| template.ends_with(list))
    });
    method == "POST" && gives && {
        let members = body.and_then(Value::as_object);
        let names = members.map_or(0, |members| members.keys().filter(|m| means_id(m)).count());
        names != 1 || additions(method, target, template, body).is_empty()
    }
}

/// Both spellings that a JSON reader of protocol buffers takes.
fn means_id(member: &str) -> bool {
    member.replace('_', "").eq_ignore_ascii_case("principalid")
}

fn assignment(path: &str) -> Option<Thing> {
    let (list, principal) = path.split_once("/principals/")?;
    Some(Thing::Assignment {
        path: list.to_owned(),
        principal: principal.to_owned(),
    })
}

/// Rights given through the newer identity surface: a POST names its principal in the body, a PATCH
/// in its path.
fn newer(at: At, template: &str, path: &str, body: &Value) -> Option<Thing> {
    let (list, principal) = match path.rsplit_once('/') {
        Some((list, last)) if template.ends_with("/{principal_id}") => (list, last.to_owned()),
        _ => (path, text_of(&body["principal_id"])),
    };
    let digits = !principal.is_empty() && principal.bytes().all(|b| b.is_ascii_digit());
    let (path, kind) = (list.to_owned(), list.rsplit('/').next()?);
    match kind {
        "direct-members" if digits => Some(Thing::DirectMember {
            at,
            path,
            principal,
        }),
        "workspace-assignments" | "workspace-assignment-details" if digits => {
            Some(Thing::Entitlements {
                at,
                path,
                principal,
            })
        }
        _ => None,
    }
}

/// A name that cannot change the path it is put into.
fn app(body: &Value) -> Option<Thing> {
    let name = text_of(&body["name"]);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (!name.is_empty() && name.bytes().all(plain)).then_some(Thing::App { name })
}

/// A PatchOp in the shapes of facts §3.2, or a whole object.
fn scim(at: At, path: &str, body: &Value) -> Vec<Thing> {
    let mut asked: Vec<(String, Option<Held>)> = Vec::new();
    if body["Operations"].is_array() {
        for operation in list(body, "Operations") {
            read_operation(operation, &mut asked);
        }
    } else {
        // PUT replaces the object: every right in it may be new.
        for attribute in RIGHTS {
            if body[attribute].is_array() {
                asked.push((attribute.to_owned(), values(&body[attribute])));
            }
        }
    }
    asked
        .into_iter()
        .map(|(attribute, asked)| Thing::Values {
            at,
            path: path.to_owned(),
            attribute,
            asked,
        })
        .collect()
}

fn read_operation(operation: &Value, asked: &mut Vec<(String, Option<Held>)>) {
    let verb = text_of(&operation["op"]).to_ascii_lowercase();
    if verb == "remove" {
        return;
    }
    let value = &operation["value"];
    match operation["path"].as_str() {
        Some(path) => {
            let attribute = path.split(['[', '.']).next().unwrap_or(path);
            if let Some(attribute) = right(attribute) {
                // A filter in the path: what it adds is not plain, so every value counts.
                let plain = !path.contains(['[', '.']);
                let held = if plain { values(value) } else { None };
                asked.push((attribute.to_owned(), held));
            }
        }
        None => {
            for (name, value) in value.as_object().into_iter().flatten() {
                if let Some(attribute) = right(name) {
                    asked.push((attribute.to_owned(), values(value)));
                }
            }
        }
    }
}

fn right(name: &str) -> Option<&'static str> {
    RIGHTS
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(name))
}

/// The values of a list of `{value}` or of texts; `None` for any other shape.
fn values(value: &Value) -> Option<Held> {
    let items = value.as_array()?;
    items
        .iter()
        .map(|item| match item {
            Value::String(text) => Some(text.clone()),
            Value::Object(members) => members
                .get("value")
                .filter(|value| value.is_string() || value.is_number())
                .map(text_of),
            _ => None,
        })
        .collect()
}

fn legacy(body: &Value) -> Option<Thing> {
    let group = text_of(&body["parent_name"]);
    let who = named(body, &["user_name", "group_name"])?;
    Some(Thing::LegacyMember { group, who })
}

fn named(entry: &Value, members: &[&str]) -> Option<Who> {
    members.iter().find_map(|member| {
        Some(Who {
            member: (*member).to_owned(),
            name: entry[*member].as_str()?.to_owned(),
        })
    })
}

fn permissions(path: &str, body: &Value) -> Vec<Thing> {
    const NAMES: [&str; 3] = ["user_name", "group_name", "service_principal_name"];
    let named: BTreeSet<Who> = list(body, "access_control_list")
        .filter_map(|entry| named(entry, &NAMES))
        .collect();
    named
        .into_iter()
        .map(|who| Thing::Permission {
            path: path.to_owned(),
            who,
        })
        .collect()
}

fn grants(path: &str, body: &Value) -> Vec<Thing> {
    list(body, "changes")
        .filter_map(|change| {
            let asked: Held = texts(&change["add"]).into_iter().collect();
            (!asked.is_empty()).then(|| Thing::Grant {
                path: path.to_owned(),
                principal: text_of(&change["principal"]),
                asked,
            })
        })
        .collect()
}
