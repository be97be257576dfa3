//! Logins and acts that are forged, replayed or for somebody else.

use breakglass::alerts::{Message, Severity};
use breakglass::domain::act::{Act, Deed, Pick};
use breakglass::domain::incident::Phase;

use super::refused;
use crate::support::{CONSOLE, Person, TestVault, opening, rotation_opening};

fn login_failed(vault: &TestVault, why: &str, step: impl FnOnce() -> &'static str) {
    let before = (
        vault.count("login.failed"),
        vault.alerts_queued("login.failed"),
    );
    assert_eq!(step(), "login_needed", "{why}");
    let entry = vault.last_entry("login.failed").unwrap();
    assert_eq!(entry.text("why"), Some(why));
    assert_eq!(vault.count("login.failed"), before.0 + 1);
    assert!(vault.alerts_queued("login.failed") > before.1);
}

#[test]
fn a_flood_of_failed_logins_is_bounded_in_the_log_and_in_the_inboxes() {
    let vault = TestVault::new();
    let signed = vault.people.mallory.sign_login(&vault, "00", CONSOLE);
    for host in 1..=200 {
        let from = format!("192.0.2.{host}");
        let tried = vault.block(vault.app().login(&signed, CONSOLE, &from));
        assert_eq!(tried.err().unwrap().code(), "login_needed");
    }
    assert_eq!(
        vault.count("login.failed"),
        70,
        "ten told, sixty more written"
    );
    vault.pass_ms(60_000);
    let tried = vault.block(vault.app().login(&signed, CONSOLE, "192.0.2.7"));
    assert!(tried.is_err());
    assert_eq!(
        vault.count("login.failed"),
        71,
        "the next minute has its own"
    );
}

#[test]
fn a_login_is_single_use_for_one_origin_one_key_and_one_minute() {
    let vault = TestVault::new();
    let ada = &vault.people.ada;
    let challenge = |key: &str| {
        vault
            .block(vault.app().login_challenge(key, "192.0.2.7"))
            .unwrap()
            .challenge
    };
    let post = |signed: &breakglass::api::SignedDocument| {
        vault.block(vault.app().login(signed, CONSOLE, "192.0.2.7"))
    };
    let used = "the challenge is unknown, used or older than 60 seconds";

    let signed = ada.sign_login(&vault, &challenge(&ada.public_key()), CONSOLE);
    let token = post(&signed).unwrap().token;
    login_failed(&vault, used, || post(&signed).err().unwrap().code());

    let elsewhere = ada.sign_login(
        &vault,
        &challenge(&ada.public_key()),
        "https://evil.example",
    );
    let why = "signed for another origin";
    login_failed(&vault, why, || post(&elsewhere).err().unwrap().code());

    // A challenge that was made for ben's key.
    let bens = challenge(&vault.people.ben.public_key());
    let taken = ada.sign_login(&vault, &bens, CONSOLE);
    login_failed(&vault, used, || post(&taken).err().unwrap().code());

    let late = challenge(&ada.public_key());
    vault.pass_ms(60_001);
    let signed = ada.sign_login(&vault, &late, CONSOLE);
    login_failed(&vault, used, || post(&signed).err().unwrap().code());

    let mut tampered = ada.sign_login(&vault, &challenge(&ada.public_key()), CONSOLE);
    tampered.signature = vault
        .people
        .ben
        .sign_login(&vault, &late, CONSOLE)
        .signature;
    let why = "the signature does not hold";
    login_failed(&vault, why, || post(&tampered).err().unwrap().code());

    let mallory = &vault.people.mallory;
    login_failed(&vault, "unknown key", || {
        vault.try_login(mallory).unwrap_err().code()
    });

    // A login lasts eight hours.
    let caller = |token: &str| vault.block(vault.app().caller(token, "192.0.2.7"));
    assert!(caller(&token).is_ok());
    vault.pass_ms(8 * 3_600_000);
    assert_eq!(caller(&token).unwrap_err().code(), "login_needed");
    assert_eq!(caller("bgl_invented").unwrap_err().code(), "login_needed");
}

