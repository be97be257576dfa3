//! The same statements and the same schema on both databases.

use std::collections::BTreeSet;

use breakglass::store::sql::ALL_STATEMENTS;
use breakglass::store::{POSTGRES, SQLITE};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};
use sqlx::{Row as _, SqlSafeStr as _};

/// Table, column, type, may be null.
type Columns = BTreeSet<(String, String, &'static str, bool)>;

async fn sqlite() -> SqliteConnection {
    let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    SQLITE
        .run_direct(None, &mut connection, false)
        .await
        .unwrap();
    connection
}

/// A schema of its own, so that runs do not meet.
async fn postgres() -> PgConnection {
    let url = std::env::var_os("BREAKGLASS_TEST_POSTGRES").expect("tests/run sets it");
    let mut connection = PgConnection::connect(url.to_str().unwrap()).await.unwrap();
    let mut random = [0; 8];
    getrandom::fill(&mut random).unwrap();
    let schema = format!("test_{}", hex::encode(random));
    for text in [
        format!("CREATE SCHEMA {schema}"),
        format!("SET search_path TO {schema}"),
    ] {
        connection.execute(AssertSqlSafe(text)).await.unwrap();
    }
    POSTGRES
        .run_direct(None, &mut connection, false)
        .await
        .unwrap();
    connection
}

#[tokio::test]
async fn every_statement_prepares_on_sqlite() {
    let mut connection = sqlite().await;
    for text in ALL_STATEMENTS.iter() {
        let prepared = connection.prepare(text.into_sql_str()).await;
        assert!(prepared.is_ok(), "{text}: {:?}", prepared.err());
    }
}

#[tokio::test]
#[ignore = "needs BREAKGLASS_TEST_POSTGRES; tests/run starts one"]
async fn every_statement_prepares_on_postgres() {
    let mut connection = postgres().await;
    for text in ALL_STATEMENTS.iter() {
        let prepared = connection.prepare(text.into_sql_str()).await;
        assert!(prepared.is_ok(), "{text}: {:?}", prepared.err());
    }
}

#[tokio::test]
#[ignore = "needs BREAKGLASS_TEST_POSTGRES; tests/run starts one"]
async fn both_migration_folders_end_in_the_same_schema() {
    let versions = |migrator: &sqlx::migrate::Migrator| -> Vec<(i64, String)> {
        migrator
            .iter()
            .map(|one| (one.version, one.description.to_string()))
            .collect()
    };
    assert_eq!(versions(&SQLITE), versions(&POSTGRES));
    let (sqlite, postgres) = (sqlite_columns().await, postgres_columns().await);
    assert!(sqlite.len() > 80);
    let odd: Vec<_> = sqlite.symmetric_difference(&postgres).collect();
    assert!(odd.is_empty(), "{odd:#?}");
}

async fn sqlite_columns() -> Columns {
    let text = "SELECT m.name AS tbl, p.name AS col, p.type AS kind, p.\"notnull\" = 0 AND p.pk = 0 \
                AS empty FROM sqlite_master m JOIN pragma_table_info(m.name) p \
                WHERE m.type = 'table' AND m.name NOT LIKE '%\\_%sqlx%' ESCAPE '\\' \
                AND m.name NOT LIKE '\\_sqlx%' ESCAPE '\\'";
    let rows = sqlx::query(text)
        .fetch_all(&mut sqlite().await)
        .await
        .unwrap();
    let read = |row: &sqlx::sqlite::SqliteRow| {
        let kind: String = row.get("kind");
        (
            row.get("tbl"),
            row.get("col"),
            common(&kind),
            row.get::<i64, _>("empty") == 1,
        )
    };
    rows.iter().map(read).collect()
}

async fn postgres_columns() -> Columns {
    let text = "SELECT table_name::text AS tbl, column_name::text AS col, data_type::text AS kind, \
                is_nullable = 'YES' AS empty FROM information_schema.columns \
                WHERE table_schema = current_schema() AND table_name NOT LIKE '\\_sqlx%'";
    let rows = sqlx::query(text)
        .fetch_all(&mut postgres().await)
        .await
        .unwrap();
    let read = |row: &sqlx::postgres::PgRow| {
        let kind: String = row.get("kind");
        (
            row.get("tbl"),
            row.get("col"),
            common(&kind),
            row.get("empty"),
        )
    };
    rows.iter().map(read).collect()
}

fn common(kind: &str) -> &'static str {
    match kind {
        "INTEGER" | "bigint" => "number",
        "TEXT" | "text" => "text",
        "BLOB" | "bytea" => "bytes",
        other => panic!("a type that only one database has: {other}"),
    }
}

#[tokio::test]
#[ignore = "needs BREAKGLASS_TEST_POSTGRES; tests/run starts one"]
async fn the_log_is_append_only_on_postgres_too() {
    let mut connection = postgres().await;
    let add = "INSERT INTO log_entry (seq, kind, control, leaf, hash) \
               VALUES (0, 'a', 1, '', sha256('')), (1, 'b', 1, '', sha256(''))";
    connection.execute(add).await.unwrap();
    for statement in [
        "UPDATE log_entry SET kind = 'x'",
        "DELETE FROM log_entry",
        "TRUNCATE log_entry",
        "INSERT INTO log_entry (seq, kind, control, leaf, hash) VALUES (7, 'x', 1, '', sha256(''))",
    ] {
        let refused = connection.execute(statement).await.unwrap_err();
        assert!(
            refused.to_string().contains("append-only"),
            "{statement}: {refused}"
        );
    }
}
