//! The proxied leg against a small server: what goes out, what comes back, and what each failure
//! is called.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod databricks_support;

use std::sync::Arc;

use breakglass::databricks::{
    Client, Config, ForwardError, Forwarder, LeakScanner, OutBody, Reply, SessionCredential,
    Upstream, Waits, token_refused,
};
use bytes::Bytes;
use databricks_support::{Act, Server, closed_port};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::{HeaderMap, Method};
use secrecy::SecretString;

const SECRET: &str = "dosesessioncanary0001";

fn token(text: &str, seconds: u64) -> Act {
    Act::json(
        200,
        &format!(r#"{{"access_token":"{text}","expires_in":{seconds}}}"#),
    )
}

fn workspace() -> Upstream {
    Upstream::Workspace("42".into())
}

fn empty() -> OutBody {
    full("")
}

fn full(text: &'static str) -> OutBody {
    Full::new(Bytes::from_static(text.as_bytes()))
        .map_err(|never| match never {})
        .boxed_unsync()
}

fn forwarder(url: &str) -> Forwarder {
    let mut config: Config = toml::from_str(&format!(
        "account_host = '{url}'\naccount_id = 'acc-1'\napplication_id = 'app-1'\nprincipal_id = 77\n[workspaces]\n42 = '{url}'"
    ))
    .unwrap();
    config.waits = Waits {
        request_timeout_ms: 8_000,
        connect_timeout_ms: 8_000,
        head_timeout_ms: 6_000,
        ..Waits::default()
    };
    let client = Client::new(&config).unwrap();
    let credential = SessionCredential::new(client.clone(), SecretString::from(SECRET));
    Forwarder::new(&client, Arc::new(credential))
}

async fn get(forwarder: &Forwarder, target: &str, now_at_ms: i64) -> Result<Reply, ForwardError> {
    forwarder
        .send(
            &workspace(),
            Method::GET,
            target,
            HeaderMap::new(),
            empty(),
            now_at_ms,
        )
        .await
}

/// A session whose token is had, and whose first call meets `act`.
async fn meets(act: Act) -> (Result<Reply, ForwardError>, Server) {
    let server = Server::start(vec![token("canary-bearer-0001", 3600), act]).await;
    (get(&forwarder(&server.url), "/api/2.0/x", 0).await, server)
}

#[tokio::test]
async fn what_was_judged_is_what_is_sent_with_one_bearer_and_our_workspace() {
    let server = Server::start(vec![
        token("canary-bearer-0001", 3600),
        Act::json(200, "{}"),
    ])
    .await;
    let forwarder = forwarder(&server.url);
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("authorization", "Bearer bgt_session"),
        ("host", "evil.example"),
        ("cookie", "a=b"),
        ("connection", "authorization, x-databricks-workspace-id"),
        ("x-databricks-workspace-id", "666"),
        ("content-type", "application/json"),
    ] {
        headers.append(name, value.parse().unwrap());
    }
    let target = "/api/2.0/fs/files/Volumes/a%2Fb?x=%20y&z=";
    let reply = forwarder
        .send(
            &workspace(),
            Method::POST,
            target,
            headers,
            full("{\"a\":1}"),
            0,
        )
        .await
        .unwrap();
    assert_eq!(
        (reply.response.status().as_u16(), reply.token_number),
        (200, 1)
    );
    let ask = &server.seen()[1];
    assert!(
        ask.starts_with(&format!("POST {target} HTTP/1.1\r\n")),
        "{ask}"
    );
    assert_eq!(ask.matches("uthorization").count(), 1, "{ask}");
    assert!(ask.contains("Bearer canary-bearer-0001"), "{ask}");
    assert!(ask.contains(&format!(
        "host: {}\r\n",
        server.url.trim_start_matches("http://")
    )));
    assert!(ask.contains("x-databricks-workspace-id: 42\r\n"));
    assert!(!ask.contains("evil") && !ask.contains("cookie") && !ask.contains("666"));
    assert!(ask.ends_with("{\"a\":1}"));
}

