//! The whole log is hashed again while the vault already answers; until then health says
//! `checking` (PROTOCOL §11).

use std::sync::atomic::Ordering;

use serde_json::Value;

use super::App;
use super::step::draft;
use crate::domain::alert::Attempt;
use crate::store::StoreError;

/// How far the check of the whole log is: values of the state in memory.
const NOT_ASKED: u8 = 0;
const CHECKING: u8 = 1;
const WHOLE: u8 = 2;
const FORKED: u8 = 3;

impl App {
    /// Hashes every entry again and lets the database check its pages. What does not fit is
    /// written, told, and opens nothing any more; the way back goes on.
    pub async fn check_whole_log(&self) {
        let state = &self.inner.memory.log_check;
        state.store(CHECKING, Ordering::SeqCst);
        match self.inner.store.check_whole().await {
            Ok(entries) => {
                tracing::info!(entries, "the whole log was checked");
                state.store(WHOLE, Ordering::SeqCst);
            }
            Err(error @ (StoreError::Forked { .. } | StoreError::Inconsistent { .. })) => {
                state.store(FORKED, Ordering::SeqCst);
                let why = error.to_string();
                let entry = draft("log.check_failed", [("why", Value::from(why.as_str()))]);
                self.note_attempt(entry, &Attempt::LogBroken { why }).await;
            }
            // The database could not be read now: nothing is known, nothing is claimed.
            Err(error) => {
                tracing::error!(%error, "the whole log could not be checked");
                state.store(NOT_ASKED, Ordering::SeqCst);
            }
        }
    }

    /// Whether the check found a log that this vault did not write.
    pub(super) fn is_forked(&self) -> bool {
        self.inner.memory.log_check.load(Ordering::SeqCst) == FORKED
    }

    /// Health's word for a vault that otherwise works.
    pub(super) fn check_word(&self) -> &'static str {
        match self.inner.memory.log_check.load(Ordering::SeqCst) {
            CHECKING => "checking",
            FORKED => "degraded",
            _ => "ok",
        }
    }
}
