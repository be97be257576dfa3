//! What a step can end with besides success: the rules said no, something broke, or nobody can
//! tell. Doors turn these into status codes; nothing here knows HTTP.

use super::shut::Shut;
use crate::databricks::CallError;
use crate::domain::incident::Refusal;
use crate::domain::incident::apply::FoldError;
use crate::sealed::vault::ShareReject;
use crate::store::{CommitError, Conflict, StoreError};

/// The outcome of a step that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The rules say no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A share was not accepted.
    #[error(transparent)]
    Share(#[from] ShareReject),
    /// No login, an ended one, or a failed one.
    #[error("{0}")]
    LoginNeeded(&'static str),
    /// A login that may not do this, or a signature that does not hold.
    #[error("{0}")]
    NotAllowed(String),
    /// A document that is none.
    #[error("{0}")]
    BadDocument(String),
    /// What was asked for does not exist.
    #[error("there is no {0}")]
    NotFound(String),
    /// The one-time identity is gone or the vault is sealed.
    #[error("{0}")]
    Sealed(&'static str),
    /// Databricks said no or could not be asked.
    #[error("databricks: {0}")]
    Databricks(#[from] CallError),
    /// The log could not be written: nothing was done.
    #[error("the log could not be written: {0}")]
    LogLost(String),
    /// Nothing new is opened now, by anybody; nothing was done.
    #[error(transparent)]
    Shut(#[from] Shut),
    /// Too much at once; nothing was done.
    #[error("the log's queue is full")]
    Overloaded,
    /// The store broke while reading.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another step came first; nothing was written.
    #[error("conflict in the store: {0}")]
    Conflict(Conflict),
    /// An entry or row that the store does not take; nothing was written.
    #[error("the store does not take this: {0}")]
    Untakeable(String),
    /// Something that cannot be.
    #[error("inconsistent: {0}")]
    Inconsistent(String),
}

impl From<FoldError> for AppError {
    fn from(error: FoldError) -> Self {
        Self::Inconsistent(error.to_string())
    }
}

impl From<CommitError> for AppError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Overloaded => Self::Overloaded,
            other => Self::LogLost(other.to_string()),
        }
    }
}

impl From<crate::domain::canonical::CanonicalError> for AppError {
    fn from(error: crate::domain::canonical::CanonicalError) -> Self {
        Self::BadDocument(error.to_string())
    }
}

impl AppError {
    /// Whether the same may succeed a little later: nothing was written, and nothing is wrong with
    /// what was asked.
    pub(super) fn passes(&self) -> bool {
        matches!(
            self,
            Self::Overloaded | Self::Conflict(_) | Self::Store(StoreError::Database(_))
        )
    }

    /// Whether this is a no to what was asked, rather than something that broke here.
    #[must_use]
    pub fn is_no(&self) -> bool {
        matches!(
            self,
            Self::Refused(_)
                | Self::Share(_)
                | Self::LoginNeeded(_)
                | Self::NotAllowed(_)
                | Self::BadDocument(_)
        )
    }

    /// Stable code for scripts (DESIGN §13).
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Share(_) => "share_rejected",
            Self::LoginNeeded(_) => "login_needed",
            Self::NotAllowed(_) => "not_allowed",
            Self::BadDocument(_) => "bad_document",
            Self::NotFound(_) => "not_found",
            Self::Sealed(_) => "sealed",
            Self::Databricks(_) => "databricks_unreachable",
            Self::LogLost(_) => "log_lost",
            Self::Shut(shut) => shut.code(),
            Self::Overloaded => "overloaded",
            Self::Store(_) | Self::Conflict(_) | Self::Untakeable(_) | Self::Inconsistent(_) => {
                "broken"
            }
        }
    }

    /// The next step.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.hint(),
            Self::Share(_) => {
                "nothing was counted; run `breakglass prove` to see whether your share still opens"
            }
            Self::LoginNeeded(_) => "run `breakglass login`",
            Self::NotAllowed(_) => {
                "check which key and person this machine uses: `breakglass status`"
            }
            Self::BadDocument(_) => "use the same version of breakglass as the vault",
            Self::NotFound(_) => "see `breakglass status`",
            Self::Sealed(_) => {
                "see `breakglass status`; it will be asked again if it is still needed"
            }
            Self::Databricks(_) => "see whether Databricks answers from the vault's host",
            Self::LogLost(_) => "call the operator: the vault opens nothing without its log",
            Self::Shut(shut) => shut.hint(),
            Self::Overloaded => "try once more in a moment",
            Self::Conflict(_) => "try once more",
            Self::Store(_) | Self::Untakeable(_) | Self::Inconsistent(_) => "call the operator",
        }
    }

    /// The page that helps, under `runbooks/`.
    #[must_use]
    pub fn runbook(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.runbook(),
            Self::Shut(shut) => shut.runbook(),
            Self::Share(_) => "custodian",
            Self::LogLost(_)
            | Self::Store(_)
            | Self::Conflict(_)
            | Self::Untakeable(_)
            | Self::Inconsistent(_) => "log-broken",
            _ => "responder",
        }
    }
}
