//! Custodians are reminded to prove their shares: after a new epoch was dealt, and when one of
//! their keys has not opened anything for long (PROTOCOL §3).

use serde_json::Value;

use super::App;
use super::error::AppError;
use super::step::draft;
use crate::domain::alert::version;
use crate::domain::ids::PersonId;
use crate::domain::manifest::Kind;
use crate::domain::readiness::is_reminder_due;
use crate::domain::time::{HOUR_MS, Timestamp};
use crate::store::change::RowChange;

impl App {
    /// Reminds whoever is due; looks once an hour.
    pub(super) async fn remind_provers(&self) -> Result<(), AppError> {
        let boot_ms = self.inner.clock.boot_ms();
        if !self.inner.memory.told.tell("provers", boot_ms, HOUR_MS) {
            return Ok(());
        }
        let store = &self.inner.store;
        let Some(epoch) = store.current_epoch(Kind::Live).await? else {
            return Ok(());
        };
        let facts = self.inner.facts.get();
        let (number, now) = (epoch.manifest.epoch, self.now());
        let proofs = store.proofs(Kind::Live, number).await?;
        for (index, id) in &facts.epoch()?.holders {
            let Some(person) = facts.roster.person(id) else {
                continue;
            };
            let proved = proofs.iter().any(|(proved, ..)| proved == index);
            let opened = store.unlocker_opened(id).await?;
            // A key that never opened anything is as old as the epoch.
            let oldest = person.unlockers.iter().map(|unlocker| {
                let found = opened.iter().find(|(text, _)| text == unlocker);
                found.map_or(epoch.at_ms, |(_, at)| *at)
            });
            let told = store.fact(&fact_of(id)).await?;
            let told = told.and_then(|ms| ms.parse().ok()).map(Timestamp);
            if is_reminder_due(epoch.at_ms, proved, oldest.min(), told, now) {
                self.remind(id, number, proved, now).await?;
            }
        }
        Ok(())
    }

    async fn remind(
        &self,
        person: &PersonId,
        epoch: u32,
        proved: bool,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let entry = draft(
            "custody.reminded",
            [
                ("person", Value::from(person.as_str())),
                ("epoch", Value::from(epoch)),
                ("proved", Value::from(proved)),
            ],
        );
        let row = RowChange::SetFact {
            name: fact_of(person),
            value: Some(now.0.to_string()),
        };
        let alert = version::prove_again(person, epoch, proved);
        self.record(vec![entry], vec![row], vec![alert], None)
            .await
            .map(drop)
    }
}

/// Name of the fact that says when a custodian was reminded last.
fn fact_of(person: &PersonId) -> String {
    format!("reminded_ms:{person}")
}
