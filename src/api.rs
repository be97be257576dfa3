//! Request and reply types shared by `web` and `cli`; no behaviour.
//!
//! Signed documents travel as the exact text that was signed. Documents whose hash matters
//! (terms, roster, policy, manifest) travel as JSON; whoever relies on them parses them into
//! their domain type and hashes that again.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

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

/// A note by anyone of the roster.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteRequest {
    /// The text.
    pub text: String,
}

/// A draft answer of a review.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerRequest {
    /// Question or item id.
    pub id: String,
    /// The answer.
    pub text: String,
}

/// A draft finding of a review.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FindingRequest {
    /// `note`, `minor` or `major`.
    pub severity: String,
    /// The text.
    pub text: String,
}

/// Everything a reviewer is shown.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReviewView {
    /// Incident id.
    pub incident: String,
    /// Phase name.
    pub phase: String,
    /// The case record: facts of the incident, its calls by class and route, its alerts.
    #[schema(value_type = Object)]
    pub record: Value,
    /// SHA-256 of the record's canonical bytes: what the signature covers.
    pub record_sha256: String,
    /// Questions of the policy: `[{id, text}]`.
    #[schema(value_type = Object)]
    pub questions: Value,
    /// Open items: `[{id, kind, about, why, count}]`.
    #[schema(value_type = Object)]
    pub items: Value,
    /// Draft answers by id.
    #[schema(value_type = Object)]
    pub answers: Value,
    /// Draft findings.
    #[schema(value_type = Object)]
    pub findings: Value,
    /// When it is overdue, unix milliseconds.
    pub due_ms: Option<i64>,
    /// People who took part and so cannot sign.
    pub participants: Vec<String>,
}

/// Reviews that wait for a signature.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReviewList {
    /// Each one.
    pub reviews: Vec<ReviewSummary>,
}

/// One waiting review.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReviewSummary {
    /// Incident id.
    pub incident: String,
    /// When it is overdue, unix milliseconds.
    pub due_ms: i64,
    /// Whether it is overdue now.
    pub overdue: bool,
    /// Of a drill: it closes no gate.
    #[serde(default)]
    pub drill: bool,
}

/// An entry with its proof.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EntryProof {
    /// Index in the log.
    pub seq: u64,
    /// The entry's exact text.
    pub entry: String,
    /// Inclusion proof: base64 hashes, leaf side first.
    pub inclusion: Vec<String>,
    /// The signed checkpoint of the size asked for, or the newest where none of that size was kept.
    pub checkpoint: String,
}

/// Consistency of two sizes.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ConsistencyProof {
    /// Older size.
    pub old: u64,
    /// Newer size.
    pub new: u64,
    /// Base64 hashes (RFC 6962 §2.1.2).
    pub proof: Vec<String>,
    /// The signed checkpoint of the newer size, or the newest where none of that size was kept.
    pub checkpoint: String,
}

/// What an export holds besides tiles and entries, whose paths follow from the size.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ExportList {
    /// Tree size of the export.
    pub size: u64,
    /// The signed checkpoint of that size.
    pub checkpoint: String,
    /// Paths to fetch under `/api/v1/log/files/`.
    pub files: Vec<String>,
}

/// How the ways to people fare.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChannelList {
    /// Each configured channel.
    pub channels: Vec<ChannelState>,
}

/// How one channel fares. Times are unix milliseconds.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChannelState {
    /// Its name.
    pub name: String,
    /// `smtp`, `slack`, `teams`, `pagerduty` or `webhook`.
    pub kind: String,
    /// When it confirmed a message last.
    pub delivered_at_ms: Option<i64>,
    /// Messages that wait.
    pub waiting: u64,
    /// Those of them that failed at least once.
    pub failing: u64,
    /// Why one of them failed.
    pub last_error: Option<String>,
    /// When it was tested last.
    pub tested_at_ms: Option<i64>,
    /// When somebody typed that test's code back.
    pub confirmed_at_ms: Option<i64>,
}

/// Asks for a test.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertTest {
    /// Only this channel.
    pub channel: Option<String>,
}

/// A code that somebody read in a test's message.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertConfirm {
    /// Six characters.
    pub code: String,
}

/// Whether the vault lives.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok`, `checking` or `degraded`.
    pub status: String,
    /// Vault id.
    pub vault: String,
    /// `sealed`, `collecting`, `opening`, `open` or `closing`.
    pub vault_phase: String,
    /// Entries in the log.
    pub log_size: u64,
    /// Alert channels that are configured.
    pub channels: u64,
    /// Those of them with a message that failed and still waits.
    pub channels_failing: u64,
    /// Server version.
    pub version: String,
}

/// Done, with nothing more to say than the incident's state.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Done {
    /// What was done.
    pub done: String,
}
