//! What the account shows of itself to somebody who sets a vault up or looks after one: its
//! workspaces, who may be assigned to them, IP access lists, the metastore and its audit tables.
//!
//! Reads only, with a bearer that somebody gave for it. Decides nothing.

use std::net::IpAddr;

use serde_json::Value;

use super::config::{Cloud, is_plain_id};
use super::error::CallError;
use super::http::Client;
use super::token::Minted;
use super::upstream::Upstream;

/// One workspace of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// Numeric id as text.
    pub id: String,
    /// The name people gave it; may be empty.
    pub name: String,
    /// First label of its host name, where the account says it.
    pub deployment: Option<String>,
}

impl Workspace {
    /// The address it most likely has on this cloud; `None` when nothing is known of it.
    #[must_use]
    pub fn likely_address(&self, cloud: Cloud) -> Option<String> {
        let deployment = self.deployment.as_deref()?;
        let domain = match cloud {
            Cloud::Aws => "cloud.databricks.com",
            Cloud::Azure => "azuredatabricks.net",
            Cloud::Gcp => "gcp.databricks.com",
        };
        Some(format!("https://{deployment}.{domain}"))
    }
}

/// IP access lists of one host, those that are switched on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IpLists {
    /// Whether the workspace enforces them; `None` where the host does not say (the account).
    pub enforced: Option<bool>,
    /// Addresses and networks that may come in; empty = all.
    pub allow: Vec<String>,
    /// Addresses and networks that may not.
    pub block: Vec<String>,
}

impl IpLists {
    /// Whether this address is let in by what the lists say, as if they were enforced.
    #[must_use]
    pub fn let_in(&self, address: IpAddr) -> bool {
        let in_any = |list: &[String]| list.iter().any(|one| network_holds(one, address));
        (self.allow.is_empty() || in_any(&self.allow)) && !in_any(&self.block)
    }
}

/// The metastore a workspace uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metastore {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// User, group or principal that owns it; empty when not told.
    pub owner: String,
}

