//! A copy of the database made while the vault runs, and what a recovery needs out of it.
//!
//! Reads its own connections only: neither the lock nor the writer is touched, so a backup never
//! delays a call. What it hands out opens nothing without k custodians.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use super::change::DocumentKind;
use super::error::StoreError;
use super::query::Row;
use super::rows::{self, EpochRow};
use super::sql;
use crate::domain::ids::Digest;
use crate::domain::manifest::Kind;

/// One committed state of the vault, out of a copy of its database.
#[derive(Debug, Clone)]
pub struct Backup {
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

/// Copies a running vault's database into a new file and reads the copy.
///
/// # Errors
/// [`StoreError::Missing`] when there is no database, an inconsistent one when there is no live
/// epoch, or what the database said; an existing `copy` is never overwritten.
pub async fn back_up(database: &Path, copy: &Path) -> Result<Backup, StoreError> {
    if !database.try_exists().unwrap_or(false) {
        return Err(StoreError::Missing(database.to_owned()));
    }
    let mut source = read_only(database).await?;
    // One read transaction: whatever is committed meanwhile is in the next backup.
    sqlx::query("VACUUM INTO $1")
        .bind(copy.to_string_lossy().into_owned())
        .execute(&mut source)
        .await?;
    source.close().await?;
    // A crash before this line leaves a copy without its bundle; the next run takes a new folder.
    let mut kept = read_only(copy).await?;
    let backup = read(&mut kept).await?;
    kept.close().await?;
    Ok(backup)
}

async fn read_only(path: &Path) -> Result<SqliteConnection, StoreError> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    Ok(options.connect().await?)
}

async fn read(copy: &mut SqliteConnection) -> Result<Backup, StoreError> {
    let kind = Kind::Live.word();
    let found = sqlx::query(sql::custody::CURRENT_EPOCH)
        .bind(kind)
        .fetch_optional(&mut *copy)
        .await?;
    let missing = || StoreError::inconsistent("epoch", kind, "there is no current live epoch");
    let epoch = rows::epoch(&Row::Sqlite(found.ok_or_else(missing)?))?;
    let mut shares = Vec::with_capacity(usize::from(epoch.manifest.n));
    for index in 1..=epoch.manifest.n {
        let share = sqlx::query_scalar(sql::custody::SHARE)
            .bind(kind)
            .bind(i64::from(epoch.manifest.epoch))
            .bind(i64::from(index));
        shares.push(share.fetch_optional(&mut *copy).await?);
    }
    let head = sqlx::query(sql::log::HEAD).fetch_one(&mut *copy).await?;
    let wrong = |why: sqlx::Error| StoreError::inconsistent("log_head", "", why);
    Ok(Backup {
        shares,
        roster: document(copy, DocumentKind::Roster, &epoch.manifest.roster_sha256).await?,
        policy: document(copy, DocumentKind::Policy, &epoch.manifest.policy_sha256).await?,
        checkpoint: head.try_get("checkpoint").map_err(wrong)?,
        size: head
            .try_get::<i64, _>("size")
            .map_err(wrong)?
            .cast_unsigned(),
        epoch,
    })
}

async fn document(
    copy: &mut SqliteConnection,
    kind: DocumentKind,
    sha256: &Digest,
) -> Result<Vec<u8>, StoreError> {
    let query = sqlx::query(sql::incident::DOCUMENT)
        .bind(kind.folder())
        .bind(sha256.hex());
    let wrong = |why: String| StoreError::inconsistent("document", sha256.hex(), why);
    let row = query.fetch_optional(copy).await?;
    let row = row.ok_or_else(|| wrong("the epoch names it and it is not there".to_owned()))?;
    let bytes: Vec<u8> = row.try_get("bytes").map_err(|why| wrong(why.to_string()))?;
    if Digest::of(&bytes) != *sha256 {
        return Err(wrong("its bytes have another hash".to_owned()));
    }
    Ok(bytes)
}
