//! `breakglass.toml`: each room owns its own table; this joins, reads and checks them.
//!
//! Unknown keys are refused. Secrets come only as paths of files that nobody else may read. Read
//! by `cli` and by nobody else.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::alerts::ChannelConfig;
use crate::databricks;
use crate::domain::ids::{Digest, VaultId};
use crate::domain::policy::ChannelRule;
use crate::store;

mod secret_file;
mod shared;
mod url;
mod watch;

pub use secret_file::{read_secret, read_secret_bytes, too_open, write_secret};
pub use shared::shared_tables;
pub use url::{HostUrl, UrlError};
pub use watch::Watch;

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The vault's id; must be the roster's.
    pub vault: VaultId,
    /// Folder for everything the vault keeps; relative paths are relative to this file.
    pub data: PathBuf,
    /// Name of this node in entries.
    #[serde(default = "default_node")]
    pub node: String,
    /// File with the log's 32-byte seed, hexadecimal; made by `init` when missing.
    pub log_seed_file: Option<PathBuf>,
    /// The console: our API.
    pub console: Console,
    /// The proxy, towards Databricks.
    pub proxy: Proxy,
    /// Certificate for listeners that are not on loopback.
    pub tls: Option<Tls>,
    /// Where rows and log are; SQLite in `data` when missing.
    pub store: Option<store::Config>,
    /// Room reserved on the database's disk for the way back when it is full, MiB.
    #[serde(default = "default_ballast")]
    pub ballast_mib: u64,
    /// The account, its workspaces and the principal.
    pub databricks: databricks::Config,
    /// Ways to people.
    pub channels: Vec<ChannelConfig>,
    /// What watches from outside.
    #[serde(default)]
    pub watch: Watch,
}

/// `[console]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Console {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// URL people dial; its host is the console's name.
    pub url: String,
    /// Origin of the custodian's page, when another machine than the vault serves it.
    pub custodian_origin: Option<String>,
}

/// `[proxy]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proxy {
    /// Address of the TLS listener; may be the console's, then the name decides.
    pub listen: Option<SocketAddr>,
    /// URL clients dial; its host is the proxy's name, `accounts.<host>` the account's.
    pub url: Option<String>,
    /// Plain listener, loopback only.
    pub plain_listen: Option<SocketAddr>,
    /// Calls one session may have in flight.
    #[serde(default = "default_calls")]
    pub calls_in_flight: usize,
}

/// `[tls]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// PEM chain.
    pub cert_file: PathBuf,
    /// PEM key; nobody else may read it.
    pub key_file: PathBuf,
    /// PEM of our own CA, handed to clients; without it they use public roots.
    pub ca_file: Option<PathBuf>,
}

fn default_node() -> String {
    "n1".to_owned()
}

fn default_ballast() -> u64 {
    256
}

fn default_calls() -> usize {
    256
}

/// Why a configuration is not usable.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not the expected TOML; the message names key and line.
    #[error("{path}: {message}")]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// What toml said.
        message: String,
    },
    /// A secret file that others may read.
    #[error("{path} may be read by others (mode {mode:03o}): chmod 600 it")]
    Readable {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A value that cannot be.
    #[error("{key}: {why}")]
    Value {
        /// Which key.
        key: &'static str,
        /// What is wrong.
        why: String,
    },
}

