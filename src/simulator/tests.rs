//! The simulator through its own sockets.

mod api;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::auth::sha256_hex;
use super::*;

/// One raw HTTP/1.1 exchange on a fresh connection: status, head and body. `None` when the
/// connection was dropped before an answer.
async fn exchange(
    running: &Running,
    method: &str,
    path: &str,
    authorization: &str,
    body: &str,
) -> Option<(u16, String, Vec<u8>)> {
    let mut stream = TcpStream::connect(running.http_addr.unwrap())
        .await
        .unwrap();
    let authorization = match authorization {
        "" => String::new(),
        value => format!("authorization: {value}\r\n"),
    };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: simulator\r\nconnection: close\r\n{authorization}\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A reset is an answer too: whatever came before it counts.
    let _ = stream.read_to_end(&mut answer).await;
    let split = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..split]).into_owned();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, head, answer[split + 4..].to_vec()))
}

async fn json_call(
    running: &Running,
    method: &str,
    path: &str,
    token: &str,
    body: Value,
) -> (u16, Value) {
    let bearer = format!("Bearer {token}");
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let (status, _, body) = exchange(running, method, path, &bearer, &body)
        .await
        .unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

async fn mint(running: &Running, secret: &str) -> Result<String, u16> {
    use base64::Engine as _;
    let id = &running.state.principal.application_id;
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}"));
    let path = format!("/oidc/accounts/{}/v1/token", running.state.account_id);
    let form = "grant_type=client_credentials&scope=all-apis";
    let answer = exchange(running, "POST", &path, &format!("Basic {basic}"), form).await;
    let (status, _, body) = answer.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    body["access_token"]
        .as_str()
        .map(str::to_owned)
        .ok_or(status)
}

async fn started() -> (Running, String) {
    let running = start(SimulatorConfig::default()).await.unwrap();
    let first = running.first_secret.clone().unwrap().0;
    let token = mint(&running, &first).await.unwrap();
    (running, token)
}

fn secrets_path(running: &Running) -> String {
    let state = &running.state;
    format!(
        "/api/2.0/accounts/{}/servicePrincipals/{}/credentials/secrets",
        state.account_id, state.principal.id
    )
}

#[tokio::test]
async fn a_call_without_or_with_a_wrong_or_expired_bearer_is_refused_as_databricks_does() {
    let (running, token) = started().await;
    let me = "/api/2.0/preview/scim/v2/Me";
    let (status, head, _) = exchange(&running, "GET", me, "", "").await.unwrap();
    assert_eq!(status, 401);
    assert!(
        head.contains("www-authenticate: Bearer realm=\"DatabricksRealm\""),
        "{head}"
    );
    let (status, body) = json_call(&running, "GET", me, "nonsense", Value::Null).await;
    assert_eq!((status, &body["error_code"]), (403, &json!(403)));
    let (status, body) = json_call(&running, "GET", me, &token, Value::Null).await;
    assert_eq!((status, &body["active"]), (200, &json!(true)));
    running.state.set_knobs(Knobs {
        clock_offset_ms: 3_601_000,
        ..Knobs::default()
    });
    let (status, body) = json_call(&running, "GET", me, &token, Value::Null).await;
    assert_eq!((status, &body["message"]), (403, &json!("JWT has expired")));
}

