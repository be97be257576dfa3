//! Chains of versions as a file, `tests/vectors/sealed/versions.json`: what stands here must stand
//! on the custodian's page, and what does not must not. The page's own tests read the same file.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::*;
use crate::domain::policy::MAX_DETAILS_CHARS;

/// A chain from genesis on.
#[derive(Serialize, Deserialize)]
struct Chain {
    /// What it shows.
    name: String,
    /// Its steps in order.
    steps: Vec<WrittenStep>,
    /// Whether the last step stands; those before it always do.
    stands: bool,
    /// The roster in force afterwards.
    roster_sha256: Digest,
    /// The policy in force afterwards.
    policy_sha256: Digest,
}

#[derive(Serialize, Deserialize)]
struct WrittenStep {
    what: String,
    text: String,
    acts: Vec<WrittenAct>,
}

#[derive(Serialize, Deserialize)]
struct WrittenAct {
    document: String,
    signature: String,
}

#[derive(Serialize, Deserialize)]
struct Vectors {
    roster: String,
    policy: String,
    chains: Vec<Chain>,
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/sealed/versions.json")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

impl From<&Step> for WrittenStep {
    fn from(step: &Step) -> Self {
        let written = |act: &SignedAct| WrittenAct {
            document: text(&act.document),
            signature: act.signature.clone(),
        };
        Self {
            what: step.what.word().into(),
            text: text(&step.bytes),
            acts: step.acts.iter().map(written).collect(),
        }
    }
}

impl From<&WrittenStep> for Step {
    fn from(step: &WrittenStep) -> Self {
        let read = |act: &WrittenAct| SignedAct {
            document: act.document.clone().into_bytes(),
            signature: act.signature.clone(),
        };
        Self {
            what: What::from_word(&step.what).unwrap(),
            bytes: step.text.clone().into_bytes(),
            acts: step.acts.iter().map(read).collect(),
        }
    }
}

/// Takes the steps one by one; whether the last one stood.
fn walk(versions: &mut Versions, steps: &[Step]) -> bool {
    let (last, before) = steps.split_last().unwrap();
    for step in before {
        versions.step(step).unwrap();
    }
    versions.step(last).is_ok()
}

#[test]
fn every_chain_of_the_file_stands_or_falls_here_as_it_says() {
    let read: Vectors = serde_json::from_slice(&std::fs::read(file()).unwrap()).unwrap();
    let roster = canonical::parse_exact(read.roster.as_bytes()).unwrap();
    let policy = canonical::parse_exact(read.policy.as_bytes()).unwrap();
    let genesis = Versions::genesis(roster, policy).unwrap();
    assert!(read.chains.iter().filter(|chain| chain.stands).count() >= 12);
    assert!(read.chains.iter().filter(|chain| !chain.stands).count() >= 20);
    for chain in &read.chains {
        let mut versions = genesis.clone();
        let steps: Vec<Step> = chain.steps.iter().map(Step::from).collect();
        assert_eq!(walk(&mut versions, &steps), chain.stands, "{}", chain.name);
        assert_eq!(
            versions.roster_sha256, chain.roster_sha256,
            "{}",
            chain.name
        );
        assert_eq!(
            versions.policy_sha256, chain.policy_sha256,
            "{}",
            chain.name
        );
    }
}

#[test]
fn the_page_is_given_every_member_that_may_stand_in_a_version() {
    let read: Vectors = serde_json::from_slice(&std::fs::read(file()).unwrap()).unwrap();
    let roster: Roster = canonical::parse_exact(read.roster.as_bytes()).unwrap();
    let policy: Policy = canonical::parse_exact(read.policy.as_bytes()).unwrap();
    let first = Versions::genesis(roster.clone(), policy).unwrap();
    let wanted = [
        text(&next_policy(&first, |p| *p = whole::policy(p.clone()))),
        text(&next_roster(&first, |r| {
            r.people[0] = whole::person(r.people[0].clone());
        })),
    ];
    for wanted in wanted {
        let stands = |chain: &Chain| chain.stands && chain.steps[0].text == wanted;
        assert!(
            read.chains.iter().any(stands),
            "the vectors are older than the types: {wanted}"
        );
    }
}

/// Collects chains while the world stays at its first versions.
struct Writer {
    world: World,
    first: Versions,
    chains: Vec<Chain>,
}

impl Writer {
    fn chain(&mut self, name: &str, steps: &[Step]) {
        let mut versions = self.first.clone();
        let stands = walk(&mut versions, steps);
        self.chains.push(Chain {
            name: name.into(),
            steps: steps.iter().map(WrittenStep::from).collect(),
            stands,
            roster_sha256: versions.roster_sha256,
            policy_sha256: versions.policy_sha256,
        });
    }

    /// One change of the roster, signed by each of these groups in turn.
    fn roster(&mut self, name: &str, groups: &[&[&str]], change: impl FnOnce(&mut Roster)) {
        let bytes = self.world.next(change);
        for group in groups {
            let step = self.world.signed(&bytes, group);
            self.chain(&format!("{name}, signed by {}", group.join(" ")), &[step]);
        }
    }

