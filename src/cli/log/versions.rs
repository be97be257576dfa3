//! Part of level 6: each version of roster and policy was signed by enough of the right people of
//! the version before. Folds an export's entries and files by the code the vault itself uses.

use serde_json::Value;

use super::acts::file;
use crate::audit::entry::{Entry, parse_entry};
use crate::audit::verify::ExportSource;
use crate::domain::canonical;
use crate::domain::ids::Digest;
use crate::domain::policy::Policy;
use crate::domain::roster::Roster;
use crate::sealed::versions::{SignedAct, Step, Versions, What};

/// The chain of versions, one entry after the other.
#[derive(Default)]
pub(super) struct Chain {
    versions: Option<Versions>,
}

impl Chain {
    /// Takes an entry that may begin the chain or bring a version about; others change nothing.
    ///
    /// # Errors
    /// What does not stand, with the entry's number.
    pub(super) fn take(&mut self, source: &dyn ExportSource, line: &[u8]) -> Result<(), String> {
        let entry = parse_entry(line).map_err(|why| format!("entries.ndjson: {why}"))?;
        let at = |why: String| format!("entry {}: {why}", entry.seq);
        if entry.kind == "log.genesis" {
            self.versions = Some(genesis(source, &entry).map_err(at)?);
            return Ok(());
        }
        let both = [What::Roster, What::Policy];
        let Some(what) = both.into_iter().find(|what| what.entry() == entry.kind) else {
            return Ok(());
        };
        let versions = self.versions.as_mut();
        let versions = versions.ok_or_else(|| at("it comes before log.genesis".to_owned()))?;
        let step = step(source, what, &entry).map_err(at)?;
        versions
            .step(&step)
            .map(drop)
            .map_err(|why| at(format!("this {} does not stand: {why}", what.word())))
    }
}

fn genesis(source: &dyn ExportSource, entry: &Entry) -> Result<Versions, String> {
    let roster: Roster = parsed(&document(source, What::Roster, entry)?)?;
    let policy: Policy = parsed(&document(source, What::Policy, entry)?)?;
    Versions::genesis(roster, policy).map_err(|why| why.to_string())
}

fn parsed<T: serde::de::DeserializeOwned + serde::Serialize>(bytes: &[u8]) -> Result<T, String> {
    canonical::parse_exact(bytes).map_err(|why| why.to_string())
}

fn step(source: &dyn ExportSource, what: What, entry: &Entry) -> Result<Step, String> {
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
    let bytes = document(source, what, entry)?;
    Ok(Step { what, bytes, acts })
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
