//! The proxied leg: one request of the responder, carried to a constant authority with the real
//! bearer set last.
//!
//! Not reqwest: it would normalise the target. What `domain/target.rs` made canonical is sent
//! byte for byte. No redirects, no upgrades, no second try: a retry is the proxy's to log.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{self, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::dial::Dialer;
use super::error::{CallError, Unreached, private_link_redirect};
use super::http::Client;
use super::token::SessionCredential;
use super::upstream::{Base, Upstream};

/// Why a request body ended early.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;
/// A request body on its way out.
pub type OutBody = UnsyncBoxBody<Bytes, BodyError>;

/// Names that never pass from the caller: ours to set, or about the connection.
static NEVER_FORWARDED: [HeaderName; 14] = [
    header::AUTHORIZATION,
    header::CONNECTION,
    header::COOKIE,
    header::EXPECT,
    header::FORWARDED,
    header::HOST,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("x-databricks-org-id"),
];
const WORKSPACE_ID: HeaderName = HeaderName::from_static("x-databricks-workspace-id");

/// The reply of an upstream, its body not yet read.
#[derive(Debug)]
pub struct Reply {
    /// Status, headers and body as Databricks sent them.
    pub response: Response<Incoming>,
    /// Which token was used: [`SessionCredential::renew`] wants it after a refusal.
    pub token_number: u64,
}

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// No token could be had; nothing was sent.
    #[error(transparent)]
    Token(CallError),
    /// The upstream or target is not one we send to; nothing was sent.
    #[error("the target is not one that is forwarded")]
    Target,
    /// No connection; nothing was sent.
    #[error("databricks is not reachable: {0}")]
    Unreachable(Unreached),
    /// The request may have been carried out.
    #[error("it is unknown whether databricks did it: {0}")]
    Unknown(&'static str),
    /// The upstream tried to switch protocols; the connection is dropped.
    #[error("databricks tried to switch protocols")]
    SwitchedProtocols,
    /// The workspace answers on its private link only.
    #[error("{0} answers on its private link only")]
    PrivateLinkOnly(String),
}

impl ForwardError {
    /// Whether it is certain that the request did nothing.
    pub fn is_definite(&self) -> bool {
        !matches!(
            self,
            ForwardError::Unknown(_) | ForwardError::SwitchedProtocols
        )
    }
}

/// One session's way out: its own connections, its own credential. Drop it at close.
pub struct Forwarder {
    credential: Arc<SessionCredential>,
    bases: HashMap<Upstream, Base>,
    client: legacy::Client<HttpsConnector<Dialer>, Paced>,
    head_timeout: Duration,
}

impl std::fmt::Debug for Forwarder {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Forwarder({} upstreams)", self.bases.len())
    }
}

impl Forwarder {
    /// A way out for the account host and every configured workspace.
    pub fn new(client: &Client, credential: Arc<SessionCredential>) -> Forwarder {
        let config = client.config();
        let known = config.workspaces.keys().cloned().map(Upstream::Workspace);
        let bases: HashMap<Upstream, Base> = std::iter::once(Upstream::Account)
            .chain(known)
            .filter_map(|at| config.base(&at).map(|base| (at, base)))
            .collect();
        let workspace_hosts = bases
            .iter()
            .filter(|(at, _)| **at != Upstream::Account)
            .map(|(_, base)| base.host().to_owned())
            .collect();
        let dialer = Dialer {
            timeout: Duration::from_millis(config.waits.connect_timeout_ms),
            proxy: client.inner.proxy.clone(),
            pinned: config
                .workspace_address
                .map(|to| (to, Arc::new(workspace_hosts))),
        };
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(client.inner.tls.clone())
            .https_or_http()
            .enable_http1()
            .wrap_connector(dialer);
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            // As many as a session may have calls under way: with fewer, clients that work at once
            // make a new connection for every other call. They end with the session.
            .pool_max_idle_per_host(512)
            .http1_max_headers(128)
            .retry_canceled_requests(false)
            .build(https);
        let head_timeout = Duration::from_millis(config.waits.head_timeout_ms);
        Forwarder {
            credential,
            bases,
            client,
            head_timeout,
        }
    }

    /// The session's credential, for [`SessionCredential::renew`] and the leak scan.
    pub fn credential(&self) -> &Arc<SessionCredential> {
        &self.credential
    }

    /// Sends one request. `target` is the canonical origin-form; `headers` passed the allow-list.
    ///
    /// The caller has written `call.begin` durably: from here on bytes may leave.
    pub async fn send(
        &self,
        at: &Upstream,
        method: Method,
        target: &str,
        headers: HeaderMap,
        body: OutBody,
        now_at_ms: i64,
    ) -> Result<Reply, ForwardError> {
        let base = self.bases.get(at).ok_or(ForwardError::Target)?;
        let uri = address(base, target).ok_or(ForwardError::Target)?;
        if method == Method::CONNECT {
            return Err(ForwardError::Target);
        }
        let (token, token_number) = self
            .credential
            .token(at, now_at_ms)
            .await
            .map_err(ForwardError::Token)?;
        let progress = Arc::new(AtomicU64::new(0));
        let body = Paced {
            inner: body,
            progress: progress.clone(),
        };
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = outgoing(headers, at, token.header())?;
        let sent = self.client.request(request);
        let response = within(self.head_timeout, &progress, sent)
            .await
            .ok_or(ForwardError::Unknown("no response head in time"))?
            .map_err(|why| broken(&why))?;
        checked(base, response).map(|response| Reply {
            response,
            token_number,
        })
    }
}

