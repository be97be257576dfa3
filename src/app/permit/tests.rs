//! Calls against a small upstream and a real log on disk; every log is checked by the rules that
//! an auditor's computer applies.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response};
use hyper_util::rt::TokioIo;
use secrecy::SecretString;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::app::Settings;
use crate::app::clock::MovedClock;
use crate::app::genesis::first_commit;
use crate::app::memory::ClaimedToken;
use crate::app::step::draft;
use crate::audit::entry::Entry;
use crate::audit::verify::RuleCheck;
use crate::databricks::{Client, Config, Forwarder, SessionCredential, Waits};
use crate::domain::ids::IncidentId;
use crate::domain::judge::{Asked, Rights, judge};
use crate::domain::never::Principal;
use crate::domain::policy::Policy;
use crate::domain::roster::RosterFile;
use crate::domain::scope::Scope;
use crate::domain::target::canonicalise;
use crate::domain::terms;
use crate::domain::time::{HOUR_MS, Timestamp};
use crate::store::{self, Genesis, LogIdentity, SecretLogSeed, Store};

const ORIGIN: &str = "vault.example/log/test/e1";
const START: Timestamp = Timestamp(1_800_000_000_000);
/// What the responder holds.
pub(crate) const TOKEN: &str = "bgt_canarysessiontoken0000000000000000000000001";
const ROSTER: &str = r#"
vault = "test"
k = 2
[[people]]
id = "ada"
name = "Ada"
roles = ["custodian"]
contacts = { mail = "ada@example.com" }
login_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAdaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]
unlockers = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAdbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"]
single_unlocker = true
[[people]]
id = "ben"
name = "Ben"
roles = ["custodian"]
contacts = { mail = "ben@example.com" }
login_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBenaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]
unlockers = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBenbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"]
single_unlocker = true
[[people]]
id = "rio"
name = "Rio"
roles = ["responder"]
contacts = { mail = "rio@example.com" }
login_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIRioaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]
[[people]]
id = "vera"
name = "Vera"
roles = ["auditor"]
contacts = { mail = "vera@example.com" }
login_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIVeraaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]
[[people]]
id = "tess"
name = "Tess"
roles = ["auditor"]
contacts = { mail = "tess@example.com" }
login_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAITessaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]
"#;

/// What the upstream saw of one request.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body_bytes: usize,
}

#[derive(Default)]
struct Upstream {
    mints: AtomicU32,
    seen: Mutex<Vec<Seen>>,
}

type Out = UnsyncBoxBody<Bytes, Infallible>;

fn out(body: impl Into<Bytes>) -> Out {
    Full::new(body.into()).boxed_unsync()
}

/// A piece, then silence.
fn endless() -> Out {
    let first = futures_util::stream::iter([Ok(Frame::data(Bytes::from(vec![7; 2 << 20])))]);
    StreamBody::new(futures_util::StreamExt::chain(
        first,
        futures_util::stream::pending(),
    ))
    .boxed_unsync()
}

