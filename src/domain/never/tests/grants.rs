//! Admins are made plainly, and only of people in `grants_to`.

use serde_json::{Value, json};

use super::super::{Grantee, NeverReason, Principal, forbidden};
use super::{APP, principal};
use crate::domain::risk::{Body, classify, settle};
use crate::domain::scope::CallFacts;
use crate::domain::target::canonicalise;

const ACCOUNT: &str = "/api/2.0/accounts/2f1c7a90-0000-4000-8000-000000000001";
const OLGA: &str = "4000000010";

fn named() -> Principal {
    Principal {
        grantees: vec![Grantee {
            person: "olga".parse().unwrap(),
            user_id: OLGA.to_owned(),
            user_name: "olga@example.com".to_owned(),
            keep: false,
        }],
        ..principal()
    }
}

fn judge(principal: &Principal, method: &str, raw: &str, body: &Value) -> Option<NeverReason> {
    let target = canonicalise(raw).unwrap();
    let classified = classify(method, &target);
    let body = Body::Json(body);
    let settled = settle(&classified, body).unwrap();
    let call = CallFacts {
        method,
        target: &target,
        classified: &classified,
        class: settled.class,
        sql: None,
        body,
        content_type: None,
        upgrade: false,
        target_account: true,
        target_workspace: true,
        account_id: None,
    };
    forbidden(&call, principal)
}

fn add(path: &str, value: &str) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "add", "path": path, "value": [{"value": value}]}]})
}

#[test]
fn people_of_the_terms_may_be_made_admins_in_the_three_plain_ways() {
    let assignment = format!("{ACCOUNT}/workspaces/9/permissionassignments/principals/{OLGA}");
    let user = format!("{ACCOUNT}/scim/v2/Users/{OLGA}");
    let admins = "/api/2.0/preview/scim/v2/Groups/900";
    let remove = json!({"Operations": [
        {"op": "remove", "path": format!("members[value eq \"{OLGA}\"]")}]});
    for (method, path, body) in [
        (
            "PUT",
            assignment.as_str(),
            json!({"permissions": ["ADMIN"]}),
        ),
        ("PATCH", user.as_str(), add("roles", "account_admin")),
        ("PATCH", admins, add("members", OLGA)),
        (
            "PATCH",
            admins,
            json!({"Operations": [
            {"op": "add", "value": {"members": [{"value": OLGA}]}}]}),
        ),
        ("PATCH", admins, remove),
    ] {
        assert_eq!(judge(&named(), method, path, &body), None, "{path}");
        assert!(
            judge(&principal(), method, path, &body).is_some(),
            "{path}: not in grants_to"
        );
    }
}

#[test]
fn nobody_else_and_nothing_else_comes_along() {
    let assignment = format!("{ACCOUNT}/workspaces/9/permissionassignments/principals/4711");
    let user = format!("{ACCOUNT}/scim/v2/Users/{OLGA}");
    let admins = "/api/2.0/preview/scim/v2/Groups/900";
    let two = json!({"Operations": [{"op": "add", "path": "members",
        "value": [{"value": OLGA}, {"value": "4000000001"}]}]});
    let renamed = json!({"displayName": "ops", "Operations": [
        {"op": "add", "path": "members", "value": [{"value": OLGA}]}]});
    let odd = json!({"Operations": [
        {"op": "add", "path": "members", "value": [{"value": OLGA, "type": APP}]}]});
    for (method, path, body) in [
        (
            "PUT",
            assignment.as_str(),
            json!({"permissions": ["ADMIN"]}),
        ),
        (
            "PATCH",
            user.as_str(),
            add("roles", "billing_admin_account_admin"),
        ),
        ("PATCH", admins, two),
        ("PATCH", admins, renamed),
        ("PATCH", admins, odd),
        ("PATCH", admins, add("members", "4711")),
        ("PUT", admins, json!({"members": [{"value": OLGA}]})),
        (
            "PATCH",
            "/api/2.0/preview/scim/v2/Groups/900?x=4711",
            add("members", OLGA),
        ),
    ] {
        assert!(
            judge(&named(), method, path, &body).is_some(),
            "{method} {path} {body}"
        );
    }
}
