//! What happens in a rotation, and its form as an entry of the log: `rotate.*`. Whether it may
//! happen is said beside.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Cause, Proof, Rotation};
use crate::domain::canonical::CanonicalError;
use crate::domain::ids::{Digest, IncidentId, RotationId};
use crate::domain::time::Timestamp;

/// What happened in a saga: the entry types `rotate.*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t")]
pub enum Event {
    /// It began.
    #[serde(rename = "rotate.begun")]
    Begun {
        /// The incident, if any.
        incident: Option<IncidentId>,
        /// Why.
        cause: Cause,
        /// Epoch of the predecessor.
        from_epoch: u32,
        /// When.
        at_ms: Timestamp,
    },
    /// It goes on on another record, from where it stood: the last commit on the former one may be
    /// durable or not.
    #[serde(rename = "rotate.resumed")]
    Resumed {
        /// All of it.
        saga: Box<Rotation>,
    },
    /// Ids before and tag are known.
    #[serde(rename = "rotate.prepared")]
    Prepared {
        /// The predecessor's id.
        old_secret_id: String,
        /// Ids before the POST.
        pre_ids: Vec<String>,
        /// The tag, seconds.
        lifetime_s: i64,
    },
    /// A POST may happen from now on.
    #[serde(rename = "rotate.create_sent")]
    CreateSent {},
    /// Databricks said a definite no to the POST.
    #[serde(rename = "rotate.create_refused")]
    CreateRefused {
        /// HTTP status.
        status: u16,
        /// Databricks' error code.
        code: String,
    },
    /// The reply was lost.
    #[serde(rename = "rotate.reconcile")]
    Reconcile {
        /// Why, in words without secrets.
        why: String,
    },
    /// Nothing of ours is left; start over.
    #[serde(rename = "rotate.reconciled")]
    Reconciled {
        /// Ids deleted because they bore our tag.
        orphans: Vec<String>,
    },
    /// Somebody else's secret appeared; reported, never deleted.
    #[serde(rename = "rotate.foreign")]
    Foreign {
        /// Their ids.
        ids: Vec<String>,
    },
    /// The successor is sealed; from here it can be opened by its custodians.
    #[serde(rename = "rotate.sealed")]
    Sealed {
        /// The successor's id.
        new_secret_id: String,
        /// Its epoch.
        epoch: u32,
        /// Manifest of that epoch.
        manifest_sha256: Digest,
    },
    /// The successor mints tokens.
    #[serde(rename = "rotate.verified")]
    Verified {},
    /// The rule of PROTOCOL §3 holds.
    #[serde(rename = "rotate.acked")]
    Acked {
        /// `unlockers` or `genesis`.
        acked: String,
        /// Share indexes addressed to recently proved unlockers.
        indexes: Vec<u8>,
    },
    /// The successor is current.
    #[serde(rename = "rotate.switched")]
    Switched {
        /// Its epoch.
        epoch: u32,
    },
    /// The predecessor is deleted.
    #[serde(rename = "rotate.deleted")]
    Deleted {
        /// Its id.
        secret_id: String,
    },
    /// The predecessor is dead.
    #[serde(rename = "rotate.done")]
    Done {
        /// How that was shown.
        proof: Proof,
        /// When the last token minted from it dies.
        tokens_dead_at_ms: Timestamp,
    },
    /// The successor's value is lost.
    #[serde(rename = "rotate.discard")]
    Discard {
        /// Its id.
        secret_id: String,
    },
    /// The successor is deleted; start over.
    #[serde(rename = "rotate.discarded")]
    Discarded {
        /// Its id.
        secret_id: String,
    },
}

impl Event {
    /// The entry type.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Begun { .. } => "rotate.begun",
            Self::Resumed { .. } => "rotate.resumed",
            Self::Prepared { .. } => "rotate.prepared",
            Self::CreateSent {} => "rotate.create_sent",
            Self::CreateRefused { .. } => "rotate.create_refused",
            Self::Reconcile { .. } => "rotate.reconcile",
            Self::Reconciled { .. } => "rotate.reconciled",
            Self::Foreign { .. } => "rotate.foreign",
            Self::Sealed { .. } => "rotate.sealed",
            Self::Verified {} => "rotate.verified",
            Self::Acked { .. } => "rotate.acked",
            Self::Switched { .. } => "rotate.switched",
            Self::Deleted { .. } => "rotate.deleted",
            Self::Done { .. } => "rotate.done",
            Self::Discard { .. } => "rotate.discard",
            Self::Discarded { .. } => "rotate.discarded",
        }
    }

    /// Entry type and members, with the saga's id as `rot`.
    ///
    /// # Errors
    /// Never in practice: every member has a JSON form.
    pub fn to_entry(
        &self,
        id: &RotationId,
    ) -> Result<(String, Map<String, Value>), CanonicalError> {
        let value = serde_json::to_value(self).map_err(|e| CanonicalError::Shape(e.to_string()))?;
        let Value::Object(mut members) = value else {
            return Err(CanonicalError::Shape("event without members".to_owned()));
        };
        members.remove("t");
        members.insert("rot".to_owned(), Value::String(id.to_string()));
        Ok((self.kind().to_owned(), members))
    }

    /// Reads an entry back; `None` when it is not about a rotation.
    ///
    /// # Errors
    /// When the type is known but members are missing or odd.
    pub fn from_entry(
        kind: &str,
        members: &Map<String, Value>,
    ) -> Result<Option<(RotationId, Self)>, CanonicalError> {
        let (true, Some(Value::String(id))) = (kind.starts_with("rotate."), members.get("rot"))
        else {
            return Ok(None);
        };
        let id = id
            .parse()
            .map_err(|_| CanonicalError::Shape("rot is not an id".to_owned()))?;
        let mut members = members.clone();
        members.remove("rot");
        members.insert("t".to_owned(), Value::String(kind.to_owned()));
        let event = serde_json::from_value(Value::Object(members))
            .map_err(|e| CanonicalError::Shape(e.to_string()))?;
        Ok(Some((id, event)))
    }
}
