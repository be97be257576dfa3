//! Ranges of tree hashes and single kept checkpoints: what a tile or a proof needs, in one query.

use super::error::StoreError;
use super::query::query_scalar;
use super::{Store, sql};
use crate::audit::merkle::Hash;

impl Store {
    /// Hashes `[first, end)` of the complete subtrees of one stored height: 8, 16, 24, …
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] when the tree does not have them all.
    pub async fn stored_hashes(
        &self,
        level: u8,
        first: u64,
        end: u64,
    ) -> Result<Vec<Hash>, StoreError> {
        let missing =
            || StoreError::inconsistent("log_node", format!("{level}/{first}..{end}"), "missing");
        let query = query_scalar(sql::log::NODES).bind(i64::from(level));
        let query = query.bind(first.cast_signed()).bind(end.cast_signed());
        let found: Vec<Vec<u8>> = query.fetch_all(self.reader()).await?;
        if found.len() as u64 != end.saturating_sub(first) {
            return Err(missing());
        }
        found
            .into_iter()
            .map(|hash| Hash::try_from(hash).map_err(|_| missing()))
            .collect()
    }

    /// The kept checkpoint of exactly this size.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn kept_checkpoint(&self, size: u64) -> Result<Option<String>, StoreError> {
        let query = query_scalar(sql::log::CHECKPOINT).bind(size.cast_signed());
        Ok(query.fetch_optional(self.reader()).await?)
    }

    /// Sizes of kept checkpoints, smallest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn kept_sizes(&self) -> Result<Vec<u64>, StoreError> {
        let found: Vec<i64> = query_scalar(sql::log::CHECKPOINT_SIZES)
            .fetch_all(self.reader())
            .await?;
        Ok(found.into_iter().map(i64::cast_unsigned).collect())
    }
}
