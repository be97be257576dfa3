//! The process ends in order: nothing new begins, a session that is open is closed, its rotation
//! runs to the end, and whatever only people could finish is left on the record (PROTOCOL §11).

use super::App;
use super::error::AppError;
use super::step::With;
use crate::domain::ids::IncidentId;
use crate::domain::incident::command::Command;
use crate::domain::incident::{CloseCause, Closing, Phase};

impl App {
    /// Ends in order: a session that is open is closed and its credential rotated, then every
    /// step in the background has ended. A way back that waits for people does not hold the
    /// process: what it waits for survives the restart.
    pub async fn shut_down(&self) {
        self.inner.stopping.cancel();
        loop {
            if let Some(session) = self.inner.memory.session()
                && let Err(error) = self.cut(&session.incident, CloseCause::Restart).await
            {
                tracing::error!(%error, "the open session could not be closed on the record");
                break;
            }
            self.settle().await;
            // An opening that was under way may have ended in a session.
            if self.inner.memory.session().is_none() {
                break;
            }
        }
        self.inner.memory.wipe_all();
    }

    /// Whether the process is ending: nothing new is begun.
    pub(super) fn is_stopping(&self) -> bool {
        self.inner.stopping.is_cancelled()
    }

    /// Waits for people, unless the process ends meanwhile.
    ///
    /// # Errors
    /// [`AppError::Sealed`] when it does.
    pub(super) async fn unless_stopping<T>(
        &self,
        people: impl Future<Output = T>,
    ) -> Result<T, AppError> {
        tokio::select! {
            // What people did comes first.
            biased;
            done = people => Ok(done),
            () = self.inner.stopping.cancelled() => {
                Err(AppError::Sealed("the vault stops while it waits for people"))
            }
        }
    }

    /// The credential leaves memory with its rotation unfinished, because the process ends: that
    /// is written now. The restart asks the custodians.
    pub(super) async fn left_unfinished(&self, id: &IncidentId) -> Result<(), AppError> {
        let (incident, _) = self.load(id).await?;
        let Phase::Closing(Closing {
            memory_lost: false, ..
        }) = incident.phase
        else {
            return Ok(());
        };
        let (_, fresh) = super::open::fresh_key()?;
        self.step(id, Command::Restarted { fresh }, None, With::default())
            .await
            .map(drop)
    }
}
