//! Connections of the proxied leg: direct, to a pinned address, or through a CONNECT proxy.
//!
//! Knows only configured hosts. TLS is put on top by `forward.rs`, so a proxy sees no plain text.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::upstream::is_loopback;

/// Longest head of a CONNECT reply that is read.
const MAX_CONNECT_REPLY_BYTES: usize = 8 << 10;

/// Opens one TCP connection for a configured upstream.
#[derive(Clone)]
pub(super) struct Dialer {
    pub(super) timeout: Duration,
    /// CONNECT proxy: host and port.
    pub(super) proxy: Option<(String, u16)>,
    /// Address for the workspace hosts, and which hosts those are.
    pub(super) pinned: Option<(IpAddr, Arc<Vec<String>>)>,
}

impl tower::Service<Uri> for Dialer {
    type Response = TokioIo<TcpStream>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let dialer = self.clone();
        Box::pin(async move {
            let late = |_| std::io::Error::from(std::io::ErrorKind::TimedOut);
            let stream = tokio::time::timeout(dialer.timeout, dialer.open(&to))
                .await
                .map_err(late)??;
            stream.set_nodelay(true)?;
            Ok(TokioIo::new(stream))
        })
    }
}

impl Dialer {
    async fn open(&self, to: &Uri) -> std::io::Result<TcpStream> {
        let host = to.host().unwrap_or_default();
        let default = if to.scheme_str() == Some("http") {
            80
        } else {
            443
        };
        let port = to.port_u16().unwrap_or(default);
        // A private link leads straight to the workspace: the way out has no part in it.
        if let Some((address, hosts)) = &self.pinned
            && hosts.iter().any(|each| each == host)
        {
            return TcpStream::connect((*address, port)).await;
        }
        match &self.proxy {
            Some((proxy, proxy_port)) if !is_loopback(host) => {
                let stream = TcpStream::connect((proxy.as_str(), *proxy_port)).await?;
                tunnel(stream, host, port).await
            }
            _ => TcpStream::connect((host.trim_matches(['[', ']']), port)).await,
        }
    }
}

/// `CONNECT host:port`; anything but a 200 with nothing behind its head is a failure to connect.
async fn tunnel(mut stream: TcpStream, host: &str, port: u16) -> std::io::Result<TcpStream> {
    let ask = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n");
    stream.write_all(ask.as_bytes()).await?;
    let mut head = Vec::new();
    // Byte by byte: what follows the head belongs to TLS.
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == MAX_CONNECT_REPLY_BYTES {
            return Err(std::io::Error::other(
                "the proxy's reply to CONNECT is too long",
            ));
        }
        head.push(stream.read_u8().await?);
    }
    if head.starts_with(b"HTTP/1.1 200") || head.starts_with(b"HTTP/1.0 200") {
        return Ok(stream);
    }
    Err(std::io::Error::other("the proxy refused CONNECT"))
}
