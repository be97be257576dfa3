//! The custodian's page: what it is served with, and which other origin may ask the API.

use reqwest::Method;

use crate::support::{APART, Vault, no};

#[tokio::test]
async fn the_page_is_served_to_strangers_with_its_policy() {
    let vault = Vault::start().await;
    for path in [
        "/custodian/",
        "/custodian/custodian.js",
        "/custodian/custodian.css",
        "/custodian/SHA256SUMS",
    ] {
        // As a link in a mail is followed.
        let ask = vault.ask(Method::GET, path);
        let answer = ask.header("sec-fetch-site", "cross-site").send().await;
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let policy = answer.headers()["content-security-policy"]
            .to_str()
            .unwrap();
        assert!(policy.contains("trusted-types 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.headers()["cache-control"], "no-store", "{path}");
    }
    let answer = vault.ask(Method::GET, "/custodian/index.html");
    let answer = answer
        .header("accept-encoding", "gzip")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["content-encoding"], "gzip");
}

#[tokio::test]
async fn the_page_apart_may_ask_by_bearer_and_nobody_else_may() {
    let vault = Vault::start().await;
    let user = vault.login("ada").await;
    for (origin, status, allowed) in [
        (APART, 200, true),
        ("https://custodian.example:444", 403, false),
        ("https://evil.custodian.example", 403, false),
        ("http://custodian.example", 403, false),
    ] {
        let ask = user.ask(Method::GET, "/api/v1/vault");
        let ask = ask
            .header("origin", origin)
            .header("sec-fetch-site", "cross-site");
        let answer = ask.send().await.unwrap();
        assert_eq!(answer.status(), status, "{origin}");
        let named = answer.headers().get("access-control-allow-origin");
        assert_eq!(
            named.is_some_and(|named| named == origin),
            allowed,
            "{origin}"
        );
        assert!(
            answer
                .headers()
                .get("access-control-allow-credentials")
                .is_none()
        );
    }
    let preflight = vault.ask(Method::OPTIONS, "/api/v1/vault");
    let preflight = preflight.header("origin", APART).send().await.unwrap();
    assert_eq!(preflight.status(), 204);
    assert_eq!(
        preflight.headers()["access-control-allow-headers"],
        "authorization, content-type"
    );
}

#[tokio::test]
async fn a_cookie_never_counts_for_the_page_apart() {
    let vault = Vault::start().await;
    let user = vault.login("ada").await;
    let ask = vault.ask(Method::GET, "/api/v1/vault");
    let ask = ask.header("cookie", format!("__Host-breakglass={}", user.token));
    let answer = ask.header("origin", APART).send().await.unwrap();
    assert_eq!(answer.status(), 401);
}

#[tokio::test]
async fn a_body_that_names_a_prf_result_is_not_read() {
    let vault = Vault::start().await;
    let user = vault.login("ada").await;
    let body = serde_json::json!({"act": {"document": "{}", "signature":
        r#"{"clientExtensionResults":{"prf":{"results":{"first":"canary"}}}}"#},
        "envelope": "", "possession": ""});
    let ask = user.ask(Method::POST, "/api/v1/incidents/INC-1/approve");
    let answer = ask.json(&body).send().await.unwrap();
    assert_eq!(no(answer).await, (400, "prf_refused".to_owned()));
}
