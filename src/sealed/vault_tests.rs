//! Tests of arrival checks and unsealing: every refusal by its name, and the whole way through.

use secrecy::ExposeSecret as _;

use super::*;
use crate::sealed::ceremony::{Dealt, Holder};
use crate::sealed::possession::PossessionKey;
use crate::sealed::release::seal_release;
use crate::sealed::secret::{Secret32, SecretText};
use crate::sealed::share::open_share;
use crate::sealed::unlocker::{Opener, Unlocker};

const DOCUMENT: &[u8] = br#"{"act":"approve"}"#;

/// An epoch whose shares are open, an incident on it, and the sealed credential.
struct Scene {
    shares: Vec<Share>,
    keys: EpochKeys,
    key: IncidentKey,
    label: ReleaseLabel,
    sealed: Vec<u8>,
}

fn scene(epoch: u32) -> Scene {
    let name = EpochName::new("vault-1", "live", epoch).unwrap();
    let dealt = Dealt::new(name.clone(), 3, 5).unwrap();
    let credential = Credential {
        client_id: "app".into(),
        client_secret: SecretText::copied_from("dose-secret").unwrap(),
        secret_id: "sec".into(),
        expires_at_ms: 1,
    };
    let sealed = envelope::seal_credential(&name, &credential, dealt.recipient()).unwrap();
    Scene {
        shares: opened_shares(&dealt),
        keys: EpochKeys {
            k: 3,
            n: 5,
            recipient: dealt.recipient().to_owned(),
            possession_keys: dealt.possession_keys().to_vec(),
        },
        key: IncidentKey::generate().unwrap(),
        label: ReleaseLabel {
            name,
            incident: "inc-1".into(),
            terms_sha256: [0x22; 32],
            nonce: "n0nce".into(),
        },
        sealed,
    }
}

fn opened_shares(dealt: &Dealt) -> Vec<Share> {
    let identity = age::x25519::Identity::generate();
    #[expect(clippy::disallowed_methods, reason = "a test key")]
    let opener = Opener::from_age_text(identity.to_string().expose_secret()).unwrap();
    let holders: Vec<Holder> = (1..=5)
        .map(|index| Holder {
            index,
            unlockers: vec![Unlocker::parse(&identity.to_public().to_string()).unwrap()],
        })
        .collect();
    let sealed = dealt.seal_shares([0; 32], &holders).unwrap();
    let open = |file: &Vec<u8>| open_share(file, &opener).unwrap();
    sealed
        .iter()
        .map(|s| {
            let opened = open(&s.file);
            #[expect(clippy::disallowed_methods, reason = "a copy of a test share")]
            let y = Secret32::copied_from(opened.share().y().expose_secret()).unwrap();
            Share::new(s.index, y)
        })
        .collect()
}

/// Sends share number `place + 1` with `label`, as the holder of `index`.
fn send(
    scene: &Scene,
    place: usize,
    index: u8,
    label: &ReleaseLabel,
) -> Result<Checked, CheckError> {
    let share = &scene.shares[place];
    let envelope = seal_release(label, share, scene.key.recipient()).unwrap();
    let signature = PossessionKey::derive(share, &label.name).sign_release(&envelope, DOCUMENT);
    scene.key.check_envelope(
        &Submission {
            index,
            envelope: &envelope,
            document: DOCUMENT,
            possession_signature: &signature,
        },
        &scene.label,
        &scene.keys,
    )
}

fn rejected(result: Result<Checked, CheckError>) -> ShareReject {
    match result {
        Err(CheckError::Rejected(reject)) => reject,
        other => panic!("expected a reject, got {other:?}"),
    }
}

#[test]
fn a_right_share_is_accepted() {
    let scene = scene(7);
    assert_eq!(send(&scene, 2, 3, &scene.label), Ok(Checked { index: 3 }));
}

#[test]
fn each_wrong_label_is_named() {
    let scene = scene(7);
    let with = |name: EpochName| ReleaseLabel {
        name,
        ..scene.label.clone()
    };
    let reject = |label: &ReleaseLabel| rejected(send(&scene, 2, 3, label));
    let stale = reject(&with(EpochName::new("vault-1", "live", 6).unwrap()));
    assert_eq!(stale.to_string(), "share 3 is of epoch 6, now 7");
    let drill = reject(&with(EpochName::new("vault-1", "drill", 7).unwrap()));
    assert_eq!(drill.code(), "kind");
    let vault = reject(&with(EpochName::new("vault-2", "live", 7).unwrap()));
    assert_eq!(vault.code(), "vault");
    let incident = ReleaseLabel {
        incident: "inc-2".into(),
        ..scene.label.clone()
    };
    assert_eq!(reject(&incident), ShareReject::Incident { index: 3 });
    let terms = ReleaseLabel {
        terms_sha256: [0; 32],
        ..scene.label.clone()
    };
    assert_eq!(reject(&terms), ShareReject::Terms { index: 3 });
    let nonce = ReleaseLabel {
        nonce: "other".into(),
        ..scene.label.clone()
    };
    assert_eq!(reject(&nonce), ShareReject::Terms { index: 3 });
}

