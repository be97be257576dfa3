//! The RFC 6962 tree: leaf and node hashes, and the right edge a sequencer keeps.
//!
//! Knows nothing of entries or notes; a leaf is bytes. Sizes stay below 2^63 so that a size is
//! also a signed integer in every database.

use sha2::{Digest as _, Sha256};

/// One SHA-256 value: of a leaf, of a node, or of the whole tree.
pub type Hash = [u8; 32];

/// Largest tree size: 2^63 − 1, what a signed 64-bit column holds.
pub const MAX_SIZE: u64 = i64::MAX as u64;

/// Why tree bytes were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// The stored edge is not 8 bytes of size and one hash per set bit of it.
    #[error("an edge of {length} bytes does not fit its size {size}")]
    EdgeLength {
        /// Bytes given.
        length: usize,
        /// The size they start with; 0 when even that is missing.
        size: u64,
    },
    /// A size beyond [`MAX_SIZE`].
    #[error("tree size {0} is larger than 2^63-1")]
    Size(u64),
    /// The hash source does not know a complete subtree it must know.
    #[error("no hash for level {level}, index {index}")]
    Missing {
        /// Height of the subtree: 0 is a leaf.
        level: u8,
        /// Its number at that level.
        index: u64,
    },
}

/// Hash of one leaf: `SHA-256(0x00 ‖ entry)` (RFC 6962 §2.1).
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([0u8]);
    hasher.update(entry);
    hasher.finalize().into()
}

/// Hash of one inner node: `SHA-256(0x01 ‖ left ‖ right)` (RFC 6962 §2.1).
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut block = [1u8; 65];
    block[1..33].copy_from_slice(left);
    block[33..].copy_from_slice(right);
    Sha256::digest(block).into()
}

/// Root of the tree without leaves: `SHA-256("")` (RFC 6962 §2.1).
#[must_use]
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// The right edge: the roots of the complete subtrees that make up a tree, largest first.
///
/// It is all a writer needs to append: at most 63 hashes, one per set bit of the size.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edge {
    size: u64,
    hashes: Vec<Hash>,
}

impl Edge {
    /// The edge of the empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Roots of the complete subtrees, largest (leftmost) first.
    #[must_use]
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// Appends one leaf hash.
    ///
    /// # Errors
    /// [`TreeError::Size`] when the tree is full; the edge is unchanged then.
    pub fn push(&mut self, leaf: Hash) -> Result<(), TreeError> {
        self.push_noting(leaf, |_, _, _| {})
    }

    /// [`Edge::push`] that also tells every subtree it completes: `(level, index, hash)`, the
    /// leaf itself first as level 0. A writer of tiles takes levels 0, 8, 16, … from it.
    ///
    /// # Errors
    /// As [`Edge::push`].
    pub fn push_noting(
        &mut self,
        leaf: Hash,
        mut completed: impl FnMut(u8, u64, &Hash),
    ) -> Result<(), TreeError> {
        if self.size >= MAX_SIZE {
            return Err(TreeError::Size(self.size));
        }
        let mut hash = leaf;
        let mut level = 0u8;
        completed(level, self.size, &hash);
        while self.size >> level & 1 == 1
            && let Some(left) = self.hashes.pop()
        {
            hash = node_hash(&left, &hash);
            level += 1;
            completed(level, self.size >> level, &hash);
        }
        self.hashes.push(hash);
        self.size += 1;
        Ok(())
    }

    /// Appends the root of a complete subtree of `2^level` leaves at once.
    ///
    /// # Errors
    /// [`TreeError::Size`] when the present size is not a multiple of `2^level`, or the tree
    /// would be larger than [`MAX_SIZE`].
    pub fn push_subtree(&mut self, level: u8, root: Hash) -> Result<(), TreeError> {
        let width = 1u64
            .checked_shl(u32::from(level))
            .filter(|width| self.size.is_multiple_of(*width) && *width <= MAX_SIZE - self.size)
            .ok_or(TreeError::Size(self.size))?;
        let mut hash = root;
        let mut at = level;
        while self.size >> at & 1 == 1
            && let Some(left) = self.hashes.pop()
        {
            hash = node_hash(&left, &hash);
            at += 1;
        }
        self.hashes.push(hash);
        self.size += width;
        Ok(())
    }