#[tokio::test]
async fn a_target_that_is_not_origin_form_reaches_nobody() {
    let server = Server::start(vec![]).await;
    let forwarder = forwarder(&server.url);
    for target in ["//evil.example/x", "http://evil.example/", "x", "/a#b"] {
        assert!(
            matches!(get(&forwarder, target, 0).await, Err(ForwardError::Target)),
            "{target}"
        );
    }
    let other = Upstream::Workspace("43".into());
    let sent = forwarder
        .send(&other, Method::GET, "/", HeaderMap::new(), empty(), 0)
        .await;
    assert!(matches!(sent, Err(ForwardError::Target)));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn one_token_serves_many_calls_until_shortly_before_its_end() {
    let server = Server::start(vec![token("canary-bearer-0001", 1000), Act::json(200, "1")]).await;
    let forwarder = forwarder(&server.url);
    get(&forwarder, "/a", 0).await.unwrap();
    server.then(Act::json(200, "2"));
    assert_eq!(
        get(&forwarder, "/b", 899_000).await.unwrap().token_number,
        1
    );
    server.then(token("canary-bearer-0002", 1000));
    server.then(Act::json(200, "3"));
    assert_eq!(
        get(&forwarder, "/c", 900_000).await.unwrap().token_number,
        2
    );
    assert!(server.seen().last().unwrap().contains("canary-bearer-0002"));
    assert_eq!(forwarder.credential().tokens_dead_at_ms(), 1_900_000);
}

#[tokio::test]
async fn a_renewal_that_fails_leaves_the_old_token_until_it_ends() {
    let server = Server::start(vec![token("canary-bearer-0001", 1000), Act::json(200, "1")]).await;
    let forwarder = forwarder(&server.url);
    get(&forwarder, "/a", 0).await.unwrap();
    server.then(Act::json(503, "{}"));
    server.then(Act::json(200, "2"));
    assert_eq!(
        get(&forwarder, "/b", 950_000).await.unwrap().token_number,
        1
    );
    server.then(Act::json(401, r#"{"error":"invalid_client"}"#));
    match get(&forwarder, "/c", 1_000_000).await {
        Err(ForwardError::Token(why)) => assert!(why.is_invalid_client()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn while_one_call_renews_the_token_the_others_go_on_with_the_old_one() {
    let server = Server::start(vec![token("canary-bearer-0001", 1000), Act::json(200, "1")]).await;
    let forwarder = forwarder(&server.url);
    get(&forwarder, "/a", 0).await.unwrap();
    server.then(Act::Hang);
    let other = async {
        // The first one's mint has arrived, and nobody answers it.
        while server.seen().len() < 3 {
            tokio::task::yield_now().await;
        }
        server.then(Act::json(200, "2"));
        let reply = get(&forwarder, "/c", 950_000).await;
        server.then(Act::json(200, "3"));
        reply
    };
    let (one, other) = tokio::join!(get(&forwarder, "/b", 950_000), other);
    assert_eq!(one.unwrap().token_number, 1);
    assert_eq!(other.unwrap().token_number, 1);
    let asked = server.seen();
    let minted = asked.iter().filter(|ask| ask.contains("/v1/token"));
    assert_eq!(minted.count(), 2, "{asked:?}");
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_however_many_calls_saw_it() {
    let dead = r#"{"error_code":403,"message":"JWT has expired"}"#;
    let (reply, server) = {
        let server = Server::start(vec![
            token("canary-bearer-0001", 3600),
            Act::json(403, dead),
        ])
        .await;
        let forwarder = forwarder(&server.url);
        let reply = get(&forwarder, "/a", 0).await.unwrap();
        server.then(token("canary-bearer-0002", 3600));
        for _ in 0..3 {
            forwarder
                .credential()
                .renew(&workspace(), reply.token_number, 1)
                .await
                .unwrap();
        }
        server.then(Act::json(200, "{}"));
        assert_eq!(get(&forwarder, "/a", 2).await.unwrap().token_number, 2);
        (reply, server)
    };
    let (parts, body) = reply.response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    assert!(token_refused(parts.status.as_u16(), &parts.headers, &body));
    assert_eq!(
        server
            .seen()
            .iter()
            .filter(|ask| ask.contains("/v1/token"))
            .count(),
        2
    );
}

#[tokio::test]
async fn a_reply_that_never_came_is_unknown_and_sent_once() {
    for act in [
        Act::Drop,
        Act::Hang,
        Act::raw("HTTP/1.1 200 OK\r\ncontent-le\r\n\r\n"),
    ] {
        let name = format!("{act:?}");
        let (reply, server) = meets(act).await;
        let why = reply.unwrap_err();
        assert!(
            matches!(why, ForwardError::Unknown(_)) && !why.is_definite(),
            "{name}: {why}"
        );
        assert_eq!(server.seen().len(), 2, "{name}");
    }
}

#[tokio::test]
async fn a_call_that_never_left_is_definite() {
    let server = Server::start(vec![token("canary-bearer-0001", 3600)]).await;
    let forwarder = forwarder(&server.url);
    forwarder
        .credential()
        .renew(&workspace(), 0, 0)
        .await
        .unwrap();
    server.stop().await;
    let why = get(&forwarder, "/a", 0).await.unwrap_err();
    assert!(
        matches!(why, ForwardError::Unreachable(_)) && why.is_definite(),
        "{why}"
    );
    let url = format!("http://127.0.0.1:{}", closed_port().await);
    let why = get(&self::forwarder(&url), "/a", 0).await.unwrap_err();
    assert!(matches!(why, ForwardError::Token(_)), "{why}");
}

#[tokio::test]
async fn a_switch_of_protocols_and_a_private_link_are_not_passed_on() {
    let switch = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\ncontent-length: 0\r\n\r\n";
    let (reply, _server) = meets(Act::raw(switch)).await;
    assert!(
        matches!(reply, Err(ForwardError::SwitchedProtocols)),
        "{reply:?}"
    );
    let redirect = "HTTP/1.1 302 Found\r\nlocation: https://h/login.html?error=private-link-validation-error\r\ncontent-length: 0\r\n\r\n";
    let (reply, _server) = meets(Act::raw(redirect)).await;
    assert!(
        matches!(reply, Err(ForwardError::PrivateLinkOnly(_))),
        "{reply:?}"
    );
}

#[tokio::test]
async fn a_redirect_is_handed_back_and_not_followed() {
    let away = "HTTP/1.1 307 X\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let (reply, server) = meets(Act::raw(away)).await;
    assert_eq!(reply.unwrap().response.status(), 307);
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_never_completed_for_the_caller() {
    let server = Server::start(vec![token("canary-bearer-0001", 3600)]).await;
    let forwarder = forwarder(&server.url);
    let frames: Vec<Result<Frame<Bytes>, breakglass::databricks::BodyError>> = vec![
        Ok(Frame::data(Bytes::from_static(b"half"))),
        Err("the client went away".into()),
    ];
    let body = StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync();
    let mut headers = HeaderMap::new();
    headers.insert("content-length", "100".parse().unwrap());
    let sent = forwarder
        .send(&workspace(), Method::PUT, "/f", headers, body, 0)
        .await;
    assert!(matches!(sent, Err(ForwardError::Unknown(_))), "{sent:?}");
    assert_eq!(
        server.seen().len(),
        1,
        "the half request must not count as one"
    );
}

#[tokio::test]
async fn an_echoed_token_is_found_split_over_chunks_and_nothing_else_is() {
    let (server, forwarder) = {
        let server = Server::start(vec![
            token("canary-bearer-0001", 3600),
            Act::json(200, "{}"),
        ])
        .await;
        let forwarder = forwarder(&server.url);
        get(&forwarder, "/a", 0).await.unwrap();
        (server, forwarder)
    };
    let scan = |chunks: &[&str]| {
        let mut scanner = LeakScanner::new(forwarder.credential().clone());
        chunks.iter().any(|chunk| scanner.feed(chunk.as_bytes()))
    };
    assert!(scan(&["x canary-bear", "er-0001 y"]));
    assert!(scan(&["c", "anary-", "b", "earer-000", "1"]));
    assert!(scan(&[SECRET]));
    assert!(!scan(&[
        "canary-bearer-",
        "0002",
        &"filler ".repeat(500),
        "0001"
    ]));
    let mut patterns = 0;
    forwarder.credential().leak_needles(&mut |_| patterns += 1);
    assert!(patterns >= 8, "{patterns}");
    assert!(!format!("{forwarder:?} {:?}", forwarder.credential()).contains("canary"));
    drop(server);
}
