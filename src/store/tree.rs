//! Reads of the log: entries, tree hashes, proofs, checkpoints.

use std::cell::RefCell;
use std::collections::HashMap;

use super::error::StoreError;
use super::query::{Pool, Row, query, query_scalar};
use super::{Store, sql};
use crate::audit::merkle::{Edge, Hash};
use crate::audit::merkle_proof::{prove_consistency, prove_inclusion};
use crate::domain::ids::IncidentId;

type Read<T> = Result<T, StoreError>;
/// A complete subtree: its height and number.
type Node = (u8, u64);

/// Entries.
impl Store {
    /// Bytes of entries from one index on, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn entries(&self, from_seq: u64, limit: u32) -> Read<Vec<Vec<u8>>> {
        let query = query_scalar(sql::log::ENTRIES);
        let query = query.bind(from_seq.cast_signed()).bind(i64::from(limit));
        Ok(query.fetch_all(self.reader()).await?)
    }

    /// Bytes of one entry.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn entry(&self, seq: u64) -> Read<Option<Vec<u8>>> {
        let query = query_scalar(sql::log::ENTRY).bind(seq.cast_signed());
        Ok(query.fetch_optional(self.reader()).await?)
    }

    /// Entries that are not about calls, after an index (`None`: from the first).
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn control_entries(
        &self,
        after_seq: impl Into<Option<u64>>,
        limit: u32,
    ) -> Read<Vec<(u64, Vec<u8>)>> {
        let after = after_seq.into().map_or(-1, u64::cast_signed);
        let query = query(sql::log::CONTROL_ENTRIES)
            .bind(after)
            .bind(i64::from(limit));
        query
            .fetch_all(self.reader())
            .await?
            .iter()
            .map(numbered)
            .collect()
    }

    /// Entries that name an incident in `inc`, from an index on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn entries_of_incident(
        &self,
        incident: &IncidentId,
        from_seq: u64,
        limit: u32,
    ) -> Read<Vec<(u64, Vec<u8>)>> {
        let query = query(sql::log::INCIDENT_ENTRIES).bind(incident.as_str());
        let query = query.bind(from_seq.cast_signed()).bind(i64::from(limit));
        query
            .fetch_all(self.reader())
            .await?
            .iter()
            .map(numbered)
            .collect()
    }

    /// The newest entry of an incident that is of one of these kinds.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn last_entry_of(
        &self,
        incident: &IncidentId,
        kinds: &[&str],
    ) -> Read<Option<(u64, Vec<u8>)>> {
        let mut newest: Option<(u64, Vec<u8>)> = None;
        for kind in kinds {
            let query = query(sql::log::LAST_INCIDENT_ENTRY);
            let query = query.bind(incident.as_str()).bind(*kind);
            let found = query.fetch_optional(self.reader()).await?;
            let found = found.as_ref().map(numbered).transpose()?;
            newest = newest.into_iter().chain(found).max_by_key(|(seq, _)| *seq);
        }
        Ok(newest)
    }

    /// The newest entry of a kind that is not about calls, before an index.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn last_control_entry(
        &self,
        kind: &str,
        before_seq: u64,
    ) -> Read<Option<(u64, Vec<u8>)>> {
        let query = query(sql::log::LAST_CONTROL_ENTRY);
        let query = query
            .bind(kind)
            .bind(i64::try_from(before_seq).unwrap_or(i64::MAX));
        let found = query.fetch_optional(self.reader()).await?;
        found.as_ref().map(numbered).transpose()
    }

    /// Checkpoints that were kept (each minute and for each control commit), oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn kept_checkpoints(&self) -> Read<Vec<String>> {
        Ok(query_scalar(sql::log::CHECKPOINTS)
            .fetch_all(self.reader())
            .await?)
    }
}

/// Tree hashes and proofs.
impl Store {
    /// Hash of the complete subtree `index` of height `level`; 0 is a leaf.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] when the tree does not have it.
    pub async fn hash_at(&self, level: u8, index: u64) -> Read<Hash> {
        let connection = self.reader();
        node(connection, (level, index)).await
    }

