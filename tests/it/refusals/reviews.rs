//! Reviews that do not count, and what an overdue one costs.

use breakglass::domain::act::Deed;
use breakglass::domain::ids::Digest;
use breakglass::domain::incident::{Incident, Phase};

use super::refused;
use crate::restart::bring_home;
use crate::story::review;
use crate::support::{Person, TestVault};

fn in_review(vault: &TestVault) -> Incident {
    let (incident, _) = vault.opened();
    bring_home(vault, &incident);
    vault.incident(&incident.id)
}

fn sign(
    vault: &TestVault,
    person: &Person,
    incident: &Incident,
    change: impl FnOnce(&mut Deed),
) -> Result<Incident, breakglass::app::AppError> {
    let signed = review(vault, person, incident, change);
    vault.block(
        vault
            .app()
            .review_sign(&incident.id, &signed, &person.caller(vault)),
    )
}

#[test]
fn a_review_is_signed_by_an_auditor_who_took_no_part_with_every_item_answered() {
    let vault = TestVault::new();
    let (incident, _) = vault.opened();
    // An item to answer: somebody tried to close who may not.
    let ada = &vault.people.ada;
    let act = ada.sign_about(&vault, &incident, Deed::Close {});
    drop(
        vault.block(
            vault
                .app()
                .end(&incident.id, &act, &ada.caller(&vault), "close"),
        ),
    );
    vault.stop(&vault.people.vera, &incident).unwrap();
    vault.settle();
    let incident = vault.incident(&incident.id);
    let (vera, tess) = (&vault.people.vera, &vault.people.tess);
    refused(&vault, "participant", || {
        sign(&vault, vera, &incident, |_| {})
    });
    refused(&vault, "participant", || {
        sign(&vault, &vault.people.rio, &incident, |_| {})
    });
    refused(&vault, "participant", || {
        sign(&vault, ada, &incident, |_| {})
    });
    refused(&vault, "not_auditor", || {
        sign(&vault, &vault.people.dora, &incident, |_| {})
    });
    let unanswered = |id: &str| {
        let id = id.to_owned();
        move |deed: &mut Deed| {
            let Deed::Review { answers, .. } = deed else {
                unreachable!()
            };
            answers.remove(&id).expect("it was asked");
        }
    };
    refused(&vault, "unanswered", || {
        sign(&vault, tess, &incident, unanswered("act_refused_1"))
    });
    refused(&vault, "unanswered", || {
        sign(&vault, tess, &incident, unanswered("emergency_real"))
    });
    let other = |deed: &mut Deed| {
        let Deed::Review { record_sha256, .. } = deed else {
            unreachable!()
        };
        *record_sha256 = Digest::of(b"another record");
    };
    refused(&vault, "other_record", || {
        sign(&vault, tess, &incident, other)
    });
    // A note after the close changes the record: what was shown before cannot be signed.
    let stale = review(&vault, tess, &incident, |_| {});
    let rio = vault.people.rio.caller(&vault);
    vault
        .block(
            vault
                .app()
                .note(&incident.id, &rio, "one thing more".to_owned()),
        )
        .unwrap();
    refused(&vault, "other_record", || {
        vault.block(
            vault
                .app()
                .review_sign(&incident.id, &stale, &tess.caller(&vault)),
        )
    });
    let done = sign(&vault, tess, &incident, |_| {}).unwrap();
    assert!(matches!(done.phase, Phase::Reviewed { .. }));
    vault.clock.pass_ms(1);
    refused(&vault, "not_in_phase", || sign(&vault, tess, &done, |_| {}));
    vault.verify_log();
}

#[test]
fn an_overdue_review_makes_the_next_opening_need_one_more() {
    let vault = TestVault::new();
    let first = in_review(&vault);
    let (soon, _) = vault.open();
    assert_eq!((soon.terms.needed, soon.terms.gates.len()), (3, 0));
    vault.pass_ms(72 * 3_600_000);
    vault.tick();
    let (gated, _) = vault.open();
    assert_eq!((gated.terms.needed, gated.terms.gates.len()), (4, 1));
    vault.deliver();
    vault.approve_by_three(&gated.id);
    vault.settle();
    assert!(matches!(
        vault.incident(&gated.id).phase,
        Phase::Collecting(_)
    ));
    vault.approve(&vault.people.dora, &gated.id).unwrap();
    vault.wait_for(&gated.id, |i| matches!(i.phase, Phase::Open(_)));
    bring_home(&vault, &gated);
    // The signature lifts the gate.
    sign(&vault, &vault.people.tess, &first, |_| {}).unwrap();
    let (free, _) = vault.open();
    assert_eq!(free.terms.needed, 3);
    vault.verify_log();
}
