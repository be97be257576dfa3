//! Builds a vault from its configuration: what `serve` and `init` share. Nothing else builds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::CliError;
use crate::alerts;
use crate::app::clock::SystemClock;
use crate::app::{App, AppError, Settings, Watch};
use crate::audit::note::NoteSigner;
use crate::config::{self, Config, ConfigError, HostUrl};
use crate::databricks::Client;
use crate::domain::canonical;
use crate::domain::ids::Digest;
use crate::domain::log_epoch::split_origin;
use crate::domain::time::Clock;
use crate::store::{
    BackupStamp, Ballast, EmergencyLog, LogIdentity, SecretLogSeed, Store, StoreError, peek,
};

/// A configuration with what was derived from it.
pub(super) struct Parts {
    pub config: Config,
    path: PathBuf,
    pub config_sha256: Digest,
    pub clock: Arc<dyn Clock>,
    /// Number of the log's epoch: 1, until another one is declared.
    log_epoch: u32,
}

/// Whatever the vault writes is for its own user alone: database, log, lock file, seed.
#[cfg(unix)]
pub(super) fn keep_files_private() {
    // The former mask is nobody's business any more.
    let _ = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
}

#[cfg(not(unix))]
pub(super) fn keep_files_private() {}

impl Parts {
    pub(super) fn read(path: &Path) -> Result<Self, CliError> {
        keep_files_private();
        let (config, config_sha256) = Config::read(path).map_err(|e| config_error(&e))?;
        let store = config.store();
        if let Some(url_file) = &store.postgres_url_file {
            // The store reads it again; here only who else may read it is looked at.
            drop(config::read_secret_bytes(&url_file.path).map_err(|e| config_error(&e))?);
        }
        Ok(Self {
            config,
            path: path.to_owned(),
            config_sha256,
            clock: Arc::new(SystemClock),
            log_epoch: 1,
        })
    }

    /// Reads which epoch the log is in from the vault's own head; opening the store then checks
    /// that head with the key of that name.
    ///
    /// # Errors
    /// A database that cannot be read, or the log of another vault in it.
    pub(super) async fn learn_log_epoch(&mut self) -> Result<(), CliError> {
        let found = peek::log_origin(&self.config.store()).await;
        let Some(origin) = found.map_err(|e| store_error(&e))? else {
            return Ok(());
        };
        let ours = self.origin()?;
        let (base, _) = split_origin(&ours).unwrap_or((&ours, 1));
        match split_origin(&origin) {
            Some((found, number)) if found == base => {
                self.log_epoch = number;
                Ok(())
            }
            _ => Err(CliError::log_broken(format!(
                "the database holds the log {origin}, the configuration names {base}"
            ))),
        }
    }

    /// The log's epoch.
    pub(super) fn log_epoch(&self) -> u32 {
        self.log_epoch
    }

    /// The same vault in another epoch of its log.
    pub(super) fn in_log_epoch(mut self, number: u32) -> Self {
        self.log_epoch = number;
        self
    }

    /// Name of the log in its epoch.
    fn origin(&self) -> Result<String, CliError> {
        let first = self.config.origin().map_err(|e| config_error(&e))?;
        let (base, _) = split_origin(&first).unwrap_or((&first, 1));
        Ok(format!("{base}/e{}", self.log_epoch))
    }

    /// The log's name and key for this process.
    pub(super) fn log_identity(&self) -> Result<LogIdentity, CliError> {
        let seed =
            config::read_log_seed(&self.config.log_seed_file()).map_err(|e| config_error(&e))?;
        let mut boot = [0_u8; 4];
        getrandom::fill(&mut boot)
            .map_err(|_| CliError::failed("no_randomness", "the system gives no randomness"))?;
        Ok(LogIdentity {
            origin: self.origin()?,
            seed: SecretLogSeed::new(*seed),
            node: self.config.node.clone(),
            boot: hex::encode(boot),
        })
    }

