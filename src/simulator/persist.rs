//! The state file: what must survive `kill -9` of the simulator (secrets by hash, directory,
//! assignments, rule sets, personal tokens by hash). Written to a neighbour and renamed.
//!
//! Must not know: what changed.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::StartError;
use super::scim::Directory;
use super::secrets::SecretBook;
use super::tokens::PersonalTokens;

/// One writer at a time, so that two renames cannot cross.
static WRITING: Mutex<()> = Mutex::new(());

/// The content of the state file.
#[derive(Debug, Serialize, Deserialize)]
pub struct Saved {
    /// Signs access tokens, so that they outlive a restart as they do at the real service.
    pub signing_key: [u8; 32],
    /// Tokens of an older generation are dead.
    pub token_generation: u64,
    /// OAuth secrets by principal.
    pub secrets: SecretBook,
    /// Users, groups, principals, assignments, rule sets.
    pub directory: Directory,
    /// Personal access tokens.
    pub personal_tokens: PersonalTokens,
}

/// Reads the state file; `None` when there is none yet.
pub fn load(path: &Path) -> Result<Option<Saved>, StartError> {
    let failed = |reason: String| StartError::StateFile {
        path: path.to_owned(),
        reason,
    };
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|e| failed(e.to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// Writes the state file. A crash before the rename leaves the former file whole.
pub fn write(path: &Path, saved: &Saved) -> Result<(), String> {
    let _one_at_a_time = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let bytes = serde_json::to_vec(saved).map_err(|error| error.to_string())?;
    let fresh = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)
        .map_err(|error| error.to_string())?;
    file.write_all(&bytes).map_err(|error| error.to_string())?;
    file.sync_all().map_err(|error| error.to_string())?;
    fs::rename(&fresh, path).map_err(|error| error.to_string())
}
