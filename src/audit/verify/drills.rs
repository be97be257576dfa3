//! Drills (PROTOCOL §3): marked in every entry about them, with epochs of their own that only rise.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::entry::Entry;

/// The member that marks an entry about a drill.
const MARK: &str = "drill";

/// Remembers the incidents that began as drills.
#[derive(Debug, Default)]
pub(super) struct DrillCheck {
    drills: BTreeSet<String>,
    newest_epoch: i64,
}

impl DrillCheck {
    /// Checks one entry.
    ///
    /// # Errors
    /// The rule that was broken, for people.
    pub(super) fn check(&mut self, entry: &Entry) -> Result<(), String> {
        let marked = match entry.members.get(MARK) {
            None => false,
            Some(Value::Bool(true)) => true,
            Some(_) => return Err("drill is not of its form".into()),
        };
        if entry.kind == "drill.dealt" {
            return self.dealt(entry, marked);
        }
        if !marked && self.drills.is_empty() {
            return Ok(());
        }
        let Some(incident) = entry.text("inc") else {
            return Ok(());
        };
        if entry.kind == "incident.opened" && marked {
            self.drills.insert(incident.to_owned());
        }
        match (marked, self.drills.contains(incident)) {
            (true, false) => Err("the entry is marked as a drill, and its incident is none".into()),
            (false, true) => Err("the entry is not marked, and its incident is a drill".into()),
            _ => Ok(()),
        }
    }

    fn dealt(&mut self, entry: &Entry, marked: bool) -> Result<(), String> {
        let epoch = entry.integer("epoch").unwrap_or(0);
        let named = entry.text("manifest_sha256").is_some();
        if !marked || !named || epoch <= self.newest_epoch {
            return Err("the decoy is not marked, has no manifest, or goes back".into());
        }
        self.newest_epoch = epoch;
        Ok(())
    }
}
