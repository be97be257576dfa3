//! Mail against servers that take it, refuse it, vanish, or lose their reply; and against a real
//! SMTP server (aiosmtpd).
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alerts_support;

use alerts_support::{Script, example, nobody, python, smtp_server, smtps_server};
use breakglass::alerts::{Channel, MailChannel, Message, SendError, SmtpConfig, TlsMode};

const NOW_AT_MS: i64 = 1_795_231_320_000;

fn plain(port: u16) -> SmtpConfig {
    SmtpConfig {
        name: "mail".into(),
        host: "127.0.0.1".into(),
        port,
        tls: TlsMode::None,
        from: "Breakglass <vault@example.org>".into(),
        username: None,
        password_file: None,
        ca_file: None,
        timeout_ms: 6_000,
    }
}

fn channel(port: u16) -> MailChannel {
    MailChannel::new(&plain(port), &mut |_| Err("no file".into())).unwrap()
}

async fn sent(script: Script) -> Result<breakglass::alerts::Delivery, SendError> {
    channel(smtp_server(script).await)
        .send(&example(), NOW_AT_MS)
        .await
}

#[tokio::test]
async fn a_mail_that_is_taken_is_delivered_to_all() {
    let delivery = sent(Script::default()).await.unwrap();
    assert_eq!(delivery.accepted, ["ada@example.org", "ben@example.org"]);
    assert!(delivery.refused.is_empty());
}

#[tokio::test]
async fn one_refused_address_keeps_nothing_from_the_others() {
    let delivery = sent(Script {
        refuse: "ada",
        ..Script::default()
    })
    .await
    .unwrap();
    assert_eq!(delivery.accepted, ["ben@example.org"]);
    assert_eq!(
        delivery.refused,
        [("ada@example.org".to_owned(), "550".to_owned())]
    );
}

#[tokio::test]
async fn an_address_that_is_none_keeps_nothing_from_the_others() {
    let mut message = example();
    message.to.push("not an address".into());
    let port = smtp_server(Script::default()).await;
    let delivery = channel(port).send(&message, NOW_AT_MS).await.unwrap();
    assert_eq!((delivery.accepted.len(), delivery.refused.len()), (2, 1));
}

#[tokio::test]
async fn every_reply_code_is_a_definite_no() {
    for script in [
        Script {
            greeting: "421 busy",
            ..Script::default()
        },
        Script {
            refuse: "@",
            ..Script::default()
        },
        Script {
            data: "451 later",
            ..Script::default()
        },
        Script {
            end: Some("452 full"),
            ..Script::default()
        },
        Script {
            end: Some("554 no"),
            ..Script::default()
        },
    ] {
        let name = format!("{script:?}");
        let why = sent(script).await.unwrap_err();
        assert!(matches!(why, SendError::Refused { .. }), "{name}: {why:?}");
    }
}

#[tokio::test]
async fn a_dead_or_silent_server_is_unreachable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = listener.local_addr().unwrap().port();
    let why = channel(silent)
        .send(&example(), NOW_AT_MS)
        .await
        .unwrap_err();
    assert!(matches!(why, SendError::Unreachable { .. }), "{why:?}");
    drop(listener);
    let nobody = nobody();
    let why = channel(nobody.local_addr().unwrap().port())
        .send(&example(), NOW_AT_MS)
        .await
        .unwrap_err();
    assert!(matches!(why, SendError::Unreachable { .. }), "{why:?}");
}

#[tokio::test]
async fn a_lost_reply_to_the_text_is_unknown() {
    for script in [
        Script {
            end: None,
            ..Script::default()
        },
        Script {
            end: Some("hang"),
            ..Script::default()
        },
    ] {
        let name = format!("{script:?}");
        let why = sent(script).await.unwrap_err();
        assert!(matches!(why, SendError::Unknown { .. }), "{name}: {why:?}");
    }
}

#[tokio::test]
async fn a_server_without_starttls_is_not_spoken_to_in_plain_text() {
    let mut config = plain(smtp_server(Script::default()).await);
    config.tls = TlsMode::StartTls;
    let channel = MailChannel::new(&config, &mut |_| Err("no file".into())).unwrap();
    let why = channel.send(&example(), NOW_AT_MS).await.unwrap_err();
    assert!(matches!(why, SendError::Unreachable { .. }), "{why:?}");
}

#[tokio::test]
async fn a_login_is_made_and_a_refused_one_is_definite() {
    for (auth, good) in [("235 ok", true), ("535 no", false)] {
        let mut config = plain(
            smtp_server(Script {
                auth,
                ..Script::default()
            })
            .await,
        );
        config.username = Some("vault".into());
        config.password_file = Some("mail.password".into());
        let mut read = |_: &std::path::Path| Ok(secrecy::SecretString::from("canary-password\n"));
        let channel = MailChannel::new(&config, &mut read).unwrap();
        let outcome = channel.send(&example(), NOW_AT_MS).await;
        assert_eq!(outcome.is_ok(), good, "{outcome:?}");
        if let Err(why) = outcome {
            assert!(matches!(why, SendError::Refused { .. }), "{why:?}");
            assert!(!format!("{why:?} {channel:?}").contains("canary"));
        }
    }
}

#[tokio::test]
async fn tls_is_checked_against_the_configured_authority() {
    let (port, pem) = smtps_server(Script::default()).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pem).unwrap();
    let mut config = plain(port);
    config.host = "localhost".into();
    config.tls = TlsMode::Tls;
    let stranger = MailChannel::new(&config, &mut |_| Err("no file".into())).unwrap();
    let why = stranger.send(&example(), NOW_AT_MS).await.unwrap_err();
    assert!(matches!(why, SendError::Unreachable { .. }), "{why:?}");
    config.ca_file = Some(file.path().to_owned());
    let known = MailChannel::new(&config, &mut |_| Err("no file".into())).unwrap();
    assert_eq!(
        known
            .send(&example(), NOW_AT_MS)
            .await
            .unwrap()
            .accepted
            .len(),
        2
    );
}

#[tokio::test]
#[ignore = "needs BREAKGLASS_TEST_PYTHON; tests/run runs them"]
async fn a_real_mail_server_takes_it_with_thread_checkpoint_and_drill_mark() {
    let mut sink = python("smtp_sink.py", &[]);
    let channel = channel(sink.port());
    let mut message = Message {
        drill: true,
        ..example()
    };
    message.to.push("gone@example.org".into());
    let delivery = channel.send(&message, NOW_AT_MS).await.unwrap();
    assert_eq!(delivery.accepted.len(), 2);
    assert_eq!(
        delivery.refused,
        [("gone@example.org".to_owned(), "550".to_owned())]
    );

    let seen = sink.next_json();
    let headers = &seen["headers"];
    assert_eq!(seen["from"], "vault@example.org");
    assert_eq!(headers["auto-submitted"], "auto-generated");
    assert_eq!(headers["message-id"], "<a1-17@example.org>");
    assert_eq!(headers["references"], "<INC-2041.thread@example.org>");
    assert!(
        headers["subject"]
            .as_str()
            .unwrap()
            .starts_with("[DRILL \u{2013} no real incident] [OPEN]")
    );
    let note = headers["x-log-checkpoint"]
        .as_str()
        .unwrap()
        .replace(char::is_whitespace, "");
    let note = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, note).unwrap();
    assert_eq!(note, message.checkpoint.as_bytes());
    let body = seen["body"].as_str().unwrap().replace("\r\n", "\n");
    assert!(
        body.trim_end().ends_with(message.checkpoint.trim_end()),
        "{body}"
    );
    assert!(seen["longest_line"].as_u64().unwrap() <= 998);
}
