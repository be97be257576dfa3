//! A tiny export in memory: one roster, one opening, one claim.

use std::collections::BTreeMap;
use std::io::{self, Read};

use serde_json::json;

use super::*;
use crate::audit::entry::{Draft, stamp};
use crate::domain::VERSION;
use crate::domain::act::{Opening, Seen};
use crate::domain::canonical;
use crate::domain::ids::{Digest, IncidentId};
use crate::domain::log_epoch::LogEpoch;
use crate::domain::roster::{Role, Roster};
use crate::domain::terms::{Purpose, Target};
use crate::domain::time::Timestamp;
use crate::sealed::loaded_key::LoadedKey;
use crate::sealed::versions::tests::person;

#[derive(Default)]
struct Files(BTreeMap<String, Vec<u8>>);

impl ExportSource for Files {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.get(path).cloned())
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let start = format!("{folder}/");
        let names = self.0.keys().filter_map(|path| path.strip_prefix(&start));
        Ok(names.map(str::to_owned).collect())
    }

    fn open(&self, path: &str) -> io::Result<Option<Box<dyn Read + Send + '_>>> {
        let bytes = self.0.get(path);
        Ok(bytes.map(|bytes| Box::new(bytes.as_slice()) as Box<dyn Read + Send>))
    }
}

impl Files {
    fn add_act(&mut self, signer: &LoadedKey, person: &str, deed: Deed) -> String {
        let act = Act {
            v: VERSION.into(),
            vault: "prod-eu".parse().unwrap(),
            incident: Some(IncidentId::numbered(1)),
            terms_sha256: None,
            person: person.parse().unwrap(),
            key: signer.public().text().to_owned(),
            at_ms: Timestamp(1),
            cp: Seen {
                origin: "o".into(),
                size: 1,
                root: "r".into(),
            },
            deed,
        };
        let document = act.bytes().unwrap();
        let signature = signer.sign(&act.namespace(), &document).unwrap();
        let stem = format!("acts/{}", Digest::of(&document));
        self.0.insert(format!("{stem}.json"), document);
        self.0.insert(format!("{stem}.sig"), signature.into_bytes());
        stem
    }
}

/// Everybody besides rio, with her role.
const OTHERS: [(&str, Role); 6] = [
    ("ada", Role::Custodian),
    ("ben", Role::Custodian),
    ("cleo", Role::Custodian),
    ("vera", Role::Auditor),
    ("tess", Role::Auditor),
    ("otto", Role::Operator),
];

fn roster(key: &LoadedKey) -> Roster {
    roster_of(key, &BTreeMap::new())
}

/// Rio's key, and those of whoever signs; the others have keys that nobody keeps.
fn roster_of(rio: &LoadedKey, kept: &BTreeMap<&str, LoadedKey>) -> Roster {
    let others = OTHERS.iter().map(|(id, role)| match kept.get(id) {
        Some(key) => person(id, *role, key),
        None => person(id, *role, &LoadedKey::generate_ed25519(id).unwrap()),
    });
    let mut people = vec![person("rio", Role::Responder, rio)];
    people.extend(others);
    Roster {
        v: VERSION.into(),
        vault: "prod-eu".parse().unwrap(),
        seq: 1,
        prev_sha256: None,
        k: 2,
        n: 3,
        people,
        auditor_recipients: vec![],
    }
}

fn opening(claim: &LoadedKey) -> Deed {
    Deed::Open(Box::new(Opening {
        purpose: Purpose::Incident,
        use_case: "outage".into(),
        answers: BTreeMap::new(),
        reason: "why".into(),
        ticket: String::new(),
        target: Target::default(),
        scope: vec![],
        grants_to: vec![],
        max_minutes: 1,
        claim_key: Some(claim.public().text().to_owned()),
        displaces: None,
        continues: None,
        client_nonce: "00".into(),
    }))
}

