//! A share released with a sheet of paper: two signatures, the keeper's sealed share for the named
//! opener alone, one entry for each, everybody told (PROTOCOL §2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use breakglass::api::ApproveRequest;
use breakglass::app::AppError;
use breakglass::domain::act::{Deed, PhraseResult};
use breakglass::domain::ids::Digest;
use breakglass::domain::incident::{Incident, Phase};
use breakglass::sealed::share::open_share;

use crate::restart::all_is_well;
use crate::support::{Person, Plan, TestVault, release_label};

/// Ada's age identity stands on paper; everybody is enrolled.
fn vault() -> TestVault {
    TestVault::planned(Plan {
        roster: Box::new(|r| r.people[0].paper = r.people[0].unlockers.last().cloned()),
        ..Plan::default()
    })
}

fn sheet(vault: &TestVault) -> String {
    vault.app().roster().people[0].paper.clone().unwrap()
}

fn witness(
    vault: &TestVault,
    person: &Person,
    incident: &Incident,
    opener: &Person,
) -> Result<Digest, AppError> {
    let deed = Deed::Witness {
        opener: opener.id.clone(),
        index: 1,
        manifest_sha256: incident.terms.manifest_sha256,
        unlocker: sheet(vault),
        bag: "0017".into(),
    };
    let signed = person.sign_about(vault, incident, deed);
    let sha256 = Digest::of(signed.document.as_bytes());
    let caller = person.caller(vault);
    let done = vault.app().witness_paper(&incident.id, &signed, &caller);
    vault.block(done).map(|_| sha256)
}

/// Reads the paper as ada's client would and releases with it, as `opener`.
fn by_paper(
    vault: &TestVault,
    opener: &Person,
    incident: &Incident,
    witness_sha256: Digest,
) -> Result<ApproveRequest, AppError> {
    let caller = opener.caller(vault);
    let view = vault.block(vault.app().paper_share(&incident.id, &caller))?;
    let file = BASE64.decode(view.share).unwrap();
    let share = open_share(&file, vault.people.ada.paper()).unwrap();
    let deed = Deed::Approve {
        index: view.index,
        manifest_sha256: incident.terms.manifest_sha256,
        unlocker: sheet(vault),
        phrase: PhraseResult::Matched,
        overrides: Vec::new(),
        witness_sha256: Some(witness_sha256),
    };
    let act = opener.act_about(vault, incident, deed);
    let label = release_label(&incident.terms, incident.terms_sha256);
    Ok(opener.release_act(&act, &label, &share, &incident.terms.recipient))
}

fn send(
    vault: &TestVault,
    opener: &Person,
    incident: &Incident,
    request: &ApproveRequest,
) -> Result<Incident, AppError> {
    let app = vault.app();
    vault.block(app.approve(&incident.id, request, &opener.caller(vault)))
}

#[test]
fn a_quorum_with_a_paper_share_opens_and_the_log_says_who_stood_by() {
    let vault = vault();
    let people = &vault.people;
    let (incident, _) = vault.open();
    vault.deliver();
    let act = witness(&vault, &people.cleo, &incident, &people.ben).unwrap();
    let request = by_paper(&vault, &people.ben, &incident, act).unwrap();
    send(&vault, &people.ben, &incident, &request).unwrap();
    let view = vault.block(vault.app().show(&incident.id)).unwrap();
    assert_eq!(view.shares_in, 1);
    let states: Vec<&str> = view.custodians.iter().map(|c| c.state.as_str()).collect();
    assert_eq!(states, ["paper", "opener", "asked", "asked", "asked"]);
    let paper = &view.asked.papers[0];
    assert_eq!((paper.bag.as_str(), paper.released), ("0017", true));
    vault.approve(&people.cleo, &incident.id).unwrap();
    vault.approve(&people.dora, &incident.id).unwrap();
    vault.wait_for(&incident.id, |i| matches!(i.phase, Phase::Open(_)));
    let seen = vault.last_entry("paper.witnessed").unwrap();
    assert_eq!(seen.text("act_sha256"), Some(act.hex().as_str()));
    assert_eq!(seen.text("keeper"), Some("ada"));
    // Each of the two messages goes to everybody.
    assert!(vault.alerts_queued("paper.witnessed") > 0);
    vault.close(&vault.incident(&incident.id)).unwrap();
    vault.settle();
    all_is_well(&vault);
}

#[test]
fn the_sealed_share_of_a_paper_is_given_to_its_named_opener_alone() {
    let vault = vault();
    let people = &vault.people;
    let (incident, _) = vault.open();
    vault.deliver();
    let fetch = |person: &Person| {
        let caller = person.caller(&vault);
        vault.block(vault.app().paper_share(&incident.id, &caller))
    };
    assert_eq!(fetch(&people.ben).unwrap_err().code(), "no_witness");
    witness(&vault, &people.cleo, &incident, &people.ben).unwrap();
    assert_eq!(fetch(&people.ben).unwrap().index, 1);
    for person in [&people.cleo, &people.rio, &people.otto] {
        assert_eq!(fetch(person).unwrap_err().code(), "no_witness");
    }
}

#[test]
fn what_the_rules_refuse_is_logged_and_counts_nothing() {
    let vault = vault();
    let people = &vault.people;
    let (incident, _) = vault.open();
    vault.deliver();
    let refused = |by: &Person, opener: &Person| {
        witness(&vault, by, &incident, opener)
            .unwrap_err()
            .code()
            .to_owned()
    };
    assert_eq!(refused(&people.rio, &people.ben), "own_incident");
    assert_eq!(refused(&people.ben, &people.ben), "own_witness");
    assert_eq!(refused(&people.otto, &people.ben), "wrong_role");
    assert_eq!(refused(&people.cleo, &people.rio), "own_incident");
    let act = witness(&vault, &people.cleo, &incident, &people.ben).unwrap();
    // Somebody else brings the paper that ben was to open.
    let bens = by_paper(&vault, &people.ben, &incident, act).unwrap();
    let error = send(&vault, &people.dora, &incident, &bens).unwrap_err();
    assert_eq!(error.code(), "not_allowed");
    // Ada opens her own paper with nobody beside her.
    let share = people.ada.share(&vault, 1).unwrap();
    let mut alone = people.ada.approval(&incident, &share);
    if let Deed::Approve { unlocker, .. } = &mut alone {
        *unlocker = sheet(&vault);
    }
    let act = people.ada.act_about(&vault, &incident, alone);
    let label = release_label(&incident.terms, incident.terms_sha256);
    let request = people
        .ada
        .release_act(&act, &label, &share, &incident.terms.recipient);
    let error = send(&vault, &people.ada, &incident, &request).unwrap_err();
    assert_eq!(error.code(), "paper_alone");
    assert_eq!(vault.count("share.accept"), 0);
    send(&vault, &people.ben, &incident, &bens).unwrap();
    let error = send(&vault, &people.ben, &incident, &bens).unwrap_err();
    assert_eq!(error.code(), "replayed");
    let error = vault.approve(&people.ada, &incident.id).unwrap_err();
    assert_eq!(error.code(), "already_approved");
    assert_eq!(vault.count("share.accept"), 1);
}
