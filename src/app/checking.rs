//! The whole log is hashed again while the vault already answers; until then health says
//! `checking` (PROTOCOL §11).

use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::App;
use super::step::draft;
use crate::domain::alert::Attempt;
use crate::domain::time::Timestamp;
use crate::store::StoreError;

/// How far the check of the whole log is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum LogCheck {
    /// It has not begun, or could not read the database.
    #[default]
    NotAsked,
    /// Entries are hashed again.
    Checking {
        /// How many are done.
        checked: u64,
        /// Of how many.
        of: u64,
    },
    /// Every entry up to then gives the signed root.
    Whole {
        /// How many entries.
        entries: u64,
        /// When the check ended.
        at: Timestamp,
    },
    /// It is not the log that this vault wrote.
    Broken {
        /// What does not fit.
        why: String,
        /// When that was found.
        at: Timestamp,
    },
}

/// The state in memory; it dies with the process, and the next start checks again.
#[derive(Debug, Default)]
pub(super) struct CheckState(Mutex<LogCheck>);

impl CheckState {
    fn set(&self, state: LogCheck) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    fn get(&self) -> LogCheck {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.clone()
    }
}

impl App {
    /// Hashes every entry again and lets the database check its pages. What does not fit is
    /// written, told, and opens nothing any more; the way back goes on.
    pub async fn check_whole_log(&self) {
        let state = &self.inner.memory.log_check;
        let tell = |checked, of| state.set(LogCheck::Checking { checked, of });
        tell(0, self.inner.store.head().size);
        match self.inner.store.check_whole_telling(tell).await {
            Ok(entries) => {
                tracing::info!(entries, "the whole log was checked");
                let at = self.now();
                state.set(LogCheck::Whole { entries, at });
            }
            Err(error @ (StoreError::Forked { .. } | StoreError::Inconsistent { .. })) => {
                let (why, at) = (error.to_string(), self.now());
                state.set(LogCheck::Broken {
                    why: why.clone(),
                    at,
                });
                let entry = draft("log.check_failed", [("why", Value::from(why.as_str()))]);
                self.note_attempt(entry, &Attempt::LogBroken { why }).await;
            }
            // The database could not be read now: nothing is known, nothing is claimed.
            Err(error) => {
                tracing::error!(%error, "the whole log could not be checked");
                state.set(LogCheck::NotAsked);
            }
        }
    }

    /// How far the check of the whole log is.
    #[must_use]
    pub fn log_check(&self) -> LogCheck {
        self.inner.memory.log_check.get()
    }

    /// Whether the check found a log that this vault did not write.
    pub(super) fn is_forked(&self) -> bool {
        matches!(self.log_check(), LogCheck::Broken { .. })
    }

    /// Health's word for a vault that otherwise works.
    pub(super) fn check_word(&self) -> &'static str {
        match self.log_check() {
            LogCheck::Checking { .. } => "checking",
            LogCheck::Broken { .. } => "degraded",
            LogCheck::NotAsked | LogCheck::Whole { .. } => "ok",
        }
    }
}
