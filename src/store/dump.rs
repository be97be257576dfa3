//! A vault on PostgreSQL as one file of SQL that stock `psql` puts into an empty database.
//!
//! Our own text and not `pg_dump`'s: no second program has to be installed in the server's version,
//! and the password goes to nobody. The file makes the schema with the migrations the database has
//! had, then copies every table; it is one transaction, so that half a file restores nothing.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use futures_util::TryStreamExt as _;
use sqlx::Executor as _;
use sqlx::migrate::Migrate as _;
use sqlx::postgres::PgConnection;

use super::durable::{self, at};
use super::error::StoreError;
use super::open::POSTGRES;

/// One state of everything, whatever is committed meanwhile.
const SNAPSHOT: &str = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; \
     BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
const TABLES: &str = "SELECT table_name::text FROM information_schema.tables \
     WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' \
     AND table_name <> 'log_entry' ORDER BY table_name";
/// sqlx's own record of migrations, so that the next start applies none twice.
const APPLIED: &str = "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, \
     description TEXT NOT NULL, installed_on TIMESTAMPTZ NOT NULL DEFAULT now(), \
     success BOOLEAN NOT NULL, checksum BYTEA NOT NULL, execution_time BIGINT NOT NULL);";

/// Begins to read: until [`end`], every question is about the same moment.
pub(super) async fn begin(connection: &mut PgConnection) -> Result<(), StoreError> {
    connection.execute(SNAPSHOT).await?;
    Ok(())
}

/// Lets go of that moment.
pub(super) async fn end(connection: &mut PgConnection) -> Result<(), StoreError> {
    connection.execute("ROLLBACK").await?;
    Ok(())
}

/// The copy that is made before a migration; one that exists already is kept.
pub(super) async fn before_migration(
    connection: &mut PgConnection,
    copy: &Path,
) -> Result<(), StoreError> {
    if copy.try_exists().map_err(at(copy))? {
        return Ok(());
    }
    let part = copy.with_extension("sql.part");
    // What an interrupted start left is of no use.
    durable::remove(&part)?;
    begin(connection).await?;
    let written = write(connection, &part).await;
    end(connection).await?;
    written?;
    // A crash before this writes it anew at the next start; nothing has been changed yet.
    durable::rename(&part, copy).map_err(at(copy))
}

/// Writes everything into a new file that only its owner can read.
pub(super) async fn write(connection: &mut PgConnection, path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = BufWriter::new(options.open(path).map_err(at(path))?);
    schema(connection, &mut file, path).await?;
    // In order: the log takes its entries only one after the other, here too.
    let entries = "SELECT * FROM log_entry ORDER BY seq";
    copy(connection, &mut file, path, "log_entry", entries).await?;
    let tables: Vec<String> = sqlx::query_scalar(TABLES)
        .fetch_all(&mut *connection)
        .await?;
    for table in tables {
        let all = format!("SELECT * FROM \"{table}\"");
        copy(connection, &mut file, path, &table, &all).await?;
    }
    let done = file.write_all(b"COMMIT;\n").and_then(|()| file.flush());
    done.and_then(|()| file.get_ref().sync_all())
        .map_err(at(path))
}

/// What makes the empty tables.
async fn schema(
    connection: &mut PgConnection,
    file: &mut BufWriter<File>,
    path: &Path,
) -> Result<(), StoreError> {
    let applied = connection
        .list_applied_migrations(&POSTGRES.table_name)
        .await?;
    let mut text = String::from(
        "-- A whole Breakglass vault. Into an empty database:\n\
         --   psql -X -v ON_ERROR_STOP=1 -d DATABASE -f THIS_FILE\n\
         SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\nBEGIN;\n",
    );
    for one in POSTGRES.iter() {
        if applied.iter().any(|done| done.version == one.version) {
            text.push_str(one.sql.as_str());
            text.push('\n');
        }
    }
    text.push_str(APPLIED);
    text.push('\n');
    file.write_all(text.as_bytes()).map_err(at(path))
}

/// One table with the names of its columns, in the server's own text form.
async fn copy(
    connection: &mut PgConnection,
    file: &mut BufWriter<File>,
    path: &Path,
    table: &str,
    rows: &str,
) -> Result<(), StoreError> {
    let columns = "SELECT string_agg(format('%I', column_name), ', ' ORDER BY ordinal_position) \
         FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = $1";
    let columns: String = sqlx::query_scalar(columns)
        .bind(table)
        .fetch_one(&mut *connection)
        .await?;
    let begin = format!("COPY \"{table}\" ({columns}) FROM stdin;\n");
    file.write_all(begin.as_bytes()).map_err(at(path))?;
    let rows = format!("COPY ({}) TO STDOUT", rows.replacen('*', &columns, 1));
    let mut pieces = connection.copy_out_raw(&rows).await?;
    while let Some(piece) = pieces.try_next().await? {
        file.write_all(&piece).map_err(at(path))?;
    }
    drop(pieces);
    file.write_all(b"\\.\n").map_err(at(path))
}
