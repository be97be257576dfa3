//! Start-up: what an earlier process left open is ended on the record, and what its memory took
//! with it is asked for again (facts §1.9, PROTOCOL §6).

use std::collections::BTreeMap;

use serde_json::Value;

use super::App;
use super::error::AppError;
use super::open::fresh_key;
use super::step::{ROTATION_OWED, With, draft};
use crate::audit::entry::Draft;
use crate::domain::alert::{self, Attempt};
use crate::domain::incident::command::Command;
use crate::domain::incident::{Incident, Phase};
use crate::domain::rotation::State;
use crate::domain::terms::Purpose;
use crate::domain::time::HOUR_MS;
use crate::store::change::{RowChange, SecretUse};

/// Lost calls written in one commit.
const LOST_BATCH: usize = 200;

impl App {
    /// Brings the record in order before anything listens.
    ///
    /// # Errors
    /// A store that cannot be read, or a log that cannot be written: then nothing may listen.
    pub async fn recover(&self, config_sha256: &str) -> Result<(), AppError> {
        self.look_for_later_epochs().await?;
        self.remember_drills().await?;
        let live = self.inner.store.live_incidents().await?;
        for (incident, _) in &live {
            if matches!(incident.phase, Phase::Open(_) | Phase::Closing(_)) {
                self.lost_calls(incident).await?;
            }
        }
        let facts = self.inner.facts.get();
        let entry = draft(
            "log.recover",
            [
                ("version", Value::from(env!("CARGO_PKG_VERSION"))),
                ("config_sha256", Value::from(config_sha256)),
                ("policy_sha256", Value::from(facts.policy_sha256.hex())),
                ("roster_sha256", Value::from(facts.roster_sha256.hex())),
                (
                    "custodian_page_sha256",
                    Value::from(super::origins::custodian_page_sha256().hex()),
                ),
                ("live", Value::from(live.len())),
            ],
        );
        self.record(vec![entry], Vec::new(), Vec::new(), None)
            .await?;
        self.bind_emergency_log().await?;
        for (incident, _) in &live {
            self.recover_incident(incident).await?;
        }
        self.settle_proposals().await?;
        self.owed_by_nobody().await
    }

    /// A saga that no incident will finish: `init` died after the switch, when the secret given
    /// was dead already. It is owed, and the timer asks for it (PROTOCOL §3).
    async fn owed_by_nobody(&self) -> Result<(), AppError> {
        let unfinished = self
            .saga_of(None)
            .await?
            .filter(|saga| saga.rotation.has_switched() && saga.rotation.state != State::Done);
        let Some(saga) = unfinished else {
            return Ok(());
        };
        let known = self.inner.store.fact(ROTATION_OWED).await?.is_some();
        if known || saga.rotation.incident.is_some() {
            return Ok(());
        }
        let since = saga.rotation.begun_at_ms;
        let entry = draft("rotate.owed", [("since_ms", Value::from(since.0))]);
        let row = RowChange::SetFact {
            name: ROTATION_OWED.to_owned(),
            value: Some(since.0.to_string()),
        };
        let attempt = Attempt::RotationOwed { since };
        let alerts = alert::for_attempt(&attempt, &self.inner.facts.get().roster);
        self.record(vec![entry], vec![row], alerts, None)
            .await
            .map(drop)
    }

    async fn recover_incident(&self, incident: &Incident) -> Result<(), AppError> {
        let id = &incident.id;
        match &incident.phase {
            Phase::Opening { .. } if self.is_replaced(incident).await? => {
                self.opening_replaced(incident).await
            }
            // A wait has no identity to lose: its end makes one.
            Phase::Collecting(_) | Phase::Cooling(_) | Phase::Opening { .. } => {
                let restarted = |fresh| Command::Restarted { fresh };
                self.ask_with(id, restarted, With::default()).await
            }
            Phase::Open(_) => {
                let (_, fresh) = fresh_key()?;
                let ended = self
                    .step(id, Command::Restarted { fresh }, None, With::default())
                    .await?;
                // The rotation may have been done on the emergency log.
                self.recover_closing(&ended.incident).await
            }
            Phase::Closing(_) => self.recover_closing(incident).await,
            _ => Ok(()),
        }
    }

