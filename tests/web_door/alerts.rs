//! Channels and metrics over HTTP: who may test, who may read.

use serde_json::json;

use crate::support::{Vault, no};

#[tokio::test]
async fn metrics_are_for_the_bearer_of_the_configuration_and_no_login_replaces_it() {
    let vault = Vault::start().await;
    let path = "/api/v1/metrics";
    let ask = || vault.ask(reqwest::Method::GET, path);
    let right = ask().bearer_auth("metrics-bearer").send().await.unwrap();
    assert_eq!(right.status(), 200);
    assert!(
        right.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/plain")
    );
    let text = right.text().await.unwrap();
    assert!(text.contains("\nbreakglass_log_writable 1\n"), "{text}");
    for wrong in ["", "metrics-beare", "metrics-bearer2"] {
        let answer = ask().bearer_auth(wrong).send().await.unwrap();
        assert_eq!(no(answer).await, (403, "metrics_token".into()), "{wrong}");
    }
    let user = vault.login("otto").await;
    assert_eq!(no(user.get(path).await).await.0, 403);
}

#[tokio::test]
async fn only_an_operator_tests_alerts_and_an_unknown_code_confirms_nothing() {
    let vault = Vault::start().await;
    let rio = vault.login("rio").await;
    let test = rio.post("/api/v1/alerts/test", &json!({})).await;
    assert_eq!(no(test).await, (403, "not_allowed".into()));
    let otto = vault.login("otto").await;
    // This vault has no channel at all.
    let test = otto
        .post("/api/v1/alerts/test", &json!({"channel": "mail"}))
        .await;
    assert_eq!(no(test).await, (404, "not_found".into()));
    let confirm = rio
        .post("/api/v1/alerts/confirm", &json!({"code": "K7P2QX"}))
        .await;
    assert_eq!(no(confirm).await, (400, "bad_document".into()));
}
