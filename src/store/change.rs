//! Row changes as data: one variant per statement. `app` decides them, the sequencer applies
//! them in the transaction of their entries, and nothing else writes.

use crate::domain::ids::{Digest, IncidentId, PersonId, SessionId};
use crate::domain::incident::Incident;
use crate::domain::manifest::{Kind, Manifest};
use crate::domain::paging::Wave;
use crate::domain::rotation::Rotation;
use crate::domain::time::Timestamp;

pub use super::undo::{Snapshot, Undo, UndoOrigin};

/// What kind of document a hash stands for; the folder of the export it goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DocumentKind {
    /// `terms/`
    Terms,
    /// `acts/`, with its signature beside it
    Act,
    /// `roster/`
    Roster,
    /// `policy/`
    Policy,
    /// `manifests/`
    Manifest,
}

impl DocumentKind {
    /// Folder in the export and value in the `kind` column.
    #[must_use]
    pub fn folder(self) -> &'static str {
        match self {
            Self::Terms => "terms",
            Self::Act => "acts",
            Self::Roster => "roster",
            Self::Policy => "policy",
            Self::Manifest => "manifests",
        }
    }
}

/// A document kept under its hash: terms, roster, policy, manifest, or a signed act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// What it is.
    pub kind: DocumentKind,
    /// SHA-256 of `bytes`, except for terms, whose hash has a prefix.
    pub sha256: Digest,
    /// Canonical bytes.
    pub bytes: Vec<u8>,
    /// Armored SSHSIG, for acts.
    pub signature: Option<String>,
}

/// What a secret at Databricks was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretUse {
    /// A rotation's successor.
    Successor,
    /// A session.
    Session,
    /// A measurement.
    Probe,
}

impl SecretUse {
    /// Value in the `use` column and in entries.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Successor => "successor",
            Self::Session => "session",
            Self::Probe => "probe",
        }
    }
}

/// A POST that makes a secret has its own row before it is sent (PROTOCOL §7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretPost {
    /// Number of the POST, drawn by the caller (random, unique).
    pub id: String,
    /// What for.
    pub used_for: SecretUse,
    /// The incident or saga it belongs to, as text.
    pub owner: String,
    /// The tag: wanted lifetime in seconds.
    pub lifetime_s: i64,
    /// Secret ids before the POST.
    pub pre_ids: Vec<String>,
    /// `sent`, `made`, `refused`, `unknown`, `deleted`.
    pub state: String,
    /// Databricks' id, once known.
    pub secret_id: Option<String>,
    /// When it was recorded.
    pub at_ms: Timestamp,
}

/// An alert waiting for its channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Random id; also the webhook-id and part of the Message-ID.
    pub id: String,
    /// Channel name.
    pub channel: String,
    /// What happened: `incident.opened`, `alert.failed`, …
    pub kind: String,
    /// The incident, if any.
    pub incident: Option<IncidentId>,
    /// Addresses, for mail.
    pub to: Vec<String>,
    /// Subject line.
    pub subject: String,
    /// Body without checkpoint; that is added when sending.
    pub body: String,
    /// Whether the event is a drill.
    pub drill: bool,
    /// `info`, `action` or `alarm`.
    pub severity: String,
    /// When the event happened.
    pub at_ms: Timestamp,
}

