//! A look at a vault that another process is running: which incidents are alive. Takes no lock,
//! writes nothing, checks nothing.

use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;

use super::error::StoreError;
use super::open::{Place, connect_to, place};
use super::query::{One, query};
use super::{Config, rows, sql};
use crate::domain::incident::Incident;

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
