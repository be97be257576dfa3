//! What happened in one incident, in order: the log's entries, its calls, its alerts. Made for
//! people who look; what is signed in a review is the case record, not this.

use std::collections::HashMap;

use crate::app::App;
use crate::app::error::AppError;
use crate::audit::entry::Entry;
use crate::domain::alert::clocks_shown;
use crate::domain::ids::{IncidentId, PersonId};
use crate::domain::roster::Roster;
use crate::domain::time::Timestamp;
use crate::store::change::Alert;

/// Most entries shown of one incident; a longer one says so and points to the export.
const MAX_ENTRIES: usize = 20_000;

/// One entry about the incident that is no call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// Its index in the log.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Its type.
    pub kind: String,
    /// Who did it, by name; empty for the vault itself.
    pub who: String,
    /// What is said besides: a reason, a state, a count.
    pub detail: String,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallEnd {
    /// With this status of Databricks.
    Status(i64),
    /// Refused here, for this reason: nothing went upstream.
    Denied(String),
    /// Given up before anything was sent.
    Aborted,
    /// Nobody knows.
    Lost,
    /// Not yet.
    Running,
}

/// One call through the proxy, or one that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Index of its begin (or denial) in the log.
    pub seq: u64,
    /// When it began.
    pub at: Timestamp,
    /// Risk class.
    pub class: String,
    /// HTTP method.
    pub method: String,
    /// Route template.
    pub route: String,
    /// How it ended.
    pub end: CallEnd,
    /// How long it took, milliseconds.
    pub took_ms: i64,
}

/// One alert and what its channel said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertLine {
    /// What happened.
    pub kind: String,
    /// The channel.
    pub channel: String,
    /// How many addresses.
    pub recipients: usize,
    /// Time zones of the readers whose clock a mail shows; none where it names no moment.
    pub clocks: Vec<String>,
    /// When it was queued.
    pub queued_at: Timestamp,
    /// When the channel took it.
    pub sent_at: Option<Timestamp>,
}

/// What happened in one incident.
#[derive(Debug, Clone, Default)]
pub struct Story {
    /// Entries but for calls and alerts.
    pub moments: Vec<Moment>,
    /// Calls and denials, by their begin.
    pub calls: Vec<Call>,
    /// Alerts.
    pub alerts: Vec<AlertLine>,
    /// There is more in the log than is shown.
    pub cut: bool,
}

impl App {
    /// What happened in an incident.
    ///
    /// # Errors
    /// No such incident, or the store broke.
    pub async fn story(&self, id: &IncidentId) -> Result<Story, AppError> {
        self.load(id).await?;
        let facts = self.inner.facts.get();
        let mut reader = Reader {
            story: Story::default(),
            open: HashMap::new(),
            roster: &facts.roster,
        };
        let mut pages = self.pages_of(id, 0);
        let mut read = 0;
        while let Some(page) = pages.next().await? {
            for entry in &page {
                reader.take(entry);
            }
            read += page.len();
            reader.story.cut = read >= MAX_ENTRIES;
            if reader.story.cut {
                break;
            }
        }
        let mut story = reader.story;
        for (alert, _, sent_at) in self.inner.store.alerts_of(id).await? {
            // Only mails are written for their readers' clocks.
            let mail = self.channel(&alert.channel);
            let mail = mail.is_some_and(|channel| channel.kind() == "smtp");
            story.alerts.push(AlertLine {
                clocks: if mail {
                    clocks(&alert, &facts.roster)
                } else {
                    Vec::new()
                },
                kind: alert.kind,
                channel: alert.channel,
                recipients: alert.to.len(),
                queued_at: alert.at_ms,
                sent_at,
            });
        }
        Ok(story)
    }
}

/// Whose clock a mail shows, of the people who get it and are in the roster still.
fn clocks(alert: &Alert, roster: &Roster) -> Vec<String> {
    let readers = roster.people.iter();
    let readers = readers.filter(|person| alert.to.contains(&person.contacts.mail));
    let zones = readers.map(|person| person.time_zone.as_str()).collect();
    let shown = clocks_shown(&alert.body, &zones);
    shown.into_iter().map(str::to_owned).collect()
}

struct Reader<'a> {
    story: Story,
    /// Calls that have not ended, by the index of their begin.
    open: HashMap<u64, usize>,
    roster: &'a Roster,
}

impl Reader<'_> {
    fn take(&mut self, entry: &Entry) {
        match entry.kind.as_str() {
            "call.begin" => {
                self.open.insert(entry.seq, self.story.calls.len());
                self.story.calls.push(call(entry, CallEnd::Running));
            }
            "deny" => {
                let why = entry.text("why").unwrap_or("").to_owned();
                self.story.calls.push(call(entry, CallEnd::Denied(why)));
            }
            "call.end" => {
                let status = entry.integer("status").unwrap_or(0);
                self.end(entry, CallEnd::Status(status));
            }
            "call.lost" => self.end(entry, CallEnd::Lost),
            "call.abort" => self.end(entry, CallEnd::Aborted),
            kind if kind.starts_with("call.") || kind.starts_with("alert.") => {}
            _ => self.story.moments.push(Moment {
                seq: entry.seq,
                at: Timestamp(entry.ts_ms),
                kind: entry.kind.clone(),
                who: self.who(entry),
                detail: detail(entry),
            }),
        }
    }

    fn end(&mut self, entry: &Entry, end: CallEnd) {
        let begin = entry
            .integer("begin")
            .and_then(|seq| u64::try_from(seq).ok());
        let found = begin.and_then(|seq| self.open.remove(&seq));
        if let Some(call) = found.and_then(|at| self.story.calls.get_mut(at)) {
            call.end = end;
            call.took_ms = entry.integer("ms").unwrap_or(0);
        }
    }

    fn who(&self, entry: &Entry) -> String {
        let id = entry.text("person").or_else(|| entry.text("actor"));
        let id = id.or_else(|| entry.text("requester"));
        match id.map(|id| (id, id.parse::<PersonId>())) {
            Some((_, Ok(person))) => self.roster.name_of(&person),
            Some((id, Err(_))) => id.to_owned(),
            None => String::new(),
        }
    }
}

fn call(entry: &Entry, end: CallEnd) -> Call {
    let text = |name: &str| entry.text(name).unwrap_or("-").to_owned();
    Call {
        seq: entry.seq,
        at: Timestamp(entry.ts_ms),
        class: text("cls"),
        method: text("method"),
        route: text("route"),
        end,
        took_ms: 0,
    }
}

/// The member that says most of an entry, for one line.
fn detail(entry: &Entry) -> String {
    const TELLING: [&str; 10] = [
        "reason", "text", "why", "pick", "state", "to", "code", "verdict", "index", "use_case",
    ];
    let found = TELLING.iter().find_map(|name| {
        let value = entry.members.get(*name)?;
        let text = value.as_str().map(str::to_owned);
        Some(text.unwrap_or_else(|| value.to_string()))
    });
    found.unwrap_or_default()
}
