//! Drills under the same rules: what they share with an emergency, and what they do not.

use super::world::*;
use crate::domain::incident::opening::Request;
use crate::domain::incident::{Command, Incident, Phase, Refusal};
use crate::domain::manifest::Kind;
use crate::domain::terms::{Gate, Purpose, Requester};

fn drill() -> Request {
    let mut request = request();
    request.opening.purpose = Purpose::Drill;
    request
}

fn drill_by(name: &str) -> Request {
    Request {
        requester: Requester::Person(id(name)),
        ..drill()
    }
}

/// A world whose rules look at the decoy's epoch.
fn rehearsing() -> World {
    let mut world = World::plain();
    world.epoch.kind = Kind::Drill;
    world
}

#[test]
fn a_drill_needs_k_shares_whatever_gates_are_closed_also_when_it_is_asked_again() {
    let mut world = rehearsing();
    world.gates = vec![Gate::ReviewOverdue, Gate::RotationOwed];
    let mut incident = world.opened(&drill());
    let seen = |i: &Incident| (i.terms.kind, i.terms.needed, i.terms.gates.len());
    assert_eq!(seen(&incident), (Kind::Drill, 3, 0));
    world.go(&mut incident, Command::Restarted { fresh: fresh(7) });
    assert_eq!(seen(&incident), (Kind::Drill, 3, 0));
}

#[test]
fn responders_and_operators_rehearse_and_nobody_else() {
    let world = rehearsing();
    for person in &world.roster.people {
        let asked = world.open(&drill_by(person.id.as_str()));
        let may = person.roles.iter().any(|role| {
            let word = role.word();
            word == "responder" || word == "operator"
        });
        assert_eq!(asked.is_ok(), may, "{}: {asked:?}", person.id);
    }
    let by_vault = Request {
        requester: Requester::Vault,
        ..drill()
    };
    let refused = world.open(&by_vault);
    assert!(
        matches!(refused, Err(Refusal::WrongRole { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_drill_has_a_session_and_a_review_like_an_emergency() {
    let world = rehearsing();
    let mut incident = world.unsealed(world.opened(&drill()));
    let session = "ses-0001".parse().unwrap();
    world.go(&mut incident, Command::SessionReady { session });
    assert!(matches!(incident.phase, Phase::Open(_)));
    world.go(&mut incident, close("rio"));
    let tokens_dead_at_ms = world.now;
    world.go(&mut incident, Command::Rotated { tokens_dead_at_ms });
    assert!(matches!(incident.phase, Phase::InReview(_)));
}

#[test]
fn a_drill_that_breaks_while_opening_owes_no_rotation() {
    let world = rehearsing();
    let mut incident = world.opening(world.opened(&drill()));
    let broke = Command::OpeningBroke {
        why: "the disk".to_owned(),
        fresh: fresh(8),
        combined: true,
        replaced: false,
    };
    world.go(&mut incident, broke);
    assert!(incident.is_collecting() && !incident.rotation_owed);
}

#[test]
fn a_live_share_offered_to_a_drill_is_of_another_epoch() {
    let world = rehearsing();
    let incident = world.opened(&drill());
    let mut offer = world.offer(&incident, "ada");
    offer.kind = Kind::Live;
    let refused = world.decide(&incident, Command::Approve(offer));
    assert!(refused.is_err(), "{refused:?}");
}
