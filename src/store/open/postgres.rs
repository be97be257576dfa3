//! PostgreSQL: one lock per vault on a connection of its own, migrations, and a server that keeps
//! what it acknowledged.
//!
//! The vault is the schema that the URL leads to. The lock says who may write; the writer epoch,
//! checked in every commit, makes sure of it.

use std::path::Path;
use std::str::FromStr as _;

use sqlx::migrate::Migrate as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions, PgSslMode};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};
use tokio::runtime::Handle;

use super::{Ground, Lock, POSTGRES, READERS};
use crate::store::error::StoreError;
use crate::store::query::Pool;
use crate::store::writer::Writer;
use crate::store::{UrlFile, dump, high_water, sql};

mod held;
mod settings;

pub(super) use held::Held;

/// On every connection: a host that is gone loses its connections after about six seconds, a statement that hangs ends,
/// and a process that stands still in a transaction loses it before it loses the lock.
const SESSION: &str = "SET tcp_keepalives_idle = 3; SET tcp_keepalives_interval = 1; \
     SET tcp_keepalives_count = 3; SET lock_timeout = '5s'; SET statement_timeout = '30s'; \
     SET idle_in_transaction_session_timeout = '10s'; SET client_min_messages = 'warning'";
const TRY_LOCK: &str = "SELECT pg_try_advisory_lock(\
     hashtextextended('breakglass/writer/' || current_schema(), 0))";
/// Beside the log, for the next node: only while the writer epoch is ours. The row's lock makes a
/// node that raises it wait, so it reads what was left before.
pub(in crate::store) const LEAVE_FACT: &str = "INSERT INTO fact (name, value) \
     SELECT $1::text, $2::text FROM log_head WHERE id = 1 AND writer_epoch = $3 FOR SHARE \
     ON CONFLICT (name) DO UPDATE SET value = excluded.value";
const HAS_TABLES: &str = "SELECT COUNT(*) FROM information_schema.tables \
     WHERE table_schema = current_schema() AND table_name = 'log_entry'";

/// A server whose lock is ours.
pub(super) struct Server {
    options: PgConnectOptions,
    url_file: UrlFile,
    lock: PgConnection,
}

impl Server {
    /// Connects, checks the server's settings, takes the lock.
    pub(super) async fn take(url_file: &UrlFile) -> Result<Self, StoreError> {
        let options = options(&url_file.path)?;
        let mut lock = connect(&options).await?;
        settings::refuse_forgetful(&mut lock).await?;
        let ours: bool = sqlx::query_scalar(TRY_LOCK).fetch_one(&mut lock).await?;
        if !ours {
            return Err(StoreError::InUse(url_file.path.clone()));
        }
        settings::warn_of_replicas(&mut lock).await?;
        let url_file = url_file.clone();
        Ok(Self {
            options,
            url_file,
            lock,
        })
    }

    /// Whether there is a log with entries.
    pub(super) async fn has_vault(&mut self) -> Result<bool, StoreError> {
        let tables: i64 = sqlx::query_scalar(HAS_TABLES)
            .fetch_one(&mut self.lock)
            .await?;
        if tables == 0 {
            return Ok(false);
        }
        let entries: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM log_head WHERE size > 0")
            .fetch_one(&mut self.lock)
            .await?;
        Ok(entries > 0)
    }

    /// Refuses a newer schema, copies the vault before changing an older one.
    pub(super) async fn migrate(&mut self) -> Result<(), StoreError> {
        self.lock
            .ensure_migrations_table(&POSTGRES.table_name)
            .await?;
        let applied = self
            .lock
            .list_applied_migrations(&POSTGRES.table_name)
            .await?;
        let found = applied.iter().map(|one| one.version).max().unwrap_or(0);
        let known = POSTGRES.iter().map(|one| one.version).max().unwrap_or(0);
        if found > known {
            return Err(StoreError::Newer { found, known });
        }
        if found == known {
            return Ok(());
        }
        // A large vault takes its time; nobody waits for this lock but a standby.
        self.lock.execute("SET statement_timeout = 0").await?;
        if found > 0 {
            let size: Option<i64> = sqlx::query_scalar("SELECT size FROM log_head WHERE id = 1")
                .fetch_optional(&mut self.lock)
                .await?;
            // A vault that was restored and is migrated once more is another one than the copy of
            // then.
            let size = size.unwrap_or(0);
            let name = format!("postgres.before-{}-at-{size}.sql", found + 1);
            let copy = self.url_file.data.join(name);
            dump::before_migration(&mut self.lock, &copy).await?;
        }
        // A crash in the middle leaves whole migrations applied; the next start goes on from there.
        POSTGRES.run_direct(None, &mut self.lock, false).await?;
        self.lock.execute(SESSION).await?;
        Ok(())
    }

