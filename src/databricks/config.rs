//! `[databricks]` of the configuration file, and the waits of the rotation saga.
//!
//! It holds no secret: the client secret is sealed, never configured.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use serde::Deserialize;

use super::upstream::{Base, Upstream};

/// `[databricks]`: where the service is and which principal we guard.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address of the account host, such as `https://accounts.cloud.databricks.com`.
    pub account_host: String,
    /// Account id (a UUID).
    pub account_id: String,
    /// Workspace id (digits) to workspace address.
    #[serde(default)]
    pub workspaces: BTreeMap<String, String>,
    /// The principal's application id (a UUID): the OAuth client id.
    pub application_id: String,
    /// The principal's numeric SCIM id; secrets are addressed by it.
    pub principal_id: u64,
    /// The cloud, for the discovery document and for words shown to people.
    #[serde(default)]
    pub cloud: Cloud,
    /// A proxy reached by CONNECT (`http://host:port`); TLS stays end to end. Loopback upstreams
    /// and workspaces behind `workspace_address` never use it. Environment variables are not consulted.
    #[serde(default)]
    pub proxy: Option<String>,
    /// PEM file of the certificate authorities to trust instead of the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Address to connect to for every workspace host (private link); names stay as they are. The
    /// account's host is reached as ever, by the proxy where there is one.
    #[serde(default)]
    pub workspace_address: Option<IpAddr>,
    /// Addresses from which Databricks sees this vault come: `doctor` looks for them on IP access
    /// lists. Used for nothing else.
    #[serde(default)]
    pub egress_addresses: Vec<IpAddr>,
    /// How the principal comes to be admin of the target workspace.
    #[serde(default)]
    pub workspace_admin: WorkspaceAdmin,
    /// Waits and time limits.
    #[serde(default)]
    pub waits: Waits,
}

/// How the principal comes to be admin of a workspace (PROTOCOL §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkspaceAdmin {
    /// The vault assigns it when a session opens and takes it away at close.
    #[default]
    AtOpen,
    /// It always is: for workspaces without identity federation, whose assignments the account
    /// cannot change. Grants go through the workspace's group `admins` then.
    Standing,
}

/// The cloud a Databricks account lives on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cloud {
    /// Amazon Web Services.
    #[default]
    Aws,
    /// Microsoft Azure.
    Azure,
    /// Google Cloud.
    Gcp,
}

impl Cloud {
    /// The word in Databricks' discovery document.
    pub fn word(self) -> &'static str {
        match self {
            Cloud::Aws => "AWS",
            Cloud::Azure => "AZURE",
            Cloud::Gcp => "GCP",
        }
    }
}

/// `[databricks.waits]`: every wait towards Databricks. Defaults are for the real service; the
/// demo sets hundredths and says so.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Waits {
    /// How long in all a fresh secret may answer `invalid_client` before it counts as bad.
    pub create_propagation_ms: u64,
    /// Pause between two tries while waiting for propagation.
    pub propagation_step_ms: u64,
    /// After an unknown create: pause before the first list.
    pub reconcile_wait_ms: u64,
    /// Pause between the two lists of a reconciliation or of a proof of death.
    pub reconcile_gap_ms: u64,
    /// The three refused token requests of a proof of death span at least this.
    pub delete_proof_ms: u64,
    /// Longest pause between two tries to delete the predecessor.
    pub delete_retry_max_ms: u64,
    /// How long `Me` may take to name our principal with a fresh token.
    pub me_poll_ms: u64,
    /// Whole time of one control-plane request.
    pub request_timeout_ms: u64,
    /// Time to connect, TLS included.
    pub connect_timeout_ms: u64,
    /// Proxied leg: longest silence before the response head while nothing is being uploaded.
    pub head_timeout_ms: u64,
}

impl Default for Waits {
    fn default() -> Waits {
        Waits {
            create_propagation_ms: 60_000,
            propagation_step_ms: 1_000,
            reconcile_wait_ms: 30_000,
            reconcile_gap_ms: 15_000,
            delete_proof_ms: 60_000,
            delete_retry_max_ms: 60_000,
            me_poll_ms: 60_000,
            request_timeout_ms: 30_000,
            connect_timeout_ms: 10_000,
            head_timeout_ms: 900_000,
        }
    }
}

