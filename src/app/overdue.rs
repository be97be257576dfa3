//! People are told when a review is overdue: those who may sign it at its date, a day later also
//! operators and security, then weekly. What was told is a fact, so a restart tells nothing twice.

use serde_json::Value;

use super::App;
use super::error::AppError;
use super::step::draft;
use crate::domain::alert;
use crate::domain::due::overdue_step;
use crate::domain::ids::IncidentId;
use crate::domain::incident::{Incident, Phase};
use crate::domain::terms::Purpose;
use crate::domain::time::{MINUTE_MS, Timestamp};
use crate::store::change::RowChange;

impl App {
    /// Tells whose review is overdue, each step once; looks once a minute.
    ///
    /// # Errors
    /// A store that cannot be read, or a log that cannot be written.
    pub(super) async fn tell_overdue_reviews(
        &self,
        live: &[(Incident, i64)],
    ) -> Result<(), AppError> {
        let boot_ms = self.inner.clock.boot_ms();
        if !self.inner.memory.told.tell("reviews", boot_ms, MINUTE_MS) {
            return Ok(());
        }
        let now = self.now();
        for (incident, _) in live {
            let Phase::InReview(review) = &incident.phase else {
                continue;
            };
            let Some(step) = overdue_step(review.due_ms, now) else {
                continue;
            };
            // A drill's review gates nothing: those who may sign it hear of it, and nobody else.
            let step = match incident.purpose {
                Purpose::Drill => 0,
                Purpose::Incident | Purpose::Rotate => step,
            };
            let told = self.inner.store.fact(&fact_of(&incident.id)).await?;
            let told: Option<i64> = told.and_then(|told| told.parse().ok());
            if told.is_none_or(|told| told < step) {
                self.tell_overdue(incident, review.due_ms, step).await?;
            }
        }
        Ok(())
    }

    /// Entry, messages and the fact that they were told, in one transaction.
    async fn tell_overdue(
        &self,
        incident: &Incident,
        due: Timestamp,
        step: i64,
    ) -> Result<(), AppError> {
        let entry = draft(
            "review.overdue",
            [
                ("inc", Value::from(incident.id.as_str())),
                ("due_ms", Value::from(due.0)),
                ("step", Value::from(step)),
            ],
        );
        let row = RowChange::SetFact {
            name: fact_of(&incident.id),
            value: Some(step.to_string()),
        };
        let facts = self.inner.facts.get();
        let console = &self.inner.settings.console_url;
        let alert = alert::for_overdue_review(incident, due, step, &facts.roster, console);
        self.record(vec![entry], vec![row], vec![alert], Some(incident))
            .await
            .map(drop)
    }
}

/// Name of the fact that says which step an incident's reviewers were told.
fn fact_of(incident: &IncidentId) -> String {
    format!("overdue_told:{incident}")
}
