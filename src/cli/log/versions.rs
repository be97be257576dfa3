//! Part of level 6: each version of roster and policy was signed by enough of the right people of
//! the version before. Folds an export's entries and files by the code the vault itself uses.

use serde_json::Value;

use super::acts::file;
use crate::audit::entry::{Entry, parse_entry};
use crate::audit::verify::{ExportSource, Failure};
use crate::domain::canonical;
use crate::domain::ids::Digest;
use crate::domain::log_epoch::{LOG_EPOCH, LogEpoch};
use crate::domain::policy::Policy;
use crate::domain::roster::Roster;
use crate::sealed::log_epochs;
use crate::sealed::versions::{SignedAct, Step, Versions, What};

/// Words of the entries that [`Chain::take`] wants to see.
pub(super) const WORDS: [&[u8]; 4] = [
    b"\"log.genesis\"",
    b"\"roster.changed\"",
    b"\"policy.changed\"",
    b"\"log.epoch\"",
];

/// The chain of versions, one entry after the other.
#[derive(Default)]
pub(super) struct Chain {
    versions: Option<Versions>,
}

impl Chain {
    /// Takes an entry that may begin the chain, bring a version about, or go on under a new name;
    /// others change nothing.
    ///
    /// # Errors
    /// What does not stand, with the entry's number.
    pub(super) fn take(&mut self, source: &dyn ExportSource, line: &[u8]) -> Result<(), Failure> {
        let entry =
            parse_entry(line).map_err(|why| Failure::whole(format!("entries.ndjson: {why}")))?;
        self.fold(source, &entry)
            .map_err(|why| Failure::at(entry.seq, format!("entry {}: {why}", entry.seq)))
    }

    fn fold(&mut self, source: &dyn ExportSource, entry: &Entry) -> Result<(), String> {
        if entry.kind == "log.genesis" {
            if self.versions.is_some() || entry.seq != 0 {
                return Err("a log begins once".to_owned());
            }
            self.versions = Some(genesis(source, entry)?);
            return Ok(());
        }
        let both = [What::Roster, What::Policy];
        let what = both.into_iter().find(|what| what.entry() == entry.kind);
        if what.is_none() && entry.kind != LOG_EPOCH {
            return Ok(());
        }
        let versions = self.versions.as_mut();
        let versions = versions.ok_or("it comes before log.genesis")?;
        let Some(what) = what else {
            return seam(source, versions, entry);
        };
        let acts = signed_acts(source, entry)?;
        let bytes = document(source, what, entry)?;
        let step = Step { what, bytes, acts };
        versions
            .step(&step)
            .map(drop)
            .map_err(|why| format!("this {} does not stand: {why}", what.word()))
    }

    /// Every roster that was in force, in order.
    pub(super) fn rosters(&self) -> impl Iterator<Item = &Roster> {
        let versions = self.versions.iter();
        versions.flat_map(|v| v.rosters.iter().map(|(_, roster)| roster))
    }
}

/// A declared log epoch is signed by enough people of the roster in force where it stands: one
/// that the declaration itself brings along proves nothing.
fn seam(source: &dyn ExportSource, versions: &Versions, entry: &Entry) -> Result<(), String> {
    let (declared, _) = LogEpoch::from_members(&entry.members).ok_or("it declares no log epoch")?;
    if declared.policy_sha256 != versions.policy_sha256 {
        return Err("it names another policy than the one in force".to_owned());
    }
    let acts = signed_acts(source, entry)?;
    log_epochs::check(&declared, &versions.roster, &acts)
        .map(drop)
        .map_err(|why| format!("this log epoch does not stand: {why}"))
}

fn genesis(source: &dyn ExportSource, entry: &Entry) -> Result<Versions, String> {
    let roster: Roster = parsed(&document(source, What::Roster, entry)?)?;
    let policy: Policy = parsed(&document(source, What::Policy, entry)?)?;
    Versions::genesis(roster, policy).map_err(|why| why.to_string())
}

fn parsed<T: serde::de::DeserializeOwned + serde::Serialize>(bytes: &[u8]) -> Result<T, String> {
    canonical::parse_exact(bytes).map_err(|why| why.to_string())
}

fn signed_acts(source: &dyn ExportSource, entry: &Entry) -> Result<Vec<SignedAct>, String> {
    let named = entry.members.get("acts").and_then(Value::as_array);
    let mut acts = Vec::new();
    for act in named.into_iter().flatten() {
        let hash: Option<Digest> = act.as_str().and_then(|text| text.parse().ok());
        let hash = hash.ok_or("an act has no hash")?;
        let document = hashed(source, "acts", &hash)?;
        let signature = file(source, &format!("acts/{hash}.sig"))?;
        let signature = String::from_utf8(signature);
        acts.push(SignedAct {
            document,
            signature: signature.map_err(|_| "a signature is not text")?,
        });
    }
    Ok(acts)
}

/// The document an entry brings into force, by the hash it names.
fn document(source: &dyn ExportSource, what: What, entry: &Entry) -> Result<Vec<u8>, String> {
    let named = entry.text(what.member());
    let hash: Option<Digest> = named.and_then(|text| text.parse().ok());
    let hash = hash.ok_or_else(|| format!("it names no {}", what.word()))?;
    hashed(source, what.word(), &hash)
}

fn hashed(source: &dyn ExportSource, folder: &str, hash: &Digest) -> Result<Vec<u8>, String> {
    let path = format!("{folder}/{hash}.json");
    let bytes = file(source, &path)?;
    if Digest::of(&bytes) == *hash {
        return Ok(bytes);
    }
    Err(format!("{path} has another hash"))
}
