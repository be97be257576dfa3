//! Events as entries: every type is known, and an entry reads back as the event it was.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::world::*;
use crate::domain::canonical;
use crate::domain::ids::IncidentId;
use crate::domain::incident::event::KINDS;
use crate::domain::incident::{Event, Incident};

/// Names in `#[serde(rename = "…")]` of the enum's source: what serde writes and reads.
fn tags_in_source() -> BTreeSet<String> {
    let source = include_str!("../event.rs");
    let tag = |line: &str| {
        line.trim()
            .strip_prefix("#[serde(rename = \"")?
            .strip_suffix("\")]")
            .map(str::to_owned)
    };
    source.lines().filter_map(tag).collect()
}

#[test]
fn the_list_of_kinds_is_that_of_the_variants() {
    let listed: BTreeSet<String> = KINDS.iter().map(|k| (*k).to_owned()).collect();
    assert_eq!(listed.len(), KINDS.len(), "a kind is listed twice");
    assert_eq!(listed, tags_in_source());
}

#[test]
fn an_entry_never_holds_the_terms_and_needs_them_to_fold() {
    let world = World::plain();
    let event = world.open(&request()).unwrap().remove(0);
    let inc = IncidentId::numbered(1);
    let (kind, members) = event.to_entry(&inc).unwrap();
    let text = String::from_utf8(canonical::to_bytes(&Value::Object(members.clone())).unwrap());
    assert!(!text.unwrap().contains("all clusters are gone"));
    let (_, read) = Event::from_entry(&kind, &members).unwrap().unwrap();
    assert!(Incident::from_opened(&read).is_err());
    let terms = event.terms().unwrap().clone();
    let found = read
        .with_terms(&|hash| (terms.sha256().ok().as_ref() == Some(hash)).then(|| terms.clone()));
    assert_eq!(found, event);
}

#[test]
fn entries_of_other_kinds_and_broken_entries_are_told_apart() {
    let mut members = Map::new();
    assert_eq!(Event::from_entry("log.tick", &members).unwrap(), None);
    members.insert("inc".to_owned(), Value::from("INC-1"));
    assert_eq!(Event::from_entry("call.begin", &members).unwrap(), None);
    assert!(
        Event::from_entry("incident.lapsed", &members).is_err(),
        "at_ms is missing"
    );
    members.insert("inc".to_owned(), Value::from("inc-1"));
    assert!(
        Event::from_entry("unseal.done", &members).is_err(),
        "not an incident id"
    );
}

#[test]
fn an_event_that_cannot_follow_is_refused_by_the_fold() {
    let world = World::plain();
    let opened = world.open(&request()).unwrap().remove(0);
    let mut incident = Incident::from_opened(&opened).unwrap();
    assert!(Incident::from_opened(&Event::Unsealed {}).is_err());
    let wrong = [opened, Event::Unsealed {}, Event::MemoryLost {}];
    for event in wrong {
        assert!(incident.clone().apply(&event).is_err(), "{event:?}");
    }
    let lapsed = Event::Lapsed {
        at_ms: START,
        why: None,
    };
    incident.apply(&lapsed).unwrap();
    assert!(incident.apply(&lapsed).is_err());
}
