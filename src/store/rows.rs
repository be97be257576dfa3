//! Rows as domain values: the one place where columns become types.
//!
//! A row that this program cannot have written is [`StoreError::Inconsistent`] and names table
//! and id. It is never repaired: somebody has to look.

use super::change::{Alert, SecretPost, SecretUse};
use super::error::StoreError;
use super::query::{Column, Row};
use crate::domain::ids::{Digest, IncidentId, PersonId, SessionId};
use crate::domain::incident::Incident;
use crate::domain::manifest::Manifest;
use crate::domain::paging::Wave;
use crate::domain::rotation::Rotation;
use crate::domain::time::Timestamp;

/// One epoch as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochRow {
    /// Its manifest.
    pub manifest: Manifest,
    /// Hash of the manifest.
    pub manifest_sha256: Digest,
    /// Whether it is the current one of its kind.
    pub current: bool,
    /// The sealed credential (an age file), until it is erased.
    pub sealed_credential: Option<Vec<u8>>,
    /// Databricks' id of the secret.
    pub secret_id: String,
    /// When that secret expires.
    pub secret_expires_at_ms: Timestamp,
    /// When the epoch was made.
    pub at_ms: Timestamp,
}

/// One session as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Its id.
    pub session: SessionId,
    /// Its incident.
    pub incident: IncidentId,
    /// When it ends by itself.
    pub exp_ms: Timestamp,
    /// Whether it is over.
    pub ended: bool,
}

/// One login as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginRow {
    /// Whose.
    pub person: PersonId,
    /// Key that signed.
    pub key: String,
    /// When it ends.
    pub expires_at_ms: Timestamp,
}

/// An alert with what became of it so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRow {
    /// The alert.
    pub alert: Alert,
    /// Tries that failed.
    pub attempts: u32,
    /// `queued` or `sent`.
    pub state: String,
    /// When its channel confirmed it.
    pub sent_at_ms: Option<Timestamp>,
}

/// A row with the name of its table and its id, so that every fault can name both.
pub(super) struct Columns<'r> {
    row: &'r Row,
    table: &'static str,
    id: String,
}

impl<'r> Columns<'r> {
    /// Reads the id column first; a row without one names its table only.
    pub(super) fn new(row: &'r Row, table: &'static str, id_column: &str) -> Self {
        let id = row
            .try_get::<String>(id_column)
            .or_else(|_| {
                row.try_get::<i64>(id_column)
                    .map(|number| number.to_string())
            })
            .unwrap_or_default();
        Self { row, table, id }
    }

    /// One column.
    pub(super) fn get<T: Column<'r>>(&self, name: &str) -> Result<T, StoreError> {
        self.row.try_get(name).map_err(|why| self.wrong(why))
    }

    /// A text column of a type with its own form.
    pub(super) fn parse<T: std::str::FromStr<Err: ToString>>(
        &self,
        name: &str,
    ) -> Result<T, StoreError> {
        self.get::<String>(name)?
            .parse::<T>()
            .map_err(|why| self.wrong(why.to_string()))
    }

    /// The same for a column that may be empty.
    pub(super) fn parse_optional<T: std::str::FromStr<Err: ToString>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, StoreError> {
        let text: Option<String> = self.get(name)?;
        text.map(|text| text.parse::<T>().map_err(|why| self.wrong(why.to_string())))
            .transpose()
    }

    /// A number of a narrower type.
    pub(super) fn number<T: TryFrom<i64>>(&self, name: &str) -> Result<T, StoreError> {
        let number: i64 = self.get(name)?;
        T::try_from(number).map_err(|_| self.wrong(format!("{name} {number} is out of range")))
    }

    pub(super) fn time(&self, name: &str) -> Result<Timestamp, StoreError> {
        self.get(name).map(Timestamp)
    }

    pub(super) fn json<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T, StoreError> {
        let text: String = self.get(name)?;
        // Place only: serde's own words may quote the value.
        serde_json::from_str(&text).map_err(|why| {
            self.wrong(format!(
                "{name}: unexpected json at line {}, column {}",
                why.line(),
                why.column()
            ))
        })
    }

    pub(super) fn wrong(&self, why: impl ToString) -> StoreError {
        StoreError::inconsistent(self.table, self.id.as_str(), why)
    }
}

/// An incident with its version.
pub(super) fn incident(row: &Row) -> Result<(Incident, i64), StoreError> {
    let columns = Columns::new(row, "incident", "id");
    let incident: Incident = columns.json("doc")?;
    let agrees = incident.id.as_str() == columns.id
        && incident.phase.name().to_string() == columns.get::<String>("phase")?
        && i64::from(incident.phase.is_over()) == columns.get::<i64>("over")?;
    if !agrees {
        return Err(columns.wrong("id, phase or over is not that of its document"));
    }
    Ok((incident, columns.get("version")?))
}