#[test]
fn an_act_that_is_forged_foreign_or_replayed_does_nothing() {
    let vault = TestVault::new();
    let rio = &vault.people.rio;
    let claim_key = breakglass::sealed::loaded_key::LoadedKey::generate_ed25519("c").unwrap();
    let deed = || Deed::Open(Box::new(opening(&claim_key)));
    let post = |signed: &breakglass::api::SignedDocument, caller: &Person| {
        vault.block(vault.app().open(signed, &caller.caller(&vault)))
    };
    // Rio's act under ada's login; ada's key under rio's name; another vault; another namespace.
    let good = rio.sign(&vault, deed());
    refused(&vault, "not_allowed", || post(&good, &vault.people.ada));
    let ada = &vault.people.ada;
    let as_rio = Act {
        person: rio.id.clone(),
        ..ada.act(&vault, deed())
    };
    refused(&vault, "not_allowed", || post(&ada.sign_act(&as_rio), rio));
    let elsewhere = Act {
        vault: "day-watch".parse().unwrap(),
        ..rio.act(&vault, deed())
    };
    refused(&vault, "not_allowed", || {
        post(&rio.sign_act(&elsewhere), rio)
    });
    let mut other_word = rio.sign(&vault, Deed::Withdraw {});
    other_word.document = rio.sign(&vault, deed()).document;
    refused(&vault, "not_allowed", || post(&other_word, rio));
    // A signer who has seen a longer log than this vault's: it was cut back.
    let mut seen = rio.act(&vault, deed());
    seen.cp.size += 1_000;
    refused(&vault, "not_allowed", || post(&rio.sign_act(&seen), rio));
    // One letter changed after signing, a member nobody knows, a stored act.
    let mut changed = rio.sign(&vault, deed());
    changed.document = changed.document.replace("nightly", "weekly");
    refused(&vault, "not_allowed", || post(&changed, rio));
    let mut odd = rio.sign(&vault, deed());
    odd.document = odd.document.replace("\"act\":", "\"aaa\":1,\"act\":");
    refused(&vault, "bad_document", || post(&odd, rio));
    let old = rio.sign(&vault, deed());
    vault.pass_ms(11 * 60_000);
    refused(&vault, "clock_apart", || post(&old, rio));
    assert!(vault.incidents().is_empty());

    // The same opening after its incident was withdrawn.
    let good = rio.sign(&vault, deed());
    let incident = post(&good, rio).unwrap();
    let act = rio.sign_about(&vault, &incident, Deed::Withdraw {});
    vault
        .block(
            vault
                .app()
                .answer(&incident.id, &act, &rio.caller(&vault), "withdraw"),
        )
        .unwrap();
    refused(&vault, "replayed", || post(&good, rio));
    assert_eq!(vault.incidents().len(), 1);
}

#[test]
fn an_act_about_another_incident_or_of_another_kind_is_refused() {
    let vault = TestVault::new();
    let (incident, _) = vault.open();
    let otto = &vault.people.otto;
    let signed = otto.sign(&vault, Deed::Open(Box::new(rotation_opening())));
    let other = vault
        .block(vault.app().open(&signed, &otto.caller(&vault)))
        .unwrap();
    let ada = &vault.people.ada;
    let caller = ada.caller(&vault);
    let request = ada.release(&vault, &other);
    refused(&vault, "not_allowed", || {
        vault.block(vault.app().approve(&incident.id, &request, &caller))
    });
    let act = ada.sign_about(&vault, &incident, Deed::Withdraw {});
    refused(&vault, "bad_document", || {
        vault.block(vault.app().answer(&incident.id, &act, &caller, "refuse"))
    });
    let act = ada.sign_about(&vault, &incident, Deed::Withdraw {});
    refused(&vault, "nothing_to_withdraw", || {
        vault.block(vault.app().answer(&incident.id, &act, &caller, "withdraw"))
    });
    // Before there is a session, nobody stops or closes one.
    let reason = "no".to_owned();
    let act = ada.sign_about(&vault, &incident, Deed::Stop { reason });
    refused(&vault, "not_in_phase", || {
        vault.block(vault.app().end(&incident.id, &act, &caller, "stop"))
    });
}

