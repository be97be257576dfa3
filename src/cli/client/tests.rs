//! The client against a vault that grows, forks or forgets, over real HTTP on loopback.

use super::history_tests::{consistency, entries, head, signer};
use super::test_pages::{Pages, serve};
use super::*;
use crate::audit::merkle::Edge;

fn show(pages: &Pages, log: &[Vec<u8>], old: Option<u64>) {
    pages.show("/log/checkpoint", head(log).1.into_bytes());
    if let Some(old) = old {
        let path = format!("/log/consistency?old={old}&new={}", log.len());
        pages.show(&path, serde_json::to_vec(&consistency(log, old)).unwrap());
    }
}

pub(super) fn client(folder: &std::path::Path, server: &str) -> Client {
    let globals = Globals {
        config: Some(folder.to_owned()),
        state: Some(folder.join("state")),
        ..Globals::default()
    };
    let settings = Settings {
        vault: "prod-eu".parse().unwrap(),
        server: server.to_owned(),
        person: "ada".parse().unwrap(),
        key: folder.join("key"),
        unlocker_keys: vec![],
        ca_file: None,
        pins: Pins::fresh(signer().verifier_key().to_string()),
    };
    let path = path_of(folder, &settings.vault);
    if path.exists() {
        return logged_in(Client::open(&globals).unwrap());
    }
    logged_in(Client::with(Kept { path, settings }, &globals).unwrap())
}

fn logged_in(mut client: Client) -> Client {
    client.api.set_token("bgl_x".to_owned().into());
    client
}

#[tokio::test]
async fn the_pin_follows_a_growing_log_and_survives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let (pages, log) = (Pages::default(), entries(13, "tick"));
    let server = serve(pages.clone()).await;
    show(&pages, &log[..6], None);
    assert_eq!(client(folder.path(), &server).head().await.unwrap().size, 6);
    show(&pages, &log, Some(6));
    assert_eq!(
        client(folder.path(), &server).head().await.unwrap().size,
        13
    );
    let pins = client(folder.path(), &server).kept.settings.pins;
    assert_eq!(pins.checkpoint().unwrap().unwrap().size, 13);
}

#[tokio::test]
async fn a_fork_or_a_cut_is_exit_8_and_the_pin_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (pages, log, other) = (Pages::default(), entries(13, "tick"), entries(20, "other"));
    let server = serve(pages.clone()).await;
    show(&pages, &log, None);
    client(folder.path(), &server).head().await.unwrap();
    for (shown, old) in [
        (&other[..], Some(13)),
        (&log[..6], None),
        (&other[..13], None),
    ] {
        show(&pages, shown, old);
        let error = client(folder.path(), &server).head().await.unwrap_err();
        assert_eq!(error.exit, Exit::LOG_BROKEN, "{error}");
    }
    show(&pages, &log, None);
    assert_eq!(
        client(folder.path(), &server).head().await.unwrap().size,
        13
    );
}

#[tokio::test]
async fn a_word_that_only_ends_is_signed_over_the_pin_where_the_log_does_not_follow() {
    let folder = tempfile::tempdir().unwrap();
    let (pages, log, other) = (Pages::default(), entries(13, "tick"), entries(20, "other"));
    let server = serve(pages.clone()).await;
    show(&pages, &other, None);
    pages.show("/log/checkpoint", b"nothing".to_vec());
    // Who has seen nothing yet signs that.
    let unseen = client(folder.path(), &server).head_to_end().await.unwrap();
    assert_eq!((unseen.size, unseen.root), (0, Edge::new().root()));
    assert_eq!(unseen.origin, signer().verifier_key().name());

    show(&pages, &log, None);
    let pinned = client(folder.path(), &server).head().await.unwrap();
    for (shown, old) in [
        (&other[..], Some(13)),
        (&log[..6], None),
        (&other[..13], None),
    ] {
        show(&pages, shown, old);
        let mut client = client(folder.path(), &server);
        assert_eq!(client.head_to_end().await.unwrap(), pinned);
        assert!(client.head().await.is_err(), "nothing else goes on");
    }
}

#[tokio::test]
async fn a_long_command_does_not_write_back_pins_that_another_moved() {
    let folder = tempfile::tempdir().unwrap();
    let (pages, log) = (Pages::default(), entries(13, "tick"));
    let server = serve(pages.clone()).await;
    show(&pages, &log[..6], None);
    let mut slow = client(folder.path(), &server);
    slow.head().await.unwrap();
    show(&pages, &log, Some(6));
    let mut quick = client(folder.path(), &server);
    quick.head().await.unwrap();
    quick
        .save_pins(|pins| pins.advance_manifest(3, Digest::of(b"three")))
        .await
        .unwrap();
    slow.save_pins(|_| Ok(())).await.unwrap();
    let pins = client(folder.path(), &server).kept.settings.pins;
    assert_eq!(
        (pins.epoch, pins.checkpoint().unwrap().unwrap().size),
        (Some(3), 13)
    );
}

#[test]
fn a_ca_file_that_changed_since_enrolment_is_not_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let mut kept = client(folder.path(), "http://127.0.0.1:1").kept;
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, "other").unwrap();
    kept.settings.ca_file = Some(ca);
    kept.settings.pins.ca_sha256 = Some(Digest::of(b"pem"));
    let globals = Globals {
        state: Some(folder.path().join("state")),
        ..Globals::default()
    };
    assert!(
        Client::with(kept, &globals)
            .err()
            .unwrap()
            .message
            .contains("CA file changed")
    );
}
