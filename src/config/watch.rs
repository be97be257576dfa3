//! `[watch]`: who is called when custodians do not answer, and what notices that the vault is
//! silent.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// `[watch]`; everything in it may be missing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    /// File with the address that is called with GET every five minutes; the monitor behind it
    /// pages when it hears nothing. Whoever knows the address can hide the vault's silence.
    pub heartbeat_url_file: Option<PathBuf>,
    /// How often it is called, seconds; 300 when missing.
    pub heartbeat_every_s: Option<NonZeroU32>,
    /// People (id or name) to page when ten minutes brought too few shares; without it security
    /// and operators.
    #[serde(default)]
    pub fallback: Vec<String>,
    /// File with the bearer that may read `/api/v1/metrics`; without it nobody may.
    pub metrics_token_file: Option<PathBuf>,
}

impl Watch {
    /// Reads relative paths as relative to this folder.
    pub(super) fn make_absolute(&mut self, folder: &Path) {
        let files = [&mut self.heartbeat_url_file, &mut self.metrics_token_file];
        for path in files.into_iter().flatten() {
            *path = folder.join(&*path);
        }
    }
}
