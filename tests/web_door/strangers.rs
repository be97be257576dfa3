//! What somebody without a login, or somebody else's page, gets: nothing.

use breakglass::web::{MAX_BODY_BYTES, routes};
use reqwest::Method;

use crate::support::{Vault, no};

/// A path of the table with something in its braces.
fn filled(path: &str) -> String {
    path.replace("{id}", "INC-1")
        .replace("{kind}", "live")
        .replace("{epoch}", "1")
        .replace("{*path}", "policy.txt")
}

#[tokio::test]
async fn without_a_login_only_the_open_routes_answer() {
    let vault = Vault::start().await;
    let open: Vec<&str> = routes::table(&vault.app)
        .iter()
        .filter(|r| r.open)
        .map(|r| r.path)
        .collect();
    assert_eq!(
        open,
        [
            "/api/openapi.json",
            "/api/v1/health",
            "/api/v1/ca",
            "/api/v1/log/checkpoint",
            "/api/v1/login/challenge",
            "/api/v1/login",
            "/api/v1/login/browser",
            "/api/v1/metrics"
        ]
    );
    for route in routes::table(&vault.app) {
        let path = filled(route.path);
        for token in [None, Some(""), Some("bgl_guessed"), Some("bgt_session")] {
            let mut ask = vault.ask(route.method.clone(), &path);
            if let Some(token) = token {
                ask = ask.bearer_auth(token);
            }
            if route.method == Method::POST {
                ask = ask.json(&serde_json::json!({}));
            }
            let answer = ask.send().await.unwrap();
            if route.open {
                assert_ne!(answer.status(), 401, "{path}");
            } else {
                assert_eq!(answer.headers()["www-authenticate"], "Bearer", "{path}");
                assert_eq!(no(answer).await, (401, "login_needed".into()), "{path}");
            }
        }
    }
}

#[tokio::test]
async fn a_stranger_is_refused_before_her_body_is_read() {
    let vault = Vault::start().await;
    let ask = vault
        .ask(Method::POST, "/api/v1/incidents")
        .header("content-type", "application/json");
    let answer = ask
        .body(vec![b' '; MAX_BODY_BYTES + 1])
        .send()
        .await
        .unwrap();
    assert_eq!(no(answer).await.0, 401);
}

