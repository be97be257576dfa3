//! Looking through the log: newest first, filtered, one page at a time.

use serde_json::Value;

use crate::app::App;
use crate::app::error::AppError;
use crate::audit::entry::{Entry, parse_entry};
use crate::domain::ids::PersonId;
use crate::domain::time::Timestamp;

/// Entries on one page.
pub const PAGE_ENTRIES: usize = 50;
/// Entries read at once while searching.
const WINDOW: u64 = 500;
/// Windows read for one page; then the person is asked whether to go on.
const MAX_WINDOWS: u32 = 40;

/// What is searched for; empty texts match everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// Only entries before this index.
    pub before: Option<u64>,
    /// What the type begins with.
    pub kind: String,
    /// The incident.
    pub incident: String,
    /// Text anywhere in the entry, without regard to case.
    pub text: String,
}

/// One entry in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Its index.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Its type.
    pub kind: String,
    /// The incident, if it names one.
    pub incident: String,
    /// Who, by name, if it names somebody.
    pub who: String,
}

/// A page of the log.
#[derive(Debug, Clone, Default)]
pub struct LogPage {
    /// Newest first.
    pub lines: Vec<LogLine>,
    /// Where to go on, unless the beginning was reached.
    pub older_before: Option<u64>,
    /// How far back was read.
    pub read_to: u64,
    /// Entries in the log.
    pub size: u64,
}

impl App {
    /// A page of the log.
    ///
    /// # Errors
    /// The store broke.
    pub async fn log_page(&self, query: &LogQuery) -> Result<LogPage, AppError> {
        let size = self.inner.store.head().size;
        let mut end = query.before.unwrap_or(size).min(size);
        let mut page = LogPage {
            size,
            ..LogPage::default()
        };
        for _ in 0..MAX_WINDOWS {
            let start = end.saturating_sub(WINDOW);
            let limit = u32::try_from(end - start).unwrap_or(0);
            for bytes in self.inner.store.entries(start, limit).await?.iter().rev() {
                let entry =
                    parse_entry(bytes).map_err(|e| AppError::Inconsistent(e.to_string()))?;
                page.read_to = entry.seq;
                if query.matches(&entry, bytes) {
                    page.lines.push(self.line(&entry));
                }
                if page.lines.len() == PAGE_ENTRIES {
                    page.older_before = (entry.seq > 0).then_some(entry.seq);
                    return Ok(page);
                }
            }
            end = start;
            if end == 0 {
                return Ok(page);
            }
        }
        page.older_before = Some(end);
        Ok(page)
    }

    fn line(&self, entry: &Entry) -> LogLine {
        let facts = self.inner.facts.get();
        let person = entry.text("person").or_else(|| entry.text("actor"));
        let who = person.map(|id| match id.parse::<PersonId>() {
            Ok(id) => facts.roster.name_of(&id),
            Err(_) => id.to_owned(),
        });
        LogLine {
            seq: entry.seq,
            at: Timestamp(entry.ts_ms),
            kind: entry.kind.clone(),
            incident: entry.text("inc").unwrap_or("").to_owned(),
            who: who.unwrap_or_default(),
        }
    }
}

impl LogQuery {
    fn matches(&self, entry: &Entry, bytes: &[u8]) -> bool {
        let incident = entry.members.get("inc").and_then(Value::as_str);
        let kind = entry.kind.starts_with(self.kind.as_str());
        let about = self.incident.is_empty() || incident == Some(self.incident.as_str());
        kind && about && self.has_text(bytes)
    }

    fn has_text(&self, bytes: &[u8]) -> bool {
        if self.text.is_empty() {
            return true;
        }
        let wanted = self.text.to_lowercase();
        String::from_utf8_lossy(bytes)
            .to_lowercase()
            .contains(&wanted)
    }
}
