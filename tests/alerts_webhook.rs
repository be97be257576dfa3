//! The webhook against receivers that take it, refuse it, vanish, or lose their reply; and against
//! the public Standard Webhooks library.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alerts_support;

use alerts_support::{example, http_server, nobody, python};
use breakglass::alerts::{Channel, SendError, WebhookChannel, WebhookConfig};
use secrecy::SecretString;

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
const NOW_AT_MS: i64 = 1_795_231_320_000;

fn channel(port: u16) -> WebhookChannel {
    let config = WebhookConfig {
        name: "hook".into(),
        url: format!("http://127.0.0.1:{port}/hook"),
        secret_file: "hook.secret".into(),
        ca_file: None,
        timeout_ms: 6_000,
    };
    WebhookChannel::new(&config, &mut |_| Ok(SecretString::from(SECRET))).unwrap()
}

async fn sent(reply: Option<&'static str>) -> Result<breakglass::alerts::Delivery, SendError> {
    channel(http_server(reply).await)
        .send(&example(), NOW_AT_MS)
        .await
}

#[tokio::test]
async fn any_success_is_a_delivery() {
    for status in ["200 OK", "202 Accepted", "204 No Content"] {
        assert_eq!(sent(Some(status)).await.unwrap().accepted, ["hook"]);
    }
}

#[tokio::test]
async fn a_client_error_and_a_redirect_are_a_definite_no() {
    for status in ["400 X", "401 X", "404 X", "410 X", "429 X", "302 X"] {
        let why = sent(Some(status)).await.unwrap_err();
        assert!(
            matches!(why, SendError::Refused { .. }),
            "{status}: {why:?}"
        );
    }
}

#[tokio::test]
async fn a_server_error_a_lost_reply_and_silence_are_unknown() {
    for reply in [Some("500 X"), Some("503 X"), None, Some("hang")] {
        let why = sent(reply).await.unwrap_err();
        assert!(
            matches!(why, SendError::Unknown { .. }),
            "{reply:?}: {why:?}"
        );
    }
}

#[tokio::test]
async fn a_dead_receiver_is_unreachable_and_its_address_is_not_in_the_error() {
    let nobody = nobody();
    let port = nobody.local_addr().unwrap().port();
    let channel = channel(port);
    let why = channel.send(&example(), NOW_AT_MS).await.unwrap_err();
    assert!(matches!(why, SendError::Unreachable { .. }), "{why:?}");
    assert!(!format!("{why} {channel:?}").contains("/hook"));
}

#[tokio::test]
#[ignore = "needs BREAKGLASS_TEST_PYTHON; tests/run runs them"]
async fn the_public_library_verifies_the_signature_and_refuses_an_old_one() {
    let mut sink = python("webhook_sink.py", &[SECRET]);
    let channel = channel(sink.port());
    let message = example();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64;
    channel.send(&message, now).await.unwrap();
    let seen = sink.next_json();
    assert_eq!(seen["verified"], true, "{seen}");
    assert_eq!(seen["id"], message.id);
    assert_eq!(seen["payload"]["data"]["checkpoint"], message.checkpoint);
    assert_eq!(seen["payload"]["type"], "incident.open");

    let why = channel.send(&message, now - 600_000).await.unwrap_err();
    assert!(matches!(why, SendError::Refused { .. }), "{why:?}");
    assert_eq!(sink.next_json()["verified"], false);
}
