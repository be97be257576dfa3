//! Migrations of a SQLite database, and the copy that is made before one.

use std::path::Path;

use sqlx::migrate::Migrate as _;
use sqlx::sqlite::SqliteConnection;

use super::{SQLITE, StoreError};
use crate::store::durable::{self, at};

/// Refuses a newer schema, copies the database before changing an older one.
pub(super) async fn migrate(
    connection: &mut SqliteConnection,
    path: &Path,
) -> Result<(), StoreError> {
    connection
        .ensure_migrations_table(&SQLITE.table_name)
        .await?;
    let applied = connection
        .list_applied_migrations(&SQLITE.table_name)
        .await?;
    let found = applied
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0);
    let known = SQLITE
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0);
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    if found > 0 && found < known {
        copy_before(connection, path, found).await?;
    }
    // A crash in the middle leaves whole migrations applied; the next start goes on from there.
    SQLITE.run_direct(None, connection, false).await?;
    Ok(())
}

/// A consistent copy, `<database>.before-<schema>-at-<entries>`; one that exists already is kept. The
/// log's size is in the name, because a database that was restored and is migrated once more is
/// another one than the copy of then.
async fn copy_before(
    connection: &mut SqliteConnection,
    path: &Path,
    schema: i64,
) -> Result<(), StoreError> {
    let size: Option<i64> = sqlx::query_scalar("SELECT size FROM log_head WHERE id = 1")
        .fetch_optional(&mut *connection)
        .await?;
    let size = size.unwrap_or(0);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".before-{}-at-{size}", schema + 1));
    let copy = path.with_file_name(&name);
    if copy.try_exists().map_err(at(&copy))? {
        return Ok(());
    }
    name.push(".part");
    let part = path.with_file_name(name);
    // What an interrupted start left is of no use.
    durable::remove(&part)?;
    let target = part
        .to_str()
        .ok_or(StoreError::Config("the database path is not utf-8"))?;
    sqlx::query("VACUUM INTO $1")
        .bind(target)
        .execute(connection)
        .await?;
    // A crash before this makes it anew at the next start; nothing has been changed yet.
    let placed = durable::settle(&part).and_then(|()| durable::rename(&part, &copy));
    placed.map_err(at(&copy))
}