/// The export, rio's key and the claim key.
fn export() -> (Files, LoadedKey, LoadedKey) {
    let rio = LoadedKey::generate_ed25519("rio").unwrap();
    let claim = LoadedKey::generate_ed25519("claim").unwrap();
    let mut files = Files::default();
    files.begin(&roster(&rio));
    let opened = files.add_act(&rio, "rio", opening(&claim));
    let opened = opened.strip_prefix("acts/").unwrap();
    let members = json!({"inc": "INC-1", "request_sha256": opened});
    files.entry("incident.opened", 1, &members);
    files.add_act(&claim, "rio", Deed::Claim {});
    (files, rio, claim)
}

impl Files {
    /// `log.genesis` with roster 1 and policy 1.
    fn begin(&mut self, roster: &Roster) {
        let rule = |name: &str| crate::domain::policy::ChannelRule {
            name: name.into(),
            kind: "smtp".into(),
            destination: "relay.example".into(),
        };
        let rules = vec![rule("mail"), rule("hook")];
        let policy = crate::domain::policy::Policy::built_in(roster.vault.clone(), rules);
        let members = json!({
            "roster_sha256": self.put("roster", &canonical::to_bytes(roster).unwrap()),
            "policy_sha256": self.put("policy", &canonical::to_bytes(&policy).unwrap()),
        });
        self.entry("log.genesis", 0, &members);
    }

    fn put(&mut self, folder: &str, bytes: &[u8]) -> String {
        let sha256 = Digest::of(bytes).hex();
        let path = format!("{folder}/{sha256}.json");
        self.0.insert(path, bytes.to_vec());
        sha256
    }

    fn entry(&mut self, kind: &str, seq: u64, members: &serde_json::Value) {
        let draft = Draft {
            kind: kind.into(),
            members: members.as_object().unwrap().clone(),
        };
        let mut line = stamp(&draft, seq, 1, "n1", "00c0ffee").unwrap();
        line.push(b'\n');
        let entries = self.0.entry("entries.ndjson".into()).or_default();
        entries.extend_from_slice(&line);
    }
}

/// An export whose second roster lowers k and bears these signatures; who did not sign her own
/// name is left out of the entry.
fn changed(signers: &[&str], named: usize) -> ActsReport {
    let rio = LoadedKey::generate_ed25519("rio").unwrap();
    let kept: BTreeMap<&str, LoadedKey> = ["ada", "ben", "vera", "otto"]
        .into_iter()
        .map(|id| (id, LoadedKey::generate_ed25519(id).unwrap()))
        .collect();
    let before = roster_of(&rio, &kept);
    let mut files = Files::default();
    files.begin(&before);
    let after = Roster {
        seq: 2,
        prev_sha256: Some(before.sha256().unwrap()),
        k: 3,
        ..before
    };
    let sha256 = files.put("roster", &canonical::to_bytes(&after).unwrap());
    let deed = || Deed::Roster {
        roster_sha256: sha256.parse().unwrap(),
    };
    let stems: Vec<String> = signers
        .iter()
        .map(|id| files.add_act(&kept[id], id, deed()))
        .collect();
    let acts: Vec<&str> = stems
        .iter()
        .take(named)
        .filter_map(|stem| stem.strip_prefix("acts/"))
        .collect();
    let members = json!({"roster_sha256": sha256, "acts": acts});
    files.entry("roster.changed", 1, &members);
    check(&files)
}

#[test]
fn a_roster_that_k_custodians_signed_stands() {
    let report = changed(&["ada", "ben"], 2);
    assert_eq!(report.outcome, Outcome::Passed, "{report:?}");
}

