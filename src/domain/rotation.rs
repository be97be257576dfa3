//! The rotation saga: its states, what may follow, and what to do next (facts §2.4, PROTOCOL §7).
//!
//! Pure: `next` says what to do, `apply` records that it was done. Doing it is `app`'s work.

use serde::{Deserialize, Serialize};

use super::ids::{Digest, IncidentId, RotationId};
use super::time::Timestamp;

mod event;

pub use event::Event;

/// Most live secrets before a rotation starts: three leave room for successor and one orphan of
/// the five Databricks allows.
pub const MAX_LIVE_BEFORE: usize = 3;

/// Why the credential is rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The secret a person has seen is replaced at `init`.
    Genesis,
    /// An incident closed.
    Close,
    /// A rotation was owed or asked for.
    Rotate,
    /// An operator supplied a fresh credential; what she has seen is replaced at once.
    Supplied,
}

impl Cause {
    /// A person on the host brought the predecessor and can bring it again.
    #[must_use]
    pub fn is_brought(self) -> bool {
        matches!(self, Self::Genesis | Self::Supplied)
    }
}

/// How the predecessor's death was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Proof {
    /// It is gone from the list and its value is refused.
    #[serde(rename = "list+refused")]
    ListAndRefused,
    /// It is gone from the list; its value was no longer in memory.
    #[serde(rename = "list")]
    List,
}

/// Where a saga stands; what must be durable before the next step to Databricks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing happened at Databricks, or all of it was taken back.
    Idle,
    /// The list before and the tag are recorded.
    Prepared,
    /// A POST may have happened. Never post again from here.
    CreateSent,
    /// The reply was lost: look for the tag in the list.
    Reconcile,
    /// The successor is sealed to the new recipient; its value is in memory only.
    Sealed,
    /// The successor mints tokens.
    Verified,
    /// Enough new shares are addressed to unlockers that were proved lately.
    Acked,
    /// The successor is current.
    Switched,
    /// The predecessor is deleted.
    Deleted,
    /// The predecessor is proved dead.
    Done,
    /// The successor's value is lost: delete it, then start over.
    Discard,
}

/// One rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// Its id.
    pub id: RotationId,
    /// The incident whose close it is, if any.
    pub incident: Option<IncidentId>,
    /// Why.
    pub cause: Cause,
    /// Epoch of the predecessor; 0 at genesis.
    pub from_epoch: u32,
    /// Databricks' id of the predecessor, once the list showed it.
    pub old_secret_id: String,
    /// Where it stands.
    pub state: State,
    /// Secret ids before the POST.
    pub pre_ids: Vec<String>,
    /// The unusual lifetime by which our create is known, seconds.
    pub lifetime_s: i64,
    /// The successor's id at Databricks.
    pub new_secret_id: Option<String>,
    /// Manifest of the successor's epoch.
    pub manifest_sha256: Option<Digest>,
    /// How death was shown.
    pub proof: Option<Proof>,
    /// When it began.
    pub begun_at_ms: Timestamp,
}

/// What is in memory now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InMemory {
    /// The predecessor's value.
    pub predecessor: bool,
    /// The successor's value.
    pub successor: bool,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// List to the last page, record ids and tag.
    Prepare,
    /// Record `create_sent`, then exactly one POST, then seal what came back.
    Create,
    /// List twice, delete what bears our tag, start over.
    Reconcile,
    /// Mint with the successor, read `Me`, list.
    Verify,
    /// Check the new shares' unlockers.
    Acknowledge,
    /// Make the successor current.
    Switch,
    /// Delete the predecessor with a token of the successor.
    Delete,
    /// Show that the predecessor is dead.
    Prove,
    /// Delete the successor whose value is lost.
    Discard,
    /// Nothing.
    Finished,
    /// Only k custodians can bring back what is needed.
    NeedsQuorum,
}

/// Why an event cannot follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rotation {id} is {state:?}: {event} cannot follow")]
pub struct OutOfOrder {
    /// Which saga.
    pub id: RotationId,
    /// Its state.
    pub state: State,
    /// The event.
    pub event: &'static str,
}

