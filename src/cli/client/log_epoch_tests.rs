//! Whether a log that goes on under a new name begins as the one this client knows.

use super::super::history_tests::{consistency, entries, head, inclusion, signer};
use super::super::test_pages::{Pages, serve};
use super::super::tests::client;
use super::*;

/// A declaration over the first `kept` entries.
fn over(kept: u64) -> Vec<Declared> {
    let vkey = signer().verifier_key().to_string();
    let sha256 = Digest::of(b"any");
    vec![Declared {
        epoch: LogEpoch {
            epoch: 2,
            origin: "vault.example/log/prod-eu/e2".to_owned(),
            vkey: vkey.clone(),
            prev_origin: "vault.example/log/prod-eu/e1".to_owned(),
            prev_vkey: vkey,
            prev_size: kept,
            prev_root: String::new(),
            why: "restored".to_owned(),
            custody_epoch: 1,
            newest_epoch: 1,
            manifest_sha256: sha256,
            roster_sha256: sha256,
            policy_sha256: sha256,
        },
        acts: Vec::new(),
    }]
}

/// What a client that remembers `pins` says of a log of these entries, `kept` of which are said
/// to have been saved.
async fn begins(
    log: &[Vec<u8>],
    kept: u64,
    pins: impl FnOnce(&mut Pins),
) -> Result<Entry, CliError> {
    let folder = tempfile::tempdir().unwrap();
    let pages = Pages::default();
    let size = log.len() as u64;
    let shown = serde_json::to_vec(&inclusion(log, 0)).unwrap();
    pages.show(&format!("/log/proof?seq=0&size={size}"), shown);
    for old in 1..size {
        let shown = serde_json::to_vec(&consistency(log, old)).unwrap();
        pages.show(&format!("/log/consistency?old={old}&new={size}"), shown);
    }
    let mut client = client(folder.path(), &serve(pages).await);
    pins(&mut client.kept.settings.pins);
    client.beginning(&over(kept), &head(log).0).await
}

fn sentence(result: Result<Entry, CliError>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.exit, crate::cli::Exit::LOG_BROKEN);
    error.message
}

#[tokio::test]
async fn entries_may_be_lost_but_the_beginning_is_the_one_that_was_seen() {
    let (ours, forged) = (entries(13, "tick"), entries(13, "forged"));
    let saw_all = |pins: &mut Pins| {
        pins.checkpoint = Some(head(&ours).1);
        pins.genesis = Some(Digest::of(&ours[0]));
    };
    assert_eq!(begins(&ours[..6], 5, saw_all).await.unwrap().seq, 0);
    let said = sentence(begins(&forged[..6], 5, saw_all).await);
    assert!(said.contains("begins with another entry"), "{said}");
}

#[tokio::test]
async fn who_saw_no_more_than_was_saved_proves_the_beginning_by_what_she_saw() {
    let (ours, forged) = (entries(13, "tick"), entries(13, "forged"));
    let saw_six = |pins: &mut Pins| pins.checkpoint = Some(head(&ours[..6]).1);
    assert_eq!(begins(&ours, 8, saw_six).await.unwrap().seq, 0);
    let said = sentence(begins(&forged, 8, saw_six).await);
    assert!(said.contains("rewritten"), "{said}");
}

#[tokio::test]
async fn who_never_saw_the_beginning_follows_nobody() {
    let ours = entries(13, "tick");
    let said = sentence(begins(&ours, 8, |_| {}).await);
    assert!(said.contains("never seen how it began"), "{said}");
    let saw_more = |pins: &mut Pins| pins.checkpoint = Some(head(&ours).1);
    let said = sentence(begins(&ours[..6], 5, saw_more).await);
    assert!(said.contains("never seen how it began"), "{said}");
}
