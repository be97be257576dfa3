//! A look at a vault that another process is running: which incidents are alive. Takes no lock,
//! writes nothing, checks nothing.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use super::error::StoreError;
use super::query::Row;
use super::{Config, rows, sql};
use crate::domain::incident::Incident;

/// Incidents that are not over.
///
/// # Errors
/// A database that is not there or cannot be read.
pub async fn live_incidents(config: &Config) -> Result<Vec<Incident>, StoreError> {
    let path = config
        .sqlite
        .as_ref()
        .ok_or(StoreError::NotYet("only a SQLite vault can be looked at"))?;
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let mut connection = options.connect().await?;
    let found = sqlx::query(sql::incident::LIVE)
        .fetch_all(&mut connection)
        .await?;
    connection.close().await?;
    let incidents = found
        .into_iter()
        .map(|row| rows::incident(&Row::Sqlite(row)));
    incidents
        .map(|found| found.map(|(incident, _)| incident))
        .collect()
}