impl Rotation {
    /// A saga that has just begun.
    #[must_use]
    pub fn begun(
        id: RotationId,
        incident: Option<IncidentId>,
        cause: Cause,
        from_epoch: u32,
        begun_at_ms: Timestamp,
    ) -> Self {
        Self {
            id,
            incident,
            cause,
            from_epoch,
            old_secret_id: String::new(),
            state: State::Idle,
            pre_ids: Vec::new(),
            lifetime_s: 0,
            new_secret_id: None,
            manifest_sha256: None,
            proof: None,
            begun_at_ms,
        }
    }

    /// What to do next, given what is in memory. After a restart nothing is.
    #[must_use]
    pub fn next(&self, memory: InMemory) -> Next {
        match self.state {
            State::Done => Next::Finished,
            // Making the successor current needs no secret, deleting the predecessor needs the
            // successor's token, everything before needs the predecessor's.
            State::Switched if memory.successor => Next::Delete,
            // `init` run again while the secret given still works: the successor, which nobody has
            // proved yet, is discarded and dealt anew (PROTOCOL §3).
            State::Switched if self.cause.is_brought() && memory.predecessor => Next::Discard,
            State::Deleted if memory.successor => Next::Prove,
            State::Switched | State::Deleted => Next::NeedsQuorum,
            State::Sealed if memory.successor => Next::Verify,
            State::Verified if memory.successor => Next::Acknowledge,
            State::Acked if memory.successor => Next::Switch,
            _ if !memory.predecessor => Next::NeedsQuorum,
            State::Idle => Next::Prepare,
            State::Prepared => Next::Create,
            State::CreateSent | State::Reconcile => Next::Reconcile,
            // The value went with the memory: a sealed successor that nobody verified is discarded.
            State::Sealed | State::Verified | State::Acked | State::Discard => Next::Discard,
        }
    }

    /// Whether the successor is current already.
    #[must_use]
    pub fn has_switched(&self) -> bool {
        matches!(self.state, State::Switched | State::Deleted | State::Done)
    }

    /// Records what happened.
    ///
    /// # Errors
    /// [`OutOfOrder`] when the event cannot follow the state.
    pub fn apply(&mut self, event: &Event) -> Result<(), OutOfOrder> {
        let state = match (self.state, event) {
            (State::Idle, Event::Begun { .. }) => State::Idle,
            (
                State::Idle | State::Prepared,
                Event::Prepared {
                    old_secret_id,
                    pre_ids,
                    lifetime_s,
                },
            ) => {
                self.old_secret_id.clone_from(old_secret_id);
                self.pre_ids.clone_from(pre_ids);
                self.lifetime_s = *lifetime_s;
                State::Prepared
            }
            (State::Prepared, Event::CreateSent {}) => State::CreateSent,
            (State::CreateSent, Event::CreateRefused { .. }) => State::Prepared,
            (State::CreateSent | State::Reconcile, Event::Reconcile { .. }) => State::Reconcile,
            (State::CreateSent | State::Reconcile, Event::Reconciled { .. }) => State::Idle,
            (state, Event::Foreign { .. }) => state,
            (_, Event::Resumed { saga }) if saga.id == self.id => {
                *self = (**saga).clone();
                return Ok(());
            }
            (
                State::CreateSent,
                Event::Sealed {
                    new_secret_id,
                    manifest_sha256,
                    ..
                },
            ) => {
                self.new_secret_id = Some(new_secret_id.clone());
                self.manifest_sha256 = Some(*manifest_sha256);
                State::Sealed
            }
            (State::Sealed, Event::Verified {}) => State::Verified,
            (State::Verified, Event::Acked { .. }) => State::Acked,
            (State::Acked, Event::Switched { .. }) => State::Switched,
            (State::Switched, Event::Deleted { .. }) => State::Deleted,
            (State::Deleted, Event::Done { proof, .. }) => {
                self.proof = Some(*proof);
                State::Done
            }
            (state, Event::Discard { secret_id })
                if matches!(
                    state,
                    State::CreateSent
                        | State::Sealed
                        | State::Verified
                        | State::Acked
                        | State::Discard
                ) || (state == State::Switched && self.cause.is_brought()) =>
            {
                self.new_secret_id = Some(secret_id.clone());
                State::Discard
            }
            (State::Discard, Event::Discarded { .. }) => {
                self.new_secret_id = None;
                self.manifest_sha256 = None;
                State::Idle
            }
            (state, event) => {
                return Err(OutOfOrder {
                    id: self.id.clone(),
                    state,
                    event: event.kind(),
                });
            }
        };
        self.state = state;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
