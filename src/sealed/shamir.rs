//! Splitting an identity's secret into shares and putting it together again.
//!
//! Over `shamirsecretsharing::hazmat` key shares (bitsliced, constant time), which check little
//! and wipe nothing; the checks of DESIGN §6 are here. Whether a recombined secret is the right
//! one is the caller's check against the manifest's recipient: the mathematics cannot tell.

use std::fmt;

use secrecy::ExposeSecret as _;
use shamirsecretsharing::hazmat::{KEYSHARE_SIZE, combine_keyshares, create_keyshares};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::scrub::on_scrubbed_stack;
use super::secret::{Secret32, SecretError};

/// Smallest threshold: one person alone never opens the vault (PROTOCOL §1).
pub const MIN_K: u8 = 2;
/// Most shares of one epoch (PROTOCOL §1).
pub const MAX_N: u8 = 15;
/// How many k-subsets the dealer recombines before anything is committed (DESIGN §6).
pub const DEALER_CHECK_SUBSETS: usize = 1_000;

/// Why dealing or combining failed. Names indexes, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShamirError {
    /// k and n outside 2 ≤ k ≤ n ≤ 15.
    #[error("threshold {k} of {n} is outside 2 <= k <= n <= {MAX_N}")]
    Threshold {
        /// The threshold asked for.
        k: u8,
        /// The number of shares asked for.
        n: u8,
    },
    /// A share whose x is zero or above n: only a forger makes one.
    #[error("share index {index} is outside 1..={n}")]
    Index {
        /// The index found.
        index: u8,
        /// The number of shares of the epoch.
        n: u8,
    },
    /// The same x twice.
    #[error("share {index} was given twice")]
    Duplicate {
        /// The index given twice.
        index: u8,
    },
    /// Fewer shares than the threshold.
    #[error("{given} shares were given where {k} are needed")]
    TooFew {
        /// Shares given.
        given: usize,
        /// The threshold.
        k: u8,
    },
    /// The dealer's own check found a subset that does not give the secret back.
    #[error("the dealer check failed: shares were wrong as dealt and were wiped: deal again")]
    DealerCheck,
    /// Memory or randomness was missing.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// One share: its x and its 32 y-bytes, in locked memory.
pub struct Share {
    index: u8,
    y: Secret32,
}

impl Share {
    /// A share as it was dealt or read back.
    #[must_use]
    pub fn new(index: u8, y: Secret32) -> Self {
        Self { index, y }
    }

    /// The x of the share, 1…n.
    #[must_use]
    pub fn index(&self) -> u8 {
        self.index
    }

    /// The y-bytes.
    #[must_use]
    pub fn y(&self) -> &Secret32 {
        &self.y
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({}, hidden)", self.index)
    }
}

/// Refuses thresholds outside 2 ≤ k ≤ n ≤ 15.
///
/// # Errors
/// [`ShamirError::Threshold`].
pub fn check_threshold(k: u8, n: u8) -> Result<(), ShamirError> {
    if MIN_K <= k && k <= n && n <= MAX_N {
        Ok(())
    } else {
        Err(ShamirError::Threshold { k, n })
    }
}

