//! The write that brings the former state of a thing back, and nothing of what somebody else did
//! meanwhile. When it is due and whether it worked is `app`'s.

use serde_json::{Value, json};

use super::{
    ACLS, APPS, ASSIGNED, At, Held, LEGACY, Thing, Who, direct, is_named, list, text_of, texts,
};

/// One write that undoes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Host.
    pub at: At,
    /// Method.
    pub method: &'static str,
    /// Path.
    pub path: String,
    /// JSON body; `None` for a DELETE.
    pub body: Option<Value>,
}

impl Thing {
    /// The write that brings `before` back, given the newest reply; `None` when nothing was added.
    #[must_use]
    pub fn undo(&self, before: &Held, reply: Option<&Value>) -> Option<Write> {
        let added = self.added(before, &self.held(reply));
        if added.is_empty() {
            return None;
        }
        let (method, path, body) = match self {
            Self::Assignment { path, principal } => {
                let path = format!("{path}/principals/{principal}");
                if before.is_empty() {
                    ("DELETE", path, None)
                } else {
                    ("PUT", path, Some(json!({ "permissions": before })))
                }
            }
            Self::Values {
                path, attribute, ..
            } => ("PATCH", path.clone(), Some(removal(attribute, &added))),
            Self::LegacyMember { group, who } => (
                "POST",
                format!("{LEGACY}/remove-member"),
                Some(json!({"parent_name": group, who.member.as_str(): who.name})),
            ),
            Self::Permission { path, who } => (
                "PUT",
                path.clone(),
                Some(json!({"access_control_list": restored(reply?, who, before)})),
            ),
            Self::Grant {
                path, principal, ..
            } => (
                "PATCH",
                path.clone(),
                Some(json!({"changes": [{"principal": principal, "remove": added}]})),
            ),
            Self::RuleSet { path, name, .. } => {
                ("PUT", path.clone(), Some(without(reply?, name, &added)))
            }
            Self::SecretAcl { scope, principal } => match before.first() {
                None => (
                    "POST",
                    format!("{ACLS}/delete"),
                    Some(json!({"scope": scope, "principal": principal})),
                ),
                Some(level) => (
                    "POST",
                    format!("{ACLS}/put"),
                    Some(json!({"scope": scope, "principal": principal, "permission": level})),
                ),
            },
            Self::App { name } => ("DELETE", format!("{APPS}/{name}"), None),
            Self::DirectMember {
                path, principal, ..
            } => ("DELETE", format!("{path}/{principal}"), None),
            Self::Entitlements {
                path, principal, ..
            } if before.is_empty() => ("DELETE", format!("{path}/{principal}"), None),
            Self::Entitlements {
                path, principal, ..
            } => {
                // What somebody took away meanwhile stays away: only what was there before and
                // still is.
                let now = self.held(reply);
                let kept: Vec<&String> = now
                    .intersection(before)
                    .filter(|one| *one != ASSIGNED)
                    .collect();
                (
                    "PATCH",
                    format!("{path}/{principal}?update_mask=entitlements"),
                    Some(json!({ "entitlements": kept })),
                )
            }
        };
        Some(Write {
            at: self.at(),
            method,
            path,
            body,
        })
    }
}

/// A SCIM PATCH that removes values of an attribute (facts §3.2).
fn removal(attribute: &str, values: &Held) -> Value {
    let operations: Vec<Value> = values
        .iter()
        .map(|value| {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            json!({"op": "remove", "path": format!("{attribute}[value eq \"{value}\"]")})
        })
        .collect();
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": operations,
    })
}

/// The whole access list as it is now, but for one name, which gets its former levels.
fn restored(reply: &Value, who: &Who, before: &Held) -> Vec<Value> {
    let mut entries = Vec::new();
    for entry in list(reply, "access_control_list") {
        let member = ["user_name", "group_name", "service_principal_name"]
            .into_iter()
            .find(|member| entry[*member].is_string());
        let Some(member) = member else { continue };
        if member == who.member && is_named(&entry[member], &who.name) {
            continue;
        }
        for level in direct(entry) {
            entries.push(json!({member: entry[member], "permission_level": level}));
        }
    }
    for level in before {
        entries.push(json!({who.member.as_str(): who.name, "permission_level": level}));
    }
    entries
}

/// The rule set without the pairs that were added; its newest etag guards the write.
fn without(reply: &Value, name: &str, added: &Held) -> Value {
    let rules: Vec<Value> = list(reply, "grant_rules")
        .filter_map(|rule| {
            let role = text_of(&rule["role"]);
            let mut principals = texts(&rule["principals"]);
            principals.retain(|who| !added.contains(&format!("{role}|{who}")));
            (!principals.is_empty()).then(|| json!({"role": role, "principals": principals}))
        })
        .collect();
    json!({"name": name, "rule_set": {"name": name, "etag": reply["etag"], "grant_rules": rules}})
}
