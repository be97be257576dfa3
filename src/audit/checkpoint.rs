//! Checkpoints (C2SP tlog-checkpoint): a signed note of exactly three lines, no extensions.
//!
//! Only the sequencer signs one, inside the transaction that made the tree it describes; signing
//! two inconsistent ones is what this log must never do. Knows nothing of entries.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::merkle::{Hash, MAX_SIZE};
use super::note::{KeyKind, Note, NoteError, NoteSigner, VerifierKey};

/// One tree head: which log, how many entries, which root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name: `<public host>/log/<vault id>/e<N>`, equal to its key's name.
    pub origin: String,
    /// Number of entries.
    pub size: u64,
    /// RFC 6962 root over them.
    pub root: Hash,
}

/// Why a checkpoint was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The body is not three lines of origin, decimal size and base64 root.
    #[error("not a checkpoint: {0}")]
    Syntax(&'static str),
    /// The note around it was refused.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// It is another log's: the origin is not the key's name.
    #[error("the checkpoint is of log {found}, not of {wanted}")]
    Origin {
        /// Origin in the body.
        found: String,
        /// Name of the key.
        wanted: String,
    },
}

impl Checkpoint {
    /// Parses the three body lines.
    ///
    /// # Errors
    /// [`CheckpointError::Syntax`].
    pub fn parse(body: &str) -> Result<Self, CheckpointError> {
        let wrong = CheckpointError::Syntax;
        let lines: Vec<&str> = body
            .strip_suffix('\n')
            .ok_or(wrong("no final newline"))?
            .split('\n')
            .collect();
        let [origin, size, root] = lines.as_slice() else {
            return Err(wrong("it does not have three lines"));
        };
        if origin.is_empty() {
            return Err(wrong("its origin is empty"));
        }
        let size = parse_decimal(size).ok_or(wrong("its size is not a decimal number"))?;
        let root = parse_hash(root).ok_or(wrong("its root is not base64 of 32 bytes"))?;
        Ok(Self {
            origin: (*origin).to_owned(),
            size,
            root,
        })
    }

    /// Signs this checkpoint; the caller makes sure the signer's name is the origin.
    ///
    /// # Errors
    /// [`CheckpointError::Origin`] when it is not.
    pub fn sign(&self, signer: &NoteSigner) -> Result<Note, CheckpointError> {
        self.check_origin(signer.verifier_key())?;
        let text = self.to_string();
        let signature = signer.sign(&text);
        Ok(Note {
            text,
            signatures: vec![signature],
        })
    }

    /// Parses a note, checks the log's signature and that it is this log's checkpoint.
    ///
    /// # Errors
    /// As [`CheckpointError`] says.
    pub fn open(note: &[u8], key: &VerifierKey) -> Result<Self, CheckpointError> {
        Self::open_note(&Note::parse(note)?, key)
    }

    /// [`Checkpoint::open`] for a note that is parsed already.
    ///
    /// # Errors
    /// As [`CheckpointError`] says.
    pub fn open_note(note: &Note, key: &VerifierKey) -> Result<Self, CheckpointError> {
        if key.kind() != KeyKind::Log {
            return Err(NoteError::Key("it is a witness's key, not a log's").into());
        }
        note.verify(std::slice::from_ref(key))?;
        let checkpoint = Self::parse(&note.text)?;
        checkpoint.check_origin(key)?;
        Ok(checkpoint)
    }

    fn check_origin(&self, key: &VerifierKey) -> Result<(), CheckpointError> {
        if self.origin == key.name() {
            return Ok(());
        }
        Err(CheckpointError::Origin {
            found: self.origin.clone(),
            wanted: key.name().to_owned(),
        })
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            format_hash(&self.root)
        )
    }
}

/// A decimal without sign or leading zeroes, at most 2^63 − 1.
#[must_use]
pub fn parse_decimal(text: &str) -> Option<u64> {
    let plain = text == "0" || !text.starts_with('0');
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = (plain && digits).then(|| text.parse::<u64>().ok())??;
    (number <= MAX_SIZE).then_some(number)
}

/// A hash as C2SP texts write it: standard base64 of exactly 32 bytes.
#[must_use]
pub fn parse_hash(text: &str) -> Option<Hash> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

/// What [`parse_hash`] reads.
#[must_use]
pub fn format_hash(hash: &Hash) -> String {
    STANDARD.encode(hash)
}
