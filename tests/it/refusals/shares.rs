//! Shares that do not count.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use breakglass::api::ApproveRequest;
use breakglass::domain::act::{Act, Deed};
use breakglass::domain::ids::Digest;
use breakglass::domain::incident::{Incident, Phase};
use breakglass::domain::roster::Role;
use breakglass::sealed::epoch::EpochName;
use breakglass::sealed::release::ReleaseLabel;

use super::refused;
use crate::restart::{all_is_well, bring_home};
use crate::support::{Person, Plan, TestVault, release_label};

/// A vault with an incident that collects and ada's share in.
fn collecting() -> (TestVault, Incident) {
    let vault = TestVault::new();
    let (incident, _) = vault.open();
    vault.deliver();
    vault.approve(&vault.people.ada, &incident.id).unwrap();
    (vault, incident)
}

fn send(
    vault: &TestVault,
    person: &Person,
    incident: &Incident,
    request: &ApproveRequest,
) -> Result<Incident, breakglass::app::AppError> {
    vault.block(
        vault
            .app()
            .approve(&incident.id, request, &person.caller(vault)),
    )
}

/// The share is rejected by name, everybody is told, ada's keeps its place.
fn rejected(vault: &TestVault, incident: &Incident, request: &ApproveRequest, why: &str) {
    let before = (
        vault.count("share.reject"),
        vault.alerts_queued("share.reject"),
    );
    let error = send(vault, &vault.people.ben, incident, request).unwrap_err();
    assert_eq!(error.code(), "share_rejected", "{why}: {error}");
    assert!(error.to_string().contains("share 2"), "{error}");
    let entry = vault.last_entry("share.reject").unwrap();
    let told = ["person", "why"].map(|name| entry.text(name).unwrap().to_owned());
    assert_eq!(told, ["ben", why]);
    assert_eq!(entry.integer("index"), Some(2));
    assert_eq!(vault.count("share.reject"), before.0 + 1);
    assert!(vault.alerts_queued("share.reject") > before.1);
    let now = vault.incident(&incident.id);
    assert_eq!(now.approvals().len(), 1, "ada's share keeps its place");
}

#[test]
fn a_bad_share_is_named_and_the_others_keep_their_place() {
    let (vault, incident) = collecting();
    let ben = &vault.people.ben;
    let good = ben.release(&vault, &incident);
    let share = ben.share(&vault, 1).unwrap();
    let act = || ben.act_about(&vault, &incident, ben.approval(&incident, &share));
    let label = release_label(&incident.terms, incident.terms_sha256);
    let to = incident.terms.recipient.as_str();
    let with = |label: &ReleaseLabel| ben.release_act(&act(), label, &share, to);

    // Corrupted on the way: one bit of the age file.
    let mut bytes = BASE64.decode(&good.envelope).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let corrupted = ApproveRequest {
        envelope: BASE64.encode(bytes),
        ..good.clone()
    };
    rejected(&vault, &incident, &corrupted, "unreadable");

    // Of another vault, of another epoch, for another incident, for other terms.
    let named = |vault: &str, epoch| EpochName::new(vault, "live", epoch).unwrap();
    let elsewhere = ReleaseLabel {
        name: named("day-watch", 1),
        ..label.clone()
    };
    rejected(&vault, &incident, &with(&elsewhere), "vault");
    let other_epoch = ReleaseLabel {
        name: named("night-watch", 7),
        ..label.clone()
    };
    rejected(&vault, &incident, &with(&other_epoch), "epoch");
    let other = ReleaseLabel {
        incident: "INC-0099".to_owned(),
        ..label.clone()
    };
    rejected(&vault, &incident, &with(&other), "incident");
    let terms = ReleaseLabel {
        terms_sha256: [7; 32],
        ..label.clone()
    };
    rejected(&vault, &incident, &with(&terms), "terms");

    // Somebody else's share under her own index, and a share that nobody was dealt.
    let cleos = vault.people.cleo.share(&vault, 1).unwrap();
    let foreign = ben.release_act(&act(), &label, &cleos, to);
    rejected(&vault, &incident, &foreign, "index");
    let stranger = TestVault::new();
    let dealt_elsewhere = stranger.people.ben.share(&stranger, 1).unwrap();
    let foreign = ben.release_act(&act(), &label, &dealt_elsewhere, to);
    rejected(&vault, &incident, &foreign, "possession");

    // Bound to another act than the one that came with it.
    let unbound = ApproveRequest {
        possession: BASE64.encode([1; 64]),
        ..good.clone()
    };
    rejected(&vault, &incident, &unbound, "not_bound");

    // The right one is still welcome, and the incident goes its way.
    send(&vault, ben, &incident, &ben.release(&vault, &incident)).unwrap();
    vault.approve(&vault.people.cleo, &incident.id).unwrap();
    vault.wait_for(&incident.id, |i| matches!(i.phase, Phase::Open(_)));
    bring_home(&vault, &incident);
    all_is_well(&vault);
}

