//! Level 4, the emergency log (PROTOCOL §11): what a node recorded while the main log could not be
//! written stands in the main log entry by entry, under a checkpoint of the node's own key.

use super::super::checkpoint::{Checkpoint, parse_hash};
use super::super::entry::{Entry, parse_entry};
use super::super::merkle::{Edge, leaf_hash};
use super::super::note::VerifierKey;

/// One node's emergency log as the main log tells it.
#[derive(Debug, Default)]
pub(super) struct EmergencyCheck {
    key: Option<VerifierKey>,
    edge: Edge,
    /// Entries came in that no checkpoint covers yet.
    uncovered: bool,
}

impl EmergencyCheck {
    /// Checks an `emergency.*` entry of the main log named `main_origin`.
    ///
    /// # Errors
    /// The rule that was broken, for people.
    pub(super) fn check(&mut self, entry: &Entry, main_origin: &str) -> Result<(), String> {
        match entry.kind.as_str() {
            "emergency.opened" => self.opened(entry, main_origin),
            "emergency.entry" => self.entry(entry),
            "emergency.bound" => self.bound(entry),
            _ => Ok(()),
        }
    }

    fn opened(&mut self, entry: &Entry, main_origin: &str) -> Result<(), String> {
        let vkey = entry.text("vkey").ok_or("vkey is missing")?;
        let key = VerifierKey::parse(vkey).map_err(|why| why.to_string())?;
        if !key.name().starts_with(&format!("{main_origin}/emergency/")) {
            return Err("the emergency log has another log's name".into());
        }
        if self.uncovered {
            return Err("the emergency log stands under no checkpoint".into());
        }
        *self = Self {
            key: Some(key),
            ..Self::default()
        };
        Ok(())
    }

    fn entry(&mut self, entry: &Entry) -> Result<(), String> {
        if self.key.is_none() {
            return Err("the emergency log was never opened".into());
        }
        let text = entry.text("entry").ok_or("entry is missing")?;
        let inner = parse_entry(text.as_bytes()).map_err(|why| why.to_string())?;
        if inner.seq != self.edge.size() {
            return Err(format!(
                "entry {} of the emergency log is missing",
                self.edge.size()
            ));
        }
        self.uncovered = true;
        let pushed = self.edge.push(leaf_hash(text.as_bytes()));
        pushed.map_err(|why| why.to_string())
    }

    fn bound(&mut self, entry: &Entry) -> Result<(), String> {
        let key = self
            .key
            .as_ref()
            .ok_or("the emergency log was never opened")?;
        let note = entry.text("checkpoint").ok_or("checkpoint is missing")?;
        let signed = Checkpoint::open(note.as_bytes(), key).map_err(|why| why.to_string())?;
        let root = entry.text("root").and_then(parse_hash);
        let agrees = signed.size == self.edge.size()
            && signed.root == self.edge.root()
            && root == Some(signed.root);
        if !agrees {
            return Err("the emergency log is not what its checkpoint says".into());
        }
        self.uncovered = false;
        Ok(())
    }

    /// Whether every entry of it stands under a checkpoint.
    pub(super) fn is_covered(&self) -> bool {
        !self.uncovered
    }
}
