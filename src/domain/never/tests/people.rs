use super::*;

#[test]
fn writes_that_name_the_principal_in_the_path_are_never() {
    for (method, raw) in [
        (
            "DELETE",
            "/api/2.0/accounts/a/servicePrincipals/4711/credentials/secrets/x",
        ),
        (
            "PATCH",
            "/api/2.0/accounts/a/scim/v2/ServicePrincipals/4711",
        ),
        ("DELETE", "/api/2.0/preview/scim/v2/ServicePrincipals/4711"),
        (
            "PUT",
            "/api/2.0/accounts/a/workspaces/1/permissionassignments/principals/4711",
        ),
        (
            "DELETE",
            "/api/2.0/accounts/a/workspaces/1/permissionassignments/principals/4711",
        ),
        ("DELETE", "/api/2.0/identity/groups/1/direct-members/4711"),
        (
            "PATCH",
            "/api/2.0/identity/accounts/a/service-principals/4711",
        ),
    ] {
        assert_eq!(
            bare(method, raw),
            Some(NeverReason::Principal),
            "{method} {raw}"
        );
    }
    assert_eq!(
        bare("GET", "/api/2.0/accounts/a/scim/v2/ServicePrincipals/4711"),
        None
    );
    assert_eq!(
        bare(
            "DELETE",
            "/api/2.0/accounts/a/scim/v2/ServicePrincipals/47110"
        ),
        None
    );
    assert_eq!(
        with("POST", "/api/2.2/jobs/delete", json!({"job_id": 4711})),
        None
    );
}

#[test]
fn members_in_the_body_are_read() {
    let group = "/api/2.0/preview/scim/v2/Groups/1";
    let add = |id: &str| json!({"Operations": [{"op": "add", "path": "members", "value": [{"value": id}]}]});
    let add_sdk =
        |id: &str| json!({"Operations": [{"op": "add", "value": {"members": [{"value": id}]}}]});
    let remove = json!({"Operations": [{"op": "remove", "path": "members[value eq \"4711\"]"}]});
    assert_eq!(
        with("PATCH", group, add("4711")),
        Some(NeverReason::Principal)
    );
    assert_eq!(
        with("PATCH", group, add_sdk("4711")),
        Some(NeverReason::Principal)
    );
    assert_eq!(with("PATCH", group, remove), Some(NeverReason::Principal));
    assert_eq!(
        with("PATCH", group, json!({"members": [{"value": 4711}]})),
        Some(NeverReason::Principal)
    );
    assert_eq!(with("PATCH", group, add("42")), None);
    assert_eq!(
        judge("PATCH", group, Body::Unread, None),
        Some(NeverReason::Principal)
    );
}

#[test]
fn the_principals_own_groups_and_admin_groups_are_never_touched() {
    for (method, raw) in [
        ("PATCH", "/api/2.0/preview/scim/v2/Groups/900"),
        ("DELETE", "/api/2.0/accounts/a/scim/v2/Groups/900"),
        ("POST", "/api/2.0/identity/groups/900/direct-members"),
    ] {
        assert_eq!(
            bare(method, raw),
            Some(NeverReason::ProtectedGroup),
            "{method} {raw}"
        );
    }
    let nest =
        json!({"Operations": [{"op": "add", "path": "members", "value": [{"value": "900"}]}]});
    assert_eq!(
        with("PATCH", "/api/2.0/preview/scim/v2/Groups/1", nest),
        Some(NeverReason::ProtectedGroup)
    );
}

#[test]
fn a_protected_group_is_known_by_its_name_where_old_routes_take_names() {
    let old = |what: &str, body: Value| with("POST", &format!("/api/2.0/groups/{what}"), body);
    let protected = Some(NeverReason::ProtectedGroup);
    for name in ["Night keepers", "night KEEPERS", " Night keepers "] {
        assert_eq!(old("delete", json!({"group_name": name})), protected);
        assert_eq!(old("delete", json!({"groupName": name})), protected);
        let member = json!({"parent_name": name, "user_name": "rio@example.test"});
        assert_eq!(old("add-member", member.clone()), protected);
        assert_eq!(old("remove-member", member), protected);
        let nested = json!({"parent_name": "ops", "group_name": name});
        assert_eq!(old("add-member", nested), protected);
    }
    let query = "/api/2.0/groups/delete?group_name=night%20keepers";
    assert_eq!(bare("POST", query), protected);
    assert_eq!(old("delete", json!({"group_name": "day keepers"})), None);
    let list = "/api/2.0/groups/list-members?group_name=Night%20keepers";
    assert_eq!(bare("GET", list), None);
}

#[test]
fn rule_sets_permissions_and_grants_that_name_the_principal_are_never() {
    let name = format!("accounts/a/servicePrincipals/{APP}/ruleSets/default");
    assert_eq!(
        with(
            "PUT",
            "/api/2.0/preview/accounts/a/access-control/rule-sets",
            json!({"name": name})
        ),
        Some(NeverReason::Principal)
    );
    let acl = json!({"access_control_list": [{"service_principal_name": APP.to_uppercase()}]});
    assert_eq!(
        with("PUT", "/api/2.0/permissions/jobs/1", acl),
        Some(NeverReason::Principal)
    );
    let grant = json!({"statement": format!("GRANT ALL ON t TO `{APP}`")});
    assert_eq!(
        with("POST", "/api/2.0/sql/statements", grant),
        Some(NeverReason::Principal)
    );
    let read = json!({"statement": format!("SELECT * FROM audit WHERE who = '{APP}'")});
    assert_eq!(with("POST", "/api/2.0/sql/statements", read), None);
}

