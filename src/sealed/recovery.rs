//! Recovery without a vault: the same shares and the same checks, on a machine of its own.
//!
//! There is no incident, so what a share is released to is one machine's one-time recipient and
//! one manifest. The label below can never be that of an incident: no terms hash to it.

use sha2::{Digest as _, Sha256};

use super::epoch::EpochName;
use super::release::ReleaseLabel;

/// Stands where an incident's id would.
const INCIDENT: &str = "recovery";
/// Begins the document that the possession key signs.
const PREFIX: &str = "breakglass/recovery/v1";

/// What custodian and machine both derive from the manifest and the machine's recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    label: ReleaseLabel,
    document: String,
}

impl Recovery {
    /// A recovery of one epoch on the machine that holds the key of `recipient`.
    #[must_use]
    pub fn new(name: EpochName, manifest_sha256: &[u8; 32], recipient: &str) -> Self {
        let manifest = hex::encode(manifest_sha256);
        let document = format!("{PREFIX}\n{manifest}\n{recipient}\n");
        let label = ReleaseLabel {
            name,
            incident: INCIDENT.to_owned(),
            terms_sha256: Sha256::digest(document.as_bytes()).into(),
            nonce: recipient.to_owned(),
        };
        Self { label, document }
    }

    /// What the envelope must say.
    #[must_use]
    pub fn label(&self) -> &ReleaseLabel {
        &self.label
    }

    /// What the possession key signs together with the envelope; its hash gives the four words
    /// that people compare by voice.
    #[must_use]
    pub fn document(&self) -> &[u8] {
        self.document.as_bytes()
    }
}
