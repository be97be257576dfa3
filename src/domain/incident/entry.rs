//! Events as log entries and back. An entry carries everything `apply` needs, except the terms.

use serde_json::{Map, Value};

use super::event::Event;
use crate::domain::canonical::CanonicalError;
use crate::domain::ids::{Digest, IncidentId};
use crate::domain::terms::Terms;

/// Member that marks every entry about a drill; the terms say the same.
pub const DRILL: &str = "drill";

impl Event {
    /// Entry type and members, with the incident's id as `inc`.
    ///
    /// # Errors
    /// Never in practice: every member has a JSON form.
    pub fn to_entry(
        &self,
        incident: &IncidentId,
    ) -> Result<(String, Map<String, Value>), CanonicalError> {
        let shape = |e: serde_json::Error| CanonicalError::Shape(e.to_string());
        let mut members = match serde_json::to_value(self).map_err(shape)? {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        let kind = match members.remove("t") {
            Some(Value::String(kind)) => kind,
            _ => return Err(CanonicalError::Shape("event without a type".to_owned())),
        };
        members.insert("inc".to_owned(), Value::String(incident.to_string()));
        Ok((kind, members))
    }

    /// Reads an entry back; `None` when its type is not one about an incident.
    ///
    /// # Errors
    /// When the type is known but members are missing or odd.
    pub fn from_entry(
        kind: &str,
        members: &Map<String, Value>,
    ) -> Result<Option<(IncidentId, Self)>, CanonicalError> {
        let Some(Value::String(incident)) = members.get("inc") else {
            return Ok(None);
        };
        if !KINDS.contains(&kind) {
            return Ok(None);
        }
        let incident = incident
            .parse()
            .map_err(|_| CanonicalError::Shape("inc is not an incident id".to_owned()))?;
        let mut members = members.clone();
        members.remove("inc");
        members.remove(DRILL);
        members.insert("t".to_owned(), Value::String(kind.to_owned()));
        let event = serde_json::from_value(Value::Object(members))
            .map_err(|e| CanonicalError::Shape(e.to_string()))?;
        Ok(Some((incident, event)))
    }

    /// Puts the terms back after reading a log, found by their hash.
    #[must_use]
    pub fn with_terms(mut self, find: &dyn Fn(&Digest) -> Option<Terms>) -> Self {
        if let Self::Opened(frozen) | Self::AskedAgain { frozen, .. } = &mut self
            && frozen.terms.is_none()
        {
            frozen.terms = find(&frozen.terms_sha256).map(Box::new);
        }
        self
    }

    /// The terms this event freezes.
    #[must_use]
    pub fn terms(&self) -> Option<&Terms> {
        match self {
            Self::Opened(frozen) | Self::AskedAgain { frozen, .. } => frozen.terms.as_deref(),
            _ => None,
        }
    }
}

/// Every entry type about an incident; a test compares it with the variants.
pub const KINDS: &[&str] = &[
    "incident.opened",
    "incident.asked_again",
    "share.accept",
    "paper.witnessed",
    "approve.refused",
    "approve.mismatch",
    "approve.withdrawn",
    "approve.co",
    "gate.lifted",
    "incident.cooling",
    "incident.cooled",
    "incident.displacing",
    "incident.vetoed",
    "stop.asked",
    "incident.withdrawn",
    "incident.refused",
    "incident.lapsed",
    "unseal.begin",
    "unseal.done",
    "unseal.failed",
    "session.open",
    "session.claim",
    "note",
    "extend.asked",
    "extend.signed",
    "session.extended",
    "extend.failed",
    "session.close",
    "incident.memory_lost",
    "incident.closed",
    "review.answer",
    "review.finding",
    "review.signed",
];
