//! Slack, Teams and PagerDuty against receivers that take a message, refuse it, ask to wait,
//! vanish, or lose their reply; and against one that judges it as the services document it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alerts_support;

use std::path::Path;
use std::sync::Arc;

use alerts_support::{example, http_server, nobody, python};
use breakglass::alerts::{Channel, ChannelConfig, Delivery, Message, SendError, Severity, build};
use secrecy::SecretString;

const NOW_AT_MS: i64 = 1_795_231_320_000;
const KEY: &str = "0123456789abcdef0123456789abcdef";
const SERVICES: [&str; 3] = ["slack", "teams", "pagerduty"];

/// A channel of this service that posts to a port of this machine.
fn channel(service: &str, port: u16) -> Arc<dyn Channel> {
    let table = match service {
        "pagerduty" => format!(
            "kind = 'pagerduty'\nname = 'it'\nurl = 'http://127.0.0.1:{port}/v2/enqueue'\n\
             routing_key_file = 'service.key'\npeople = {{ ada = 'ada.key', ben = 'ben.key' }}"
        ),
        chat => format!("kind = '{chat}'\nname = 'it'\nurl_file = 'it.url'"),
    };
    let config: ChannelConfig = toml::from_str(&format!("{table}\ntimeout_ms = 6000")).unwrap();
    let mut read = |path: &Path| {
        Ok(SecretString::from(match path.to_str().unwrap() {
            "it.url" => format!("http://127.0.0.1:{port}/services/T0/B0/secret"),
            "service.key" => KEY.to_owned(),
            person => format!("{:x<32}", person.trim_end_matches(".key")),
        }))
    };
    build(&[config], &mut read).unwrap().remove(0)
}

fn message(kind: &str) -> Message {
    Message {
        kind: kind.into(),
        to: vec!["ada".into(), "nobody".into()],
        severity: Severity::Action,
        ..example()
    }
}

async fn sent(service: &str, reply: Option<&'static str>) -> Result<Delivery, SendError> {
    let channel = channel(service, http_server(reply).await);
    channel.send(&message("incident.opened"), NOW_AT_MS).await
}

#[tokio::test]
async fn what_the_service_takes_is_delivered() {
    for (service, status) in SERVICES
        .into_iter()
        .zip(["200 OK", "202 Accepted", "202 Accepted"])
    {
        assert_eq!(sent(service, Some(status)).await.unwrap().accepted, ["it"]);
    }
}

#[tokio::test]
async fn failed_a_definite_no_is_refused_and_says_only_the_code() {
    for service in SERVICES {
        for status in ["400 X", "403 X", "404 X", "410 X", "413 X", "302 X"] {
            let why = sent(service, Some(status)).await.unwrap_err();
            let code = &status[..3];
            assert!(
                matches!(&why, SendError::Refused { code: said, .. } if said == code),
                "{service} {status}: {why:?}"
            );
        }
    }
}

#[tokio::test]
async fn failed_but_happened_a_lost_reply_and_a_server_error_are_unknown() {
    for service in SERVICES {
        for reply in [Some("500 X"), Some("502 X"), None] {
            let why = sent(service, reply).await.unwrap_err();
            assert!(
                matches!(why, SendError::Unknown { .. }),
                "{service} {reply:?}: {why:?}"
            );
        }
    }
}

#[tokio::test]
async fn failed_but_happened_silence_is_unknown() {
    let [slack, teams, pagerduty] = SERVICES.map(|service| sent(service, Some("hang")));
    // Side by side: each of them takes its whole time.
    let (slack, teams, pagerduty) = tokio::join!(slack, teams, pagerduty);
    for (service, outcome) in SERVICES.into_iter().zip([slack, teams, pagerduty]) {
        let why = outcome.unwrap_err();
        assert!(
            matches!(why, SendError::Unknown { .. }),
            "{service}: {why:?}"
        );
    }
}

#[tokio::test]
async fn who_asks_to_wait_is_left_alone_that_long() {
    for service in SERVICES {
        for status in [
            "429 Too Many Requests\r\nretry-after: 30",
            "503 Busy\r\nretry-after: 30",
        ] {
            let why = sent(service, Some(status)).await.unwrap_err();
            assert!(
                matches!(
                    why,
                    SendError::Later {
                        after_ms: 30_000,
                        ..
                    }
                ),
                "{service}: {why:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_dead_receiver_is_unreachable_and_no_secret_is_in_the_error() {
    let nobody = nobody();
    let port = nobody.local_addr().unwrap().port();
    for service in SERVICES {
        let channel = channel(service, port);
        let why = channel
            .send(&message("incident.opened"), NOW_AT_MS)
            .await
            .unwrap_err();
        assert!(matches!(why, SendError::Unreachable { .. }), "{why:?}");
        let said = format!("{why} {why:?}");
        assert!(!said.contains("secret") && !said.contains(KEY), "{said}");
    }
}

/// Messages of every size and mark, in every kind that reaches the service.
fn all_messages() -> Vec<Message> {
    let long = Message {
        subject: "long ".repeat(400),
        body: "<&> \"\u{e9}\" at 2026-11-21 03:22 UTC\n".repeat(3_000),
        ..message("incident.opened")
    };
    let drill = Message {
        drill: true,
        incident: None,
        ..message("alert.test")
    };
    let kinds = ["page.custodians", "incident.stand_down", "incident.closed"];
    let mut all = vec![message("incident.opened"), long, drill];
    all.extend(kinds.map(message));
    all
}

#[tokio::test]
#[ignore = "needs BREAKGLASS_TEST_PYTHON; tests/run runs them"]
async fn every_message_has_the_shape_and_size_that_the_service_documents() {
    for service in SERVICES {
        let mut sink = python("chat_sink.py", &[service]);
        let channel = channel(service, sink.port());
        for message in all_messages() {
            let delivery = channel.send(&message, NOW_AT_MS).await;
            let delivery = delivery.unwrap_or_else(|why| {
                panic!(
                    "{service} {}: {why}: {}",
                    message.kind,
                    sink.next_json()["faults"]
                )
            });
            for _ in &delivery.accepted {
                assert_eq!(sink.next_json()["faults"], serde_json::json!([]));
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs BREAKGLASS_TEST_PYTHON; tests/run runs them"]
async fn a_pager_goes_from_trigger_to_resolve_under_one_key_for_the_named_people() {
    let mut sink = python("chat_sink.py", &["pagerduty"]);
    let channel = channel("pagerduty", sink.port());
    let ada = format!("{:x<32}", "ada");
    let ben = format!("{:x<32}", "ben");
    let walk: [(&str, &[(&str, &str)]); 5] = [
        ("incident.opened", &[("trigger", KEY)]),
        // The other one of the two has no pager here: her page goes to the service.
        ("page.custodians", &[("trigger", &ada), ("trigger", KEY)]),
        (
            "incident.stand_down",
            &[("acknowledge", KEY), ("resolve", &ada), ("resolve", &ben)],
        ),
        ("session.open", &[("acknowledge", KEY)]),
        (
            "incident.closed",
            &[("resolve", KEY), ("resolve", &ada), ("resolve", &ben)],
        ),
    ];
    for (kind, expected) in walk {
        channel.send(&message(kind), NOW_AT_MS).await.unwrap();
        for (action, key) in expected {
            let event = &sink.next_json()["payload"];
            assert_eq!(event["event_action"], *action, "{kind}");
            assert_eq!(event["routing_key"], *key, "{kind}");
            assert_eq!(event["dedup_key"], "breakglass/bg.example/log/v/INC-2041");
        }
    }
}