#[test]
fn a_roster_that_too_few_of_the_right_people_signed_fails_with_its_entry() {
    let too_few = [
        (vec![], 0),
        (vec!["ada"], 1),
        // Two signed, the entry names one: what the log does not name does not count.
        (vec!["ada", "ben"], 1),
        (vec!["ada", "otto"], 2),
        (vec!["vera", "otto"], 2),
    ];
    for (signers, named) in too_few {
        let report = changed(&signers, named);
        assert_eq!(report.outcome, Outcome::Failed, "{signers:?} {named}");
        let reason = report.reason.unwrap();
        assert!(
            reason.starts_with("entry 1: this roster does not stand: it needs 2 custodians"),
            "{reason}"
        );
    }
}

/// An export that goes on as its second epoch, declared under `named` and signed by people of
/// that roster; ada and ben are custodians, otto its operator.
fn goes_on(named: fn(&Roster) -> Roster) -> ActsReport {
    let rio = LoadedKey::generate_ed25519("rio").unwrap();
    let kept: BTreeMap<&str, LoadedKey> = ["ada", "ben", "otto"]
        .into_iter()
        .map(|id| (id, LoadedKey::generate_ed25519(id).unwrap()))
        .collect();
    let genuine = roster_of(&rio, &kept);
    let mut files = Files::default();
    files.begin(&genuine);
    let mut declares = named(&genuine);
    for person in &mut declares.people {
        if let Some(key) = kept.get(person.id.as_str()) {
            person.login_keys = vec![key.public().text().to_owned()];
        }
    }
    let roster_sha256 = files.put("roster", &canonical::to_bytes(&declares).unwrap());
    let policy = files
        .0
        .keys()
        .find_map(|path| path.strip_prefix("policy/"))
        .unwrap();
    let policy_sha256 = policy.trim_end_matches(".json").parse().unwrap();
    let declared = LogEpoch {
        epoch: 2,
        origin: "o/e2".into(),
        vkey: "o/e2+1+k".into(),
        prev_origin: "o/e1".into(),
        prev_vkey: "o/e1+1+k".into(),
        prev_size: 1,
        prev_root: String::new(),
        why: "restored".into(),
        custody_epoch: 1,
        newest_epoch: 1,
        manifest_sha256: Digest::of(b"manifest"),
        roster_sha256: roster_sha256.parse().unwrap(),
        policy_sha256,
    };
    let acts: Vec<Digest> = ["ada", "ben", "otto"]
        .into_iter()
        .map(|id| {
            let deed = Deed::Epoch(Box::new(declared.clone()));
            let stem = files.add_act(&kept[id], id, deed);
            stem.strip_prefix("acts/").unwrap().parse().unwrap()
        })
        .collect();
    let members = serde_json::Value::Object(declared.members(&acts));
    files.entry("log.epoch", 1, &members);
    check(&files)
}

#[test]
fn a_log_epoch_stands_on_signatures_of_the_roster_in_force() {
    let report = goes_on(Roster::clone);
    assert_eq!(report.outcome, Outcome::Passed, "{report:?}");
}

#[test]
fn a_log_epoch_that_brings_its_own_roster_along_fails() {
    let report = goes_on(|genuine| Roster {
        seq: 9,
        ..genuine.clone()
    });
    assert_eq!(report.outcome, Outcome::Failed);
    let reason = report.reason.unwrap();
    assert!(
        reason.contains("another roster than the one in force"),
        "{reason}"
    );
}

#[test]
fn a_version_whose_act_is_not_in_the_export_fails() {
    let (mut files, ..) = export();
    let nobody = Digest::of(b"nothing").hex();
    let members = json!({"roster_sha256": nobody, "acts": [nobody]});
    files.entry("roster.changed", 2, &members);
    assert!(check(&files).reason.unwrap().starts_with("entry 2: acts/"));
}

#[test]
fn an_opening_by_her_key_and_a_claim_by_its_claim_key_hold() {
    let (files, ..) = export();
    let report = check(&files);
    assert_eq!(
        (report.outcome, report.checked),
        (Outcome::Passed, 2),
        "{report:?}"
    );
}

