//! Where the way back is recorded: in the main log with its rows, or, when that is lost, on the
//! emergency log alone; the next start makes the rows from its entries (PROTOCOL §11).

use std::sync::Arc;

use super::App;
use super::error::AppError;
use crate::audit::entry::Draft;
use crate::domain::alert::AlertDraft;
use crate::store::EmergencyLog;
use crate::store::change::RowChange;

/// Why a node of several leaves the rotation to custodians.
const NOT_LEFT: &str =
    "another node may take over, and would not know the successor: k custodians rotate there";

/// One of the two.
#[derive(Clone)]
pub(super) enum Journal {
    /// Entries, rows and alerts in one transaction.
    Main,
    /// Entries only.
    Emergency(Arc<EmergencyLog>),
}

impl Journal {
    pub(super) fn is_main(&self) -> bool {
        matches!(self, Self::Main)
    }

    /// Where a server keeps the vault, leaves the emergency log with it, for the node that is active
    /// next: without that it would ask custodians to open what is dead, and this node's disk would
    /// be the only place of the new envelope (DESIGN §4.10). Nothing on the main log.
    ///
    /// # Errors
    /// [`AppError::Sealed`]: the server takes nothing, or another node is active by now.
    pub(super) async fn leave(&self, app: &App) -> Result<(), AppError> {
        let Self::Emergency(log) = self else {
            return Ok(());
        };
        let text = log
            .copy()
            .map_err(|why| AppError::LogLost(why.to_string()))?;
        let name = format!("{}{}", super::emergency::LEFT, log.node());
        let left = app.inner.store.leave(&name, &text).await;
        left.map_err(|error| {
            tracing::error!(%error, "the emergency log was not left with the server");
            AppError::Sealed(NOT_LEFT)
        })
    }

    /// Appends entries, each durable before the next; nothing on the main log.
    pub(super) fn append(&self, app: &App, drafts: &[Draft]) -> Result<(), AppError> {
        let Self::Emergency(log) = self else {
            return Ok(());
        };
        for draft in drafts {
            let written = log.append(draft, app.now());
            written.map_err(|why| AppError::LogLost(why.to_string()))?;
        }
        Ok(())
    }
}

impl App {
    /// Records what belongs to no saga's state. On the emergency log, rows and alerts follow when
    /// it is bound.
    pub(super) async fn record_in(
        &self,
        journal: &Journal,
        drafts: Vec<Draft>,
        rows: Vec<RowChange>,
        alerts: Vec<AlertDraft>,
    ) -> Result<(), AppError> {
        match journal {
            Journal::Main => self.record(drafts, rows, alerts, None).await.map(drop),
            Journal::Emergency(_) => journal.append(self, &drafts),
        }
    }
}
