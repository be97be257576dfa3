//! Inclusion and consistency proofs (RFC 6962 §2.1.1, §2.1.2), made from complete subtrees and
//! checked with the loops of RFC 9162 §2.1.3.2 and §2.1.4.2.
//!
//! Pure; hostile sizes, indices and proofs give an error, never a panic or a long loop.

use super::merkle::{Hash, MAX_SIZE, TreeError, node_hash};

/// Why a proof could not be made or does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf is not in a tree of that size.
    #[error("index {index} is not in a tree of size {size}")]
    Index {
        /// Asked index, counted from 0.
        index: u64,
        /// Size of the tree.
        size: u64,
    },
    /// The older tree is larger than the newer one.
    #[error("size {old} is larger than size {new}")]
    Sizes {
        /// Size said to be older.
        old: u64,
        /// Size said to be newer.
        new: u64,
    },
    /// The proof has too few or too many hashes.
    #[error("a proof of {0} hashes has the wrong length")]
    Length(usize),
    /// The proof leads to another root.
    #[error("the proof leads to another root")]
    Root,
    /// The hash source lacks a subtree, or a size is too large.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// Root of the tree of `size` leaves, read from complete subtrees.
///
/// `source(level, index)` is the hash of the `index`-th complete subtree of `2^level` leaves.
///
/// # Errors
/// [`TreeError`] when `source` lacks one or the size is too large.
pub fn root_from_source(
    size: u64,
    source: impl Fn(u8, u64) -> Option<Hash>,
) -> Result<Hash, TreeError> {
    Ok(super::merkle::Edge::from_source(size, source)?.root())
}

/// Inclusion proof of leaf `index` in the tree of `size` leaves, from the leaf upwards.
///
/// # Errors
/// [`ProofError::Index`], or [`ProofError::Tree`] when `source` lacks a subtree.
pub fn prove_inclusion(
    index: u64,
    size: u64,
    source: impl Fn(u8, u64) -> Option<Hash>,
) -> Result<Vec<Hash>, ProofError> {
    if index >= size || size > MAX_SIZE {
        return Err(ProofError::Index { index, size });
    }
    let mut proof = Vec::new();
    let (mut low, mut high) = (0u64, size);
    while high - low > 1 {
        let middle = low + left_width(high - low);
        if index < middle {
            proof.push(range_hash(middle, high, &source)?);
            high = middle;
        } else {
            proof.push(range_hash(low, middle, &source)?);
            low = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// Consistency proof from size `old` to size `new`; empty when they are equal or `old` is 0.
///
/// # Errors
/// [`ProofError::Sizes`], or [`ProofError::Tree`] when `source` lacks a subtree.
pub fn prove_consistency(
    old: u64,
    new: u64,
    source: impl Fn(u8, u64) -> Option<Hash>,
) -> Result<Vec<Hash>, ProofError> {
    if old > new || new > MAX_SIZE {
        return Err(ProofError::Sizes { old, new });
    }
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    let mut proof = Vec::new();
    let (mut low, mut high) = (0u64, new);
    // RFC 6962 SUBPROOF: walk to the subtree that ends at `old`, noting every sibling.
    while high != old {
        let middle = low + left_width(high - low);
        if old <= middle {
            proof.push(range_hash(middle, high, &source)?);
            high = middle;
        } else {
            proof.push(range_hash(low, middle, &source)?);
            low = middle;
        }
    }
    if low != 0 {
        // Only when the old tree is a left subtree does the reader already have its hash.
        proof.push(range_hash(low, high, &source)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Checks that `leaf` is entry `index` of the tree with `root` (RFC 9162 §2.1.3.2).
///
/// # Errors
/// [`ProofError::Index`], [`ProofError::Length`] or [`ProofError::Root`].
pub fn verify_inclusion(
    index: u64,
    size: u64,
    leaf: &Hash,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if index >= size || size > MAX_SIZE {
        return Err(ProofError::Index { index, size });
    }
    let wrong_length = ProofError::Length(proof.len());
    let mut climb = Climb {
        node: index,
        last: size - 1,
    };
    let mut hash = *leaf;
    for sibling in proof {
        hash = match climb.step().ok_or(wrong_length.clone())? {
            Side::Left => node_hash(sibling, &hash),
            Side::Right => node_hash(&hash, sibling),
        };
    }
    if climb.last != 0 {
        return Err(wrong_length);
    }
    if hash == *root {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}

/// Checks that the tree (`new`, `new_root`) extends the tree (`old`, `old_root`)
/// (RFC 9162 §2.1.4.2).
///
/// # Errors
/// [`ProofError::Sizes`], [`ProofError::Length`] or [`ProofError::Root`].
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    new: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    // Every tree extends the empty one: such a "proof" would bind nobody to anything.
    if old == 0 || old > new || new > MAX_SIZE {
        return Err(ProofError::Sizes { old, new });
    }
    let wrong_length = ProofError::Length(proof.len());
    if old == new {
        return match (proof.is_empty(), old_root == new_root) {
            (false, _) => Err(wrong_length),
            (true, false) => Err(ProofError::Root),
            (true, true) => Ok(()),
        };
    }
    let mut climb = Climb {
        node: old - 1,
        last: new - 1,
    };
    let skip = climb.node.trailing_ones();
    climb.node >>= skip;
    climb.last >>= skip;
    let (first, rest) = if old.is_power_of_two() {
        (old_root, proof)
    } else {
        proof.split_first().ok_or(wrong_length.clone())?
    };
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in rest {
        match climb.step().ok_or(wrong_length.clone())? {
            Side::Left => {
                old_hash = node_hash(sibling, &old_hash);
                new_hash = node_hash(sibling, &new_hash);
            }
            Side::Right => new_hash = node_hash(&new_hash, sibling),
        }
    }
    if climb.last != 0 {
        return Err(wrong_length);
    }
    if old_hash == *old_root && new_hash == *new_root {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}

/// On which side of the path the next sibling stands.
enum Side {
    Left,
    Right,
}

/// A walk from a leaf to the root: the node's and the last node's number on each level.
struct Climb {
    node: u64,
    last: u64,
}

impl Climb {
    /// Takes one level (several where the right edge has no sibling); `None` at the root.
    fn step(&mut self) -> Option<Side> {
        if self.last == 0 {
            return None;
        }
        let side = if self.node & 1 == 1 || self.node == self.last {
            while self.node & 1 == 0 && self.node != 0 {
                self.node >>= 1;
                self.last >>= 1;
            }
            Side::Left
        } else {
            Side::Right
        };
        self.node >>= 1;
        self.last >>= 1;
        Some(side)
    }
}

/// Leaves in the left part of a tree of `width` > 1 leaves: the largest power of two below it.
fn left_width(width: u64) -> u64 {
    1 << (63 - (width - 1).leading_zeros())
}

/// Hash of the leaves `[low, high)`, a subtree of RFC 6962's recursion.
fn range_hash(
    low: u64,
    high: u64,
    source: &impl Fn(u8, u64) -> Option<Hash>,
) -> Result<Hash, TreeError> {
    let width = high - low;
    if width.is_power_of_two() {
        let level = u8::try_from(width.trailing_zeros()).expect("at most 63");
        let index = low >> level;
        return source(level, index).ok_or(TreeError::Missing { level, index });
    }
    let middle = low + left_width(width);
    let left = range_hash(low, middle, source)?;
    Ok(node_hash(&left, &range_hash(middle, high, source)?))
}