    /// What the story keeps for bad days: the emergency log and the ballast.
    pub(super) fn keep_reserves(&self, app: &App) -> Result<(), CliError> {
        let config = &self.config;
        let seed = config::emergency_seed(&config.data).map_err(|e| config_error(&e))?;
        let identity = LogIdentity {
            seed: SecretLogSeed::new(*seed),
            ..self.log_identity()?
        };
        let log = EmergencyLog::open(&config.data, identity).map_err(|e| store_error(&e))?;
        app.keep_emergency_log(log);
        let ballast = Ballast::new(&config.data, config.ballast_mib << 20);
        if let Err(error) = app.keep_ballast(ballast) {
            tracing::warn!(%error, "no room could be reserved: a full disk will end the process");
        }
        Ok(())
    }

    /// The log's public key as a C2SP vkey.
    pub(super) fn log_vkey(&self) -> Result<String, CliError> {
        let seed =
            config::read_log_seed(&self.config.log_seed_file()).map_err(|e| config_error(&e))?;
        let origin = self.origin()?;
        let signer = NoteSigner::from_seed(&origin, &seed)
            .map_err(|e| CliError::failed("log_key", e.to_string()))?;
        Ok(signer.verifier_key().to_string())
    }

    /// What every node of this vault must agree on, by name: settings, channels, the log's key.
    pub(super) fn shared(&self) -> Result<BTreeMap<String, String>, CliError> {
        // What a standby cannot read is better found now than when it takes over.
        let channels = alerts::build(&self.config.channels, &mut config::channel_secret);
        drop(channels.map_err(|e| CliError::usage(e.to_string()))?);
        let tables = config::shared_tables(&self.path).map_err(|e| config_error(&e))?;
        let named = tables.into_iter();
        let mut shared: BTreeMap<_, _> = named.map(|(name, hash)| (name, hash.hex())).collect();
        // With the hashes of their secrets, as the policy has them.
        let rules = self.config.channel_rules().map_err(|e| config_error(&e))?;
        let rules =
            canonical::to_bytes(&rules).map_err(|e| CliError::failed("channels", e.to_string()))?;
        shared.insert("channels".to_owned(), Digest::of(&rules).hex());
        shared.insert("channel secrets".to_owned(), self.channel_secrets()?);
        shared.insert("log key".to_owned(), self.log_vkey()?);
        Ok(shared)
    }

    /// A mark of the secrets that the channels' rules say nothing of, keyed with the log's seed:
    /// the database holds it, and must not tell a password to whoever guesses.
    fn channel_secrets(&self) -> Result<String, CliError> {
        use hmac::{KeyInit as _, Mac as _};
        let seed =
            config::read_log_seed(&self.config.log_seed_file()).map_err(|e| config_error(&e))?;
        let mut mark = hmac::Hmac::<sha2::Sha256>::new_from_slice(&*seed)
            .map_err(|e| CliError::failed("channels", e.to_string()))?;
        mark.update(b"breakglass/channel-secrets/v1\0");
        for channel in &self.config.channels {
            for path in channel.kept_secrets() {
                let secret = config::read_secret_bytes(path).map_err(|e| config_error(&e))?;
                let secret = secret.trim_ascii();
                for part in [channel.name().as_bytes(), secret] {
                    mark.update(&(part.len() as u64).to_be_bytes());
                    mark.update(part);
                }
            }
        }
        Ok(hex::encode(mark.finalize().into_bytes()))
    }

    /// The story over an open store.
    pub(super) async fn app(&self, store: Store) -> Result<App, CliError> {
        let config = &self.config;
        let databricks = Client::new(&config.databricks)
            .map_err(|e| CliError::usage(format!("databricks: {e}")))?;
        let channels = alerts::build(&config.channels, &mut config::channel_secret)
            .map_err(|e| CliError::usage(e.to_string()))?;
        App::new(
            store,
            Arc::clone(&self.clock),
            databricks,
            channels,
            self.settings()?,
        )
        .await
        .map_err(|e| CliError::failed(e.code(), e.to_string()))
    }

