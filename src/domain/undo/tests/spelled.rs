//! Rights in other spellings: each is found in full, or the call is beyond undo.

use proptest::prelude::*;

use super::*;

const MEMBERS: &str = "/api/2.0/preview/scim/v2/Groups/7";
const ACCOUNT_USER: &str = "/api/2.0/accounts/acc/scim/v2/Users/42";
const JOB: &str = "/api/2.0/permissions/jobs/7";
const CATALOG: &str = "/api/2.1/unity-catalog/permissions/catalog/main";
const SHARE: &str = "/api/2.1/unity-catalog/shares/night/permissions";
const RULES: &str = "/api/2.0/preview/accounts/access-control/rule-sets";
const ASSIGN: &str = "/api/2.0/accounts/acc/workspaces/9/permissionassignments/principals/42";
const DIRECT: &str = "/api/2.0/identity/groups/7/direct-members";
const DETAILS: &str = "/api/2.0/identity/workspace-assignment-details/42";
const LEGACY: &str = "/api/2.0/groups/add-member";
const SECRETS: &str = "/api/2.0/secrets/acls/put";

fn beyond(method: &str, path: &str, body: &Value) -> bool {
    let target = canonicalise(path).unwrap();
    let template = classify(method, &target).template();
    assert!(template.is_some(), "{path}");
    is_beyond_undo(method, &target, template, Some(body))
}

/// One call per way of giving a right, as the reference writes it, and how many things it adds.
fn plain() -> Vec<(&'static str, &'static str, Value, usize)> {
    let given = json!([{"value": "42"}]);
    let change = json!({"changes": [{"principal": "ada", "add": ["SELECT"]}]});
    vec![
        (
            "PATCH",
            MEMBERS,
            json!({"Operations": [{"op": "add", "path": "members", "value": given}]}),
            1,
        ),
        (
            "PATCH",
            ACCOUNT_USER,
            json!({"schemas": [], "Operations": [{"op": "add", "value": {"roles": given}}]}),
            1,
        ),
        (
            "PUT",
            MEMBERS,
            json!({"displayName": "ops", "members": given}),
            1,
        ),
        (
            "PUT",
            ACCOUNT_USER,
            json!({"entitlements": given, "groups": given}),
            2,
        ),
        (
            "PUT",
            JOB,
            json!({"access_control_list": [{"user_name": "ada", "permission_level": "CAN_VIEW"}]}),
            1,
        ),
        ("PATCH", CATALOG, change.clone(), 1),
        ("PATCH", SHARE, change, 1),
        (
            "PUT",
            RULES,
            json!({"name": "n", "rule_set": {"name": "n", "etag": ""}}),
            1,
        ),
        ("PUT", ASSIGN, json!({"permissions": ["USER"]}), 1),
        ("POST", DIRECT, json!({"principal_id": 42}), 1),
        (
            "PATCH",
            DETAILS,
            json!({"entitlements": ["WORKSPACE_ACCESS"]}),
            1,
        ),
        (
            "POST",
            LEGACY,
            json!({"parent_name": "ops", "user_name": "ada"}),
            1,
        ),
        (
            "POST",
            SECRETS,
            json!({"scope": "etl", "principal": "ada", "permission": "READ"}),
            1,
        ),
        ("POST", "/api/2.0/apps", json!({"name": "night"}), 1),
    ]
}

#[test]
fn every_right_in_the_spelling_of_the_reference_is_found_and_passes() {
    for (method, path, body, things) in plain() {
        assert_eq!(found(method, path, &body).len(), things, "{path} {body}");
        assert!(!beyond(method, path, &body), "{path} {body}");
    }
}