    /// One change of the policy likewise.
    fn policy(&mut self, name: &str, groups: &[&[&str]], change: impl FnOnce(&mut Policy)) {
        let bytes = next_policy(&self.world.versions, change);
        for group in groups {
            let step = self.world.signed_as(What::Policy, &bytes, group);
            self.chain(&format!("{name}, signed by {}", group.join(" ")), &[step]);
        }
    }
}

fn next_policy(versions: &Versions, change: impl FnOnce(&mut Policy)) -> Vec<u8> {
    let mut next = Policy {
        seq: versions.policy.seq + 1,
        prev_sha256: Some(versions.policy_sha256),
        ..versions.policy.clone()
    };
    change(&mut next);
    canonical::to_bytes(&next).unwrap()
}

const K: &[&[&str]] = &[
    &["ada", "ben"],
    &["ada"],
    &["ada", "otto", "olga", "rio"],
    &[],
    &["ada", "ada"],
];
const PAIR: &[&[&str]] = &[
    &["otto", "ada"],
    &["ada", "ben"],
    &["otto"],
    &["otto", "rio"],
];
const OPERATORS: &[&[&str]] = &[&["otto", "olga"], &["ada", "ben"], &["otto", "ada"]];

fn changes_of_the_roster(w: &mut Writer) {
    let gus = LoadedKey::generate_ed25519("gus").unwrap();
    let key = LoadedKey::generate_ed25519("key").unwrap();
    let fresh = key.public().text().to_owned();
    w.roster("another threshold", K, |r| r.k = 3);
    let joined = person("gus", Role::Custodian, &gus);
    w.roster("a custodian joins", K, |r| {
        r.people.push(joined.clone());
        r.n = 4;
    });
    w.roster("another order", &K[..2], |r| r.people.swap(0, 1));
    w.roster("another name", &K[..2], |r| {
        r.people[0].name = "Adele".into()
    });
    w.roster("another login key", &K[..2], |r| {
        r.people[4].login_keys = vec![fresh.clone()];
    });
    let responder = person("gus", Role::Responder, &gus);
    w.roster("a responder joins", PAIR, |r| {
        r.people.push(responder.clone())
    });
    w.roster("a contact", PAIR, |r| {
        r.people[1].contacts.pager = Some("ben".into())
    });
    w.roster(
        "her own unlockers",
        &[&["ada"], &["otto", "ben"], &["ben"]],
        |r| {
            r.people[0].unlockers[1] = fresh.clone();
        },
    );
    let sheet = "age13aqvttdk3ujkyjh9kg2w5an6dmy5mq5a84a4uxk3hfhnugfc9p0sy5p2wh";
    w.roster("her own paper", &[&["ada"], &["ben"]], |r| {
        r.people[0].unlockers.push(sheet.to_owned());
        r.people[0].paper = Some(sheet.to_owned());
    });
    w.roster("a paper that is none of her unlockers", &K[..1], |r| {
        r.people[0].paper = Some(sheet.to_owned());
    });
    w.roster("two people's unlockers", &K[..2], |r| {
        let (one, other) = (
            r.people[0].unlockers.remove(1),
            r.people[1].unlockers.remove(1),
        );
        r.people[0].unlockers.push(other);
        r.people[1].unlockers.push(one);
    });
    let both = &K[..1];
    w.roster("a version left out", both, |r| r.seq = 3);
    w.roster("another predecessor", both, |r| {
        r.prev_sha256 = Some(Digest::of(b"other"))
    });
    w.roster("nothing new", both, |_| {});
    w.roster("another vault", both, |r| {
        r.vault = "prod-us".parse().unwrap()
    });
    w.roster("one auditor", both, |r| {
        r.people[5].roles = vec![Role::Operator]
    });
    w.roster("one key for two people", both, |r| {
        r.people[4].login_keys = r.people[5].login_keys.clone();
    });
    w.roster("one unlocker and no waiver", both, |r| {
        r.people[0].unlockers.truncate(1)
    });
    w.roster("one unlocker and a waiver", both, |r| {
        r.people[0].unlockers.truncate(1);
        r.people[0].single_unlocker = Some(true);
    });
    w.roster("an unlocker that needs a plugin", both, |r| {
        r.people[0].unlockers[1] = "age1yubikey1qqqqqq".into();
    });
    w.roster("everything that may stand in a person", both, |r| {
        r.people[0] = whole::person(r.people[0].clone());
    });
    w.roster("the vault's own name", both, |r| {
        r.people[3].id = "vault".parse().unwrap()
    });
}

fn changes_of_the_policy(w: &mut Writer) {
    w.policy("a shorter session", OPERATORS, |p| {
        p.use_cases[0].max_minutes -= 1
    });
    w.policy(
        "a longer session",
        &[&["ada", "ben"], &["otto", "olga"]],
        |p| {
            p.use_cases[0].max_minutes += 1;
        },
    );
    w.policy("a wider scope", &OPERATORS[..2], |p| {
        p.use_cases[0].scope.push("ws:destroy".into());
    });
    w.policy("a denial more", &OPERATORS[..1], |p| {
        p.use_cases[0]
            .scope
            .push("!ws:read:/api/*/secrets/**".into());
    });
    w.policy("no co-approver", &OPERATORS[..1], |p| {
        p.use_cases.iter_mut().for_each(|u| u.co_approver = None);
    });
    w.policy("another question", &OPERATORS[..1], |p| {
        p.tree[0].text.push('!')
    });
    w.policy("longer office hours", &OPERATORS[..1], |p| {
        p.office_hours.to_hour += 1
    });
    w.policy("shorter office hours", &OPERATORS[..1], |p| {
        p.office_hours.to_hour -= 1
    });
    w.policy("another channel's host", &OPERATORS[..1], |p| {
        p.channels[0].destination = "elsewhere.example".into();
    });
    w.policy("a title", &OPERATORS[..1], |p| {
        p.use_cases[0].title.push('!')
    });
    w.policy("a session above the ceiling", &K[..1], |p| {
        p.use_cases[0].max_minutes = 241
    });
    w.policy("everything that may stand in a policy", &K[..2], |p| {
        *p = whole::policy(p.clone());
    });
    let details: [(&str, &str); 4] = [
        ("no details", ""),
        ("details that steer a terminal", "a\u{1b}b"),
        ("details of two lines", "a\nb"),
        ("details from right to left", "a\u{202e}b"),
    ];
    for (name, text) in details {
        w.policy(name, &K[..1], |p| p.access_details = Some(text.to_owned()));
    }
    w.policy("details too long", &K[..1], |p| {
        p.access_details = Some("\u{e9}".repeat(MAX_DETAILS_CHARS + 1));
    });
    w.policy("a review after three weeks", &K[..1], |p| {
        p.review_due_hours = 21 * 24
    });
}

/// Signatures that count for nothing, beside one that does.
fn signatures(w: &mut Writer) {
    let bytes = w.world.next(|r| r.k = 3);
    let deed = What::Roster.deed(Digest::of(&bytes));
    let good = |w: &Writer| w.world.sign("ben", "ben", deed.clone());
    let mut altered = good(w);
    altered.document.push(b' ');
    let mut swapped = good(w);
    swapped.signature = w.world.sign("ada", "ada", deed.clone()).signature;
    let other = What::Roster.deed(Digest::of(b"other"));
    let word = What::Policy.deed(Digest::of(&bytes));
    let bad = [
        ("for another roster", w.world.sign("ben", "ben", other)),
        ("for a policy", w.world.sign("ben", "ben", word)),
        ("by another's key", w.world.sign("rio", "ben", deed.clone())),
        ("over an altered act", altered),
        ("of another person", swapped),
    ];
    for (name, act) in bad {
        let mut step = w.world.signed(&bytes, &["ada"]);
        step.acts.push(act);
        w.chain(&format!("a signature {name}"), &[step]);
    }
}

/// Later versions are signed by the people of the one before, not of the first.
fn longer_chains(w: &mut Writer) {
    let gus = LoadedKey::generate_ed25519("gus").unwrap();
    let first = w.world.next(|r| {
        r.people[0] = person("gus", Role::Custodian, &gus);
    });
    let one = w.world.signed(&first, &["ada", "ben"]);
    w.world.keys.push(("gus".parse().unwrap(), gus));
    w.world.versions.step(&one).unwrap();
    let second = w.world.next(|r| r.k = 3);
    for group in [&["gus", "ben"][..], &["ada", "ben"]] {
        let two = w.world.signed(&second, group);
        w.chain(
            &format!("a second version by {}", group.join(" ")),
            &[one.clone(), two],
        );
    }
    let two = w.world.signed(&second, &["gus", "cleo"]);
    w.world.versions.step(&two).unwrap();
    let policy = next_policy(&w.world.versions, |p| p.use_cases[0].max_minutes += 1);
    for group in [&["gus", "ben", "cleo"][..], &["gus", "ben"]] {
        let three = w.world.signed_as(What::Policy, &policy, group);
        let name = format!("a policy after two rosters by {}", group.join(" "));
        w.chain(&name, &[one.clone(), two.clone(), three]);
    }
    w.chain("the same version again", &[one.clone(), one]);
}

#[test]
#[ignore = "writes the vectors anew: cargo test --lib -- --ignored writes_the_vectors"]
fn writes_the_vectors() {
    let world = World::new();
    let first = world.versions.clone();
    let mut writer = Writer {
        world,
        first: first.clone(),
        chains: Vec::new(),
    };
    changes_of_the_roster(&mut writer);
    changes_of_the_policy(&mut writer);
    signatures(&mut writer);
    longer_chains(&mut writer);
    let vectors = Vectors {
        roster: text(&canonical::to_bytes(&first.roster).unwrap()),
        policy: text(&canonical::to_bytes(&first.policy).unwrap()),
        chains: writer.chains,
    };
    let mut json = serde_json::to_vec(&vectors).unwrap();
    json.push(b'\n');
    std::fs::write(file(), json).unwrap();
}
