//! The same vault on a server's database: a schema of its own on the server that `tests/run` starts
//! and names in `BREAKGLASS_TEST_POSTGRES`. Without that variable every vault is on SQLite.
//!
//! Must not know: what a test does with the rows; it only translates how it says so.

use std::path::{Path, PathBuf};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tokio::runtime::Runtime;

/// SQLite's functions that the tests change rows with, for this schema alone.
const SAME_WORDS: &str = "\
    CREATE FUNCTION json_set(doc text, path text, value text) RETURNS text LANGUAGE sql AS \
    $$ SELECT jsonb_set(doc::jsonb, string_to_array(substr(path, 3), '.'), to_jsonb(value))::text $$; \
    CREATE FUNCTION json_set(doc text, path text, value jsonb) RETURNS text LANGUAGE sql AS \
    $$ SELECT jsonb_set(doc::jsonb, string_to_array(substr(path, 3), '.'), value)::text $$; \
    CREATE FUNCTION json_extract(doc text, path text) RETURNS text LANGUAGE sql AS \
    $$ SELECT doc::jsonb #>> string_to_array(substr(path, 3), '.') $$; \
    CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS \
    $$ BEGIN RAISE EXCEPTION 'the disk is broken'; END $$";

/// A schema of a vault's own.
pub struct Schema {
    server: String,
    name: String,
}

impl Schema {
    /// A new one, if the tests are to run on a server; the file that leads to it lies in `folder`.
    pub fn wanted(outside: &Runtime, folder: &Path) -> Option<Self> {
        let server = std::env::var_os("BREAKGLASS_TEST_POSTGRES")?;
        let mut random = [0; 8];
        getrandom::fill(&mut random).unwrap();
        let schema = Self {
            server: server.into_string().unwrap(),
            name: format!("it_{}", hex::encode(random)),
        };
        schema.sql(outside, &format!("CREATE SCHEMA {}", schema.name));
        schema.sql(outside, SAME_WORDS);
        std::fs::write(Self::url_file(folder), schema.url()).unwrap();
        Some(schema)
    }

    /// The file that leads to the schema.
    pub fn url_file(folder: &Path) -> PathBuf {
        folder.join("pg.url")
    }

    fn url(&self) -> String {
        format!("{}?options=-c%20search_path%3D{}", self.server, self.name)
    }

    /// Statements of somebody who can write to the database.
    pub fn sql(&self, outside: &Runtime, text: &str) {
        let text = text
            .replace("86400000", "86400000::bigint")
            .replace(
                "CAST(replace(CAST(bytes AS TEXT)",
                "convert_to(replace(convert_from(bytes, 'UTF8')",
            )
            .replace(
                "CAST(replace(CAST(leaf AS TEXT)",
                "convert_to(replace(convert_from(leaf, 'UTF8')",
            )
            .replace(
                "DROP TRIGGER log_entry_no_update",
                "ALTER TABLE log_entry DISABLE TRIGGER USER",
            )
            .replace("AS BLOB)", ", 'UTF8')")
            .replace(
                "json((SELECT phase FROM kept_row))",
                "(SELECT phase FROM kept_row)::jsonb",
            );
        outside.block_on(async {
            let mut connection = PgConnection::connect(&self.url()).await.unwrap();
            connection.execute(AssertSqlSafe(text)).await.unwrap();
            connection.close().await.unwrap();
        });
    }

    /// Every table as it is now, in a schema beside this one.
    pub fn copy(&self, outside: &Runtime) {
        let copy = self.copied();
        self.sql(outside, &format!(
            "DROP SCHEMA IF EXISTS {copy} CASCADE; CREATE SCHEMA {copy}; DO $$ DECLARE t text; BEGIN \
             FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = '{ours}' LOOP \
             EXECUTE format('CREATE TABLE {copy}.%I AS TABLE {ours}.%I', t, t); END LOOP; END $$",
            ours = self.name
        ));
    }

    /// Puts the copy back, as somebody who restores a backup.
    pub fn restore(&self, outside: &Runtime) {
        self.sql(outside, &format!(
            "SET session_replication_role = replica; DO $$ DECLARE t text; BEGIN \
             FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = '{copy}' LOOP \
             EXECUTE format('DELETE FROM {ours}.%I', t); \
             EXECUTE format('INSERT INTO {ours}.%I SELECT * FROM {copy}.%I', t, t); END LOOP; END $$",
            ours = self.name, copy = self.copied()
        ));
    }

    fn copied(&self) -> String {
        format!("{}_copy", self.name)
    }

    /// Whether nobody holds the vault's lock: the server has seen the end of the process's
    /// connections.
    pub fn is_released(&self, outside: &Runtime) -> bool {
        const LOCK: &str = "hashtextextended('breakglass/writer/' || current_schema(), 0)";
        outside.block_on(async {
            let mut connection = PgConnection::connect(&self.url()).await.unwrap();
            let take = AssertSqlSafe(format!("SELECT pg_try_advisory_lock({LOCK})"));
            let free: bool = sqlx::query_scalar(take)
                .fetch_one(&mut connection)
                .await
                .unwrap();
            let give = AssertSqlSafe(format!("SELECT pg_advisory_unlock({LOCK})"));
            if free {
                connection.execute(give).await.unwrap();
            }
            connection.close().await.unwrap();
            free
        })
    }
}
