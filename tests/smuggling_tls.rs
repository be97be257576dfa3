//! The listener's TLS: http/1.1 only by ALPN, the handler told that the connection is TLS, half
//! handshakes ended.

use std::sync::Arc;
use std::time::Duration;

use breakglass::listen::{Bound, Hosts, Limits, handler, tls_config};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Response;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

fn client(certificate: &rcgen::Certificate, alpn: &[&[u8]]) -> tokio_rustls::TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(certificate.der().clone())
        .expect("a fresh certificate is a root");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has both versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    tokio_rustls::TlsConnector::from(Arc::new(config))
}

#[tokio::test]
async fn tls_speaks_http_1_1_only_and_tells_the_handler() {
    let made = rcgen::generate_simple_self_signed(vec!["vault.test".to_owned()]).unwrap();
    let chain = made.cert.pem();
    let key = made.signing_key.serialize_pem();
    let tls = tls_config(chain.as_bytes(), key.as_bytes()).unwrap();
    let bound = Bound::bind("127.0.0.1:0".parse().unwrap(), Some(tls))
        .await
        .unwrap();
    let address = bound.address();
    let stop = CancellationToken::new();
    let hosts = Hosts::new().with(
        "vault.test",
        handler(|_, peer| async move {
            let text = Bytes::from(format!("tls={}", peer.tls));
            Response::new(
                Full::new(text)
                    .map_err(|never| match never {})
                    .boxed_unsync(),
            )
        }),
    );
    let limits = Limits {
        handshake: Duration::from_secs(5),
        ..Limits::default()
    };
    let served = tokio::spawn(bound.serve(hosts, limits, stop.clone()));

    let name = ServerName::try_from("vault.test").unwrap();
    let socket = TcpStream::connect(address).await.unwrap();
    let both: [&[u8]; 2] = [b"h2", b"http/1.1"];
    let mut stream = client(&made.cert, &both)
        .connect(name.clone(), socket)
        .await
        .unwrap();
    assert_eq!(
        stream.get_ref().1.alpn_protocol(),
        Some(b"http/1.1".as_slice())
    );
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: vault.test\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    assert!(
        reply.starts_with("HTTP/1.1 200") && reply.ends_with("tls=true"),
        "{reply}"
    );

    let socket = TcpStream::connect(address).await.unwrap();
    let only_h2 = client(&made.cert, &[b"h2"]).connect(name, socket).await;
    assert!(only_h2.is_err(), "a client that insists on h2 must fail");

    let mut half = TcpStream::connect(address).await.unwrap();
    half.write_all(&[22, 3, 1]).await.unwrap();
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(90), half.read_to_end(&mut rest)).await;
    assert!(closed.is_ok(), "a half handshake stayed open");

    stop.cancel();
    tokio::time::timeout(Duration::from_secs(90), served)
        .await
        .unwrap()
        .unwrap();
}

#[test]
fn unreadable_certificates_and_keys_are_named() {
    let made = rcgen::generate_simple_self_signed(vec!["vault.test".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["vault.test".to_owned()]).unwrap();
    let chain = made.cert.pem();
    assert!(tls_config(b"", b"").is_err());
    assert!(tls_config(chain.as_bytes(), b"no key").is_err());
    let foreign = other.signing_key.serialize_pem();
    assert!(tls_config(chain.as_bytes(), foreign.as_bytes()).is_err());
}
