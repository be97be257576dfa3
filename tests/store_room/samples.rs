//! Samples of rows, and short ways to write them.

use std::collections::{BTreeMap, BTreeSet};

use breakglass::domain::VERSION;
use breakglass::domain::ids::{Digest, IncidentId, PersonId};
use breakglass::domain::incident::{Gathering, Incident, Phase};
use breakglass::domain::manifest::{Kind, Manifest};
use breakglass::domain::terms::{Purpose, Requester, Target, Terms};
use breakglass::domain::time::Timestamp;
use breakglass::store::change::RowChange;
use breakglass::store::{Commit, CommitError, Conflict, Store};

/// The moment of every sample.
pub const NOW: Timestamp = Timestamp(super::support::START_MS);

/// A person.
pub fn person(name: &str) -> PersonId {
    name.parse().unwrap()
}

/// A hash.
pub fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

/// An incident id.
pub fn inc(number: u32) -> IncidentId {
    IncidentId::numbered(number)
}

/// Commits rows without an entry.
pub async fn save(store: &Store, rows: Vec<RowChange>) -> Result<(), CommitError> {
    store
        .commit(Commit::control(Vec::new(), rows))
        .await
        .map(|_| ())
}

/// The conflict that a row meets.
pub async fn conflict(store: &Store, row: RowChange) -> Conflict {
    match save(store, vec![row]).await {
        Err(CommitError::Conflict(conflict)) => conflict,
        other => panic!("expected a conflict, got {other:?}"),
    }
}

/// Terms of an incident.
pub fn terms(number: u32) -> Terms {
    Terms {
        v: VERSION.to_owned(),
        purpose: Purpose::Incident,
        kind: Kind::Live,
        incident: inc(number),
        vault: "prod-eu".parse().unwrap(),
        epoch: 1,
        k: 3,
        n: 5,
        needed: 3,
        gates: Vec::new(),
        recipient: "age1example".to_owned(),
        requester: Requester::Person(person("rio")),
        request_sha256: Some(digest("request")),
        claim_key: None,
        use_case: "locked-out".to_owned(),
        answers: BTreeMap::new(),
        reason: "nobody can log in".to_owned(),
        ticket: String::new(),
        target: Target {
            account: true,
            workspace: None,
        },
        scope: Vec::new(),
        grants_to: Vec::new(),
        max_minutes: 60,
        not_before_ms: NOW,
        continues: None,
        displaces: None,
        roster_sha256: digest("roster"),
        manifest_sha256: digest("manifest"),
        policy_sha256: digest("policy"),
        asked_ms: NOW,
        expires_ms: NOW.plus_ms(1),
        nonce: "00".repeat(32),
        session_secret: None,
    }
}

/// An incident that collects.
pub fn incident(number: u32) -> Incident {
    let terms = terms(number);
    Incident {
        id: inc(number),
        purpose: Purpose::Incident,
        requester: terms.requester.clone(),
        request_sha256: terms.request_sha256,
        terms_sha256: terms.sha256().unwrap(),
        terms,
        opened_terms_sha256: None,
        restarts: 0,
        refused_by: BTreeSet::new(),
        mismatches: BTreeMap::new(),
        participants: BTreeSet::from([person("rio")]),
        rotation_owed: false,
        co_approver: None,
        end_asked: None,
        tokens_dead_at_ms: None,
        phase: Phase::Collecting(Gathering::default()),
    }
}

/// Its row change.
pub fn save_incident(expected_version: i64, incident: &Incident) -> RowChange {
    RowChange::SaveIncident {
        expected_version,
        incident: Box::new(incident.clone()),
    }
}

/// A live epoch with two shares.
pub fn epoch(number: u32) -> RowChange {
    let manifest = Manifest {
        v: VERSION.to_owned(),
        vault: "prod-eu".parse().unwrap(),
        kind: Kind::Live,
        epoch: number,
        k: 2,
        n: 2,
        recipient: "age1example".to_owned(),
        roster_sha256: digest("roster"),
        policy_sha256: digest("policy"),
        log_vkey: "key".to_owned(),
        possession_keys: vec!["00".repeat(32); 2],
    };
    RowChange::PutEpoch {
        manifest_sha256: manifest.sha256().unwrap(),
        manifest: Box::new(manifest),
        sealed_credential: format!("sealed credential number {number}").into_bytes(),
        secret_id: format!("secret-{number}"),
        secret_expires_at_ms: NOW,
        shares: vec![(1, person("ada"), vec![1]), (2, person("ben"), vec![2])],
        at_ms: NOW,
    }
}
