//! A version stands on signatures of the right people over exactly its hash, and on nothing else.

use super::*;
use crate::domain::VERSION;
use crate::domain::act::Seen;
use crate::domain::policy::{ChannelRule, Policy};
use crate::domain::roster::{Contacts, Person, Role};
use crate::domain::time::Timestamp;
use crate::sealed::loaded_key::LoadedKey;

#[path = "versions_vectors.rs"]
mod vectors;
#[path = "versions_whole.rs"]
mod whole;

struct World {
    keys: Vec<(PersonId, LoadedKey)>,
    versions: Versions,
}

/// Somebody with one role and one key; a custodian has a spare that nobody keeps.
pub(crate) fn person(id: &str, role: Role, key: &LoadedKey) -> Person {
    let text = key.public().text().to_owned();
    let spare = LoadedKey::generate_ed25519("spare").unwrap();
    Person {
        id: id.parse().unwrap(),
        name: id.to_owned(),
        roles: vec![role],
        time_zone: "UTC".into(),
        contacts: Contacts {
            mail: format!("{id}@example.org"),
            pager: None,
        },
        login_keys: vec![text.clone()],
        unlockers: match role {
            Role::Custodian => vec![text, spare.public().text().to_owned()],
            _ => vec![],
        },
        single_unlocker: None,
        paper: None,
    }
}

fn next_roster(versions: &Versions, change: impl FnOnce(&mut Roster)) -> Vec<u8> {
    let mut next = Roster {
        seq: versions.roster.seq + 1,
        prev_sha256: Some(versions.roster_sha256),
        ..versions.roster.clone()
    };
    change(&mut next);
    canonical::to_bytes(&next).unwrap()
}

impl World {
    fn new() -> Self {
        let roles = [
            ("ada", Role::Custodian),
            ("ben", Role::Custodian),
            ("cleo", Role::Custodian),
            ("rio", Role::Responder),
            ("vera", Role::Auditor),
            ("tess", Role::Auditor),
            ("otto", Role::Operator),
            ("olga", Role::Operator),
        ];
        let (mut keys, mut people) = (Vec::new(), Vec::new());
        for (id, role) in roles {
            let key = LoadedKey::generate_ed25519(id).unwrap();
            people.push(person(id, role, &key));
            keys.push((id.parse().unwrap(), key));
        }
        let roster = Roster {
            v: VERSION.into(),
            vault: "prod-eu".parse().unwrap(),
            seq: 1,
            prev_sha256: None,
            k: 2,
            n: 3,
            people,
            auditor_recipients: vec![],
        };
        let channel = |name: &str| ChannelRule {
            name: name.into(),
            kind: "smtp".into(),
            destination: "relay.example".into(),
        };
        let channels = vec![channel("mail"), channel("hook")];
        let policy = Policy::built_in(roster.vault.clone(), channels);
        Self {
            keys,
            versions: Versions::genesis(roster, policy).unwrap(),
        }
    }

    fn next(&self, change: impl FnOnce(&mut Roster)) -> Vec<u8> {
        next_roster(&self.versions, change)
    }

    fn sign(&self, who: &str, as_whom: &str, deed: Deed) -> SignedAct {
        let key = &self
            .keys
            .iter()
            .find(|(id, _)| id.as_str() == who)
            .unwrap()
            .1;
        let act = Act {
            v: VERSION.into(),
            vault: "prod-eu".parse().unwrap(),
            incident: None,
            terms_sha256: None,
            person: as_whom.parse().unwrap(),
            key: key.public().text().to_owned(),
            at_ms: Timestamp(1),
            cp: Seen {
                origin: "o".into(),
                size: 1,
                root: "r".into(),
            },
            deed,
        };
        let document = act.bytes().unwrap();
        SignedAct {
            signature: key.sign(&act.namespace(), &document).unwrap(),
            document,
        }
    }

    fn signed(&self, bytes: &[u8], who: &[&str]) -> Step {
        self.signed_as(What::Roster, bytes, who)
    }

    fn signed_as(&self, what: What, bytes: &[u8], who: &[&str]) -> Step {
        let deed = what.deed(Digest::of(bytes));
        let acts = who.iter().map(|w| self.sign(w, w, deed.clone())).collect();
        Step {
            what,
            bytes: bytes.to_vec(),
            acts,
        }
    }
}

#[test]
fn k_signatures_of_the_version_before_make_a_version_and_it_becomes_the_one_before() {
    let mut world = World::new();
    let first = world.versions.roster_sha256;
    let bytes = world.next(|r| r.people[0].name = "Ada".into());
    let step = world.signed(&bytes, &["ada", "ben"]);
    assert_eq!(world.versions.step(&step), Ok(Needs::Custodians(2)));
    assert_eq!(world.versions.roster.seq, 2);
    assert!(world.versions.roster_of(&first).is_some(), "history stays");
    let again = world.versions.step(&step).unwrap_err();
    assert!(matches!(again, VersionError::Roster(_)), "{again}");
}

#[test]
fn too_few_the_wrong_people_and_one_person_twice_make_no_version() {
    let mut world = World::new();
    let bytes = world.next(|r| r.k = 3);
    for few in [
        &["ada"][..],
        &[],
        &["ada", "otto", "rio", "vera"],
        &["ada", "ada"],
    ] {
        let error = world.versions.step(&world.signed(&bytes, few)).unwrap_err();
        assert!(
            matches!(error, VersionError::TooFew { .. }),
            "{few:?}: {error}"
        );
    }
    assert_eq!(world.versions.roster.seq, 1);
}

#[test]
fn a_signature_for_something_else_by_somebody_else_or_altered_counts_for_nothing() {
    let mut world = World::new();
    let bytes = world.next(|r| r.k = 3);
    let deed = What::Roster.deed(Digest::of(&bytes));
    let good = || world.sign("ben", "ben", deed.clone());
    let mut altered = good();
    altered.document.push(b' ');
    let mut swapped = good();
    swapped.signature = world.sign("ada", "ada", deed.clone()).signature;
    let bad = [
        world.sign("ben", "ben", What::Roster.deed(Digest::of(b"other"))),
        world.sign("ben", "ben", What::Policy.deed(Digest::of(&bytes))),
        world.sign("rio", "ben", deed.clone()),
        altered,
        swapped,
    ];
    let mut steps = Vec::new();
    for act in bad {
        let mut step = world.signed(&bytes, &["ada"]);
        step.acts.push(act);
        steps.push(step);
    }
    for (number, step) in steps.iter().enumerate() {
        let error = world.versions.step(step).unwrap_err();
        assert!(matches!(error, VersionError::Act(_)), "{number}: {error}");
    }
}

#[test]
fn a_version_with_a_key_that_no_code_can_use_never_stands() {
    let mut world = World::new();
    let bytes = world.next(|r| r.people[3].login_keys = vec!["ssh-ed25519 AAAA".into()]);
    let error = world
        .versions
        .step(&world.signed(&bytes, &["ada", "ben", "cleo"]));
    assert!(matches!(error, Err(VersionError::Keys(_))));
}
