//! The rotation saga: its states, what may follow, and what to do next (facts §2.4, PROTOCOL §7).
//!
//! Pure: `next` says what to do, `apply` records that it was done. Doing it is `app`'s work.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::canonical::CanonicalError;
use super::ids::{Digest, IncidentId, RotationId};
use super::time::Timestamp;

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

#[cfg(test)]
mod tests {
    use super::*;

    fn saga(state: State) -> Rotation {
        let id = RotationId::numbered(1);
        Rotation {
            state,
            ..Rotation::begun(id, None, Cause::Close, 1, Timestamp(0))
        }
    }

    const NOTHING: InMemory = InMemory {
        predecessor: false,
        successor: false,
    };
    const OLD: InMemory = InMemory {
        predecessor: true,
        successor: false,
    };
    const NEW: InMemory = InMemory {
        predecessor: false,
        successor: true,
    };

    #[test]
    fn a_restart_after_the_post_never_posts_again() {
        for state in [State::CreateSent, State::Reconcile] {
            for memory in [NOTHING, OLD, NEW] {
                assert_ne!(saga(state).next(memory), Next::Create);
            }
            assert_eq!(saga(state).next(OLD), Next::Reconcile);
        }
    }

    #[test]
    fn nothing_is_deleted_before_the_successor_is_current() {
        use State as S;
        for state in [
            S::Idle,
            S::Prepared,
            S::CreateSent,
            S::Sealed,
            S::Verified,
            S::Acked,
        ] {
            for memory in [NOTHING, OLD, NEW] {
                assert_ne!(saga(state).next(memory), Next::Delete, "{state:?}");
            }
        }
    }

    #[test]
    fn a_sealed_successor_whose_value_is_lost_is_discarded_before_the_switch_only() {
        assert_eq!(saga(State::Verified).next(OLD), Next::Discard);
        assert_eq!(saga(State::Switched).next(NEW), Next::Delete);
        assert_eq!(saga(State::Switched).next(OLD), Next::NeedsQuorum);
    }

    #[test]
    fn with_nothing_in_memory_only_custodians_can_go_on() {
        use State as S;
        for state in [
            S::Idle,
            S::Prepared,
            S::CreateSent,
            S::Sealed,
            S::Acked,
            S::Switched,
            S::Deleted,
        ] {
            assert_eq!(saga(state).next(NOTHING), Next::NeedsQuorum, "{state:?}");
        }
    }

    #[test]
    fn a_saga_goes_on_from_where_its_entry_says_whatever_the_row_says() {
        let resumed = Event::Resumed {
            saga: Box::new(saga(State::Acked)),
        };
        let (kind, members) = resumed.to_entry(&RotationId::numbered(1)).unwrap();
        let back = Event::from_entry(&kind, &members).unwrap().unwrap();
        assert_eq!(back, (RotationId::numbered(1), resumed.clone()));
        for state in [State::Verified, State::Acked, State::Switched] {
            let mut row = saga(state);
            row.apply(&resumed).unwrap();
            assert_eq!(row, saga(State::Acked));
            row.apply(&Event::Switched { epoch: 2 }).unwrap();
        }
        let mut other = Rotation {
            id: RotationId::numbered(2),
            ..saga(State::Acked)
        };
        other.apply(&resumed).unwrap_err();
    }

    #[test]
    fn an_entry_reads_back_as_the_event_it_was() {
        let event = Event::Prepared {
            old_secret_id: "a".to_owned(),
            pre_ids: vec!["a".to_owned()],
            lifetime_s: 62_990_000,
        };
        let (kind, members) = event.to_entry(&RotationId::numbered(2)).unwrap();
        let back = Event::from_entry(&kind, &members).unwrap().unwrap();
        assert_eq!(back, (RotationId::numbered(2), event));
    }
}
