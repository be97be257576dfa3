//! Tests of the ceremony: what is dealt opens, and what does not fit stops it.

use super::*;
use crate::sealed::secret::{Credential, SecretText};
use crate::sealed::unlocker::Opener;

fn name(epoch: u32) -> EpochName {
    EpochName::new("vault-1", "live", epoch).unwrap()
}

fn credential() -> Credential {
    Credential {
        client_id: "app".into(),
        client_secret: SecretText::copied_from("dose123").unwrap(),
        secret_id: "sec".into(),
        expires_at_ms: 1,
    }
}

fn custodian(index: u8) -> (Opener, Holder) {
    use secrecy::ExposeSecret as _;
    let identity = age::x25519::Identity::generate();
    #[expect(clippy::disallowed_methods, reason = "a test key")]
    let opener = Opener::from_age_text(identity.to_string().expose_secret()).unwrap();
    let unlocker = Unlocker::parse(&identity.to_public().to_string()).unwrap();
    let unlockers = vec![unlocker];
    (opener, Holder { index, unlockers })
}

#[test]
fn every_holder_opens_her_own_share_and_it_fits_the_manifest() {
    let dealt = Dealt::new(name(1), 3, 5).unwrap();
    let (openers, holders): (Vec<_>, Vec<_>) = (1..=5).map(custodian).unzip();
    let sealed = dealt.seal_shares([9; 32], &holders).unwrap();
    assert_eq!(sealed.len(), 5);
    for (place, file) in sealed.iter().enumerate() {
        let opened = share::open_share(&file.file, &openers[place]).unwrap();
        let label = ShareLabel {
            name: name(1),
            k: 3,
            n: 5,
            index: file.index,
            manifest_sha256: [9; 32],
        };
        let public = dealt.possession_keys()[place];
        assert_eq!(opened.check(&label, &public), Ok(()));
        let other = &openers[(place + 1) % 5];
        assert!(share::open_share(&file.file, other).is_err());
    }
}

#[test]
fn the_trial_opens_the_credential_of_this_epoch_and_no_other() {
    let dealt = Dealt::new(name(2), 2, 3).unwrap();
    let good = envelope::seal_credential(&name(2), &credential(), dealt.recipient()).unwrap();
    for _ in 0..5 {
        dealt.trial(&good).unwrap();
    }
    let elsewhere = Dealt::new(name(2), 2, 3).unwrap();
    let foreign =
        envelope::seal_credential(&name(2), &credential(), elsewhere.recipient()).unwrap();
    assert!(matches!(
        dealt.trial(&foreign),
        Err(CeremonyError::Envelope(_))
    ));
    let stale = envelope::seal_credential(&name(1), &credential(), dealt.recipient()).unwrap();
    assert!(matches!(
        dealt.trial(&stale),
        Err(CeremonyError::Envelope(EnvelopeError::Foreign { .. }))
    ));
}

#[test]
fn the_trial_notices_a_share_that_changed_after_dealing() {
    let mut dealt = Dealt::new(name(2), 3, 3).unwrap();
    let good = envelope::seal_credential(&name(2), &credential(), dealt.recipient()).unwrap();
    dealt.shares[1] = Share::new(2, crate::sealed::secret::Secret32::random().unwrap());
    assert!(matches!(dealt.trial(&good), Err(CeremonyError::Trial)));
}

#[test]
fn holders_must_be_exactly_the_indexes() {
    let dealt = Dealt::new(name(1), 2, 3).unwrap();
    for indexes in [vec![1, 2], vec![1, 2, 2], vec![0, 1, 2], vec![1, 2, 3, 4]] {
        let holders: Vec<Holder> = indexes.into_iter().map(|i| custodian(i).1).collect();
        assert!(matches!(
            dealt.seal_shares([0; 32], &holders),
            Err(CeremonyError::Holders { n: 3 })
        ));
    }
}

#[test]
fn a_holder_without_unlockers_stops_the_ceremony_by_name() {
    let dealt = Dealt::new(name(1), 2, 2).unwrap();
    let (_, first) = custodian(1);
    let second = Holder {
        index: 2,
        unlockers: Vec::new(),
    };
    let error = dealt.seal_shares([0; 32], &[first, second]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "share 2 was not sealed: the share could not be sealed: no recipient to seal to: \
         check this person's unlockers"
    );
}

#[test]
fn debug_of_a_ceremony_hides_it() {
    let dealt = Dealt::new(name(1), 2, 3).unwrap();
    assert_eq!(
        format!("{dealt:?}"),
        "Dealt(live epoch 1 of vault-1, 2 of 3, hidden)"
    );
}
