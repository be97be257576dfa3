//! Two processes of one vault on one PostgreSQL: the one that has the lock is active, the other
//! stands by, opens nothing and listens nowhere until the lock is free (PROTOCOL §11).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::notify;
use crate::cli::vault_parts::{Parts, store_error};
use crate::cli::{CliError, Output};
use crate::store::change::RowChange;
use crate::store::{Commit, Config, Store, StoreError};

/// How long a standby waits before it asks for the lock again.
const PAUSE: Duration = Duration::from_secs(1);
/// The fact that holds what the active process's configuration says, by name and hash.
const CONFIGURATION: &str = "shared_configuration";

/// Opens the store; on PostgreSQL waits until the active process, if there is one, has ended.
///
/// # Errors
/// The store's; and a standby whose configuration is not that of the active process.
pub(super) async fn open_store(parts: &Parts, out: &Output) -> Result<Store, CliError> {
    let config = parts.config.store();
    let ours = parts.shared()?;
    let watched = notify::watchdog_pause();
    let mut said = String::new();
    let store = loop {
        let clock = Arc::clone(&parts.clock);
        let waits = match Store::open(&config, parts.log_identity()?, clock).await {
            Ok(store) => break store,
            Err(StoreError::InUse(_)) if config.postgres_url_file.is_some() => {
                compare(&config, &ours).await?
            }
            // A server that fails over takes both of us along; one of us must be there after it.
            Err(error @ StoreError::Database(_)) if !said.is_empty() => {
                format!("standing by: {}", store_error(&error))
            }
            Err(error) => return Err(store_error(&error)),
        };
        if said != waits {
            out.talk(&waits);
            notify::standing_by(&waits);
            said = waits;
        }
        // A standby is as alive as the active one: a manager that watches would kill it otherwise.
        if watched.is_some() {
            notify::alive();
        }
        tokio::time::sleep(watched.map_or(PAUSE, |pause| pause.min(PAUSE))).await;
    };
    let value = serde_json::to_string(&ours);
    let fact = RowChange::SetFact {
        name: CONFIGURATION.to_owned(),
        value: Some(value.map_err(|e| CliError::failed("standby", e.to_string()))?),
    };
    let told = store.commit(Commit::control(Vec::new(), vec![fact])).await;
    told.map_err(|e| CliError::failed("store", e.to_string()))?;
    Ok(store)
}

/// Whether this configuration could stand by for the active process.
///
/// # Errors
/// Where it could not.
pub(super) async fn check(parts: &Parts) -> Result<(), CliError> {
    let config = parts.config.store();
    if config.postgres_url_file.is_some() {
        compare(&config, &parts.shared()?).await?;
    }
    Ok(())
}

/// What a standby says; refuses one that would go on with other settings than the active process.
async fn compare(config: &Config, ours: &BTreeMap<String, String>) -> Result<String, CliError> {
    let said = "standing by: another process is active".to_owned();
    let theirs = match Store::foreign_fact(config, CONFIGURATION).await {
        Ok(Some(theirs)) => theirs,
        // An `init` that is at work has not said anything yet.
        Ok(None) => return Ok(said),
        Err(error @ StoreError::Database(_)) => {
            return Ok(format!("standing by: {}", store_error(&error)));
        }
        Err(error) => return Err(store_error(&error)),
    };
    let theirs: BTreeMap<String, String> = serde_json::from_str(&theirs)
        .map_err(|e| CliError::failed("standby", format!("fact {CONFIGURATION}: {e}")))?;
    let differs = differing(ours, &theirs);
    if differs.is_empty() {
        return Ok(said);
    }
    Err(CliError::failed(
        "standby",
        format!(
            "the active process runs with another configuration than this standby: {} differ",
            differs.join(", ")
        ),
    )
    .hint(
        "give both the same settings there (node, addresses and paths are each host's own), the \
         same log.seed and channel secrets, then start this one again",
    ))
}

/// Names of what is not the same.
fn differing<'m>(
    ours: &'m BTreeMap<String, String>,
    theirs: &'m BTreeMap<String, String>,
) -> Vec<&'m str> {
    let mut names: Vec<&str> = ours
        .keys()
        .chain(theirs.keys())
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| ours.get(*name) != theirs.get(*name));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_one_of_two_has_differs_too() {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            let owned = |(name, hash): &(&str, &str)| ((*name).to_owned(), (*hash).to_owned());
            pairs.iter().map(owned).collect()
        };
        let ours = map(&[("channels", "1"), ("console", "1"), ("watch", "1")]);
        let theirs = map(&[("channels", "1"), ("console", "2"), ("proxy", "1")]);
        assert_eq!(differing(&ours, &theirs), ["console", "proxy", "watch"]);
        assert!(differing(&ours, &ours).is_empty());
    }
}
