//! Undo rows and snapshots: what a session added at Databricks, and how things stood before.
//!
//! A row is durable before its call is sent (PROTOCOL §7). Knows what a row holds, not how a
//! thing is undone.

use super::error::{Conflict, StoreError};
use super::query::{Row, query};
use super::rows::Columns;
use super::step::{Steps, step};
use super::{Store, read};
use crate::domain::ids::{IncidentId, PersonId};
use crate::domain::time::Timestamp;
use crate::domain::undo::{Held, Thing};

/// Who adds a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UndoOrigin {
    /// The vault, so that its principal can work in the workspace.
    Principal,
    /// The vault, for a person named in `grants_to`.
    Grant,
    /// A proxied call.
    Call,
}

impl UndoOrigin {
    /// Value in the `origin` column and in entries.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Principal => "principal",
            Self::Grant => "grant",
            Self::Call => "call",
        }
    }
}

/// One thing that a session adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undo {
    /// Random id.
    pub id: String,
    /// The incident.
    pub incident: IncidentId,
    /// Who adds it.
    pub origin: UndoOrigin,
    /// The proxied call.
    pub cid: Option<String>,
    /// Who gets the right, where it is a person of the roster.
    pub person: Option<PersonId>,
    /// Workspace id, for things of a workspace.
    pub workspace: Option<String>,
    /// What.
    pub thing: Thing,
    /// What was held before.
    pub before: Held,
    /// The terms say that it stays.
    pub keep: bool,
    /// `planned`, `void`, `nothing`, `undone`, `kept`, `failed`.
    pub state: String,
    /// When it was recorded.
    pub at_ms: Timestamp,
}

/// How things stood, as JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The incident.
    pub incident: IncidentId,
    /// `before` or `after`.
    pub moment: String,
    /// JSON.
    pub body: String,
    /// When.
    pub at_ms: Timestamp,
}

/// A row before its call.
pub(super) const PUT: &str = "INSERT INTO undo (id, incident, origin, cid, person, workspace, \
     thing, before, keep, state, at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
     ON CONFLICT DO NOTHING";
/// What became of it.
pub(super) const SET: &str = "UPDATE undo SET state = $1 WHERE id = $2";
/// In one state, oldest first.
pub(super) const IN_STATE: &str = "SELECT id, incident, origin, cid, person, workspace, thing, \
     before, keep, state, at_ms FROM undo WHERE state = $1 ORDER BY at_ms, id";
/// Of one incident, oldest first.
pub(super) const OF_INCIDENT: &str = "SELECT id, incident, origin, cid, person, workspace, thing, \
     before, keep, state, at_ms FROM undo WHERE incident = $1 ORDER BY at_ms, id";
/// A snapshot; a later one of the same moment replaces it.
pub(super) const PUT_SNAPSHOT: &str = "INSERT INTO snapshot (incident, moment, body, at_ms) \
     VALUES ($1, $2, $3, $4) ON CONFLICT (incident, moment) \
     DO UPDATE SET body = excluded.body, at_ms = excluded.at_ms";
/// A snapshot.
pub(super) const SNAPSHOT: &str = "SELECT incident, moment, body, at_ms FROM snapshot \
     WHERE incident = $1 AND moment = $2";
/// All texts of this area.
pub(super) const ALL: [&str; 6] = [PUT, SET, IN_STATE, OF_INCIDENT, PUT_SNAPSHOT, SNAPSHOT];

pub(super) fn put(undo: &Undo) -> Steps {
    step(PUT)
        .with(undo.id.as_str())
        .with(undo.incident.as_str())
        .with(undo.origin.word())
        .with(undo.cid.as_deref())
        .with(undo.person.as_ref().map(PersonId::as_str))
        .with(undo.workspace.as_deref())
        .with(serde_json::to_string(&undo.thing)?)
        .with(serde_json::to_string(&undo.before)?)
        .with(i64::from(undo.keep))
        .with(undo.state.as_str())
        .with(undo.at_ms.0)
        .one(Conflict::Exists)
}

pub(super) fn set(id: &str, state: &str) -> Steps {
    step(SET).with(state).with(id).one(Conflict::Version)
}

pub(super) fn put_snapshot(found: &Snapshot) -> Steps {
    step(PUT_SNAPSHOT)
        .with(found.incident.as_str())
        .with(found.moment.as_str())
        .with(found.body.as_str())
        .with(found.at_ms.0)
        .one(Conflict::Exists)
}

fn undo(row: &Row) -> Result<Undo, StoreError> {
    let columns = Columns::new(row, "undo", "id");
    let origin = match columns.get::<String>("origin")?.as_str() {
        "principal" => UndoOrigin::Principal,
        "grant" => UndoOrigin::Grant,
        "call" => UndoOrigin::Call,
        _ => return Err(columns.wrong("origin is none of the three words")),
    };
    Ok(Undo {
        id: columns.get("id")?,
        incident: columns.parse("incident")?,
        origin,
        cid: columns.get("cid")?,
        person: columns.parse_optional("person")?,
        workspace: columns.get("workspace")?,
        thing: columns.json("thing")?,
        before: columns.json("before")?,
        keep: columns.get::<i64>("keep")? == 1,
        state: columns.get("state")?,
        at_ms: columns.time("at_ms")?,
    })
}

fn snapshot(row: &Row) -> Result<Snapshot, StoreError> {
    let columns = Columns::new(row, "snapshot", "incident");
    Ok(Snapshot {
        incident: columns.parse("incident")?,
        moment: columns.get("moment")?,
        body: columns.get("body")?,
        at_ms: columns.time("at_ms")?,
    })
}

impl Store {
    /// Undo rows in any of these states, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn undos(&self, states: &[&str]) -> Result<Vec<Undo>, StoreError> {
        let mut found = Vec::new();
        for state in states {
            let query = query(IN_STATE).bind(*state);
            found.extend(read::each(&query.fetch_all(self.reader()).await?, undo)?);
        }
        found.sort_by(|a, b| (a.at_ms, &a.id).cmp(&(b.at_ms, &b.id)));
        Ok(found)
    }

    /// Undo rows of one incident, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn undos_of(&self, incident: &IncidentId) -> Result<Vec<Undo>, StoreError> {
        let query = query(OF_INCIDENT).bind(incident.as_str());
        read::each(&query.fetch_all(self.reader()).await?, undo)
    }

    /// How things stood at one moment of an incident's session.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn snapshot(
        &self,
        incident: &IncidentId,
        moment: &str,
    ) -> Result<Option<Snapshot>, StoreError> {
        let query = query(SNAPSHOT).bind(incident.as_str()).bind(moment);
        read::maybe(query.fetch_optional(self.reader()).await?, snapshot)
    }
}
