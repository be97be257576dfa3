//! What is seen of an incident and its session, and what is sent to one.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{CustodianView, SignedDocument};

/// A session as others see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionView {
    /// Session id.
    pub id: String,
    /// When it became usable, unix milliseconds.
    pub opened_ms: i64,
    /// When it ends by itself, unix milliseconds.
    pub exp_ms: i64,
    /// Claims so far.
    pub claims: u32,
}

/// What an incident asks for and what people said, besides shares.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AskedView {
    /// A delay or veto window runs until this moment, unix milliseconds.
    pub waits_until_ms: Option<i64>,
    /// What is missing although enough shares are in, in words.
    pub missing: Option<String>,
    /// The person who must agree besides the custodians, where the use case asks for one.
    pub co_approver: Option<CoApproverView>,
    /// Security must lift the closed gates, because no further custodian exists.
    pub override_needed: bool,
    /// Gates that security lifted.
    pub lifted: Vec<LiftedView>,
    /// A second stop or veto by one person, waiting for another person's signature.
    pub no_waits: Option<NoView>,
    /// The veto that ended it.
    pub vetoed: Option<NoView>,
    /// Custodians' refusals with their reasons.
    pub refusals: Vec<NoView>,
    /// The longer session that is being agreed to.
    pub extension: Option<ExtensionView>,
    /// Paper shares that a witness signed for.
    #[serde(default)]
    pub papers: Vec<PaperView>,
}

/// A paper share: whose, who opens it, who stands by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaperView {
    /// Who opens it and counts.
    pub opener: String,
    /// Her name.
    pub opener_name: String,
    /// Whose paper and share it is.
    pub keeper: String,
    /// Her name.
    pub keeper_name: String,
    /// Who stands by.
    pub witness: String,
    /// Her name.
    pub witness_name: String,
    /// The keeper's share.
    pub index: u8,
    /// The paper's recipient.
    pub unlocker: String,
    /// The number of the bag.
    pub bag: String,
    /// The witness's signed act: the opener's client checks it before it reads the paper.
    pub act: SignedDocument,
    /// Whether the share is in.
    pub released: bool,
}

/// A co-approver, once she signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CoApproverView {
    /// The role of which one member must agree.
    pub role: String,
    /// Who did.
    pub person: Option<String>,
    /// Her name.
    pub name: Option<String>,
    /// When, unix milliseconds.
    pub at_ms: Option<i64>,
}

/// Gates that a security person lifted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiftedView {
    /// Who.
    pub person: String,
    /// Her name.
    pub name: String,
    /// Which gates.
    pub gates: Vec<String>,
}

/// Somebody's no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NoView {
    /// Who.
    pub person: String,
    /// Her name.
    pub name: String,
    /// In her words.
    pub reason: String,
}

/// A longer session that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExtensionView {
    /// Length of the whole session, minutes.
    pub max_minutes: u32,
    /// What is signed: the session's terms with these minutes.
    pub terms_sha256: String,
    /// Custodians who must agree.
    pub needed: u8,
    /// Names of those who did.
    pub signed: Vec<String>,
}

/// One incident, whole.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct IncidentView {
    /// Incident id.
    pub id: String,
    /// `incident`, `drill` or `rotate`.
    pub purpose: String,
    /// Phase name.
    pub phase: String,
    /// Grows with every change.
    pub version: i64,
    /// Who asked: a person id or `vault`.
    pub requester: String,
    /// Her name.
    pub requester_name: String,
    /// The terms in force.
    #[schema(value_type = Object)]
    pub terms: Value,
    /// Their hash.
    pub terms_sha256: String,
    /// The signed opening; none when the vault asked.
    pub request: Option<SignedDocument>,
    /// Log index of the newest `incident.opened` or `incident.asked_again`.
    pub terms_seq: u64,
    /// Shares in.
    pub shares_in: u8,
    /// Shares needed.
    pub needed: u8,
    /// Who was asked and what they said.
    pub custodians: Vec<CustodianView>,
    /// Whether a channel has confirmed the opening alert.
    pub alert_confirmed: bool,
    /// The session, while open.
    pub session: Option<SessionView>,
    /// Why the session ended, in words.
    pub close_cause: Option<String>,
    /// State of the rotation, once it began.
    pub rotation: Option<String>,
    /// The old secret is refused by Databricks.
    pub old_secret_refused: bool,
    /// The credential left memory before the rotation ended.
    pub rotation_owed: bool,
    /// When the last minted token dies, unix milliseconds.
    pub fully_safe_at_ms: Option<i64>,
    /// When the review is overdue, unix milliseconds.
    pub review_due_ms: Option<i64>,
    /// Why it is not opened although enough shares are in; one sentence.
    #[serde(default)]
    pub waits_for: Option<String>,
    /// What is asked for and was said besides shares.
    #[serde(default)]
    pub asked: AskedView,
}

/// The incidents, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct IncidentList {
    /// Each one whole.
    pub incidents: Vec<IncidentView>,
}

/// Releases a share.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveRequest {
    /// The signed act.
    pub act: SignedDocument,
    /// The age file to the incident's recipient, base64.
    pub envelope: String,
    /// Possession key's Ed25519 signature over SHA-256(envelope) ‖ SHA-256(document), base64.
    pub possession: String,
}

/// What `claim` hands to the responder: the only reply that carries a session token.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct ClaimReply {
    /// Session id: the OAuth client id for tools that want one.
    pub session: String,
    /// Session token `bgt_…`: bearer, or the OAuth client secret.
    pub token: String,
    /// When it ends, unix milliseconds.
    pub exp_ms: i64,
    /// Proxy URL over TLS, if configured.
    pub proxy_url: Option<String>,
    /// Account proxy URL over TLS (`accounts.` name), if configured.
    pub account_proxy_url: Option<String>,
    /// Plain proxy URL on loopback, if configured.
    pub plain_url: Option<String>,
    /// Databricks account id.
    pub account_id: String,
    /// Workspace id of the target.
    pub workspace: Option<String>,
    /// PEM of the CA behind the proxy's certificate, if it is our own.
    pub ca_pem: Option<String>,
}

/// What `grant` says.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct GrantReply {
    /// Who has the right now.
    pub person: String,
    /// `workspace-admin` or `account-admin`.
    pub right: String,
    /// She had it before; nothing was done and nothing will be undone.
    pub had_it: bool,
    /// The terms say that it stays after the close.
    pub keep: bool,
    /// Where to sign in.
    pub url: String,
    /// When the session ends by itself, unix milliseconds; the right ends with it.
    pub until_ms: i64,
}

/// A note by anyone of the roster.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteRequest {
    /// The text.
    pub text: String,
}
