//! The door over a real listener, with a real log on disk and a small upstream.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::StatusCode;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::handler;
use crate::app::permit::tests::{Rig, TOKEN};
use crate::listen::{Bound, Hosts, Limits};

/// Calls one session may have under way here.
const MOST_UNDER_WAY: usize = 16;

struct Door {
    rig: Rig,
    address: SocketAddr,
    client: reqwest::Client,
    stop: CancellationToken,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Door {
    async fn open(rig: Rig) -> Self {
        let bound = Bound::bind(SocketAddr::from(([127, 0, 0, 1], 0)), None)
            .await
            .unwrap();
        let address = bound.address();
        let hosts = Hosts::new().with("127.0.0.1", handler(rig.app.clone(), MOST_UNDER_WAY));
        let stop = CancellationToken::new();
        tokio::spawn(bound.serve(hosts, Limits::default(), stop.clone()));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            rig,
            address,
            client,
            stop,
        }
    }

    async fn new() -> Self {
        Self::open(Rig::new().await).await
    }

    fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("http://{}{path}", self.address);
        self.client.request(method.parse().unwrap(), url)
    }

    fn call(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.request(method, path).bearer_auth(TOKEN)
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        self.call("GET", path).send().await.unwrap()
    }
}

fn code(body: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(body).unwrap();
    value["error_code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_call_has_one_begin_and_one_end_and_goes_out_under_the_real_bearer() {
    let door = Door::new().await;
    let reply = door.get("/api/2.0/clusters/list?b=1&a=2").await;
    assert_eq!(reply.status(), 200);
    assert_eq!(reply.headers()["cache-control"], "no-store");
    assert_eq!(reply.text().await.unwrap(), r#"{"clusters":[]}"#);
    let seen = door.rig.seen();
    assert_eq!((seen.len(), seen[0].method.as_str()), (1, "GET"));
    assert!(seen[0].target.ends_with("/api/2.0/clusters/list?b=1&a=2"));
    assert_eq!(
        seen[0].headers["authorization"],
        "Bearer canary-bearer-0001"
    );
    let agent = seen[0].headers["user-agent"].to_str().unwrap();
    assert!(
        agent.contains("breakglass/") && agent.contains(" bg-session/"),
        "{agent}"
    );
    let log = door.rig.log_of(&["call.begin", "call.end"]).await;
    assert_eq!(log.len(), 2);
    assert_eq!(log[0].text("route"), Some("/api/2/clusters/list"));
    assert_eq!(
        (log[0].text("cls"), log[0].text("host")),
        (Some("read"), Some("ws:42"))
    );
    assert_eq!(
        (log[1].text("ended"), log[1].integer("status")),
        (Some("complete"), Some(200))
    );
    assert_eq!(log[1].members["res"]["len"], 15);
}

#[tokio::test]
async fn a_long_reply_streams_and_its_hash_is_in_the_log() {
    let door = Door::new().await;
    let body = door
        .get("/api/2.0/fs/files/Volumes/long")
        .await
        .bytes()
        .await
        .unwrap();
    assert_eq!(body.len(), 3 << 20);
    assert_eq!(
        door.rig.call_kinds().await,
        ["call.begin", "call.head", "call.end"]
    );
    let end = &door.rig.log_of(&["call.end"]).await[0];
    assert_eq!(
        end.members["res"]["sha256"],
        hex::encode(Sha256::digest(&body))
    );
}

#[tokio::test]
async fn an_upload_streams_and_its_hash_is_in_the_log() {
    let door = Door::new().await;
    let body = vec![5_u8; 2 << 20];
    let put = door
        .call("PUT", "/api/2.0/fs/files/Volumes/up")
        .body(body.clone());
    assert_eq!(put.send().await.unwrap().status(), 204);
    assert_eq!(door.rig.seen()[0].body_bytes, body.len());
    let end = &door.rig.log_of(&["call.end"]).await[0];
    assert_eq!(
        end.members["req"]["sha256"],
        hex::encode(Sha256::digest(&body))
    );
    assert_eq!(end.members["req"]["len"], body.len());
}

#[tokio::test]
async fn close_cuts_streams_and_waiting_calls_at_once() {
    let door = Door::new().await;
    let mut stream = door.get("/api/2.0/fs/files/Volumes/endless").await;
    assert!(stream.chunk().await.unwrap().is_some());
    let waiting = tokio::spawn(door.call("GET", "/api/2.0/clusters/list-zones").send());
    while door.rig.seen().len() < 2 {
        tokio::task::yield_now().await;
    }
    let cut = async {
        door.rig.close().await;
        while let Ok(Some(_)) = stream.chunk().await {}
        waiting.await.unwrap().unwrap()
    };
    let reply = tokio::time::timeout(Duration::from_secs(60), cut)
        .await
        .unwrap();
    assert_eq!(reply.status(), 403);
    let later = door.get("/api/2.0/clusters/list").await;
    assert_eq!(later.status(), 401, "no row knows the token of this test");
    let ends = door.rig.log_of(&["call.end"]).await;
    let words: Vec<_> = ends.iter().map(|end| end.text("ended").unwrap()).collect();
    assert_eq!(words, ["session_closed", "session_closed"]);
}

#[tokio::test]
async fn a_session_whose_time_is_up_is_refused_in_a_way_that_ends_clients() {
    let door = Door::new().await;
    door.rig.clock.set_wall(door.rig.session.exp);
    let reply = door.get("/api/2.0/clusters/list").await;
    assert_eq!(reply.status(), 403);
    assert_eq!(
        reply.headers()["x-databricks-reason-phrase"],
        "Break-glass session ended"
    );
    assert!(door.rig.seen().is_empty());
}

#[tokio::test]
async fn a_reply_with_our_bearer_is_withheld_and_the_session_is_cut() {
    let door = Door::new().await;
    let reply = door.get("/api/2.0/preview/scim/v2/Me").await;
    assert_eq!(reply.status(), 403);
    assert!(!reply.text().await.unwrap().contains("canary-bearer"));
    assert!(door.rig.session.cut.is_cancelled());
    let log = door.rig.log_of(&["call.end", "session.token_seen"]).await;
    assert_eq!(log.len(), 2);
    let end = log.iter().find(|entry| entry.kind == "call.end").unwrap();
    assert_eq!(end.text("ended"), Some("session_closed"));
    assert_eq!(end.members["leak"], true);
}

#[tokio::test]
async fn a_refused_token_costs_one_new_one_and_a_second_pair_of_entries() {
    let door = Door::new().await;
    let reply = door.get("/api/2.0/clusters/list-node-types").await;
    assert_eq!(reply.status(), 200);
    assert_eq!((door.rig.mints(), door.rig.seen().len()), (2, 2));
    let ends = door.rig.log_of(&["call.end"]).await;
    let statuses: Vec<_> = ends
        .iter()
        .map(|end| end.integer("status").unwrap())
        .collect();
    assert_eq!(statuses, [401, 200]);
}

#[tokio::test]
async fn calls_beyond_the_scope_are_logged_and_go_nowhere() {
    let door = Door::new().await;
    let reply = door
        .call("DELETE", "/api/2.0/fs/files/Volumes/x")
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status(), 403);
    assert_eq!(code(&reply.text().await.unwrap()), "PERMISSION_DENIED");
    let encoded = door
        .call("GET", "/api/2.0/clusters/list%2f..")
        .send()
        .await
        .unwrap();
    assert_eq!(encoded.status(), 400);
    let foreign = door.call("GET", "/api/2.0/clusters/list");
    let foreign = foreign
        .header("x-databricks-workspace-id", "43")
        .send()
        .await
        .unwrap();
    assert_eq!(foreign.status(), 403);
    assert!(door.rig.seen().is_empty());
    let log = door.rig.log_of(&["deny"]).await;
    let why: Vec<_> = log.iter().map(|entry| entry.text("why").unwrap()).collect();
    assert_eq!(why.len(), 3, "{why:?}");
    assert_eq!(why[1..], ["target", "foreign_workspace"]);
}

#[tokio::test]
async fn strangers_are_counted_and_told_nothing() {
    let door = Door::new().await;
    let without = door
        .request("GET", "/api/2.0/clusters/list")
        .send()
        .await
        .unwrap();
    assert_eq!(without.status(), 401);
    for _ in 0..5 {
        let other = door
            .request("GET", "/api/2.0/clusters/list")
            .bearer_auth("bgt_other");
        assert_eq!(other.send().await.unwrap().status(), 401);
    }
    let malformed = door.request("GET", "/api/2.0/clusters/list");
    let malformed = malformed.header("authorization", "Basic bm8=");
    assert_eq!(malformed.send().await.unwrap().status(), 401);
    let log = door.rig.log_of(&["deny"]).await;
    let counted: i64 = log.iter().filter_map(|entry| entry.integer("n")).sum();
    assert_eq!(counted, 7);
    assert_eq!(log[0].text("why"), Some("unknown_token"));
    assert_eq!(log[0].members["peers"], serde_json::json!(["127.0.0.1"]));
}

#[tokio::test]
async fn bad_asks_for_a_token_are_counted_as_strangers() {
    let door = Door::new().await;
    let form = [("grant_type", "client_credentials"), ("scope", "all-apis")];
    let ask = || door.request("POST", "/oidc/v1/token");
    for ask in [
        ask().form(&form),
        ask().basic_auth("ses-other", Some(TOKEN)).form(&form),
        ask().basic_auth("ses-test1", Some("bgt_no")).form(&form),
        ask().basic_auth("ses-test1", Some(TOKEN)).body("no form"),
    ] {
        let status = ask.send().await.unwrap().status();
        assert!(status.is_client_error(), "{status}");
    }
    let log = door.rig.log_of(&["deny"]).await;
    let counted: i64 = log.iter().filter_map(|entry| entry.integer("n")).sum();
    assert_eq!(counted, 4);
}

#[tokio::test]
async fn a_call_without_a_seat_is_answered_before_its_body_is_read() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let door = Door::new().await;
    let slow = async || {
        let mut stream = tokio::net::TcpStream::connect(door.address).await.unwrap();
        let head = format!(
            "POST /api/2.0/clusters/start HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {TOKEN}\r\n\
             content-type: application/json\r\ncontent-length: 1000\r\n\r\n{{",
            door.address
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    };
    let mut held = Vec::new();
    for _ in 0..MOST_UNDER_WAY {
        held.push(slow().await);
    }
    // Until all of them are seated, another one may be seated instead: it gives no answer.
    let patience = tokio::time::Instant::now() + Duration::from_secs(60);
    while let Some(seat) = door.rig.session.seat(MOST_UNDER_WAY) {
        drop(seat);
        assert!(tokio::time::Instant::now() < patience);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut last = slow().await;
    let mut reply = [0; 12];
    let read = tokio::time::timeout(Duration::from_secs(60), last.read_exact(&mut reply));
    read.await.unwrap().unwrap();
    assert_eq!(&reply, b"HTTP/1.1 429");
    drop(held);
    assert!(door.rig.seen().is_empty());
}

#[tokio::test]
async fn the_token_endpoint_and_discovery_are_answered_without_databricks() {
    let door = Door::new().await;
    let config = door
        .request("GET", "/.well-known/databricks-config")
        .send()
        .await
        .unwrap();
    assert!(
        config
            .text()
            .await
            .unwrap()
            .contains(&format!("http://{}/oidc", door.address))
    );
    let ask = |id: &'static str, secret: &'static str| {
        let form = [("grant_type", "client_credentials"), ("scope", "all-apis")];
        door.request("POST", "/oidc/v1/token")
            .basic_auth(id, Some(secret))
            .form(&form)
            .send()
    };
    let good = ask("ses-test1", TOKEN).await.unwrap();
    assert_eq!(good.status(), 200);
    assert!(good.text().await.unwrap().contains(TOKEN));
    assert_eq!(
        ask("ses-other", TOKEN).await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        ask("ses-test1", "bgt_no").await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    let telemetry = door
        .request("POST", "/telemetry-ext")
        .body("{}")
        .send()
        .await
        .unwrap();
    assert_eq!(telemetry.status(), 200);
    assert!(door.rig.seen().is_empty());
    assert_eq!(door.rig.call_kinds().await, Vec::<String>::new());
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_an_abort() {
    let door = Door::open(Rig::nowhere().await).await;
    let reply = door.get("/api/2.0/clusters/list").await;
    assert_eq!(reply.status(), 502);
    assert_eq!(code(&reply.text().await.unwrap()), "UPSTREAM_UNREACHABLE");
    assert_eq!(door.rig.call_kinds().await, ["call.begin", "call.abort"]);
}

#[tokio::test]
async fn an_upstream_that_hangs_up_may_have_acted() {
    let door = Door::new().await;
    let reply = door.get("/api/2.0/clusters/get?cluster_id=1").await;
    assert_eq!(reply.status(), 502);
    let end = &door.rig.log_of(&["call.end"]).await[0];
    assert_eq!(
        (end.text("ended"), end.integer("status")),
        (Some("upstream_error"), Some(0))
    );
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_an_ended_call() {
    let door = Door::new().await;
    let mut stream = door.get("/api/2.0/fs/files/Volumes/endless").await;
    assert!(stream.chunk().await.unwrap().is_some());
    drop(stream);
    let ended = async {
        // The connection's end is noticed by the server in its own time.
        while !door.rig.app.store().head().size.ge(&5) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), ended)
        .await
        .unwrap();
    let end = &door.rig.log_of(&["call.end"]).await[0];
    assert_eq!(end.text("ended"), Some("client_gone"));
}

#[tokio::test]
async fn without_the_log_a_call_is_refused_before_it_is_sent() {
    let door = Door::new().await;
    door.rig.app.store().close().await;
    let reply = door.get("/api/2.0/clusters/list").await;
    assert_eq!(reply.status(), 503);
    assert_eq!(reply.headers()["retry-after"], "5");
    assert_eq!(code(&reply.text().await.unwrap()), "AUDIT_UNAVAILABLE");
    assert!(door.rig.seen().is_empty());
}
