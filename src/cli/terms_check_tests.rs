//! Honest terms pass; each forged or stale part is refused by the check that is about it.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::api::{SignedDocument, VaultView};
use crate::audit::entry::{Draft, parse_entry, stamp};
use crate::domain::act::Opening;
use crate::domain::act::Seen;
use crate::domain::policy::{DelayWhen, OfficeHours, Policy, UseCase};
use crate::domain::roster::{Contacts, Person, Role, Roster};
use crate::domain::terms::{Gate, Target};
use crate::sealed::loaded_key::LoadedKey;
use crate::sealed::versions::Versions;

/// A vault in which rio has just opened INC-7.
pub(in crate::cli) struct Scene {
    rio: LoadedKey,
    pub(in crate::cli) documents: Documents,
    opening: Opening,
    pub(in crate::cli) terms: Terms,
    signed_by: &'static str,
}

fn person(id: &str, role: Role, key: String) -> Person {
    Person {
        id: id.parse().unwrap(),
        name: id.to_owned(),
        roles: vec![role],
        time_zone: "UTC".into(),
        contacts: Contacts {
            mail: format!("{id}@example.org"),
            pager: None,
        },
        login_keys: vec![key],
        unlockers: vec![],
        single_unlocker: None,
        paper: None,
    }
}

fn policy() -> Policy {
    Policy {
        v: VERSION.into(),
        vault: "prod-eu".parse().unwrap(),
        seq: 1,
        prev_sha256: None,
        tree: vec![],
        use_cases: vec![UseCase {
            id: "outage".into(),
            title: "Outage".into(),
            max_minutes: 60,
            scope: vec!["ws:read".into()],
            delay_minutes: 0,
            delay_when: None,
            co_approver: None,
        }],
        office_hours: OfficeHours {
            from_hour: 8,
            to_hour: 18,
            days: vec![1],
        },
        channels: vec![],
        review_questions: vec![],
        review_due_hours: 72,
        access_details: None,
        browser_unlockers: None,
    }
}

fn documents(rio: &LoadedKey) -> Documents {
    let roster = Roster {
        v: VERSION.into(),
        vault: "prod-eu".parse().unwrap(),
        seq: 1,
        prev_sha256: None,
        k: 2,
        n: 3,
        people: vec![
            person("ada", Role::Custodian, "ssh-ed25519 AAAA".into()),
            person("rio", Role::Responder, rio.public().text().to_owned()),
        ],
        auditor_recipients: vec![],
    };
    let policy = policy();
    let (roster_sha256, policy_sha256) = (roster.sha256().unwrap(), policy.sha256().unwrap());
    let manifest = Manifest {
        v: VERSION.into(),
        vault: roster.vault.clone(),
        kind: Kind::Live,
        epoch: 4,
        k: 2,
        n: 3,
        recipient: "age1x".into(),
        roster_sha256,
        policy_sha256,
        log_vkey: "vkey".into(),
        possession_keys: vec!["00".repeat(32); 3],
    };
    let view = VaultView {
        vault: "prod-eu".into(),
        origin: "o".into(),
        log_vkey: "vkey".into(),
        roster: json!({}),
        roster_sha256: String::new(),
        policy: json!({}),
        policy_sha256: String::new(),
        manifest: json!({}),
        manifest_sha256: String::new(),
        epoch: 4,
        epoch_ready: true,
        proved: vec![],
        proofs_needed: 3,
        rotation_owed_since_ms: None,
        versions: vec![],
        locked_out: vec![],
        epoch_owed: None,
        backup_at_ms: None,
        backup_epoch: None,
        drills: Vec::new(),
        log_epochs: Vec::new(),
        dealt_later: None,
        version: "0".into(),
        custodian_page_sha256: String::new(),
    };
    Documents {
        versions: Versions::genesis(roster.clone(), policy.clone()).unwrap(),
        manifest_sha256: manifest.sha256().unwrap(),
        roster,
        roster_sha256,
        policy,
        policy_sha256,
        manifest,
        log_vkeys: vec!["vkey".into()],
        head: Checkpoint {
            origin: "o".into(),
            size: 9,
            root: [0; 32],
        },
        view,
    }
}

