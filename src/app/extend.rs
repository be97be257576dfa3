//! A longer session: the new session secret exists before the old one is deleted, and until then
//! the old deadline stands (PROTOCOL §6). A failure on the way changes nothing for the session.

use std::sync::Arc;

use super::App;
use super::error::AppError;
use super::memory::LiveSession;
use super::session_source::Wanted;
use super::step::With;
use crate::databricks::{Forwarder, Minted};
use crate::domain::ids::IncidentId;
use crate::domain::incident::command::Command;
use crate::domain::incident::{Incident, OPENING_MS};
use crate::domain::lifetime::BEYOND_SESSION_S;
use crate::domain::time::{MINUTE_MS, Timestamp};

impl App {
    /// Makes the session longer in the background, if enough custodians agreed.
    pub(super) fn try_extend(&self, id: &IncidentId) {
        let (app, id) = (self.clone(), id.clone());
        self.spawn(async move {
            // Whoever closes meanwhile cuts at once; its way back waits here for this hand.
            let _hand = Arc::clone(&app.inner.memory.vault_hand).lock_owned().await;
            if app.is_stopping() {
                return;
            }
            // Nothing is made on the word of a row alone.
            match app.trusted(&id).await {
                Ok(incident) if incident.agreed_extension().is_some() => {
                    app.extend_agreed(&incident).await;
                }
                Ok(_) => {}
                Err(error) => tracing::error!(incident = %id, %error, "extending ended early"),
            }
        });
    }

    async fn extend_agreed(&self, incident: &Incident) {
        let Err(error) = self.lengthen(incident).await else {
            return;
        };
        tracing::error!(incident = %incident.id, %error, "the session could not be extended");
        let why = error.to_string();
        let failed = Command::ExtendFailed { why };
        // Closed meanwhile: there is nothing left to say.
        if let Err(error) = self.step(&incident.id, failed, None, With::default()).await
            && !matches!(error, AppError::Refused(_))
        {
            tracing::error!(incident = %incident.id, %error, "a failed extension was not recorded");
        }
    }

    async fn lengthen(&self, incident: &Incident) -> Result<(), AppError> {
        let memory = &self.inner.memory;
        let gone = || AppError::Sealed("the session is not in memory");
        let live = memory
            .session()
            .filter(|live| live.incident == incident.id)
            .ok_or_else(gone)?;
        let (exp, exp_boot_ms) = self.longer_end(incident, &live)?;
        if live.is_drill() {
            return self.lengthen_drill(&live, exp, exp_boot_ms).await;
        }
        let credential = memory.credential(&incident.id).ok_or_else(gone)?;
        let end = (self.inner.clock.boot_ms() + OPENING_MS).min(live.exp_boot_ms);
        let bearer = self
            .persist("mint a token to extend", Some(end), || async {
                Ok(self.mint(&credential).await?)
            })
            .await?;
        let left_s = u64::try_from(exp.since_ms(self.now()) / 1_000).unwrap_or(0);
        let wanted = Wanted {
            lifetime_s: left_s + BEYOND_SESSION_S,
            keep: live.secret_id.as_deref(),
            end,
        };
        let source = self
            .session_source(incident, &credential, &bearer, &wanted)
            .await?;
        self.usable(incident, &source.credential).await?;
        let secret_id = source.secret_id.clone();
        let longer = LiveSession {
            exp,
            exp_boot_ms,
            secret_id: secret_id.clone(),
            forwarder: Some(Arc::new(Forwarder::new(
                &self.inner.databricks,
                source.credential,
            ))),
            ..live.shared()
        };
        self.step(&incident.id, Command::Extended, None, With::default())
            .await?;
        // Durable. A session that was ended meanwhile is not brought back.
        if memory.replace_session(Arc::new(longer)) {
            self.delete_former_secret(&bearer, secret_id.as_deref(), end)
                .await;
        }
        Ok(())
    }

    /// The new end by both clocks.
    fn longer_end(
        &self,
        incident: &Incident,
        live: &LiveSession,
    ) -> Result<(Timestamp, i64), AppError> {
        let agreed = incident.agreed_extension().zip(incident.session());
        let (extension, session) =
            agreed.ok_or_else(|| AppError::Inconsistent("no extension is agreed".into()))?;
        let length_ms = i64::from(extension.max_minutes) * MINUTE_MS;
        let more_ms = session
            .opened_ms
            .plus_ms(length_ms)
            .since_ms(session.exp_ms);
        Ok((live.exp.plus_ms(more_ms), live.exp_boot_ms + more_ms))
    }

    /// The close deletes it if this does not: its POST is on record.
    async fn delete_former_secret(&self, bearer: &Minted, keep: Option<&str>, end: i64) {
        let deleted = self
            .persist("delete the former session secret", Some(end), || {
                self.delete_our_secrets_but(bearer, keep)
            })
            .await;
        if let Err(error) = deleted {
            tracing::warn!(%error, "the former session secret lives until the close");
        }
    }
}
