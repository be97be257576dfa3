//! Passkeys as login keys: the same login, the same acts, the same record as with SSH keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use breakglass::api::{ApproveRequest, ProveRequest, SignedDocument};
use breakglass::app::{AppError, Caller};
use breakglass::domain::VERSION;
use breakglass::domain::act::{Act, Deed, Login};
use breakglass::domain::canonical;
use breakglass::domain::incident::Incident;
use breakglass::sealed::possession::PossessionKey;

use crate::passkey_support::{HOST, Said, SoftPasskey};
use crate::support::{CONSOLE, Person, TestVault, release_label};

fn text(act: &Act) -> String {
    String::from_utf8(act.bytes().unwrap()).unwrap()
}

fn signed(passkey: &SoftPasskey, act: &Act, said: &Said) -> SignedDocument {
    let document = text(act);
    SignedDocument {
        signature: passkey.sign_as(act.deed.word(), document.as_bytes(), said),
        document,
    }
}

fn login_with(vault: &TestVault, passkey: &SoftPasskey, said: &Said) -> Result<Caller, AppError> {
    let key = format!("passkey {HOST}");
    let challenge = vault.block(vault.app().login_challenge(&key, "192.0.2.7"))?;
    let login = Login {
        origin: CONSOLE.to_owned(),
        challenge: challenge.challenge,
        key,
        at_ms: vault.now(),
    };
    let document = String::from_utf8(canonical::to_bytes(&login).unwrap()).unwrap();
    let signature = passkey.sign_as("login", document.as_bytes(), said);
    let posted = SignedDocument {
        document,
        signature,
    };
    let reply = vault.block(vault.app().login(&posted, CONSOLE, "192.0.2.7"))?;
    let replayed = vault.block(vault.app().login(&posted, CONSOLE, "192.0.2.7"));
    assert_eq!(
        replayed.map(drop).unwrap_err().code(),
        "login_needed",
        "a login is good once"
    );
    vault.block(vault.app().caller(&reply.token, "192.0.2.7"))
}

/// Her act by passkey about an incident.
fn act(vault: &TestVault, person: &Person, incident: Option<&Incident>, deed: Deed) -> Act {
    Act {
        v: VERSION.to_owned(),
        vault: vault.id(),
        incident: incident.map(|i| i.id.clone()),
        terms_sha256: incident.map(|i| i.terms_sha256),
        person: person.id.clone(),
        key: person.passkey.text(),
        at_ms: vault.now(),
        cp: vault.seen(),
        deed,
    }
}

/// Her approval, signed by her passkey as told; the share is her own.
fn approval(
    vault: &TestVault,
    person: &Person,
    incident: &Incident,
    said: &Said,
) -> ApproveRequest {
    let share = person.share(vault, incident.terms.epoch).unwrap();
    let act = act(
        vault,
        person,
        Some(incident),
        person.approval(incident, &share),
    );
    let label = release_label(&incident.terms, incident.terms_sha256);
    let by_ssh = person.release_act(&act, &label, &share, &incident.terms.recipient);
    ApproveRequest {
        act: signed(&person.passkey, &act, said),
        ..by_ssh
    }
}

#[test]
fn a_passkey_logs_its_person_in_and_another_host_s_page_does_not() {
    let vault = TestVault::new();
    let ada = &vault.people.ada;
    let caller = login_with(&vault, &ada.passkey, &Said::default()).unwrap();
    assert_eq!(caller.person, ada.id);
    for said in [
        Said {
            origin: "https://vault.example",
            ..Said::default()
        },
        Said {
            flags: 0x01,
            ..Said::default()
        },
    ] {
        let error = login_with(&vault, &ada.passkey, &said).unwrap_err();
        assert_eq!(error.code(), "login_needed");
    }
    let stranger = SoftPasskey::es256(200);
    let error = login_with(&vault, &stranger, &Said::default()).unwrap_err();
    assert_eq!(error.code(), "login_needed");
}

#[test]
fn three_passkeys_open_the_vault_and_the_record_verifies() {
    let vault = TestVault::new();
    let (incident, _) = vault.open();
    vault.deliver();
    for person in [&vault.people.ada, &vault.people.ben, &vault.people.cleo] {
        let request = approval(&vault, person, &incident, &Said::default());
        let caller = login_with(&vault, &person.passkey, &Said::default()).unwrap();
        vault
            .block(vault.app().approve(&incident.id, &request, &caller))
            .unwrap();
    }
    vault.wait_for(&incident.id, |i| i.session().is_some());
    vault.verify_log();
}

#[test]
fn altered_unverified_and_replayed_approvals_are_refused_and_logged() {
    let vault = TestVault::new();
    let (incident, _) = vault.open();
    let ada = &vault.people.ada;
    let caller = ada.caller(&vault);
    let approve =
        |request: &ApproveRequest| vault.block(vault.app().approve(&incident.id, request, &caller));

    let good = approval(&vault, ada, &incident, &Said::default());
    let altered = ApproveRequest {
        act: SignedDocument {
            document: good.act.document.replace("\"index\":1", "\"index\":2"),
            ..good.act.clone()
        },
        ..good.clone()
    };
    let refused = vault.count("act.refused");
    assert_eq!(approve(&altered).unwrap_err().code(), "not_allowed");
    let unverified = Said {
        flags: 0x01,
        ..Said::default()
    };
    let unverified = approval(&vault, ada, &incident, &unverified);
    let error = approve(&unverified).unwrap_err();
    assert!(error.to_string().contains("did not verify"), "{error}");
    assert_eq!(vault.count("act.refused"), refused + 2);

    approve(&good).unwrap();
    assert_eq!(approve(&good).unwrap_err().code(), "replayed");
}

#[test]
fn a_counter_that_goes_back_is_refused_and_one_that_is_always_zero_is_not() {
    let vault = TestVault::new();
    let ada = &vault.people.ada;
    let with = |counter| {
        let said = Said {
            counter,
            ..Said::default()
        };
        login_with(&vault, &ada.passkey, &said)
    };
    with(0).unwrap();
    with(0).unwrap();
    with(7).unwrap();
    for counter in [7, 6, 0] {
        let error = with(counter).unwrap_err();
        assert_eq!(error.code(), "not_allowed", "{counter}");
        assert!(error.to_string().contains("copied"), "{error}");
    }
    with(8).unwrap();
}

#[test]
fn a_proof_by_passkey_counts() {
    let vault = TestVault::new();
    let ada = &vault.people.ada;
    let by_ssh = ada.proof(&vault);
    let Act { deed, .. } = Act::parse(by_ssh.act.document.as_bytes()).unwrap();
    let act = act(&vault, ada, None, deed);
    let share = ada.share(&vault, 1).unwrap();
    let key = PossessionKey::derive(share.share(), &share.label().name);
    let request = ProveRequest {
        possession: BASE64.encode(key.sign_proof(text(&act).as_bytes())),
        act: signed(&ada.passkey, &act, &Said::default()),
        resealed: None,
    };
    vault
        .block(vault.app().prove(&request, &ada.caller(&vault)))
        .unwrap();
    assert_eq!(vault.count("custody.proved"), 1);
}