    fn settings(&self) -> Result<Settings, CliError> {
        let config = &self.config;
        let account = config.proxy.url.as_deref().map(account_url).transpose()?;
        Ok(Settings {
            vault: config.vault.clone(),
            origin: self.origin()?,
            log_vkey: self.log_vkey()?,
            console_url: config.console.url.trim_end_matches('/').to_owned(),
            proxy_url: config
                .proxy
                .url
                .as_ref()
                .map(|u| u.trim_end_matches('/').to_owned()),
            account_proxy_url: account,
            plain_url: config
                .proxy
                .plain_listen
                .map(|address| format!("http://{address}")),
            ca_pem: self.ca_pem()?,
            custodian_origin: config.console.custodian_origin.clone(),
            watch: self.watch()?,
        })
    }

    /// What watches from outside.
    fn watch(&self) -> Result<Watch, CliError> {
        let watch = &self.config.watch;
        let address = watch.heartbeat_url_file.as_deref().map(config::read_secret);
        let address = address.transpose().map_err(|e| config_error(&e))?;
        let heartbeat = address.as_ref().map(alerts::Heartbeat::new);
        let heartbeat = heartbeat
            .transpose()
            .map_err(|why| CliError::usage(format!("watch: {why}")))?;
        let bearer = watch.metrics_token_file.as_deref();
        let bearer = bearer
            .map(config::read_secret_bytes)
            .transpose()
            .map_err(|e| config_error(&e))?;
        Ok(Watch {
            fallback: watch.fallback.clone(),
            heartbeat: heartbeat.map(Arc::new),
            heartbeat_pause: watch
                .heartbeat_every_s
                .map(|every| Duration::from_secs(u64::from(every.get()))),
            metrics_token_sha256: bearer.map(|bytes| Digest::of(bytes.trim_ascii())),
            backup_stamp: Some(BackupStamp::path(&self.config.data)),
        })
    }

    /// PEM of our own CA, if clients need it.
    pub(super) fn ca_pem(&self) -> Result<Option<String>, CliError> {
        let file = self
            .config
            .tls
            .as_ref()
            .and_then(|tls| tls.ca_file.as_ref());
        file.map(|path| {
            std::fs::read_to_string(path)
                .map_err(|e| CliError::usage(format!("cannot read {}: {e}", path.display())))
        })
        .transpose()
    }
}

fn account_url(proxy_url: &str) -> Result<String, CliError> {
    let url = HostUrl::parse(proxy_url).map_err(|e| CliError::usage(e.to_string()))?;
    Ok(format!("https://accounts.{}:{}", url.host, url.port))
}

/// A configuration that cannot be used is a usage error: exit code 2.
pub(super) fn config_error(error: &ConfigError) -> CliError {
    CliError::usage(error.to_string())
}

/// A store that does not open, in the words of the contract's exit codes.
pub(super) fn store_error(error: &StoreError) -> CliError {
    match error {
        StoreError::Forked { .. } => CliError::log_broken(error.to_string()).hint(
            "start nothing. If this database was restored on purpose, its log goes on only by a \
             declared epoch: breakglass log new-epoch propose; otherwise call security",
        ),
        full if full.is_want_of_room() => {
            let why = format!("the disk is full, so the vault cannot open its store: {full}");
            CliError::failed("store", why)
                .hint("free space there, keep every emergency.* file, and start again")
                .page("log-broken")
        }
        _ => CliError::failed("store", error.to_string()),
    }
}

/// What the story said, with its next step.
pub(super) fn story_error(error: &AppError) -> CliError {
    match error {
        AppError::Store(error) => store_error(error),
        other => CliError::failed(other.code(), other.to_string())
            .hint(other.hint())
            .page(other.runbook()),
    }
}
