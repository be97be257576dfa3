//! Raw sockets against the listener with a recording handler: what the handler saw must be exactly
//! the requests that were sent, and ambiguous ones must never reach it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use breakglass::listen::{Bound, Hosts, Limits, handler};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Response;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

type Seen = Arc<Mutex<Vec<String>>>;
type Refused = Arc<Mutex<Vec<&'static str>>>;

struct Server {
    address: SocketAddr,
    seen: Seen,
    /// What the listener told its observer.
    refused: Refused,
    stop: CancellationToken,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn server(limits: Limits) -> Server {
    let seen = Seen::default();
    let record = Arc::clone(&seen);
    let recording = handler(move |request: hyper::Request<_>, _| {
        let record = Arc::clone(&record);
        async move {
            let line = format!("{} {}", request.method(), request.uri());
            let (_, body) = request.into_parts();
            let body: Result<_, breakglass::listen::BodyError> =
                breakglass::listen::RequestBody::collect(body).await;
            let text = match body {
                Ok(body) => format!("{line} {}", String::from_utf8_lossy(&body.to_bytes())),
                Err(_) => format!("{line} BROKEN"),
            };
            record.lock().expect("no test panics with it").push(text);
            Response::new(
                Full::new(Bytes::from_static(b"ok"))
                    .map_err(|never| match never {})
                    .boxed_unsync(),
            )
        }
    });
    let bound = Bound::bind("127.0.0.1:0".parse().expect("an address"), None)
        .await
        .expect("works on loopback");
    let address = bound.address();
    let stop = CancellationToken::new();
    let refused = Refused::default();
    let count = Arc::clone(&refused);
    let hosts = Hosts::new()
        .with("vault.test", recording)
        .watched_by(Arc::new(move |refusal, peer| {
            assert!(peer.address.ip().is_loopback());
            count
                .lock()
                .expect("no test panics with it")
                .push(refusal.word());
        }));
    tokio::spawn(bound.serve(hosts, limits, stop.clone()));
    Server {
        address,
        seen,
        refused,
        stop,
    }
}

/// Sends bytes, closes the write side, and reads the whole reply.
async fn send(server: &Server, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(server.address)
        .await
        .expect("works on loopback");
    let _ = socket.write_all(bytes).await;
    let _ = socket.shutdown().await;
    let mut reply = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(60), socket.read_to_end(&mut reply)).await;
    assert!(read.is_ok(), "the connection stayed open");
    String::from_utf8_lossy(&reply).into_owned()
}

/// A request behind the one under test: it must be seen exactly when the first was plain.
const BEHIND: &str = "GET /behind HTTP/1.1\r\nHost: vault.test\r\nConnection: close\r\n\r\n";