/// A rotation with its version.
pub(super) fn rotation(row: &Row) -> Result<(Rotation, i64), StoreError> {
    let columns = Columns::new(row, "rotation", "id");
    let rotation: Rotation = columns.json("doc")?;
    if rotation.id.as_str() != columns.id
        || rotation.incident != columns.parse_optional("incident")?
    {
        return Err(columns.wrong("id or incident is not that of its document"));
    }
    Ok((rotation, columns.get("version")?))
}

/// An epoch.
pub(super) fn epoch(row: &Row) -> Result<EpochRow, StoreError> {
    let columns = Columns::new(row, "epoch", "epoch");
    let manifest: Manifest = columns.json("manifest")?;
    let manifest_sha256: Digest = columns.parse("manifest_sha256")?;
    let agrees = manifest.kind.word() == columns.get::<String>("kind")?
        && i64::from(manifest.epoch) == columns.get::<i64>("epoch")?
        && manifest.sha256().map_err(|why| columns.wrong(why))? == manifest_sha256;
    if !agrees {
        return Err(columns.wrong("kind, number or hash is not that of its manifest"));
    }
    Ok(EpochRow {
        manifest,
        manifest_sha256,
        current: columns.get::<String>("state")? == "current",
        sealed_credential: columns.get("sealed_credential")?,
        secret_id: columns.get("secret_id")?,
        secret_expires_at_ms: columns.time("secret_expires_at_ms")?,
        at_ms: columns.time("at_ms")?,
    })
}

/// A POST that makes a secret.
pub(super) fn secret_post(row: &Row) -> Result<SecretPost, StoreError> {
    let columns = Columns::new(row, "secret_post", "id");
    let used_for = match columns.get::<String>("used_for")?.as_str() {
        "successor" => SecretUse::Successor,
        "session" => SecretUse::Session,
        "probe" => SecretUse::Probe,
        _ => return Err(columns.wrong("used_for is none of the three words")),
    };
    Ok(SecretPost {
        id: columns.get("id")?,
        used_for,
        owner: columns.get("owner")?,
        lifetime_s: columns.get("lifetime_s")?,
        pre_ids: columns.json("pre_ids")?,
        state: columns.get("state")?,
        secret_id: columns.get("secret_id")?,
        at_ms: columns.time("at_ms")?,
    })
}

/// A session.
pub(super) fn session(row: &Row) -> Result<SessionRow, StoreError> {
    let columns = Columns::new(row, "session", "id");
    Ok(SessionRow {
        session: columns.parse("id")?,
        incident: columns.parse("incident")?,
        exp_ms: columns.time("exp_ms")?,
        ended: columns.get::<Option<i64>>("ended_at_ms")?.is_some(),
    })
}

/// A login.
pub(super) fn login(row: &Row) -> Result<LoginRow, StoreError> {
    let columns = Columns::new(row, "login", "person");
    Ok(LoginRow {
        person: columns.parse("person")?,
        key: columns.get("signed_by")?,
        expires_at_ms: columns.time("expires_at_ms")?,
    })
}

/// An alert.
pub(super) fn alert(row: &Row) -> Result<AlertRow, StoreError> {
    let columns = Columns::new(row, "alert", "id");
    let alert = Alert {
        id: columns.get("id")?,
        channel: columns.get("channel")?,
        kind: columns.get("kind")?,
        incident: columns.parse_optional("incident")?,
        to: columns.json("recipients")?,
        subject: columns.get("subject")?,
        body: columns.get("body")?,
        drill: columns.get::<i64>("drill")? == 1,
        severity: columns.get("severity")?,
        at_ms: columns.time("at_ms")?,
    };
    Ok(AlertRow {
        alert,
        attempts: columns.number("attempts")?,
        state: columns.get("state")?,
        sent_at_ms: columns.get::<Option<i64>>("sent_at_ms")?.map(Timestamp),
    })
}

/// How one channel fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelRow {
    /// Its name.
    pub channel: String,
    /// When it confirmed a message last.
    pub sent_at_ms: Option<Timestamp>,
    /// Messages that wait.
    pub waiting: u64,
    /// Those of them that failed at least once.
    pub failing: u64,
    /// Why one of them failed.
    pub last_error: Option<String>,
}

pub(super) fn channel(row: &Row) -> Result<ChannelRow, StoreError> {
    let columns = Columns::new(row, "alert", "channel");
    Ok(ChannelRow {
        channel: columns.get("channel")?,
        sent_at_ms: columns.get::<Option<i64>>("sent_at_ms")?.map(Timestamp),
        waiting: columns.number("waiting")?,
        failing: columns.number("failing")?,
        last_error: columns.get("last_error")?,
    })
}

pub(super) fn page(row: &Row) -> Result<(IncidentId, Wave), StoreError> {
    let columns = Columns::new(row, "page", "incident");
    let wave = Wave {
        number: columns.number("wave")?,
        due_ms: columns.time("due_at_ms")?,
        people: columns.json("people")?,
        fallback: columns.get::<i64>("fallback")? == 1,
    };
    Ok((columns.parse("incident")?, wave))
}
