//! What a call adds, read from its route and body before it is sent.

use std::collections::BTreeSet;

use serde_json::Value;

use super::plain::{is_plain_id, is_plain_value, same_name};
use super::{At, Held, Thing, Who, list, text_of, texts};
use crate::domain::target::{Target, Upstream};

/// SCIM attributes whose values are rights.
pub(super) const RIGHTS: [&str; 4] = ["members", "roles", "entitlements", "groups"];

/// How a call gives rights: which shape its path and body have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gives {
    /// An assignment to a workspace; the path names the principal.
    Assignment,
    /// A PatchOp or a whole SCIM object.
    Scim,
    /// `groups/add-member`.
    LegacyMember,
    /// Object permissions.
    Permissions,
    /// Privileges on a securable or a share.
    Grants,
    /// A rule set.
    RuleSet,
    /// A secret scope's access list.
    SecretAcl,
    /// The newer identity surface, the principal in the body.
    NamedInBody,
    /// The same, the principal in the path.
    NamedInPath,
    /// An app.
    App,
}

/// Lists of the newer identity surface to which a POST adds whom its body names.
const NAMED_IN_BODY: [&str; 3] = [
    "/direct-members",
    "/workspace-assignments",
    "/workspace-assignment-details",
];

/// How a call gives rights, if its route is one that does: the one table for what is found and for
/// what is refused because it could not be found.
pub(super) fn gives(method: &str, template: Option<&str>) -> Option<Gives> {
    let template = template?;
    let identity = || template.starts_with("/api/2/identity/");
    let found = match method {
        "PUT" if template.contains("/permissionassignments/principals/") => Gives::Assignment,
        "PATCH" | "PUT" if template.contains("/scim/v2/") => Gives::Scim,
        "POST" if template == "/api/2/groups/add-member" => Gives::LegacyMember,
        "PATCH" | "PUT" if template.starts_with("/api/2/permissions/") => Gives::Permissions,
        "PATCH"
            if template.starts_with("/api/2/unity-catalog/permissions/")
                || template == "/api/2/unity-catalog/shares/{name}/permissions" =>
        {
            Gives::Grants
        }
        "PUT" if template.ends_with("/access-control/rule-sets") => Gives::RuleSet,
        "POST" if template == "/api/2/secrets/acls/put" => Gives::SecretAcl,
        "POST" if identity() && NAMED_IN_BODY.iter().any(|list| template.ends_with(list)) => {
            Gives::NamedInBody
        }
        "PATCH" if identity() && template.ends_with("/{principal_id}") => {
            let (list, _) = template.rsplit_once('/')?;
            let known = NAMED_IN_BODY.iter().any(|known| list.ends_with(known));
            known.then_some(Gives::NamedInPath)?
        }
        "POST" if template == "/api/2/apps" => Gives::App,
        _ => return None,
    };
    Some(found)
}

/// The things a call may add that a close takes away again. Empty for every other call.
#[must_use]
pub fn additions(
    method: &str,
    target: &Target,
    template: Option<&str>,
    body: Option<&Value>,
) -> Vec<Thing> {
    let (Some(gives), Some(body)) = (gives(method, template), body) else {
        return Vec::new();
    };
    let at = match target.upstream() {
        Upstream::Account => At::Account,
        Upstream::Workspace => At::Workspace,
    };
    let path = target.path().trim_end_matches('/').to_owned();
    match gives {
        Gives::Assignment => assignment(&path).into_iter().collect(),
        Gives::Scim => scim(at, &path, body),
        Gives::LegacyMember => legacy(body).into_iter().collect(),
        Gives::Permissions => permissions(&path, body),
        Gives::Grants => grants(&path, body),
        Gives::RuleSet => vec![Thing::RuleSet {
            at,
            path,
            name: text_of(&body["name"]),
        }],
        Gives::SecretAcl => vec![Thing::SecretAcl {
            scope: text_of(&body["scope"]),
            principal: text_of(&body["principal"]),
        }],
        Gives::NamedInBody => newer(at, &path, text_of(&body["principal_id"]))
            .into_iter()
            .collect(),
        Gives::NamedInPath => path
            .rsplit_once('/')
            .and_then(|(list, last)| newer(at, list, last.to_owned()))
            .into_iter()
            .collect(),
        Gives::App => app(body).into_iter().collect(),
    }
}

fn assignment(path: &str) -> Option<Thing> {
    let (list, principal) = path.split_once("/principals/")?;
    Some(Thing::Assignment {
        path: list.to_owned(),
        principal: principal.to_owned(),
    })
}

/// Rights given through the newer identity surface.
fn newer(at: At, list: &str, principal: String) -> Option<Thing> {
    if !is_plain_id(&principal) {
        return None;
    }
    let path = list.to_owned();
    Some(match list.rsplit('/').next()? {
        "direct-members" => Thing::DirectMember {
            at,
            path,
            principal,
        },
        _ => Thing::Entitlements {
            at,
            path,
            principal,
        },
    })
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
    for operation in list(body, "Operations") {
        read_operation(operation, &mut asked);
    }
    // PUT replaces the object: every right in it may be new, whatever stands beside.
    for attribute in RIGHTS {
        if body[attribute].is_array() {
            asked.push((attribute.to_owned(), values(&body[attribute])));
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

/// The values of a list of `{value}` or of texts; `None` for any other shape, and where a reader
/// may see another value than we do: then everything that was not there before counts.
fn values(value: &Value) -> Option<Held> {
    let items = value.as_array()?;
    items
        .iter()
        .map(|item| match item {
            Value::Object(members) => {
                let once = members
                    .keys()
                    .filter(|name| same_name(name, "value"))
                    .count()
                    == 1;
                members.get("value").filter(|_| once)
            }
            item => Some(item),
        })
        .map(|value| {
            value
                .filter(|value| value.is_string() || value.is_number())
                .map(text_of)
                .filter(|text| is_plain_value(text))
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
