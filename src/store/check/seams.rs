//! A mark under a former name of this log: this node was away when the log went on under a new one
//! (PROTOCOL §11), which only a vault with several nodes knows.
//!
//! The declaration stands in the log, whose head bears its key's signature. What the mark remembers
//! beyond the entries that were saved is declared lost; everything before must be there.

use super::{entry_bytes, holds};
use crate::audit::checkpoint::Checkpoint;
use crate::audit::entry::parse_entry;
use crate::audit::note::VerifierKey;
use crate::domain::log_epoch::{LOG_EPOCH, LogEpoch, split_origin};
use crate::store::error::StoreError;
use crate::store::query::{Pool, query};
use crate::store::sql;

/// The declaration by which the log went on from the name in this note; `None` where the note is
/// under the present name, or under one that this log never had.
pub(super) async fn of_former_name(
    connection: &Pool,
    key: &VerifierKey,
    note: &[u8],
) -> Result<Option<LogEpoch>, StoreError> {
    let name = note.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Some(name) = std::str::from_utf8(name).ok().filter(|n| *n != key.name()) else {
        return Ok(None);
    };
    let numbers = split_origin(name).zip(split_origin(key.name()));
    if !numbers.is_some_and(|((base, former), (ours, now))| base == ours && former < now) {
        return Ok(None);
    }
    let mut before = i64::MAX;
    loop {
        let found = query(sql::log::LAST_CONTROL_ENTRY)
            .bind(LOG_EPOCH)
            .bind(before)
            .fetch_optional(connection)
            .await?;
        let Some(row) = found else {
            return Ok(None);
        };
        before = row.try_get("seq")?;
        let entry = query(sql::log::ENTRIES_WHOLE).bind(before).bind(1i64);
        let row = entry.fetch_optional(connection).await?;
        let row = row.ok_or_else(|| StoreError::forked(format!("entry {before} is missing")))?;
        let leaf = entry_bytes(&row, before.cast_unsigned())?;
        let entry = parse_entry(&leaf).map_err(|why| StoreError::forked(why.to_string()))?;
        let declared = LogEpoch::from_members(&entry.members).map(|(declared, _)| declared);
        if let Some(declared) = declared.filter(|declared| declared.prev_origin == name) {
            return Ok(Some(declared));
        }
    }
}

/// Holds the note against what was saved of the log under its name.
///
/// # Errors
/// A note that is not its log's, or that describes another tree.
pub(super) async fn against(
    connection: &Pool,
    seam: &LogEpoch,
    note: &[u8],
) -> Result<(), StoreError> {
    let wrong = |why: String| StoreError::forked(format!("the high-water mark: {why}"));
    let key = VerifierKey::parse(&seam.prev_vkey).map_err(|why| wrong(why.to_string()))?;
    let seen = Checkpoint::open(note, &key).map_err(|why| wrong(why.to_string()))?;
    let lost = seen.size.saturating_sub(seam.prev_size);
    tracing::warn!(
        remembered = seen.size,
        saved = seam.prev_size,
        lost,
        "the log went on as {} while this node was away",
        seam.origin
    );
    if lost > 0 {
        return Ok(());
    }
    holds(connection, &seen).await
}
