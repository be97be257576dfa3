//! Time passes: incidents lapse, sessions end at their deadline, an owed rotation is asked for.

use std::sync::Arc;

use super::App;
use super::error::AppError;
use super::step::{ROTATION_OWED, With};
use crate::domain::ids::IncidentId;
use crate::domain::incident::command::Command;
use crate::domain::incident::{CloseCause, Incident, OPENING_MS, Phase};
use crate::domain::terms::Purpose;

impl App {
    /// Lets every incident notice what time it is. Cheap when nothing is due.
    ///
    /// # Errors
    /// A store that cannot be read, or a log that cannot be written.
    pub async fn tick(&self) -> Result<(), AppError> {
        self.end_overdue_session().await?;
        // Whoever was locked out while the session was being opened.
        self.cut_if_responder_left().await?;
        let live = self.inner.store.live_incidents().await?;
        for (incident, _) in &live {
            // One that cannot go on holds up nobody else's time.
            match self.tick_incident(incident).await {
                Err(error @ AppError::LogLost(_)) => return Err(error),
                Err(error) => {
                    tracing::error!(incident = %incident.id, %error, "time stands still for it");
                }
                Ok(()) => {}
            }
        }
        self.page_due().await?;
        self.ask_if_owed(&live).await?;
        self.note_backup().await?;
        self.tell_what_is_due().await?;
        self.tell_overdue_reviews(&live).await?;
        self.look_at_disk().await?;
        let live = self.inner.store.live_incidents().await?;
        self.ask_epoch_if_owed(&live).await?;
        self.remind_provers().await
    }

    /// The deadline holds by the wall clock and by the boot clock, whichever says so first, and
    /// whatever state the store is in: cutting calls needs no log.
    async fn end_overdue_session(&self) -> Result<(), AppError> {
        let Some(session) = self.inner.memory.session() else {
            return Ok(());
        };
        if !self.is_past_its_end(&session) {
            return Ok(());
        }
        self.cut_session(&session, CloseCause::Deadline).await
    }

    /// Writes a sign of life into the log, so that silence is noticed (facts §1.5).
    ///
    /// # Errors
    /// A log that cannot be written.
    pub async fn beat(&self) -> Result<(), AppError> {
        let entry = super::step::draft("log.tick", []);
        self.record(vec![entry], Vec::new(), Vec::new(), None)
            .await
            .map(drop)
    }

    async fn tick_incident(&self, incident: &Incident) -> Result<(), AppError> {
        let now = self.now();
        match &incident.phase {
            Phase::Collecting(_) | Phase::Cooling(_) if self.is_keyless(incident) => {
                self.ask_keyless(&incident.id).await?;
            }
            Phase::Waiting { until_ms } if now >= *until_ms => {
                let over = |fresh| Command::WaitOver { fresh };
                self.ask_with(&incident.id, over, With::default()).await?;
            }
            Phase::Cooling(_) if now >= incident.terms.not_before_ms => {
                self.step(&incident.id, Command::Time, None, With::default())
                    .await?;
                self.try_begin(&incident.id);
            }
            Phase::Collecting(_) => {
                if now >= incident.terms.expires_ms {
                    self.step(&incident.id, Command::Time, None, With::default())
                        .await?;
                    self.inner.memory.forget_key(&incident.id);
                } else if incident.agreed().is_ok() {
                    self.try_begin(&incident.id);
                }
            }
            Phase::Opening { begun_ms, .. } if now.since_ms(*begun_ms) >= OPENING_MS => {
                // Nobody is opening any more if the hand is free: the step that did has died.
                if let Ok(_hand) = Arc::clone(&self.inner.memory.vault_hand).try_lock_owned() {
                    self.opening_broke(&incident.id, "opening took too long", true)
                        .await?;
                }
            }
            Phase::Open(session) if now >= session.exp_ms => {
                self.step(&incident.id, Command::Time, None, With::default())
                    .await?;
                self.go_back(&incident.id);
            }
            Phase::Open(session) => self.end_what_was_cut(&incident.id, session).await?,
            Phase::Closing(_) => self.take_up_way_back(&incident.id),
            _ => {}
        }
        Ok(())
    }

    /// An error took the identity: what is sent to it is lost, so new terms are asked.
    async fn ask_keyless(&self, id: &IncidentId) -> Result<(), AppError> {
        // Whoever has the hand may have taken the identity to unseal with it, after the row was
        // read.
        let Ok(_hand) = Arc::clone(&self.inner.memory.vault_hand).try_lock_owned() else {
            return Ok(());
        };
        let (incident, _) = self.load(id).await?;
        let asks = matches!(incident.phase, Phase::Collecting(_) | Phase::Cooling(_));
        if !asks || !self.is_keyless(&incident) {
            return Ok(());
        }
        let again = |fresh| Command::Restarted { fresh };
        self.ask_with(id, again, With::default()).await
    }

    fn is_keyless(&self, incident: &Incident) -> bool {
        let recipient = &incident.terms.recipient;
        // On a restored database nobody is asked.
        self.dealt_later().is_none() && !self.inner.memory.has_key(&incident.id, recipient)
    }

    /// Asks for a rotation that is owed and that no incident will settle by itself.
    async fn ask_if_owed(&self, live: &[(Incident, i64)]) -> Result<(), AppError> {
        // On a restored database the rules would refuse it every second.
        if self.dealt_later().is_some() || self.inner.store.fact(ROTATION_OWED).await?.is_none() {
            return Ok(());
        }
        let settles = live.iter().any(|(incident, _)| {
            (incident.phase.holds_vault() && incident.purpose != Purpose::Drill)
                || (incident.is_being_asked()
                    && (incident.purpose == Purpose::Rotate
                        || incident.rotation_owed
                        || incident.terms.continues.is_some()))
        });
        if settles {
            return Ok(());
        }
        match self.ask_owed_rotation().await {
            // Refused by a rule: the next tick tries again, and `status` says what is owed.
            Ok(_) | Err(AppError::Refused(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
