//! A vault behind the web door: a store in a temporary folder, people with keys, an epoch whose
//! shares nobody opens here. Databricks is an address where nothing listens.

use std::collections::BTreeMap;
use std::sync::Arc;

use breakglass::api::{Challenge, ChallengeRequest, IncidentView, LoginReply, SignedDocument};
use breakglass::app::clock::MovedClock;
use breakglass::app::genesis::first_commit;
use breakglass::app::{App, Settings};
use breakglass::audit::checkpoint::Checkpoint;
use breakglass::audit::entry::Draft;
use breakglass::audit::note::VerifierKey;
use breakglass::databricks::{Client as Databricks, Config as DatabricksConfig};
use breakglass::domain::VERSION;
use breakglass::domain::act::{Act, Deed, LOGIN_NAMESPACE, Login, Opening, Seen};
use breakglass::domain::canonical;
use breakglass::domain::ids::Digest;
use breakglass::domain::ids::{IncidentId, PersonId, RotationId};
use breakglass::domain::manifest::{Kind, Manifest};
use breakglass::domain::policy::Policy;
use breakglass::domain::roster::{Contacts, Person, Role, Roster};
use breakglass::domain::rotation;
use breakglass::domain::terms::{Purpose, Target};
use breakglass::domain::time::{Clock as _, Timestamp};
use breakglass::listen::{Bound, Hosts, Limits};
use breakglass::sealed::loaded_key::LoadedKey;
use breakglass::store::change::{Document, DocumentKind, RowChange};
use breakglass::store::{Commit, Config, Genesis, LogIdentity, SecretLogSeed, Store};
use breakglass::web;
use reqwest::{Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const ORIGIN: &str = "vault.example/log/test-vault/e1";
const START_MS: i64 = 1_800_000_000_000;
const PEOPLE: [(&str, &[Role]); 8] = [
    ("ada", &[Role::Custodian]),
    ("ben", &[Role::Custodian]),
    ("cleo", &[Role::Custodian]),
    ("rio", &[Role::Responder]),
    ("vera", &[Role::Auditor]),
    ("tess", &[Role::Auditor]),
    ("otto", &[Role::Operator]),
    ("sam", &[Role::Security]),
];

/// A vault that is served.
pub struct Vault {
    /// What it serves.
    pub app: App,
    /// Its clock.
    pub clock: Arc<MovedClock>,
    /// Where: `http://127.0.0.1:port`.
    pub origin: String,
    /// Key of its log.
    pub log_key: VerifierKey,
    keys: BTreeMap<&'static str, LoadedKey>,
    http: reqwest::Client,
    stop: CancellationToken,
    _folder: TempDir,
}

impl Drop for Vault {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Somebody with a login.
pub struct User<'v> {
    vault: &'v Vault,
    /// Who.
    pub name: &'static str,
    /// Her token.
    pub token: String,
}

/// Origin of the custodian's page on another machine.
pub const APART: &str = "https://custodian.example";

impl Vault {
    pub async fn start() -> Self {
        Self::start_with(None).await
    }

    pub async fn start_with(ca_pem: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(MovedClock::at(Timestamp(START_MS)));
        let keys: BTreeMap<_, _> = PEOPLE
            .iter()
            .map(|(id, _)| (*id, LoadedKey::generate_ed25519(id).unwrap()))
            .collect();
        let roster = roster(&keys);
        roster.check().unwrap();
        let log = identity();
        let log_key = log.verifier_key().unwrap();
        let policy = Policy::built_in(roster.vault.clone(), Vec::new());
        let vkey = log_key.to_string();
        let mut first = first_commit(ORIGIN, &vkey, &roster, &policy, &[]).unwrap();
        epoch(&mut first, &roster, &policy, &vkey);
        let config = Config {
            sqlite: Some(folder.path().join("vault.db")),
            postgres_url_file: None,
        };
        let store = Store::create(&config, Genesis { log, first }, clock.clone())
            .await
            .unwrap();
        let settings = Settings {
            vault: roster.vault.clone(),
            origin: ORIGIN.to_owned(),
            log_vkey: vkey,
            console_url: "http://console.localhost".to_owned(),
            proxy_url: None,
            account_proxy_url: None,
            plain_url: None,
            ca_pem,
            watch: breakglass::app::Watch {
                metrics_token_sha256: Some(Digest::of(b"metrics-bearer")),
                ..Default::default()
            },
            custodian_origin: Some(APART.to_owned()),
        };
        let databricks = Databricks::new(&nowhere()).unwrap();
        let app = App::new(store, clock.clone(), databricks, Vec::new(), settings)
            .await
            .unwrap();
        let bound = Bound::bind("127.0.0.1:0".parse().unwrap(), None)
            .await
            .unwrap();
        let origin = format!("http://{}", bound.address());
        // The second name is that of a console behind TLS, for what it tells browsers.
        let secure = web::handler(app.clone(), "https://vault.example");
        let hosts = Hosts::new()
            .with("127.0.0.1", web::handler(app.clone(), &origin))
            .with("vault.example", secure);
        let stop = CancellationToken::new();
        tokio::spawn(bound.serve(hosts, Limits::default(), stop.clone()));
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            app,
            clock,
            origin,
            log_key,
            keys,
            http,
            stop,
            _folder: folder,
        }
    }

    /// A request under the API's root.
    pub fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.origin))
    }

    pub async fn get(&self, path: &str) -> Response {
        self.ask(Method::GET, path).send().await.unwrap()
    }

    pub async fn post(&self, path: &str, body: &impl Serialize) -> Response {
        self.ask(Method::POST, path)
            .json(body)
            .send()
            .await
            .unwrap()
    }

    /// Sends a request and takes its first answer, wherever that points.
    pub async fn ask_once(&self, ask: RequestBuilder) -> Response {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        client.execute(ask.build().unwrap()).await.unwrap()
    }

    pub fn key(&self, name: &str) -> &LoadedKey {
        &self.keys[name]
    }

    /// A login document of this key for this origin, with a fresh challenge.
    pub async fn login_document(&self, key: &LoadedKey, origin: &str) -> SignedDocument {
        let asked = ChallengeRequest {
            key: key.public().text().to_owned(),
        };
        let challenge: Challenge = ok(self.post("/api/v1/login/challenge", &asked).await).await;
        let login = Login {
            origin: origin.to_owned(),
            challenge: challenge.challenge,
            key: key.public().text().to_owned(),
            at_ms: self.clock.now(),
        };
        sign(key, LOGIN_NAMESPACE, &canonical::to_bytes(&login).unwrap())
    }

    pub async fn login(&self, name: &'static str) -> User<'_> {
        let document = self.login_document(self.key(name), &self.origin).await;
        let reply: LoginReply = ok(self.post("/api/v1/login", &document).await).await;
        assert_eq!(reply.person, name);
        User {
            vault: self,
            name,
            token: reply.token,
        }
    }
}

