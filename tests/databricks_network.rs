//! Real networks: TLS with our own authority, a pinned workspace address, and a CONNECT proxy that
//! sees no plain text. Control plane and proxied leg must behave alike.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::{Arc, Mutex};

use breakglass::databricks::{
    BuildError, CallError, Client, Config, Forwarder, OutBody, SessionCredential, Upstream, Waits,
};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{HeaderMap, Method};
use rustls::pki_types::PrivateKeyDer;
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

const HOST: &str = "dbc-1.example.test";
const REPLY: &str = r#"{"access_token":"canary-bearer-0001","expires_in":3600}"#;

/// A TLS server for `HOST` that answers every request with a token, and its authority's PEM.
async fn tls_server() -> (u16, String) {
    let made = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mut buffer = [0; 16 << 10];
                while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    let reply = format!(
                        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{REPLY}",
                        REPLY.len()
                    );
                    let _ = stream.write_all(reply.as_bytes()).await;
                    let _ = stream.flush().await;
                }
            });
        }
    });
    (port, made.cert.pem())
}

/// A CONNECT proxy to `port` that keeps the first line of each head and every byte it carried.
async fn connect_proxy(port: u16, status: &'static str) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = seen.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let kept = kept.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else {
                        return;
                    };
                    head.push(byte);
                }
                let text = String::from_utf8_lossy(&head);
                kept.lock()
                    .unwrap()
                    .push(text.lines().next().unwrap().to_owned());
                let _ = stream
                    .write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes())
                    .await;
                if status.starts_with("200") {
                    let mut far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                    let _ = copy_bidirectional(&mut stream, &mut far).await;
                }
            });
        }
    });
    (own, seen)
}

fn config(port: u16, ca_file: &Path) -> Config {
    let mut config: Config = toml::from_str(&format!(
        "account_host = 'https://127.0.0.1:{port}'\naccount_id = 'acc-1'\napplication_id = 'app-1'\nprincipal_id = 77\n[workspaces]\n42 = 'https://{HOST}:{port}'"
    ))
    .unwrap();
    config.ca_file = Some(ca_file.to_owned());
    config.waits = Waits {
        request_timeout_ms: 8000,
        connect_timeout_ms: 8000,
        ..Waits::default()
    };
    config
}

fn workspace() -> Upstream {
    Upstream::Workspace("42".into())
}

/// Whether both legs reach the workspace.
async fn both_legs(config: &Config) -> (Result<(), CallError>, bool) {
    let client = Client::new(config).unwrap();
    let secret = SecretString::from("dosecanary");
    let control = client.mint(&workspace(), &secret, 0).await.map(|_| ());
    let credential = Arc::new(SessionCredential::new(client.clone(), secret));
    let forwarder = Forwarder::new(&client, credential);
    let body: OutBody = Empty::<Bytes>::new()
        .map_err(|never| match never {})
        .boxed_unsync();
    let sent = forwarder
        .send(
            &workspace(),
            Method::GET,
            "/api/2.0/x",
            HeaderMap::new(),
            body,
            0,
        )
        .await;
    (control, sent.is_ok())
}

fn written(pem: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pem).unwrap();
    file
}

#[tokio::test]
async fn a_private_link_address_is_used_with_the_name_still_checked() {
    let (port, pem) = tls_server().await;
    let file = written(&pem);
    let mut config = config(port, file.path());
    config.workspace_address = Some([127, 0, 0, 1].into());
    assert_eq!(both_legs(&config).await, (Ok(()), true));
    // The account host is not pinned, and the certificate does not carry its name.
    let client = Client::new(&config).unwrap();
    let account = client
        .mint(&Upstream::Account, &SecretString::from("x"), 0)
        .await;
    assert!(
        matches!(account, Err(CallError::Unreachable { .. })),
        "{account:?}"
    );
}

#[tokio::test]
async fn a_foreign_authority_is_definite_and_nothing_was_said() {
    let (port, _) = tls_server().await;
    let other = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
    let file = written(&other.cert.pem());
    let mut config = config(port, file.path());
    config.workspace_address = Some([127, 0, 0, 1].into());
    let (control, forwarded) = both_legs(&config).await;
    assert!(
        matches!(control, Err(CallError::Unreachable { .. })),
        "{control:?}"
    );
    assert!(!forwarded);
}

#[tokio::test]
async fn both_legs_go_through_the_connect_proxy() {
    let (port, pem) = tls_server().await;
    let (proxy, seen) = connect_proxy(port, "200 Connected").await;
    let file = written(&pem);
    let mut config = config(port, file.path());
    config.proxy = Some(format!("http://127.0.0.1:{proxy}"));
    assert_eq!(both_legs(&config).await, (Ok(()), true));
    let expected = format!("CONNECT {HOST}:{port} HTTP/1.1");
    let seen = seen.lock().unwrap();
    assert!(
        seen.len() >= 2 && seen.iter().all(|line| *line == expected),
        "{seen:?}"
    );
}

#[tokio::test]
async fn a_workspace_behind_a_private_link_is_reached_past_the_outbound_proxy() {
    let (port, pem) = tls_server().await;
    let (proxy, seen) = connect_proxy(port, "200 Connected").await;
    let file = written(&pem);
    let mut config = config(port, file.path());
    config.account_host = format!("https://accounts.example.test:{port}");
    config.proxy = Some(format!("http://127.0.0.1:{proxy}"));
    config.workspace_address = Some([127, 0, 0, 1].into());
    assert_eq!(both_legs(&config).await, (Ok(()), true));
    assert!(seen.lock().unwrap().is_empty(), "{seen:?}");
    // The account's host is public: it goes by the proxy (and the certificate is not its own).
    let client = Client::new(&config).unwrap();
    let secret = SecretString::from("x");
    let account = client.mint(&Upstream::Account, &secret, 0).await;
    assert!(account.is_err(), "{account:?}");
    let expected = format!("CONNECT accounts.example.test:{port} HTTP/1.1");
    assert_eq!(*seen.lock().unwrap(), [expected]);
}

#[tokio::test]
async fn a_proxy_that_refuses_is_definite() {
    let (port, pem) = tls_server().await;
    let (proxy, _) = connect_proxy(port, "403 Forbidden").await;
    let file = written(&pem);
    let mut config = config(port, file.path());
    config.proxy = Some(format!("http://127.0.0.1:{proxy}"));
    let (control, forwarded) = both_legs(&config).await;
    assert!(
        matches!(control, Err(CallError::Unreachable { .. })),
        "{control:?}"
    );
    assert!(!forwarded);
}

#[tokio::test]
async fn a_file_of_authorities_that_holds_none_is_named() {
    let file = written("not a certificate");
    let why = Client::new(&config(1, file.path())).unwrap_err();
    assert!(matches!(why, BuildError::CaFile { .. }), "{why}");
    assert!(Client::new(&config(1, Path::new("no/such/file"))).is_err());
}
