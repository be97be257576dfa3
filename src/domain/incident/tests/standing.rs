//! Who signed and then left or lost the role: her signature does not count when it is used.

use super::world::*;
use crate::domain::incident::{Command, Event, Incident, Refusal};
use crate::domain::roster::Role;

fn leaves(world: &mut World, name: &str) {
    world.roster.people.retain(|p| p.id != id(name));
}

fn indexes(events: &[Event]) -> Option<&[u8]> {
    events.iter().find_map(|event| match event {
        Event::UnsealBegun { indexes, .. } => Some(indexes.as_slice()),
        _ => None,
    })
}

fn only_two_count(world: &World, incident: &Incident) {
    assert_eq!(
        world.decide(incident, Command::Begin),
        Err(Refusal::NoQuorum {
            given: 2,
            needed: 3
        })
    );
}

#[test]
fn the_share_of_somebody_who_left_since_does_not_count_and_another_one_does() {
    let mut world = World::plain();
    let mut incident = world.with_quorum(world.collecting());
    leaves(&mut world, "cleo");
    only_two_count(&world, &incident);
    let offer = world.offer(&incident, "dora");
    world.go(&mut incident, Command::Approve(offer));
    let events = world.decide(&incident, Command::Begin).unwrap();
    assert_eq!(indexes(&events), Some(&[1, 2, 4][..]));
    world.go(&mut incident, Command::Begin);
    let combined: Vec<u8> = incident.approvals().iter().map(|a| a.index).collect();
    assert_eq!(combined, [1, 2, 4], "hers is not combined either");
}

#[test]
fn nor_does_it_count_for_the_rotation_that_a_closing_incident_owes() {
    let mut world = World::plain();
    let mut incident = world.with_quorum(world.closing_asked());
    let cleo = world.roster.people.iter_mut().find(|p| p.id == id("cleo"));
    cleo.unwrap().roles = vec![Role::Auditor];
    only_two_count(&world, &incident);
    let offer = world.offer(&incident, "dora");
    world.go(&mut incident, Command::Approve(offer));
    world.go(&mut incident, Command::Begin);
    let combined: Vec<u8> = incident.approvals().iter().map(|a| a.index).collect();
    assert_eq!(combined, [1, 2, 4]);
}

#[test]
fn an_extension_agreed_to_by_somebody_who_left_is_not_made() {
    let mut world = World::plain();
    let mut incident = world.open_session();
    for name in ["rio", "ada", "ben", "cleo"] {
        let command = extend(&incident, name, 90);
        world.go(&mut incident, command);
    }
    assert!(incident.agreed_extension().is_some());
    leaves(&mut world, "cleo");
    assert!(matches!(
        world.decide(&incident, Command::Extended),
        Err(Refusal::BadExtension { .. })
    ));
}
