//! The one connection that writes, on either database. Only the sequencer's thread has it.
//!
//! Knows how a statement is executed and what the database's refusals mean; not what is written.

use sqlx::postgres::PgConnection;
use tokio::runtime::Handle;

use super::step::Bound;

mod postgres;
mod sqlite;

pub(super) use sqlite::open as open_sqlite;

/// The connection of a store's writer.
pub(super) enum Writer {
    /// In this process; a statement costs microseconds.
    Sqlite(rusqlite::Connection),
    /// On a server; a statement costs a round trip.
    Postgres {
        /// The connection.
        connection: Box<PgConnection>,
        /// What drives it.
        runtime: Handle,
    },
}

/// What frames statements. The same words on both databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// Takes the write lock.
    Begin,
    /// Before the rows of one commit.
    Savepoint,
    /// Takes those rows back.
    RollbackTo,
    /// Keeps what is left of them.
    Release,
    /// Makes everything durable.
    Commit,
    /// Nothing happened.
    Rollback,
}

/// Why a statement was not executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    /// The disk is full; the transaction can be rolled back cleanly.
    Full,
    /// Somebody else holds the write lock.
    Busy(String),
    /// The schema refuses the values.
    Invalid(String),
    /// Anything else: nobody can tell what became of the transaction.
    Failed(String),
}

impl Writer {
    /// Executes one statement and tells how many rows it changed.
    pub(super) fn execute(&mut self, text: &'static str, values: &[Bound]) -> Result<u64, Refused> {
        match self {
            Self::Sqlite(connection) => sqlite::execute(connection, text, values),
            Self::Postgres {
                connection,
                runtime,
            } => postgres::execute(connection, runtime, text, values),
        }
    }

    /// Sets a mark of the transaction.
    pub(super) fn mark(&mut self, mark: Mark) -> Result<(), Refused> {
        let text = match (mark, &*self) {
            (Mark::Begin, Self::Sqlite(_)) => "BEGIN IMMEDIATE",
            (Mark::Begin, Self::Postgres { .. }) => "BEGIN",
            (Mark::Savepoint, _) => "SAVEPOINT job",
            (Mark::RollbackTo, _) => "ROLLBACK TO SAVEPOINT job",
            (Mark::Release, _) => "RELEASE SAVEPOINT job",
            (Mark::Commit, _) => "COMMIT",
            (Mark::Rollback, _) => "ROLLBACK",
        };
        self.execute(text, &[]).map(drop)
    }

    /// Overwrites what erased rows left in files beside the database, where there are any.
    pub(super) fn fold(&mut self) -> Result<(), Refused> {
        match self {
            Self::Sqlite(connection) => sqlite::fold(connection),
            // Vacuum and the server's own log are its operator's business.
            Self::Postgres { .. } => Ok(()),
        }
    }

    /// Ends the connection; a failure costs nothing but a recovery at the next start.
    pub(super) fn close(self) -> Result<(), Refused> {
        match self {
            Self::Sqlite(connection) => sqlite::close(connection),
            Self::Postgres {
                connection,
                runtime,
            } => postgres::close(*connection, &runtime),
        }
    }
}