#[test]
fn an_act_by_a_stranger_s_key_fails_even_with_a_roster_of_her_own() {
    let (mut files, ..) = export();
    let eve = LoadedKey::generate_ed25519("eve").unwrap();
    let own = canonical::to_bytes(&roster(&eve)).unwrap();
    files
        .0
        .insert(format!("roster/{}.json", Digest::of(&own)), own);
    let stem = files.add_act(&eve, "rio", Deed::Close {});
    let report = check(&files);
    assert_eq!(report.outcome, Outcome::Failed);
    assert!(report.reason.unwrap().contains(&stem));
}

#[test]
fn a_claim_with_a_login_key_fails() {
    let (mut files, rio, _) = export();
    files.add_act(&rio, "rio", Deed::Claim {});
    assert_eq!(check(&files).outcome, Outcome::Failed);
}

#[test]
fn a_signature_for_another_act_or_none_at_all_fails() {
    let (mut files, rio, _) = export();
    let one = files.add_act(&rio, "rio", Deed::Close {});
    let two = files.add_act(&rio, "rio", Deed::Withdraw {});
    let other = files.0[&format!("{two}.sig")].clone();
    files.0.insert(format!("{one}.sig"), other);
    assert!(check(&files).reason.unwrap().contains(&one));
    files.0.remove(&format!("{one}.sig"));
    assert!(check(&files).reason.unwrap().contains("missing"));
}

#[test]
fn an_export_without_acts_says_that_the_level_did_not_run() {
    assert_eq!(check(&Files::default()).outcome, Outcome::NotRun);
}

#[test]
fn a_claim_with_the_key_of_another_incident_s_opening_fails() {
    let (mut files, _, claim) = export();
    let entries = files.0.get_mut("entries.ndjson").unwrap();
    let text = String::from_utf8(entries.clone()).unwrap();
    *entries = text.replace("INC-1", "INC-2").into_bytes();
    let report = check(&files);
    assert_eq!(report.outcome, Outcome::Failed, "{report:?} {claim:?}");
}

/// Rio left with roster 2; what the log names before still stands, what it names later does not.
#[test]
fn an_act_by_who_had_left_where_the_log_names_it_fails() {
    for (named_at, outcome) in [(1, Outcome::Passed), (2, Outcome::Failed)] {
        let rio = LoadedKey::generate_ed25519("rio").unwrap();
        let kept: BTreeMap<&str, LoadedKey> = ["ada", "ben"]
            .into_iter()
            .map(|id| (id, LoadedKey::generate_ed25519(id).unwrap()))
            .collect();
        let before = roster_of(&rio, &kept);
        let mut files = Files::default();
        files.begin(&before);
        let mut after = Roster {
            seq: 2,
            prev_sha256: Some(before.sha256().unwrap()),
            ..before
        };
        let other = LoadedKey::generate_ed25519("rio").unwrap();
        for person in after.people.iter_mut().filter(|p| p.id.as_str() == "rio") {
            *person = self::person("rio", Role::Responder, &other);
        }
        let sha256 = files.put("roster", &canonical::to_bytes(&after).unwrap());
        let deed = || Deed::Roster {
            roster_sha256: sha256.parse().unwrap(),
        };
        let stems = ["ada", "ben"].map(|id| files.add_act(&kept[id], id, deed()));
        let acts = stems.iter().map(|stem| &stem["acts/".len()..]);
        let changed = json!({"roster_sha256": sha256, "acts": acts.collect::<Vec<_>>()});
        let stopped = files.add_act(&rio, "rio", Deed::Stop { reason: "x".into() });
        let stopped = json!({"act_sha256": stopped["acts/".len()..]});
        let kinds = [("session.stopped", &stopped), ("roster.changed", &changed)];
        let order = if named_at == 1 { [0, 1] } else { [1, 0] };
        for (seq, at) in (1..).zip(order) {
            files.entry(kinds[at].0, seq, kinds[at].1);
        }
        let report = check(&files);
        assert_eq!(report.outcome, outcome, "named at {named_at}: {report:?}");
    }
}