#[tokio::test]
async fn the_sixth_secret_is_refused_and_a_deleted_one_makes_room() {
    let (running, token) = started().await;
    let path = secrets_path(&running);
    let mut last = Value::Null;
    for _ in 0..4 {
        let (status, made) = json_call(
            &running,
            "POST",
            &path,
            &token,
            json!({"lifetime": "3600s"}),
        )
        .await;
        assert_eq!(status, 200);
        last = made;
    }
    let (status, refused) = json_call(&running, "POST", &path, &token, json!({})).await;
    assert_eq!(
        (status, &refused["error_code"]),
        (400, &json!("QUOTA_EXCEEDED"))
    );
    let (_, page) = json_call(
        &running,
        "GET",
        &format!("{path}?page_size=3"),
        &token,
        Value::Null,
    )
    .await;
    assert_eq!(page["secrets"].as_array().unwrap().len(), 3);
    let next = format!(
        "{path}?page_size=3&page_token={}",
        page["next_page_token"].as_str().unwrap()
    );
    let (_, page) = json_call(&running, "GET", &next, &token, Value::Null).await;
    assert_eq!(page["secrets"].as_array().unwrap().len(), 2);
    assert!(page.get("next_page_token").is_none());
    assert!(page["secrets"][0].get("secret").is_none());
    let value = last["secret"].as_str().unwrap().to_owned();
    let minted = mint(&running, &value).await.unwrap();
    let one = format!("{path}/{}", last["id"].as_str().unwrap());
    assert_eq!(
        json_call(&running, "DELETE", &one, &token, Value::Null)
            .await
            .0,
        200
    );
    assert_eq!(
        json_call(&running, "DELETE", &one, &token, Value::Null)
            .await
            .0,
        404
    );
    assert_eq!(mint(&running, &value).await, Err(401));
    // A token outlives its secret, as at the real service.
    let list = "/api/2.0/clusters/list";
    assert_eq!(
        json_call(&running, "GET", list, &minted, Value::Null)
            .await
            .0,
        200
    );
    assert_eq!(
        json_call(&running, "POST", &path, &token, json!({}))
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn a_lost_reply_and_a_failure_after_apply_leave_orphans_and_a_rejection_none() {
    let (running, token) = started().await;
    let path = secrets_path(&running);
    let bearer = format!("Bearer {token}");
    running.state.set_knobs(Knobs {
        lost_reply_on_create: 1,
        error_after_apply_on_create: 1,
        ..Knobs::default()
    });
    assert!(
        exchange(&running, "POST", &path, &bearer, "{}")
            .await
            .is_none()
    );
    let (status, _) = json_call(&running, "POST", &path, &token, json!({})).await;
    assert_eq!(status, 500);
    let (_, held) = json_call(&running, "GET", "/_simulator/secrets", "", Value::Null).await;
    assert_eq!(held["live"], 3);
    running.state.set_knobs(Knobs {
        reject_create: 1,
        ..Knobs::default()
    });
    assert_eq!(
        json_call(&running, "POST", &path, &token, json!({}))
            .await
            .0,
        400
    );
    let (_, held) = json_call(&running, "GET", "/_simulator/secrets", "", Value::Null).await;
    assert_eq!(held["live"], 3);
}

#[tokio::test]
async fn lifetimes_can_be_refused_and_rounded() {
    let (running, token) = started().await;
    let path = secrets_path(&running);
    running.state.set_knobs(Knobs {
        refuse_lifetime: vec![3600],
        round_expiry_seconds: 86_400,
        ..Knobs::default()
    });
    let short = json!({"lifetime": "600s"});
    assert_eq!(
        json_call(&running, "POST", &path, &token, short).await.0,
        400
    );
    let long = json!({"lifetime": "3600s"});
    let (status, made) = json_call(&running, "POST", &path, &token, long).await;
    assert_eq!(status, 200);
    assert!(
        made["expire_time"]
            .as_str()
            .unwrap()
            .ends_with("T00:00:00Z"),
        "{made}"
    );
}

#[tokio::test]
async fn secrets_survive_a_restart_by_their_hash_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.json");
    let config = SimulatorConfig {
        state_file: Some(file.clone()),
        ..SimulatorConfig::default()
    };
    let running = start(config.clone()).await.unwrap();
    let first = running.first_secret.clone().unwrap().0;
    let token = mint(&running, &first).await.unwrap();
    let path = secrets_path(&running);
    let (_, made) = json_call(&running, "POST", &path, &token, json!({})).await;
    let second = made["secret"].as_str().unwrap().to_owned();
    drop(running);
    let saved = std::fs::read_to_string(&file).unwrap();
    assert!(!saved.contains(&first) && !saved.contains(&second));
    assert!(saved.contains(&sha256_hex(second.as_bytes())));
    let running = start(config).await.unwrap();
    assert!(running.first_secret.is_none());
    assert!(mint(&running, &second).await.is_ok());
    let me = "/api/2.0/preview/scim/v2/Me";
    assert_eq!(
        json_call(&running, "GET", me, &token, Value::Null).await.0,
        200
    );
}

#[tokio::test]
async fn faults_hit_calls_and_never_the_control_routes() {
    let (running, token) = started().await;
    let list = "/api/2.0/clusters/list";
    let knobs = json!({"rate_limit_next": 1, "unavailable_next": 1, "reset_mid_body_next": 1});
    let (status, _) = json_call(&running, "PUT", "/_simulator/knobs", "", knobs).await;
    assert_eq!(status, 200);
    let bearer = format!("Bearer {token}");
    let (status, head, _) = exchange(&running, "GET", list, &bearer, "").await.unwrap();
    assert_eq!(status, 429);
    assert!(head.contains("retry-after: 1"), "{head}");
    assert_eq!(
        json_call(&running, "GET", list, &token, Value::Null)
            .await
            .0,
        503
    );
    let (status, head, body) = exchange(&running, "GET", list, &bearer, "").await.unwrap();
    let declared: usize = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(status, 200);
    assert!(body.len() < declared, "{} of {declared}", body.len());
    assert_eq!(
        json_call(&running, "GET", list, &token, Value::Null)
            .await
            .0,
        200
    );
    let (_, knobs) = json_call(
        &running,
        "PUT",
        "/_simulator/knobs",
        "",
        json!({"no_such_knob": 1}),
    )
    .await;
    assert_eq!(knobs["error_code"], "KNOBS");
}

#[tokio::test]
async fn the_request_log_holds_each_request_once_with_its_body_hash() {
    let (running, token) = started().await;
    json_call(
        &running,
        "POST",
        "/_simulator/reset-requests",
        "",
        Value::Null,
    )
    .await;
    let body = json!({"cluster_id": "0101-120000-nightly1"});
    json_call(
        &running,
        "POST",
        "/api/2.1/clusters/start",
        &token,
        body.clone(),
    )
    .await;
    json_call(&running, "GET", "/api/9.9/nothing", &token, Value::Null).await;
    let (_, log) = json_call(&running, "GET", "/_simulator/requests", "", Value::Null).await;
    assert_eq!(log["count"], 2);
    let first = &log["requests"][0];
    assert_eq!(
        first["body_sha256"],
        json!(sha256_hex(body.to_string().as_bytes()))
    );
    assert_eq!(
        (&first["status"], &first["authorization_headers"]),
        (&json!(200), &json!(1))
    );
    assert_eq!(log["requests"][1]["status"], 404);
    let (_, rest) = json_call(
        &running,
        "GET",
        "/_simulator/requests?since=1",
        "",
        Value::Null,
    )
    .await;
    assert_eq!(rest["requests"].as_array().unwrap().len(), 1);
}