#[test]
fn someone_else_s_share_is_named_with_both_indexes() {
    let scene = scene(7);
    let reject = rejected(send(&scene, 1, 3, &scene.label));
    assert_eq!(reject.to_string(), "share 2 was sent where share 3 belongs");
    assert_eq!(
        rejected(send(&scene, 2, 0, &scene.label)),
        ShareReject::Possession { index: 0 }
    );
    assert_eq!(
        rejected(send(&scene, 2, 6, &scene.label)),
        ShareReject::Possession { index: 6 }
    );
}

#[test]
fn a_corrupted_share_is_a_possession_mismatch() {
    let mut scene = scene(7);
    scene.shares[2] = Share::new(3, Secret32::random().unwrap());
    assert_eq!(
        rejected(send(&scene, 2, 3, &scene.label)),
        ShareReject::Possession { index: 3 }
    );
}

#[test]
fn a_signature_over_another_approval_is_not_bound() {
    let scene = scene(7);
    let share = &scene.shares[2];
    let envelope = seal_release(&scene.label, share, scene.key.recipient()).unwrap();
    let key = PossessionKey::derive(share, &scene.label.name);
    let signature = key.sign_release(&envelope, b"another document");
    let submission = Submission {
        index: 3,
        envelope: &envelope,
        document: DOCUMENT,
        possession_signature: &signature,
    };
    assert_eq!(
        rejected(
            scene
                .key
                .check_envelope(&submission, &scene.label, &scene.keys)
        ),
        ShareReject::NotBound { index: 3 }
    );
}

#[test]
fn unreadable_envelopes_are_named_and_harmless() {
    let scene = scene(7);
    let other = IncidentKey::generate().unwrap();
    let foreign = seal_release(&scene.label, &scene.shares[2], other.recipient()).unwrap();
    let good = seal_release(&scene.label, &scene.shares[2], scene.key.recipient()).unwrap();
    let nonsense: age::x25519::Recipient = scene.key.recipient().parse().unwrap();
    let nonsense = crate::sealed::age_file::seal(&[&nonsense], b"{}").unwrap();
    let cases: [(&[u8], &str); 4] = [
        (
            &foreign,
            "share 3 is unreadable: the age file is not addressed to this key",
        ),
        (
            &good[..good.len() - 1],
            "share 3 is unreadable: not an intact age file: the bytes were cut, changed or are something else",
        ),
        (
            b"",
            "share 3 is unreadable: not an intact age file: the bytes were cut, changed or are something else",
        ),
        (
            &nonsense,
            "share 3 is unreadable: the envelope holds no share document",
        ),
    ];
    for (envelope, sentence) in cases {
        let submission = Submission {
            index: 3,
            envelope,
            document: DOCUMENT,
            possession_signature: &[0; 64],
        };
        let reject = rejected(
            scene
                .key
                .check_envelope(&submission, &scene.label, &scene.keys),
        );
        assert_eq!(reject.to_string(), sentence);
        assert_eq!(reject.code(), "unreadable");
    }
}

fn envelopes(scene: &Scene, places: &[usize]) -> Vec<(u8, Vec<u8>)> {
    places
        .iter()
        .map(|place| {
            let share = &scene.shares[*place];
            let envelope = seal_release(&scene.label, share, scene.key.recipient()).unwrap();
            (share.index(), envelope)
        })
        .collect()
}

fn unseal(scene: Scene, envelopes: &[(u8, Vec<u8>)]) -> Result<Credential, UnsealError> {
    let lent: Vec<(u8, &[u8])> = envelopes.iter().map(|(i, e)| (*i, &e[..])).collect();
    scene
        .key
        .unseal(&lent, &scene.label, &scene.keys, &scene.sealed)
}

#[test]
fn any_k_envelopes_unseal_the_credential() {
    for places in [[0, 1, 2], [4, 2, 0], [3, 4, 1]] {
        let scene = scene(7);
        let sent = envelopes(&scene, &places);
        let credential = unseal(scene, &sent).unwrap();
        #[expect(clippy::disallowed_methods, reason = "a test credential")]
        let secret = credential.client_secret.expose_secret();
        assert_eq!(secret, "dose-secret");
    }
}

#[test]
fn fewer_than_k_or_one_twice_unseal_nothing() {
    let scene_one = scene(7);
    let sent = envelopes(&scene_one, &[0, 1]);
    assert_eq!(
        unseal(scene_one, &sent).unwrap_err(),
        UnsealError::Shamir(ShamirError::TooFew { given: 2, k: 3 })
    );
    let scene_two = scene(7);
    let sent = envelopes(&scene_two, &[0, 1, 1]);
    assert_eq!(
        unseal(scene_two, &sent).unwrap_err(),
        UnsealError::Shamir(ShamirError::Duplicate { index: 2 })
    );
}

#[test]
fn an_identity_that_is_not_the_manifest_s_is_refused() {
    let mut scene = scene(7);
    scene.keys.recipient = IncidentKey::generate().unwrap().recipient().to_owned();
    let sent = envelopes(&scene, &[0, 1, 2]);
    assert!(matches!(
        unseal(scene, &sent),
        Err(UnsealError::WrongIdentity { .. })
    ));
}

#[test]
fn a_swapped_sealed_credential_is_refused() {
    let mut scene_one = scene(7);
    scene_one.sealed = scene(7).sealed;
    let sent = envelopes(&scene_one, &[0, 1, 2]);
    assert!(matches!(
        unseal(scene_one, &sent),
        Err(UnsealError::Credential(EnvelopeError::Open(
            OpenError::NotForThisKey
        )))
    ));
}