#[test]
fn a_share_of_a_former_epoch_opens_nothing() {
    let vault = TestVault::new();
    let ben = &vault.people.ben;
    let (first, _) = vault.opened();
    let old_share = ben.share(&vault, 1).unwrap();
    vault.close(&first).unwrap();
    vault.settle();
    let (incident, _) = vault.open();
    vault.deliver();
    vault.approve(&vault.people.ada, &incident.id).unwrap();
    // As the old epoch's share, and relabelled as the new one's.
    let act = ben.act_about(&vault, &incident, ben.approval(&incident, &old_share));
    let label = release_label(&incident.terms, incident.terms_sha256);
    let name = EpochName::new("night-watch", "live", 1).unwrap();
    let to = incident.terms.recipient.as_str();
    let as_old = ben.release_act(
        &act,
        &ReleaseLabel {
            name,
            ..label.clone()
        },
        &old_share,
        to,
    );
    rejected(&vault, &incident, &as_old, "epoch");
    let act = ben.act_about(&vault, &incident, ben.approval(&incident, &old_share));
    let as_new = ben.release_act(&act, &label, &old_share, to);
    rejected(&vault, &incident, &as_new, "possession");
    // And an act that signs the former manifest.
    let manifest_sha256 = first.terms.manifest_sha256;
    let Deed::Approve {
        index,
        unlocker,
        phrase,
        overrides,
        ..
    } = ben.approval(&incident, &old_share)
    else {
        unreachable!()
    };
    let deed = Deed::Approve {
        index,
        manifest_sha256,
        unlocker,
        phrase,
        overrides,
        witness_sha256: None,
    };
    let act = ben.act_about(&vault, &incident, deed);
    let request = ben.release_act(&act, &label, &old_share, to);
    refused(&vault, "other_manifest", || {
        send(&vault, ben, &incident, &request)
    });
}

#[test]
fn one_person_counts_once_and_each_act_counts_once() {
    let (vault, incident) = collecting();
    let (ada, ben) = (&vault.people.ada, &vault.people.ben);
    // A second approval of hers, signed anew.
    refused(&vault, "already_approved", || {
        vault.approve(ada, &incident.id)
    });
    // The same request twice.
    let request = ben.release(&vault, &incident);
    send(&vault, ben, &incident, &request).unwrap();
    refused(&vault, "replayed", || {
        send(&vault, ben, &incident, &request)
    });
    // Ben's share sent by cleo as ben's, signed by cleo.
    let cleo = &vault.people.cleo;
    let bens = ben.share(&vault, 1).unwrap();
    let stolen = cleo.release_share(&vault, &incident, &bens);
    refused(&vault, "other_index", || {
        send(&vault, cleo, &incident, &stolen)
    });
    assert_eq!(vault.incident(&incident.id).approvals().len(), 2);
    // An unlocker that is not hers proves nothing about her next share.
    let share = cleo.share(&vault, 1).unwrap();
    let Deed::Approve {
        index,
        manifest_sha256,
        phrase,
        overrides,
        ..
    } = cleo.approval(&incident, &share)
    else {
        unreachable!()
    };
    let unlocker = ben.unlocker();
    let deed = Deed::Approve {
        index,
        manifest_sha256,
        unlocker,
        phrase,
        overrides,
        witness_sha256: None,
    };
    let act = cleo.act_about(&vault, &incident, deed);
    let label = release_label(&incident.terms, incident.terms_sha256);
    let request = cleo.release_act(&act, &label, &share, &incident.terms.recipient);
    refused(&vault, "not_allowed", || {
        send(&vault, cleo, &incident, &request)
    });
}

