//! SQLite's side of the writer: rusqlite on the sequencer's own thread, statements kept prepared.

use std::path::Path;
use std::time::Duration;

use rusqlite::ffi::{ErrorCode, SQLITE_CONSTRAINT_CHECK};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, ToSql, params_from_iter};

use super::{Bound, Refused};
use crate::store::open::BUSY_TIMEOUT;

/// Statements kept prepared: all of `sql.rs` and the marks.
const KEPT_STATEMENTS: usize = 128;
/// How long a fold waits for readers: a query of a page ends within it.
const FOLD_PATIENCE: Duration = Duration::from_millis(100);

/// Opens the database for writing. The file and its write-ahead mode are there already.
pub(in crate::store) fn open(
    path: &Path,
    pragmas: &[(&str, &str)],
) -> rusqlite::Result<Connection> {
    // Only one thread ever has it, so SQLite need not lock.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    for (name, value) in pragmas {
        connection.pragma_update(None, name, value)?;
    }
    connection.set_prepared_statement_cache_capacity(KEPT_STATEMENTS);
    Ok(connection)
}

impl ToSql for Bound {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Text(Some(text)) => ValueRef::Text(text.as_bytes()),
            Self::Text(None) => ValueRef::Null,
            Self::Word(word) => ValueRef::Text(word.as_bytes()),
            Self::Number(number) => ValueRef::Integer(*number),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

pub(super) fn execute(
    connection: &Connection,
    text: &'static str,
    values: &[Bound],
) -> Result<u64, Refused> {
    let mut statement = connection.prepare_cached(text).map_err(refused)?;
    let changed = statement
        .execute(params_from_iter(values))
        .map_err(refused)?;
    Ok(changed as u64)
}

/// `secure_delete` overwrites erased rows in the database, but the write-ahead log still holds
/// their former pages until it is folded in. A reader that is in the way is waited for a moment
/// only: a backup reads for minutes, and every commit queues behind this connection.
pub(super) fn fold(connection: &Connection) -> Result<(), Refused> {
    connection.busy_timeout(FOLD_PATIENCE).map_err(refused)?;
    let folded = fold_now(connection);
    // Also after a refusal: `BEGIN IMMEDIATE` does wait for whoever has the write lock.
    connection.busy_timeout(BUSY_TIMEOUT).map_err(refused)?;
    folded
}

fn fold_now(connection: &Connection) -> Result<(), Refused> {
    // A reader that holds it up is told in the row, not as an error.
    let busy: i64 = connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .map_err(refused)?;
    if busy != 0 {
        let why = "readers hold the write-ahead log";
        return Err(Refused::Busy(why.to_owned()));
    }
    Ok(())
}

pub(super) fn close(connection: Connection) -> Result<(), Refused> {
    connection.close().map_err(|(_, error)| refused(error))
}

fn refused(error: rusqlite::Error) -> Refused {
    let why = error.to_string();
    match error.sqlite_error() {
        // SQLite has rolled back cleanly (a test fills a disk).
        Some(said) if said.code == ErrorCode::DiskFull => Refused::Full,
        Some(said) if said.code == ErrorCode::DatabaseBusy => Refused::Busy(why),
        Some(said) if said.extended_code == SQLITE_CONSTRAINT_CHECK => Refused::Invalid(why),
        _ => Refused::Failed(why),
    }
}