    /// Whether what custodians opened for this incident is replaced and proved dead. A saga that
    /// began before these terms' epoch was an interrupted one: what they opened afterwards is its
    /// successor, which is to be replaced as well.
    async fn is_replaced(&self, incident: &Incident) -> Result<bool, AppError> {
        let saga = self.saga_of(Some(&incident.id)).await?;
        Ok(saga.is_some_and(|saga| {
            saga.rotation.state == State::Done && saga.rotation.from_epoch == incident.terms.epoch
        }))
    }

    /// The log was lost while opening, and the emergency log took the rotation to its end: nothing
    /// is owed, whatever was owed before. A rotation is all that one of purpose `rotate` was for.
    async fn opening_replaced(&self, incident: &Incident) -> Result<(), AppError> {
        let settled = RowChange::SetFact {
            name: ROTATION_OWED.to_owned(),
            value: None,
        };
        let unsealed = matches!(incident.phase, Phase::Opening { unsealed: true, .. });
        if unsealed && incident.purpose == Purpose::Rotate {
            let begun = Command::RotationBegun;
            let closing = self
                .step(&incident.id, begun, None, With::default())
                .await?;
            return self.recover_closing(&closing.incident).await;
        }
        let broke = |fresh| Command::OpeningBroke {
            why: "the log was lost while opening; the credential was replaced meanwhile".to_owned(),
            fresh,
            combined: true,
            replaced: true,
        };
        let with = With {
            rows: vec![settled],
            ..With::default()
        };
        self.ask_with(&incident.id, broke, with).await
    }

    /// Whether a session secret or a probe may be alive: then custodians are asked, whose way back
    /// looks for it.
    async fn may_live_on(&self) -> Result<bool, AppError> {
        let states = ["sent", "made", "unknown"];
        let posts = self.inner.store.secret_posts(&states).await?;
        Ok(posts
            .iter()
            .any(|post| post.used_for != SecretUse::Successor))
    }

    /// What is left of a way back whose credential is not in memory: the last entry, or custodians.
    pub(super) async fn recover_closing(&self, incident: &Incident) -> Result<(), AppError> {
        let id = &incident.id;
        if self.is_replaced(incident).await?
            && self.inner.store.undos(&["planned"]).await?.is_empty()
            && !self.may_live_on().await?
        {
            // The predecessor was proved dead; only the last entry is missing. Tokens minted
            // before the crash die within the hour.
            let tokens_dead_at_ms = self.now().plus_ms(HOUR_MS);
            let command = Command::Rotated { tokens_dead_at_ms };
            let with = With {
                drafts: self.never_compared(id).await?,
                ..With::default()
            };
            return self.step(id, command, None, with).await.map(drop);
        }
        self.memory_lost(id).await
    }

    /// Every call that began and has no end gets `call.lost`: its outcome is unknown.
    async fn lost_calls(&self, incident: &Incident) -> Result<(), AppError> {
        let mut open: BTreeMap<String, u64> = BTreeMap::new();
        let mut pages = self.pages_of(&incident.id, 0);
        while let Some(page) = pages.next().await? {
            for entry in &page {
                let Some(cid) = entry.text("cid").map(str::to_owned) else {
                    continue;
                };
                match entry.kind.as_str() {
                    "call.begin" => drop(open.insert(cid, entry.seq)),
                    "call.end" | "call.abort" | "call.lost" => drop(open.remove(&cid)),
                    _ => {}
                }
            }
        }
        let lost: Vec<Draft> = open
            .into_iter()
            .map(|(cid, begin)| {
                draft(
                    "call.lost",
                    [
                        ("cid", Value::from(cid)),
                        ("begin", Value::from(begin)),
                        ("inc", Value::from(incident.id.as_str())),
                    ],
                )
            })
            .collect();
        for batch in lost.chunks(LOST_BATCH) {
            self.record(batch.to_vec(), Vec::new(), Vec::new(), None)
                .await?;
        }
        Ok(())
    }
}
