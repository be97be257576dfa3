//! The roster's rules, one by one, and the people of every example.

use super::*;
use crate::domain::VERSION;

/// A person with keys of her own.
pub(in crate::domain) fn person(name: &str, roles: &[Role]) -> Person {
    Person {
        id: name.parse().unwrap(),
        name: name[..1].to_uppercase() + &name[1..],
        roles: roles.to_vec(),
        time_zone: "Europe/Berlin".to_owned(),
        contacts: Contacts {
            mail: format!("{name}@example.org"),
            pager: None,
        },
        login_keys: vec![format!("ssh-ed25519 AAAALogin{name}")],
        unlockers: vec![
            format!("ssh-ed25519 AAAAUnlock{name}"),
            format!("age1qq{name}"),
        ],
        single_unlocker: None,
        paper: None,
    }
}

/// Five custodians with k = 3, a responder, two auditors, an operator and a security person.
pub(in crate::domain) fn roster() -> Roster {
    let mut people: Vec<Person> = ["ada", "ben", "cleo", "dora", "emil"]
        .iter()
        .map(|name| person(name, &[Role::Custodian]))
        .collect();
    people.push(person("rio", &[Role::Responder]));
    people.push(person("vera", &[Role::Auditor]));
    people.push(person("tess", &[Role::Auditor]));
    people.push(person("otto", &[Role::Operator]));
    people.push(person("sam", &[Role::Security]));
    Roster {
        v: VERSION.to_owned(),
        vault: "prod-eu".parse().unwrap(),
        seq: 1,
        prev_sha256: None,
        k: 3,
        n: 5,
        people,
        auditor_recipients: vec!["age1qqreview".to_owned()],
    }
}

/// The same roster, where the responder also keeps a share.
pub(in crate::domain) fn with_responder_as_custodian() -> Roster {
    let mut roster = roster();
    roster.people[5].roles.push(Role::Custodian);
    roster.n = 6;
    roster
}

fn broken(change: impl FnOnce(&mut Roster)) -> String {
    let mut roster = roster();
    change(&mut roster);
    roster.check().unwrap_err().to_string()
}

#[test]
fn the_example_roster_keeps_every_rule() {
    roster().check().unwrap();
    with_responder_as_custodian().check().unwrap();
}

#[test]
fn every_rule_of_the_roster_is_refused_with_its_own_sentence() {
    type Change = fn(&mut Roster);
    let cases: &[(Change, &str)] = &[
        (|r| r.v = "breakglass/2".into(), "roster version"),
        (|r| r.k = 1, "k = 1, n = 5"),
        (
            |r| r.k = 6,
            "5 custodians cannot reach a threshold of k = 6",
        ),
        (|r| r.people.truncate(2), "2 custodians cannot reach"),
        (|r| r.n = 4, "n = 4, but 5 people are custodians"),
        (|r| r.n = 16, "k = 3, n = 16"),
        (
            |r| r.people[1].id = "ada".parse().unwrap(),
            "id or name appears twice",
        ),
        (
            |r| r.people[1].name = "ADA".into(),
            "id or name appears twice",
        ),
        (
            |r| r.people[1].login_keys = r.people[0].login_keys.clone(),
            "login key appears twice",
        ),
        (
            |r| r.people[1].unlockers[0] = r.people[0].unlockers[0].clone(),
            "unlocker appears twice",
        ),
        (
            |r| r.people[1].unlockers[0] = r.people[0].login_keys[0].clone() + " x",
            "key appears twice",
        ),
        (
            |r| r.people[1].id = "vault".parse().unwrap(),
            "no person may have the id vault",
        ),
        (|r| r.people[7].roles = vec![Role::Operator], "two auditors"),
        (
            |r| {
                r.people[6..8]
                    .iter_mut()
                    .for_each(|p| p.roles.push(Role::Responder))
            },
            "neither custodian",
        ),
        (
            |r| r.people[5].roles = vec![Role::Operator],
            "at least one responder",
        ),
        (|r| r.people[0].login_keys.clear(), "Ada has no login key"),
        (
            |r| r.people[0].unlockers.truncate(1),
            "Ada has fewer than two unlockers",
        ),
        (
            |r| r.people[0].login_keys[0] = "ecdsa-sha2-nistp384 AAAA".into(),
            "a login key must be",
        ),
        (
            |r| r.people[0].login_keys[0] = "passkey vault.example/AAAA".into(),
            "a passkey reads",
        ),
        (
            |r| {
                // One key under two credential ids is one key.
                r.people[0].login_keys[0] = "passkey vault.example/AAAA/KEY".into();
                r.people[1].login_keys[0] = "passkey vault.example/BBBB/KEY".into();
            },
            "passkey appears twice",
        ),
        (
            |r| r.people[0].login_keys[0] = "AGE-SECRET".into(),
            "a login key must be",
        ),
        (
            |r| r.people[0].unlockers[0] = "age1yubikey1qq".into(),
            "start a plugin",
        ),
        (
            |r| r.people[0].unlockers[0] = "sk-ssh-ed25519@openssh.com A".into(),
            "login key only",
        ),
        (
            |r| r.people[0].unlockers[0] = "ecdsa-sha2-nistp256 A".into(),
            "login key only",
        ),
        (
            |r| r.people[0].unlockers[0] = "AGE-SECRET-KEY".into(),
            "an unlocker must be",
        ),
        (
            |r| r.people[0].contacts.mail = "ada\r\n@x".into(),
            "control characters",
        ),
        (|r| r.people[0].contacts.mail = "nowhere".into(), "mail"),
        (|r| r.people[0].name = " ".into(), "empty"),
        (
            |r| r.auditor_recipients[0] = "nonsense".into(),
            "auditor_recipients",
        ),
    ];
    for (change, sentence) in cases {
        let said = broken(change);
        assert!(
            said.contains(sentence),
            "{said:?} does not say {sentence:?}"
        );
    }
}

