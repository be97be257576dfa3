//! One statement with its values, and what it means when it changes no row.

use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Arguments as _, Encode, Sqlite, Type};

use super::error::Conflict;

/// Why a row change was not applied.
#[derive(Debug)]
pub(super) enum ApplyError {
    /// A row was not as expected.
    Conflict(Conflict),
    /// The change has no row form, or the schema refuses it.
    Invalid(String),
    /// The database failed.
    Database(sqlx::Error),
}

impl From<sqlx::Error> for ApplyError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(refused) if refused.is_check_violation() => {
                Self::Invalid(refused.message().to_owned())
            }
            sqlx::Error::Encode(why) => Self::Invalid(why.to_string()),
            _ => Self::Database(error),
        }
    }
}

impl From<serde_json::Error> for ApplyError {
    fn from(error: serde_json::Error) -> Self {
        Self::Invalid(error.to_string())
    }
}

/// Nothing to say, or why not.
pub(super) type Applied = Result<(), ApplyError>;

/// One statement with its values.
pub(super) struct Step {
    text: &'static str,
    values: SqliteArguments,
    fault: Option<ApplyError>,
}

/// A statement without values yet.
pub(super) fn step(text: &'static str) -> Step {
    Step {
        text,
        values: SqliteArguments::default(),
        fault: None,
    }
}

impl Step {
    /// Adds the next value.
    pub(super) fn with<'t, T: Encode<'t, Sqlite> + Type<Sqlite>>(mut self, value: T) -> Self {
        if let Err(why) = self.values.add(value) {
            self.fault = Some(ApplyError::Invalid(why.to_string()));
        }
        self
    }

    /// Runs and tells how many rows changed.
    pub(super) async fn run(self, connection: &mut SqliteConnection) -> Result<u64, ApplyError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let done = sqlx::query_with(self.text, self.values)
            .execute(connection)
            .await?;
        Ok(done.rows_affected())
    }

    /// Runs and demands that exactly one row changed.
    pub(super) async fn one(
        self,
        connection: &mut SqliteConnection,
        otherwise: Conflict,
    ) -> Applied {
        match self.run(connection).await? {
            1 => Ok(()),
            _ => Err(ApplyError::Conflict(otherwise)),
        }
    }
}
