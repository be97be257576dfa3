//! Each thing: what a call adds is found, read, and taken away without touching the rest.

use serde_json::{Value, json};

use super::*;
use crate::domain::risk::classify;
use crate::domain::target::canonicalise;

fn held(values: &[&str]) -> Held {
    values.iter().map(|value| (*value).to_owned()).collect()
}

fn found(method: &str, path: &str, body: &Value) -> Vec<Thing> {
    let target = canonicalise(path).unwrap();
    let classified = classify(method, &target);
    additions(method, &target, classified.template(), Some(body))
}

fn only(method: &str, path: &str, body: &Value) -> Thing {
    let mut things = found(method, path, body);
    assert_eq!(things.len(), 1, "{things:?}");
    things.remove(0)
}

mod spelled;

#[test]
fn an_assignment_goes_back_to_what_it_was_and_an_admin_of_before_stays() {
    let path = "/api/2.0/accounts/acc/workspaces/9/permissionassignments/principals/42";
    let thing = only("PUT", path, &json!({"permissions": ["ADMIN"]}));
    let reply = json!({"permission_assignments": [
        {"permissions": ["ADMIN"], "principal": {"principal_id": 42}},
        {"permissions": ["USER"], "principal": {"principal_id": 7}},
    ]});
    assert_eq!(thing.held(Some(&reply)), held(&["ADMIN"]));
    let undo = |before: &[&str]| thing.undo(&held(before), Some(&reply));
    assert_eq!(undo(&[]).unwrap().method, "DELETE");
    let back = undo(&["USER"]).unwrap();
    assert_eq!((back.method, back.path.as_str()), ("PUT", path));
    assert_eq!(back.body, Some(json!({"permissions": ["USER"]})));
    assert_eq!(undo(&["ADMIN"]), None);
    assert_eq!(thing.undo(&held(&[]), None), None, "gone already");
}

#[test]
fn members_are_found_in_all_shapes_and_only_the_added_ones_are_removed() {
    let path = "/api/2.0/preview/scim/v2/Groups/1003";
    let entries = json!([{"value": "42"}, {"value": "1"}]);
    for operation in [
        json!({"op": "add", "path": "members", "value": entries}),
        json!({"op": "Add", "value": {"members": entries}}),
        json!({"op": "replace", "path": "members", "value": entries}),
    ] {
        let thing = only("PATCH", path, &json!({"Operations": [operation]}));
        assert_eq!(thing.people(), ["1", "42"]);
        let reply = json!({"members": [{"value": "1"}, {"value": "42"}, {"value": "99"}]});
        let write = thing.undo(&held(&["1"]), Some(&reply)).unwrap();
        assert_eq!(
            write.body.unwrap()["Operations"],
            json!([{"op": "remove", "path": "members[value eq \"42\"]"}])
        );
    }
    let removal = json!({"Operations": [{"op": "remove", "path": "members[value eq \"1\"]"}]});
    assert!(found("PATCH", path, &removal).is_empty());
}

#[test]
fn a_permission_is_put_back_for_one_name_and_the_others_keep_theirs() {
    let path = "/api/2.0/permissions/jobs/7";
    let body = json!({"access_control_list": [
        {"user_name": "ada@example.com", "permission_level": "CAN_MANAGE"}]});
    let thing = only("PATCH", path, &body);
    let entry = |member: &str, name: &str, level: &str, inherited: bool| {
        json!({member: name,
            "all_permissions": [{"permission_level": level, "inherited": inherited}]})
    };
    let reply = json!({"access_control_list": [
        entry("service_principal_name", "app", "IS_OWNER", false),
        entry("user_name", "ada@example.com", "CAN_MANAGE", false),
        entry("group_name", "admins", "CAN_MANAGE", true),
    ]});
    let write = thing.undo(&held(&["CAN_VIEW"]), Some(&reply)).unwrap();
    assert_eq!(
        write.body.unwrap()["access_control_list"],
        json!([
            {"service_principal_name": "app", "permission_level": "IS_OWNER"},
            {"user_name": "ada@example.com", "permission_level": "CAN_VIEW"},
        ])
    );
}

