//! What the board shows: where the vault stands, whether it is fit for the night, what waits.

use super::readiness::Readiness;
use crate::api::{ChannelState, IncidentView, ReviewSummary};
use crate::app::App;
use crate::app::error::AppError;
use crate::app::step::ROTATION_OWED;
use crate::domain::incident::Phase;
use crate::domain::terms::Purpose;
use crate::domain::time::Timestamp;

/// Incidents among which the last that was no drill is looked for.
const RECENT: u32 = 50;

/// The board.
#[derive(Debug, Clone)]
pub struct Board {
    /// When it was looked at.
    pub now: Timestamp,
    /// `sealed`, `collecting`, `opening`, `open` or `closing`.
    pub vault_phase: String,
    /// Whether store and log answer.
    pub healthy: bool,
    /// Incidents that are not over and not in review, newest first.
    pub live: Vec<IncidentView>,
    /// Reviews that wait.
    pub reviews: Vec<ReviewSummary>,
    /// The epoch; none before `init` has ended.
    pub readiness: Option<Readiness>,
    /// Chance, in whole percent, that enough custodians would answer now; none without an epoch.
    pub chance_percent: Option<u32>,
    /// A rotation is owed since then.
    pub rotation_owed_since: Option<Timestamp>,
    /// Entries in the log.
    pub log_size: u64,
    /// When the last incident began, if there was one; a drill is none.
    pub last_incident: Option<(String, Timestamp)>,
    /// When each custodian's share last opened something in a drill; none: never.
    pub drilled: Vec<Option<Timestamp>>,
    /// Each alert channel with its last test.
    pub channels: Vec<ChannelState>,
}

impl App {
    /// The board as it is now.
    ///
    /// # Errors
    /// The store broke.
    pub async fn board(&self) -> Result<Board, AppError> {
        let health = self.health().await;
        let mut live = Vec::new();
        for (incident, version) in self.inner.store.live_incidents().await? {
            if !matches!(incident.phase, Phase::InReview(_)) {
                live.push(self.incident_view(&incident, version).await?);
            }
        }
        let owed = self.inner.store.fact(ROTATION_OWED).await?;
        let newest = self.inner.store.incidents(RECENT).await?;
        let newest = newest
            .into_iter()
            .find(|(i, _)| i.purpose != Purpose::Drill);
        let readiness = match self.readiness().await {
            Ok(readiness) => Some(readiness),
            Err(AppError::Sealed(_)) => None,
            Err(error) => return Err(error),
        };
        let chance_percent = match self.waking_order(None).await {
            Ok(order) => Some(order.chance_percent()),
            Err(AppError::Sealed(_)) => None,
            Err(error) => return Err(error),
        };
        Ok(Board {
            now: self.now(),
            vault_phase: health.vault_phase,
            healthy: health.status != "degraded",
            live,
            reviews: self.reviews().await?.reviews,
            readiness,
            chance_percent,
            rotation_owed_since: owed.and_then(|ms| ms.parse().ok()).map(Timestamp),
            log_size: health.log_size,
            channels: self.channel_list().await?.channels,
            drilled: self
                .last_drills()
                .await?
                .into_iter()
                .map(|(_, at)| at)
                .collect(),
            last_incident: newest.map(|(i, _)| (i.id.to_string(), i.terms.asked_ms)),
        })
    }
}
