//! The start-up check (facts §1.9): is this the log we wrote?
//!
//! Head signature, the last 512 entries, the right edge, the high-water mark. Constant work
//! whatever the log's length; the whole log is [`super::Store::check_whole`].

use std::path::Path;

use super::commit::Head;
use super::durable;
use super::error::StoreError;
use super::open::log_of;
use super::page::{Log, is_control};
use super::query::{Pool, Row, query, query_scalar};
use super::{Store, high_water, sql, tree};
use crate::audit::checkpoint::Checkpoint;
use crate::audit::entry::parse_entry;
use crate::audit::merkle::{Edge, leaf_hash};
use crate::audit::note::VerifierKey;
use crate::domain::time::Timestamp;

mod seams;

/// Entries rehashed at every start.
const REHASHED: u64 = 512;

/// Everything, in order of cost.
pub(super) async fn at_start(
    connection: &Pool,
    key: &VerifierKey,
    mark: &Path,
) -> Result<Log, StoreError> {
    let log = without_mark(connection, key).await?;
    against_marks(connection, &log, key, mark).await?;
    Ok(log)
}

/// Everything that the database alone can tell.
pub(super) async fn without_mark(connection: &Pool, key: &VerifierKey) -> Result<Log, StoreError> {
    let log = whole_head(connection, key).await?;
    last_entries(connection, &log).await?;
    Ok(log)
}

/// The head row fits itself: signature, size, root and edge say the same.
pub(super) async fn whole_head(connection: &Pool, key: &VerifierKey) -> Result<Log, StoreError> {
    let row = query(sql::log::HEAD).fetch_optional(connection).await?;
    let row = row.ok_or_else(|| StoreError::forked("the head is missing"))?;
    let (log, note) = head_of(&row)?;
    let signed = Checkpoint::open(note.as_bytes(), key)
        .map_err(|why| StoreError::forked(format!("the head: {why}")))?;
    if (signed.size, signed.root) != (log.head.size, log.head.root) {
        return Err(StoreError::forked(
            "the head is not what its checkpoint says",
        ));
    }
    if (log.edge.size(), log.edge.root()) != (log.head.size, log.head.root) {
        return Err(StoreError::forked("the edge does not give the root"));
    }
    let last: i64 = query_scalar(sql::log::LAST_SEQ)
        .fetch_one(connection)
        .await?;
    if last + 1 != log.head.size.cast_signed() {
        return Err(StoreError::forked(format!(
            "the head counts {} entries, the last one is number {last}",
            log.head.size
        )));
    }
    Ok(log)
}

fn head_of(row: &Row) -> Result<(Log, String), StoreError> {
    let wrong = |why: String| StoreError::inconsistent("log_head", "1", why);
    let text = |why: sqlx::Error| wrong(why.to_string());
    let size: i64 = row.try_get("size").map_err(text)?;
    let root: Vec<u8> = row.try_get("root").map_err(text)?;
    let edge: Vec<u8> = row.try_get("edge").map_err(text)?;
    let note: String = row.try_get("checkpoint").map_err(text)?;
    let head = Head {
        size: u64::try_from(size).map_err(|why| wrong(why.to_string()))?,
        root: root
            .try_into()
            .map_err(|_| wrong("its root is not 32 bytes".to_owned()))?,
        checkpoint: note.clone(),
        ts: Timestamp(row.try_get("ts_ms").map_err(text)?),
    };
    let edge = Edge::from_bytes(&edge).map_err(|why| StoreError::forked(why.to_string()))?;
    Ok((
        log_of(head, edge, row.try_get("writer_epoch").map_err(text)?),
        note,
    ))
}

/// Rehashes the newest entries on top of the inner hashes before them.
async fn last_entries(connection: &Pool, log: &Log) -> Result<(), StoreError> {
    let size = log.head.size;
    // A multiple of 256, so that everything before it comes from inner hashes.
    let first = size.saturating_sub(REHASHED) / 256 * 256;
    let mut edge = tree::edge_at(connection, first).await?;
    let found = query(sql::log::ENTRIES_WHOLE)
        .bind(first.cast_signed())
        .bind(i64::MAX)
        .fetch_all(connection)
        .await?;
    for row in &found {
        let seq = edge.size();
        let leaf = entry_bytes(row, seq)?;
        edge.push(leaf_hash(&leaf))
            .map_err(|why| StoreError::forked(why.to_string()))?;
    }
    if edge != log.edge {
        return Err(StoreError::forked(format!(
            "entries {first} to {size} do not give the signed root"
        )));
    }
    Ok(())
}

impl Store {
    /// Rehashes the whole log up to the present head and lets SQLite check its own pages; returns
    /// the number of entries. Minutes on a large log, so it runs in the background.
    ///
    /// # Errors
    /// [`StoreError::Forked`] naming the first bad entry.
    pub async fn check_whole(&self) -> Result<u64, StoreError> {
        self.check_whole_telling(|_, _| {}).await
    }