impl Client {
    /// Every workspace of the account.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn workspaces(&self, bearer: &Minted) -> Result<Vec<Workspace>, CallError> {
        let path = format!("/api/2.0/accounts/{}/workspaces", self.config().account_id);
        let list = self
            .read_json(&Upstream::Account, bearer, &path, &[])
            .await?;
        let list = list.unwrap_or_default();
        let one = |value: &Value| {
            let id = text(&value["workspace_id"]);
            let deployment = text(&value["deployment_name"]);
            let plain = |name: &String| {
                let mut bytes = name.bytes();
                !name.is_empty()
                    && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
            };
            is_plain_id(&id).then(|| Workspace {
                id,
                name: text(&value["workspace_name"]),
                deployment: Some(deployment).filter(plain),
            })
        };
        Ok(list
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(one)
            .collect())
    }

    /// Whether the account can assign principals to this workspace: it has identity federation.
    ///
    /// # Errors
    /// [`CallError`] when that cannot be told.
    pub async fn is_federated(&self, bearer: &Minted, workspace: &str) -> Result<bool, CallError> {
        let account = &self.config().account_id;
        let path =
            format!("/api/2.0/accounts/{account}/workspaces/{workspace}/permissionassignments");
        match self.read_json(&Upstream::Account, bearer, &path, &[]).await {
            Ok(found) => Ok(found.is_some()),
            // Without federation the API refuses by name (facts §3.3); a dead token is a number.
            Err(CallError::Refused { status: 400, .. }) => Ok(false),
            Err(why) => Err(why),
        }
    }

    /// IP access lists of a host.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn ip_lists(&self, at: &Upstream, bearer: &Minted) -> Result<IpLists, CallError> {
        let path = match at {
            Upstream::Account => {
                format!(
                    "/api/2.0/accounts/{}/ip-access-lists",
                    self.config().account_id
                )
            }
            Upstream::Workspace(_) => "/api/2.0/ip-access-lists".to_owned(),
        };
        let found = self.read_json(at, bearer, &path, &[]).await?;
        let enforced = match at {
            Upstream::Account => None,
            Upstream::Workspace(_) => {
                let query = [("keys", "enableIpAccessLists".to_owned())];
                let path = "/api/2.0/workspace-conf";
                let conf = self.read_json(at, bearer, path, &query).await?;
                let conf = conf.unwrap_or_default();
                Some(conf["enableIpAccessLists"].as_str() == Some("true"))
            }
        };
        Ok(ip_lists(&found.unwrap_or_default(), enforced))
    }

    /// The metastore of a workspace; `None` when it has none.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn metastore(
        &self,
        at: &Upstream,
        bearer: &Minted,
    ) -> Result<Option<Metastore>, CallError> {
        let path = "/api/2.1/unity-catalog/metastore_summary";
        let found = self.read_json(at, bearer, path, &[]).await?;
        Ok(found.and_then(|found| {
            let id = text(&found["metastore_id"]);
            is_plain_id(&id).then(|| Metastore {
                id,
                name: text(&found["name"]),
                owner: text(&found["owner"]),
            })
        }))
    }

    /// How the schema of Databricks' own audit table stands, such as `ENABLE_COMPLETED`; `None`
    /// when the metastore does not list it.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn audit_schema(
        &self,
        at: &Upstream,
        bearer: &Minted,
        metastore: &Metastore,
    ) -> Result<Option<String>, CallError> {
        let path = format!(
            "/api/2.1/unity-catalog/metastores/{}/systemschemas",
            metastore.id
        );
        let found = self.read_json(at, bearer, &path, &[]).await?;
        let found = found.unwrap_or_default();
        let mut schemas = found["schemas"].as_array().into_iter().flatten();
        let access = schemas.find(|one| one["schema"] == "access");
        Ok(access.map(|one| text(&one["state"])))
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

fn ip_lists(reply: &Value, enforced: Option<bool>) -> IpLists {
    let mut lists = IpLists {
        enforced,
        ..IpLists::default()
    };
    let found = reply["ip_access_lists"].as_array().into_iter().flatten();
    for list in found.filter(|list| list["enabled"] != false) {
        let values = list["ip_addresses"].as_array().into_iter().flatten();
        let into = match list["list_type"].as_str() {
            Some("BLOCK") => &mut lists.block,
            _ => &mut lists.allow,
        };
        into.extend(values.filter_map(Value::as_str).map(str::to_owned));
    }
    lists
}

/// Whether `1.2.3.0/24`, or a single address, holds this one.
fn network_holds(network: &str, address: IpAddr) -> bool {
    let (base, length) = match network.split_once('/') {
        Some((base, length)) => (base, length.parse::<u32>().ok()),
        None => (network, Some(128)),
    };
    let (Ok(base), Some(length)) = (base.parse::<IpAddr>(), length) else {
        return false;
    };
    match (base, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) => {
            let shift = 32 - length.min(32);
            // A shift by the whole width is zero bits kept: everything matches.
            let kept = |ip: std::net::Ipv4Addr| u64::from(u32::from(ip)) >> shift;
            kept(base) == kept(address)
        }
        (IpAddr::V6(base), IpAddr::V6(address)) => {
            let shift = 128 - length.min(128);
            let kept = |ip: std::net::Ipv6Addr| u128::from(ip).checked_shr(shift).unwrap_or(0);
            kept(base) == kept(address)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn networks_hold_what_is_in_them_and_nothing_else() {
        assert!(network_holds("192.0.2.0/24", ip("192.0.2.255")));
        assert!(!network_holds("192.0.2.0/24", ip("192.0.3.0")));
        assert!(network_holds("192.0.2.7", ip("192.0.2.7")));
        assert!(!network_holds("192.0.2.7", ip("192.0.2.8")));
        assert!(network_holds("0.0.0.0/0", ip("203.0.113.9")));
        assert!(network_holds("2001:db8::/32", ip("2001:db8:1::1")));
        assert!(!network_holds("2001:db8::/32", ip("2001:db9::1")));
        assert!(!network_holds("0.0.0.0/0", ip("2001:db8::1")));
        assert!(!network_holds("office", ip("192.0.2.7")));
    }

    #[test]
    fn only_lists_that_are_switched_on_count_and_a_block_beats_an_allow() {
        let reply = json!({"ip_access_lists": [
            {"list_type": "ALLOW", "ip_addresses": ["192.0.2.0/24"], "enabled": true},
            {"list_type": "ALLOW", "ip_addresses": ["203.0.113.0/24"], "enabled": false},
            {"list_type": "BLOCK", "ip_addresses": ["192.0.2.66"], "enabled": true},
        ]});
        let lists = ip_lists(&reply, None);
        assert!(lists.let_in(ip("192.0.2.7")));
        assert!(!lists.let_in(ip("192.0.2.66")));
        assert!(!lists.let_in(ip("203.0.113.7")));
        assert!(ip_lists(&json!({}), None).let_in(ip("203.0.113.7")));
    }

    #[test]
    fn a_workspace_has_the_address_of_its_cloud() {
        let workspace = Workspace {
            id: "1".into(),
            name: "prod".into(),
            deployment: Some("adb-1.7".into()),
        };
        let addresses = [Cloud::Aws, Cloud::Azure, Cloud::Gcp]
            .map(|cloud| workspace.likely_address(cloud).unwrap_or_default());
        assert_eq!(
            addresses,
            [
                "https://adb-1.7.cloud.databricks.com",
                "https://adb-1.7.azuredatabricks.net",
                "https://adb-1.7.gcp.databricks.com",
            ]
        );
    }
}
