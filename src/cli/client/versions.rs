//! Every version of roster and policy, from `log.genesis` on, verified here: each entry is proved
//! to be in the log, each document hashed, each signature under it checked (PROTOCOL §1, §9).

use serde_json::Value;

use super::documents::typed;
use super::{Client, Settings};
use crate::api::{VaultView, VersionView};
use crate::audit::checkpoint::Checkpoint;
use crate::audit::entry::Entry;
use crate::cli::error::CliError;
use crate::domain::canonical;
use crate::domain::ids::Digest;
use crate::domain::log_epoch::LogEpoch;
use crate::domain::policy::Policy;
use crate::domain::roster::Roster;
use crate::sealed::versions::{SignedAct, Step, Versions, What};

/// Fetches and folds the versions that the server names.
///
/// # Errors
/// Log broken: a version that nobody approved, or an older one than this client has seen.
pub(super) async fn fetch(
    client: &Client,
    view: &VaultView,
    genesis: &Entry,
    head: &Checkpoint,
) -> Result<Versions, CliError> {
    let versions = fold(client, view, genesis, head).await?;
    never_back(&client.kept.settings, &versions)?;
    Ok(versions)
}

/// The same across a declared log epoch: versions that this client had seen may be among what was
/// lost. Who had seen no more than was saved is not asked to forget anything.
///
/// # Errors
/// As [`fetch`].
pub(super) async fn fetch_lost(
    client: &Client,
    view: &VaultView,
    genesis: &Entry,
    head: &Checkpoint,
    declared: &LogEpoch,
) -> Result<Versions, CliError> {
    let versions = fold(client, view, genesis, head).await?;
    let pins = &client.kept.settings.pins;
    let pinned = pins.checkpoint()?;
    if pinned.is_none_or(|pinned| pinned.size <= declared.prev_size) {
        never_back(&client.kept.settings, &versions)?;
    }
    Ok(versions)
}

async fn fold(
    client: &Client,
    view: &VaultView,
    genesis: &Entry,
    head: &Checkpoint,
) -> Result<Versions, CliError> {
    let settings = &client.kept.settings;
    in_genesis(genesis, "vault", settings.vault.as_str())?;
    let mut versions = first(client, view, genesis).await?;
    let mut before = 0;
    for version in &view.versions {
        if version.seq <= before {
            return Err(CliError::log_broken(
                "the server's versions are not in order",
            ));
        }
        before = version.seq;
        let step = step(client, version, head).await?;
        versions.step(&step).map_err(|why| {
            let what = step.what.word();
            CliError::log_broken(format!("a {what} of the log does not stand: {why}"))
        })?;
    }
    in_force(view, &versions)?;
    Ok(versions)
}

async fn first(client: &Client, view: &VaultView, genesis: &Entry) -> Result<Versions, CliError> {
    let mut documents = Vec::new();
    for (what, shown) in [(What::Roster, &view.roster), (What::Policy, &view.policy)] {
        let later = view.versions.iter().any(|v| v.what == what.word());
        let document = if later {
            let named = genesis
                .text(what.member())
                .and_then(|hash| hash.parse().ok());
            let sha256: Digest = named.ok_or_else(|| unapproved(what))?;
            let bytes = document(client, what, &sha256).await?;
            canonical::parse_exact(&bytes)
                .map_err(|why| CliError::log_broken(format!("the first {}: {why}", what.word())))?
        } else {
            shown.clone()
        };
        documents.push(document);
    }
    let roster: Roster = typed("roster", &documents[0])?;
    let policy: Policy = typed("policy", &documents[1])?;
    let versions = Versions::genesis(roster, policy)
        .map_err(|why| CliError::log_broken(format!("the first roster does not stand: {why}")))?;
    in_genesis(genesis, "roster_sha256", &versions.roster_sha256.hex())?;
    in_genesis(genesis, "policy_sha256", &versions.policy_sha256.hex())?;
    Ok(versions)
}

async fn step(client: &Client, version: &VersionView, head: &Checkpoint) -> Result<Step, CliError> {
    let what = What::from_word(&version.what)
        .ok_or_else(|| CliError::log_broken("a version is neither roster nor policy"))?;
    let entry = client.entry(version.seq, head).await?;
    let sha256: Digest = version.sha256.parse().map_err(|_| unapproved(what))?;
    if entry.kind != what.entry() || entry.text(what.member()) != Some(&sha256.hex()) {
        return Err(unapproved(what));
    }
    let bytes = document(client, what, &sha256).await?;
    let named = entry.members.get("acts").and_then(Value::as_array);
    let mut acts = Vec::new();
    for act in named.into_iter().flatten() {
        let act: Option<Digest> = act.as_str().and_then(|text| text.parse().ok());
        acts.push(signed_act(client, act.ok_or_else(|| unapproved(what))?).await?);
    }
    Ok(Step { what, bytes, acts })
}

pub(super) async fn signed_act(client: &Client, sha256: Digest) -> Result<SignedAct, CliError> {
    let document = client
        .api
        .get_bytes(&format!("/log/files/acts/{sha256}.json"))
        .await?;
    if Digest::of(&document) != sha256 {
        return Err(CliError::log_broken("an act is not the one its hash names"));
    }
    let signature = client
        .api
        .get_bytes(&format!("/log/files/acts/{sha256}.sig"))
        .await?;
    Ok(SignedAct {
        document,
        signature: String::from_utf8_lossy(&signature).into_owned(),
    })
}

async fn document(client: &Client, what: What, sha256: &Digest) -> Result<Vec<u8>, CliError> {
    let path = format!("/log/files/{}/{sha256}.json", what.word());
    let bytes = client.api.get_bytes(&path).await?;
    if Digest::of(&bytes) == *sha256 {
        Ok(bytes)
    } else {
        Err(unapproved(what))
    }
}

/// What the server says is in force is the end of the chain.
fn in_force(view: &VaultView, versions: &Versions) -> Result<(), CliError> {
    let roster: Roster = typed("roster", &view.roster)?;
    let policy: Policy = typed("policy", &view.policy)?;
    if roster != versions.roster {
        return Err(unapproved(What::Roster));
    }
    if policy != versions.policy {
        return Err(unapproved(What::Policy));
    }
    Ok(())
}

/// A version that this client has verified once stays part of the history.
fn never_back(settings: &Settings, versions: &Versions) -> Result<(), CliError> {
    let pins = &settings.pins;
    let roster = pins.newest_roster;
    let policy = pins.newest_policy;
    let known = roster.is_none_or(|sha256| versions.roster_of(&sha256).is_some())
        && policy.is_none_or(|sha256| versions.policies.contains(&sha256));
    if known {
        return Ok(());
    }
    Err(CliError::log_broken(
        "the vault shows an older roster or policy than this client has seen",
    ))
}

fn unapproved(what: What) -> CliError {
    CliError::log_broken(format!(
        "the server's {} is not one that the log approved",
        what.word()
    ))
}

fn in_genesis(genesis: &Entry, member: &str, wanted: &str) -> Result<(), CliError> {
    if genesis.kind == "log.genesis" && genesis.text(member) == Some(wanted) {
        return Ok(());
    }
    Err(CliError::log_broken(format!(
        "the server's {member} is not the one the log began with"
    )))
}