/// Splits `secret` into `n` shares of which any `k` give it back, and checks that they do.
///
/// # Errors
/// [`ShamirError`]; on any error every share is already wiped.
pub fn deal(secret: &Secret32, k: u8, n: u8) -> Result<Vec<Share>, ShamirError> {
    check_threshold(k, n)?;
    // One scrub around all subsets of the check: each would cost more than the recombining.
    on_scrubbed_stack(|| {
        let shares = split(secret, k, n)?;
        check_dealt(secret, &shares, k, n)?;
        Ok(shares)
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "splitting needs the secret's bytes"
)]
fn split(secret: &Secret32, k: u8, n: u8) -> Result<Vec<Share>, ShamirError> {
    // The crate takes n before k.
    create_keyshares(secret.expose_secret(), n, k)
        .expect("length, k and n were checked")
        .into_iter()
        .map(|raw| {
            let raw = Zeroizing::new(raw);
            Ok(Share::new(raw[0], Secret32::copied_from(&raw[1..])?))
        })
        .collect()
}

/// Recombines every k-subset, up to [`DEALER_CHECK_SUBSETS`] of them, in lexicographic order;
/// when there are more, every share has been part of a checked subset.
fn check_dealt(secret: &Secret32, shares: &[Share], k: u8, n: u8) -> Result<(), ShamirError> {
    let whole: Vec<&Share> = shares.iter().collect();
    let mut subsets = Subsets::of(usize::from(n), usize::from(k));
    let mut checked = 0;
    while checked < DEALER_CHECK_SUBSETS {
        let Some(subset) = subsets.next() else {
            return Ok(());
        };
        check_subset(secret, subset.iter().map(|i| whole[*i]).collect(), k, n)?;
        checked += 1;
    }
    // Lexicographic order always contains the first shares; the last window covers the others.
    for start in 0..=usize::from(n - k) {
        let window = whole[start..start + usize::from(k)].to_vec();
        check_subset(secret, window, k, n)?;
    }
    Ok(())
}

fn check_subset(secret: &Secret32, subset: Vec<&Share>, k: u8, n: u8) -> Result<(), ShamirError> {
    if bool::from(combine_unscrubbed(&subset, k, n)?.ct_eq(secret)) {
        Ok(())
    } else {
        Err(ShamirError::DealerCheck)
    }
}

/// Puts the secret together from at least `k` distinct shares of an epoch with `n` of them.
///
/// The result is *some* 32 bytes: the caller must compare the identity made of them with the
/// manifest's recipient.
///
/// # Errors
/// [`ShamirError`] naming the share that is out of place.
pub fn combine(shares: &[&Share], k: u8, n: u8) -> Result<Secret32, ShamirError> {
    on_scrubbed_stack(|| combine_unscrubbed(shares, k, n))
}

fn combine_unscrubbed(shares: &[&Share], k: u8, n: u8) -> Result<Secret32, ShamirError> {
    check_threshold(k, n)?;
    let mut seen = [false; MAX_N as usize + 1];
    for share in shares {
        let index = share.index;
        if index == 0 || index > n {
            return Err(ShamirError::Index { index, n });
        }
        if std::mem::replace(&mut seen[usize::from(index)], true) {
            return Err(ShamirError::Duplicate { index });
        }
    }
    if shares.len() < usize::from(k) {
        return Err(ShamirError::TooFew {
            given: shares.len(),
            k,
        });
    }
    // Exactly k: more would only add work, and every subset was checked by the dealer.
    join(&shares[..usize::from(k)])
}

#[expect(
    clippy::disallowed_methods,
    reason = "combining needs the shares' bytes"
)]
fn join(shares: &[&Share]) -> Result<Secret32, ShamirError> {
    let raw: Zeroizing<Vec<Vec<u8>>> = Zeroizing::new(
        shares
            .iter()
            .map(|share| {
                let mut raw = Vec::with_capacity(KEYSHARE_SIZE);
                raw.push(share.index);
                raw.extend_from_slice(share.y.expose_secret());
                raw
            })
            .collect(),
    );
    let secret = Zeroizing::new(combine_keyshares(&raw).expect("every share has 33 bytes"));
    Ok(Secret32::copied_from(&secret)?)
}

/// The k-subsets of 0..n in lexicographic order.
struct Subsets {
    n: usize,
    next: Option<Vec<usize>>,
}

impl Subsets {
    fn of(n: usize, k: usize) -> Self {
        Self {
            n,
            next: Some((0..k).collect()),
        }
    }
}

impl Iterator for Subsets {
    type Item = Vec<usize>;

    fn next(&mut self) -> Option<Vec<usize>> {
        let current = self.next.take()?;
        let k = current.len();
        if let Some(place) = (0..k).rev().find(|&i| current[i] < self.n - k + i) {
            let mut following = current.clone();
            following[place] += 1;
            for i in place + 1..k {
                following[i] = following[i - 1] + 1;
            }
            self.next = Some(following);
        }
        Some(current)
    }
}

#[cfg(test)]
#[path = "shamir_tests.rs"]
mod tests;
