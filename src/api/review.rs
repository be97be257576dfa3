//! The review desk: questions, answers, findings.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

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
