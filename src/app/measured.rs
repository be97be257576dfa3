//! What was measured with the live credential, read again (PROTOCOL §7). The log has it in an entry
//! of its own, so a row that somebody changed is not believed: waits that a hand made endless, or a
//! slack that takes every secret for ours, would stop a way back or delete what is not ours.

use serde_json::Value;

use super::App;
use super::error::AppError;
use crate::audit::entry::{Entry, parse_entry};
use crate::domain::lifetime::Lifetimes;
use crate::domain::time::Timestamp;

/// Name of the fact that holds what was measured.
pub const MEASURED: &str = "measured";
/// The entry that goes with it.
pub(super) const MEASURED_ENTRY: &str = "rotate.measured";

/// What was measured with the live credential.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Measured {
    /// Shortest lifetime accepted, seconds.
    pub shortest_lifetime_s: u64,
    /// Largest difference between the lifetime asked for and the one given, seconds.
    pub lifetime_slack_s: u64,
    /// Until a new secret minted, milliseconds.
    pub create_propagation_ms: u64,
    /// Until a deleted secret was refused, milliseconds.
    pub delete_propagation_ms: u64,
    /// Every lifetime tried was refused.
    #[serde(default)]
    pub all_refused: bool,
    /// When.
    pub at_ms: Timestamp,
}

impl Measured {
    /// What the rules want to know of it.
    pub(super) fn lifetimes(&self) -> Lifetimes {
        Lifetimes {
            shortest_s: self.shortest_lifetime_s,
            all_refused: self.all_refused,
        }
    }

    /// What an entry of the log says; members that it lacks are zeros.
    fn of_entry(entry: &Entry) -> Self {
        let number = |name: &str| {
            let found = entry.integer(name).unwrap_or(0);
            u64::try_from(found).unwrap_or(0)
        };
        Self {
            shortest_lifetime_s: number("shortest_lifetime_s"),
            lifetime_slack_s: number("lifetime_slack_s"),
            create_propagation_ms: number("create_propagation_ms"),
            delete_propagation_ms: number("delete_propagation_ms"),
            all_refused: entry.members.get("all_refused") == Some(&Value::Bool(true)),
            at_ms: Timestamp(entry.ts_ms),
        }
    }

    /// Whether two say the same; when it was measured decides nothing.
    fn says(&self, other: &Self) -> bool {
        let at_ms = self.at_ms;
        *self
            == Self {
                at_ms,
                ..other.clone()
            }
    }
}

impl App {
    /// What was measured last; zeros where nothing was, so that the configured waits stand.
    ///
    /// Never an error: a way back does not stop for it. A row that does not say what the log says
    /// is put right and told; where neither can be read now, what this process read last counts.
    pub(super) async fn measured(&self) -> Measured {
        match self.measured_on_record().await {
            Ok(measured) => {
                self.inner.memory.keep_measured(&measured);
                measured
            }
            Err(error) => {
                tracing::warn!(%error, "what was measured cannot be read now");
                self.inner.memory.measured()
            }
        }
    }

    async fn measured_on_record(&self) -> Result<Measured, AppError> {
        let row = self.inner.store.fact(MEASURED).await?;
        let told = self.last_told(MEASURED_ENTRY).await?;
        let told = told.as_ref().map(Measured::of_entry);
        let read = row.as_deref().map(serde_json::from_str::<Measured>);
        let agrees = match (&read, &told) {
            (None, None) => true,
            (Some(Ok(read)), Some(told)) => read.says(told),
            _ => false,
        };
        if !agrees {
            let value = told.as_ref().map(serde_json::to_string).transpose();
            let value = value.map_err(|e| AppError::Inconsistent(e.to_string()))?;
            self.mend_fact(MEASURED, value).await;
        }
        Ok(told.unwrap_or_default())
    }

    /// The newest entry of a kind, which is not about calls.
    pub(super) async fn last_told(&self, kind: &str) -> Result<Option<Entry>, AppError> {
        let found = self.inner.store.last_control_entry(kind, u64::MAX).await?;
        let parse = |(_, bytes): (u64, Vec<u8>)| parse_entry(&bytes);
        let entry = found.map(parse).transpose();
        entry.map_err(|e| AppError::Inconsistent(e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::permit::tests::Rig;
    use crate::app::step::draft;
    use crate::store::change::RowChange;

    async fn change(app: &App, value: Option<&str>) {
        let row = RowChange::SetFact {
            name: MEASURED.to_owned(),
            value: value.map(str::to_owned),
        };
        let none = || (Vec::new(), Vec::new());
        let (entries, alerts) = none();
        app.record(entries, vec![row], alerts, None).await.unwrap();
    }

    #[tokio::test]
    async fn a_row_that_the_log_does_not_say_is_not_believed_and_is_put_right() {
        let rig = Rig::new().await;
        let app = &rig.app;
        assert_eq!(app.measured().await, Measured::default());
        // A hand's word alone is none.
        change(app, Some("{\"shortest")).await;
        assert_eq!(app.measured().await, Measured::default());
        assert_eq!(app.inner.store.fact(MEASURED).await.unwrap(), None);
        let entry = draft(
            MEASURED_ENTRY,
            [
                ("lifetime_slack_s", Value::from(3)),
                ("delete_propagation_ms", Value::from(40)),
            ],
        );
        app.record(vec![entry], Vec::new(), Vec::new(), None)
            .await
            .unwrap();
        let endless = serde_json::to_string(&Measured {
            delete_propagation_ms: u64::MAX / 4,
            ..Measured::default()
        });
        for hand in [None, Some("three"), Some(endless.unwrap().as_str())] {
            change(app, hand).await;
            let measured = app.measured().await;
            let read = (measured.lifetime_slack_s, measured.delete_propagation_ms);
            assert_eq!(read, (3, 40), "{hand:?}");
        }
    }
}