#[test]
fn every_kind_of_key_of_the_protocol_is_taken() {
    let mut roster = roster();
    for kind in [
        "ssh-rsa",
        "ecdsa-sha2-nistp256",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
    ] {
        roster.people[0].login_keys.push(format!("{kind} AAAAkey"));
    }
    roster.people[0].unlockers = vec!["ssh-rsa AAAAopens".into(), "age1tag1qqhardware".into()];
    roster.check().unwrap();
}

#[test]
fn no_error_of_the_roster_prints_a_key() {
    let said = broken(|r| r.people[1].login_keys = r.people[0].login_keys.clone());
    assert!(!said.contains("AAAA"), "{said}");
}

#[test]
fn a_waiver_lets_one_unlocker_do() {
    let mut roster = roster();
    roster.people[0].unlockers.truncate(1);
    roster.people[0].single_unlocker = Some(true);
    roster.check().unwrap();
    roster.people[0].unlockers.clear();
    assert!(roster.check().is_err());
}

#[test]
fn people_are_found_by_id_name_index_and_key() {
    let roster = roster();
    let cleo: PersonId = "cleo".parse().unwrap();
    assert_eq!(roster.index_of(&cleo), Some(3));
    assert_eq!(roster.holder(3).unwrap().id, cleo);
    assert_eq!(roster.find("CLEO").unwrap().id, cleo);
    assert_eq!(
        roster
            .owner_of_key("ssh-ed25519 AAAALogincleo laptop")
            .unwrap()
            .id,
        cleo
    );
    assert!(roster.holder(0).is_none() && roster.holder(6).is_none());
    assert_eq!(roster.mails_of(&[Role::Auditor]).len(), 2);
}

const FILE: &str = r#"
vault = "prod-eu"
k = 2
[[people]]
name = "Ada"
roles = ["custodian"]
contacts = { mail = "ada@example.org" }
login_keys = ["ssh-ed25519 AAAAa ada@laptop"]
unlockers = ["ssh-ed25519 AAAAb ada@laptop", "age1qqa"]
[[people]]
id = "ben-7"
name = "Ben"
roles = ["custodian", "responder"]
contacts = { mail = "ben@example.org" }
login_keys = ["ssh-ed25519 AAAAc"]
unlockers = ["age1qqb"]
single_unlocker = true
[[people]]
name = "Vera"
roles = ["auditor"]
contacts = { mail = "vera@example.org" }
login_keys = ["ssh-ed25519 AAAAd"]
[[people]]
name = "Tess"
roles = ["auditor"]
contacts = { mail = "tess@example.org" }
login_keys = ["ssh-ed25519 AAAAe"]
"#;

#[test]
fn a_roster_file_becomes_roster_1_with_derived_ids_and_n() {
    let file = RosterFile::parse(FILE).unwrap();
    assert_eq!(file.waivers(), ["Ben"]);
    let mut derive = |p: &PersonEntry| p.name.to_lowercase().parse().unwrap();
    let roster = file.into_roster(&mut derive).unwrap();
    let ids: Vec<_> = roster.people.iter().map(|p| p.id.as_str()).collect();
    assert_eq!(ids, ["ada", "ben-7", "vera", "tess"]);
    assert_eq!((roster.seq, roster.k, roster.n), (1, 2, 2));
    assert_eq!(roster.people[0].login_keys, ["ssh-ed25519 AAAAa"]);
    assert_eq!(roster.people[0].time_zone, "UTC");
}

#[test]
fn a_roster_file_with_an_unknown_key_or_too_few_custodians_is_refused() {
    let mut derive = |p: &PersonEntry| p.name.to_lowercase().parse().unwrap();
    let unknown = format!("colour = \"red\"\n{FILE}");
    assert!(matches!(
        RosterFile::parse(&unknown),
        Err(RosterFileError::Syntax(_))
    ));
    let n = FILE.replace("k = 2", "k = 2\nn = 5");
    assert!(
        RosterFile::parse(&n).is_err(),
        "n is derived, never written"
    );
    let few = RosterFile::parse(&FILE.replace("k = 2", "k = 3")).unwrap();
    let said = few.into_roster(&mut derive).unwrap_err().to_string();
    assert!(
        said.contains("2 custodians cannot reach a threshold of k = 3"),
        "{said}"
    );
}
