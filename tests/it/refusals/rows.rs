//! Somebody who can write to the database: can destroy or delay, and nothing else (DESIGN §4.15).

use breakglass::domain::incident::Phase;

use crate::support::TestVault;

#[test]
fn a_changed_roster_or_policy_is_found_at_start_and_no_share_is_dealt_to_it() {
    for kind in ["roster", "policy"] {
        let mut vault = TestVault::new();
        vault.kill();
        vault.sql(&format!(
            "UPDATE document SET bytes = CAST(replace(CAST(bytes AS TEXT), 'tess', 'tesz') AS BLOB) \
             WHERE kind = '{kind}'; UPDATE document SET bytes = \
             CAST(replace(CAST(bytes AS TEXT), '\"review_due_hours\":72', '\"review_due_hours\":99') \
             AS BLOB) WHERE kind = '{kind}'"
        ));
        let error = vault.try_start().unwrap_err();
        assert_eq!(error.code(), "broken", "{kind}: {error}");
    }
}

#[test]
fn terms_changed_in_a_row_open_nothing() {
    let vault = TestVault::new();
    let (incident, _) = vault.open();
    vault.deliver();
    vault.approve(&vault.people.ada, &incident.id).unwrap();
    vault.approve(&vault.people.ben, &incident.id).unwrap();
    let request = vault.people.cleo.release(&vault, &incident);
    vault.sql("UPDATE incident SET doc = replace(doc, '\"max_minutes\":30', '\"max_minutes\":59')");
    let cleo = vault.people.cleo.caller(&vault);
    let error = vault
        .block(vault.app().approve(&incident.id, &request, &cleo))
        .unwrap_err();
    assert_eq!(error.code(), "broken", "{error}");
    // Put right, it goes on.
    vault.sql("UPDATE incident SET doc = replace(doc, '\"max_minutes\":59', '\"max_minutes\":30')");
    vault
        .block(vault.app().approve(&incident.id, &request, &cleo))
        .unwrap();
    vault.wait_for(&incident.id, |i| matches!(i.phase, Phase::Open(_)));
}

#[test]
fn an_approval_that_was_withdrawn_cannot_be_written_back() {
    let vault = TestVault::new();
    let (incident, _) = vault.open();
    vault.deliver();
    vault.approve(&vault.people.ada, &incident.id).unwrap();
    vault.approve(&vault.people.ben, &incident.id).unwrap();
    // The thief keeps ben's envelope and the row as they are now …
    vault.sql(
        "CREATE TABLE kept AS SELECT * FROM envelope WHERE idx = 2; \
         CREATE TABLE kept_row AS SELECT json_extract(doc, '$.phase') AS phase FROM incident",
    );
    let ben = &vault.people.ben;
    let act = ben.sign_about(
        &vault,
        &incident,
        breakglass::domain::act::Deed::Withdraw {},
    );
    vault
        .block(
            vault
                .app()
                .answer(&incident.id, &act, &ben.caller(&vault), "withdraw"),
        )
        .unwrap();
    // … and writes them back.
    vault.sql(
        "INSERT INTO envelope SELECT * FROM kept; UPDATE incident SET doc = \
         json_set(doc, '$.phase', json((SELECT phase FROM kept_row))); \
         DROP TABLE kept; DROP TABLE kept_row",
    );
    assert_eq!(vault.incident(&incident.id).approvals().len(), 2);
    vault.approve(&vault.people.cleo, &incident.id).unwrap();
    vault.settle();
    vault.tick();
    vault.settle();
    assert_eq!(vault.count("unseal.begin"), 0);
    assert_eq!(vault.count("incident.row_changed"), 1, "told once");
    assert!(matches!(
        vault.incident(&incident.id).phase,
        Phase::Collecting(_)
    ));
}

#[test]
fn a_row_that_was_changed_does_not_hold_up_the_end_of_anothers_session() {
    let vault = TestVault::new();
    let (open, claim_key) = vault.opened();
    let token = vault.claim(&open, &claim_key).unwrap().token;
    let (asking, _) = vault.open();
    vault.sql(&format!(
        "UPDATE incident SET doc = replace(doc, '\"max_minutes\":30', '\"max_minutes\":59') \
         WHERE id = '{}'",
        asking.id
    ));
    vault.pass_ms(31 * 60_000);
    drop(vault.block(vault.app().tick()));
    vault.settle();
    assert!(!vault.token_opens(&token));
    assert!(matches!(vault.incident(&open.id).phase, Phase::InReview(_)));
}

#[test]
fn a_claim_key_written_into_a_row_gets_no_token() {
    let vault = TestVault::new();
    let (incident, claim_key) = vault.opened();
    let thief = breakglass::sealed::loaded_key::LoadedKey::generate_ed25519("thief").unwrap();
    vault.sql(&format!(
        "UPDATE incident SET doc = json_set(doc, '$.terms.claim_key', '{}')",
        thief.public().text()
    ));
    assert_eq!(
        vault.claim(&incident, &thief).err().unwrap().code(),
        "broken"
    );
    // With a hash to match, the terms are still not those that were unsealed.
    let changed: breakglass::domain::terms::Terms = breakglass::domain::terms::Terms {
        claim_key: Some(thief.public().text().to_owned()),
        ..incident.terms.clone()
    };
    vault.sql(&format!(
        "UPDATE incident SET doc = json_set(doc, '$.terms_sha256', '{}')",
        changed.sha256().unwrap().hex()
    ));
    assert_eq!(
        vault.claim(&incident, &thief).err().unwrap().code(),
        "broken"
    );
    vault.sql(&format!(
        "UPDATE incident SET doc = json_set(json_set(doc, '$.terms.claim_key', '{}'), \
         '$.terms_sha256', '{}')",
        claim_key.public().text(),
        incident.terms_sha256.hex()
    ));
    vault.claim(&incident, &claim_key).unwrap();
}

#[test]
fn an_epoch_row_that_was_changed_is_refused_at_start() {
    let mut vault = TestVault::new();
    vault.kill();
    // A lower threshold in the manifest, with a hash to match it.
    vault.start_for_init();
    let mut manifest = vault.current_epoch().manifest;
    manifest.k = 2;
    let text = serde_json::to_string(&manifest).unwrap();
    let sha256 = manifest.sha256().unwrap().hex();
    vault.kill();
    vault.sql(&format!("UPDATE epoch SET manifest = '{text}'"));
    assert_eq!(vault.try_start().unwrap_err().code(), "broken");
    vault.sql(&format!("UPDATE epoch SET manifest_sha256 = '{sha256}'"));
    assert_eq!(vault.try_start().unwrap_err().code(), "broken");
}

#[test]
fn a_roster_changed_while_a_session_is_open_is_dealt_nothing_and_the_old_secret_keeps_its_envelope()
{
    let vault = TestVault::new();
    let (incident, _) = vault.opened();
    let change = |from: &str, to: &str| {
        vault.sql(&format!(
            "UPDATE document SET bytes = CAST(replace(CAST(bytes AS TEXT), '{from}', '{to}') \
             AS BLOB) WHERE kind = 'roster'"
        ));
    };
    change("tess@", "tesz@");
    vault.close(&incident).unwrap();
    vault.wait_for_entry("rotate.discarded");
    assert!(vault.current_epoch().sealed_credential.is_some());
    assert_eq!(vault.current_epoch().manifest.epoch, 1);
    change("tesz@", "tess@");
    vault.settle();
    assert!(matches!(
        vault.incident(&incident.id).phase,
        Phase::InReview(_)
    ));
    crate::restart::all_is_well(&vault);
}
