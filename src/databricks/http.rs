//! The one HTTP client for control-plane calls, and how its answers are read.
//!
//! One builder with every limit: no redirects, no retries, no proxy from the environment,
//! HTTP/1.1, rustls with our roots. Calls that make something use a connection of their own.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderMap;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use zeroize::Zeroizing;

use super::config::{Config, ConfigError};
use super::error::{
    CallError, Unreached, error_code, ip_blocked, private_link_redirect, sign_in_page,
};
use super::upstream::{Base, Upstream};

/// Longest reply of a control-plane call that is read.
const MAX_REPLY_BYTES: usize = 4 << 20;

/// The client could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A value of the configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The file of certificate authorities.
    #[error("[databricks] ca_file {path:?} holds no certificate that can be read: {why}")]
    CaFile {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// TLS or the HTTP client itself.
    #[error("the client for databricks cannot be built: {0}")]
    Http(String),
}

/// The way to Databricks' control plane. Cheap to clone; holds no secret.
#[derive(Clone)]
pub struct Client {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) config: Config,
    pub(super) tls: rustls::ClientConfig,
    /// Host and port of the outbound proxy, for the proxied leg as well.
    pub(super) proxy: Option<(String, u16)>,
    /// Keeps connections: reads and tokens.
    shared: reqwest::Client,
    /// Never keeps a connection: for calls that make or delete something, so that a dead
    /// pooled connection cannot make the outcome unknown.
    single: reqwest::Client,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Client({})", self.inner.config.account_host)
    }
}

/// A whole reply. Its body may hold a secret: wiped on drop, never printed.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// Whether Databricks itself says that a write was done: a page that somebody in between sent
    /// in its place says nothing.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.status, 200..=204) && !sign_in_page(self.status, &self.headers)
    }
}

impl Client {
    /// Checks the configuration, reads `ca_file` and builds the clients. Does no network call.
    pub fn new(config: &Config) -> Result<Client, BuildError> {
        config.check()?;
        let tls = tls_config(config)?;
        let shared = build(config, &tls, 4)?;
        let single = build(config, &tls, 0)?;
        let inner = Inner {
            config: config.clone(),
            tls,
            proxy: config.proxy_endpoint()?,
            shared,
            single,
        };
        Ok(Client {
            inner: Arc::new(inner),
        })
    }

    /// The configuration this client was built from.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    pub(super) fn base(&self, at: &Upstream) -> Result<Base, CallError> {
        let base = self.inner.config.base(at);
        base.ok_or_else(|| CallError::NotConfigured(at.to_string()))
    }

    /// A client for reads and tokens.
    pub(super) fn reading(&self) -> &reqwest::Client {
        &self.inner.shared
    }

    /// A client for calls that change something: a fresh connection each.
    pub(super) fn writing(&self) -> &reqwest::Client {
        &self.inner.single
    }
}

/// The only place where a `reqwest` client of this room is made.
fn build(
    config: &Config,
    tls: &rustls::ClientConfig,
    idle: usize,
) -> Result<reqwest::Client, BuildError> {
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls.clone())
        .user_agent(concat!("breakglass/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .http1_only()
        .http1_max_headers(64)
        .pool_max_idle_per_host(idle)
        // Long enough for a burst of calls; an idle connection keeps its last bearer in its buffer.
        .pool_idle_timeout(Duration::from_secs(1))
        .connect_timeout(Duration::from_millis(config.waits.connect_timeout_ms))
        .timeout(Duration::from_millis(config.waits.request_timeout_ms));
    if let Some((host, port)) = config.proxy_endpoint()? {
        let mut local = "127.0.0.1,localhost,::1".to_owned();
        for host in private_hosts(config) {
            local = format!("{local},{host}");
        }
        let local = reqwest::NoProxy::from_string(&local);
        let proxy = reqwest::Proxy::all(format!("http://{host}:{port}"))
            .map_err(|why| BuildError::Http(why.to_string()))?;
        builder = builder.proxy(proxy.no_proxy(local));
    }
    if let Some(address) = config.workspace_address {
        for host in private_hosts(config) {
            // Port 0: the port of the address stays in force.
            builder = builder.resolve(&host, (address, 0).into());
        }
    }
    builder
        .build()
        .map_err(|why| BuildError::Http(why.to_string()))
}

/// The workspace hosts behind a private link: reached at its address, and not by the proxy.
fn private_hosts(config: &Config) -> Vec<String> {
    if config.workspace_address.is_none() {
        return Vec::new();
    }
    let ids = config.workspaces.keys().cloned().map(Upstream::Workspace);
    ids.filter_map(|at| Some(config.base(&at)?.host().to_owned()))
        .collect()
}

/// TLS for both legs: `ca_file` alone when given, else the system's roots, else Mozilla's.
fn tls_config(config: &Config) -> Result<rustls::ClientConfig, BuildError> {
    use hyper_rustls::ConfigBuilderExt;
    let fresh = || {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|why| BuildError::Http(why.to_string()))
    };
    let Some(path) = &config.ca_file else {
        return Ok(match fresh()?.with_native_roots() {
            Ok(native) => native.with_no_client_auth(),
            Err(_) => fresh()?.with_webpki_roots().with_no_client_auth(),
        });
    };
    let fail = |why: String| BuildError::CaFile {
        path: path.clone(),
        why,
    };
    let mut roots = rustls::RootCertStore::empty();
    for found in CertificateDer::pem_file_iter(path).map_err(|why| fail(why.to_string()))? {
        let certificate = found.map_err(|why| fail(why.to_string()))?;
        roots
            .add(certificate)
            .map_err(|why| fail(why.to_string()))?;
    }
    if roots.is_empty() {
        return Err(fail("no CERTIFICATE block".to_owned()));
    }
    Ok(fresh()?.with_root_certificates(roots).with_no_client_auth())
}

