//! What people have given and said for the terms in force: shares, and signatures without one.

use serde::{Deserialize, Serialize};

use super::paper::{ByPaper, Witnessing};
use crate::domain::ids::{Digest, PersonId};
use crate::domain::terms::Gate;
use crate::domain::time::Timestamp;

/// One accepted share: who, which, under which signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The custodian.
    pub person: PersonId,
    /// Share index.
    pub index: u8,
    /// The signed act.
    pub act_sha256: Digest,
    /// The envelope kept until Opening.
    pub envelope_sha256: Digest,
    /// The unlocker that opened the share: proof for the next epoch (PROTOCOL §3).
    pub unlocker: String,
    /// When it was accepted.
    pub at_ms: Timestamp,
    /// Gates this approver lifts beyond the needed ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<Gate>,
    /// The paper that opened it, with who stood by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper: Option<ByPaper>,
}

/// A signature that carries no share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// Who signed.
    pub person: PersonId,
    /// The signed act.
    pub act_sha256: Digest,
    /// When it was accepted.
    pub at_ms: Timestamp,
}

/// Gates lifted by a security person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lifted {
    /// Who signed.
    pub person: PersonId,
    /// Which gates.
    pub gates: Vec<Gate>,
    /// The signed act.
    pub act_sha256: Digest,
    /// When it was accepted.
    pub at_ms: Timestamp,
}

/// What has come in for the terms in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Gathering {
    /// Accepted shares.
    pub approvals: Vec<Approval>,
    /// The co-approver's signature, where the use case asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub co_approval: Option<Consent>,
    /// Gates lifted by security.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lifted: Vec<Lifted>,
    /// Who stands beside the opener of a paper; the newest signature of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub witnessing: Vec<Witnessing>,
    /// The quorum has agreed to close the incident that these terms displace.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub displacing: bool,
}

/// A longer session that was asked for and is being agreed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extension {
    /// New length of the whole session, minutes.
    pub max_minutes: u32,
    /// The session's terms with these minutes: what everyone signs.
    pub terms_sha256: Digest,
    /// Custodians who agreed.
    pub signed: Vec<Consent>,
}

/// Somebody's second stop or veto within a day: it waits for another person's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndAsked {
    /// Who asked.
    pub person: PersonId,
    /// In her words.
    pub reason: String,
    /// The signed act.
    pub act_sha256: Digest,
    /// When.
    pub at_ms: Timestamp,
}
