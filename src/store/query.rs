//! One question to either database: the same text, the same values, rows read the same way.
//!
//! The only file that knows there are two kinds of pools.

use sqlx::postgres::{PgConnection, PgPool, PgRow, Postgres};
use sqlx::sqlite::{SqliteConnection, SqlitePool, SqliteRow};
use sqlx::{Connection as _, Decode, Row as _, Sqlite, Type};

use super::step::Bound;

/// Binds values to a statement of either database.
macro_rules! bound {
    ($text:expr, $values:expr) => {
        $values
            .into_iter()
            .fold(sqlx::query($text), |query, value| match value {
                Bound::Text(text) => query.bind(text),
                Bound::Word(word) => query.bind(word),
                Bound::Number(number) => query.bind(number),
                Bound::Bytes(bytes) => query.bind(bytes),
            })
    };
}
pub(super) use bound;

/// The connections that read.
#[derive(Debug, Clone)]
pub(super) enum Pool {
    /// Of a file.
    Sqlite(SqlitePool),
    /// Of a server.
    Postgres(PgPool),
}

impl Pool {
    /// Ends every connection; questions fail afterwards.
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// One connection of its own, for who asks more than once about the same moment.
#[derive(Debug)]
pub(super) enum One {
    /// Of a file.
    Sqlite(SqliteConnection),
    /// Of a server.
    Postgres(Box<PgConnection>),
}

impl One {
    /// All rows.
    pub(super) async fn all(&mut self, query: Query) -> sqlx::Result<Vec<Row>> {
        Ok(match self {
            Self::Sqlite(connection) => {
                let asked = bound!(query.text, query.values).fetch_all(connection);
                asked.await?.into_iter().map(Row::Sqlite).collect()
            }
            Self::Postgres(connection) => {
                let asked = bound!(query.text, query.values).fetch_all(&mut **connection);
                asked.await?.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// The row, if there is one.
    pub(super) async fn optional(&mut self, query: Query) -> sqlx::Result<Option<Row>> {
        Ok(self.all(query).await?.into_iter().next())
    }

    /// Ends it.
    pub(super) async fn close(self) -> sqlx::Result<()> {
        match self {
            Self::Sqlite(connection) => connection.close().await,
            Self::Postgres(connection) => connection.close().await,
        }
    }
}

/// A row of either database.
#[derive(Debug)]
pub(super) enum Row {
    /// From SQLite.
    Sqlite(SqliteRow),
    /// From PostgreSQL.
    Postgres(PgRow),
}

/// What a column may be read as.
pub(super) trait Column<'r>:
    Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>
{
}

impl<'r, T> Column<'r> for T where
    T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>
{
}

impl Row {
    /// One column by its name.
    pub(super) fn try_get<'r, T: Column<'r>>(&'r self, name: &str) -> sqlx::Result<T> {
        match self {
            Self::Sqlite(row) => row.try_get(name),
            Self::Postgres(row) => row.try_get(name),
        }
    }

    /// The first column.
    fn first<T: for<'r> Column<'r>>(&self) -> sqlx::Result<T> {
        match self {
            Self::Sqlite(row) => row.try_get(0),
            Self::Postgres(row) => row.try_get(0),
        }
    }
}

/// A question with its values.
pub(super) struct Query {
    text: &'static str,
    values: Vec<Bound>,
}

/// A question without values yet.
pub(super) fn query(text: &'static str) -> Query {
    Query {
        text,
        values: Vec::new(),
    }
}

impl Query {
    /// Adds the next value.
    pub(super) fn bind(mut self, value: impl Into<Bound>) -> Self {
        self.values.push(value.into());
        self
    }

    /// All rows.
    pub(super) async fn fetch_all(self, pool: &Pool) -> sqlx::Result<Vec<Row>> {
        Ok(match pool {
            Pool::Sqlite(pool) => {
                let rows = bound!(self.text, self.values).fetch_all(pool).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Pool::Postgres(pool) => {
                let rows = bound!(self.text, self.values).fetch_all(pool).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// The row, if there is one.
    pub(super) async fn fetch_optional(self, pool: &Pool) -> sqlx::Result<Option<Row>> {
        Ok(match pool {
            Pool::Sqlite(pool) => {
                let row = bound!(self.text, self.values).fetch_optional(pool).await?;
                row.map(Row::Sqlite)
            }
            Pool::Postgres(pool) => {
                let row = bound!(self.text, self.values).fetch_optional(pool).await?;
                row.map(Row::Postgres)
            }
        })
    }
}

/// A question whose answer is its first column.
pub(super) struct Scalar(Query);

/// The first column of a question.
pub(super) fn query_scalar(text: &'static str) -> Scalar {
    Scalar(query(text))
}

impl Scalar {
    /// Adds the next value.
    pub(super) fn bind(self, value: impl Into<Bound>) -> Self {
        Self(self.0.bind(value))
    }

    /// Of all rows.
    pub(super) async fn fetch_all<T: for<'r> Column<'r>>(
        self,
        pool: &Pool,
    ) -> sqlx::Result<Vec<T>> {
        self.0
            .fetch_all(pool)
            .await?
            .iter()
            .map(Row::first)
            .collect()
    }

    /// Of the row, if there is one.
    pub(super) async fn fetch_optional<T: for<'r> Column<'r>>(
        self,
        pool: &Pool,
    ) -> sqlx::Result<Option<T>> {
        let row = self.0.fetch_optional(pool).await?;
        row.as_ref().map(Row::first).transpose()
    }

    /// Of the one row there is.
    pub(super) async fn fetch_one<T: for<'r> Column<'r>>(self, pool: &Pool) -> sqlx::Result<T> {
        let found = self.fetch_optional(pool).await?;
        found.ok_or(sqlx::Error::RowNotFound)
    }
}