#[test]
fn privileges_that_were_held_before_stay() {
    let path = "/api/2.1/unity-catalog/permissions/catalog/main";
    let body = json!({"changes": [{"principal": "ada", "add": ["SELECT", "MODIFY"]}]});
    let thing = only("PATCH", path, &body);
    let reply = json!({"privilege_assignments": [
        {"principal": "ada", "privileges": ["SELECT", "MODIFY", "USE_CATALOG"]}]});
    let write = thing.undo(&held(&["SELECT"]), Some(&reply)).unwrap();
    assert_eq!(
        write.body,
        Some(json!({"changes": [{"principal": "ada", "remove": ["MODIFY"]}]}))
    );
}

#[test]
fn a_rule_set_loses_the_added_pairs_under_its_newest_etag() {
    let path = "/api/2.0/preview/accounts/access-control/rule-sets";
    let thing = only("PUT", path, &json!({"name": "n", "rule_set": {}}));
    let reply = json!({"etag": "e2", "grant_rules": [
        {"role": "roles/x", "principals": ["users/a", "users/b"]}]});
    let write = thing
        .undo(&held(&["roles/x|users/a"]), Some(&reply))
        .unwrap();
    assert_eq!(
        write.body.unwrap()["rule_set"],
        json!({"name": "n", "etag": "e2",
            "grant_rules": [{"role": "roles/x", "principals": ["users/a"]}]})
    );
}

#[test]
fn secret_scopes_apps_and_old_groups_have_their_own_ways_back() {
    let acl = json!({"scope": "etl", "principal": "ada", "permission": "MANAGE"});
    let thing = only("POST", "/api/2.0/secrets/acls/put", &acl);
    let now = json!({"principal": "ada", "permission": "MANAGE"});
    let path = |before: &[&str]| thing.undo(&held(before), Some(&now)).unwrap().path;
    assert_eq!(path(&[]), "/api/2.0/secrets/acls/delete");
    assert_eq!(path(&["READ"]), "/api/2.0/secrets/acls/put");
    let thing = only("POST", "/api/2.0/apps", &json!({"name": "night"}));
    let write = thing.undo(&held(&[]), Some(&json!({}))).unwrap();
    assert_eq!(
        (write.method, write.path.as_str()),
        ("DELETE", "/api/2.0/apps/night")
    );
    assert!(found("POST", "/api/2.0/apps", &json!({"name": "../x"})).is_empty());
    let body = json!({"parent_name": "ops", "user_name": "ada"});
    let thing = only("POST", "/api/2.0/groups/add-member", &body);
    let now = json!({"members": [{"user_name": "ada"}]});
    let write = thing.undo(&held(&[]), Some(&now)).unwrap();
    assert_eq!(write.path, "/api/2.0/groups/remove-member");
    assert_eq!(write.body, Some(body));
}

#[test]
fn things_survive_their_row_and_their_words_name_no_person() {
    let body = json!({"access_control_list": [
        {"user_name": "ada@example.com", "permission_level": "CAN_MANAGE"}]});
    let thing = only("PATCH", "/api/2.0/permissions/jobs/7", &body);
    let text = serde_json::to_string(&thing).unwrap();
    assert_eq!(serde_json::from_str::<Thing>(&text).unwrap(), thing);
    assert_eq!(thing.words(), "permission on jobs/7");
}

