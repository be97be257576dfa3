//! APIs that the client scripts do not reach: what a session may never do, egress, undo paths.

use super::*;

#[tokio::test]
async fn routes_of_the_never_list_answer_with_credentials_that_a_proxy_must_keep_back() {
    let (running, token) = started().await;
    let account = format!("/api/2.0/accounts/{}", running.state.account_id);
    let nightly = "e71a0000-0e71-4000-8000-000000000002";
    let posts = [
        (
            format!("{account}/federationPolicies"),
            json!({"oidc_policy": {"issuer": "x"}}),
            "uid",
        ),
        (
            format!("{account}/servicePrincipals/1/federationPolicies"),
            json!({}),
            "uid",
        ),
        (
            format!("{account}/oauth2/custom-app-integrations"),
            json!({}),
            "client_secret",
        ),
        (format!("{account}/log-delivery"), json!({}), "config_id"),
        (
            "/api/2.0/token/create".to_owned(),
            json!({"lifetime_seconds": 60}),
            "token_value",
        ),
        (
            "/api/2.0/token-management/on-behalf-of/tokens".to_owned(),
            json!({"application_id": nightly}),
            "token_value",
        ),
        (
            "/api/2.1/unity-catalog/temporary-table-credentials".to_owned(),
            json!({}),
            "aws_temp_credentials",
        ),
        (
            "/api/2.0/database/credentials".to_owned(),
            json!({}),
            "token",
        ),
        ("/api/2.0/apps".to_owned(), json!({"name": "x"}), "state"),
        (
            "/driver-proxy-api/o/0/c/80/".to_owned(),
            json!({}),
            "authorization",
        ),
    ];
    for (path, body, member) in posts {
        let (status, answer) = json_call(&running, "POST", &path, &token, body).await;
        assert_eq!(status, 200, "{path}: {answer}");
        assert!(answer.get(member).is_some(), "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_personal_token_works_until_it_is_deleted_and_only_as_its_owner() {
    let (running, token) = started().await;
    let body = json!({"application_id": "e71a0000-0e71-4000-8000-000000000002"});
    let path = "/api/2.0/token-management/on-behalf-of/tokens";
    let (_, made) = json_call(&running, "POST", path, &token, body).await;
    let personal = made["token_value"].as_str().unwrap();
    let list = "/api/2.0/clusters/list";
    assert_eq!(
        json_call(&running, "GET", list, personal, Value::Null)
            .await
            .0,
        200
    );
    let (status, refused) = json_call(
        &running,
        "POST",
        "/api/2.0/groups/add-member",
        personal,
        json!({"parent_name": "admins", "user_name": "rio@example.com"}),
    )
    .await;
    assert_eq!(
        (status, &refused["error_code"]),
        (403, &json!("PERMISSION_DENIED"))
    );
    let id = made["token_info"]["token_id"].as_str().unwrap();
    let one = format!("/api/2.0/token-management/tokens/{id}");
    assert_eq!(
        json_call(&running, "DELETE", &one, &token, Value::Null)
            .await
            .0,
        200
    );
    assert_eq!(
        json_call(&running, "GET", list, personal, Value::Null)
            .await
            .0,
        403
    );
}

#[tokio::test]
async fn the_echoed_bearer_is_split_over_two_chunks() {
    let (running, token) = started().await;
    let path = "/api/2.0/preview/echo-authorization";
    let bearer = format!("Bearer {token}");
    let (status, head, body) = exchange(&running, "GET", path, &bearer, "").await.unwrap();
    assert_eq!(status, 200);
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    let body = String::from_utf8(body).unwrap();
    assert!(
        !body.contains(&token),
        "the token must not stand in one chunk"
    );
    let joined: String = body.split("\r\n").skip(1).step_by(2).collect();
    assert!(joined.contains(&token), "{joined}");
}

#[tokio::test]
async fn presigned_urls_are_served_without_any_bearer() {
    let (running, token) = started().await;
    let file = "/api/2.0/fs/files/Volumes/a/b/c/x.txt";
    let bearer = format!("Bearer {token}");
    let (status, _, _) = exchange(&running, "PUT", file, &bearer, "hello")
        .await
        .unwrap();
    assert_eq!(status, 204);
    let path = "/api/2.0/fs/create-download-url?path=/Volumes/a/b/c/x.txt";
    let (_, made) = json_call(&running, "POST", path, &token, Value::Null).await;
    let url = made["url"].as_str().unwrap();
    let target = url.strip_prefix("http://simulator").unwrap();
    let (status, _, body) = exchange(&running, "GET", target, "", "").await.unwrap();
    assert_eq!((status, body.as_slice()), (200, &b"hello"[..]));
    let (status, _, _) = exchange(&running, "GET", "/presigned/guess", "", "")
        .await
        .unwrap();
    assert_eq!(status, 403);
    let statement = json!({
        "warehouse_id": "wh0000000000001",
        "statement": "SELECT 1",
        "disposition": "EXTERNAL_LINKS",
    });
    let path = "/api/2.0/sql/statements";
    let (_, linked) = json_call(&running, "POST", path, &token, statement).await;
    assert!(
        linked["result"]["external_links"][0]["external_link"].is_string(),
        "{linked}"
    );
}

#[tokio::test]
async fn a_stale_etag_is_a_conflict_and_an_empty_assignment_deletes() {
    let (running, token) = started().await;
    let account = &running.state.account_id;
    let sets = format!("/api/2.0/preview/accounts/{account}/access-control/rule-sets");
    let own = &running.state.principal.application_id;
    let name = format!("accounts/{account}/servicePrincipals/{own}/ruleSets/default");
    let nobody =
        format!("{sets}?name=accounts/{account}/servicePrincipals/x/ruleSets/default&etag=");
    let (status, missing) = json_call(&running, "GET", &nobody, &token, Value::Null).await;
    assert_eq!(
        (status, &missing["error_code"]),
        (404, &json!("RESOURCE_DOES_NOT_EXIST"))
    );
    let unsaid = format!("{sets}?name={name}");
    let (status, _) = json_call(&running, "GET", &unsaid, &token, Value::Null).await;
    assert_eq!(status, 400);
    let (_, first) = json_call(
        &running,
        "GET",
        &format!("{sets}?name={name}&etag="),
        &token,
        Value::Null,
    )
    .await;
    let rules = json!([{"role": "roles/servicePrincipal.user", "principals": ["users/a@x"]}]);
    let body = json!({"name": name, "rule_set": {
        "name": name, "etag": first["etag"], "grant_rules": rules,
    }});
    assert_eq!(
        json_call(&running, "PUT", &sets, &token, body.clone())
            .await
            .0,
        200
    );
    let (status, refused) = json_call(&running, "PUT", &sets, &token, body).await;
    assert_eq!(
        (status, &refused["error_code"]),
        (409, &json!("RESOURCE_CONFLICT"))
    );

    let workspace = running.state.workspace_id();
    let all = format!("/api/2.0/accounts/{account}/workspaces/{workspace}/permissionassignments");
    let rio = format!("{all}/principals/4000000006");
    let admin = json!({"permissions": ["USER", "ADMIN"]});
    let (_, made) = json_call(&running, "PUT", &rio, &token, admin).await;
    assert_eq!(made["permissions"], json!(["ADMIN"]));
    assert_eq!(made["principal"]["user_name"], "rio@example.com");
    json_call(
        &running,
        "PUT",
        &rio,
        &token,
        json!({"permissions": ["NONSENSE"]}),
    )
    .await;
    let (_, left) = json_call(&running, "GET", &all, &token, Value::Null).await;
    assert_eq!(left["permission_assignments"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn tokens_can_be_killed_and_the_principal_switched_off() {
    let (running, token) = started().await;
    let first = running.first_secret.clone().unwrap().0;
    let list = "/api/2.0/clusters/list";
    json_call(
        &running,
        "PUT",
        "/_simulator/knobs",
        "",
        json!({"kill_tokens": true}),
    )
    .await;
    let (status, body) = json_call(&running, "GET", list, &token, Value::Null).await;
    assert_eq!((status, &body["message"]), (403, &json!("JWT has expired")));
    let fresh = mint(&running, &first).await.unwrap();
    assert_eq!(
        json_call(&running, "GET", list, &fresh, Value::Null)
            .await
            .0,
        200
    );
    json_call(
        &running,
        "PUT",
        "/_simulator/knobs",
        "",
        json!({"refuse_principal": true}),
    )
    .await;
    assert_eq!(mint(&running, &first).await, Err(401));
    assert_eq!(
        json_call(&running, "GET", list, &fresh, Value::Null)
            .await
            .0,
        403
    );
}

#[tokio::test]
async fn a_secret_bound_to_scopes_mints_tokens_for_those_apis_only() {
    let (running, token) = started().await;
    let path = secrets_path(&running);
    let (_, made) = json_call(&running, "POST", &path, &token, json!({"scopes": ["jobs"]})).await;
    let narrow = mint(&running, made["secret"].as_str().unwrap())
        .await
        .unwrap();
    let jobs = "/api/2.2/jobs/list";
    assert_eq!(
        json_call(&running, "GET", jobs, &narrow, Value::Null)
            .await
            .0,
        200
    );
    let clusters = "/api/2.0/clusters/list";
    let (status, refused) = json_call(&running, "GET", clusters, &narrow, Value::Null).await;
    assert_eq!(
        (status, &refused["error_code"]),
        (403, &json!("PERMISSION_DENIED"))
    );
}

#[tokio::test]
async fn a_foreign_secret_takes_a_place_and_its_value_is_told_to_nobody() {
    let (running, token) = started().await;
    let (status, made) = json_call(
        &running,
        "POST",
        "/_simulator/foreign-secret",
        "",
        json!({}),
    )
    .await;
    assert_eq!(status, 200);
    assert!(made.get("secret").is_none());
    let (_, listed) = json_call(
        &running,
        "GET",
        &secrets_path(&running),
        &token,
        Value::Null,
    )
    .await;
    assert_eq!(listed["secrets"].as_array().unwrap().len(), 2);
}