/// A value of `[databricks]` that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// An address that is neither https nor loopback http, or has more than host and port.
    #[error(
        "[databricks] {key} must be https://host[:port], or http:// on loopback; it is {value:?}"
    )]
    Address {
        /// The key of the configuration file.
        key: String,
        /// The value found.
        value: String,
    },
    /// An id with characters that would change a path.
    #[error("[databricks] {key} must be 1 to 64 letters, digits or hyphens; it is {value:?}")]
    Id {
        /// The key of the configuration file.
        key: String,
        /// The value found.
        value: String,
    },
    /// A proxy that is not `http://host:port`.
    #[error("[databricks] proxy must be http://host:port without a name or password in it")]
    Proxy,
}

impl Config {
    /// Checks every value without touching the network or a file.
    pub fn check(&self) -> Result<(), ConfigError> {
        address("account_host", &self.account_host)?;
        id("account_id", &self.account_id)?;
        id("application_id", &self.application_id)?;
        for (workspace, url) in &self.workspaces {
            id("workspaces", workspace)?;
            address(&format!("workspaces.{workspace}"), url)?;
        }
        self.check_proxy()
    }

    /// Checks the outbound proxy alone, for whoever is just being asked for it.
    ///
    /// # Errors
    /// [`ConfigError::Proxy`].
    pub fn check_proxy(&self) -> Result<(), ConfigError> {
        self.proxy_endpoint().map(|_| ())
    }

    /// The constant address of an upstream, or `None` for a workspace that is not configured.
    pub(super) fn base(&self, at: &Upstream) -> Option<Base> {
        match at {
            Upstream::Account => Base::parse(&self.account_host),
            Upstream::Workspace(id) => Base::parse(self.workspaces.get(id)?),
        }
    }

    /// Host and port of the CONNECT proxy, when one is configured.
    pub(super) fn proxy_endpoint(&self) -> Result<Option<(String, u16)>, ConfigError> {
        let Some(text) = &self.proxy else {
            return Ok(None);
        };
        let uri: hyper::Uri = text.parse().map_err(|_| ConfigError::Proxy)?;
        match (
            uri.scheme_str(),
            uri.host(),
            uri.port_u16(),
            uri.authority(),
        ) {
            (Some("http"), Some(host), Some(port), Some(whole))
                if !whole.as_str().contains('@') && uri.path() == "/" =>
            {
                Ok(Some((host.to_owned(), port)))
            }
            _ => Err(ConfigError::Proxy),
        }
    }
}

fn address(key: &str, value: &str) -> Result<(), ConfigError> {
    match Base::parse(value) {
        Some(_) => Ok(()),
        None => Err(ConfigError::Address {
            key: key.to_owned(),
            value: value.to_owned(),
        }),
    }
}

fn id(key: &str, value: &str) -> Result<(), ConfigError> {
    if is_plain_id(value) {
        return Ok(());
    }
    Err(ConfigError::Id {
        key: key.to_owned(),
        value: value.to_owned(),
    })
}

/// Whether an id can stand in a path without changing it.
pub(super) fn is_plain_id(value: &str) -> bool {
    (1..=64).contains(&value.len())
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        account_host = "https://accounts.cloud.databricks.com"
        account_id = "2f1c7a90-0000-4000-8000-000000000001"
        application_id = "6d0e8f11-0000-4000-8000-000000000002"
        principal_id = 4429021012345678
        workspaces = { "900800700600" = "https://dbc-0123.cloud.databricks.com" }
    "#;

    #[test]
    fn a_minimal_table_takes_the_waits_of_the_real_service() {
        let config: Config = toml::from_str(GOOD).unwrap();
        assert_eq!(config.check(), Ok(()));
        assert_eq!(config.waits.create_propagation_ms, 60_000);
        assert_eq!(config.waits.reconcile_gap_ms, 15_000);
        assert_eq!(config.cloud.word(), "AWS");
    }

    #[test]
    fn an_unknown_key_is_refused_at_both_levels() {
        assert!(toml::from_str::<Config>(&format!("{GOOD}\nclient_secret = 'x'")).is_err());
        assert!(toml::from_str::<Config>(&format!("{GOOD}\n[waits]\nscale = 2")).is_err());
    }

    #[test]
    fn odd_addresses_ids_and_proxies_are_named() {
        let with = |change: &dyn Fn(&mut Config)| {
            let mut config: Config = toml::from_str(GOOD).unwrap();
            change(&mut config);
            config.check().unwrap_err().to_string()
        };
        assert!(with(&|c| c.account_host = "http://example.com".into()).contains("account_host"));
        assert!(with(&|c| c.account_id = "a/../b".into()).contains("account_id"));
        assert!(with(&|c| c.proxy = Some("http://me:pw@host:1".into())).contains("proxy"));
    }
}
