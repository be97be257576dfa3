//! The outside service: Databricks over real HTTP.
//!
//! What is here: minting tokens, making and deleting secrets with their three-way outcomes, who
//! the principal is, and the proxied leg. What this room must not know: incidents, people, the
//! log, the store. It never retries a write and never waits for anything but the wire; the
//! saga in `app` decides what an unknown outcome means.
//!
//! Bearers stay here: `token.rs` and `leak.rs` alone look at one.

mod access;
mod account;
mod config;
mod dial;
mod error;
mod forward;
mod http;
mod identity;
mod leak;
mod rights;
mod secrets;
mod token;
mod upstream;

pub use access::{Holder, HolderKind, WhoElse};
pub use account::{IpLists, Metastore, Workspace};
pub use config::{Cloud, Config, ConfigError, Waits, WorkspaceAdmin};
pub use error::{CallError, Unreached, ip_blocked, private_link_redirect, token_refused};
pub use forward::{BodyError, ForwardError, Forwarder, OutBody, Reply};
pub use http::{BuildError, Client};
pub use identity::{GroupRef, Me, Principal, WorkspaceAdmins};
pub use leak::LeakScanner;
pub use secrets::{CreateOutcome, DeleteOutcome, NewSecret, SecretRecord};
pub use token::{Minted, SessionCredential};
pub use upstream::Upstream;
