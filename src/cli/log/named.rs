//! Which entry names an act, and who was in the roster then: for level 6 of `log verify`.
//!
//! An act proves something only at the place where the log names it. Somebody who left the roster
//! before may still hold her keys.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::versions::Chain;
use crate::audit::entry::{Entry, parse_entry};
use crate::audit::verify::Failure;

/// Words of the entries that name acts.
pub(super) const NAMING: [&[u8]; 3] = [b"\"act_sha256\"", b"\"request_sha256\"", b"\"acts\""];

/// By the acts' hashes.
#[derive(Default)]
pub(super) struct Named {
    /// How many versions of the roster there were when it was named.
    versions: BTreeMap<String, BTreeSet<usize>>,
    /// Incidents that an opening began.
    incidents: BTreeMap<String, BTreeSet<String>>,
}

impl Named {
    /// Takes an entry, before the chain takes it: people of the version before sign the next.
    ///
    /// # Errors
    /// A line that is no entry.
    pub(super) fn take(&mut self, line: &[u8], chain: &Chain) -> Result<(), Failure> {
        let entry =
            parse_entry(line).map_err(|why| Failure::whole(format!("entries.ndjson: {why}")))?;
        let versions = chain.rosters().count();
        for hash in hashes(&entry) {
            let named = self.versions.entry(hash.to_owned()).or_default();
            named.insert(versions);
        }
        if let (Some(opening), Some(incident)) = (entry.text("request_sha256"), entry.text("inc")) {
            let incidents = self.incidents.entry(opening.to_owned()).or_default();
            incidents.insert(incident.to_owned());
        }
        Ok(())
    }

    /// Places in the chain's rosters of those in force where the act was named. One that came in
    /// while the copy was made is named nowhere yet: the newest roster counts.
    pub(super) fn rosters(&self, hash: &str, all: usize) -> BTreeSet<usize> {
        let named = self.versions.get(hash).cloned();
        let counts = named.unwrap_or_else(|| BTreeSet::from([all]));
        counts
            .into_iter()
            .filter_map(|n| n.checked_sub(1))
            .collect()
    }

    /// Whether the opening of this hash began the incident.
    pub(super) fn began(&self, opening: &str, incident: &str) -> bool {
        let incidents = self.incidents.get(opening);
        incidents.is_some_and(|incidents| incidents.contains(incident))
    }
}

fn hashes(entry: &Entry) -> Vec<&str> {
    let one = ["act_sha256", "request_sha256"];
    let acts = entry.members.get("acts").and_then(Value::as_array);
    let acts = acts.into_iter().flatten().filter_map(Value::as_str);
    one.iter()
        .filter_map(|member| entry.text(member))
        .chain(acts)
        .collect()
}
