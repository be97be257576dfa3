//! What can go wrong in the store. A failed commit says whether it may have happened all the same.

use std::path::PathBuf;

use crate::audit::entry::EntryError;
use crate::audit::merkle_proof::ProofError;

/// Why the store did not open, or a read failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the lock file.
    #[error("another process uses this vault (lock file {0})")]
    InUse(PathBuf),
    /// The configuration names no database, or two.
    #[error("{0}")]
    Config(&'static str),
    /// Something this version cannot do yet.
    #[error("{0}")]
    NotYet(&'static str),
    /// The database server may forget what it acknowledged.
    #[error(
        "the database server has {name} = off and may lose acknowledged entries: set {name} = on"
    )]
    Forgetful {
        /// The setting.
        name: &'static str,
    },
    /// `create` found a vault already.
    #[error("there is a vault at {0} already")]
    NotEmpty(PathBuf),
    /// `open` found no vault.
    #[error("there is no vault at {0}: run init")]
    Missing(PathBuf),
    /// The database was written by a newer program.
    #[error("the database has schema {found}, this program knows {known}: use the newer program")]
    Newer {
        /// Schema of the database.
        found: i64,
        /// Newest schema of this program.
        known: i64,
    },
    /// The log is not the one it was: nothing may be opened on it.
    #[error("the log is not the one this vault wrote: {why}")]
    Forked {
        /// What was found.
        why: String,
    },
    /// A row that this program cannot have written; it is reported, never repaired.
    #[error("table {table}, row {id}: {why}")]
    Inconsistent {
        /// Table.
        table: &'static str,
        /// Row.
        id: String,
        /// What is wrong with it.
        why: String,
    },
    /// The database refused.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// A migration could not be applied.
    #[error("migration: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The connection or thread of the writer.
    #[error("the writer of the log: {0}")]
    Writer(String),
    /// A file beside the database.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The log's name or first entry is not of its form.
    #[error("log identity: {0}")]
    Identity(String),
    /// The first commit failed.
    #[error("first commit: {0}")]
    First(#[from] CommitError),
    /// A proof was asked for that the tree cannot give.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl StoreError {
    /// A row that cannot be.
    pub(crate) fn inconsistent(
        table: &'static str,
        id: impl Into<String>,
        why: impl ToString,
    ) -> Self {
        Self::Inconsistent {
            table,
            id: id.into(),
            why: why.to_string(),
        }
    }

    /// Whether there was no room on a disk: the data folder's, or the database server's.
    #[must_use]
    pub fn is_want_of_room(&self) -> bool {
        match self {
            // SQLITE_FULL, SQLITE_IOERR_SHMSIZE (its index beside the file has no room), and
            // PostgreSQL's disk_full.
            Self::Database(error) => error
                .as_database_error()
                .and_then(sqlx::error::DatabaseError::code)
                .is_some_and(|code| matches!(&*code, "13" | "4874" | "53100")),
            Self::File { source, .. } => source.kind() == std::io::ErrorKind::StorageFull,
            Self::First(error) => *error == CommitError::Full,
            _ => false,
        }
    }

    /// A log that is another one.
    pub(crate) fn forked(why: impl Into<String>) -> Self {
        Self::Forked { why: why.into() }
    }
}

/// Why nothing, or perhaps something, was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// A row was not as its writer had read it; nothing of this commit was written.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The disk is full; nothing was written, the store stays up.
    #[error("the disk is full")]
    Full,
    /// It may or may not be durable, and nothing can be written any more: the process must exit.
    #[error("the log failed and this commit may or may not be durable: {0}")]
    Unknown(String),
    /// Too many calls wait, or another program locks the database; nothing was written. Try again
    /// in a few seconds.
    #[error("the log is busy")]
    Overloaded,
    /// Its deadline had passed when it was to be stamped; nothing was written.
    #[error("the entry came after its deadline")]
    Late,
    /// The store is closed or stopped earlier; nothing was written.
    #[error("the store is closed")]
    Closed,
    /// An entry or row that can never be written: a mistake of the caller, nothing was written.
    #[error("not writable: {0}")]
    Invalid(String),
}

impl From<EntryError> for CommitError {
    fn from(error: EntryError) -> Self {
        Self::Invalid(error.to_string())
    }
}

/// What was not as expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// A row has another version or state than the one read.
    #[error("somebody else changed it first")]
    Version,
    /// The act was used before.
    #[error("this act was used before")]
    Replayed,
    /// The challenge is unknown, used, expired, or was made for something else.
    #[error("this challenge is unknown, used or expired")]
    Challenge,
    /// A passkey's signature counter did not grow: it may have been copied.
    #[error("the passkey's counter did not grow")]
    Counter,
    /// A row with this id is there already.
    #[error("it exists already")]
    Exists,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_without_room_is_told_from_one_that_fails() {
        let file = |kind: std::io::ErrorKind| StoreError::File {
            path: "emergency.ndjson".into(),
            source: kind.into(),
        };
        assert!(file(std::io::ErrorKind::StorageFull).is_want_of_room());
        assert!(!file(std::io::ErrorKind::PermissionDenied).is_want_of_room());
        assert!(StoreError::First(CommitError::Full).is_want_of_room());
        assert!(!StoreError::First(CommitError::Closed).is_want_of_room());
        assert!(!StoreError::Database(sqlx::Error::PoolClosed).is_want_of_room());
    }
}
