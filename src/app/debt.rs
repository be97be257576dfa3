//! Whose incidents left a rotation owed: their responders may not approve it (PROTOCOL §7).
//!
//! The ids stand in a fact beside the one that says since when; both go together.

use super::App;
use super::error::AppError;
use super::step::ROTATION_OWED;
use crate::domain::ids::{IncidentId, PersonId};
use crate::store::change::RowChange;

/// Name of the fact that holds the ids of the incidents, with a blank between two.
const OWED_BY: &str = "rotation_owed_by";

/// Nobody owes anything any more.
pub(super) fn owed_by_nobody() -> RowChange {
    RowChange::SetFact {
        name: OWED_BY.to_owned(),
        value: None,
    }
}

impl App {
    /// The row that goes with rows of this incident that begin or settle a debt.
    pub(super) async fn owed_by(
        &self,
        rows: &[RowChange],
        incident: &IncidentId,
    ) -> Result<Option<RowChange>, AppError> {
        let debt = rows.iter().rev().find_map(|row| match row {
            RowChange::SetFact { name, value } if name == ROTATION_OWED => Some(value.is_some()),
            _ => None,
        });
        match debt {
            None => Ok(None),
            Some(false) => Ok(Some(owed_by_nobody())),
            Some(true) => {
                let mut ids = self.debts().await?;
                if ids.contains(incident) {
                    return Ok(None);
                }
                ids.push(incident.clone());
                let ids: Vec<&str> = ids.iter().map(IncidentId::as_str).collect();
                Ok(Some(RowChange::SetFact {
                    name: OWED_BY.to_owned(),
                    value: Some(ids.join(" ")),
                }))
            }
        }
    }

    /// Responders of the incidents that left the debt, while there is one.
    pub(super) async fn debtors(&self, owed: bool) -> Result<Vec<PersonId>, AppError> {
        let mut people = Vec::new();
        if owed {
            for id in self.debts().await? {
                let (incident, _) = self.load(&id).await?;
                people.extend(incident.requester.person().cloned());
            }
        }
        Ok(people)
    }

    async fn debts(&self) -> Result<Vec<IncidentId>, AppError> {
        let ids = self.inner.store.fact(OWED_BY).await?.unwrap_or_default();
        ids.split_whitespace()
            .map(|id| {
                let odd = || AppError::Inconsistent(format!("{OWED_BY} holds {id:?}"));
                id.parse().map_err(|_| odd())
            })
            .collect()
    }
}