#[test]
fn rights_in_spellings_that_could_be_missed_are_beyond_undo() {
    let given = json!([{"value": "42"}]);
    let operation = json!({"op": "add", "path": "members", "value": given});
    let patch = |operation: Value| json!({"Operations": [operation]});
    let urn = "urn:ietf:params:scim:schemas:core:2.0:Group";
    let acl = json!([{"user_name": "ada", "permission_level": "CAN_MANAGE"}]);
    let entry = |entry: Value| json!({"access_control_list": [entry]});
    let add = json!({"principal": "ada", "add": ["SELECT"]});
    let change = |change: Value| json!({"changes": [change]});
    let cases = [
        ("PATCH", MEMBERS, json!({"operations": [operation]})),
        ("PATCH", MEMBERS, json!({"Operations": operation})),
        ("PATCH", MEMBERS, json!({"Operations": ["add"]})),
        ("PATCH", MEMBERS, json!([operation])),
        (
            "PATCH",
            MEMBERS,
            patch(json!({"Op": "add", "Path": "members", "Value": given})),
        ),
        (
            "PATCH",
            MEMBERS,
            patch(json!({"op": "remove", "Op": "add", "path": "members", "value": given})),
        ),
        (
            "PATCH",
            MEMBERS,
            patch(json!({"op": "add", "path": format!("{urn}:members"), "value": given})),
        ),
        (
            "PATCH",
            MEMBERS,
            patch(json!({"op": "add", "path": "Members", "value": given})),
        ),
        (
            "PATCH",
            MEMBERS,
            patch(json!({"op": "add", "path": "member\u{17f}", "value": given})),
        ),
        (
            "PATCH",
            MEMBERS,
            patch(json!({"op": "add", "path": ["members"], "value": given})),
        ),
        (
            "PATCH",
            MEMBERS,
            patch(json!({"op": "add", "value": {"Members": given}})),
        ),
        (
            "PATCH",
            MEMBERS,
            patch(json!({"op": "add", "value": {urn: {"members": given}}})),
        ),
        (
            "PATCH",
            MEMBERS,
            patch(json!({"op": "add", "value": [{"members": given}]})),
        ),
        ("PUT", MEMBERS, json!({"Members": given})),
        ("PUT", MEMBERS, json!({"members": {"value": "42"}})),
        ("PUT", MEMBERS, json!({urn: {"members": given}})),
        ("PUT", JOB, json!({"accessControlList": acl})),
        ("PUT", JOB, json!({"access_control_list": acl[0]})),
        (
            "PATCH",
            JOB,
            entry(json!({"userName": "ada", "permission_level": "CAN_MANAGE"})),
        ),
        (
            "PATCH",
            JOB,
            entry(json!({"user_name": "ada", "group_name": "ops"})),
        ),
        (
            "PATCH",
            JOB,
            entry(json!({"user_name": "ada", "groupName": "ops"})),
        ),
        (
            "PATCH",
            JOB,
            entry(json!({"permission_level": "CAN_MANAGE"})),
        ),
        ("PATCH", CATALOG, json!({"Changes": [add]})),
        ("PATCH", CATALOG, json!({"changes": add})),
        (
            "PATCH",
            CATALOG,
            change(json!({"principal": "ada", "Add": ["SELECT"]})),
        ),
        (
            "PATCH",
            CATALOG,
            change(json!({"principal": "ada", "add": "SELECT"})),
        ),
        (
            "PATCH",
            CATALOG,
            change(json!({"principal": "ada", "add": ["all privileges"]})),
        ),
        (
            "PATCH",
            CATALOG,
            change(json!({"principal_id": 42, "add": ["SELECT"]})),
        ),
        (
            "PATCH",
            SHARE,
            change(json!({"Principal": "ada", "add": ["SELECT"]})),
        ),
        ("PATCH", SHARE, json!([add])),
        ("PUT", RULES, json!({"Name": "n", "rule_set": {}})),
        (
            "PUT",
            RULES,
            json!({"name": "n", "rule_set": {"name": "other"}}),
        ),
        ("PUT", RULES, json!({"name": "n", "ruleSet": {}})),
        ("PUT", ASSIGN, json!({"Permissions": ["USER"]})),
        (
            "PATCH",
            DETAILS,
            json!({"Entitlements": ["WORKSPACE_ACCESS"]}),
        ),
        (
            "POST",
            LEGACY,
            json!({"parentName": "ops", "user_name": "ada"}),
        ),
        (
            "POST",
            LEGACY,
            json!({"parent_name": "ops", "userName": "ada"}),
        ),
        (
            "POST",
            LEGACY,
            json!({"parent_name": "ops", "user_name": "ada", "group_name": "a"}),
        ),
        ("POST", SECRETS, json!({"scope": "etl", "Principal": "ada"})),
        ("POST", SECRETS, json!({"Scope": "etl", "principal": "ada"})),
        ("POST", "/api/2.0/apps", json!({"Name": "night"})),
        ("POST", "/api/2.0/apps", json!({"name": "../x"})),
    ];
    for (method, path, body) in cases {
        assert!(beyond(method, path, &body), "{method} {path} {body}");
    }
}

#[test]
fn removals_and_what_is_no_right_pass_without_a_row() {
    let patch = |operation: Value| json!({"Operations": [operation]});
    for (path, body) in [
        (
            MEMBERS,
            patch(json!({"op": "Remove", "path": "members[value eq \"1\"]"})),
        ),
        (
            MEMBERS,
            patch(json!({"op": "replace", "path": "displayName", "value": "ops"})),
        ),
        (
            MEMBERS,
            patch(json!({"op": "replace", "value": {"displayName": "ops"}})),
        ),
        (
            ACCOUNT_USER,
            patch(json!({"op": "replace", "path": "name.givenName", "value": "A"})),
        ),
        (JOB, json!({"access_control_list": []})),
        (
            CATALOG,
            json!({"changes": [{"principal": "ada", "remove": ["SELECT"]}]}),
        ),
        (
            SHARE,
            json!({"changes": [{"principal": "ada", "remove": ["SELECT"]}]}),
        ),
    ] {
        assert!(found("PATCH", path, &body).is_empty(), "{body}");
        assert!(!beyond("PATCH", path, &body), "{body}");
    }
}

