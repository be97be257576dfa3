//! Whether an incident's row is what the log says. Asked before anything is unsealed, so that a
//! row alone opens nothing (DESIGN §4.15).

use super::App;
use super::error::AppError;
use super::step::MAX_TRIES;
use crate::domain::ids::IncidentId;
use crate::domain::incident::{Event, Incident};
use crate::domain::terms::Terms;
use crate::store::change::DocumentKind;

impl App {
    /// The incident, if its row is what the log's entries fold to: whoever can write to the
    /// database cannot add an approval, lower a number or bring back what was withdrawn
    /// (DESIGN §4.15). Answers are committed meanwhile; only a row that stood still is judged.
    ///
    /// # Errors
    /// [`AppError::Inconsistent`] for a row that was changed by hand.
    pub(super) async fn trusted(&self, id: &IncidentId) -> Result<Incident, AppError> {
        for _ in 0..MAX_TRIES {
            let (incident, version) = self.load(id).await?;
            if self.fold(id).await?.as_ref() == Some(&incident) {
                return Ok(incident);
            }
            if self.load(id).await?.1 == version {
                return Err(AppError::Inconsistent(format!(
                    "the row of {id} is not what the log says: it was changed"
                )));
            }
        }
        Err(AppError::Overloaded)
    }

    async fn fold(&self, id: &IncidentId) -> Result<Option<Incident>, AppError> {
        let mut folded: Option<Incident> = None;
        let mut pages = self.pages_of(id, 0);
        while let Some(page) = pages.next().await? {
            for entry in &page {
                let Some((_, event)) = Event::from_entry(&entry.kind, &entry.members)? else {
                    continue;
                };
                let event = self.with_terms(event).await?;
                match &mut folded {
                    Some(folded) => folded.apply(&event)?,
                    none => *none = Some(Incident::from_opened(&event)?),
                }
            }
        }
        Ok(folded)
    }

    async fn with_terms(&self, event: Event) -> Result<Event, AppError> {
        let (Event::Opened(frozen) | Event::AskedAgain { frozen, .. }) = &event else {
            return Ok(event);
        };
        let bytes =
            super::facts::document(&self.inner.store, DocumentKind::Terms, &frozen.terms_sha256)
                .await?;
        let terms: Terms = crate::domain::canonical::parse_exact(&bytes)?;
        let sha256 = terms.sha256()?;
        Ok(event.with_terms(&|wanted| (*wanted == sha256).then(|| terms.clone())))
    }
}
