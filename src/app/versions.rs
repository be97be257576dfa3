//! Roster and policy in force, from the signed log: `log.genesis` and every later version with
//! the signatures that brought it about. A changed row changes nothing (PROTOCOL §1, §9).

use std::collections::BTreeSet;

use serde_json::Value;

use super::Settings;
use super::error::AppError;
use super::facts::document;
use crate::audit::entry::{Entry, parse_entry};
use crate::domain::canonical;
use crate::domain::ids::{Digest, PersonId};
use crate::domain::policy::Policy;
use crate::domain::roster::Roster;
use crate::domain::roster::change::Needs;
use crate::sealed::versions::{SignedAct, Step, VersionError, Versions, What};
use crate::store::Store;
use crate::store::change::DocumentKind;

/// Entry by which one operator's word ends a person's logins and paging.
pub(super) const LOCKED_OUT: &str = "roster.locked_out";

/// A version taking effect, as the log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionEntry {
    /// Its entry in the log.
    pub seq: u64,
    /// Roster or policy.
    pub what: What,
    /// Hash of the document.
    pub sha256: Digest,
}

/// What is in force, and who is locked out although the roster still names her.
#[derive(Debug, Clone)]
pub(super) struct Approved {
    pub versions: Versions,
    pub entries: Vec<VersionEntry>,
    pub locked_out: BTreeSet<PersonId>,
}

impl What {
    pub(super) fn kind(self) -> DocumentKind {
        match self {
            Self::Roster => DocumentKind::Roster,
            Self::Policy => DocumentKind::Policy,
        }
    }
}

/// Folds the versions from the log and checks every signature under them.
///
/// # Errors
/// [`AppError::Inconsistent`] when rows say something the log did not approve.
pub(super) async fn approved(store: &Store, settings: &Settings) -> Result<Approved, AppError> {
    let mut versions = genesis(store, settings).await?;
    let mut entries = Vec::new();
    // Locked out until k custodians signed a roster: they know whom they keep.
    let mut settled = 0;
    for (seq, what, entry) in changes(store).await? {
        let sha256 = digest(&entry, what.member())?;
        let step = step(store, what, &sha256, &entry).await?;
        let needs = versions.step(&step).map_err(|why| broken(what, &why))?;
        if what == What::Roster && matches!(needs, Needs::Custodians(_)) {
            settled = seq;
        }
        entries.push(VersionEntry { seq, what, sha256 });
    }
    for (what, sha256) in [
        (What::Roster, versions.roster_sha256),
        (What::Policy, versions.policy_sha256),
    ] {
        if store.current(what.word()).await? != Some(sha256) {
            return Err(AppError::Inconsistent(format!(
                "the {} in force was never approved",
                what.word()
            )));
        }
    }
    let locked_out = locked_out(store, settled).await?;
    Ok(Approved {
        versions,
        entries,
        locked_out,
    })
}

async fn genesis(store: &Store, settings: &Settings) -> Result<Versions, AppError> {
    let bytes = store
        .entry(0)
        .await?
        .ok_or_else(|| AppError::NotFound("log.genesis".into()))?;
    let entry = parse(&bytes)?;
    let roster: Roster = canonical::parse_exact(&first(store, What::Roster, &entry).await?)?;
    let policy: Policy = canonical::parse_exact(&first(store, What::Policy, &entry).await?)?;
    if roster.vault != settings.vault {
        return Err(AppError::Inconsistent(
            "the roster is another vault's".into(),
        ));
    }
    roster
        .check()
        .map_err(|e| AppError::Inconsistent(e.to_string()))?;
    Versions::genesis(roster, policy).map_err(|why| broken(What::Roster, &why))
}

/// A first version, by the hash that `log.genesis` carries.
async fn first(store: &Store, what: What, genesis: &Entry) -> Result<Vec<u8>, AppError> {
    let sha256 = digest(genesis, what.member())?;
    let bytes = document(store, what.kind(), &sha256).await?;
    if Digest::of(&bytes) == sha256 {
        return Ok(bytes);
    }
    Err(AppError::Inconsistent(format!(
        "the {} is not the one its hash approves",
        what.word()
    )))
}

/// Entries by which a version took effect, oldest first.
async fn changes(store: &Store) -> Result<Vec<(u64, What, Entry)>, AppError> {
    let mut found = Vec::new();
    for what in [What::Roster, What::Policy] {
        for (seq, entry) in entries_of(store, what.entry(), 0).await? {
            found.push((seq, what, entry));
        }
    }
    found.sort_by_key(|(seq, ..)| *seq);
    Ok(found)
}

/// Entries of one type after `from`, newest first.
async fn entries_of(store: &Store, kind: &str, from: u64) -> Result<Vec<(u64, Entry)>, AppError> {
    let (mut found, mut before) = (Vec::new(), u64::MAX);
    while let Some((seq, bytes)) = store.last_control_entry(kind, before).await? {
        if seq < from {
            break;
        }
        found.push((seq, parse(&bytes)?));
        before = seq;
    }
    Ok(found)
}

async fn locked_out(store: &Store, settled: u64) -> Result<BTreeSet<PersonId>, AppError> {
    let entries = entries_of(store, LOCKED_OUT, settled).await?;
    entries
        .iter()
        .map(|(seq, entry)| {
            let person = entry.text("person").and_then(|id| id.parse().ok());
            person.ok_or_else(|| AppError::Inconsistent(format!("entry {seq} names nobody")))
        })
        .collect()
}

async fn step(store: &Store, what: What, sha256: &Digest, entry: &Entry) -> Result<Step, AppError> {
    let bytes = document(store, what.kind(), sha256).await?;
    let named = entry.members.get("acts").and_then(Value::as_array);
    let mut acts = Vec::new();
    for act in named.into_iter().flatten() {
        let act: Option<Digest> = act.as_str().and_then(|text| text.parse().ok());
        let act = act.ok_or_else(|| AppError::Inconsistent("an act has no hash".into()))?;
        acts.push(signed_act(store, &act).await?);
    }
    Ok(Step { what, bytes, acts })
}

/// A signed act as the store keeps it.
pub(super) async fn signed_act(store: &Store, sha256: &Digest) -> Result<SignedAct, AppError> {
    let kept = store.document(DocumentKind::Act, sha256).await?;
    kept.and_then(|act| {
        Some(SignedAct {
            document: act.bytes,
            signature: act.signature?,
        })
    })
    .ok_or_else(|| AppError::NotFound(format!("act {sha256}")))
}

fn parse(bytes: &[u8]) -> Result<Entry, AppError> {
    parse_entry(bytes).map_err(|e| AppError::Inconsistent(e.to_string()))
}

fn digest(entry: &Entry, member: &str) -> Result<Digest, AppError> {
    entry
        .text(member)
        .and_then(|hash| hash.parse().ok())
        .ok_or_else(|| AppError::Inconsistent(format!("{} has no {member}", entry.kind)))
}

fn broken(what: What, why: &VersionError) -> AppError {
    AppError::Inconsistent(format!(
        "a {} of the log does not stand: {why}",
        what.word()
    ))
}
