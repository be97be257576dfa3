//! Every control-plane call against a small server that fails in each way: refused, failed, and
//! failed although it happened. The whole simulator is another file's matter.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod databricks_support;

use breakglass::databricks::{
    CallError, Client, Config, CreateOutcome, DeleteOutcome, Minted, Unreached, Upstream, Waits,
};
use databricks_support::{Act, Server, closed_port};
use secrecy::SecretString;

const TOKEN: &str =
    r#"{"access_token":"canary-bearer-0001","token_type":"Bearer","expires_in":3600}"#;
const SECRET: &str = r#"{"id":"ab12","secret":"dosecanary","create_time":"2026-01-01T00:00:00Z",
    "expire_time":"2026-01-01T01:10:07Z","status":"ACTIVE"}"#;

/// What a gateway says that wants somebody to sign in, or that hides a reply from us.
const SIGN_IN_PAGE: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\n\
     content-length: 22\r\n\r\n<html>sign in</html>\r\n";

fn config(url: &str) -> Config {
    let text = format!(
        r#"account_host = "{url}"
           account_id = "acc-1"
           application_id = "app-1"
           principal_id = 77
           [workspaces]
           "42" = "{url}""#
    );
    let mut config: Config = toml::from_str(&text).unwrap();
    config.waits = Waits {
        request_timeout_ms: 8_000,
        connect_timeout_ms: 8_000,
        ..Waits::default()
    };
    config
}

fn secret() -> SecretString {
    SecretString::from("dosevaultcanary")
}

/// A client whose token call succeeded, and whose next call meets `act`.
async fn ready(act: Act) -> (Client, Minted, Server) {
    let server = Server::start(vec![Act::json(200, TOKEN), act]).await;
    let client = Client::new(&config(&server.url)).unwrap();
    let token = client
        .mint(&Upstream::Account, &secret(), 1_000)
        .await
        .unwrap();
    (client, token, server)
}

async fn mint_against(act: Act) -> CallError {
    let server = Server::start(vec![act]).await;
    let client = Client::new(&config(&server.url)).unwrap();
    client
        .mint(&Upstream::Workspace("42".into()), &secret(), 0)
        .await
        .unwrap_err()
}

#[tokio::test]
async fn a_token_is_asked_for_as_databricks_clients_ask() {
    let (_, token, server) = ready(Act::Drop).await;
    assert_eq!(token.expires_at_ms, 3_601_000);
    let ask = &server.seen()[0];
    assert!(
        ask.starts_with("POST /oidc/accounts/acc-1/v1/token HTTP/1.1\r\n"),
        "{ask}"
    );
    assert!(ask.contains("Basic YXBwLTE6ZG9zZXZhdWx0Y2FuYXJ5"), "{ask}");
    assert!(
        ask.ends_with("grant_type=client_credentials&scope=all-apis"),
        "{ask}"
    );
}

#[tokio::test]
async fn a_dead_secret_is_told_from_every_other_failure_of_the_token_call() {
    let body = r#"{"error":"invalid_client","error_description":"Client authentication failed"}"#;
    assert!(mint_against(Act::json(401, body)).await.is_invalid_client());
    assert!(mint_against(Act::json(400, body)).await.is_invalid_client());
    for act in [
        Act::json(503, "{}"),
        Act::Drop,
        Act::Hang,
        Act::json(200, "<html>"),
    ] {
        let why = mint_against(act).await;
        assert!(!why.is_invalid_client() && !why.is_definite(), "{why:?}");
    }
}

#[tokio::test]
async fn a_private_link_and_an_address_list_each_have_their_own_error() {
    let redirect = Act::raw(
        "HTTP/1.1 303 See Other\r\nlocation: /login.html?error=private-link-validation-error\r\ncontent-length: 0\r\n\r\n",
    );
    assert!(matches!(
        mint_against(redirect).await,
        CallError::PrivateLinkOnly { .. }
    ));
    let blocked = r#"{"error_code":403,"message":"Source IP address: 192.0.2.1 is blocked by Databricks IP ACL for workspace: 42"}"#;
    assert!(matches!(
        mint_against(Act::json(403, blocked)).await,
        CallError::IpBlocked { .. }
    ));
}

#[tokio::test]
async fn nobody_listening_is_definite() {
    let client = Client::new(&config(&format!(
        "http://127.0.0.1:{}",
        closed_port().await
    )))
    .unwrap();
    let why = client
        .mint(&Upstream::Account, &secret(), 0)
        .await
        .unwrap_err();
    assert!(
        matches!(
            why,
            CallError::Unreachable {
                why: Unreached::NoConnection,
                ..
            }
        ),
        "{why:?}"
    );
    assert!(why.is_definite());
}

