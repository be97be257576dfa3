//! The outbox: alerts committed with their events, sent until a channel confirms. Delivery is
//! itself logged; a failed channel is an alert on the others (DESIGN §9).

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;

use super::App;
use super::error::AppError;
use super::step::{alert_row, draft, severity};
use crate::alerts::{Channel, Message, SendError};
use crate::domain::alert::{self, Attempt};
use crate::domain::time::{HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};
use crate::store::change::{Alert, RowChange};

/// Alerts taken from the outbox at once.
const BATCH: u32 = 32;
/// First and longest pause between tries of one alert.
const FIRST_RETRY_MS: i64 = 5 * SECOND_MS;
const LAST_RETRY_MS: i64 = 10 * MINUTE_MS;
/// A channel that stays broken is told of once an hour.
const TELL_AGAIN_MS: i64 = HOUR_MS;
/// How long what silences a pager waits for what made it ring; then it goes out before it.
const IN_ORDER_MS: i64 = HOUR_MS;
/// Entry type of alerts about channels; they raise no further alerts.
const CHANNEL_FAILED: &str = "alert.failed";

/// Which channels people were already told of.
#[derive(Default)]
pub struct Told(HashMap<String, Timestamp>);

impl App {
    /// Waits until something may be in the outbox.
    pub async fn outbox_changed(&self) {
        self.inner.outbox.notified().await;
    }

    /// Sends what is due. Gives back how many were tried.
    ///
    /// # Errors
    /// A store that cannot be read or written; nothing is lost then, only late.
    pub async fn deliver_due(&self, told: &mut Told) -> Result<usize, AppError> {
        let mut due = self.inner.store.due_alerts(self.now(), BATCH).await?;
        let early = self.too_early(&due).await?;
        due.retain(|(alert, _)| !early.contains(&alert.id));
        let sends = due.iter().map(|(alert, _)| self.deliver(alert));
        // Side by side: a channel that hangs must not hold up the others.
        let outcomes = futures_util::future::join_all(sends).await;
        for ((alert, attempts), outcome) in due.iter().zip(outcomes) {
            match outcome {
                Ok(()) => self.confirmed(alert).await?,
                Err(error) => self.failed(alert, *attempts, &error, told).await?,
            }
        }
        if !(due.is_empty() || early.is_empty()) {
            // What they waited for may be out now.
            self.inner.outbox.notify_one();
        }
        Ok(due.len())
    }

    /// Ids of those that silence a pager while what made it ring has not gone out.
    async fn too_early(&self, due: &[(Alert, u32)]) -> Result<BTreeSet<String>, AppError> {
        let silences = |alert: &Alert| {
            let channel = self.channel(&alert.channel);
            channel.is_some_and(|c| c.silences(&alert.kind, severity(&alert.severity)))
        };
        let mut early = BTreeSet::new();
        for (alert, _) in due.iter().filter(|(alert, _)| silences(alert)) {
            let patient = self.now().since_ms(alert.at_ms) < IN_ORDER_MS;
            let (true, Some(incident)) = (patient, &alert.incident) else {
                continue;
            };
            let told = self.inner.store.alerts_of(incident).await?;
            let rings = told.iter().any(|(other, state, _)| {
                state == "queued"
                    && other.channel == alert.channel
                    && other.at_ms <= alert.at_ms
                    && !silences(other)
            });
            if rings {
                early.insert(alert.id.clone());
            }
        }
        Ok(early)
    }

    async fn deliver(&self, alert: &Alert) -> Result<(), Failure> {
        let channel = self.channel(&alert.channel).ok_or(Failure::NotConfigured)?;
        let message = Message {
            id: alert.id.clone(),
            to: alert.to.clone(),
            subject: alert.subject.clone(),
            body: alert.body.clone(),
            incident: alert.incident.as_ref().map(ToString::to_string),
            checkpoint: self.inner.store.head().checkpoint,
            drill: alert.drill,
            severity: severity(&alert.severity),
            kind: alert.kind.clone(),
            event_at_ms: alert.at_ms.0,
        };
        channel.send(&message, self.now().0).await?;
        Ok(())
    }