    /// Root over the first `size` entries.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] when the tree is smaller.
    pub async fn root_at(&self, size: u64) -> Read<Hash> {
        Ok(edge_at(self.reader(), size).await?.root())
    }

    /// Inclusion proof of an entry in the tree of `size` entries, which may be an older one.
    ///
    /// # Errors
    /// [`StoreError::Proof`] when the entry is not in it.
    pub async fn inclusion_proof(&self, seq: u64, size: u64) -> Read<Vec<Hash>> {
        self.prove(|source| Ok(prove_inclusion(seq, size, source)?))
            .await
    }

    /// Consistency proof between two sizes.
    ///
    /// # Errors
    /// [`StoreError::Proof`] when the older one is larger.
    pub async fn consistency_proof(&self, old: u64, new: u64) -> Read<Vec<Hash>> {
        self.prove(|source| Ok(prove_consistency(old, new, source)?))
            .await
    }

    async fn prove<T>(
        &self,
        prover: impl Fn(&dyn Fn(u8, u64) -> Option<Hash>) -> Read<T>,
    ) -> Read<T> {
        let wanted = wanted(&prover)?;
        let connection = self.reader();
        let known = fetch(connection, wanted).await?;
        prover(&|level, index| known.get(&(level, index)).copied())
    }
}

/// The right edge as it was at a size, made from stored hashes.
pub(super) async fn edge_at(connection: &Pool, size: u64) -> Read<Edge> {
    let edge = |source: &dyn Fn(u8, u64) -> Option<Hash>| {
        Edge::from_source(size, source).map_err(|why| StoreError::forked(why.to_string()))
    };
    let wanted = wanted(&edge)?;
    let known = fetch(connection, wanted).await?;
    edge(&|level, index| known.get(&(level, index)).copied())
}

/// What a prover asks for: it is run once with made-up answers, which never change the questions.
fn wanted<T>(prover: &impl Fn(&dyn Fn(u8, u64) -> Option<Hash>) -> Read<T>) -> Read<Vec<Node>> {
    let asked = RefCell::new(Vec::new());
    prover(&|level, index| {
        asked.borrow_mut().push((level, index));
        Some([0; 32])
    })?;
    Ok(asked.into_inner())
}

async fn fetch(connection: &Pool, wanted: Vec<Node>) -> Read<HashMap<Node, Hash>> {
    let mut known = HashMap::with_capacity(wanted.len());
    for place in wanted {
        known.insert(place, node(connection, place).await?);
    }
    Ok(known)
}

/// One complete subtree, from at most 128 stored hashes of the height below it.
async fn node(connection: &Pool, (level, index): Node) -> Read<Hash> {
    let missing = || StoreError::inconsistent("log_node", format!("{level}/{index}"), "missing");
    let height = level % 8;
    let first = index.checked_shl(u32::from(height)).ok_or_else(missing)?;
    let end = first.checked_add(1 << height).ok_or_else(missing)?;
    let query = if level < 8 {
        query_scalar(sql::log::LEAF_HASHES)
    } else {
        query_scalar(sql::log::NODES).bind(i64::from(level - height))
    };
    let query = query.bind(first.cast_signed()).bind(end.cast_signed());
    let found: Vec<Vec<u8>> = query.fetch_all(connection).await?;
    let mut edge = Edge::new();
    for hash in found {
        let hash = Hash::try_from(hash).map_err(|_| missing())?;
        edge.push(hash).map_err(|_| missing())?;
    }
    if edge.size() != 1 << height {
        return Err(missing());
    }
    Ok(edge.root())
}

fn numbered(row: &Row) -> Read<(u64, Vec<u8>)> {
    let wrong = |why: sqlx::Error| StoreError::inconsistent("log_entry", "", why);
    let seq: i64 = row.try_get("seq").map_err(wrong)?;
    Ok((seq.cast_unsigned(), row.try_get("leaf").map_err(wrong)?))
}
