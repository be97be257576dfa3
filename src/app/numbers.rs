//! Facts of the database that the vault wrote and reads again. One that is there and cannot be read
//! is never taken for one that is not: somebody or something changed it. Where the log says the
//! same, the log counts, so that no way back waits for a hand that mends a row.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::App;
use super::error::AppError;
use super::step::draft;
use crate::domain::alert::{self, Attempt, Fault};
use crate::domain::time::MINUTE_MS;
use crate::store::change::RowChange;

impl App {
    /// The number that a fact holds; 0 where there is none. One that is no number is told, and put
    /// right with what the newest entry of a kind says in a member.
    pub(super) async fn number_fact(
        &self,
        name: &str,
        (kind, member): (&str, &str),
    ) -> Result<u32, AppError> {
        let Some(text) = self.inner.store.fact(name).await? else {
            return Ok(0);
        };
        if let Ok(number) = text.parse() {
            return Ok(number);
        }
        let told = self.last_told(kind).await?;
        let told = told.and_then(|entry| entry.integer(member));
        let told = told.and_then(|number| u32::try_from(number).ok());
        self.mend_fact(name, told.map(|number| number.to_string()))
            .await;
        Ok(told.unwrap_or(0))
    }

    /// Puts a fact right that somebody changed, and tells of it. A crash before it is durable
    /// changes nothing: the next who reads it does the same.
    pub(super) async fn mend_fact(&self, name: &str, value: Option<String>) {
        let boot_ms = self.inner.clock.boot_ms();
        let what = format!("fact {name}");
        // Whoever reads it meanwhile need not say so again.
        if !self.inner.memory.told.tell(&what, boot_ms, MINUTE_MS) {
            return;
        }
        let entry = draft("fact.mended", [("fact", Value::from(name))]);
        let fault = Attempt::Fault(Fault::FactMended {
            name: name.to_owned(),
        });
        let alerts = alert::for_attempt(&fault, &self.inner.facts.get().roster);
        let row = RowChange::SetFact {
            name: name.to_owned(),
            value,
        };
        if let Err(error) = self.record(vec![entry], vec![row], alerts, None).await {
            tracing::error!(%error, name, "a fact that somebody changed was not put right");
        }
    }

    /// The document that a fact holds, if there is one.
    pub(super) async fn document_fact<T: DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<Option<T>, AppError> {
        let text = self.inner.store.fact(name).await?;
        text.map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|_| odd(name, "the document it should be"))
    }
}

fn odd(name: &str, wanted: &str) -> AppError {
    AppError::Inconsistent(format!("the fact {name} is not {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::permit::tests::Rig;
    use crate::app::restored::DEALT_LATER;

    #[tokio::test]
    async fn a_number_that_is_none_is_told_and_the_log_says_what_it_was() {
        let rig = Rig::new().await;
        let app = &rig.app;
        assert_eq!(app.known_later().await.unwrap(), 0);
        let entry = draft("database.stale", [("later", Value::from(7))]);
        let row = RowChange::SetFact {
            name: DEALT_LATER.to_owned(),
            value: Some("three".to_owned()),
        };
        app.record(vec![entry], vec![row], Vec::new(), None)
            .await
            .unwrap();
        assert_eq!(app.known_later().await.unwrap(), 7);
        let mended = app.inner.store.fact(DEALT_LATER).await.unwrap();
        assert_eq!(mended.as_deref(), Some("7"));
        assert!(app.last_told("fact.mended").await.unwrap().is_some());
    }
}
