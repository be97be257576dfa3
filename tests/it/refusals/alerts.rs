//! People who cannot be told.

use breakglass::domain::incident::Phase;

use crate::support::{Mode, TestVault};

#[test]
fn an_unconfirmed_alert_holds_the_opening_until_a_channel_confirms() {
    // It did not arrive; and: it arrived, but nobody can know.
    for mode in [Mode::Fails, Mode::FailsButDelivers] {
        let vault = TestVault::new();
        vault.deliver();
        vault.channels(mode);
        let (incident, _) = vault.open();
        vault.deliver();
        assert!(vault.count("alert.failed") >= 2);
        vault.approve_by_three(&incident.id);
        vault.settle();
        vault.tick();
        vault.settle();
        let held = vault.incident(&incident.id);
        assert!(
            matches!(held.phase, Phase::Collecting(_)),
            "{mode:?}: {:?}",
            held.phase
        );
        assert_eq!(vault.count("unseal.begin"), 0);
        // One channel works again: it opens by itself.
        vault.mail.set(Mode::Works);
        vault.pass_ms(11_000);
        vault.deliver();
        vault.wait_for(&incident.id, |i| matches!(i.phase, Phase::Open(_)));
        vault.verify_log();
    }
}

#[test]
fn a_broken_channel_is_told_of_on_the_other_once_and_tried_again_with_growing_pauses() {
    let vault = TestVault::new();
    vault.deliver();
    vault.hook.set(Mode::Fails);
    let (incident, _) = vault.open();
    vault.deliver();
    let about = |kinds: Vec<String>| kinds.iter().filter(|k| *k == "alert.failed").count();
    assert_eq!(about(vault.mail.kinds()), 1);
    let failed = vault.count("alert.failed");
    vault.pass_ms(4_000);
    vault.deliver();
    assert_eq!(
        vault.count("alert.failed"),
        failed,
        "not before its pause is over"
    );
    vault.pass_ms(2_000);
    vault.deliver();
    assert!(vault.count("alert.failed") > failed);
    assert_eq!(about(vault.mail.kinds()), 1, "told once an hour");
    // Nothing is lost: it arrives when the channel is mended.
    vault.hook.set(Mode::Works);
    vault.pass_ms(11 * 60_000);
    vault.deliver();
    assert!(vault.hook.kinds().contains(&"incident.opened".to_owned()));
    let id = vault.hook.messages()[0].id.clone();
    assert!(
        !vault.mail.messages().iter().any(|m| m.id == id),
        "one id per message and channel"
    );
    assert!(matches!(
        vault.incident(&incident.id).phase,
        Phase::Collecting(_)
    ));
}

#[test]
fn no_message_holds_the_phrase_a_token_or_a_share() {
    let vault = TestVault::new();
    let (incident, claim_key) = vault.opened();
    let token = vault.claim(&incident, &claim_key).unwrap().token;
    vault.close(&incident).unwrap();
    vault.settle();
    vault.deliver();
    let phrase = breakglass::domain::phrase::phrase(&incident.terms_sha256).join(" ");
    let messages = vault.mail.messages();
    assert!(messages.len() > 8);
    for message in messages {
        let text = format!("{} {}", message.full_subject(), message.full_body());
        for hidden in [phrase.as_str(), token.as_str(), "AGE-SECRET"] {
            assert!(!text.contains(hidden), "{}: {hidden}", message.kind);
        }
        // Four letters alone also stand in a checkpoint's base64 now and then.
        let secret = |at: usize| {
            let rest = text[at + 4..].bytes();
            rest.take_while(u8::is_ascii_hexdigit).count() >= 16
        };
        assert!(
            !text.match_indices("dose").any(|(at, _)| secret(at)),
            "{}",
            message.kind
        );
        assert!(
            !message.subject.contains(&incident.terms.reason),
            "{}",
            message.subject
        );
        assert!(
            message
                .checkpoint
                .starts_with("vault.example/log/night-watch/e1\n")
        );
    }
}

#[test]
fn a_channel_that_asks_to_wait_is_left_alone_that_long() {
    let vault = TestVault::new();
    vault.deliver();
    vault.hook.set(Mode::AsksToWait);
    vault.open();
    vault.deliver();
    let failed = vault.count("alert.failed");
    assert!(failed > 0);
    // The backoff alone would have tried after five seconds, and again after ten more.
    vault.pass_ms(595_000);
    vault.deliver();
    assert_eq!(vault.count("alert.failed"), failed);
    vault.hook.set(Mode::Works);
    vault.pass_ms(6_000);
    vault.deliver();
    assert!(vault.hook.kinds().contains(&"incident.opened".to_owned()));
}
