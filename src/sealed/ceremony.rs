//! The ceremony: a new identity, its shares, and their sealing to the custodians.
//!
//! Two steps, because each share carries the manifest's hash and the manifest lists the possession
//! keys: [`Dealt::new`] gives recipient and keys, the caller builds the manifest, then
//! [`Dealt::seal_shares`]. Nothing is stored here; a crash leaves nothing but wiped memory.

use std::fmt;

use super::envelope::{self, EnvelopeError};
use super::epoch::EpochName;
use super::identity::Identity;
use super::possession::PossessionKey;
use super::secret::SecretError;
use super::shamir::{self, ShamirError, Share};
use super::share::{self, ShareError, ShareLabel};
use super::unlocker::Unlocker;

/// Why a ceremony was stopped. Everything it made is wiped by then.
#[derive(Debug, thiserror::Error)]
pub enum CeremonyError {
    /// Threshold, dealing or recombining.
    #[error(transparent)]
    Shamir(#[from] ShamirError),
    /// Sealing one custodian's share.
    #[error("share {index} was not sealed: {reason}")]
    Share {
        /// The share's index.
        index: u8,
        /// Why; boxed because it names whole labels.
        reason: Box<ShareError>,
    },
    /// The holders are not exactly the indexes 1…n.
    #[error("the holders are not exactly one per index 1..={n}")]
    Holders {
        /// The number of shares of the epoch.
        n: u8,
    },
    /// The trial found another identity than the one dealt.
    #[error("the trial did not give the identity back: the epoch was wiped: deal again")]
    Trial,
    /// The trial could not open the sealed credential.
    #[error("the trial did not open the sealed credential: {0}")]
    Envelope(#[from] EnvelopeError),
    /// Memory or randomness was missing.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// Who gets one share.
#[derive(Debug)]
pub struct Holder {
    /// The share's index, 1…n.
    pub index: u8,
    /// All unlockers of this custodian; each alone opens the share.
    pub unlockers: Vec<Unlocker>,
}

/// One custodian's sealed share, safe to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedShare {
    /// The share's index, 1…n.
    pub index: u8,
    /// The age file.
    pub file: Vec<u8>,
}

/// A new identity with its shares, in locked memory, wiped on drop.
pub struct Dealt {
    name: EpochName,
    k: u8,
    n: u8,
    identity: Identity,
    shares: Vec<Share>,
    possession_keys: Vec<[u8; 32]>,
}

impl Dealt {
    /// Makes the identity, deals it, and checks the subsets (DESIGN §6).
    ///
    /// # Errors
    /// [`CeremonyError`].
    pub fn new(name: EpochName, k: u8, n: u8) -> Result<Self, CeremonyError> {
        let identity = Identity::generate()?;
        let shares = shamir::deal(identity.secret(), k, n)?;
        let possession_keys = shares
            .iter()
            .map(|share| PossessionKey::derive(share, &name).public())
            .collect();
        Ok(Self {
            name,
            k,
            n,
            identity,
            shares,
            possession_keys,
        })
    }

    /// The epoch this is.
    #[must_use]
    pub fn name(&self) -> &EpochName {
        &self.name
    }

    /// What the successor credential is sealed to, for the manifest.
    #[must_use]
    pub fn recipient(&self) -> &str {
        self.identity.recipient()
    }

    /// The public possession keys of shares 1…n in order, for the manifest.
    #[must_use]
    pub fn possession_keys(&self) -> &[[u8; 32]] {
        &self.possession_keys
    }

    /// Seals every share to its holder, with the manifest's hash inside.
    ///
    /// # Errors
    /// [`CeremonyError::Holders`] or [`CeremonyError::Share`].
    pub fn seal_shares(
        &self,
        manifest_sha256: [u8; 32],
        holders: &[Holder],
    ) -> Result<Vec<SealedShare>, CeremonyError> {
        self.check_holders(holders)?;
        holders
            .iter()
            .map(|holder| self.seal_one(manifest_sha256, holder))
            .collect()
    }

    fn check_holders(&self, holders: &[Holder]) -> Result<(), CeremonyError> {
        let mut indexes: Vec<u8> = holders.iter().map(|holder| holder.index).collect();
        indexes.sort_unstable();
        if indexes.iter().copied().eq(1..=self.n) {
            Ok(())
        } else {
            Err(CeremonyError::Holders { n: self.n })
        }
    }

    fn seal_one(
        &self,
        manifest_sha256: [u8; 32],
        holder: &Holder,
    ) -> Result<SealedShare, CeremonyError> {
        let index = holder.index;
        let label = ShareLabel {
            name: self.name.clone(),
            k: self.k,
            n: self.n,
            index,
            manifest_sha256,
        };
        let share = &self.shares[usize::from(index) - 1];
        let file = share::seal_share(&label, share, &holder.unlockers).map_err(|reason| {
            CeremonyError::Share {
                index,
                reason: Box::new(reason),
            }
        })?;
        Ok(SealedShare { index, file })
    }

    /// Rebuilds the identity from k shares chosen at random and opens the sealed credential with
    /// it: run it before anything of the new epoch is committed.
    ///
    /// # Errors
    /// [`CeremonyError::Trial`] or [`CeremonyError::Envelope`]: the epoch must not be used.
    pub fn trial(&self, sealed_credential: &[u8]) -> Result<(), CeremonyError> {
        let chosen = self.random_shares()?;
        let rebuilt = Identity::from_secret(shamir::combine(&chosen, self.k, self.n)?)?;
        if rebuilt.recipient() != self.identity.recipient() {
            return Err(CeremonyError::Trial);
        }
        envelope::open_credential(sealed_credential, &rebuilt, &self.name)?;
        Ok(())
    }

    /// k distinct shares; the small bias of the remainder does no harm, the choice is a test.
    fn random_shares(&self) -> Result<Vec<&Share>, CeremonyError> {
        let mut left: Vec<&Share> = self.shares.iter().collect();
        let mut draws = [0u8; shamir::MAX_N as usize];
        getrandom::fill(&mut draws)
            .map_err(|e| SecretError::Random(e.raw_os_error().unwrap_or_default()))?;
        Ok(draws[..usize::from(self.k)]
            .iter()
            .map(|draw| left.swap_remove(usize::from(*draw) % left.len()))
            .collect())
    }
}

impl fmt::Debug for Dealt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dealt({}, {} of {}, hidden)", self.name, self.k, self.n)
    }
}

#[cfg(test)]
#[path = "ceremony_tests.rs"]
mod tests;