/// One statement.
#[derive(Debug, Clone)]
pub enum RowChange {
    /// Inserts (`expected_version` 0) or replaces an incident; a different version is a conflict.
    SaveIncident {
        /// Version that was read; the row gets one more.
        expected_version: i64,
        /// The incident.
        incident: Box<Incident>,
    },
    /// Inserts (`expected_version` 0) or replaces a rotation.
    SaveRotation {
        /// Version that was read.
        expected_version: i64,
        /// The rotation.
        rotation: Box<Rotation>,
    },
    /// Keeps a document; the same hash again changes nothing.
    PutDocument(Document),
    /// Remembers an act as used; the same hash again is a conflict (`replayed`).
    UseAct {
        /// Hash of the act.
        sha256: Digest,
        /// `approve`, `open`, …
        word: String,
        /// Who.
        person: PersonId,
        /// For which incident.
        incident: Option<IncidentId>,
        /// When.
        at_ms: Timestamp,
    },
    /// Keeps a share's envelope until Opening.
    PutEnvelope {
        /// The incident.
        incident: IncidentId,
        /// Terms it is for.
        terms_sha256: Digest,
        /// Share index.
        index: u8,
        /// The approving act.
        act_sha256: Digest,
        /// The age file.
        envelope: Vec<u8>,
    },
    /// Forgets one envelope (a withdrawn approval).
    DropEnvelope {
        /// The incident.
        incident: IncidentId,
        /// Share index.
        index: u8,
    },
    /// Forgets all envelopes of an incident.
    DropEnvelopes {
        /// The incident.
        incident: IncidentId,
    },
    /// Adds an epoch whose credential and shares are sealed, not current yet.
    PutEpoch {
        /// Its manifest.
        manifest: Box<Manifest>,
        /// Hash of the manifest.
        manifest_sha256: Digest,
        /// The sealed credential (an age file).
        sealed_credential: Vec<u8>,
        /// Databricks' id of the secret.
        secret_id: String,
        /// When the secret expires.
        secret_expires_at_ms: Timestamp,
        /// Sealed shares: index, person, age file.
        shares: Vec<(u8, PersonId, Vec<u8>)>,
        /// When.
        at_ms: Timestamp,
    },
    /// Makes an epoch the current one of its kind.
    SwitchEpoch {
        /// Live or drill.
        kind: Kind,
        /// Its number.
        epoch: u32,
    },
    /// Erases an epoch's sealed credential (predecessor at DONE).
    EraseCredential {
        /// Live or drill.
        kind: Kind,
        /// Its number.
        epoch: u32,
    },
    /// Erases an epoch's share files (predecessor when the successor is ready).
    EraseShares {
        /// Live or drill.
        kind: Kind,
        /// Its number.
        epoch: u32,
    },
    /// Removes an epoch that never became current (a discarded successor).
    DiscardEpoch {
        /// Live or drill.
        kind: Kind,
        /// Its number.
        epoch: u32,
    },
    /// Records a proof; the same index of the same epoch again replaces it.
    PutProof {
        /// Live or drill.
        kind: Kind,
        /// Its number.
        epoch: u32,
        /// Share index.
        index: u8,
        /// The signed act.
        act_sha256: Digest,
        /// When.
        at_ms: Timestamp,
    },
    /// An unlocker opened a file: proof that the person still has it.
    UnlockerOpened {
        /// Whose.
        person: PersonId,
        /// Recipient text.
        unlocker: String,
        /// When.
        at_ms: Timestamp,
    },
    /// Records a POST that makes a secret.
    PutSecretPost(SecretPost),
    /// Records what came of it.
    SetSecretPost {
        /// Number of the POST.
        id: String,
        /// New state.
        state: String,
        /// Databricks' id, if known now.
        secret_id: Option<String>,
    },
    /// Something a session is about to add at Databricks.
    PutUndo(Box<Undo>),
    /// What became of it.
    SetUndo {
        /// The row.
        id: String,
        /// `void`, `nothing`, `undone`, `kept` or `failed`.
        state: String,
    },
    /// How things stood before or after a session.
    PutSnapshot(Snapshot),
    /// A session came to be.
    PutSession {
        /// Its id.
        session: SessionId,
        /// Its incident.
        incident: IncidentId,
        /// When it ends by itself.
        exp_ms: Timestamp,
    },
    /// The session lasts longer.
    ExtendSession {
        /// The session.
        session: SessionId,
        /// When it ends by itself now.
        exp_ms: Timestamp,
    },
    /// The session's live token; an earlier one is dead.
    SetToken {
        /// The session.
        session: SessionId,
        /// Hash of the token.
        token_sha256: Digest,
    },
    /// The session is over.
    EndSession {
        /// The session.
        session: SessionId,
        /// When.
        at_ms: Timestamp,
    },
    /// A single-use challenge.
    PutChallenge {
        /// 32 bytes, hexadecimal.
        challenge: String,
        /// `login`, `prove` or `test`.
        purpose: String,
        /// Key or person it was made for.
        subject: String,
        /// When it stops being accepted.
        expires_at_ms: Timestamp,
    },
    /// Uses a challenge up; one that is unknown, used or expired is a conflict.
    UseChallenge {
        /// 32 bytes, hexadecimal.
        challenge: String,
        /// `login`, `prove` or `test`.
        purpose: String,
        /// Hash of the key, or person, it was made for.
        subject: String,
        /// Now.
        now_ms: Timestamp,
    },
    /// Removes challenges that nobody can use any more.
    ExpireChallenges {
        /// Now.
        now_ms: Timestamp,
    },
    /// A login.
    PutLogin {
        /// Hash of its token.
        token_sha256: Digest,
        /// Whose.
        person: PersonId,
        /// Key that signed.
        key: String,
        /// When it ends.
        expires_at_ms: Timestamp,
    },
    /// A login is over; one that is gone already changes nothing.
    EndLogin {
        /// Hash of its token.
        token_sha256: Digest,
    },
    /// A passkey signed. A counter that does not grow, where the passkey counts, is a conflict.
    PasskeyUsed {
        /// Credential id, base64url.
        credential: String,
        /// Its signature counter; 0 when it has none.
        counter: u32,
        /// When.
        at_ms: Timestamp,
    },
    /// A roster or policy takes effect.
    SetCurrent {
        /// `roster` or `policy`.
        what: String,
        /// Its hash.
        sha256: Digest,
    },
    /// A version of roster or policy waits for signatures; the same hash again changes nothing.
    PutProposal {
        /// `roster` or `policy`.
        what: String,
        /// Hash of the document.
        sha256: Digest,
        /// Its canonical bytes.
        bytes: Vec<u8>,
        /// Who proposed it.
        person: PersonId,
        /// When.
        at_ms: Timestamp,
    },
    /// Somebody agreed to a proposal; her second signature is a conflict.
    SignProposal {
        /// The proposal.
        sha256: Digest,
        /// Who.
        person: PersonId,
        /// The signed act.
        act_sha256: Digest,
        /// When.
        at_ms: Timestamp,
    },
    /// Forgets every proposal for a document: another version took effect.
    EndProposals {
        /// `roster` or `policy`.
        what: String,
    },
    /// Replaces one sealed share by the same share sealed to other unlockers.
    ReplaceShare {
        /// Live or drill.
        kind: Kind,
        /// Its epoch.
        epoch: u32,
        /// Share index.
        index: u8,
        /// The age file.
        file: Vec<u8>,
    },
    /// A fact about the vault, replacing the former value.
    SetFact {
        /// Name: `rotation_owed_since_ms`, `measured`, …
        name: String,
        /// Value; `None` removes it.
        value: Option<String>,
    },
    /// Whom to wake later for an incident; the same wave again replaces it.
    PutPage {
        /// The incident.
        incident: IncidentId,
        /// Who, and when.
        wave: Wave,
    },
    /// A wave was sent; one that is gone already is a conflict.
    DropPage {
        /// The incident.
        incident: IncidentId,
        /// The wave's number.
        number: u8,
    },
    /// Nobody is to be woken for this incident any more.
    DropPages {
        /// The incident.
        incident: IncidentId,
    },
    /// An alert to send.
    QueueAlert(Alert),
    /// A channel confirmed it.
    AlertSent {
        /// The alert.
        id: String,
        /// When.
        at_ms: Timestamp,
    },
    /// A channel failed; try again later.
    AlertFailed {
        /// The alert.
        id: String,
        /// When to try again.
        retry_at_ms: Timestamp,
        /// Why, without secrets.
        error: String,
    },
}
