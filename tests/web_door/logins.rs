//! Logging in: once per challenge, for this origin, by a key of the roster.

use breakglass::api::LoginReply;
use breakglass::app::login::{CHALLENGE_MS, LOGIN_MS};
use breakglass::sealed::loaded_key::LoadedKey;

use crate::support::{Vault, no, ok};

fn refused() -> (u16, String) {
    (401, "login_needed".to_owned())
}

#[tokio::test]
async fn a_login_lasts_eight_hours() {
    let vault = Vault::start().await;
    let ada = vault.login("ada").await;
    assert!(ada.token.starts_with("bgl_"));
    vault.clock.pass_ms(LOGIN_MS - 1);
    assert_eq!(ada.get("/api/v1/vault").await.status(), 200);
    vault.clock.pass_ms(1);
    assert_eq!(no(ada.get("/api/v1/vault").await).await, refused());
}

#[tokio::test]
async fn a_replayed_login_is_refused() {
    let vault = Vault::start().await;
    let document = vault.login_document(vault.key("ada"), &vault.origin).await;
    let first: LoginReply = ok(vault.post("/api/v1/login", &document).await).await;
    assert_eq!(first.name, "ADA Example");
    assert_eq!(
        no(vault.post("/api/v1/login", &document).await).await,
        refused()
    );
}

#[tokio::test]
async fn a_login_signed_for_another_origin_is_refused_whatever_host_it_claims() {
    let vault = Vault::start().await;
    for other in [
        "https://evil.example",
        "http://127.0.0.1:1",
        "http://localhost",
    ] {
        let document = vault.login_document(vault.key("ada"), other).await;
        assert_eq!(
            no(vault.post("/api/v1/login", &document).await).await,
            refused()
        );
        // Somebody in the middle relays it with the Host that would fit.
        let host = other.split_once("//").unwrap().1;
        let ask = vault
            .ask(reqwest::Method::POST, "/api/v1/login")
            .json(&document);
        let answer = ask.header("host", host).send().await.unwrap();
        assert_ne!(answer.status(), 200, "{other}");
    }
}

#[tokio::test]
async fn a_key_outside_the_roster_gets_a_challenge_and_no_login() {
    let vault = Vault::start().await;
    let stranger = LoadedKey::generate_ed25519("stranger").unwrap();
    let document = vault.login_document(&stranger, &vault.origin).await;
    assert_eq!(
        no(vault.post("/api/v1/login", &document).await).await,
        refused()
    );
}

#[tokio::test]
async fn a_challenge_is_good_for_a_minute() {
    let vault = Vault::start().await;
    let document = vault.login_document(vault.key("ada"), &vault.origin).await;
    vault.clock.pass_ms(CHALLENGE_MS);
    assert_eq!(
        no(vault.post("/api/v1/login", &document).await).await,
        refused()
    );
}
