//! `breakglass simulate`: runs the Databricks simulator until it is told to stop.
//!
//! The first secret travels by file only: never in argv, never on the standard output.

use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::{CliError, Exit, Globals, Output};
use crate::simulator::{self, FirstSecret, Knobs, Principal, Running, SimulatorConfig, StartError};

/// Options of `breakglass simulate`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Example:\n  breakglass simulate --http 127.0.0.1:8080 --write-first-secret first.secret"
)]
pub struct Args {
    /// Serve plain HTTP here (port 0 picks a free one).
    #[arg(long, default_value = "127.0.0.1:0")]
    pub http: SocketAddr,
    /// Serve TLS here as well; needs --cert and --key.
    #[arg(long, requires = "cert", requires = "key")]
    pub tls: Option<SocketAddr>,
    /// Certificate chain for --tls, PEM.
    #[arg(long)]
    pub cert: Option<PathBuf>,
    /// Private key for --tls, PEM.
    #[arg(long)]
    pub key: Option<PathBuf>,
    /// Keep secrets, directory and assignments here, so that they survive a kill.
    #[arg(long)]
    pub state_file: Option<PathBuf>,
    /// Read the principal's first secret from this file.
    #[arg(long)]
    pub first_secret_file: Option<PathBuf>,
    /// Write the principal's first secret to this new file (mode 0600).
    #[arg(long)]
    pub write_first_secret: Option<PathBuf>,
    /// Knobs at start: a JSON file.
    #[arg(long)]
    pub knobs_file: Option<PathBuf>,
    /// Account id.
    #[arg(long)]
    pub account_id: Option<String>,
    /// Workspace id; may be given several times.
    #[arg(long)]
    pub workspace_id: Vec<u64>,
    /// Application id of the break-glass principal.
    #[arg(long)]
    pub application_id: Option<String>,
    /// Numeric id of the break-glass principal.
    #[arg(long)]
    pub principal_id: Option<u64>,
}

/// Why the simulator could not run.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// It did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A file named on the command line could not be used.
    #[error("cannot use {path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why; never its content.
        reason: String,
    },
    /// The signal handlers could not be installed.
    #[error("cannot wait for signals: {0}")]
    Signals(std::io::Error),
}

/// Starts, says where, and stays until SIGTERM or Ctrl-C.
///
/// # Errors
/// [`CliError`] when it cannot start or a file cannot be used.
pub async fn run(args: Args, globals: &Globals, _out: &Output) -> Result<Exit, CliError> {
    match simulate(args, globals.json).await {
        Ok(()) => Ok(Exit::DONE),
        Err(error) => Err(CliError::failed("simulate", error.to_string())),
    }
}

async fn simulate(args: Args, json: bool) -> Result<(), SimulateError> {
    let running = simulator::start(config(&args)?).await?;
    // The file is there before the ready line: whoever reads the line may read the file.
    if let (Some(path), Some(secret)) = (&args.write_first_secret, &running.first_secret) {
        write_secret(path, secret)?;
    }
    announce(json, &running);
    let mut terminate = signal(SignalKind::terminate()).map_err(SimulateError::Signals)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    running.shutdown();
    Ok(())
}

fn config(args: &Args) -> Result<SimulatorConfig, SimulateError> {
    let mut config = SimulatorConfig {
        http: Some(args.http),
        state_file: args.state_file.clone(),
        ..SimulatorConfig::default()
    };
    if let (Some(address), Some(cert), Some(key)) = (args.tls, &args.cert, &args.key) {
        config.tls = Some((address, cert.clone(), key.clone()));
    }
    if let Some(id) = &args.account_id {
        config.account_id.clone_from(id);
    }
    if !args.workspace_id.is_empty() {
        config.workspaces.clone_from(&args.workspace_id);
    }
    let Principal {
        application_id,
        id,
        display_name,
    } = Principal::default();
    config.principal = Principal {
        application_id: args.application_id.clone().unwrap_or(application_id),
        id: args.principal_id.unwrap_or(id),
        display_name,
    };
    if let Some(path) = &args.first_secret_file {
        config.first_secret = Some(FirstSecret(read(path)?.trim().to_owned()));
    }
    if let Some(path) = &args.knobs_file {
        let knobs: Knobs =
            serde_json::from_str(&read(path)?).map_err(|error| SimulateError::File {
                path: path.clone(),
                reason: error.to_string(),
            })?;
        config.knobs = knobs;
    }
    Ok(config)
}

fn read(path: &Path) -> Result<String, SimulateError> {
    std::fs::read_to_string(path).map_err(|error| SimulateError::File {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

fn write_secret(path: &Path, secret: &FirstSecret) -> Result<(), SimulateError> {
    let failed = |error: std::io::Error| SimulateError::File {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let mut options = std::fs::OpenOptions::new();
    // A new file only: an old one may be readable by others.
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    file.write_all(secret.0.as_bytes()).map_err(failed)
}

fn announce(json: bool, running: &Running) {
    let state = &running.state;
    let address = |address: Option<SocketAddr>| address.map(|address| address.to_string());
    if json {
        let line = json!({
            "http": address(running.http_addr),
            "tls": address(running.tls_addr),
            "account_id": state.account_id,
            "workspace_id": state.workspace_id().to_string(),
            "workspace_ids": state.workspaces,
            "application_id": state.principal.application_id,
            "principal_id": state.principal.id.to_string(),
            "process_id": std::process::id(),
        });
        println!("{line}");
    } else {
        for (name, address) in [("http", running.http_addr), ("https", running.tls_addr)] {
            if let Some(address) = address {
                println!("simulator: {name}://{address}");
            }
        }
        println!("simulator: account {}", state.account_id);
        println!("simulator: workspace {}", state.workspace_id());
        println!("simulator: principal {}", state.principal.application_id);
    }
    // A closed pipe must not stop a simulator that others already use.
    let _ = std::io::stdout().flush();
}
