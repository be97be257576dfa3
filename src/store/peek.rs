//! A look at a vault that another process may be running: which incidents are alive, what its log
//! is called, how durable its database is, what was measured. Takes no lock, writes nothing, checks
//! nothing.

use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;

use super::error::StoreError;
use super::open::{PRAGMAS, Place, connect_to, place};
use super::query::{One, Row, query};
use super::{Config, rows, sql};
use crate::domain::incident::Incident;

/// The name in the newest checkpoint; `None` where there is no vault yet. Nothing is believed:
/// whoever opens the store checks the checkpoint with the key of that name.
///
/// # Errors
/// A database that cannot be read.
pub async fn log_origin(config: &Config) -> Result<Option<String>, StoreError> {
    if let Place::Sqlite(path) = place(config)?
        && !path.try_exists().unwrap_or(false)
    {
        return Ok(None);
    }
    let mut connection = reader(config).await?;
    let found = connection.all(query(sql::log::HEAD_NOTE)).await;
    connection.close().await?;
    let found = match found {
        Ok(found) => found,
        // A database without tables is one that `init` has not finished. Anything else that a
        // database says is no sign of an empty one.
        Err(sqlx::Error::Database(said)) if has_no_table(&*said) => return Ok(None),
        Err(why) => return Err(why.into()),
    };
    let note: Option<String> = match found.first() {
        Some(row) => Some(row.try_get("checkpoint")?),
        None => None,
    };
    Ok(note.and_then(|note| note.lines().next().map(str::to_owned)))
}

/// SQLite has no code of its own for it; PostgreSQL's is `undefined_table`.
fn has_no_table(said: &dyn sqlx::error::DatabaseError) -> bool {
    said.code().as_deref() == Some("42P01") || said.message().starts_with("no such table")
}

/// Incidents that are not over.
///
/// # Errors
/// A database that is not there or cannot be read.
pub async fn live_incidents(config: &Config) -> Result<Vec<Incident>, StoreError> {
    let mut connection = reader(config).await?;
    let found = connection.all(query(sql::incident::LIVE)).await?;
    connection.close().await?;
    let incidents = found.iter().map(rows::incident);
    incidents
        .map(|found| found.map(|(incident, _)| incident))
        .collect()
}

/// A connection of its own that asks and never writes.
pub(super) async fn reader(config: &Config) -> Result<One, StoreError> {
    Ok(match place(config)? {
        Place::Sqlite(path) => {
            let options = SqliteConnectOptions::new().filename(path).read_only(true);
            One::Sqlite(options.connect().await?)
        }
        Place::Postgres(url_file) => One::Postgres(Box::new(connect_to(url_file).await?)),
    })
}

/// What `doctor` wants to know of a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Settings that durability hangs on, as they are in force.
    pub settings: Vec<(String, String)>,
    /// A fact that was asked for.
    pub fact: Option<String>,
    /// The roster in force, its exact bytes; unchecked.
    pub roster: Option<Vec<u8>>,
}

/// Settings of the database, one fact by name, and the roster in force.
///
/// # Errors
/// A database that is not there or cannot be read.
pub async fn standing(config: &Config, fact: &str) -> Result<Standing, StoreError> {
    let mut connection = reader(config).await?;
    let settings = settings(&mut connection).await?;
    let asked = query(sql::people::FACT).bind(fact.to_owned());
    let found = connection.optional(asked).await?;
    let fact = found.map(|row| row.try_get("value")).transpose()?;
    let asked = query(sql::people::CURRENT).bind("roster".to_owned());
    let found = connection.optional(asked).await?;
    let hash: Option<String> = found.map(|row| row.try_get("sha256")).transpose()?;
    let asked = query(sql::incident::DOCUMENT)
        .bind("roster".to_owned())
        .bind(hash.unwrap_or_default());
    let found = connection.optional(asked).await?;
    let roster = found.map(|row| row.try_get("bytes")).transpose()?;
    connection.close().await?;
    Ok(Standing {
        settings,
        fact,
        roster,
    })
}

/// One fact by name; `None` where it was never kept.
///
/// # Errors
/// A database that is not there or cannot be read.
pub async fn fact(config: &Config, name: &str) -> Result<Option<String>, StoreError> {
    let mut connection = reader(config).await?;
    let asked = query(sql::people::FACT).bind(name.to_owned());
    let found = connection.optional(asked).await?;
    let fact = found.map(|row| row.try_get("value")).transpose()?;
    connection.close().await?;
    Ok(fact)
}

/// SQLite: the journal's mode stands in the file. The other settings belong to a connection: those
/// of the writer are set at each start, and no other process can see them.
async fn settings(connection: &mut One) -> Result<Vec<(String, String)>, StoreError> {
    let on_file = matches!(connection, One::Sqlite(_));
    if on_file {
        let row = connection.optional(query("PRAGMA journal_mode")).await?;
        let journal: Option<String> = row.map(|row| row.try_get("journal_mode")).transpose()?;
        let set = PRAGMAS.iter().copied();
        let set = set.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let first = ("journal_mode".to_owned(), journal.unwrap_or_default());
        return Ok(std::iter::once(first).chain(set).collect());
    }
    let rows = connection.all(query(DURABILITY_OF_A_SERVER)).await?;
    let pair = |row: &Row| Ok((row.try_get("name")?, row.try_get("setting")?));
    rows.iter().map(pair).collect()
}

const DURABILITY_OF_A_SERVER: &str = "SELECT name, setting FROM pg_settings WHERE name IN \
     ('fsync', 'synchronous_commit', 'full_page_writes', 'synchronous_standby_names') ORDER BY name";
