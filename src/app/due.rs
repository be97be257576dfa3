//! What comes due by the calendar is told: daily while the first epoch is not ready, and at the
//! steps before the credential expires. What was told is a fact, so a restart tells nothing twice.

use serde_json::Value;

use super::App;
use super::error::AppError;
use super::step::draft;
use crate::audit::entry::Draft;
use crate::domain::alert::{self, Attempt, Fault};
use crate::domain::due::{expiry_step, is_daily_due};
use crate::domain::manifest::Kind;
use crate::domain::time::{MINUTE_MS, Timestamp};
use crate::store::EpochRow;
use crate::store::change::RowChange;

/// Name of the fact that says when people were told that the first epoch is not ready.
const TOLD_NOT_READY: &str = "told_not_ready_ms";
/// Name of the fact that says which step before the credential's end was told: `id:days`.
const TOLD_EXPIRY: &str = "told_expiry";

impl App {
    /// Looks at the calendar, at most once a minute.
    ///
    /// # Errors
    /// A store that cannot be read, or a log that cannot be written.
    pub(super) async fn tell_what_is_due(&self) -> Result<(), AppError> {
        let boot_ms = self.inner.clock.boot_ms();
        if !self.inner.memory.told.tell("calendar", boot_ms, MINUTE_MS) {
            return Ok(());
        }
        let Some(epoch) = self.inner.store.current_epoch(Kind::Live).await? else {
            return Ok(());
        };
        self.tell_not_ready(&epoch).await?;
        self.tell_backup(&epoch).await?;
        self.tell_expiry(&epoch).await
    }

    /// Everyone hears daily that the first epoch lacks proofs (PROTOCOL §1).
    async fn tell_not_ready(&self, epoch: &EpochRow) -> Result<(), AppError> {
        let manifest = &epoch.manifest;
        if manifest.epoch != 1 {
            return Ok(());
        }
        let store = &self.inner.store;
        let have = store.proofs(manifest.kind, manifest.epoch).await?.len();
        let need = manifest.proofs_needed();
        if have >= usize::from(need) {
            return Ok(());
        }
        let told = store.fact(TOLD_NOT_READY).await?;
        let told = told.and_then(|ms| ms.parse().ok()).map(Timestamp);
        let now = self.now();
        if !is_daily_due(told.unwrap_or(epoch.at_ms), now) {
            return Ok(());
        }
        let entry = draft(
            "custody.not_ready",
            [
                ("epoch", Value::from(manifest.epoch)),
                ("have", Value::from(have)),
                ("need", Value::from(need)),
            ],
        );
        let fault = Fault::NotReady {
            have: u8::try_from(have).unwrap_or(u8::MAX),
            need,
        };
        self.tell(entry, fault, TOLD_NOT_READY, now.0.to_string())
            .await
    }

    async fn tell_expiry(&self, epoch: &EpochRow) -> Result<(), AppError> {
        let expires_at = epoch.secret_expires_at_ms;
        let Some(days) = expiry_step(expires_at, self.now()) else {
            return Ok(());
        };
        let step = format!("{}:{days}", epoch.secret_id);
        if self.inner.store.fact(TOLD_EXPIRY).await?.as_ref() == Some(&step) {
            return Ok(());
        }
        let entry = draft(
            "credential.expires",
            [
                ("secret_id", Value::from(epoch.secret_id.as_str())),
                ("days", Value::from(days)),
                ("expires_ms", Value::from(expires_at.0)),
            ],
        );
        self.tell(
            entry,
            Fault::Expires { days, expires_at },
            TOLD_EXPIRY,
            step,
        )
        .await
    }

    /// Entry, alerts and the fact that they were told, in one transaction.
    pub(super) async fn tell(
        &self,
        entry: Draft,
        fault: Fault,
        fact: &str,
        value: String,
    ) -> Result<(), AppError> {
        let alerts = alert::for_attempt(&Attempt::Fault(fault), &self.inner.facts.get().roster);
        let row = RowChange::SetFact {
            name: fact.to_owned(),
            value: Some(value),
        };
        self.record(vec![entry], vec![row], alerts, None)
            .await
            .map(drop)
    }
}