impl User<'_> {
    pub fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.vault.ask(method, path).bearer_auth(&self.token)
    }

    pub async fn get(&self, path: &str) -> Response {
        self.ask(Method::GET, path).send().await.unwrap()
    }

    pub async fn post(&self, path: &str, body: &impl Serialize) -> Response {
        self.ask(Method::POST, path)
            .json(body)
            .send()
            .await
            .unwrap()
    }

    /// An act of hers.
    pub fn act(&self, about: Option<&IncidentView>, deed: Deed) -> SignedDocument {
        let key = self.vault.key(self.name);
        let head = Checkpoint::open(self.vault.app.checkpoint().as_bytes(), &self.vault.log_key);
        let head = head.unwrap();
        let act = Act {
            v: VERSION.to_owned(),
            vault: self.vault.app.settings().vault.clone(),
            incident: about.map(|view| view.id.parse().unwrap()),
            terms_sha256: about.map(|view| view.terms_sha256.parse().unwrap()),
            person: self.name.parse().unwrap(),
            key: key.public().text().to_owned(),
            at_ms: self.vault.clock.now(),
            cp: Seen {
                origin: head.origin,
                size: head.size,
                root: breakglass::audit::checkpoint::format_hash(&head.root),
            },
            deed,
        };
        sign(key, &act.namespace(), &act.bytes().unwrap())
    }

    /// Asks for a rotation: the incident that needs no use case.
    pub async fn open_rotation(&self) -> IncidentView {
        let deed = Deed::Open(Box::new(Opening {
            purpose: Purpose::Rotate,
            use_case: String::new(),
            answers: BTreeMap::new(),
            reason: "the secret may have leaked".to_owned(),
            ticket: String::new(),
            target: Target::default(),
            scope: Vec::new(),
            grants_to: Vec::new(),
            max_minutes: 0,
            claim_key: None,
            displaces: None,
            continues: None,
            client_nonce: "00".repeat(16),
        }));
        ok(self.post("/api/v1/incidents", &self.act(None, deed)).await).await
    }
}

/// A successful answer.
pub async fn ok<T: DeserializeOwned>(answer: Response) -> T {
    let status = answer.status();
    let body = answer.text().await.unwrap();
    assert!(status.is_success(), "{status}: {body}");
    serde_json::from_str(&body).unwrap()
}

