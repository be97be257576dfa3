//! Shares, unlockers and test envelopes; versions of roster and policy that wait for signatures.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::SignedDocument;

/// A version of roster or policy that took effect: its entry names the acts under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VersionView {
    /// Its entry in the log.
    pub seq: u64,
    /// `roster` or `policy`.
    pub what: String,
    /// Hash of the document.
    pub sha256: String,
}

/// Proposes a version of roster or policy; the act is the proposer's own signature under it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProposeRequest {
    /// Act `roster` or `policy` over the document's hash.
    pub act: SignedDocument,
    /// RFC 8785 text of the document.
    pub document: String,
}

/// A version that waits for signatures, or how it stands after one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProposalView {
    /// `roster` or `policy`.
    pub what: String,
    /// Hash of the document.
    pub sha256: String,
    /// RFC 8785 text of the document.
    pub document: String,
    /// Who proposed it.
    pub by: String,
    /// When, unix milliseconds.
    pub at_ms: i64,
    /// People who signed it so far.
    pub signed: Vec<String>,
    /// Whose signatures make it the version in force.
    pub needs: String,
    /// Whether it is in force now.
    pub in_force: bool,
}

/// Every version that waits for signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProposalList {
    /// Oldest first.
    pub proposals: Vec<ProposalView>,
}

/// Where a custodian stands in an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CustodianView {
    /// Person id.
    pub person: String,
    /// Name.
    pub name: String,
    /// Share index.
    pub index: u8,
    /// IANA time zone.
    pub time_zone: String,
    /// `asked`, `in`, `refused`, `paused` or `excluded` (the requester).
    pub state: String,
    /// When the share came in, unix milliseconds.
    pub at_ms: Option<i64>,
    /// When she was paged last for the terms in force, unix milliseconds.
    #[serde(default)]
    pub paged_at_ms: Option<i64>,
}

/// A custodian's own sealed share; the server cannot open it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ShareView {
    /// `live` or `drill`.
    pub kind: String,
    /// Epoch.
    pub epoch: u32,
    /// Share index.
    pub index: u8,
    /// The age file, base64.
    pub share: String,
}

/// Shows that a share can be opened.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProveRequest {
    /// The signed act.
    pub act: SignedDocument,
    /// Possession key's Ed25519 signature over SHA-256(document), base64.
    pub possession: String,
    /// The same share, sealed to the unlockers the roster names now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resealed: Option<Resealed>,
}

/// A custodian's own share, sealed again on her machine to other unlockers.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resealed {
    /// The age file, base64.
    pub share: String,
    /// Possession key's Ed25519 signature over SHA-256(file) ‖ SHA-256(document), base64.
    pub possession: String,
}

/// Opens a test envelope: step one of enrolment.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestEnvelopeRequest {
    /// The unlocker, as the roster writes it.
    pub unlocker: String,
}

/// A random text sealed to one unlocker.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TestEnvelope {
    /// Number of this test.
    pub id: String,
    /// The age file, base64.
    pub envelope: String,
}

/// The text that was inside: step two of enrolment.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestEnvelopeOpened {
    /// Number of the test.
    pub id: String,
    /// What was inside, hexadecimal.
    pub opened: String,
}
