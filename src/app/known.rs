//! What messages say of an incident besides its row: who released the shares, what the calls were,
//! when the old secret was refused. Read from the log before the event is written.

use super::App;
use super::error::AppError;
use crate::audit::entry::parse_entry;
use crate::domain::alert::Known;
use crate::domain::ids::IncidentId;
use crate::domain::incident::{Event, Incident};
use crate::domain::rotation::Proof;
use crate::domain::terms::Purpose;
use crate::domain::time::Timestamp;

impl App {
    /// What is known when these events of an incident are written. What cannot be read is left
    /// out: no step of the way back hangs on the words of a mail.
    pub(super) async fn known_of(&self, before: &Incident, events: &[Event]) -> Known {
        let is_a = |wanted: fn(&Event) -> bool| events.iter().any(wanted);
        let mut known = Known::default();
        if is_a(|event| matches!(event, Event::SessionOpened { .. })) {
            let approvals = before.approvals().iter();
            known.released_by = approvals.map(|a| a.person.clone()).collect();
        }
        let is_closed = is_a(|event| matches!(event, Event::Closed { .. }));
        if is_closed
            && before.purpose != Purpose::Drill
            && let Err(error) = self.known_at_close(&before.id, &mut known).await
        {
            tracing::warn!(incident = %before.id, %error, "the closing mail lacks numbers");
        }
        known
    }

    async fn known_at_close(&self, id: &IncidentId, known: &mut Known) -> Result<(), AppError> {
        let store = &self.inner.store;
        if let Some((rotation, _)) = store.rotation_of(id).await?
            && rotation.proof == Some(Proof::ListAndRefused)
            && let Some((_, bytes)) = store.last_control_entry("rotate.done", u64::MAX).await?
        {
            let (at, entry) = read(&bytes)?;
            let own = entry.text("rot") == Some(rotation.id.to_string().as_str());
            known.refused_at = own.then_some(at);
        }
        // A rotation by itself has no session, and so no calls to count.
        if let Some((_, bytes)) = store.last_entry_of(id, &["session.open"]).await? {
            known.opened_at = Some(read(&bytes)?.0);
            known.calls = Some(self.numbers(id).await?.calls());
        }
        Ok(())
    }
}

fn read(bytes: &[u8]) -> Result<(Timestamp, crate::audit::entry::Entry), AppError> {
    let entry = parse_entry(bytes).map_err(|e| AppError::Inconsistent(e.to_string()))?;
    Ok((Timestamp(entry.ts_ms), entry))
}