/// Status and code of a refusal.
pub async fn no(answer: Response) -> (u16, String) {
    let status = answer.status().as_u16();
    let body: breakglass::api::ErrorBody = answer.json().await.unwrap();
    assert!(!body.error.message.is_empty() && !body.error.hint.is_empty());
    (status, body.error.code)
}

fn sign(key: &LoadedKey, namespace: &str, document: &[u8]) -> SignedDocument {
    SignedDocument {
        document: String::from_utf8(document.to_vec()).unwrap(),
        signature: key.sign(namespace, document).unwrap(),
    }
}

fn roster(keys: &BTreeMap<&'static str, LoadedKey>) -> Roster {
    let person = |(id, roles): &(&'static str, &[Role])| {
        let key = keys[id].public().text().to_owned();
        let custodian = roles.contains(&Role::Custodian);
        Person {
            id: id.parse::<PersonId>().unwrap(),
            name: format!("{} Example", id.to_uppercase()),
            roles: roles.to_vec(),
            time_zone: "Europe/Berlin".to_owned(),
            contacts: Contacts {
                mail: format!("{id}@people.example"),
                pager: None,
            },
            unlockers: if custodian {
                vec![key.clone()]
            } else {
                Vec::new()
            },
            login_keys: vec![key],
            single_unlocker: custodian.then_some(true),
            paper: None,
        }
    };
    Roster {
        v: VERSION.to_owned(),
        vault: "test-vault".parse().unwrap(),
        seq: 1,
        prev_sha256: None,
        k: 2,
        n: 3,
        people: PEOPLE.iter().map(person).collect(),
        auditor_recipients: Vec::new(),
    }
}

/// An epoch with share files that are only kept and handed out, and the entries of its rotation
/// without which its row would not be believed.
fn epoch(first: &mut Commit, roster: &Roster, policy: &Policy, vkey: &str) {
    let manifest = Manifest {
        v: VERSION.to_owned(),
        vault: roster.vault.clone(),
        kind: Kind::Live,
        epoch: 1,
        k: roster.k,
        n: roster.n,
        recipient: "age1epoch".to_owned(),
        roster_sha256: roster.sha256().unwrap(),
        policy_sha256: policy.sha256().unwrap(),
        log_vkey: vkey.to_owned(),
        possession_keys: vec!["00".repeat(32); 3],
    };
    let sha256 = manifest.sha256().unwrap();
    let document = Document {
        kind: DocumentKind::Manifest,
        sha256,
        bytes: canonical::to_bytes(&manifest).unwrap(),
        signature: None,
    };
    let shares = roster
        .custodians()
        .map(|(index, p)| (index, p.id.clone(), format!("share {index}").into_bytes()));
    let put = RowChange::PutEpoch {
        manifest: Box::new(manifest),
        manifest_sha256: sha256,
        sealed_credential: b"sealed".to_vec(),
        secret_id: "secret-1".to_owned(),
        secret_expires_at_ms: Timestamp(START_MS * 2),
        shares: shares.collect(),
        at_ms: Timestamp(START_MS),
    };
    let current = RowChange::SwitchEpoch {
        kind: Kind::Live,
        epoch: 1,
    };
    first
        .rows
        .extend([RowChange::PutDocument(document), put, current]);
    let sealed = rotation::Event::Sealed {
        new_secret_id: "secret-1".to_owned(),
        epoch: 1,
        manifest_sha256: sha256,
    };
    for event in [sealed, rotation::Event::Switched { epoch: 1 }] {
        let (kind, members) = event.to_entry(&RotationId::numbered(1)).unwrap();
        first.drafts.push(Draft { kind, members });
    }
}

fn identity() -> LogIdentity {
    LogIdentity {
        origin: ORIGIN.to_owned(),
        seed: SecretLogSeed::new([7; 32]),
        node: "test".to_owned(),
        boot: "00c0ffee".to_owned(),
    }
}

fn nowhere() -> DatabricksConfig {
    serde_json::from_value(serde_json::json!({
        "account_host": "http://127.0.0.1:9",
        "account_id": "00000000-0000-4000-8000-000000000001",
        "application_id": "00000000-0000-4000-8000-000000000002",
        "principal_id": 42,
    }))
    .unwrap()
}

/// Many entries at once, to fill tiles.
pub async fn fill(vault: &Vault, entries: usize) {
    let drafts = (0..entries).map(|number| Draft {
        kind: "test.filler".to_owned(),
        members: [("number".to_owned(), number.into())].into_iter().collect(),
    });
    vault
        .app
        .store()
        .commit(Commit::control(drafts.collect(), Vec::new()))
        .await
        .unwrap();
}

/// An incident id that no vault here has.
pub fn unknown_incident() -> IncidentId {
    IncidentId::numbered(999)
}
