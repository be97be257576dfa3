//! Looking: what people of the roster are shown of the vault and its incidents. Changes nothing,
//! and shows no share, token or phrase.

mod asked;
mod board;
mod incident;
mod log;
mod numbers;
mod readiness;
mod story;
mod viewer;
mod waking;

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::App;
pub use super::acts::Caller;
pub use super::checking::LogCheck;
use super::epochs::EPOCH_OWED;
use super::error::AppError;
use super::step::ROTATION_OWED;
use super::versions::VersionEntry;
use crate::api::{DrillView, Health, IncidentList, IncidentView, VaultView, VersionView};
use crate::domain::ids::{IncidentId, PersonId};
use crate::domain::incident::{Phase, Refusal};
use crate::domain::terms::Purpose;
use crate::domain::time::Timestamp;
pub use board::Board;
pub use log::{LogLine, LogPage, LogQuery};
pub(super) use numbers::Counted;
pub use numbers::Numbers;
pub use readiness::{Readiness, ShareState, UnlockerState};
pub use story::{AlertLine, Call, CallEnd, Moment, Story};
pub use viewer::Viewer;
pub use waking::{WakingOrder, WakingWave, Woken};

/// Most incidents in one list; older ones are shown by id.
const MAX_LISTED: u32 = 50;
/// Longest wait for a change, however long was asked for.
pub const MAX_WAIT: Duration = Duration::from_secs(30);

impl App {
    /// One incident as it is now.
    ///
    /// # Errors
    /// [`Refusal::NoSuchIncident`], or the store broke.
    pub async fn show(&self, id: &IncidentId) -> Result<IncidentView, AppError> {
        let found = self.inner.store.incident(id).await?;
        let (incident, version) = found.ok_or_else(|| Refusal::NoSuchIncident(id.to_string()))?;
        self.incident_view(&incident, version).await
    }

    /// One incident as soon as it is no longer at version `after`, or after `wait` (at most
    /// [`MAX_WAIT`]) as it is then. A rotation's progress and a confirmed alert end the wait too,
    /// although they leave the incident's version as it is.
    ///
    /// # Errors
    /// As [`App::show`].
    pub async fn show_after(
        &self,
        id: &IncidentId,
        after: i64,
        wait: Duration,
    ) -> Result<IncidentView, AppError> {
        let end = tokio::time::Instant::now() + wait.min(MAX_WAIT);
        // Subscribed before the first look: a change between both is not missed.
        let mut changes = self.watch();
        let first = self.show(id).await?;
        let beside = |view: &IncidentView| (view.rotation.clone(), view.alert_confirmed);
        let mut now = first.clone();
        while now.version == after && beside(&now) == beside(&first) {
            match tokio::time::timeout_at(end, changes.changed()).await {
                Ok(Ok(())) => now = self.show(id).await?,
                // The time is up, or the process is ending.
                Ok(Err(_)) | Err(_) => break,
            }
        }
        Ok(now)
    }

    /// The newest incidents, newest first.
    ///
    /// # Errors
    /// The store broke.
    pub async fn incident_list(&self) -> Result<IncidentList, AppError> {
        let mut incidents = Vec::new();
        for (incident, version) in self.inner.store.incidents(MAX_LISTED).await? {
            incidents.push(self.incident_view(&incident, version).await?);
        }
        Ok(IncidentList { incidents })
    }

    /// The vault's public documents.
    ///
    /// # Errors
    /// [`AppError::Sealed`] while `init` has not dealt an epoch.
    pub async fn vault_view(&self) -> Result<VaultView, AppError> {
        let settings = &self.inner.settings;
        let facts = self.inner.facts.get();
        let epoch = facts.epoch()?;
        let manifest = &epoch.manifest;
        let proofs = self
            .inner
            .store
            .proofs(manifest.kind, manifest.epoch)
            .await?;
        let owed = self.inner.store.fact(ROTATION_OWED).await?;
        let backup = self.newest_backup().await?;
        Ok(VaultView {
            vault: settings.vault.to_string(),
            origin: settings.origin.clone(),
            log_vkey: settings.log_vkey.clone(),
            roster: json(&facts.approved)?,
            roster_sha256: facts.roster_sha256.hex(),
            policy: json(&facts.policy)?,
            policy_sha256: facts.policy_sha256.hex(),
            manifest: json(manifest)?,
            manifest_sha256: epoch.manifest_sha256.hex(),
            epoch: manifest.epoch,
            epoch_ready: proofs.len() >= usize::from(manifest.proofs_needed()),
            proved: proofs.iter().map(|(index, _, _)| *index).collect(),
            proofs_needed: manifest.proofs_needed(),
            rotation_owed_since_ms: owed.and_then(|since| since.parse().ok()),
            versions: facts.versions.iter().map(version_view).collect(),
            locked_out: facts.locked_out.iter().map(ToString::to_string).collect(),
            epoch_owed: self.inner.store.fact(EPOCH_OWED).await?,
            backup_at_ms: backup.map(|backup| backup.at.0),
            backup_epoch: backup.map(|backup| backup.epoch),
            drills: self
                .last_drills()
                .await?
                .into_iter()
                .map(drill_view)
                .collect(),
            log_epochs: self.log_epochs().await?,
            dealt_later: self.dealt_later(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            custodian_page_sha256: super::origins::custodian_page_sha256().hex(),
        })
    }

    /// Whether the vault lives. Never fails: a store that cannot be read is `degraded`.
    pub async fn health(&self) -> Health {
        let store = &self.inner.store;
        let live = store.live_incidents().await;
        let healthy = live.is_ok() && store.is_writable() && !self.is_disk_full();
        let live = live.unwrap_or_default();
        let list = self.channel_list().await;
        let failing = list.map_or(0, |l| l.channels.iter().filter(|c| c.failing > 0).count());
        Health {
            status: if healthy {
                self.check_word()
            } else {
                "degraded"
            }
            .to_owned(),
            vault: self.inner.settings.vault.to_string(),
            vault_phase: vault_phase(
                // A drill opens nothing.
                live.iter()
                    .filter(|(incident, _)| incident.purpose != Purpose::Drill)
                    .map(|(incident, _)| &incident.phase),
            )
            .to_owned(),
            log_size: store.head().size,
            channels: count(self.inner.channels.len()),
            channels_failing: count(failing),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

fn count(things: usize) -> u64 {
    u64::try_from(things).unwrap_or(u64::MAX)
}

fn drill_view((person, at): (PersonId, Option<Timestamp>)) -> DrillView {
    DrillView {
        person: person.to_string(),
        at_ms: at.map(|at| at.0),
    }
}

fn version_view(version: &VersionEntry) -> VersionView {
    VersionView {
        seq: version.seq,
        what: version.what.word().to_owned(),
        sha256: version.sha256.hex(),
    }
}

/// The vault is as far open as its furthest incident.
fn vault_phase<'a>(phases: impl Iterator<Item = &'a Phase>) -> &'static str {
    let rank = |phase: &Phase| match phase {
        Phase::Open(_) => (4, "open"),
        Phase::Opening { .. } => (3, "opening"),
        Phase::Closing(_) => (2, "closing"),
        Phase::Collecting(_) | Phase::Cooling(_) => (1, "collecting"),
        _ => (0, "sealed"),
    };
    phases.map(rank).max().map_or("sealed", |(_, word)| word)
}

fn json(value: &impl Serialize) -> Result<Value, AppError> {
    serde_json::to_value(value).map_err(|e| AppError::Inconsistent(e.to_string()))
}