impl Config {
    /// Reads and checks a file. Also gives the hash of its text, which `log.recover` carries.
    ///
    /// # Errors
    /// [`ConfigError`] with the key and what is wrong with it.
    pub fn read(path: &Path) -> Result<(Self, Digest), ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let mut config: Self = toml::from_str(&text).map_err(|e| ConfigError::Syntax {
            path: path.to_owned(),
            message: e.to_string().trim_end().to_owned(),
        })?;
        // Of a bare file name the parent is the empty path, which no system call takes.
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        config.make_absolute(folder.unwrap_or(Path::new(".")));
        config.check()?;
        Ok((config, Digest::of(text.as_bytes())))
    }

    fn make_absolute(&mut self, folder: &Path) {
        self.data = folder.join(&self.data);
        let data = self.data.clone();
        let paths = self.log_seed_file.iter_mut();
        let tls = self.tls.iter_mut().flat_map(|tls| {
            [
                Some(&mut tls.cert_file),
                Some(&mut tls.key_file),
                tls.ca_file.as_mut(),
            ]
            .into_iter()
            .flatten()
        });
        let ca = self.databricks.ca_file.iter_mut();
        for path in paths.chain(tls).chain(ca) {
            *path = folder.join(&*path);
        }
        for channel in &mut self.channels {
            channel.make_absolute(folder);
        }
        self.watch.make_absolute(folder);
        let store = self.store.get_or_insert(store::Config {
            sqlite: None,
            postgres_url_file: None,
        });
        if let Some(path) = &mut store.sqlite {
            *path = folder.join(&*path);
        } else if store.postgres_url_file.is_none() {
            // `data` has the folder in it already.
            store.sqlite = Some(data.join("vault.db"));
        }
        if let Some(url_file) = &mut store.postgres_url_file {
            url_file.path = folder.join(&url_file.path);
            url_file.data = data;
        }
    }

    fn check(&self) -> Result<(), ConfigError> {
        let value = |key, why: String| ConfigError::Value { key, why };
        self.databricks
            .check()
            .map_err(|e| value("databricks", e.to_string()))?;
        let console =
            HostUrl::parse(&self.console.url).map_err(|e| value("console.url", e.to_string()))?;
        if let Some(url) = &self.console.custodian_origin {
            HostUrl::parse(url).map_err(|e| value("console.custodian_origin", e.to_string()))?;
        }
        if let Some(url) = &self.proxy.url {
            let proxy = HostUrl::parse(url).map_err(|e| value("proxy.url", e.to_string()))?;
            let shared = self.proxy.listen == Some(self.console.listen);
            if shared && proxy.host == console.host {
                let why = "console and proxy share a listener and need two names".to_owned();
                return Err(value("proxy.url", why));
            }
        }
        if self.proxy.listen.is_some() != self.proxy.url.is_some() {
            return Err(value("proxy", "listen and url belong together".to_owned()));
        }
        if self.proxy.listen.is_none() && self.proxy.plain_listen.is_none() {
            return Err(value(
                "proxy",
                "needs listen with url, or plain_listen".to_owned(),
            ));
        }
        if self.proxy.calls_in_flight == 0 || self.proxy.calls_in_flight > 512 {
            return Err(value(
                "proxy.calls_in_flight",
                "must be 1 to 512".to_owned(),
            ));
        }
        Ok(())
    }

    /// Where the log's seed is.
    #[must_use]
    pub fn log_seed_file(&self) -> PathBuf {
        self.log_seed_file
            .clone()
            .unwrap_or_else(|| self.data.join("log.seed"))
    }

    /// The store's own table; `read` has filled it in.
    #[must_use]
    pub fn store(&self) -> store::Config {
        self.store.clone().unwrap_or(store::Config {
            sqlite: Some(self.data.join("vault.db")),
            postgres_url_file: None,
        })
    }

    /// Origin of the log, `<public host>/log/<vault id>/e1`.
    ///
    /// # Errors
    /// Never after [`Config::read`].
    pub fn origin(&self) -> Result<String, ConfigError> {
        let url = HostUrl::parse(&self.console.url).map_err(|e| ConfigError::Value {
            key: "console.url",
            why: e.to_string(),
        })?;
        Ok(format!("{}/log/{}/e1", url.host, self.vault))
    }

    /// What the policy must say about the channels.
    ///
    /// # Errors
    /// [`ConfigError::Value`] when a channel's secret file cannot be read: the policy holds its hash.
    pub fn channel_rules(&self) -> Result<Vec<ChannelRule>, ConfigError> {
        let rule = |channel: &ChannelConfig| {
            channel
                .rule(&mut channel_secret)
                .map_err(|e| ConfigError::Value {
                    key: "channels",
                    why: e.to_string(),
                })
        };
        self.channels.iter().map(rule).collect()
    }
}

/// Reads the log's seed.
///
/// # Errors
/// [`ConfigError`]: missing, readable by others, or not 64 hexadecimal characters.
pub fn read_log_seed(path: &Path) -> Result<Zeroizing<[u8; 32]>, ConfigError> {
    let text = read_secret_bytes(path)?;
    let mut seed = Zeroizing::new([0; 32]);
    let trimmed = text.trim_ascii();
    hex::decode_to_slice(trimmed, &mut *seed).map_err(|_| ConfigError::Value {
        key: "log_seed_file",
        why: "must hold 64 hexadecimal characters".to_owned(),
    })?;
    Ok(seed)
}

/// Reads the emergency log's seed, and makes it where there is none yet.
///
/// # Errors
/// As [`read_log_seed`].
pub fn emergency_seed(data: &Path) -> Result<Zeroizing<[u8; 32]>, ConfigError> {
    let path = data.join("emergency.seed");
    if !path.exists() {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).map_err(|_| ConfigError::Value {
            key: "data",
            why: "the system gives no randomness".to_owned(),
        })?;
        write_secret(
            &path,
            Zeroizing::new(hex::encode(seed.as_slice())).as_bytes(),
        )?;
    }
    read_log_seed(&path)
}

/// Reads a secret for a channel; the caller of `alerts::build`.
///
/// # Errors
/// The sentence of [`ConfigError`].
pub fn channel_secret(path: &Path) -> Result<SecretString, String> {
    read_secret(path).map_err(|e| e.to_string())
}
