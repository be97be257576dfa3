//! What two nodes of one vault must agree on: the settings, without what is each host's own.
//!
//! A standby is compared table by table, so that it can be told which one differs. Comments and
//! order do not count.

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};

use super::ConfigError;
use crate::domain::ids::Digest;

/// Settings of one host: its name, its addresses, its files, its way to the network. The channels
/// are compared by what the policy says of them.
const OWN: [&str; 17] = [
    "node",
    "data",
    "log_seed_file",
    "ballast_mib",
    "store",
    "tls",
    "channels",
    "console.listen",
    "proxy.listen",
    "proxy.plain_listen",
    "proxy.calls_in_flight",
    "databricks.proxy",
    "databricks.ca_file",
    "databricks.workspace_address",
    "databricks.egress_addresses",
    "watch.metrics_token_file",
    "watch.heartbeat_url_file",
];

/// Hash of each table of a configuration file, by its name; single settings are `general`.
///
/// # Errors
/// [`ConfigError`] when the file cannot be read.
pub fn shared_tables(path: &Path) -> Result<BTreeMap<String, Digest>, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    of_text(&text).map_err(|message| ConfigError::Syntax {
        path: path.to_owned(),
        message,
    })
}

fn of_text(text: &str) -> Result<BTreeMap<String, Digest>, String> {
    let mut all: Table = toml::from_str(text).map_err(|e| e.to_string())?;
    for own in OWN {
        match own.split_once('.') {
            None => drop(all.remove(own)),
            Some((table, key)) => {
                if let Some(Value::Table(table)) = all.get_mut(table) {
                    table.remove(key);
                }
            }
        }
    }
    let (tables, general): (Table, Table) = all.into_iter().partition(|(_, v)| v.is_table());
    let mut found = BTreeMap::from([("general".to_owned(), digest(&Value::Table(general))?)]);
    for (name, table) in tables {
        // A table that says nothing more is as good as none.
        if table.as_table().is_some_and(|table| !table.is_empty()) {
            found.insert(name, digest(&table)?);
        }
    }
    Ok(found)
}

fn digest(value: &Value) -> Result<Digest, String> {
    // A table of toml is sorted by its keys.
    let bytes = serde_json::to_vec(value).map_err(|e| e.to_string())?;
    Ok(Digest::of(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "vault = 'v'\nnode = 'n1'\ndata = 'a'\n[console]\nlisten = '127.0.0.1:1'\n\
         url = 'http://h'\n[databricks]\naccount_id = 'x'\n[databricks.waits]\nme_poll_ms = 5\n";

    #[test]
    fn what_is_one_hosts_own_does_not_count() {
        let other = ONE
            .replace("n1", "n2")
            .replace("'a'", "'b'")
            .replace("127.0.0.1:1", "127.0.0.1:2")
            .replace(
                "[databricks]\n",
                "[databricks]\negress_addresses = ['192.0.2.7']\n",
            )
            + "[store]\npostgres_url_file = 'pg.url'\n# a comment\n[proxy]\nlisten = '[::1]:1'\n";
        assert_eq!(of_text(ONE).unwrap(), of_text(&other).unwrap());
        let ordered = |text: &str| of_text(&format!("[databricks.workspaces]\n{text}")).unwrap();
        assert_eq!(
            ordered("'1' = 'a'\n'2' = 'b'"),
            ordered("'2' = 'b'\n'1' = 'a'")
        );
    }

    #[test]
    fn a_difference_is_found_in_its_table() {
        let differing = |from: &str, to: &str| -> Vec<String> {
            let (one, other) = (
                of_text(ONE).unwrap(),
                of_text(&ONE.replace(from, to)).unwrap(),
            );
            assert_eq!(one.len(), other.len());
            let differs = |name: &&String| one.get(*name) != other.get(*name);
            one.keys().filter(differs).cloned().collect()
        };
        assert_eq!(differing("'v'", "'w'"), ["general"]);
        assert_eq!(differing("http://h", "http://i"), ["console"]);
        assert_eq!(
            differing("me_poll_ms = 5", "me_poll_ms = 6"),
            ["databricks"]
        );
        assert!(differing("vault", "vault").is_empty());
    }
}
