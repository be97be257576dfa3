//! `[watch]`: who is called when custodians do not answer, and what notices that the vault is
//! silent.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// `[watch]`; everything in it may be missing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    /// Called with GET every five minutes; the monitor behind it pages when it hears nothing.
    pub heartbeat_url: Option<String>,
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
        for path in self.metrics_token_file.iter_mut() {
            *path = folder.join(&*path);
        }
    }
}
