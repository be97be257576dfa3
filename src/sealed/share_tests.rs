//! Tests of share files: what opens, what is refused, and that nothing secret is said.

use secrecy::ExposeSecret as _;
use subtle::ConstantTimeEq as _;

use super::*;
use crate::sealed::possession::PossessionKey;

fn label(epoch: u32) -> ShareLabel {
    ShareLabel {
        name: EpochName::new("vault-1", "live", epoch).unwrap(),
        k: 3,
        n: 5,
        index: 3,
        manifest_sha256: [0x11; 32],
    }
}

fn share() -> Share {
    Share::new(3, Secret32::copied_from(&[0xc4; 32]).unwrap())
}

fn ada() -> (Opener, Unlocker) {
    let identity = age::x25519::Identity::generate();
    let unlocker = Unlocker::parse(&identity.to_public().to_string()).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test key")]
    let opener = Opener::from_age_text(identity.to_string().expose_secret()).unwrap();
    (opener, unlocker)
}

#[test]
fn a_share_comes_back_as_it_was_sealed() {
    let (opener, unlocker) = ada();
    let file = seal_share(&label(7), &share(), &[unlocker]).unwrap();
    let opened = open_share(&file, &opener).unwrap();
    assert_eq!(opened.label(), &label(7));
    assert!(bool::from(opened.share().y().ct_eq(share().y())));
    let public = PossessionKey::derive(&share(), &label(7).name).public();
    assert_eq!(opened.check(&label(7), &public), Ok(()));
    assert!(!format!("{opened:?}").contains("c4c4"));
}

#[test]
fn either_of_two_unlockers_opens_the_share() {
    let ((first, one), (second, two)) = (ada(), ada());
    let file = seal_share(&label(7), &share(), &[one, two]).unwrap();
    assert!(open_share(&file, &first).is_ok());
    assert!(open_share(&file, &second).is_ok());
}

#[test]
fn someone_else_s_share_is_refused_with_the_reason_and_what_to_do() {
    let (_, unlocker) = ada();
    let (ben, _) = ada();
    let file = seal_share(&label(7), &share(), &[unlocker]).unwrap();
    let error = open_share(&file, &ben).unwrap_err();
    assert_eq!(error, ShareError::Open(OpenError::NotForThisKey));
    assert_eq!(
        error.to_string(),
        "the share did not open: the age file is not addressed to this key: \
         use the key this share was sealed to, or another unlocker"
    );
}

#[test]
fn each_part_of_a_foreign_label_is_named() {
    let (opener, unlocker) = ada();
    let file = seal_share(&label(6), &share(), &[unlocker]).unwrap();
    let opened = open_share(&file, &opener).unwrap();
    let error = opened.check(&label(7), &[0; 32]).unwrap_err();
    assert!(matches!(
        error,
        ShareError::Foreign {
            index: 3,
            field: "epoch",
            ..
        }
    ));
    let drill = ShareLabel {
        name: EpochName::new("vault-1", "drill", 6).unwrap(),
        ..label(6)
    };
    assert!(matches!(
        opened.check(&drill, &[0; 32]),
        Err(ShareError::Foreign { field: "kind", .. })
    ));
    let manifest = ShareLabel {
        manifest_sha256: [0; 32],
        ..label(6)
    };
    assert!(matches!(
        opened.check(&manifest, &[0; 32]),
        Err(ShareError::Foreign {
            field: "manifest",
            ..
        })
    ));
    assert_eq!(
        opened.check(&label(6), &[0; 32]),
        Err(ShareError::Possession { index: 3 })
    );
}

#[test]
fn unknown_members_and_other_spellings_are_refused() {
    let (opener, unlocker) = ada();
    let good = format!(
        r#"{{"epoch":7,"index":3,"k":3,"kind":"live","manifest_sha256":"{}","n":5,"v":"breakglass/1","vault":"vault-1","y":"{}"}}"#,
        "11".repeat(32),
        "c4".repeat(32)
    );
    let seal = |text: &str| age_file::seal(&[unlocker.recipient()], text.as_bytes()).unwrap();
    assert!(open_share(&seal(&good), &opener).is_ok());
    let bad = [
        good.replace("{\"epoch\"", "{\"a\":1,\"epoch\""),
        good.replace("\"k\":3,", "\"k\": 3,"),
        good.replace("\"k\":3,", ""),
        good.replace("\"k\":3,", "\"k\":3,\"k\":3,"),
        good.replace("c4c4", "C4c4"),
        good.replace("breakglass/1", "breakglass/2"),
        good.replace("\"index\":3", "\"index\":300"),
        String::new(),
    ];
    for text in bad {
        assert_eq!(
            open_share(&seal(&text), &opener).unwrap_err(),
            ShareError::Content(PlaintextError::Malformed),
            "{text}"
        );
    }
    let zero = good.replace("\"index\":3", "\"index\":0");
    assert!(matches!(
        open_share(&seal(&zero), &opener),
        Err(ShareError::Numbers(ShamirError::Index { index: 0, n: 5 }))
    ));
}

#[test]
fn a_test_envelope_shows_that_an_unlocker_opens() {
    let (opener, unlocker) = ada();
    let file = seal_test(&[5; 32], &unlocker).unwrap();
    assert_eq!(open_test(&file, &opener), Ok([5; 32]));
}

#[test]
fn a_share_without_unlockers_is_not_sealed() {
    assert_eq!(
        seal_share(&label(7), &share(), &[]),
        Err(ShareError::Seal(SealError::NoRecipient))
    );
}
