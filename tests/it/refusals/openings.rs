//! Openings that are refused before anybody is woken.

use breakglass::app::AppError;
use breakglass::domain::act::{Deed, Opening};
use breakglass::domain::terms::{Purpose, Target};
use breakglass::sealed::loaded_key::LoadedKey;

use super::refused;
use crate::support::{TestVault, opening};

fn answers(path: &[(&str, bool)]) -> std::collections::BTreeMap<String, bool> {
    path.iter()
        .map(|(id, yes)| ((*id).to_owned(), *yes))
        .collect()
}

#[test]
fn an_opening_that_cannot_be_is_refused_with_its_sentence() {
    let vault = TestVault::new();
    let claim_key = LoadedKey::generate_ed25519("claim").unwrap();
    let with = |change: &dyn Fn(&mut Opening)| {
        let mut opening = opening(&claim_key);
        change(&mut opening);
        opening
    };
    let blocked = [
        ("harm_within_hour", true),
        ("admin_can_sign_in", false),
        ("rollback_elsewhere", false),
        ("platform_down", false),
        ("recovery_path_broken", true),
    ];
    let cases: Vec<(&str, &str, Opening)> = vec![
        (
            "bad_opening",
            "neither displaces nor continues",
            with(&|o| {
                o.purpose = Purpose::Drill;
                o.displaces = Some("INC-9".parse().unwrap());
            }),
        ),
        (
            "tree_says_no",
            "make a normal access request",
            with(&|o| {
                o.answers = answers(&[("harm_within_hour", false)]);
            }),
        ),
        (
            "tree_says_no",
            "not answered",
            with(&|o| o.answers = answers(&blocked[..2])),
        ),
        (
            "tree_says_no",
            "lead to catastrophic-outage",
            with(&|o| {
                o.use_case = "compliance-mandate".to_owned();
            }),
        ),
        (
            "bad_opening",
            "names nobody, who is not in the roster",
            with(&|o| {
                o.grants_to = vec!["nobody".parse().unwrap()];
            }),
        ),
        (
            "bad_opening",
            "max_minutes must be 1 to 60",
            with(&|o| o.max_minutes = 61),
        ),
        (
            "bad_opening",
            "max_minutes must be 1 to 60",
            with(&|o| o.max_minutes = 0),
        ),
        ("bad_opening", "claim_key", with(&|o| o.claim_key = None)),
        (
            "bad_opening",
            "neither the account nor a workspace",
            with(&|o| {
                o.target = Target::default();
            }),
        ),
        (
            "bad_opening",
            "does not know",
            with(&|o| {
                o.target.workspace = Some("123".to_owned());
            }),
        ),
        ("bad_text", "reason", with(&|o| o.reason = " ".to_owned())),
        ("bad_text", "reason", with(&|o| o.reason = "x".repeat(501))),
        (
            "bad_text",
            "reason",
            with(&|o| o.reason = "a\u{202e}b".to_owned()),
        ),
        (
            "bad_text",
            "ticket",
            with(&|o| o.ticket = "a\nb".to_owned()),
        ),
        (
            "bad_opening",
            "rotate opens no session",
            with(&|o| o.purpose = Purpose::Rotate),
        ),
    ];
    for (code, sentence, opening) in cases {
        let mut said = String::new();
        refused(&vault, code, || {
            vault
                .open_with(opening.clone())
                .inspect_err(|error: &AppError| {
                    said = error.to_string();
                })
        });
        assert!(said.contains(sentence), "{said}");
    }
    assert!(vault.incidents().is_empty());
    assert_eq!(vault.alerts_queued("incident.opened"), 0);
    // Whoever is no responder opens nothing, and asks for a rotation like anybody.
    let ada = &vault.people.ada;
    let signed = ada.sign(&vault, Deed::Open(Box::new(opening(&claim_key))));
    refused(&vault, "wrong_role", || {
        vault.block(vault.app().open(&signed, &ada.caller(&vault)))
    });
}

#[test]
fn one_person_collects_one_incident_and_opens_three_an_hour() {
    let vault = TestVault::new();
    let claim_key = LoadedKey::generate_ed25519("claim").unwrap();
    let rio = &vault.people.rio;
    for _ in 0..3 {
        let incident = vault.open_with(opening(&claim_key)).unwrap();
        refused(&vault, "too_many", || vault.open_with(opening(&claim_key)));
        let act = rio.sign_about(&vault, &incident, Deed::Withdraw {});
        let caller = rio.caller(&vault);
        vault
            .block(vault.app().answer(&incident.id, &act, &caller, "withdraw"))
            .unwrap();
    }
    refused(&vault, "too_many", || vault.open_with(opening(&claim_key)));
    vault.pass_ms(3_600_001);
    vault.open_with(opening(&claim_key)).unwrap();
}