#[test]
fn a_direct_member_of_the_newer_surface_is_found_and_deleted_only_when_she_was_none_before() {
    let lists = [
        "/api/2.0/identity/groups/7/direct-members",
        "/api/2.0/identity/accounts/acc/groups/7/direct-members",
    ];
    for list in lists {
        let thing = only("POST", list, &json!({"principal_id": 42}));
        assert_eq!(thing.people(), ["42"]);
        assert_eq!(thing.read().path, format!("{list}/42"));
        assert_eq!(thing.words(), "a member of group 7");
        let reply = json!({"group_id": 7, "principal_id": 42});
        let write = thing.undo(&held(&[]), Some(&reply)).unwrap();
        assert_eq!(
            (write.method, write.path, write.body),
            ("DELETE", format!("{list}/42"), None)
        );
        assert_eq!(thing.undo(&held(&["member"]), Some(&reply)), None);
        assert_eq!(thing.undo(&held(&[]), None), None, "gone already");
    }
}

#[test]
fn an_assignment_of_the_newer_surface_goes_or_loses_what_was_added() {
    let list = "/api/2.0/identity/accounts/acc/workspaces/9/workspace-assignments";
    let asked = json!({"principal_id": "42", "entitlements": ["WORKSPACE_ADMIN"]});
    let given = only("POST", list, &asked);
    let one = format!("{list}/42");
    let changed = only("PATCH", &one, &json!({"entitlements": ["WORKSPACE_ADMIN"]}));
    assert_eq!(given, changed);
    assert_eq!(given.words(), "assignment of principal 42 to workspace 9");
    let reply = json!({"entitlements": ["WORKSPACE_ADMIN", "WORKSPACE_ACCESS"]});
    assert_eq!(
        given.undo(&held(&[]), Some(&reply)).unwrap().method,
        "DELETE"
    );
    // She had two; one was taken away by somebody else and stays away.
    let before = held(&["assigned", "WORKSPACE_ACCESS", "DATABRICKS_SQL_ACCESS"]);
    let write = given.undo(&before, Some(&reply)).unwrap();
    assert_eq!(write.method, "PATCH");
    assert_eq!(write.path, format!("{one}?update_mask=entitlements"));
    assert_eq!(
        write.body,
        Some(json!({"entitlements": ["WORKSPACE_ACCESS"]}))
    );
    let all = held(&["assigned", "WORKSPACE_ACCESS", "WORKSPACE_ADMIN"]);
    assert_eq!(given.undo(&all, Some(&reply)), None);
}

#[test]
fn a_principal_that_is_no_number_makes_no_path() {
    let list = "/api/2.0/identity/groups/7/direct-members";
    for id in [json!("4/../2"), json!(""), json!(null)] {
        assert!(found("POST", list, &json!({"principal_id": id})).is_empty());
    }
}

#[test]
fn whoever_is_given_a_right_is_named_plainly_or_the_call_is_beyond_undo() {
    let lists = [
        "/api/2.0/identity/groups/7/direct-members",
        "/api/2.0/identity/accounts/acc/groups/7/direct-members",
        "/api/2.0/identity/workspace-assignments",
        "/api/2.0/identity/accounts/acc/workspaces/9/workspace-assignment-details",
    ];
    for list in lists {
        let beyond = |method: &str, body: Option<&Value>| {
            let target = canonicalise(list).unwrap();
            let template = classify(method, &target).template();
            assert!(template.is_some(), "{list}");
            is_beyond_undo(method, &target, template, body)
        };
        for plain in [json!({"principal_id": 42}), json!({"principal_id": "42"})] {
            assert!(!beyond("POST", Some(&plain)), "{list} {plain}");
        }
        for strange in [
            json!({"principal_id": 42.0}),
            json!({"principal_id": "4.2e1"}),
            json!({"principal_id": [42]}),
            json!({"principalId": 42}),
            json!({"principal_id": 42, "principalId": 43}),
            json!([{"principal_id": 42}]),
            json!({}),
        ] {
            assert!(beyond("POST", Some(&strange)), "{list} {strange}");
        }
        assert!(beyond("POST", None));
        assert!(!beyond("GET", None));
    }
}