impl Scene {
    pub(in crate::cli) fn new() -> Self {
        let rio = LoadedKey::generate_ed25519("rio").unwrap();
        let documents = documents(&rio);
        let opening = Opening {
            purpose: Purpose::Incident,
            use_case: "outage".into(),
            answers: BTreeMap::from([("down".to_owned(), true)]),
            reason: "IdP change".into(),
            ticket: "OPS-1".into(),
            target: Target {
                account: false,
                workspace: Some("12".into()),
            },
            scope: vec![],
            grants_to: vec![],
            max_minutes: 60,
            claim_key: Some("ssh-ed25519 CLAIM".into()),
            displaces: None,
            continues: None,
            client_nonce: "00".repeat(16),
        };
        let terms = Terms {
            v: VERSION.into(),
            purpose: Purpose::Incident,
            kind: Kind::Live,
            incident: IncidentId::numbered(7),
            vault: documents.roster.vault.clone(),
            epoch: 4,
            k: 2,
            n: 3,
            needed: 2,
            gates: vec![],
            recipient: "age1x".into(),
            requester: Requester::Person("rio".parse().unwrap()),
            request_sha256: None,
            claim_key: opening.claim_key.clone(),
            use_case: opening.use_case.clone(),
            answers: opening.answers.clone(),
            reason: opening.reason.clone(),
            ticket: opening.ticket.clone(),
            target: opening.target.clone(),
            scope: vec!["ws:read".into()],
            grants_to: vec![],
            max_minutes: 60,
            not_before_ms: Timestamp(1),
            continues: None,
            displaces: None,
            roster_sha256: documents.roster_sha256,
            manifest_sha256: documents.manifest_sha256,
            policy_sha256: documents.policy_sha256,
            asked_ms: Timestamp(1_000),
            expires_ms: Timestamp(2_000),
            nonce: "11".repeat(32),
            session_secret: None,
        };
        Self {
            rio,
            documents,
            opening,
            terms,
            signed_by: "rio",
        }
    }

    fn signed(&self) -> SignedDocument {
        let act = Act {
            v: VERSION.into(),
            vault: self.documents.roster.vault.clone(),
            incident: None,
            terms_sha256: None,
            person: self.signed_by.parse().unwrap(),
            key: self.rio.public().text().to_owned(),
            at_ms: Timestamp(900),
            cp: Seen {
                origin: "o".into(),
                size: 1,
                root: "r".into(),
            },
            deed: Deed::Open(Box::new(self.opening.clone())),
        };
        let document = act.bytes().unwrap();
        let signature = self.rio.sign("breakglass-open", &document).unwrap();
        SignedDocument {
            document: String::from_utf8(document).unwrap(),
            signature,
        }
    }

    /// The vault's honest answer about these terms.
    pub(in crate::cli) fn view(&mut self) -> IncidentView {
        let request = self.signed();
        if self.terms.requester != Requester::Vault {
            self.terms.request_sha256 = Some(Digest::of(request.document.as_bytes()));
        }
        let by_person = self.terms.requester != Requester::Vault;
        IncidentView {
            id: "INC-7".into(),
            purpose: "incident".into(),
            phase: "collecting".into(),
            version: 1,
            requester: "rio".into(),
            requester_name: "Rio".into(),
            terms: serde_json::to_value(&self.terms).unwrap(),
            terms_sha256: self.terms.sha256().unwrap().hex(),
            request: by_person.then_some(request),
            terms_seq: 5,
            shares_in: 0,
            needed: 2,
            custodians: vec![],
            alert_confirmed: true,
            session: None,
            close_cause: None,
            rotation: None,
            old_secret_refused: false,
            rotation_owed: false,
            fully_safe_at_ms: None,
            review_due_ms: None,
            waits_for: None,
            asked: Default::default(),
        }
    }

