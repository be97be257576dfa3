//! Settings of the server without which an acknowledged entry may be lost (facts §1.3).

use sqlx::postgres::PgConnection;

use crate::store::error::StoreError;

/// Settings and the values that lose acknowledged entries.
const DURABLE: [(&str, &str); 3] = [
    ("fsync", "off"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
];
/// The oldest server that ends a connection which stands still: the lock of a frozen process
/// would stay with it for good on an older one.
const OLDEST: i32 = 140_000;

/// Refuses a server that may forget what it acknowledged, that cannot be written, or that is too
/// old.
pub(super) async fn refuse_forgetful(connection: &mut PgConnection) -> Result<(), StoreError> {
    for (name, value) in DURABLE {
        if setting(connection, name).await? == value {
            return Err(StoreError::Forgetful { name });
        }
    }
    // With standbys that must confirm, `local` and `remote_write` answer before they have.
    let names = setting(connection, "synchronous_standby_names").await?;
    let commit = setting(connection, "synchronous_commit").await?;
    if !names.is_empty() && matches!(commit.as_str(), "local" | "remote_write") {
        return Err(StoreError::Config(
            "the database server answers before its synchronous standbys have written and may \
             lose acknowledged entries: set synchronous_commit = on",
        ));
    }
    let version: i32 = sqlx::query_scalar("SELECT current_setting('server_version_num')::int")
        .fetch_one(&mut *connection)
        .await?;
    if version < OLDEST {
        return Err(StoreError::Config(
            "the database server is older than PostgreSQL 14: use 14 or newer",
        ));
    }
    let replica: bool = sqlx::query_scalar("SELECT pg_is_in_recovery()")
        .fetch_one(&mut *connection)
        .await?;
    if replica {
        return Err(StoreError::Config(
            "the database server is a replica that cannot be written: name the primary",
        ));
    }
    Ok(())
}

async fn setting(connection: &mut PgConnection, name: &str) -> Result<String, StoreError> {
    let asked = sqlx::query_scalar("SELECT current_setting($1)").bind(name);
    Ok(asked.fetch_one(connection).await?)
}

/// Replicas that need not confirm may lack the newest entries when they take over.
pub(super) async fn warn_of_replicas(connection: &mut PgConnection) -> Result<(), StoreError> {
    if !setting(connection, "synchronous_standby_names")
        .await?
        .is_empty()
    {
        return Ok(());
    }
    let replicas: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM pg_stat_replication")
        .fetch_one(connection)
        .await?;
    if replicas > 0 {
        tracing::warn!(
            replicas,
            "the database server has replicas that need not confirm (synchronous_standby_names is \
             empty): one that takes over may lack acknowledged entries, and is refused as forked"
        );
    }
    Ok(())
}