#[test]
fn a_second_wrong_phrase_alarms_security_and_pauses_that_person_five_minutes() {
    let vault = TestVault::new();
    let (incident, _) = vault.open();
    vault.deliver();
    let ada = &vault.people.ada;
    let answer = |pick| {
        vault.clock.pass_ms(1);
        let act = ada.sign_about(&vault, &incident, Deed::Mismatch { pick });
        vault.block(
            vault
                .app()
                .answer(&incident.id, &act, &ada.caller(&vault), "mismatch"),
        )
    };
    for _ in 0..3 {
        answer(Pick::NothingHeard).unwrap();
    }
    answer(Pick::Wrong).unwrap();
    assert!(
        vault.incident(&incident.id).mismatches[&ada.id]
            .paused_until_ms
            .0
            == 0
    );
    let before = vault.alerts_queued("approve.mismatch");
    answer(Pick::Wrong).unwrap();
    assert!(vault.alerts_queued("approve.mismatch") > before);
    vault.deliver();
    let messages = vault.mail.messages();
    let alarms: Vec<_> = messages
        .iter()
        .filter(|m| m.kind == "approve.mismatch" && m.severity == Severity::Alarm)
        .collect();
    let to_sam = |m: &&Message| m.to.contains(&"sam@example.com".to_owned());
    assert_eq!(
        alarms.iter().filter(|m| to_sam(m)).count(),
        1,
        "security, once: {alarms:?}"
    );
    refused(&vault, "paused", || vault.approve(ada, &incident.id));
    refused(&vault, "paused", || answer(Pick::Wrong));
    // Nobody else is paused, and she neither after five minutes.
    vault.approve(&vault.people.ben, &incident.id).unwrap();
    vault.pass_ms(5 * 60_000);
    vault.approve(ada, &incident.id).unwrap();
    assert_eq!(vault.incident(&incident.id).approvals().len(), 2);
    vault.verify_log();
}

#[test]
fn a_proof_is_hers_for_this_epoch_and_once() {
    let vault = TestVault::new();
    let (ada, ben) = (&vault.people.ada, &vault.people.ben);
    let proof = ada.proof(&vault);
    let send = |proof: &breakglass::api::ProveRequest, person: &Person| {
        vault.block(vault.app().prove(proof, &person.caller(&vault)))
    };
    refused(&vault, "not_allowed", || send(&proof, ben));
    send(&proof, ada).unwrap();
    refused(&vault, "replayed", || send(&proof, ada));
    // Another signature over the same challenge.
    let mut act = Act::parse(proof.act.document.as_bytes()).unwrap();
    act.at_ms = act.at_ms.plus_ms(1);
    let again = ada.prove_with(&vault, &act);
    refused(&vault, "login_needed", || send(&again, ada));
    let mut unbound = ben.proof(&vault);
    unbound.possession = ada.proof(&vault).possession;
    refused(&vault, "share_rejected", || send(&unbound, ben));
    assert_eq!(vault.count("custody.proved"), 1);
}

#[test]
fn nobody_learns_from_a_note_or_a_review_draft_that_is_refused() {
    let vault = TestVault::new();
    let (incident, _) = vault.opened();
    let ada = vault.people.ada.caller(&vault);
    let note = |text: &str| vault.block(vault.app().note(&incident.id, &ada, text.to_owned()));
    refused(&vault, "bad_text", || note(" "));
    refused(&vault, "bad_text", || note("\u{1b}[2J"));
    note("rio reads me what she does").unwrap();
    assert!(matches!(vault.incident(&incident.id).phase, Phase::Open(_)));
}

/// Who tampers with the log must not keep a session alive by it: a word that only ends something is
/// obeyed whatever log its signer has seen. It is logged and told; every other word is refused.
#[test]
fn a_stop_by_who_has_seen_another_log_is_obeyed_logged_and_told() {
    let odd: [fn(&mut Act); 3] = [
        |act| act.cp.size += 1_000_000,
        |act| act.cp.origin = "another.example/log/prod-eu/e1".to_owned(),
        |act| act.cp.root = format!("{}=", "A".repeat(43)),
    ];
    for change in odd {
        let vault = TestVault::new();
        let (incident, _) = vault.opened();
        let ada = &vault.people.ada;
        let reason = "this is not the log I know".to_owned();
        let mut act = ada.act_about(&vault, &incident, Deed::Stop { reason });
        change(&mut act);
        let stop = ada.sign_act(&act);
        let before = vault.alerts_queued("cp.unknown");
        let caller = ada.caller(&vault);
        let ended = vault
            .block(vault.app().end(&incident.id, &stop, &caller, "stop"))
            .unwrap();
        assert!(!matches!(ended.phase, Phase::Open(_)), "{:?}", ended.phase);
        let entry = vault.last_entry("cp.unknown").expect("it is logged");
        assert_eq!(entry.text("person"), Some(ada.id.as_str()));
        assert_eq!(entry.text("inc"), Some(incident.id.as_str()));
        assert_eq!(entry.text("act"), Some("stop"));
        assert_eq!(entry.text("origin"), Some(act.cp.origin.as_str()));
        assert!(vault.alerts_queued("cp.unknown") > before, "nobody is told");
        vault.settle();
        vault.verify_log();
    }
}

#[test]
fn an_ordinary_close_says_nothing_about_another_log() {
    let vault = TestVault::new();
    let (incident, _) = vault.opened();
    vault.close(&incident).unwrap();
    assert_eq!(vault.count("cp.unknown"), 0);
}
