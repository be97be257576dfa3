//! An incident's entries, a page at a time: whoever reads a long log holds one page of it. Must
//! not know what the entries are read for.

use super::App;
use super::error::AppError;
use crate::audit::entry::{Entry, parse_entry};
use crate::domain::ids::IncidentId;

/// Entries read from the store at once.
const PAGE: u32 = 1_000;

/// The entries of one incident, in the order of the log.
pub(super) struct Pages<'a> {
    app: &'a App,
    incident: &'a IncidentId,
    read_to: u64,
    ended: bool,
}

impl App {
    /// The entries of an incident from an index of the log on.
    pub(super) fn pages_of<'a>(&'a self, incident: &'a IncidentId, from: u64) -> Pages<'a> {
        Pages {
            app: self,
            incident,
            read_to: from,
            ended: false,
        }
    }
}

impl Pages<'_> {
    /// The next page; none once the log's end was read.
    ///
    /// # Errors
    /// The store broke, or an entry cannot be read.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Entry>>, AppError> {
        if self.ended {
            return Ok(None);
        }
        let store = &self.app.inner.store;
        let page = store
            .entries_of_incident(self.incident, self.read_to, PAGE)
            .await?;
        self.ended = page.len() < PAGE as usize;
        if let Some((last, _)) = page.last() {
            self.read_to = last + 1;
        }
        page.iter()
            .map(|(_, bytes)| parse_entry(bytes).map_err(|e| AppError::Inconsistent(e.to_string())))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// Index behind the last entry read.
    pub(super) fn read_to(&self) -> u64 {
        self.read_to
    }
}
