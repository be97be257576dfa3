//! The log, read as an auditor reads it: every entry, folded, against the rows.

use std::collections::BTreeMap;

use breakglass::audit::entry::{Entry, parse_entry};
use breakglass::audit::merkle::{Edge, leaf_hash};
use breakglass::audit::verify::RuleCheck;
use breakglass::domain::canonical;
use breakglass::domain::ids::{Digest, IncidentId, RotationId};
use breakglass::domain::incident::{Event, Incident};
use breakglass::domain::rotation::{self, Rotation};
use breakglass::domain::terms::Terms;
use breakglass::store::change::DocumentKind;

use super::vault::TestVault;

impl TestVault {
    /// Every entry, oldest first.
    pub fn entries(&self) -> Vec<Entry> {
        let size = self.store().head().size;
        let read = |seq| self.block(self.store().entry(seq)).unwrap().unwrap();
        (0..size)
            .map(|seq| parse_entry(&read(seq)).unwrap())
            .collect()
    }

    /// Entry types, oldest first.
    pub fn kinds(&self) -> Vec<String> {
        self.entries().into_iter().map(|entry| entry.kind).collect()
    }

    /// The newest entry of a type.
    pub fn last_entry(&self, kind: &str) -> Option<Entry> {
        self.entries()
            .into_iter()
            .rev()
            .find(|entry| entry.kind == kind)
    }

    /// How many entries there are of a type.
    pub fn count(&self, kind: &str) -> usize {
        self.kinds().iter().filter(|k| *k == kind).count()
    }

    /// How many alerts of a kind were committed with their events.
    pub fn alerts_queued(&self, kind: &str) -> usize {
        let queued = self
            .entries()
            .into_iter()
            .filter(|e| e.kind == "alert.queued");
        queued.filter(|e| e.text("kind") == Some(kind)).count()
    }

    /// The root over all entries is the head's, and folding them gives the rows (DESIGN §4.3).
    pub fn verify_log(&self) {
        self.check_root();
        let mut incidents: BTreeMap<IncidentId, Incident> = BTreeMap::new();
        let mut rotations: BTreeMap<RotationId, Rotation> = BTreeMap::new();
        for entry in self.entries() {
            if let Some((id, event)) = Event::from_entry(&entry.kind, &entry.members).unwrap() {
                let event = event.with_terms(&|sha256| self.terms(sha256));
                match incidents.get_mut(&id) {
                    Some(incident) => incident.apply(&event).unwrap(),
                    None => {
                        incidents.insert(id, Incident::from_opened(&event).unwrap());
                    }
                }
            }
            let event = rotation::Event::from_entry(&entry.kind, &entry.members).unwrap_or(None);
            if let Some((id, event)) = event {
                if let rotation::Event::Begun {
                    incident,
                    cause,
                    from_epoch,
                    at_ms,
                } = &event
                {
                    let begun =
                        Rotation::begun(id.clone(), incident.clone(), *cause, *from_epoch, *at_ms);
                    rotations.insert(id.clone(), begun);
                }
                rotations.get_mut(&id).unwrap().apply(&event).unwrap();
            }
        }
        let rows: BTreeMap<_, _> = self
            .incidents()
            .into_iter()
            .map(|i| (i.id.clone(), i))
            .collect();
        assert_eq!(
            incidents, rows,
            "the log folds to other incidents than the rows"
        );
        for (id, folded) in rotations {
            let row = self.block(self.store().rotation(&id)).unwrap().unwrap().0;
            assert_eq!(
                folded, row,
                "the log folds to another rotation than the row"
            );
        }
    }

    fn check_root(&self) {
        let head = self.store().head();
        let mut edge = Edge::new();
        let mut rules = RuleCheck::new(&self.seen().origin);
        for seq in 0..head.size {
            let bytes = self.block(self.store().entry(seq)).unwrap().unwrap();
            edge.push(leaf_hash(&bytes)).unwrap();
            rules.check(seq, &bytes).unwrap();
        }
        assert_eq!(edge.root(), head.root);
        let checked = self.block(self.store().check_whole()).unwrap();
        assert!(checked >= head.size);
    }

    fn terms(&self, sha256: &Digest) -> Option<Terms> {
        let found = self
            .block(self.store().document(DocumentKind::Terms, sha256))
            .unwrap()?;
        let terms: Terms = canonical::parse_exact(&found.bytes).unwrap();
        assert_eq!(terms.sha256().unwrap(), *sha256);
        Some(terms)
    }
}
