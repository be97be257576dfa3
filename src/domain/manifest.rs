//! The manifest: the signed description of one epoch (PROTOCOL §3).
//!
//! Its hash stands inside every share of the epoch, so a share cannot be taken for another's.

use serde::{Deserialize, Serialize};

use super::VERSION;
use super::canonical::{self, CanonicalError};
use super::ids::{Digest, VaultId};

/// Whether an epoch guards the live credential or the decoy of drills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The credential itself.
    Live,
    /// The decoy.
    Drill,
}

impl Kind {
    /// The word in documents.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Drill => "drill",
        }
    }
}

/// The description of one epoch that custodians sign in their first `prove`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Always [`VERSION`].
    pub v: String,
    /// The vault.
    pub vault: VaultId,
    /// Live or drill.
    pub kind: Kind,
    /// Numbered from 1.
    pub epoch: u32,
    /// Shares needed.
    pub k: u8,
    /// Shares dealt.
    pub n: u8,
    /// age recipient of the epoch's identity.
    pub recipient: String,
    /// The roster the shares were dealt to; its custodians in order hold indexes 1…n.
    pub roster_sha256: Digest,
    /// The policy in force.
    pub policy_sha256: Digest,
    /// Public key of the log, as a C2SP vkey.
    pub log_vkey: String,
    /// Public possession keys (hexadecimal Ed25519), index 1 first.
    pub possession_keys: Vec<String>,
}

impl Manifest {
    /// SHA-256 of the canonical bytes.
    ///
    /// # Errors
    /// When the document has no canonical form.
    pub fn sha256(&self) -> Result<Digest, CanonicalError> {
        debug_assert_eq!(self.v, VERSION);
        Ok(Digest::of(&canonical::to_bytes(self)?))
    }

    /// The possession key of one share, as 32 bytes.
    #[must_use]
    pub fn possession_key(&self, index: u8) -> Option<[u8; 32]> {
        let text = self
            .possession_keys
            .get(usize::from(index).checked_sub(1)?)?;
        let mut key = [0; 32];
        hex::decode_to_slice(text, &mut key).ok()?;
        Some(key)
    }

    /// How many proofs make the epoch ready: min(n, k + 2).
    #[must_use]
    pub fn proofs_needed(&self) -> u8 {
        self.n.min(self.k + 2)
    }
}
