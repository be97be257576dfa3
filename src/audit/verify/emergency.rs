//! Level 4, the emergency logs (PROTOCOL §11): what a node recorded while the main log could not be
//! written stands in the main log entry by entry, under a checkpoint of the node's own key.

use std::collections::BTreeMap;

use super::super::checkpoint::{Checkpoint, parse_hash};
use super::super::entry::{Entry, parse_entry};
use super::super::merkle::{Edge, leaf_hash};
use super::super::note::VerifierKey;

/// The emergency logs of every node, as the main log tells them.
#[derive(Debug, Default)]
pub(super) struct EmergencyCheck {
    nodes: BTreeMap<String, Node>,
    /// Whose entries follow where an entry names nobody.
    latest: String,
    cuts: Vec<u64>,
}

#[derive(Debug, Default)]
struct Node {
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
            "emergency.entry" => self.node(entry)?.entry(entry),
            "emergency.bound" => self.node(entry)?.bound(entry),
            "emergency.cut" => {
                self.cuts.push(entry.seq);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A node's log begins, begins anew after a cut, or goes on under the name that a new epoch of
    /// the main log gives it.
    fn opened(&mut self, entry: &Entry, main_origin: &str) -> Result<(), String> {
        let vkey = entry.text("vkey").ok_or("vkey is missing")?;
        let key = VerifierKey::parse(vkey).map_err(|why| why.to_string())?;
        let ours = key.name().strip_prefix(main_origin);
        let node = ours.and_then(|rest| rest.strip_prefix("/emergency/"));
        let node = node.ok_or("the emergency log has another log's name")?;
        let known = self.nodes.entry(node.to_owned()).or_default();
        if known.uncovered {
            return Err("the emergency log stands under no checkpoint".into());
        }
        match entry.integer("size").unwrap_or(0) {
            0 => known.edge = Edge::new(),
            size if u64::try_from(size) == Ok(known.edge.size()) => {}
            _ => return Err("the emergency log does not go on where it ended".into()),
        }
        node.clone_into(&mut self.latest);
        known.key = Some(key);
        Ok(())
    }

    fn node(&mut self, entry: &Entry) -> Result<&mut Node, String> {
        let name = match entry.text("origin") {
            Some(origin) => origin.rsplit('/').next().unwrap_or_default(),
            None => &self.latest,
        };
        let node = self.nodes.get_mut(name).filter(|node| {
            let named = node.key.as_ref().map(VerifierKey::name);
            entry
                .text("origin")
                .is_none_or(|origin| named == Some(origin))
        });
        node.ok_or_else(|| "the emergency log was never opened".to_owned())
    }

    /// Whether every entry of them stands under a checkpoint.
    pub(super) fn is_covered(&self) -> bool {
        self.nodes.values().all(|node| !node.uncovered)
    }

    /// Entries that say that an emergency log had lost some of its own.
    pub(super) fn cuts(&self) -> &[u64] {
        &self.cuts
    }
}

impl Node {
    fn entry(&mut self, entry: &Entry) -> Result<(), String> {
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
}
