//! The session token: who gets it, and what ends it.

use breakglass::app::Caller;
use breakglass::domain::act::Deed;
use breakglass::domain::incident::Phase;
use breakglass::sealed::loaded_key::LoadedKey;

use super::refused;
use crate::support::TestVault;

#[test]
fn only_the_claim_key_under_the_responders_login_gets_the_token() {
    let vault = TestVault::new();
    let (incident, claim_key) = vault.opened();
    let (rio, ada) = (&vault.people.rio, &vault.people.ada);
    let post = |signed: &breakglass::api::SignedDocument, caller: &Caller| {
        vault.block(vault.app().claim(&incident.id, signed, caller))
    };
    // A stolen login: the key of the thief's own.
    let stolen = LoadedKey::generate_ed25519("thief").unwrap();
    let signed = rio.sign_claim(&vault, &incident, &stolen);
    refused(&vault, "wrong_claim_key", || {
        post(&signed, &rio.caller(&vault))
    });
    // Rio's own login key is not the claim key either.
    let signed = rio.sign_claim(&vault, &incident, &rio.key);
    refused(&vault, "wrong_claim_key", || {
        post(&signed, &rio.caller(&vault))
    });
    // A stolen claim key under another login, as rio and as herself.
    let signed = rio.sign_claim(&vault, &incident, &claim_key);
    refused(&vault, "not_allowed", || post(&signed, &ada.caller(&vault)));
    let signed = ada.sign_claim(&vault, &incident, &claim_key);
    refused(&vault, "wrong_role", || post(&signed, &ada.caller(&vault)));
    // Another act than a claim.
    let signed = rio.sign_about(&vault, &incident, Deed::Close {});
    refused(&vault, "bad_document", || {
        post(&signed, &rio.caller(&vault))
    });
    assert_eq!(vault.count("session.claim"), 0);
    // The right one, once.
    let signed = rio.sign_claim(&vault, &incident, &claim_key);
    post(&signed, &rio.caller(&vault)).unwrap();
    refused(&vault, "replayed", || post(&signed, &rio.caller(&vault)));
    vault.verify_log();
}

#[test]
fn a_second_claim_succeeds_alerts_and_kills_the_former_token() {
    let vault = TestVault::new();
    let (incident, claim_key) = vault.opened();
    let first = vault.claim(&incident, &claim_key).unwrap().token;
    assert!(vault.token_opens(&first));
    vault.clock.pass_ms(1);
    let second = vault.claim(&incident, &claim_key).unwrap().token;
    assert_ne!(first, second);
    assert!(!vault.token_opens(&first));
    assert!(vault.token_opens(&second));
    assert_eq!(vault.alerts_queued("session.claim"), 2);
    vault.close(&incident).unwrap();
    assert!(!vault.token_opens(&second));
    vault.settle();
    vault.clock.pass_ms(1);
    refused(&vault, "session_ended", || {
        vault.claim(&incident, &claim_key)
    });
    refused(&vault, "session_ended", || vault.close(&incident));
    vault.verify_log();
}

#[test]
fn only_the_responder_closes_and_people_without_a_part_stop_nothing() {
    let vault = TestVault::new();
    let (incident, _) = vault.opened();
    let ada = &vault.people.ada;
    let act = ada.sign_about(&vault, &incident, Deed::Close {});
    refused(&vault, "wrong_role", || {
        vault.block(
            vault
                .app()
                .end(&incident.id, &act, &ada.caller(&vault), "close"),
        )
    });
    refused(&vault, "wrong_role", || {
        vault.stop(&vault.people.otto, &incident)
    });
    let act = ada.sign_about(
        &vault,
        &incident,
        Deed::Stop {
            reason: String::new(),
        },
    );
    refused(&vault, "bad_text", || {
        vault.block(
            vault
                .app()
                .end(&incident.id, &act, &ada.caller(&vault), "stop"),
        )
    });
    assert!(matches!(vault.incident(&incident.id).phase, Phase::Open(_)));
}

#[test]
fn a_second_stop_by_one_person_within_a_day_needs_somebody_else() {
    let vault = TestVault::new();
    let (vera, sam) = (&vault.people.vera, &vault.people.sam);
    let (first, _) = vault.opened();
    vault.stop(vera, &first).unwrap();
    vault.settle();
    assert!(matches!(
        vault.incident(&first.id).phase,
        Phase::InReview(_)
    ));
    assert!(vault.alerts_queued("session.close") > 0);
    let (second, _) = vault.opened();
    // Her second one within a day waits, and does not become two by being sent twice.
    vault.stop(vera, &second).unwrap();
    assert!(vault.incident(&second.id).session().is_some());
    refused(&vault, "second_stop", || vault.stop(vera, &second));
    vault.stop(sam, &second).unwrap();
    vault.settle();
    vault.pass_ms(24 * 3_600_000 + 1);
    let (third, _) = vault.opened();
    vault.stop(vera, &third).unwrap();
    vault.settle();
    vault.verify_log();
}