    pub(super) fn channel(&self, name: &str) -> Option<&Arc<dyn Channel>> {
        self.inner.channels.iter().find(|c| c.name() == name)
    }

    async fn confirmed(&self, alert: &Alert) -> Result<(), AppError> {
        let mut entry = draft(
            "alert.sent",
            [
                ("alert", Value::from(alert.id.as_str())),
                ("channel", Value::from(alert.channel.as_str())),
                ("kind", Value::from(alert.kind.as_str())),
            ],
        );
        name_incident(&mut entry, alert);
        let row = RowChange::AlertSent {
            id: alert.id.clone(),
            at_ms: self.now(),
        };
        self.record(vec![entry], vec![row], Vec::new(), None)
            .await?;
        if let (Some(incident), "incident.opened") = (&alert.incident, alert.kind.as_str()) {
            // The gate of Opening: quorum may have waited for this (PROTOCOL §6).
            self.try_begin(incident);
        }
        Ok(())
    }

    async fn failed(
        &self,
        alert: &Alert,
        attempts: u32,
        error: &Failure,
        told: &mut Told,
    ) -> Result<(), AppError> {
        let now = self.now();
        let row = RowChange::AlertFailed {
            id: alert.id.clone(),
            retry_at_ms: now.plus_ms(error.pause_ms(attempts)),
            error: error.to_string(),
        };
        let mut entry = draft(
            CHANNEL_FAILED,
            [
                ("alert", Value::from(alert.id.as_str())),
                ("channel", Value::from(alert.channel.as_str())),
                ("error", Value::from(error.to_string())),
                ("attempts", Value::from(attempts.saturating_add(1))),
            ],
        );
        name_incident(&mut entry, alert);
        let last = told.0.get(&alert.channel);
        let tell = alert.kind != CHANNEL_FAILED
            && last.is_none_or(|last| now.since_ms(*last) >= TELL_AGAIN_MS);
        let mut rows = vec![row];
        if tell {
            told.0.insert(alert.channel.clone(), now);
            rows.extend(self.tell_others(alert, &error.to_string(), now));
        }
        self.record(vec![entry], rows, Vec::new(), None)
            .await
            .map(drop)
    }

    /// Rows that tell people on the other channels.
    fn tell_others(&self, broken: &Alert, error: &str, now: Timestamp) -> Vec<RowChange> {
        let facts = self.inner.facts.get();
        let attempt = Attempt::ChannelFailed {
            channel: broken.channel.clone(),
            error: error.to_owned(),
        };
        let drafts = alert::for_attempt(&attempt, &facts.roster);
        let others = || {
            let channels = self.inner.channels.iter();
            channels.filter(|c| c.name() != broken.channel)
        };
        let pairs = drafts.iter().flat_map(|d| others().map(move |c| (d, c)));
        pairs
            .filter_map(|(draft, channel)| {
                alert_row(channel.as_ref(), draft, None, &facts.roster, now)
            })
            .map(RowChange::QueueAlert)
            .collect()
    }
}

/// Why one try failed, and how long the other side wants to be left alone.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the channel is not configured")]
    NotConfigured,
    #[error(transparent)]
    Sending(#[from] SendError),
}

impl Failure {
    /// The pause before try `attempts` + 2: twice as long each time, but never less than what the
    /// other side asked for.
    fn pause_ms(&self, attempts: u32) -> i64 {
        let backoff_ms = FIRST_RETRY_MS
            .saturating_mul(1_i64 << attempts.min(8))
            .min(LAST_RETRY_MS);
        match self {
            Self::Sending(SendError::Later { after_ms, .. }) => backoff_ms.max(*after_ms),
            _ => backoff_ms,
        }
    }
}

fn name_incident(entry: &mut crate::audit::entry::Draft, alert: &Alert) {
    if let Some(incident) = &alert.incident {
        entry
            .members
            .insert("inc".to_owned(), Value::from(incident.as_str()));
    }
}