async fn answer(up: Arc<Upstream>, request: Request<Incoming>) -> Result<Response<Out>, ()> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(drop)?.to_bytes();
    if parts.uri.path() == "/oidc/v1/token" {
        let number = up.mints.fetch_add(1, Ordering::SeqCst) + 1;
        let text = format!(r#"{{"access_token":"canary-bearer-{number:04}","expires_in":3600}}"#);
        return Ok(Response::new(out(text)));
    }
    let bearer = parts.headers["authorization"]
        .to_str()
        .unwrap_or_default()
        .to_owned();
    up.seen.lock().unwrap().push(Seen {
        method: parts.method.clone(),
        target: parts.uri.to_string(),
        headers: parts.headers,
        body_bytes: body.len(),
    });
    let mut response = Response::new(match parts.uri.path() {
        "/api/2.0/preview/scim/v2/Me" => out(format!(r#"{{"echo":"{bearer}"}}"#)),
        "/api/2.0/fs/files/Volumes/long" => out(vec![7; 3 << 20]),
        "/api/2.0/fs/files/Volumes/endless" => endless(),
        "/api/2.0/clusters/list-zones" => std::future::pending().await,
        "/api/2.0/clusters/get" => return Err(()),
        _ if parts.method == Method::PUT => Empty::new().boxed_unsync(),
        _ => out(r#"{"clusters":[]}"#),
    });
    if parts.method == Method::PUT {
        *response.status_mut() = hyper::StatusCode::NO_CONTENT;
    }
    if parts.uri.path() == "/api/2.0/clusters/list-node-types" && bearer.ends_with("0001") {
        *response.status_mut() = hyper::StatusCode::UNAUTHORIZED;
    }
    Ok(response)
}

async fn upstream(up: Arc<Upstream>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let up = Arc::clone(&up);
            let service = service_fn(move |request| {
                let up = Arc::clone(&up);
                async move { answer(up, request).await.map_err(|()| "gone") }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    url
}

/// A vault with one open session.
pub(crate) struct Rig {
    pub(crate) app: App,
    pub(crate) session: Arc<LiveSession>,
    pub(crate) clock: Arc<MovedClock>,
    /// The clock by which entries are stamped.
    pub(crate) log_clock: Arc<MovedClock>,
    store: Store,
    upstream: Arc<Upstream>,
    _folder: tempfile::TempDir,
}

impl Rig {
    pub(crate) async fn new() -> Self {
        let up = Arc::new(Upstream::default());
        let url = upstream(Arc::clone(&up)).await;
        Self::at(&url, up).await
    }

    /// With an upstream that does not listen.
    pub(crate) async fn nowhere() -> Self {
        // Bound for good, so that no other test of this process gets the port meanwhile.
        let nobody = Box::leak(Box::new(tokio::net::TcpSocket::new_v4().unwrap()));
        nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let url = format!("http://{}", nobody.local_addr().unwrap());
        Self::at(&url, Arc::new(Upstream::default())).await
    }

    async fn at(url: &str, upstream: Arc<Upstream>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(MovedClock::at(START));
        let log_clock = Arc::new(MovedClock::at(START));
        let store = store(folder.path(), &log_clock).await;
        let client = client(url);
        let app = App::new(
            store.clone(),
            clock.clone(),
            client.clone(),
            Vec::new(),
            settings(),
        )
        .await
        .unwrap();
        let session = Arc::new(session(&client, &app));
        app.inner.memory.put_session(Arc::clone(&session));
        let entry = draft(
            "session.open",
            [
                ("sid", Value::from(session.id.as_str())),
                ("inc", Value::from(session.incident.as_str())),
                ("actor", Value::from("rio")),
                ("exp_ms", Value::from(session.exp.0)),
            ],
        );
        app.record(vec![entry], Vec::new(), Vec::new(), None)
            .await
            .unwrap();
        Self {
            app,
            session,
            clock,
            log_clock,
            store,
            upstream,
            _folder: folder,
        }
    }

    /// Ends the session as `App::step` does.
    pub(crate) async fn close(&self) {
        drop(self.app.inner.memory.end_session());
        self.app.inner.memory.begun_calls_are_logged().await;
        let sid = Value::from(self.session.id.as_str());
        let entry = draft(
            "session.close",
            [("sid", sid), ("why", Value::from("closed"))],
        );
        self.app
            .record(vec![entry], Vec::new(), Vec::new(), None)
            .await
            .unwrap();
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.upstream.seen.lock().unwrap().clone()
    }

    pub(crate) fn mints(&self) -> u32 {
        self.upstream.mints.load(Ordering::SeqCst)
    }

    /// Every entry, after the rules of the offline check; no call may be open.
    pub(crate) async fn log(&self) -> Vec<Entry> {
        self.app.settle().await;
        let mut rules = RuleCheck::new(ORIGIN);
        let bytes = self.store.entries(0, 100_000).await.unwrap();
        let entries = bytes.iter().enumerate();
        let entries: Vec<Entry> = entries
            .map(|(index, bytes)| rules.check(index as u64, bytes).unwrap())
            .collect();
        assert_eq!(rules.open_calls(), Vec::<u64>::new());
        entries
    }

    /// The log's entries of these kinds.
    pub(crate) async fn log_of(&self, kinds: &[&str]) -> Vec<Entry> {
        let log = self.log().await;
        log.into_iter()
            .filter(|entry| kinds.contains(&entry.kind.as_str()))
            .collect()
    }

    pub(crate) async fn call_kinds(&self) -> Vec<String> {
        let log = self.log().await;
        let kinds = log.into_iter().map(|entry| entry.kind);
        kinds.filter(|kind| kind.starts_with("call.")).collect()
    }

    async fn permit(&self) -> Result<Permit, PermitRefusal> {
        let target = canonicalise("/api/2.0/clusters/list").unwrap();
        let asked = Asked {
            method: "GET",
            target: &target,
            body: Some(b""),
            content_type: None,
            encoded: false,
            upgrade: false,
        };
        let rights = Rights {
            scope: &self.session.scope,
            principal: &self.session.principal,
            target_account: true,
            target_workspace: true,
            account_id: None,
        };
        let call = Call {
            judged: &judge(&asked, &rights),
            method: &Method::GET,
            target: &target,
            request: BodyFacts::default(),
            seat: self.session.seat(256).expect("the test takes few seats"),
        };
        self.app.permit(&self.session, call).await
    }
}

async fn store(folder: &std::path::Path, clock: &Arc<MovedClock>) -> Store {
    let log = LogIdentity {
        origin: ORIGIN.to_owned(),
        seed: SecretLogSeed::new([7; 32]),
        node: "test".to_owned(),
        boot: "00c0ffee".to_owned(),
    };
    let config = store::Config {
        sqlite: Some(folder.join("vault.db")),
        postgres_url_file: None,
    };
    let roster = RosterFile::parse(ROSTER).unwrap();
    let roster = roster
        .into_roster(&mut |_| unreachable!("everybody has an id"))
        .unwrap();
    let policy = Policy::built_in("test".parse().unwrap(), Vec::new());
    let vkey = log.verifier_key().unwrap().to_string();
    let first = first_commit(ORIGIN, &vkey, &roster, &policy, &[]).unwrap();
    Store::create(&config, Genesis { log, first }, clock.clone())
        .await
        .unwrap()
}

fn settings() -> Settings {
    Settings {
        vault: "test".parse().unwrap(),
        origin: ORIGIN.to_owned(),
        log_vkey: String::new(),
        console_url: "http://127.0.0.1/".to_owned(),
        proxy_url: None,
        account_proxy_url: None,
        plain_url: None,
        ca_pem: None,
        custodian_origin: None,
        watch: crate::app::Watch::default(),
    }
}

fn client(url: &str) -> Client {
    let mut config: Config = toml::from_str(&format!(
        "account_host = '{url}'\naccount_id = 'acc-1'\napplication_id = 'app-1'\n\
         principal_id = 77\n[workspaces]\n42 = '{url}'"
    ))
    .unwrap();
    config.waits = Waits {
        connect_timeout_ms: 20_000,
        ..Waits::default()
    };
    Client::new(&config).unwrap()
}

fn surveyed() -> CancellationToken {
    let surveyed = CancellationToken::new();
    surveyed.cancel();
    surveyed
}

fn session(client: &Client, app: &App) -> LiveSession {
    let secret = SecretString::from("dosecanarysessionsecret0001");
    let source = Arc::new(SessionCredential::new(client.clone(), secret));
    let scope = ["ws:read", "ws:change", "ws:egress"].map(str::to_owned);
    LiveSession {
        id: "ses-test1".parse().unwrap(),
        incident: IncidentId::numbered(1),
        actor: "rio".parse().unwrap(),
        target: terms::Target {
            account: false,
            workspace: Some("42".to_owned()),
        },
        scope: Scope::parse(&scope).unwrap(),
        policy_sha256: Digest::of(b"policy"),
        terms_sha256: Digest::of(b"terms"),
        principal: Principal::default(),
        exp: START.plus_ms(HOUR_MS),
        exp_boot_ms: app.inner.clock.boot_ms() + HOUR_MS,
        cut: CancellationToken::new(),
        forwarder: Some(Arc::new(Forwarder::new(client, source))),
        secret_id: None,
        token: Arc::new(RwLock::new(ClaimedToken::of_claim(
            1,
            Digest::of(TOKEN.as_bytes()),
        ))),
        surveyed: surveyed(),
        desk: Arc::default(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_begin_stands_behind_the_close_of_its_session() {
    let rig = Arc::new(Rig::new().await);
    let all = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let (rig, all) = (Arc::clone(&rig), Arc::clone(&all));
        calls.spawn(async move {
            let mut begun = 0;
            while let Ok(permit) = rig.permit().await {
                begun += 1;
                all.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                permit.abort("test").await;
            }
            begun
        });
    }
    // In the thick of it, however long that takes.
    while all.load(std::sync::atomic::Ordering::Relaxed) < 256 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Two closers, as a person and the deadline may be.
    tokio::join!(rig.close(), async {
        drop(rig.app.inner.memory.end_session());
        rig.app.inner.memory.begun_calls_are_logged().await;
    });
    let begun: u32 = calls.join_all().await.into_iter().sum();
    assert!(begun > 0);
    // `log` applies the auditor's rule: no call outside an open session.
    let kinds = rig.call_kinds().await;
    assert!(kinds.iter().filter(|kind| *kind == "call.begin").count() >= begun as usize);
}

#[tokio::test]
async fn time_that_is_up_by_either_clock_begins_nothing() {
    let rig = Rig::new().await;
    rig.clock.set_wall(rig.session.exp);
    assert_eq!(rig.permit().await.unwrap_err(), PermitRefusal::Ended);
    rig.clock.set_wall(START);
    rig.permit().await.unwrap().abort("test").await;
    rig.clock.pass_ms(HOUR_MS);
    rig.clock.set_wall(START);
    assert_eq!(rig.permit().await.unwrap_err(), PermitRefusal::Ended);
    assert_eq!(rig.call_kinds().await, ["call.begin", "call.abort"]);
}

#[tokio::test]
async fn a_begin_that_would_be_stamped_after_the_end_is_not_written() {
    let rig = Rig::new().await;
    rig.log_clock.set_wall(rig.session.exp.plus_ms(1));
    assert_eq!(rig.permit().await.unwrap_err(), PermitRefusal::Ended);
    assert_eq!(rig.call_kinds().await, Vec::<String>::new());
    assert!(!rig.app.log_lost().is_cancelled());
}

#[tokio::test]
async fn a_dropped_permit_is_aborted_and_a_dropped_call_is_lost() {
    let rig = Rig::new().await;
    drop(rig.permit().await.unwrap());
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let (flight, reply) = rig
        .permit()
        .await
        .unwrap()
        .send(HeaderMap::new(), body)
        .await;
    assert_eq!(reply.unwrap().response.status(), 200);
    drop(flight);
    let mut kinds = rig.call_kinds().await;
    kinds.sort();
    assert_eq!(
        kinds,
        ["call.abort", "call.begin", "call.begin", "call.lost"]
    );
}

#[tokio::test]
async fn a_cut_session_sends_nothing_more() {
    let rig = Rig::new().await;
    let permit = rig.permit().await.unwrap();
    rig.session.cut.cancel();
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let (flight, sent) = permit.send(HeaderMap::new(), body).await;
    assert!(matches!(sent, Err(SendError::Cut)));
    flight
        .end(Outcome::without_reply(Ending::SessionClosed))
        .await
        .unwrap();
    assert_eq!(rig.permit().await.unwrap_err(), PermitRefusal::Ended);
    assert!(rig.seen().is_empty());
    assert_eq!(rig.call_kinds().await, ["call.begin", "call.end"]);
}

#[tokio::test]
async fn without_the_log_nothing_is_sent_and_everything_is_wiped() {
    let rig = Rig::new().await;
    let flying = rig.permit().await.unwrap();
    rig.store.close().await;
    assert_eq!(rig.permit().await.unwrap_err(), PermitRefusal::NotLogged);
    assert!(rig.session.cut.is_cancelled());
    assert!(rig.app.inner.memory.session().is_none());
    assert!(rig.app.log_lost().is_cancelled());
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let (flight, _) = flying.send(HeaderMap::new(), body).await;
    let outcome = Outcome::without_reply(Ending::SessionClosed);
    assert_eq!(flight.end(outcome).await, Err(NotLogged));
    assert!(rig.seen().is_empty());
}

#[tokio::test]
async fn more_calls_than_seats_are_refused_and_a_seat_comes_back() {
    let rig = Rig::new().await;
    let mut permits = Vec::new();
    for _ in 0..256 {
        permits.push(rig.permit().await.unwrap());
    }
    assert!(rig.session.seat(256).is_none());
    for permit in permits {
        permit.abort("test").await;
    }
    rig.permit().await.unwrap().abort("test").await;
    rig.log().await;
}

#[tokio::test]
async fn a_second_address_is_logged_once_and_the_call_goes_on() {
    let rig = Rig::new().await;
    for address in [
        [127, 0, 0, 1],
        [127, 0, 0, 9],
        [127, 0, 0, 9],
        [127, 0, 0, 1],
    ] {
        let found = rig.app.session_for(TOKEN.as_bytes(), address.into()).await;
        assert!(matches!(found, SessionLookup::Open(_)));
    }
    let entries = rig.log_of(&["session.address"]).await;
    let said: Vec<_> = entries
        .iter()
        .map(|e| (e.text("first"), e.text("now")))
        .collect();
    assert_eq!(said, [(Some("127.0.0.1"), Some("127.0.0.9"))]);
}