#[tokio::test]
async fn a_post_that_is_not_json_is_refused_on_every_route() {
    let vault = Vault::start().await;
    let user = vault.login("ada").await;
    for route in routes::table(&vault.app)
        .iter()
        .filter(|r| r.method == Method::POST)
    {
        for kind in [
            None,
            Some("text/plain"),
            Some("application/x-www-form-urlencoded"),
        ] {
            let mut ask = user.ask(Method::POST, &filled(route.path)).body("{}");
            if let Some(kind) = kind {
                ask = ask.header("content-type", kind);
            }
            let answer = no(ask.send().await.unwrap()).await;
            assert_eq!(answer, (415, "bad_content_type".into()), "{}", route.path);
        }
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_declared_or_not() {
    let vault = Vault::start().await;
    let body = format!(r#"{{"key":"{}"}}"#, "x".repeat(MAX_BODY_BYTES));
    let ask = || {
        vault
            .ask(Method::POST, "/api/v1/login/challenge")
            .header("content-type", "application/json")
    };
    let declared = ask().body(body.clone()).send().await.unwrap();
    assert_eq!(no(declared).await, (413, "body_too_long".into()));
    let address = vault.origin.strip_prefix("http://").unwrap().to_owned();
    assert_eq!(
        chunked(&address, body.as_bytes()).await,
        "HTTP/1.1 413 Payload Too Large"
    );
}

/// Posts a body in chunks, without its length, and returns the status line.
async fn chunked(address: &str, body: &[u8]) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /api/v1/login/challenge HTTP/1.1\r\nhost: {address}\r\n\
         content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("{:x}\r\n", body.len());
    // The vault may hang up in the middle, after its answer.
    let _ = stream.write_all(chunk.as_bytes()).await;
    let _ = stream.write_all(body).await;
    let _ = stream.write_all(b"\r\n0\r\n\r\n").await;
    let mut answer = vec![0; 512];
    let length = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..length])
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_told_as_such() {
    let vault = Vault::start().await;
    for path in [
        "/api",
        "/api/v1/nothing",
        "/api/v1/incidents/",
        "/api/v1//health",
    ] {
        assert_eq!(
            no(vault.get(path).await).await,
            (404, "not_found".into()),
            "{path}"
        );
    }
    for (method, path) in [
        (Method::DELETE, "/api/v1/health"),
        (Method::PUT, "/api/v1/incidents"),
        (Method::GET, "/api/v1/login"),
    ] {
        let answer = vault.ask(method, path).send().await.unwrap();
        assert_eq!(
            no(answer).await,
            (405, "method_not_allowed".into()),
            "{path}"
        );
    }
}

#[tokio::test]
async fn other_sites_pages_are_refused_and_get_no_permission_to_read() {
    let vault = Vault::start().await;
    let user = vault.login("ada").await;
    let own = vault.origin.clone();
    for (name, value, status) in [
        ("origin", "https://evil.example", 403),
        ("origin", "null", 403),
        ("origin", own.as_str(), 200),
        ("sec-fetch-site", "cross-site", 403),
        ("sec-fetch-site", "same-site", 403),
        ("sec-fetch-site", "same-origin", 200),
        ("sec-fetch-site", "none", 200),
    ] {
        let ask = user.ask(Method::GET, "/api/v1/vault").header(name, value);
        let answer = ask.send().await.unwrap();
        assert_eq!(answer.status(), status, "{name}: {value}");
        let cors = answer
            .headers()
            .keys()
            .any(|k| k.as_str().starts_with("access-control"));
        assert!(!cors);
    }
    let preflight = vault
        .ask(Method::OPTIONS, "/api/v1/incidents")
        .send()
        .await
        .unwrap();
    assert_eq!(preflight.status(), 405);
}

#[tokio::test]
async fn no_reply_may_be_kept_or_guessed_to_be_a_page() {
    let vault = Vault::start().await;
    for path in [
        "/api/v1/health",
        "/api/openapi.json",
        "/api/v1/vault",
        "/nothing",
    ] {
        let answer = vault.get(path).await;
        assert_eq!(answer.headers()["cache-control"], "no-store", "{path}");
        assert_eq!(
            answer.headers()["x-content-type-options"],
            "nosniff",
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_body_that_is_not_understood_is_never_repeated() {
    let vault = Vault::start().await;
    for body in [
        r#"{"key":"k","canary-7f3a":1}"#,
        r#"{"key":"canary-7f3a"#,
        "canary-7f3a",
    ] {
        let ask = vault.ask(Method::POST, "/api/v1/login/challenge");
        let ask = ask
            .header("content-type", "application/json; charset=utf-8")
            .body(body);
        let answer = ask.send().await.unwrap();
        assert_eq!(answer.status(), 400);
        let text = answer.text().await.unwrap();
        assert!(!text.contains("canary"), "{text}");
        assert!(text.contains("bad_document"));
    }
}

#[tokio::test]
async fn health_and_ca_are_for_everybody() {
    let vault = Vault::start().await;
    assert_eq!(no(vault.get("/api/v1/ca").await).await.0, 404);
    let health: breakglass::api::Health =
        crate::support::ok(vault.get("/api/v1/health").await).await;
    assert_eq!(
        (health.status.as_str(), health.vault_phase.as_str()),
        ("ok", "sealed")
    );
    let pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    let vault = Vault::start_with(Some(pem.clone())).await;
    assert_eq!(vault.get("/api/v1/ca").await.text().await.unwrap(), pem);
}
