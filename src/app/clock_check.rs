//! Before anything is unsealed the wall clock is compared with Databricks' own: every deadline
//! hangs on it (PROTOCOL §11). A way back is never held up by a clock.

use std::sync::PoisonError;

use serde_json::Value;

use super::App;
use super::error::AppError;
use super::step::draft;
use crate::domain::alert::{Attempt, Fault};
use crate::domain::incident::Incident;
use crate::domain::terms::Purpose;
use crate::domain::time::{HOUR_MS, SECOND_MS, clocks_apart_s};

/// After a clock that was wrong, the other clock is asked again this much later.
const ASK_AGAIN_MS: i64 = 2 * SECOND_MS;
/// People hear of a wrong clock again after this.
const TELL_AGAIN_MS: i64 = HOUR_MS;

/// Why an opening waits although its quorum is met.
struct Waits {
    sentence: String,
    fault: Fault,
}

impl App {
    /// Whether the wall clock may be trusted for an opening. What stands against it is written
    /// and told, at most once an hour.
    ///
    /// # Errors
    /// Only when the log cannot be written.
    pub(super) async fn clock_is_right(&self, incident: &Incident) -> Result<bool, AppError> {
        if incident.terms.purpose == Purpose::Rotate {
            return Ok(true);
        }
        let boot_ms = self.inner.clock.boot_ms();
        let id = &incident.id;
        // The timer comes twice a second; Databricks is not asked as often.
        let key = format!("ask clock {id}");
        if self.waits_for(incident).is_some()
            && !self.inner.memory.told.tell(&key, boot_ms, ASK_AGAIN_MS)
        {
            return Ok(false);
        }
        let waits = self.what_stands_against(incident).await;
        self.set_waits_for(incident, waits.as_ref().map(|w| w.sentence.clone()));
        let Some(Waits { sentence, fault }) = waits else {
            return Ok(true);
        };
        let key = format!("clock {id}");
        if self.inner.memory.told.tell(&key, boot_ms, TELL_AGAIN_MS) {
            let entry = draft(
                "opening.clock",
                [
                    ("inc", Value::from(id.as_str())),
                    ("why", Value::from(sentence)),
                ],
            );
            self.note_attempt(entry, &Attempt::Fault(fault)).await;
        }
        Ok(false)
    }

    async fn what_stands_against(&self, incident: &Incident) -> Option<Waits> {
        let id = incident.id.clone();
        match self.inner.databricks.date().await {
            Ok(date_ms) => {
                let apart_s = clocks_apart_s(self.now(), date_ms)?;
                Some(Waits {
                    sentence: format!(
                        "the vault's clock lies {apart_s} s from databricks'; 60 s are the limit"
                    ),
                    fault: Fault::ClockApart {
                        incident: id,
                        apart_s,
                    },
                })
            }
            Err(error) => Some(Waits {
                sentence: format!("the vault's clock cannot be compared: {error}"),
                fault: Fault::ClockUnknown {
                    incident: id,
                    why: error.to_string(),
                },
            }),
        }
    }

    /// Why this incident is not opened although its quorum is met, as a sentence.
    pub(super) fn waits_for(&self, incident: &Incident) -> Option<String> {
        let waits = self.inner.memory.waits.lock();
        let waits = waits.unwrap_or_else(PoisonError::into_inner);
        waits.get(&incident.id).cloned()
    }

    fn set_waits_for(&self, incident: &Incident, sentence: Option<String>) {
        let waits = self.inner.memory.waits.lock();
        let mut waits = waits.unwrap_or_else(PoisonError::into_inner);
        match sentence {
            Some(sentence) => drop(waits.insert(incident.id.clone(), sentence)),
            None => drop(waits.remove(&incident.id)),
        }
    }
}