    /// Root of the tree (RFC 6962 §2.1).
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut from_right = self.hashes.iter().rev();
        match from_right.next() {
            None => empty_root(),
            Some(last) => from_right.fold(*last, |right, left| node_hash(left, &right)),
        }
    }

    /// The bytes kept in the head row: size as eight big-endian bytes, then the hashes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.size.to_be_bytes().to_vec();
        self.hashes
            .iter()
            .for_each(|hash| bytes.extend_from_slice(hash));
        bytes
    }

    /// Reads what [`Edge::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`TreeError::EdgeLength`] or [`TreeError::Size`]. Right bytes with wrong hashes are not an
    /// error here: compare [`Edge::root`] with a signed root.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TreeError> {
        let length = bytes.len();
        let Some((head, rest)) = bytes.split_first_chunk::<8>() else {
            return Err(TreeError::EdgeLength { length, size: 0 });
        };
        let size = u64::from_be_bytes(*head);
        if size > MAX_SIZE {
            return Err(TreeError::Size(size));
        }
        let (hashes, odd) = rest.as_chunks::<32>();
        if !odd.is_empty() || hashes.len() != size.count_ones() as usize {
            return Err(TreeError::EdgeLength { length, size });
        }
        Ok(Self {
            size,
            hashes: hashes.to_vec(),
        })
    }

    /// The edge of a tree of `size` leaves, read from its complete subtrees.
    ///
    /// # Errors
    /// [`TreeError::Missing`] when `source` lacks one, [`TreeError::Size`] when too large.
    pub fn from_source(
        size: u64,
        source: impl Fn(u8, u64) -> Option<Hash>,
    ) -> Result<Self, TreeError> {
        if size > MAX_SIZE {
            return Err(TreeError::Size(size));
        }
        let mut hashes = Vec::with_capacity(size.count_ones() as usize);
        for level in (0..63u8).rev().filter(|level| size >> level & 1 == 1) {
            let index = (size >> level) - 1;
            hashes.push(source(level, index).ok_or(TreeError::Missing { level, index })?);
        }
        Ok(Self { size, hashes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_survives_its_bytes_and_odd_bytes_are_refused() {
        let mut edge = Edge::new();
        for n in 0..100u8 {
            assert_eq!(Edge::from_bytes(&edge.to_bytes()).unwrap(), edge);
            edge.push(leaf_hash(&[n])).unwrap();
        }
        let bytes = edge.to_bytes();
        assert!(Edge::from_bytes(&bytes[..bytes.len() - 1]).is_err());
        assert!(Edge::from_bytes(&bytes[..7]).is_err());
        assert_eq!(Edge::from_bytes(&[0xff; 8]), Err(TreeError::Size(u64::MAX)));
    }

    #[test]
    fn a_subtree_pushed_at_once_gives_the_tree_of_its_leaves() {
        let mut slow = Edge::new();
        let mut quick = Edge::new();
        for block in 0..5u8 {
            let mut small = Edge::new();
            for n in 0..8u8 {
                let leaf = leaf_hash(&[block, n]);
                slow.push(leaf).unwrap();
                small.push(leaf).unwrap();
            }
            quick.push_subtree(3, small.root()).unwrap();
            assert_eq!(quick, slow);
        }
        quick.push(leaf_hash(b"")).unwrap();
        assert_eq!(quick.push_subtree(1, [0; 32]), Err(TreeError::Size(41)));
        assert!(quick.push_subtree(64, [0; 32]).is_err());
    }

    #[test]
    fn a_full_tree_takes_no_more_leaves() {
        let full = Edge {
            size: MAX_SIZE,
            hashes: vec![[7; 32]; 63],
        };
        let mut edge = Edge::from_bytes(&full.to_bytes()).unwrap();
        assert_eq!(edge.push([0; 32]), Err(TreeError::Size(MAX_SIZE)));
        assert_eq!(edge, full);
    }
}
