//! Offline proof that one entry is in the log (C2SP tlog-proof, `c2sp.org/tlog-proof@v1`).
//!
//! A file a person can keep: index, inclusion proof, checkpoint. Knows no files and no policy.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::{Checkpoint, CheckpointError, format_hash, parse_decimal, parse_hash};
use super::merkle::{Hash, leaf_hash};
use super::merkle_proof::{ProofError, verify_inclusion};
use super::note::{Note, VerifierKey};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";
const MAX_HASHES: usize = 63;

/// One entry's proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// Bytes with a meaning of the application's; not authenticated, never to be trusted.
    pub extra: Option<Vec<u8>>,
    /// Index of the entry, counted from 0.
    pub index: u64,
    /// Inclusion proof, from the leaf's sibling upwards.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint it leads to.
    pub checkpoint: Note,
}

/// Why a proof was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// Not the format.
    #[error("not a tlog-proof: {0}")]
    Syntax(&'static str),
    /// The checkpoint in it was refused.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The entry is not where the proof says.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl TlogProof {
    /// Parses a proof.
    ///
    /// # Errors
    /// [`TlogProofError::Syntax`], or the checkpoint's note is malformed.
    pub fn parse(text: &str) -> Result<Self, TlogProofError> {
        let wrong = TlogProofError::Syntax;
        let (head, note) = text
            .split_once("\n\n")
            .ok_or(wrong("it has no blank line"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(FIRST_LINE) {
            return Err(wrong("its first line is another"));
        }
        let extra = match lines.peek().and_then(|line| line.strip_prefix("extra ")) {
            None => None,
            Some(encoded) => {
                lines.next();
                Some(
                    STANDARD
                        .decode(encoded)
                        .map_err(|_| wrong("extra is not base64"))?,
                )
            }
        };
        let index = lines
            .next()
            .and_then(|line| line.strip_prefix("index "))
            .and_then(parse_decimal)
            .ok_or(wrong("it has no index line"))?;
        let hashes: Vec<Hash> = lines
            .map(|line| parse_hash(line).ok_or(wrong("a line is not a hash")))
            .collect::<Result<_, _>>()?;
        if hashes.len() > MAX_HASHES {
            return Err(wrong("it has too many hashes"));
        }
        let checkpoint = Note::parse(note.as_bytes()).map_err(CheckpointError::from)?;
        Ok(Self {
            extra,
            index,
            hashes,
            checkpoint,
        })
    }

    /// Checks that `entry` is in the log of `key` and returns the checkpoint it is under.
    ///
    /// # Errors
    /// As [`TlogProofError`] says.
    pub fn verify(&self, entry: &[u8], key: &VerifierKey) -> Result<Checkpoint, TlogProofError> {
        let checkpoint = Checkpoint::open_note(&self.checkpoint, key)?;
        let leaf = leaf_hash(entry);
        verify_inclusion(
            self.index,
            checkpoint.size,
            &leaf,
            &self.hashes,
            &checkpoint.root,
        )?;
        Ok(checkpoint)
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.hashes
            .iter()
            .try_for_each(|hash| writeln!(f, "{}", format_hash(hash)))?;
        write!(f, "\n{}", self.checkpoint)
    }
}
