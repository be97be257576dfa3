//! A tiny export in memory: one roster, one opening, one claim.

use std::collections::BTreeMap;
use std::io::{self, Read};

use serde_json::json;

use super::*;
use crate::audit::entry::{Draft, stamp};
use crate::domain::VERSION;
use crate::domain::act::{Opening, Seen};
use crate::domain::ids::IncidentId;
use crate::domain::roster::{Contacts, Person, Role};
use crate::domain::terms::{Purpose, Target};
use crate::domain::time::Timestamp;
use crate::sealed::loaded_key::LoadedKey;

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

fn roster(key: &LoadedKey) -> Roster {
    Roster {
        v: VERSION.into(),
        vault: "prod-eu".parse().unwrap(),
        seq: 1,
        prev_sha256: None,
        k: 2,
        n: 2,
        people: vec![Person {
            id: "rio".parse().unwrap(),
            name: "Rio".into(),
            roles: vec![Role::Responder],
            time_zone: "UTC".into(),
            contacts: Contacts {
                mail: "rio@example.org".into(),
                pager: None,
            },
            login_keys: vec![key.public().text().to_owned()],
            unlockers: vec![],
            single_unlocker: None,
        }],
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
    let roster = canonical::to_bytes(&roster(&rio)).unwrap();
    let sha256 = Digest::of(&roster).hex();
    files.0.insert(format!("roster/{sha256}.json"), roster);
    let draft = Draft {
        kind: "log.genesis".into(),
        members: json!({"roster_sha256": sha256})
            .as_object()
            .unwrap()
            .clone(),
    };
    let mut line = stamp(&draft, 0, 1, "n1", "00c0ffee").unwrap();
    line.push(b'\n');
    files.0.insert("entries.ndjson".into(), line);
    files.add_act(&rio, "rio", opening(&claim));
    files.add_act(&claim, "rio", Deed::Claim {});
    (files, rio, claim)
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
