//! A Databricks to practise on: account and workspace host with real token checks, limits and
//! error shapes, and knobs for everything the real service leaves unknown (facts §8).
//!
//! Must not know: anything of ours. It imports no other room, so that a mistake shared by the
//! vault and its test bench cannot hide; Databricks' own clients are run against it directly.

mod assignments;
mod auth;
mod body;
mod call;
mod catalog;
mod clock;
mod clusters;
mod control;
mod discovery;
mod engine;
mod experiments;
mod files;
mod gzip;
mod jobs;
mod knobs;
mod never;
mod permissions;
mod persist;
mod presigned;
mod recorder;
mod reply;
mod router;
mod runs;
mod scim;
mod secret_scopes;
mod secrets;
mod seed;
mod server;
mod settings;
pub mod sinks;
mod state;
mod statements;
mod thrift;
mod tls;
mod tokens;
mod warehouses;
mod wire;
mod workspace;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;

pub use knobs::Knobs;
pub use state::{Principal, State};

/// What a simulator is started with.
#[derive(Debug, Clone)]
pub struct SimulatorConfig {
    /// Where plain HTTP is served; `None` for no plain listener.
    pub http: Option<SocketAddr>,
    /// Where TLS is served: address, certificate chain file, key file (both PEM).
    pub tls: Option<(SocketAddr, PathBuf, PathBuf)>,
    /// The account id (a UUID in the real service).
    pub account_id: String,
    /// Workspace ids; the first one answers the workspace host.
    pub workspaces: Vec<u64>,
    /// The break-glass service principal.
    pub principal: Principal,
    /// The first secret of the principal; generated when absent. Held only as its SHA-256.
    pub first_secret: Option<FirstSecret>,
    /// Faults and unknowns at start.
    pub knobs: Knobs,
    /// Where secrets, directory and assignments survive a kill; `None` for memory only.
    pub state_file: Option<PathBuf>,
}

/// A secret value on its way in or out of the simulator; `Debug` never prints it.
#[derive(Clone)]
pub struct FirstSecret(pub String);

impl std::fmt::Debug for FirstSecret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("FirstSecret(…)")
    }
}

impl Default for SimulatorConfig {
    fn default() -> Self {
        Self {
            http: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            tls: None,
            account_id: "7a1f2c3d-0000-4000-8000-00000000acc1".to_owned(),
            workspaces: vec![900_800_700_600],
            principal: Principal::default(),
            first_secret: None,
            knobs: Knobs::default(),
            state_file: None,
        }
    }
}

/// Why a simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address could not be bound.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Certificate or key could not be used.
    #[error("cannot use the certificate or key: {0}")]
    Tls(String),
    /// The state file could not be read or written.
    #[error("cannot use the state file {path}: {reason}")]
    StateFile {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The configuration names no workspace.
    #[error("a simulator needs at least one workspace id")]
    NoWorkspace,
}

/// A running simulator; dropping it stops the listeners.
#[derive(Debug)]
pub struct Running {
    /// Bound plain address.
    pub http_addr: Option<SocketAddr>,
    /// Bound TLS address.
    pub tls_addr: Option<SocketAddr>,
    /// Shared state, for tests in the same process.
    pub state: Arc<State>,
    /// The first secret's value; `None` when the state file already held secrets.
    pub first_secret: Option<FirstSecret>,
    shutdown: watch::Sender<bool>,
}

impl Running {
    /// Stops accepting and drops open connections.
    pub fn shutdown(&self) {
        // Nobody listening any more means it is already down.
        let _ = self.shutdown.send(true);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown();
    }
}

/// Binds the listeners and serves in background tasks.
///
/// # Errors
/// [`StartError`] when an address, the certificate or the state file cannot be used.
pub async fn start(config: SimulatorConfig) -> Result<Running, StartError> {
    if config.workspaces.is_empty() {
        return Err(StartError::NoWorkspace);
    }
    let acceptor = match &config.tls {
        Some((_, certificate, key)) => Some(tls::acceptor(certificate, key)?),
        None => None,
    };
    let (state, first_secret) = State::build(&config)?;
    let state = Arc::new(state);
    let (shutdown, stopped) = watch::channel(false);
    let mut running = Running {
        http_addr: None,
        tls_addr: None,
        state: state.clone(),
        first_secret,
        shutdown,
    };
    if let Some(address) = config.http {
        let bound = server::listen(address, None, state.clone(), stopped.clone()).await?;
        running.http_addr = Some(bound);
    }
    if let (Some((address, _, _)), Some(acceptor)) = (&config.tls, acceptor) {
        running.tls_addr = Some(server::listen(*address, Some(acceptor), state, stopped).await?);
    }
    Ok(running)
}

#[cfg(test)]
mod tests;
