//! Reading the log: checkpoints, proofs, and the files of an export one by one (DESIGN §10,
//! PROTOCOL §4). Entries leave as the bytes that were hashed; nothing is written anew.

mod path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use self::path::{KINDS, LogPath};
use super::App;
use super::error::AppError;
use super::facts::document;
use crate::api::{ConsistencyProof, EntryProof, ExportList};
use crate::audit::checkpoint::parse_decimal;
use crate::audit::export::{README, VERIFY_PY};
use crate::audit::merkle::{Hash, leaf_hash};
use crate::audit::note::VerifierKey;
use crate::audit::policy;
use crate::audit::tiles::{TILE_HEIGHT, TILE_WIDTH, Tile, TileKind, push_to_bundle};
use crate::domain::canonical;
use crate::domain::ids::Digest;
use crate::domain::roster::{Roster, comparable};
use crate::sealed::login_key::LoginKey;
use crate::store::Head;
use crate::store::change::DocumentKind;

/// What people's keys may sign: acts and logins of Breakglass, nothing else of theirs.
const NAMESPACES: &str = "breakglass-*";

/// Most entries in one answer to a follower.
const LINES: u32 = 256;

/// One file of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFile {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its media type.
    pub media_type: &'static str,
}

/// Checkpoints and proofs.
impl App {
    /// The newest signed checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> String {
        self.inner.store.head().checkpoint
    }

    /// Proof that the log of `new` entries (`None`: the newest) extends that of `old`.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for sizes the log does not have.
    pub async fn consistency(
        &self,
        old: u64,
        new: Option<u64>,
    ) -> Result<ConsistencyProof, AppError> {
        let (new, checkpoint) = self.tree_of(new).await?;
        if old > new {
            return Err(AppError::NotFound(format!(
                "proof from {old} to {new} entries"
            )));
        }
        let proof = self.inner.store.consistency_proof(old, new).await?;
        Ok(ConsistencyProof {
            old,
            new,
            proof: encoded(&proof),
            checkpoint,
        })
    }

    /// An entry and the proof that the log of `size` entries (`None`: the newest) has it.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for an entry that this log does not have.
    pub async fn entry_proof(&self, seq: u64, size: Option<u64>) -> Result<EntryProof, AppError> {
        let (size, checkpoint) = self.tree_of(size).await?;
        let missing = || AppError::NotFound(format!("entry {seq} among {size}"));
        if seq >= size {
            return Err(missing());
        }
        let entry = self.inner.store.entry(seq).await?.ok_or_else(missing)?;
        let inclusion = self.inner.store.inclusion_proof(seq, size).await?;
        Ok(EntryProof {
            seq,
            entry: text(entry)?,
            inclusion: encoded(&inclusion),
            checkpoint,
        })
    }

    /// Entries from an index on, a line each, at most [`LINES`]: the bytes that were hashed, which
    /// never hold a line end (facts §1.2).
    ///
    /// # Errors
    /// The store broke.
    pub async fn entry_lines(&self, from: u64) -> Result<Vec<u8>, AppError> {
        let mut lines = Vec::new();
        for entry in self.inner.store.entries(from, LINES).await? {
            lines.extend_from_slice(&entry);
            lines.push(b'\n');
        }
        Ok(lines)
    }

    /// A size and its signed checkpoint, or the newest checkpoint where none of that size was
    /// kept: a client proves under a checkpoint it has itself, while the log goes on growing.
    async fn tree_of(&self, size: Option<u64>) -> Result<(u64, String), AppError> {
        let head = self.inner.store.head();
        match size {
            None => Ok((head.size, head.checkpoint)),
            Some(size) if size == head.size => Ok((size, head.checkpoint)),
            Some(size) if size > head.size => {
                Err(AppError::NotFound(format!("tree of {size} entries")))
            }
            Some(size) => Ok((size, self.kept(size).await?.unwrap_or(head.checkpoint))),
        }
    }

    async fn kept(&self, size: u64) -> Result<Option<String>, AppError> {
        let kept = self.inner.store.kept_checkpoint(size).await?;
        Ok(kept.filter(|note| size_of(note) == Some(size)))
    }
}

/// Files of an export.
impl App {
    /// What an export of the newest size holds besides tiles and entry bundles, whose paths
    /// follow from the size.
    ///
    /// # Errors
    /// The store broke.
    pub async fn export_list(&self) -> Result<ExportList, AppError> {
        let store = &self.inner.store;
        // The head first: documents that come in meanwhile are more than the entries name, never
        // less.
        let Head {
            size, checkpoint, ..
        } = store.head();
        let mut paths = vec![LogPath::Policy, LogPath::Readme, LogPath::VerifyPy];
        for kind in KINDS {
            for sha256 in store.documents(kind).await? {
                paths.push(LogPath::Document(kind, sha256));
                match kind {
                    DocumentKind::Act => paths.push(LogPath::Signature(sha256)),
                    DocumentKind::Roster => paths.push(LogPath::AllowedSigners(sha256)),
                    _ => {}
                }
            }
        }
        let kept = store.kept_sizes().await?;
        let earlier = kept.into_iter().filter(|kept| *kept < size);
        paths.extend(earlier.map(LogPath::Checkpoint));
        let files = paths.iter().map(LogPath::to_path).collect();
        Ok(ExportList {
            size,
            checkpoint,
            files,
        })
    }