    fn check_with(&mut self, forge: impl FnOnce(&mut IncidentView)) -> Result<(), CliError> {
        let mut view = self.view();
        let entry = entry("incident.opened", "INC-7", &view.terms_sha256);
        forge(&mut view);
        self.check_entry(&view, &entry)
    }

    fn check_entry(&self, view: &IncidentView, entry: &Entry) -> Result<(), CliError> {
        let facts = Facts {
            id: &IncidentId::numbered(7),
            view,
            documents: &self.documents,
            manifest: &self.documents.manifest,
            entry,
        };
        facts.check(&self.terms).map(|_| ())
    }

    fn check(&mut self) -> Result<(), CliError> {
        self.check_with(|_| {})
    }
}

fn entry(kind: &str, incident: &str, terms_sha256: &str) -> Entry {
    let members = json!({"inc": incident, "terms_sha256": terms_sha256});
    let draft = Draft {
        kind: kind.into(),
        members: members.as_object().unwrap().clone(),
    };
    parse_entry(&stamp(&draft, 5, 1_000, "n1", "00c0ffee").unwrap()).unwrap()
}

#[test]
fn honest_terms_pass() {
    Scene::new().check().unwrap();
}

#[test]
fn terms_that_the_log_does_not_name_are_exit_8() {
    let mut scene = Scene::new();
    let view = scene.view();
    let sha256 = view.terms_sha256.clone();
    for wrong in [
        entry("incident.opened", "INC-8", &sha256),
        entry("incident.opened", "INC-7", &Digest::of(b"other").hex()),
        entry("note", "INC-7", &sha256),
    ] {
        let error = scene.check_entry(&view, &wrong).unwrap_err();
        assert_eq!(error.exit, Exit::LOG_BROKEN, "{error}");
    }
    scene
        .check_entry(&view, &entry("incident.asked_again", "INC-7", &sha256))
        .unwrap();
}

#[test]
fn every_member_of_the_opening_must_stand_in_the_terms() {
    type Forge = fn(&mut Terms);
    let forgeries: [(&str, Forge); 10] = [
        ("displaced", |t| t.displaces = Some(IncidentId::numbered(3))),
        ("continued", |t| t.continues = Some(IncidentId::numbered(3))),
        ("reason", |t| t.reason = "other".into()),
        ("ticket", |t| t.ticket = "OPS-2".into()),
        ("target", |t| t.target.account = true),
        ("scope", |t| t.scope = vec!["ws:destroy".into()]),
        ("minutes", |t| t.max_minutes = 240),
        ("claim key", |t| {
            t.claim_key = Some("ssh-ed25519 EVE".into())
        }),
        ("grants", |t| t.grants_to = vec!["ada".parse().unwrap()]),
        ("answers", |t| t.answers = BTreeMap::new()),
    ];
    for (what, forge) in forgeries {
        let mut scene = Scene::new();
        forge(&mut scene.terms);
        let error = scene.check().unwrap_err();
        assert_eq!(error.exit, Exit::REFUSED);
        assert!(error.message.contains(what), "{what}: {error}");
    }
}

#[test]
fn terms_of_another_roster_policy_manifest_or_epoch_are_refused() {
    type Forge = fn(&mut Terms);
    let other = Digest::of(b"other");
    assert_ne!(Scene::new().terms.roster_sha256, other);
    let forgeries: [(&str, Forge); 6] = [
        ("roster", |t| t.roster_sha256 = Digest::of(b"other")),
        ("policy", |t| t.policy_sha256 = Digest::of(b"other")),
        ("manifest", |t| t.manifest_sha256 = Digest::of(b"other")),
        ("epoch", |t| t.epoch = 3),
        ("threshold", |t| t.k = 1),
        ("number of approvals", |t| t.needed = 1),
    ];
    for (what, forge) in forgeries {
        let mut scene = Scene::new();
        forge(&mut scene.terms);
        let error = scene.check().unwrap_err();
        assert!(error.message.contains(what), "{what}: {error}");
    }
}

