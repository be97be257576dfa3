//! A copy of the database made while the vault runs, and what a recovery needs out of it.
//!
//! Reads its own connections only: neither the lock nor the writer is touched, so a backup never
//! delays a call. What it hands out opens nothing without k custodians.

use std::path::{Path, PathBuf};

use super::change::DocumentKind;
use super::durable::{self, at};
use super::error::StoreError;
use super::open::{Place, connect_to, place};
use super::query::{One, query};
use super::rows::{self, EpochRow};
use super::{Config, dump, peek, sql};
use crate::domain::ids::Digest;
use crate::domain::manifest::Kind;

/// One committed state of the vault, out of a copy of its database.
#[derive(Debug, Clone)]
pub struct Backup {
    /// The copy: a SQLite database, or SQL for `psql`.
    pub copy: PathBuf,
    /// The current live epoch with its sealed credential.
    pub epoch: EpochRow,
    /// The sealed share of each index, 1…n in order; `None` where none was kept.
    pub shares: Vec<Option<Vec<u8>>>,
    /// The roster the shares were dealt to: its canonical bytes.
    pub roster: Vec<u8>,
    /// The policy the epoch was dealt under: its canonical bytes.
    pub policy: Vec<u8>,
    /// The newest signed checkpoint.
    pub checkpoint: String,
    /// Entries in the log.
    pub size: u64,
}

/// Copies a running vault's database into a folder: `breakglass.db` from SQLite, `breakglass.sql`
/// from PostgreSQL. An existing file is never overwritten.
///
/// # Errors
/// [`StoreError::Missing`] when there is no database, an inconsistent one when there is no live
/// epoch, or what the database said.
pub async fn back_up(config: &Config, folder: &Path) -> Result<Backup, StoreError> {
    match place(config)? {
        Place::Sqlite(database) => {
            if !database.try_exists().unwrap_or(false) {
                return Err(StoreError::Missing(database.to_owned()));
            }
            let copy = folder.join("breakglass.db");
            let mut source = peek::reader(config).await?;
            // One read transaction: whatever is committed meanwhile is in the next backup.
            let target = copy.to_string_lossy().into_owned();
            source.all(query("VACUUM INTO $1").bind(target)).await?;
            source.close().await?;
            // A crash before this line leaves a copy without its bundle; the next run takes a new
            // folder.
            let kept = Config {
                sqlite: Some(copy.clone()),
                postgres_url_file: None,
            };
            let mut kept = peek::reader(&kept).await?;
            let backup = read(&mut kept, copy.clone()).await?;
            kept.close().await?;
            durable::settle(&copy).map_err(at(&copy))?;
            Ok(backup)
        }
        Place::Postgres(url_file) => {
            let mut connection = connect_to(url_file).await?;
            // Copy and bundle are of the same moment.
            dump::begin(&mut connection).await?;
            let copy = folder.join("breakglass.sql");
            dump::write(&mut connection, &copy).await?;
            let mut same = One::Postgres(Box::new(connection));
            let backup = read(&mut same, copy.clone()).await?;
            same.close().await?;
            durable::settle(&copy).map_err(at(&copy))?;
            Ok(backup)
        }
    }
}

async fn read(from: &mut One, copy: PathBuf) -> Result<Backup, StoreError> {
    let kind = Kind::Live.word();
    let found = from
        .optional(query(sql::custody::CURRENT_EPOCH).bind(kind))
        .await?;
    let missing = || StoreError::inconsistent("epoch", kind, "there is no current live epoch");
    let epoch = rows::epoch(&found.ok_or_else(missing)?)?;
    let mut shares = Vec::with_capacity(usize::from(epoch.manifest.n));
    for index in 1..=epoch.manifest.n {
        let share = query(sql::custody::SHARE)
            .bind(kind)
            .bind(i64::from(epoch.manifest.epoch))
            .bind(i64::from(index));
        let row = from.optional(share).await?;
        shares.push(row.map(|row| row.try_get("file")).transpose()?);
    }
    let head = from.optional(query(sql::log::HEAD)).await?;
    let head = head.ok_or_else(|| StoreError::forked("the head is missing"))?;
    let wrong = |why: sqlx::Error| StoreError::inconsistent("log_head", "", why);
    Ok(Backup {
        copy,
        shares,
        roster: document(from, DocumentKind::Roster, &epoch.manifest.roster_sha256).await?,
        policy: document(from, DocumentKind::Policy, &epoch.manifest.policy_sha256).await?,
        checkpoint: head.try_get("checkpoint").map_err(wrong)?,
        size: head.try_get::<i64>("size").map_err(wrong)?.cast_unsigned(),
        epoch,
    })
}

async fn document(
    from: &mut One,
    kind: DocumentKind,
    sha256: &Digest,
) -> Result<Vec<u8>, StoreError> {
    let asked = query(sql::incident::DOCUMENT)
        .bind(kind.folder())
        .bind(sha256.hex());
    let wrong = |why: String| StoreError::inconsistent("document", sha256.hex(), why);
    let row = from.optional(asked).await?;
    let row = row.ok_or_else(|| wrong("the epoch names it and it is not there".to_owned()))?;
    let bytes: Vec<u8> = row.try_get("bytes").map_err(|why| wrong(why.to_string()))?;
    if Digest::of(&bytes) != *sha256 {
        return Err(wrong("its bytes have another hash".to_owned()));
    }
    Ok(bytes)
}
