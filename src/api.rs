//! Request and reply types shared by `web` and `cli`; no behaviour.
//!
//! Signed documents travel as the exact text that was signed. Documents whose hash matters
//! (terms, roster, policy, manifest) travel as JSON; whoever relies on them parses them into
//! their domain type and hashes that again.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

mod channels;
mod custody;
mod incident;
mod log;
mod review;

pub use channels::{AlertConfirm, AlertTest, ChannelList, ChannelState, Health};
pub use custody::{
    CustodianView, ProposalList, ProposalView, ProposeRequest, ProveRequest, Resealed, ShareView,
    TestEnvelope, TestEnvelopeOpened, TestEnvelopeRequest, VersionView,
};
pub use incident::{
    ApproveRequest, AskedView, ClaimReply, CoApproverView, ExtensionView, GrantReply, IncidentList,
    IncidentView, LiftedView, NoView, NoteRequest, PaperView, SessionView,
};
pub use log::{ConsistencyProof, EntryProof, ExportList};
pub use review::{AnswerRequest, FindingRequest, ReviewList, ReviewSummary, ReviewView};

/// An act or login: the exact text that was signed, and its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedDocument {
    /// RFC 8785 text of the document.
    pub document: String,
    /// Armored SSHSIG (`-----BEGIN SSH SIGNATURE-----` …), or a passkey's assertion as the JSON text
    /// of exactly `id`, `authenticatorData`, `clientDataJSON` and `signature`, all base64url.
    /// Its challenge is SHA-256(`breakglass/<act>/v1\n` ‖ document).
    pub signature: String,
}

/// What went wrong, for people and scripts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// The one member.
    pub error: ErrorDetail,
}

/// Code, sentence, next step and runbook of an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorDetail {
    /// Stable word for scripts.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// What to do next.
    pub hint: String,
    /// Page under `runbooks/`, without ending.
    pub runbook: String,
    /// The same for a person at a page; a vault before this one sends none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<ErrorParts>,
}

/// An error as pages tell it: what happened, whether anything was released, what to do now. Commands
/// stand between backticks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorParts {
    /// What happened.
    pub happened: String,
    /// Whether anything was released.
    pub released: String,
    /// What to do now.
    pub now: String,
    /// The message as a sentence, with numbers and names, where `happened` has none of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exactly: Option<String>,
}

/// Asks for a login challenge.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChallengeRequest {
    /// The public key that will sign, `ssh-ed25519 AAAA…`; `passkey HOST` for a passkey.
    pub key: String,
}

/// A challenge: 32 bytes in hexadecimal, single use, 60 seconds.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Challenge {
    /// The bytes, hexadecimal.
    pub challenge: String,
    /// When it stops being accepted, unix milliseconds.
    pub expires_ms: i64,
}

/// A login: reads, and writes notes. Everything that matters is a signed act.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct LoginReply {
    /// Bearer token for this API, `bgl_…`.
    pub token: String,
    /// When it ends, unix milliseconds.
    pub expires_ms: i64,
    /// Whose it is.
    pub person: String,
    /// Her name.
    pub name: String,
}

/// A code that signs a browser in, once.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct PageCode {
    /// The code, in groups of four.
    pub code: String,
    /// The page that takes it.
    pub url: String,
    /// When it stops being accepted, unix milliseconds.
    pub expires_ms: i64,
}

/// The vault's public documents: what a client checks against its pins.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VaultView {
    /// Vault id.
    pub vault: String,
    /// Log origin.
    pub origin: String,
    /// Log public key as a C2SP vkey.
    pub log_vkey: String,
    /// Roster in force.
    #[schema(value_type = Object)]
    pub roster: Value,
    /// Its hash.
    pub roster_sha256: String,
    /// Policy in force.
    #[schema(value_type = Object)]
    pub policy: Value,
    /// Its hash.
    pub policy_sha256: String,
    /// Manifest of the current live epoch.
    #[schema(value_type = Object)]
    pub manifest: Value,
    /// Its hash.
    pub manifest_sha256: String,
    /// Current live epoch.
    pub epoch: u32,
    /// Whether enough custodians have proved it.
    pub epoch_ready: bool,
    /// Share indexes proved so far.
    pub proved: Vec<u8>,
    /// Proofs that make the epoch ready.
    pub proofs_needed: u8,
    /// A rotation is owed since this moment, unix milliseconds.
    pub rotation_owed_since_ms: Option<i64>,
    /// Later versions of roster and policy, in the order of the log.
    #[serde(default)]
    pub versions: Vec<VersionView>,
    /// People whom an operator locked out until k custodians have signed a roster.
    #[serde(default)]
    pub locked_out: Vec<String>,
    /// Why a new epoch is needed, if one is.
    #[serde(default)]
    pub epoch_owed: Option<String>,
    /// When the newest backup was made, unix milliseconds; missing: there never was one.
    #[serde(default)]
    pub backup_at_ms: Option<i64>,
    /// The epoch it holds; one that is over opens a dead secret.
    #[serde(default)]
    pub backup_epoch: Option<u32>,
    /// Entries by which the log went on under a new name after a restore, oldest first.
    #[serde(default)]
    pub log_epochs: Vec<u64>,
    /// The newest custody epoch known to have been dealt after the one in force: this database is
    /// older, and the credential sealed in it is dead.
    #[serde(default)]
    pub dealt_later: Option<u32>,
    /// When each custodian's share last opened something in a drill.
    #[serde(default)]
    pub drills: Vec<DrillView>,
    /// Server version.
    pub version: String,
    /// Hash of the custodian's page, as in the log's `log.recover`: SHA-256 of its `SHA256SUMS`.
    #[serde(default)]
    pub custodian_page_sha256: String,
}

/// A custodian and her last drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DrillView {
    /// Who.
    pub person: String,
    /// When, unix milliseconds; missing: never.
    #[serde(default)]
    pub at_ms: Option<i64>,
}

/// Done, with nothing more to say than the incident's state.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Done {
    /// What was done.
    pub done: String,
}