    /// One file of an export.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for anything that is not spelled as an export spells it.
    pub async fn log_file(&self, path: &str) -> Result<LogFile, AppError> {
        let missing = || AppError::NotFound("log file of that name".into());
        let parsed = LogPath::parse(path).ok_or_else(missing)?;
        let store = &self.inner.store;
        match parsed {
            LogPath::Tile(tile) => self.tile(tile).await?.map(binary).ok_or_else(missing),
            LogPath::Document(kind, sha256) => {
                let found = store.document(kind, &sha256).await?.ok_or_else(missing)?;
                Ok(LogFile {
                    bytes: found.bytes,
                    media_type: "application/json",
                })
            }
            LogPath::Signature(sha256) => {
                let found = store.document(DocumentKind::Act, &sha256).await?;
                found
                    .and_then(|act| act.signature)
                    .map(plain)
                    .ok_or_else(missing)
            }
            LogPath::AllowedSigners(sha256) => self.allowed_signers(&sha256).await.map(plain),
            LogPath::Checkpoint(size) => self.kept(size).await?.map(plain).ok_or_else(missing),
            LogPath::Policy => self.log_policy().map(plain),
            LogPath::Readme => Ok(plain(README.to_owned())),
            LogPath::VerifyPy => Ok(plain(VERIFY_PY.to_owned())),
        }
    }

    /// A tile or bundle; `None` when the log does not reach so far.
    async fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, AppError> {
        let store = &self.inner.store;
        let first = tile.index * TILE_WIDTH;
        let end = first + u64::from(tile.width);
        let level = match tile.kind {
            TileKind::Entries => 0,
            TileKind::Hashes(level) => level,
        };
        let size = store.head().size;
        if size
            .checked_shr(u32::from(level * TILE_HEIGHT))
            .is_none_or(|items| end > items)
        {
            return Ok(None);
        }
        let mut content = Vec::new();
        if level > 0 {
            let hashes = store.stored_hashes(level * TILE_HEIGHT, first, end).await?;
            content.extend(hashes.into_iter().flatten());
            return Ok(Some(content));
        }
        let entries = store.entries(first, u32::from(tile.width)).await?;
        if entries.len() != usize::from(tile.width) {
            return Err(AppError::Inconsistent(format!("{tile} lacks entries")));
        }
        for entry in entries {
            if tile.kind == TileKind::Entries {
                push_to_bundle(&mut content, &entry)
                    .ok_or_else(|| AppError::Inconsistent(format!("an entry of {tile} is long")))?;
            } else {
                content.extend(leaf_hash(&entry));
            }
        }
        Ok(Some(content))
    }

    /// Who could sign under a roster, as `ssh-keygen -Y verify` wants it.
    async fn allowed_signers(&self, roster_sha256: &Digest) -> Result<String, AppError> {
        let bytes = document(&self.inner.store, DocumentKind::Roster, roster_sha256).await?;
        let roster: Roster = canonical::parse_exact(&bytes)?;
        let mut lines = String::new();
        for person in &roster.people {
            for key in &person.login_keys {
                let key = LoginKey::parse(&comparable(key))
                    .map_err(|e| AppError::Inconsistent(e.to_string()))?;
                // ssh-keygen knows no assertions; `log verify` and verify.py do.
                let LoginKey::Ssh(key) = key else { continue };
                lines.push_str(&key.allowed_signers_line(person.id.as_str(), NAMESPACES));
                lines.push('\n');
            }
        }
        Ok(lines)
    }

    fn log_policy(&self) -> Result<String, AppError> {
        let key = VerifierKey::parse(&self.inner.settings.log_vkey)
            .map_err(|e| AppError::Inconsistent(e.to_string()))?;
        Ok(policy::without_witnesses(&[key]))
    }
}

fn binary(bytes: Vec<u8>) -> LogFile {
    LogFile {
        bytes,
        media_type: "application/octet-stream",
    }
}

fn plain(text: String) -> LogFile {
    LogFile {
        bytes: text.into_bytes(),
        media_type: "text/plain; charset=utf-8",
    }
}

fn encoded(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(|hash| BASE64.encode(hash)).collect()
}

fn text(bytes: Vec<u8>) -> Result<String, AppError> {
    String::from_utf8(bytes).map_err(|_| AppError::Inconsistent("an entry is not utf-8".into()))
}

/// The size in a checkpoint: its second line (C2SP tlog-checkpoint).
fn size_of(note: &str) -> Option<u64> {
    parse_decimal(note.lines().nth(1)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_checkpoint_is_its_second_line() {
        assert_eq!(
            size_of("vault.example/log/v/e1\n42\nAAAA\n\n— sig"),
            Some(42)
        );
        assert_eq!(size_of("vault.example/log/v/e1\n042\nAAAA\n"), None);
        assert_eq!(size_of("one line"), None);
    }
}
