//! What callers hand to the sequencer and get back, and whose log it is.

use std::fmt;

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::change::RowChange;
use crate::audit::entry::{Draft, Line};
use crate::audit::merkle::Hash;
use crate::audit::note::{NoteError, NoteSigner, VerifierKey};
use crate::domain::time::Timestamp;

/// Which queue a commit waits in. Control goes first, so that a flood of calls never delays a
/// close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Incidents, rotations, logins, alerts.
    Control,
    /// Proxied calls; shed when too many wait.
    Data,
    /// The end of a call that was sent: waits with the calls, and where they are shed, with
    /// control, because it is owed. At most one per call under way can wait.
    Owed,
}

/// Entries and row changes that become durable together or not at all.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Entries, in order.
    pub drafts: Vec<Draft>,
    /// Row changes, in order.
    pub rows: Vec<RowChange>,
    /// Queue.
    pub lane: Lane,
}

impl Commit {
    /// Entries and rows of the control lane.
    #[must_use]
    pub fn control(drafts: Vec<Draft>, rows: Vec<RowChange>) -> Self {
        Self {
            drafts,
            rows,
            lane: Lane::Control,
        }
    }

    /// One entry about a call.
    #[must_use]
    pub fn call(draft: Draft) -> Self {
        Self {
            drafts: vec![draft],
            rows: Vec::new(),
            lane: Lane::Data,
        }
    }
}

/// One entry about a call, without rows, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct CallLine<'a> {
    /// The entry.
    pub line: Line<'a>,
    /// The incident that its member `inc` names.
    pub incident: &'a str,
    /// Queue.
    pub lane: Lane,
    /// Refused as [`super::CommitError::Late`] when its `ts` would be later: the end of its
    /// session, which verifiers hold `call.begin` to. Only the writer knows the stamp.
    pub not_after: Option<Timestamp>,
}

/// Where and when a commit became durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// Index of its first entry; where the next one will stand, when it had none.
    pub first_seq: u64,
    /// `ts` of its entries.
    pub ts: Timestamp,
}

/// The newest committed head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Number of entries.
    pub size: u64,
    /// RFC 6962 root over them.
    pub root: Hash,
    /// The signed note over both.
    pub checkpoint: String,
    /// `ts` of the newest entry.
    pub ts: Timestamp,
}

/// The 32 bytes the log signs with. Wiped on drop, printed by nothing.
#[derive(Clone)]
pub struct SecretLogSeed(Zeroizing<[u8; 32]>);

impl SecretLogSeed {
    /// Takes the bytes over; the caller wipes its own copy.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl fmt::Debug for SecretLogSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretLogSeed(***)")
    }
}

/// Whose log this is and which process writes it.
#[derive(Debug, Clone)]
pub struct LogIdentity {
    /// `<public host>/log/<vault id>/e<N>`: name of the log and of its key.
    pub origin: String,
    /// Its key.
    pub seed: SecretLogSeed,
    /// Member `node` of entries.
    pub node: String,
    /// Member `boot` of entries: 8 hexadecimal digits, new per process.
    pub boot: String,
}

impl LogIdentity {
    /// The signer of checkpoints.
    ///
    /// # Errors
    /// When the origin is no key name.
    pub(crate) fn signer(&self) -> Result<NoteSigner, NoteError> {
        NoteSigner::from_seed(&self.origin, &self.seed.0)
    }

    /// The log's public key, as it goes into manifests and `log.genesis`.
    ///
    /// # Errors
    /// When the origin is no key name.
    pub fn verifier_key(&self) -> Result<VerifierKey, NoteError> {
        Ok(self.signer()?.verifier_key().clone())
    }

    /// The first entry of a log: `log.genesis` with `origin`, `epoch` and `vkey`, and what the
    /// caller adds.
    ///
    /// # Errors
    /// When the origin is no key name.
    pub fn genesis_draft(&self, more: Map<String, Value>) -> Result<Draft, NoteError> {
        let epoch = self
            .origin
            .rsplit_once("/e")
            .and_then(|(_, n)| n.parse::<u32>().ok());
        let mut members = more;
        members.insert("origin".to_owned(), self.origin.clone().into());
        members.insert("epoch".to_owned(), epoch.unwrap_or(1).into());
        members.insert("vkey".to_owned(), self.verifier_key()?.to_string().into());
        Ok(Draft {
            kind: "log.genesis".to_owned(),
            members,
        })
    }
}

/// What makes a vault.
#[derive(Debug, Clone)]
pub struct Genesis {
    /// Its log.
    pub log: LogIdentity,
    /// The first commit; its first entry is `log.genesis`.
    pub first: Commit,
}