#[test]
fn a_share_loses_the_privileges_that_were_added_to_a_recipient() {
    let body = json!({"changes": [{"principal": "Partner", "add": ["SELECT"]}]});
    let thing = only("PATCH", SHARE, &body);
    assert_eq!(thing.words(), "privileges on shares/night");
    let read = thing.read();
    assert_eq!((read.path.as_str(), read.query.len()), (SHARE, 0));
    let reply = json!({"privilege_assignments": [
        {"principal": "partner", "privileges": ["SELECT"]},
        {"principal": "other", "privileges": ["SELECT"]}]});
    let write = thing.undo(&held(&[]), Some(&reply)).unwrap();
    assert_eq!((write.method, write.path.as_str()), ("PATCH", SHARE));
    assert_eq!(
        write.body,
        Some(json!({"changes": [{"principal": "Partner", "remove": ["SELECT"]}]}))
    );
}

#[test]
fn a_member_whose_number_is_written_otherwise_makes_every_new_member_count() {
    for value in [
        json!([{"value": "042"}]),
        json!([{"value": "٤٢"}]),
        json!([{"value": 42.0}]),
        json!([{"value": "42", "Value": "43"}]),
        json!({"value": "42"}),
    ] {
        let body = json!({"Operations": [{"op": "add", "path": "members", "value": value}]});
        let thing = only("PATCH", MEMBERS, &body);
        let reply = json!({"members": [{"value": "42"}, {"value": "7"}]});
        assert_eq!(thing.held(Some(&reply)), held(&["42", "7"]), "{value}");
    }
}

#[test]
fn names_in_another_case_are_read_back_as_the_same_person() {
    let body = json!({"access_control_list": [{"user_name": "ADA@example.com"}]});
    let thing = only("PATCH", JOB, &body);
    let reply = json!({"access_control_list": [{"user_name": "ada@example.com",
        "all_permissions": [{"permission_level": "CAN_MANAGE"}]}]});
    assert_eq!(thing.held(Some(&reply)), held(&["CAN_MANAGE"]));
    let assigned = only("PUT", ASSIGN, &json!({"permissions": ["USER"]}));
    let reply = json!({"permission_assignments": [
        {"permissions": ["USER"], "principal": {"principal_id": 42}}]});
    assert_eq!(assigned.held(Some(&reply)), held(&["USER"]));
}

/// Turns the case of some letters.
fn turned(text: &str, flips: &mut std::vec::IntoIter<bool>) -> String {
    let turn = |c: char| match flips.next() {
        Some(true) if c.is_ascii_lowercase() => c.to_ascii_uppercase(),
        Some(true) => c.to_ascii_lowercase(),
        _ => c,
    };
    text.chars().map(turn).collect()
}

/// Flips the case of letters of every member name, and of the attribute in a `path`.
fn flipped(value: &Value, flips: &mut std::vec::IntoIter<bool>) -> Value {
    match value {
        Value::Object(members) => {
            let mut all = serde_json::Map::new();
            for (name, member) in members {
                let member = match member {
                    Value::String(path) if name == "path" => Value::from(turned(path, flips)),
                    member => flipped(member, flips),
                };
                all.insert(turned(name, flips), member);
            }
            Value::Object(all)
        }
        Value::Array(items) => items.iter().map(|item| flipped(item, flips)).collect(),
        other => other.clone(),
    }
}

/// Whether each thing asked for is found; where the values are not plain, every value counts.
fn covers(found: Vec<Thing>, asked: Vec<Thing>) -> bool {
    let all = |thing: Thing| match thing {
        Thing::Values {
            at,
            path,
            attribute,
            ..
        } => Thing::Values {
            at,
            path,
            attribute,
            asked: None,
        },
        other => other,
    };
    found.len() == asked.len()
        && found
            .into_iter()
            .zip(asked)
            .all(|(found, asked)| found == asked || found == all(asked))
}

proptest! {
    #[test]
    fn no_case_of_any_letter_hides_a_right(
        which in 0..plain().len(),
        flips in proptest::collection::vec(proptest::bool::weighted(0.1), 400),
    ) {
        let (method, path, body, _) = plain().swap_remove(which);
        let other = flipped(&body, &mut flips.into_iter());
        let covered = covers(found(method, path, &other), found(method, path, &body));
        prop_assert!(covered || beyond(method, path, &other), "{method} {path} {other}");
    }
}
