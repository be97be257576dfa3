//! Proofs of the log, and what an export holds.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