/// Heads (and bodies) that must never reach the handler, nor anything behind them.
fn ambiguous() -> Vec<(&'static str, String)> {
    let post = "POST /a HTTP/1.1\r\nHost: vault.test\r\n";
    let get = "GET /a HTTP/1.1\r\nHost: vault.test\r\n";
    let te = "Transfer-Encoding: chunked\r\n";
    let chunk = "0\r\n\r\n";
    vec![
        (
            "length then chunked",
            format!("{post}Content-Length: 5\r\n{te}\r\n{chunk}"),
        ),
        (
            "chunked then length",
            format!("{post}{te}Content-Length: 5\r\n\r\n{chunk}"),
        ),
        (
            "chunked and length 0",
            format!("{post}{te}Content-Length: 0\r\n\r\n{chunk}"),
        ),
        (
            "two equal lengths",
            format!("{post}Content-Length: 1\r\nContent-Length: 1\r\n\r\na"),
        ),
        (
            "two lengths",
            format!("{post}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
        ),
        (
            "list of lengths",
            format!("{post}Content-Length: 1, 1\r\n\r\na"),
        ),
        (
            "signed length",
            format!("{post}Content-Length: +1\r\n\r\na"),
        ),
        (
            "negative length",
            format!("{post}Content-Length: -1\r\n\r\na"),
        ),
        ("hex length", format!("{post}Content-Length: 0x1\r\n\r\na")),
        ("empty length", format!("{post}Content-Length:\r\n\r\na")),
        (
            "huge length",
            format!("{post}Content-Length: 99999999999999999999\r\n\r\na"),
        ),
        (
            "length with a tail",
            format!("{post}Content-Length: 1a\r\n\r\na"),
        ),
        (
            "xchunked",
            format!("{post}Transfer-Encoding: xchunked\r\n\r\n{chunk}"),
        ),
        (
            "gzip, chunked",
            format!("{post}Transfer-Encoding: gzip, chunked\r\n\r\n{chunk}"),
        ),
        (
            "chunked, identity",
            format!("{post}Transfer-Encoding: chunked, identity\r\n\r\n{chunk}"),
        ),
        (
            "identity",
            format!("{post}Transfer-Encoding: identity\r\n\r\n"),
        ),
        ("two encodings", format!("{post}{te}{te}\r\n{chunk}")),
        (
            "vertical tab in encoding",
            format!("{post}Transfer-Encoding: \x0bchunked\r\n\r\n{chunk}"),
        ),
        (
            "space before colon",
            format!("{post}Transfer-Encoding : chunked\r\n\r\n{chunk}"),
        ),
        (
            "tab before colon",
            format!("{post}Content-Length\t: 1\r\n\r\na"),
        ),
        (
            "folded header",
            format!("{post}X: a\r\n Content-Length: 1\r\n\r\na"),
        ),
        (
            "folded encoding",
            format!("{post}Transfer-Encoding:\r\n chunked\r\n\r\n{chunk}"),
        ),
        (
            "chunked on 1.0",
            format!("POST /a HTTP/1.0\r\nHost: vault.test\r\n{te}\r\n{chunk}"),
        ),
        (
            "bare line feeds",
            "GET /a HTTP/1.1\nHost: vault.test\n\n".to_owned(),
        ),
        ("one bare line feed", format!("{get}X: a\nY: b\r\n\r\n")),
        ("bare carriage return", format!("{get}X: a\rY: b\r\n\r\n")),
        ("line feed after the head", format!("{get}\n")),
        ("nul in a value", format!("{get}X: a\0b\r\n\r\n")),
        ("control byte in a name", format!("{get}X\x01: a\r\n\r\n")),
        ("no colon", format!("{get}X a\r\n\r\n")),
        ("empty name", format!("{get}: a\r\n\r\n")),
        ("no host", "GET /a HTTP/1.1\r\n\r\n".to_owned()),
        ("two hosts", format!("{get}Host: vault.test\r\n\r\n")),
        (
            "two different hosts",
            format!("{get}Host: evil.test\r\n\r\n"),
        ),
        (
            "foreign host",
            "GET /a HTTP/1.1\r\nHost: evil.test\r\n\r\n".to_owned(),
        ),
        (
            "host with user",
            "GET /a HTTP/1.1\r\nHost: a@vault.test\r\n\r\n".to_owned(),
        ),
        (
            "host with a path",
            "GET /a HTTP/1.1\r\nHost: vault.test/x\r\n\r\n".to_owned(),
        ),
        (
            "host with two ports",
            "GET /a HTTP/1.1\r\nHost: vault.test:1:2\r\n\r\n".to_owned(),
        ),
        ("empty host", "GET /a HTTP/1.1\r\nHost:\r\n\r\n".to_owned()),
        (
            "absolute form",
            "GET http://vault.test/a HTTP/1.1\r\nHost: vault.test\r\n\r\n".to_owned(),
        ),
        (
            "absolute form elsewhere",
            "GET http://evil/a HTTP/1.1\r\nHost: vault.test\r\n\r\n".to_owned(),
        ),
        (
            "connect",
            "CONNECT evil:443 HTTP/1.1\r\nHost: vault.test\r\n\r\n".to_owned(),
        ),
        (
            "asterisk",
            "OPTIONS * HTTP/1.1\r\nHost: vault.test\r\n\r\n".to_owned(),
        ),
        (
            "lower-case method",
            "get /a HTTP/1.1\r\nHost: vault.test\r\n\r\n".to_owned(),
        ),
        (
            "purge",
            "PURGE /a HTTP/1.1\r\nHost: vault.test\r\n\r\n".to_owned(),
        ),
        (
            "trace",
            "TRACE /a HTTP/1.1\r\nHost: vault.test\r\n\r\n".to_owned(),
        ),
        (
            "websocket",
            format!("{get}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
        ),
        (
            "h2c",
            format!("{get}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n"),
        ),
        ("h2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
        ("http 0.9", "GET /a\r\n".to_owned()),
        (
            "http 1.2",
            "GET /a HTTP/1.2\r\nHost: vault.test\r\n\r\n".to_owned(),
        ),
        (
            "underscore name",
            format!("{get}X_Forwarded_For: a\r\n\r\n"),
        ),
        (
            "two authorizations",
            format!("{get}Authorization: a\r\nAuthorization: b\r\n\r\n"),
        ),
        ("empty line first", format!("\r\n{get}\r\n")),
        (
            "two spaces",
            "GET  /a HTTP/1.1\r\nHost: vault.test\r\n\r\n".to_owned(),
        ),
        (
            "sixty-five headers",
            format!("{get}{}\r\n", "X: a\r\n".repeat(65)),
        ),
        (
            "long target",
            format!(
                "GET /{} HTTP/1.1\r\nHost: vault.test\r\n\r\n",
                "a".repeat(70_000)
            ),
        ),
    ]
}

#[tokio::test]
async fn no_ambiguous_request_reaches_the_handler_nor_anything_behind_it() {
    let server = server(Limits::default()).await;
    let cases = ambiguous();
    assert!(cases.len() >= 40);
    for (name, first) in cases {
        let reply = send(&server, format!("{first}{BEHIND}").as_bytes()).await;
        assert!(
            server.seen.lock().unwrap().is_empty(),
            "{name} reached the handler"
        );
        let answered = reply.is_empty()
            || reply.starts_with("HTTP/1.1 4")
            || reply.starts_with("HTTP/1.1 505");
        assert!(answered, "{name}: {reply}");
        assert!(reply.matches("HTTP/1.1 ").count() <= 1, "{name}: {reply}");
        // A reply of ours has an entry: the observer is who writes it.
        let told = std::mem::take(&mut *server.refused.lock().unwrap());
        assert_eq!(told.len(), 1, "{name}: {told:?}");
    }
}

#[tokio::test]
async fn broken_chunks_never_become_a_second_request() {
    let head = "POST /a HTTP/1.1\r\nHost: vault.test\r\nTransfer-Encoding: chunked\r\n\r\n";
    for body in [
        "1;x=y\r\na\r\n0\r\n\r\n",
        "1\na\n0\n\n",
        "+1\r\na\r\n0\r\n\r\n",
        "0x1\r\na\r\n0\r\n\r\n",
        "1 \r\na\r\n0\r\n\r\n",
        "1\r\nab\r\n0\r\n\r\n",
        "0\r\nX: trailer\r\n\r\n",
        "ffffffffffffffffff\r\na",
        "\r\n0\r\n\r\n",
    ] {
        let server = server(Limits::default()).await;
        send(&server, format!("{head}{body}{BEHIND}").as_bytes()).await;
        let seen = server.seen.lock().unwrap().clone();
        assert!(
            !seen.iter().any(|line| line.contains("/behind")),
            "{body:?}: {seen:?}"
        );
        assert!(
            seen.iter().all(|line| line.ends_with("BROKEN")),
            "{body:?}: {seen:?}"
        );
    }
}

#[tokio::test]
async fn plain_requests_in_one_connection_are_seen_once_each() {
    let server = server(Limits::default()).await;
    let first = "POST /a?x=1 HTTP/1.1\r\nHost: VAULT.test:80\r\nContent-Length: 5\r\n\r\nhello";
    let second = "PUT /b HTTP/1.1\r\nHost: vault.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let reply = send(&server, format!("{first}{second}{BEHIND}").as_bytes()).await;
    assert_eq!(reply.matches("HTTP/1.1 200").count(), 3, "{reply}");
    assert_eq!(
        *server.seen.lock().unwrap(),
        ["POST /a?x=1 hello", "PUT /b abc", "GET /behind "]
    );
}

#[tokio::test]
async fn slow_heads_idle_connections_and_half_bodies_are_closed() {
    let limits = Limits {
        header: Duration::from_secs(1),
        body_idle: Duration::from_secs(1),
        ..Limits::default()
    };
    let server = server(limits).await;
    for start in [
        "",
        "GET / HT",
        "GET / HTTP/1.1\r\nHost: vau",
        "POST /a HTTP/1.1\r\nHost: vault.test\r\nContent-Length: 9\r\n\r\nhalf",
    ] {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(start.as_bytes()).await.unwrap();
        let mut reply = Vec::new();
        let closed =
            tokio::time::timeout(Duration::from_secs(60), socket.read_to_end(&mut reply)).await;
        assert!(closed.is_ok(), "{start:?} stayed open");
    }
    assert_eq!(*server.seen.lock().unwrap(), ["POST /a BROKEN"]);
}

#[tokio::test]
async fn connections_over_the_limit_are_dropped_and_places_come_back() {
    let limits = Limits {
        connections_per_loopback_peer: 2,
        ..Limits::default()
    };
    let server = server(limits).await;
    let one = TcpStream::connect(server.address).await.unwrap();
    let two = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(send(&server, BEHIND.as_bytes()).await, "");
    drop((one, two));
    let came_back = async {
        while !send(&server, BEHIND.as_bytes())
            .await
            .starts_with("HTTP/1.1 200")
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), came_back)
        .await
        .expect("a place comes back");
}

#[tokio::test]
async fn a_stopped_listener_takes_nobody_in() {
    let server = server(Limits::default()).await;
    assert!(
        send(&server, BEHIND.as_bytes())
            .await
            .starts_with("HTTP/1.1 200")
    );
    server.stop.cancel();
    let gone = async {
        while TcpStream::connect(server.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), gone)
        .await
        .unwrap();
}

#[tokio::test]
async fn plain_http_is_refused_outside_loopback() {
    assert!(
        Bound::bind("0.0.0.0:0".parse().unwrap(), None)
            .await
            .is_err()
    );
}