#[tokio::test]
async fn errors_never_repeat_what_the_service_said() {
    let body = r#"{"error":"the secret dosevaultcanary is wrong","message":"dosevaultcanary"}"#;
    let why = mint_against(Act::json(401, body)).await;
    assert!(!format!("{why} {why:?}").contains("canary"));
}

#[tokio::test]
async fn a_created_secret_comes_with_the_lifetime_by_which_we_know_it() {
    let (client, token, server) = ready(Act::json(200, SECRET)).await;
    let CreateOutcome::Created(made) = client.create_secret(&token, 4207).await else {
        panic!("not created");
    };
    assert_eq!(made.record.lifetime_s(), Some(4207));
    assert!(!format!("{made:?}").contains("canary"));
    let ask = &server.seen()[1];
    let path = "POST /api/2.0/accounts/acc-1/servicePrincipals/77/credentials/secrets HTTP/1.1\r\n";
    assert!(ask.starts_with(path), "{ask}");
    assert!(ask.contains("Bearer canary-bearer-0001") && ask.ends_with(r#"{"lifetime":"4207s"}"#));
}

#[tokio::test]
async fn a_definite_no_to_a_create_is_refused() {
    for (status, code) in [
        (400, "QUOTA_EXCEEDED"),
        (403, "PERMISSION_DENIED"),
        (429, "RESOURCE_EXHAUSTED"),
    ] {
        let body = format!(r#"{{"error_code":"{code}","message":"no"}}"#);
        let (client, token, _server) = ready(Act::json(status, &body)).await;
        match client.create_secret(&token, 60).await {
            CreateOutcome::Refused(CallError::Refused { code: found, .. }) => {
                assert_eq!(found, code)
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_create_that_may_have_happened_is_unknown_and_is_asked_once() {
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 400\r\n\r\n{\"id\":\"ab12\",\"secret\":\"dose";
    let no_value = r#"{"id":"ab12","create_time":"2026-01-01T00:00:00Z"}"#;
    for act in [
        Act::Drop,
        Act::Hang,
        Act::raw(half),
        Act::json(200, "not json"),
        Act::json(200, no_value),
        Act::json(500, "{}"),
        Act::json(503, "{}"),
        Act::json(408, "{}"),
        Act::raw(SIGN_IN_PAGE),
    ] {
        let name = format!("{act:?}");
        let (client, token, server) = ready(act).await;
        let outcome = client.create_secret(&token, 60).await;
        assert!(
            matches!(outcome, CreateOutcome::Unknown(_)),
            "{name}: {outcome:?}"
        );
        assert!(!format!("{outcome:?}").contains("dose"), "{name}");
        assert_eq!(server.seen().len(), 2, "{name}: asked more than once");
    }
}

#[tokio::test]
async fn a_create_that_never_left_is_refused() {
    let (client, token, server) = ready(Act::Drop).await;
    server.stop().await;
    let outcome = client.create_secret(&token, 60).await;
    assert!(
        matches!(
            outcome,
            CreateOutcome::Refused(CallError::Unreachable { .. })
        ),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_create_uses_a_connection_of_its_own() {
    let (client, token, server) = ready(Act::json(200, r#"{"secrets":[]}"#)).await;
    client.list_secrets(&token).await.unwrap();
    let kept = server.connections();
    server.then(Act::json(200, SECRET));
    client.create_secret(&token, 60).await;
    assert_eq!(server.connections(), kept + 1);
}

#[tokio::test]
async fn a_delete_says_deleted_gone_refused_or_unknown() {
    let no = r#"{"error_code":"PERMISSION_DENIED","message":"no"}"#;
    let gone = r#"{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"no"}"#;
    let odd_route = r#"{"error_code":"ENDPOINT_NOT_FOUND","message":"No API found"}"#;
    let cases: [(Act, &str); 9] = [
        (Act::raw(SIGN_IN_PAGE), "Unknown"),
        (Act::json(200, ""), "Deleted"),
        (Act::json(200, "{}"), "Deleted"),
        (Act::json(404, gone), "AlreadyGone"),
        (Act::json(404, odd_route), "Refused"),
        (Act::json(403, no), "Refused"),
        (Act::json(500, "{}"), "Unknown"),
        (Act::Drop, "Unknown"),
        (Act::Hang, "Unknown"),
    ];
    for (act, expected) in cases {
        let name = format!("{act:?}");
        let (client, token, server) = ready(act).await;
        let outcome = client.delete_secret(&token, "ab12").await;
        assert!(
            format!("{outcome:?}").starts_with(expected),
            "{name}: {outcome:?}"
        );
        let path = "DELETE /api/2.0/accounts/acc-1/servicePrincipals/77/credentials/secrets/ab12 ";
        assert!(server.seen()[1].starts_with(path));
    }
}

#[tokio::test]
async fn an_id_that_would_change_the_path_is_never_sent() {
    let (client, token, server) = ready(Act::json(200, "")).await;
    let outcome = client.delete_secret(&token, "../secrets/x").await;
    assert!(matches!(outcome, DeleteOutcome::Refused(_)));
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_list_goes_to_the_last_page_even_over_an_empty_one() {
    let one = r#"{"secrets":[{"id":"a1","create_time":"2026-01-01T00:00:00Z","status":"ACTIVE"}],"next_page_token":"p2"}"#;
    let (client, token, server) = ready(Act::json(200, one)).await;
    server.then(Act::json(200, r#"{"next_page_token":"p3"}"#));
    server.then(Act::json(200, &format!(r#"{{"secrets":[{SECRET}]}}"#)));
    let list = client.list_secrets(&token).await.unwrap();
    assert_eq!(
        list.iter().map(|each| each.id.as_str()).collect::<Vec<_>>(),
        ["a1", "ab12"]
    );
    assert_eq!(list[0].expire_at_ms, None);
    assert!(server.seen()[3].contains("page_token=p3"));
}

#[tokio::test]
async fn a_list_that_fails_on_any_page_is_no_list() {
    let one = r#"{"secrets":[],"next_page_token":"p2"}"#;
    for act in [
        Act::Drop,
        Act::json(500, "{}"),
        Act::json(200, r#"{"secrets":[{"id":"a/b","create_time":"x"}]}"#),
    ] {
        let (client, token, server) = ready(Act::json(200, one)).await;
        server.then(act);
        assert!(client.list_secrets(&token).await.is_err());
    }
}

#[tokio::test]
async fn the_principal_its_roles_and_its_groups_are_read() {
    let sp = r#"{"id":"77","applicationId":"app-1","active":true,"roles":[{"value":"account_admin"}],
        "groups":[{"value":"9","display":"admins"}]}"#;
    let other = r#"{"id":"78","applicationId":"app-2"}"#;
    let (client, token, server) = ready(Act::json(
        200,
        &format!(r#"{{"Resources":[{other},{sp}]}}"#),
    ))
    .await;
    let found = client.find_principal(&token).await.unwrap().unwrap();
    assert_eq!((found.id, found.is_account_admin()), (77, true));
    assert_eq!(found.groups[0].id, "9");
    assert!(server.seen()[1].contains("filter=applicationId+eq+%22app-1%22"));
    server.then(Act::json(200, r#"{"Resources":[]}"#));
    assert_eq!(client.find_principal(&token).await, Ok(None));
    server.then(Act::json(200, sp));
    assert!(client.principal(&token).await.unwrap().is_account_admin());
    server.then(Act::Drop);
    assert!(client.principal(&token).await.is_err());
}

#[tokio::test]
async fn a_workspace_says_whom_it_takes_us_for_and_who_its_admins_are() {
    let me = "{\"id\":\"5\",\"userName\":\"app-1\",\"groups\":[{\"value\":\"9\",\"display\":\"admins\"}]}";
    let reply = format!(
        "HTTP/1.1 200 OK\r\nx-databricks-org-id: 42\r\ncontent-length: {}\r\n\r\n{me}",
        me.len()
    );
    let (client, token, server) = ready(Act::raw(&reply)).await;
    let at = Upstream::Workspace("42".into());
    let found = client.me(&at, &token).await.unwrap();
    assert!(found.is_principal("app-1") && found.is_workspace_admin());
    assert_eq!(found.workspace_id.as_deref(), Some("42"));
    server.then(Act::json(
        200,
        r#"{"Resources":[{"id":"9","displayName":"admins"}]}"#,
    ));
    server.then(Act::json(200, r#"{"id":"9","members":[{"value":"5"}]}"#));
    let admins = client.workspace_admins(&at, &token).await.unwrap();
    assert_eq!(
        (admins.group_id.as_str(), admins.members),
        ("9", vec!["5".to_owned()])
    );
    server.then(Act::json(
        403,
        r#"{"error_code":403,"message":"Invalid access token."}"#,
    ));
    assert!(client.me(&at, &token).await.unwrap_err().is_definite());
    let unknown = client.me(&Upstream::Workspace("43".into()), &token).await;
    assert!(matches!(unknown, Err(CallError::NotConfigured(_))));
}
