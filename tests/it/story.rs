//! The walk of DESIGN §3, from the first secret to the signed review.

use std::collections::BTreeMap;

use breakglass::api::SignedDocument;
use breakglass::domain::act::Deed;
use breakglass::domain::ids::Digest;
use breakglass::domain::incident::{Incident, Phase};
use breakglass::domain::manifest::Kind;
use breakglass::domain::review::{Finding, Severity, Verdict};
use breakglass::domain::rotation::{Proof, State};

use crate::support::{Person, TestVault};

#[test]
fn one_emergency_from_the_first_secret_to_the_signed_review() {
    let vault = TestVault::new();

    // `init` replaced the secret a person has seen, and proved it dead.
    assert!(!vault.first_secret_mints());
    assert_eq!(vault.rotation().proof, Some(Proof::ListAndRefused));
    let epoch_1 = vault.current_epoch();
    assert_eq!(
        (
            epoch_1.manifest.epoch,
            epoch_1.manifest.k,
            epoch_1.manifest.n
        ),
        (1, 3, 5)
    );
    assert_eq!(
        vault.live_secrets(),
        std::slice::from_ref(&epoch_1.secret_id)
    );

    // Each custodian shows that she can open her share, and signs the manifest by doing so.
    for person in vault.people.custodians() {
        let proof = person.proof(&vault);
        vault
            .block(vault.app().prove(&proof, &person.caller(&vault)))
            .unwrap();
    }
    assert_eq!(vault.count("custody.proved"), 5);

    // Rio opens; everyone is told before anyone can answer.
    let (incident, claim_key) = vault.open();
    assert!(matches!(incident.phase, Phase::Collecting(_)));
    assert_eq!((incident.terms.needed, incident.terms.epoch), (3, 1));
    vault.deliver();
    for inbox in [&vault.mail, &vault.hook] {
        assert!(
            inbox.kinds().contains(&"incident.opened".to_owned()),
            "{:?}",
            inbox.kinds()
        );
    }

    // Three shares; the third lets the vault open by itself.
    vault.approve_by_three(&incident.id);
    vault.wait_for(&incident.id, |i| matches!(i.phase, Phase::Open(_)));
    vault.deliver();
    let kinds = vault.kinds();
    let order = [
        "incident.opened",
        "share.accept",
        "unseal.begin",
        "unseal.done",
        "session.open",
    ];
    let places = order.map(|kind| kinds.iter().position(|k| k == kind).unwrap());
    assert!(places.is_sorted(), "{places:?}");
    assert!(vault.mail.kinds().contains(&"session.open".to_owned()));
    // The dormant secret and the session's; the envelopes are gone.
    assert_eq!(vault.live_secrets().len(), 2);
    assert!(
        vault
            .block(vault.store().envelopes(&incident.id))
            .unwrap()
            .is_empty()
    );

    // Rio claims with the key her opening named, works, and notes what she did.
    let claimed = vault.claim(&incident, &claim_key).unwrap();
    assert!(claimed.token.starts_with("bgt_") && claimed.token.len() == 47);
    let rio = vault.people.rio.caller(&vault);
    let text = "stopped the nightly load".to_owned();
    vault
        .block(vault.app().note(&incident.id, &rio, text))
        .unwrap();

    // She closes: session secret deleted, credential rotated, the old one proved dead.
    vault.close(&incident).unwrap();
    vault.settle();
    let closed = vault.incident(&incident.id);
    assert!(
        matches!(closed.phase, Phase::InReview(_)),
        "{:?}",
        closed.phase
    );
    let rotation = vault.rotation();
    assert_eq!(
        (rotation.state, rotation.proof),
        (State::Done, Some(Proof::ListAndRefused))
    );
    let epoch_2 = vault.current_epoch();
    assert_eq!(epoch_2.manifest.epoch, 2);
    assert_ne!(epoch_2.manifest.recipient, epoch_1.manifest.recipient);
    assert_eq!(vault.live_secrets(), [epoch_2.secret_id]);
    assert!(!vault.secret_mints(&epoch_1.secret_id));
    let former = vault
        .block(vault.store().epoch(Kind::Live, 1))
        .unwrap()
        .unwrap();
    assert_eq!(former.sealed_credential, None);
    vault.deliver();
    for kind in [
        "session.claim",
        "session.close",
        "rotate.done",
        "incident.closed",
    ] {
        assert!(
            vault.mail.kinds().contains(&kind.to_owned()),
            "no alert of {kind}"
        );
    }

    // Tess, who took no part, reviews and signs.
    let signed = review(&vault, &vault.people.tess, &closed, |_| {});
    let tess = vault.people.tess.caller(&vault);
    let reviewed = vault
        .block(vault.app().review_sign(&closed.id, &signed, &tess))
        .unwrap();
    assert!(matches!(reviewed.phase, Phase::Reviewed { .. }));
    vault.verify_log();
}

/// A review with an answer to everything, changed as a test wants it.
pub fn review(
    vault: &TestVault,
    person: &Person,
    incident: &Incident,
    change: impl FnOnce(&mut Deed),
) -> SignedDocument {
    let view = vault.block(vault.app().review_view(&incident.id)).unwrap();
    let ids = |list: &serde_json::Value| -> Vec<String> {
        let ids = list.as_array().unwrap().iter();
        ids.map(|one| one["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let asked = [ids(&view.questions), ids(&view.items)].concat();
    let answers: BTreeMap<String, String> = asked
        .into_iter()
        .map(|id| (id, "looked at, and right".to_owned()))
        .collect();
    let text = "page two custodians earlier".to_owned();
    let record_sha256: Digest = view.record_sha256.parse().unwrap();
    let mut deed = Deed::Review {
        answers,
        findings: vec![Finding {
            severity: Severity::Minor,
            text,
        }],
        verdict: Verdict::Justified,
        record_sha256,
    };
    change(&mut deed);
    person.sign_about(vault, incident, deed)
}