#[test]
fn an_approval_of_other_terms_is_refused() {
    let (vault, incident) = collecting();
    let ben = &vault.people.ben;
    let share = ben.share(&vault, 1).unwrap();
    let act = Act {
        terms_sha256: Some(Digest::of(b"what ben was shown")),
        ..ben.act_about(&vault, &incident, ben.approval(&incident, &share))
    };
    let label = release_label(&incident.terms, incident.terms_sha256);
    let request = ben.release_act(&act, &label, &share, &incident.terms.recipient);
    refused(&vault, "other_terms", || {
        send(&vault, ben, &incident, &request)
    });
}

#[test]
fn what_was_withdrawn_stays_withdrawn_and_a_new_approval_is_welcome() {
    let (vault, incident) = collecting();
    let ben = &vault.people.ben;
    let request = ben.release(&vault, &incident);
    send(&vault, ben, &incident, &request).unwrap();
    let act = ben.sign_about(&vault, &incident, Deed::Withdraw {});
    let caller = ben.caller(&vault);
    vault
        .block(vault.app().answer(&incident.id, &act, &caller, "withdraw"))
        .unwrap();
    assert_eq!(vault.incident(&incident.id).approvals().len(), 1);
    assert_eq!(
        vault
            .block(vault.store().envelopes(&incident.id))
            .unwrap()
            .len(),
        1
    );
    refused(&vault, "replayed", || {
        send(&vault, ben, &incident, &request)
    });
    refused(&vault, "replayed", || {
        vault.block(vault.app().answer(&incident.id, &act, &caller, "withdraw"))
    });
    let again = ben.sign_about(&vault, &incident, Deed::Withdraw {});
    refused(&vault, "nothing_to_withdraw", || {
        vault.block(
            vault
                .app()
                .answer(&incident.id, &again, &caller, "withdraw"),
        )
    });
    vault.clock.pass_ms(1);
    vault.approve(ben, &incident.id).unwrap();
    // The responder takes it all back: nothing counts any more.
    let rio = &vault.people.rio;
    let act = rio.sign_about(&vault, &incident, Deed::Withdraw {});
    let ended = vault.block(vault.app().answer(
        &incident.id,
        &act,
        &rio.caller(&vault),
        "withdraw",
    ));
    assert!(matches!(ended.unwrap().phase, Phase::Withdrawn { .. }));
    refused(&vault, "not_in_phase", || {
        vault.approve(&vault.people.cleo, &incident.id)
    });
    assert!(
        vault
            .block(vault.store().envelopes(&incident.id))
            .unwrap()
            .is_empty()
    );
    vault.verify_log();
}

#[test]
fn a_refusal_is_final_and_too_many_end_the_incident() {
    let vault = TestVault::new();
    let (incident, _) = vault.open();
    let refuse = |person: &Person| {
        let reason = "nobody called me".to_owned();
        let act = person.sign_about(&vault, &incident, Deed::Refuse { reason });
        vault.block(
            vault
                .app()
                .answer(&incident.id, &act, &person.caller(&vault), "refuse"),
        )
    };
    refuse(&vault.people.ada).unwrap();
    refused(&vault, "refused_before", || {
        vault.approve(&vault.people.ada, &incident.id)
    });
    refuse(&vault.people.ben).unwrap();
    assert!(matches!(
        vault.incident(&incident.id).phase,
        Phase::Collecting(_)
    ));
    // Two of five can still say yes; three are needed.
    let ended = refuse(&vault.people.cleo).unwrap();
    assert!(matches!(ended.phase, Phase::Refused { .. }));
    assert!(vault.alerts_queued("incident.refused") > 0);
    vault.verify_log();
}

