//! SCIM 2.0 for users, groups and service principals, at workspace and account (facts §3).
//!
//! One directory serves both levels; groups are separate, account roles show at the account only.

mod directory;
mod filter;
mod list;
mod patch;

use std::sync::PoisonError;

use bytes::Bytes;
use hyper::StatusCode;
use serde_json::{Value, json};

use super::auth::Level;
use super::call::{Call, text};
use super::reply::{Handled, Reply};
use super::state::lock;

pub use directory::{Directory, Kind};

const CONTENT_TYPE: &str = "application/scim+json; charset=utf-8";

/// Routes below the SCIM base.
pub fn route(call: &Call<'_>, level: Level, rest: &[&str]) -> Handled {
    if let (["Me"], "GET") = (rest, call.method) {
        return me(call);
    }
    let kind = rest.first().and_then(|name| Kind::parse(name, level));
    let kind = kind.ok_or_else(|| call.no_endpoint())?;
    if call.method != "GET" && level == Level::Workspace {
        require_workspace_admin(call)?;
    }
    match (call.method, &rest[1..]) {
        ("GET", []) => list::list(call, kind),
        ("POST", []) => create(call, kind),
        ("GET", [id]) => Ok(scim(&find(call, kind, id)?)),
        ("PATCH", [id]) => change(call, kind, id, patch::apply),
        ("PUT", [id]) => change(call, kind, id, |object, body| {
            *object = body.clone();
            Ok(())
        }),
        ("DELETE", [id]) => remove(call, kind, id),
        _ => Err(call.no_endpoint()),
    }
}

fn scim(value: &Value) -> Reply {
    Reply {
        content_type: CONTENT_TYPE,
        ..Reply::json(value)
    }
}

/// The caller's own entry; ready-made for the break-glass principal.
fn me(call: &Call<'_>) -> Handled {
    let own = call.caller.subject == call.state.principal.application_id;
    if own && let Some(ready) = &*call.state.me.read().unwrap_or_else(PoisonError::into_inner) {
        return Ok(Reply::bytes(CONTENT_TYPE, vec![ready.clone()]));
    }
    let shown = lock(&call.state.directory).me(&call.caller.subject);
    let shown = shown.ok_or_else(|| Reply::missing("The caller is not in the directory"))?;
    let ready = Bytes::from(shown.to_string());
    if own {
        *call
            .state
            .me
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some(ready.clone());
    }
    Ok(Reply::bytes(CONTENT_TYPE, vec![ready]))
}

fn not_found(kind: Kind, id: &str) -> Reply {
    let detail = format!("{} with id {id} is not found", kind.word());
    Reply::scim_error(StatusCode::NOT_FOUND, "", detail)
}

fn find(call: &Call<'_>, kind: Kind, id: &str) -> Result<Value, Reply> {
    let number = id.parse::<u64>().map_err(|_| not_found(kind, id))?;
    let directory = lock(&call.state.directory);
    directory
        .shown(kind, number)
        .ok_or_else(|| not_found(kind, id))
}

fn create(call: &Call<'_>, kind: Kind) -> Handled {
    let mut body = call.json()?;
    let shown = {
        let mut directory = lock(&call.state.directory);
        let name = kind.naming_member();
        if kind.is_principal() && body.get(name).is_none() {
            body[name] = json!(super::clock::random_uuid());
        }
        let given = text(&body, name)?.to_owned();
        if directory
            .table(kind)
            .values()
            .any(|held| held[name] == json!(given))
        {
            let detail = format!("{} with name {given} already exists.", kind.word());
            return Err(Reply::scim_error(
                StatusCode::CONFLICT,
                "uniqueness",
                detail,
            ));
        }
        directory.insert(kind, body)
    };
    call.state.directory_changed();
    Ok(scim(&shown).with_status(StatusCode::CREATED))
}

fn change(
    call: &Call<'_>,
    kind: Kind,
    id: &str,
    apply: impl Fn(&mut Value, &Value) -> Result<(), Reply>,
) -> Handled {
    let body = call.json()?;
    find(call, kind, id)?;
    let shown = {
        let mut directory = lock(&call.state.directory);
        let number = id.parse::<u64>().map_err(|_| not_found(kind, id))?;
        let object = directory
            .table_mut(kind)
            .get_mut(&number)
            .ok_or_else(|| not_found(kind, id))?;
        // On a copy: a refused operation must not leave half of itself behind.
        let mut changed = object.clone();
        apply(&mut changed, &body)?;
        *object = changed;
        directory.shown(kind, number)
    };
    call.state.directory_changed();
    Ok(scim(&shown.unwrap_or_default()))
}

fn remove(call: &Call<'_>, kind: Kind, id: &str) -> Handled {
    find(call, kind, id)?;
    if let Ok(number) = id.parse::<u64>() {
        lock(&call.state.directory).table_mut(kind).remove(&number);
    }
    call.state.directory_changed();
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// Refuses callers that are not in the workspace group `admins`.
pub fn require_workspace_admin(call: &Call<'_>) -> Result<(), Reply> {
    if lock(&call.state.directory).is_workspace_admin(&call.caller.subject) {
        return Ok(());
    }
    Err(Reply::denied(
        "Only workspace admins may perform this action",
    ))
}

/// Refuses callers without the role `account_admin`.
pub fn require_account_admin(call: &Call<'_>) -> Result<(), Reply> {
    if lock(&call.state.directory).is_account_admin(&call.caller.subject) {
        return Ok(());
    }
    Err(Reply::denied(
        "This API is only available to account admins",
    ))
}

/// The legacy `groups/add-member`, `remove-member` and `list` (facts §3.5).
pub fn legacy_groups(call: &Call<'_>, rest: &[&str]) -> Handled {
    match (call.method, rest) {
        ("GET", ["list"]) => {
            let names = lock(&call.state.directory).group_names();
            Ok(Reply::json(&json!({"group_names": names})))
        }
        ("GET", ["list-members"]) => {
            let group = call.param("group_name").unwrap_or_default();
            let members = lock(&call.state.directory).legacy_members(group);
            let members =
                members.ok_or_else(|| Reply::missing(format!("Group {group} does not exist")))?;
            Ok(Reply::json(&json!({"members": members})))
        }
        ("POST", ["add-member" | "remove-member"]) => {
            require_workspace_admin(call)?;
            let body = call.json()?;
            let adds = rest == ["add-member"];
            let (parent, user) = (text(&body, "parent_name")?, text(&body, "user_name")?);
            let known = lock(&call.state.directory).legacy_member(parent, user, adds);
            if !known {
                return Err(Reply::missing(format!(
                    "Group {parent} or user {user} does not exist"
                )));
            }
            call.state.directory_changed();
            Ok(Reply::done())
        }
        _ => Err(call.no_endpoint()),
    }
}