/// Sends one request and reads the whole reply, within the client's time limit.
///
/// A failure to connect is definite; any failure after that is unknown.
pub(super) async fn exchange(
    step: &'static str,
    request: reqwest::RequestBuilder,
) -> Result<Answer, CallError> {
    let mut reply = request
        .send()
        .await
        .map_err(|why| sending_failed(step, &why))?;
    let status = reply.status().as_u16();
    let headers = std::mem::take(reply.headers_mut());
    let mut body = Zeroizing::new(Vec::new());
    loop {
        match reply.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= MAX_REPLY_BYTES => {
                body.extend_from_slice(&chunk);
            }
            Ok(Some(_)) => {
                return Err(CallError::Unknown {
                    step,
                    why: "reply too long",
                });
            }
            Ok(None) => {
                return Ok(Answer {
                    status,
                    headers,
                    body,
                });
            }
            Err(_) => {
                return Err(CallError::Unknown {
                    step,
                    why: "reply cut off",
                });
            }
        }
    }
}

fn sending_failed(step: &'static str, why: &reqwest::Error) -> CallError {
    if why.is_connect() {
        let why = if why.is_timeout() {
            Unreached::TimedOut
        } else {
            Unreached::NoConnection
        };
        return CallError::Unreachable { step, why };
    }
    let why = if why.is_timeout() {
        "no reply in time"
    } else {
        "connection lost"
    };
    CallError::Unknown { step, why }
}

/// What a reply that is not a success means.
pub(super) fn failure(step: &'static str, base: &Base, answer: &Answer) -> CallError {
    if private_link_redirect(answer.status, &answer.headers) {
        return CallError::PrivateLinkOnly {
            host: base.host().to_owned(),
        };
    }
    if sign_in_page(answer.status, &answer.headers) {
        return CallError::SignInPage {
            host: base.host().to_owned(),
        };
    }
    if ip_blocked(answer.status, &answer.body) {
        return CallError::IpBlocked {
            host: base.host().to_owned(),
        };
    }
    let (status, code) = (answer.status, error_code(&answer.body).0);
    match status {
        // A request that the server gave up on, or that a balancer cancelled, may have arrived.
        408 | 499 => CallError::Unexpected { step, status, code },
        400..500 => CallError::Refused { step, status, code },
        _ => CallError::Unexpected { step, status, code },
    }
}

/// Reads a success as JSON. A body that does not parse is reported without any of it.
pub(super) fn parsed<T: serde::de::DeserializeOwned>(
    step: &'static str,
    base: &Base,
    answer: &Answer,
) -> Result<T, CallError> {
    if answer.status != 200 {
        return Err(failure(step, base, answer));
    }
    serde_json::from_slice(&answer.body).map_err(|_| {
        if sign_in_page(answer.status, &answer.headers) {
            return failure(step, base, answer);
        }
        CallError::Unexpected {
            step,
            status: 200,
            code: "unreadable_reply".to_owned(),
        }
    })
}