#[test]
fn the_responder_never_approves_her_own_incident_nor_its_rotation() {
    let roster = |roster: &mut breakglass::domain::roster::Roster| {
        let ada = roster
            .people
            .iter_mut()
            .find(|p| p.id.as_str() == "ada")
            .unwrap();
        ada.roles.push(Role::Responder);
    };
    let plan = Plan {
        roster: Box::new(roster),
        ..Plan::default()
    };
    let mut vault = TestVault::planned(plan);
    let (incident, _) = vault.open_by(&vault.people.ada);
    vault.deliver();
    refused(&vault, "own_incident", || {
        vault.approve(&vault.people.ada, &incident.id)
    });
    for person in [&vault.people.ben, &vault.people.cleo, &vault.people.dora] {
        vault.approve(person, &incident.id).unwrap();
    }
    vault.wait_for(&incident.id, |i| matches!(i.phase, Phase::Open(_)));
    vault.restart();
    refused(&vault, "own_incident", || {
        vault.approve(&vault.people.ada, &incident.id)
    });
}

#[test]
fn people_without_a_share_and_strangers_release_nothing() {
    let (vault, incident) = collecting();
    let adas = vault.people.ada.share(&vault, 1).unwrap();
    for person in [&vault.people.vera, &vault.people.rio, &vault.people.otto] {
        assert_eq!(person.share(&vault, 1).unwrap_err().code(), "no_share");
        let request = person.release_share(&vault, &incident, &adas);
        let code = if person.id.as_str() == "rio" {
            "own_incident"
        } else {
            "no_share"
        };
        refused(&vault, code, || send(&vault, person, &incident, &request));
    }
    // Mallory cannot even log in; with ada's login her signature is not ada's.
    let mallory = &vault.people.mallory;
    assert_eq!(vault.try_login(mallory).unwrap_err().code(), "login_needed");
    let forged = mallory.release_share(&vault, &incident, &adas);
    refused(&vault, "not_allowed", || {
        send(&vault, &vault.people.ada, &incident, &forged)
    });
    let as_ben = Act {
        person: vault.people.ben.id.clone(),
        ..mallory.act_about(&vault, &incident, mallory.approval(&incident, &adas))
    };
    let label = release_label(&incident.terms, incident.terms_sha256);
    let forged = mallory.release_act(&as_ben, &label, &adas, &incident.terms.recipient);
    refused(&vault, "not_allowed", || {
        send(&vault, &vault.people.ben, &incident, &forged)
    });
}

#[test]
fn an_approver_stands_in_for_nothing_but_an_unconfirmed_alert() {
    let (vault, incident) = collecting();
    let ben = &vault.people.ben;
    let share = ben.share(&vault, 1).unwrap();
    let Deed::Approve {
        index,
        manifest_sha256,
        unlocker,
        phrase,
        ..
    } = ben.approval(&incident, &share)
    else {
        unreachable!()
    };
    let overrides = vec![breakglass::domain::terms::Gate::ReviewOverdue];
    let deed = Deed::Approve {
        index,
        manifest_sha256,
        unlocker,
        phrase,
        overrides,
        witness_sha256: None,
    };
    let act = ben.act_about(&vault, &incident, deed);
    let label = release_label(&incident.terms, incident.terms_sha256);
    let request = ben.release_act(&act, &label, &share, &incident.terms.recipient);
    refused(&vault, "nothing_to_override", || {
        send(&vault, ben, &incident, &request)
    });
}