    /// [`Self::check_whole`] that says after each step how many entries are checked, and of how many.
    ///
    /// # Errors
    /// The same.
    pub async fn check_whole_telling(
        &self,
        progress: impl Fn(u64, u64) + Send,
    ) -> Result<u64, StoreError> {
        // PostgreSQL checks its pages by itself when they carry checksums.
        let said: String = match self.reader() {
            Pool::Sqlite(_) => {
                let check = query_scalar("PRAGMA quick_check(1)");
                check.fetch_one(self.reader()).await?
            }
            Pool::Postgres(_) => "ok".to_owned(),
        };
        if said != "ok" {
            return Err(StoreError::forked(format!(
                "the database is damaged: {said}"
            )));
        }
        let head = self.head();
        let mut edge = Edge::new();
        while edge.size() < head.size {
            let limit = (head.size - edge.size()).min(REHASHED);
            let query = query(sql::log::ENTRIES_WHOLE).bind(edge.size().cast_signed());
            let found = query
                .bind(limit.cast_signed())
                .fetch_all(self.reader())
                .await?;
            if found.is_empty() {
                return Err(StoreError::forked(format!(
                    "entry {} is missing",
                    edge.size()
                )));
            }
            self.rehash(&found, &mut edge).await?;
            progress(edge.size(), head.size);
        }
        if edge.root() != head.root {
            return Err(StoreError::forked(
                "the entries do not give the signed root",
            ));
        }
        Ok(head.size)
    }

    async fn rehash(&self, rows: &[Row], edge: &mut Edge) -> Result<(), StoreError> {
        let mut inner = Vec::new();
        for row in rows {
            let leaf = entry_bytes(row, edge.size())?;
            edge.push_noting(leaf_hash(&leaf), |level, index, hash| {
                if level > 0 && level.is_multiple_of(8) {
                    inner.push((level, index, *hash));
                }
            })
            .map_err(|why| StoreError::forked(why.to_string()))?;
        }
        for (level, index, hash) in inner {
            if self.hash_at(level, index).await? != hash {
                return Err(StoreError::forked(format!(
                    "inner hash {level}/{index} is wrong"
                )));
            }
        }
        Ok(())
    }
}

/// The bytes of one entry whose columns say what the bytes say.
pub(super) fn entry_bytes(row: &Row, wanted: u64) -> Result<Vec<u8>, StoreError> {
    let wrong = |why: &str| StoreError::forked(format!("entry {wanted}: {why}"));
    let text = |why: sqlx::Error| wrong(&why.to_string());
    let leaf: Vec<u8> = row.try_get("leaf").map_err(text)?;
    let entry = parse_entry(&leaf).map_err(|why| wrong(&why.to_string()))?;
    let seq: i64 = row.try_get("seq").map_err(text)?;
    if seq != wanted.cast_signed() || entry.seq != wanted {
        return Err(wrong("it is not where it says it is"));
    }
    if row.try_get::<Vec<u8>>("hash").map_err(text)? != leaf_hash(&leaf) {
        return Err(wrong("it does not have its hash"));
    }
    let kind: String = row.try_get("kind").map_err(text)?;
    let incident: Option<String> = row.try_get("inc").map_err(text)?;
    let control: i64 = row.try_get("control").map_err(text)?;
    let agrees = kind == entry.kind
        && incident.as_deref() == entry.text("inc")
        && control == i64::from(is_control(&kind));
    if !agrees {
        return Err(wrong("its columns do not say what it says"));
    }
    Ok(leaf)
}

/// The database must contain every tree that a mark of its own name describes: the one in its
/// place, and those that were put aside for a declaration that was never made.
async fn against_marks(
    connection: &Pool,
    log: &Log,
    key: &VerifierKey,
    mark: &Path,
) -> Result<(), StoreError> {
    let aside = high_water::kept(mark, key.name())?;
    if aside.is_empty() && durable::read(mark)?.is_none() {
        tracing::warn!(
            "there is no high-water mark; a restored older database would not be noticed"
        );
    }
    for file in [vec![mark.to_owned()], aside].concat() {
        let Some(note) = durable::read(&file)? else {
            continue;
        };
        match seams::of_former_name(connection, key, &note).await? {
            Some(seam) => {
                seams::against(connection, &seam, &note).await?;
                // It is evidence, and the next mark is written in its place.
                high_water::put_aside(mark, &seam.prev_origin)?;
            }
            None => against_mark(connection, log, key, &note).await?,
        }
    }
    Ok(())
}

async fn against_mark(
    connection: &Pool,
    log: &Log,
    key: &VerifierKey,
    note: &[u8],
) -> Result<(), StoreError> {
    let seen = Checkpoint::open(note, key)
        .map_err(|why| StoreError::forked(format!("the high-water mark: {why}")))?;
    if seen.size > log.head.size {
        return Err(StoreError::forked(format!(
            "it has {} entries, the high-water mark says {}",
            log.head.size, seen.size
        )));
    }
    holds(connection, &seen).await
}

/// The database's first entries are those of a checkpoint.
async fn holds(connection: &Pool, seen: &Checkpoint) -> Result<(), StoreError> {
    let edge = tree::edge_at(connection, seen.size).await?;
    if edge.root() != seen.root {
        return Err(StoreError::forked(format!(
            "its first {} entries are not those of the high-water mark",
            seen.size
        )));
    }
    Ok(())
}
