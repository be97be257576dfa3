//! Step 8, first half: a session ends, or security ends it before it began. Calls are cut before the log is asked; what follows is the
//! way back.

use super::App;
use super::acts::{Caller, Verified};
use super::error::AppError;
use super::memory::LiveSession;
use super::step::With;
use crate::api::SignedDocument;
use crate::domain::act::Deed;
use crate::domain::ids::IncidentId;
use crate::domain::incident::command::{Command, No};
use crate::domain::incident::{CloseCause, Incident, Phase, Session};

impl App {
    /// The responder closes, anyone involved stops, or security vetoes.
    ///
    /// # Errors
    /// A bad document or a refusal of the rules.
    pub async fn end(
        &self,
        id: &IncidentId,
        signed: &SignedDocument,
        caller: &Caller,
        word: &'static str,
    ) -> Result<Incident, AppError> {
        let verified = self.admitted(signed, caller, id, word).await?;
        let result = self.end_verified(id, &verified).await;
        self.note_other_log(&verified, id).await;
        self.or_refused(&verified, id, result).await
    }

    async fn end_verified(
        &self,
        id: &IncidentId,
        verified: &Verified,
    ) -> Result<Incident, AppError> {
        let person = verified.act.person.clone();
        let act_sha256 = verified.sha256;
        let command = match &verified.act.deed {
            Deed::Close {} => Command::Close {
                person: person.clone(),
                act_sha256,
            },
            Deed::Stop { reason } => Command::Stop(No {
                person: person.clone(),
                reason: reason.clone(),
                act_sha256,
            }),
            Deed::Veto { reason } => Command::Veto(No {
                person: person.clone(),
                reason: reason.clone(),
                act_sha256,
            }),
            other => {
                return Err(AppError::BadDocument(format!(
                    "{} ends no session",
                    other.word()
                )));
            }
        };
        let with = With::act(verified, self.now());
        let incident = self.step(id, command, Some(&person), with).await?.incident;
        if incident.phase.is_over() {
            self.inner.memory.forget_key(id);
        } else if matches!(incident.phase, Phase::Closing(_)) {
            self.go_back(id);
        }
        Ok(incident)
    }

    /// The vault itself ends a session: a reply carried the real token, or its time is up.
    ///
    /// # Errors
    /// Only when the log cannot be written.
    pub async fn cut(&self, id: &IncidentId, cause: CloseCause) -> Result<(), AppError> {
        self.inner.memory.note_cut(id, cause);
        match self
            .step(id, Command::Cut { cause }, None, With::default())
            .await
        {
            Ok(stepped) if matches!(stepped.incident.phase, Phase::Closing(_)) => {
                self.go_back(id);
                Ok(())
            }
            // Already over: somebody was quicker.
            Ok(_) | Err(AppError::Refused(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Waits until the log cannot be written any more, whoever finds out, and ends everything then:
    /// where another process took the vault over, this one must not keep a secret until somebody
    /// asks for it.
    pub async fn follow_writer(&self) {
        self.inner.store.until_unwritable().await;
        self.log_is_lost("its writer has ended, or another process writes it");
    }

    /// Ends the session of a responder who may not act any more: locked out on an operator's word,
    /// or no longer in the roster (PROTOCOL §1). A crash before this ends the session as well, and
    /// what keeps the incident open is tried again at each tick.
    ///
    /// # Errors
    /// Only when the log cannot be written.
    pub(super) async fn cut_if_responder_left(&self) -> Result<(), AppError> {
        let Some(session) = self.inner.memory.session() else {
            return Ok(());
        };
        let facts = self.inner.facts.get();
        if facts.roster.person(&session.actor).is_some() {
            return Ok(());
        }
        self.cut_session(&session, CloseCause::ResponderLeft).await
    }

    /// A session that was cut and whose end could not be written: it is written now, so that its
    /// secrets do not live on until its deadline.
    ///
    /// # Errors
    /// Only when the log cannot be written.
    pub(super) async fn end_what_was_cut(
        &self,
        incident: &IncidentId,
        session: &Session,
    ) -> Result<(), AppError> {
        let live = self.inner.memory.session();
        let lives = |live: &LiveSession| live.id == session.id && !live.cut.is_cancelled();
        if live.is_some_and(|live| lives(&live)) {
            return Ok(());
        }
        match self.inner.memory.unwritten_cut(incident) {
            Some(cause) => self.cut(incident, cause).await,
            None => Ok(()),
        }
    }

    /// Cuts a session's calls at once, whatever state the store is in, and then ends it on the
    /// record. What stands against the latter is no reason to fail whatever found out: that is
    /// done already, or goes on for others.
    ///
    /// # Errors
    /// Only when the log cannot be written.
    pub(super) async fn cut_session(
        &self,
        session: &LiveSession,
        cause: CloseCause,
    ) -> Result<(), AppError> {
        session.cut.cancel();
        match self.cut(&session.incident, cause).await {
            Err(error @ AppError::LogLost(_)) => Err(error),
            Err(error) => {
                tracing::error!(incident = %session.incident, %error, "cut, and not closed yet");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// The log cannot be written: cut, wipe, exit. Where an emergency log takes entries, the way
    /// back goes on there with the credential and ends the process when it is done; the restart
    /// finds a rotation owed unless that log says that it was made (PROTOCOL §11).
    pub(super) fn log_is_lost(&self, why: &str) {
        // Every commit that fails comes here, also while the emergency log's work goes on: that work
        // ends the process itself, and nobody else may before it.
        let mut ends_itself = self.inner.memory.ends_itself();
        let held = self.inner.memory.is_unsealed() || self.inner.memory.session().is_some();
        tracing::error!(why, held, "the log cannot be written");
        // Cutting calls never needs a log. What the vault may still do at Databricks needs a
        // record, and takes the credential along.
        drop(self.inner.memory.end_session());
        *ends_itself = *ends_itself || self.go_back_without_log(why);
        self.inner.memory.wipe_all();
        if *ends_itself {
            return;
        }
        if held || !self.inner.store.is_writable() {
            self.inner.on_log_lost.cancel();
        }
    }
}