    /// Replaces a head without entries, which an interrupted `create` left.
    pub(super) async fn insert_empty_head(
        &mut self,
        (root, edge, note): (Vec<u8>, Vec<u8>, String),
    ) -> Result<(), StoreError> {
        self.lock
            .execute("DELETE FROM log_head WHERE size = 0")
            .await?;
        sqlx::query(sql::log::INSERT_HEAD)
            .bind(0i64)
            .bind(root)
            .bind(edge)
            .bind(0i64)
            .bind(note)
            .execute(&mut self.lock)
            .await?;
        Ok(())
    }

    /// Raises the writer epoch before anything is read: what a former writer commits from here on
    /// fails, so the head that is read next stands still.
    pub(super) async fn raise(&mut self) -> Result<(), StoreError> {
        let epoch: i64 = sqlx::query_scalar("SELECT writer_epoch FROM log_head WHERE id = 1")
            .fetch_optional(&mut self.lock)
            .await?
            .ok_or_else(|| StoreError::forked("the head is missing"))?;
        let raise = sqlx::query(sql::log::RAISE_WRITER).bind(epoch);
        match raise.execute(&mut self.lock).await?.rows_affected() {
            1 => Ok(()),
            _ => Err(StoreError::InUse(self.url_file.path.clone())),
        }
    }

    /// The connections for everything else; from here on the lock's own is kept alive.
    pub(super) async fn ground(self) -> Result<Ground, StoreError> {
        let lock = Held::keep(self.lock).await?;
        let readers = PgPoolOptions::new()
            .max_connections(READERS)
            // Readers that hang hold up whoever asks as much as a writer does.
            .after_connect(|connection, _| {
                Box::pin(async move { connection.execute(SESSION).await.map(drop) })
            })
            .connect_with(self.options.clone())
            .await?;
        let connection = connect(&self.options).await?;
        let runtime = Handle::current();
        Ok(Ground {
            readers: Pool::Postgres(readers),
            writer: Writer::Postgres {
                connection: Box::new(connection),
                runtime,
            },
            lock: Lock::Advisory(lock),
            mark: high_water::within(&self.url_file.data),
        })
    }
}

/// What the file says. Never its text: it holds a password.
fn options(url_file: &Path) -> Result<PgConnectOptions, StoreError> {
    let text = std::fs::read_to_string(url_file).map_err(crate::store::durable::at(url_file))?;
    let wrong =
        StoreError::Config("the file of the database's address does not hold a postgres:// url");
    let text = text.trim();
    // sqlx would take any scheme.
    let options = match PgConnectOptions::from_str(text) {
        Ok(options) if text.starts_with("postgres://") || text.starts_with("postgresql://") => {
            options.application_name("breakglass")
        }
        _ => return Err(wrong),
    };
    let host = options.get_host();
    let is_here = options.get_socket().is_some()
        || host.starts_with('/')
        || matches!(host, "localhost" | "127.0.0.1" | "::1" | "[::1]");
    // `verify-ca` asks for no host name: whoever holds any certificate of any public authority
    // would be believed, because `sslrootcert` is added to those and does not replace them.
    let is_checked = matches!(options.get_ssl_mode(), PgSslMode::VerifyFull);
    if is_here || is_checked {
        return Ok(options);
    }
    Err(StoreError::Config(
        "the database server is on another host: its url needs sslmode=verify-full \
         (and sslrootcert=FILE for an authority of your own)",
    ))
}

/// A connection on which nothing hangs for long.
pub(in crate::store) async fn connect_to(url_file: &UrlFile) -> Result<PgConnection, StoreError> {
    connect(&options(&url_file.path)?).await
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, StoreError> {
    let mut connection = options.connect().await?;
    connection.execute(SESSION).await?;
    Ok(connection)
}

/// A fact of a vault that another process may be writing.
pub(super) async fn fact(url_file: &UrlFile, name: &str) -> Result<Option<String>, StoreError> {
    let mut connection = connect_to(url_file).await?;
    let found = sqlx::query_scalar(sql::people::FACT)
        .bind(name)
        .fetch_optional(&mut connection)
        .await?;
    connection.close().await?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_elsewhere_must_show_its_own_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("url");
        let accepted = |host: &str, mode: &str| {
            let url = format!("postgres://ada:canary@{host}/vault?sslmode={mode}");
            std::fs::write(&file, url).unwrap();
            let said = options(&file).map(drop).map_err(|why| why.to_string());
            if let Err(why) = &said {
                assert!(
                    why.contains("verify-full") && !why.contains("canary"),
                    "{why}"
                );
            }
            said.is_ok()
        };
        for mode in ["disable", "allow", "prefer", "require", "verify-ca"] {
            assert!(!accepted("db.example.com", mode), "{mode}");
            assert!(accepted("127.0.0.1", mode), "{mode}");
        }
        assert!(accepted("db.example.com", "verify-full"));
    }
}