#[test]
fn admin_roles_and_admin_groups_by_name_are_never() {
    let role = json!({"Operations": [{"op": "add", "path": "roles", "value": [{"value": "account_admin"}]}]});
    let take =
        json!({"Operations": [{"op": "remove", "path": "roles[value eq \"account_admin\"]"}]});
    let users = "/api/2.0/accounts/a/scim/v2/Users/7";
    assert_eq!(with("PATCH", users, role), Some(NeverReason::AdminRole));
    assert_eq!(with("PATCH", users, take), Some(NeverReason::AdminRole));
    let assign = "/api/2.0/accounts/a/workspaces/1/permissionassignments/principals/7";
    assert_eq!(
        with("PUT", assign, json!({"permissions": ["ADMIN"]})),
        Some(NeverReason::AdminRole)
    );
    assert_eq!(with("PUT", assign, json!({"permissions": ["USER"]})), None);
    let member = json!({"parent_name": "admins", "user_name": "rio@example.test"});
    assert_eq!(
        with("POST", "/api/2.0/groups/add-member", member),
        Some(NeverReason::AdminRole)
    );
    let rules = json!({"rule_set": {"grant_rules": [{"role": "roles/billing.admin"}]}});
    assert_eq!(
        with(
            "PUT",
            "/api/2.0/preview/accounts/a/access-control/rule-sets",
            rules
        ),
        Some(NeverReason::AdminRole)
    );
    let named = json!({"displayName": "Ada", "userName": "admin@example.test"});
    assert_eq!(
        with("POST", "/api/2.0/accounts/a/scim/v2/Users", named),
        None
    );
}

/// Writes whose path names a principal or a group by its number.
fn by_number() -> impl Iterator<Item = (&'static str, String)> {
    const IDS: [&str; 6] = [
        "{id}",
        "{principal_id}",
        "{service_principal_id}",
        "{user_id}",
        "{group_id}",
        "{recipient_id}",
    ];
    let family = [
        "/scim/v2/",
        "/identity/",
        "/permissionassignments/",
        "servicePrincipals",
    ];
    crate::domain::risk::all_routes()
        .iter()
        .filter(|route| route.method != "GET" && route.class != Class::Never)
        .filter(move |route| family.iter().any(|word| route.template.contains(word)))
        .filter_map(|route| {
            let at = IDS.iter().find(|id| route.template.contains(**id))?;
            let path = route.template.replacen("/api/2/", "/api/2.0/", 1);
            let path = path.replacen(at, "ID", 1).replace("{account_id}", "a");
            let path = path
                .replace("{workspace_id}", "1")
                .replace("{secret_id}", "s");
            let path = path.replace("{principal_id}", "8");
            (!path.contains('{')).then_some((route.method, path))
        })
}

#[test]
fn an_id_written_otherwise_is_no_other_id_on_any_route_of_people() {
    let routes: Vec<_> = by_number().collect();
    assert!(routes.len() > 40, "{}", routes.len());
    for (method, path) in routes {
        for id in [
            "04711",
            "0000000000000000000000000000004711",
            "%2B4711",
            "%D9%A4%D9%A7%D9%A1%D9%A1",
            "%EF%BC%94%EF%BC%97%EF%BC%91%EF%BC%91",
            "4711.0",
            "4.711e3",
            "0900",
            "%EF%BC%99%EF%BC%90%EF%BC%90",
            "00",
        ] {
            let raw = path.replace("ID", id);
            assert!(bare(method, &raw).is_some(), "{method} {raw}");
        }
        // Others' ids stay others'.
        for id in ["47110", "42", "14711"] {
            let raw = path.replace("ID", id);
            assert_eq!(bare(method, &raw), None, "{method} {raw}");
        }
    }
}

#[test]
fn an_id_written_otherwise_in_query_or_body_is_a_mention() {
    let group = "/api/2.0/preview/scim/v2/Groups/1";
    let add = |id: Value| json!({"Operations": [{"op": "add", "path": "members", "value": [{"value": id}]}]});
    for id in [
        json!("04711"),
        json!("+4711"),
        json!(" 4711"),
        json!("٤٧١١"),
        json!("４７１１"),
        json!(4711.0),
        json!("4.711e3"),
        json!(1.5),
    ] {
        let found = with("PATCH", group, add(id.clone()));
        assert_eq!(found, Some(NeverReason::Principal), "{id}");
    }
    for filter in ["04711", "٤٧١١"] {
        let path = format!("members[value eq \"{filter}\"]");
        let remove = json!({"Operations": [{"op": "remove", "path": path}]});
        assert_eq!(
            with("PATCH", group, remove),
            Some(NeverReason::Principal),
            "{filter}"
        );
    }
    let query = "/api/2.0/identity/groups/1?principal_id=%D9%A4%D9%A7%D9%A1%D9%A1";
    assert_eq!(bare("PATCH", query), Some(NeverReason::Principal));
    for id in [json!("42"), json!(42), json!(0), json!("workspace-access")] {
        assert_eq!(with("PATCH", group, add(id.clone())), None, "{id}");
    }
}