/// Scheme and authority are constants; only path and query come from the canonical target.
fn address(base: &Base, target: &str) -> Option<Uri> {
    let origin = target.starts_with('/') && !target.starts_with("//");
    let path: PathAndQuery = target.parse().ok()?;
    // A parse that changed the target (a dropped fragment) would break "what was judged is sent".
    if !origin || path.as_str() != target {
        return None;
    }
    let mut parts = hyper::http::uri::Parts::default();
    parts.scheme = Some(base.scheme.clone());
    parts.authority = Some(base.authority.clone());
    parts.path_and_query = Some(path);
    let uri = Uri::from_parts(parts).ok()?;
    (uri.authority() == Some(&base.authority)).then_some(uri)
}

/// Drops what must not pass, names the workspace, sets the bearer last and asserts it is single.
fn outgoing(
    mut headers: HeaderMap,
    at: &Upstream,
    bearer: HeaderValue,
) -> Result<HeaderMap, ForwardError> {
    for name in &NEVER_FORWARDED {
        headers.remove(name);
    }
    headers.remove(WORKSPACE_ID);
    if let Upstream::Workspace(id) = at {
        let id = HeaderValue::try_from(id.as_str()).map_err(|_| ForwardError::Target)?;
        headers.insert(WORKSPACE_ID, id);
    }
    headers.insert(AUTHORIZATION, bearer);
    if headers.get_all(AUTHORIZATION).iter().count() != 1 {
        return Err(ForwardError::Target);
    }
    Ok(headers)
}

fn checked(base: &Base, response: Response<Incoming>) -> Result<Response<Incoming>, ForwardError> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Err(ForwardError::SwitchedProtocols);
    }
    if private_link_redirect(response.status().as_u16(), response.headers()) {
        return Err(ForwardError::PrivateLinkOnly(base.host().to_owned()));
    }
    Ok(response)
}

fn broken(why: &legacy::Error) -> ForwardError {
    if !why.is_connect() {
        return ForwardError::Unknown("the connection was lost");
    }
    let mut cause = std::error::Error::source(why);
    while let Some(error) = cause {
        let io = error.downcast_ref::<std::io::Error>();
        if io.is_some_and(|io| io.kind() == std::io::ErrorKind::TimedOut) {
            return ForwardError::Unreachable(Unreached::TimedOut);
        }
        cause = error.source();
    }
    ForwardError::Unreachable(Unreached::NoConnection)
}

/// Waits for the head; each stretch of `limit` without one counts only if no body moved in it.
async fn within<F: Future>(limit: Duration, progress: &AtomicU64, sent: F) -> Option<F::Output> {
    tokio::pin!(sent);
    loop {
        let before = progress.load(Ordering::Relaxed);
        match tokio::time::timeout(limit, &mut sent).await {
            Ok(done) => return Some(done),
            Err(_) if progress.load(Ordering::Relaxed) != before => {}
            Err(_) => return None,
        }
    }
}

/// A body that counts its frames, so that a long upload is not taken for silence.
struct Paced {
    inner: OutBody,
    progress: Arc<AtomicU64>,
}

impl Body for Paced {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        if polled.is_ready() {
            self.progress.fetch_add(1, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_is_constant_whatever_the_target_says() {
        let base = Base::parse("https://dbc-1.cloud.databricks.com").unwrap();
        let good = address(&base, "/api/2.0/x?a=%2F").unwrap();
        assert_eq!(
            good.to_string(),
            "https://dbc-1.cloud.databricks.com/api/2.0/x?a=%2F"
        );
        for bad in [
            "//evil.example/x",
            "https://evil.example/",
            "@evil",
            "",
            "*",
            "/a#b",
            "/a b",
        ] {
            assert!(address(&base, bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_bearer_is_single_and_the_workspace_is_ours() {
        let mut headers = HeaderMap::new();
        headers.append("authorization", "Bearer one".parse().unwrap());
        headers.append("authorization", "Bearer two".parse().unwrap());
        headers.insert("x-databricks-workspace-id", "666".parse().unwrap());
        headers.insert("x-databricks-org-id", "666".parse().unwrap());
        headers.insert("connection", "authorization".parse().unwrap());
        headers.insert("accept", "*/*".parse().unwrap());
        let at = Upstream::Workspace("42".into());
        let out = outgoing(headers, &at, HeaderValue::from_static("Bearer real")).unwrap();
        assert_eq!(out.get_all("authorization").iter().count(), 1);
        assert_eq!(out["authorization"], "Bearer real");
        assert_eq!(out["x-databricks-workspace-id"], "42");
        assert_eq!(out.len(), 3);
    }
}