#[test]
fn an_opening_by_a_custodian_or_with_another_signature_is_refused() {
    let mut scene = Scene::new();
    scene.documents.roster.people[1].roles = vec![Role::Auditor];
    assert!(scene.check().unwrap_err().message.contains("responder"));
    let mut scene = Scene::new();
    scene.signed_by = "ada";
    assert!(scene.check().unwrap_err().message.contains("responder"));
    let mut scene = Scene::new();
    let error = scene.check_with(|view| {
        let other = LoadedKey::generate_ed25519("eve").unwrap();
        let request = view.request.as_mut().unwrap();
        request.signature = other
            .sign("breakglass-open", request.document.as_bytes())
            .unwrap();
    });
    assert!(error.unwrap_err().message.contains("signature"));
    let error = Scene::new().check_with(|view| view.request = None);
    assert_eq!(error.unwrap_err().exit, Exit::REFUSED);
}

#[test]
fn a_delay_that_always_applies_cannot_be_cut_short_and_what_else_is_asked_is_said() {
    let mut scene = Scene::new();
    let mandate = &mut scene.documents.policy.use_cases[0];
    (mandate.delay_minutes, mandate.delay_when) = (1_440, Some(DelayWhen::Always));
    mandate.co_approver = Some(Role::Auditor);
    assert!(scene.check().unwrap_err().message.contains("delay"));
    scene.terms.not_before_ms = Timestamp(900 + 1_440 * 60_000);
    scene.check().unwrap();
    scene.terms.displaces = Some(IncidentId::numbered(3));
    scene.terms.gates = vec![Gate::ReviewOverdue];
    let said = remarks(&scene.terms, None, &scene.documents.policy).join("\n");
    for wanted in ["displaces INC-3", "One auditor", "security must override"] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
}

#[test]
fn a_live_share_never_serves_a_drill() {
    let mut scene = Scene::new();
    (scene.opening.purpose, scene.terms.purpose) = (Purpose::Drill, Purpose::Drill);
    assert!(scene.check().unwrap_err().message.contains("live shares"));
}

#[test]
fn the_vault_itself_may_ask_for_a_rotation_and_for_nothing_else() {
    let mut scene = Scene::new();
    scene.terms.requester = Requester::Vault;
    assert_eq!(scene.check().unwrap_err().exit, Exit::REFUSED);
    let mut scene = Scene::new();
    scene.terms.requester = Requester::Vault;
    scene.terms.purpose = Purpose::Rotate;
    assert!(scene.check().unwrap_err().message.contains("session"));
    let terms = &mut scene.terms;
    (terms.scope, terms.max_minutes, terms.claim_key) = (vec![], 0, None);
    scene.check().unwrap();
}

#[test]
fn a_rotation_inside_a_closing_incident_keeps_its_opening_and_does_not_lapse() {
    let mut scene = Scene::new();
    let terms = &mut scene.terms;
    terms.purpose = Purpose::Rotate;
    (terms.scope, terms.max_minutes, terms.claim_key) = (vec![], 0, None);
    scene.check().unwrap();
    let request = Act::parse(scene.signed().document.as_bytes()).unwrap();
    expired(&scene.terms, Some(&request), Timestamp(i64::MAX)).unwrap();
}

#[test]
fn lapsed_terms_are_exit_4() {
    let scene = Scene::new();
    assert!(expired(&scene.terms, None, Timestamp(1_999)).is_ok());
    let error = expired(&scene.terms, None, Timestamp(2_000)).unwrap_err();
    assert_eq!(error.exit, Exit::TIMED_OUT);
}

#[test]
fn terms_and_hash_must_belong_together_even_for_a_stop() {
    let mut scene = Scene::new();
    let mut view = scene.view();
    assert!(terms_hash(&view, &IncidentId::numbered(7)).is_ok());
    assert!(terms_hash(&view, &IncidentId::numbered(8)).is_err());
    view.terms["reason"] = json!("other");
    assert_eq!(
        terms_hash(&view, &IncidentId::numbered(7))
            .unwrap_err()
            .exit,
        Exit::LOG_BROKEN
    );
}
