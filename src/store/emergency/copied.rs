//! A node's emergency log as it left it with the server that keeps the vault: all of its entries,
//! their checkpoint, what a rotation sealed. Whichever node is active next reads it there, also
//! where the first one's disk is gone.
//!
//! Whoever can write to the database can write such a copy; only one that the node's own key signed
//! is read.

use std::collections::BTreeMap;
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::super::durable::at;
use super::super::error::StoreError;
use super::{EmergencyLog, broken, push};
use crate::audit::checkpoint::Checkpoint;
use crate::audit::entry::parse_entry;
use crate::audit::merkle::{Edge, Hash};
use crate::audit::note::VerifierKey;
use crate::domain::ids::Digest;

/// Its form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    origin: String,
    entries: Vec<String>,
    checkpoint: String,
    /// Base64 by hash.
    sealed: BTreeMap<String, String>,
}

/// A copy that the node's key vouches for.
#[derive(Debug)]
pub struct EmergencyCopy {
    origin: String,
    lines: Vec<Vec<u8>>,
    checkpoint: Checkpoint,
    note: String,
    sealed: BTreeMap<String, Vec<u8>>,
}

impl EmergencyLog {
    /// Everything another node needs to go on from here.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn copy(&self) -> Result<String, StoreError> {
        let (checkpoint, note) = self.checkpoint()?;
        let size = usize::try_from(checkpoint.size).unwrap_or(usize::MAX);
        let lines = self.entries(0)?.into_iter().take(size);
        let text = |line: Vec<u8>| String::from_utf8(line).map_err(|why| broken(&why));
        let mut sealed = BTreeMap::new();
        for file in fs::read_dir(&self.folder).map_err(at(&self.folder))? {
            let name = file.map_err(at(&self.folder))?.file_name();
            let sha256 = name.to_str().and_then(sha256_of);
            let Some(sha256) = sha256 else { continue };
            if let Some(bytes) = self.kept(&sha256)? {
                sealed.insert(sha256.hex(), BASE64.encode(bytes));
            }
        }
        let form = Form {
            origin: self.origin().to_owned(),
            entries: lines.map(text).collect::<Result<_, _>>()?,
            checkpoint: note,
            sealed,
        };
        serde_json::to_string(&form).map_err(|why| broken(&why))
    }
}

fn sha256_of(name: &str) -> Option<Digest> {
    let inner = name.strip_prefix("emergency.")?.strip_suffix(".sealed")?;
    inner.parse().ok()
}

impl EmergencyCopy {
    /// Whose it says it is; nothing vouches for that yet.
    #[must_use]
    pub fn origin_of(text: &str) -> Option<String> {
        serde_json::from_str::<Form>(text)
            .ok()
            .map(|form| form.origin)
    }

    /// Reads a copy that this key signed.
    ///
    /// # Errors
    /// What does not fit: it is not the node's word.
    pub fn read(text: &str, key: &VerifierKey) -> Result<Self, StoreError> {
        let form: Form = serde_json::from_str(text).map_err(|why| broken(&why))?;
        let checkpoint = Checkpoint::open(form.checkpoint.as_bytes(), key);
        let checkpoint = checkpoint.map_err(|why| broken(&why))?;
        let mut edge = Edge::new();
        for line in &form.entries {
            let entry = parse_entry(line.as_bytes()).map_err(|why| broken(&why))?;
            if entry.seq != edge.size() {
                return Err(broken(&format!("entry {} is missing", edge.size())));
            }
            push(&mut edge, line.as_bytes())?;
        }
        if (edge.size(), edge.root()) != (checkpoint.size, checkpoint.root) {
            return Err(broken(&"its copy is not what its checkpoint says"));
        }
        let bytes = |text: String| BASE64.decode(text).map_err(|why| broken(&why));
        let sealed = form.sealed.into_iter();
        Ok(Self {
            origin: form.origin,
            lines: form.entries.into_iter().map(String::into_bytes).collect(),
            checkpoint,
            note: form.checkpoint,
            sealed: sealed
                .map(|(name, text)| Ok((name, bytes(text)?)))
                .collect::<Result<_, StoreError>>()?,
        })
    }
}

/// Where entries are bound from.
#[derive(Debug, Clone, Copy)]
pub enum EmergencySource<'l> {
    /// This node's files.
    Own(&'l EmergencyLog),
    /// What another node left with the server.
    Left(&'l EmergencyCopy),
}

impl EmergencySource<'_> {
    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        match self {
            Self::Own(log) => log.origin(),
            Self::Left(copy) => &copy.origin,
        }
    }

    /// Entries in it.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Own(log) => log.size(),
            Self::Left(copy) => copy.checkpoint.size,
        }
    }

    /// As [`EmergencyLog::root_at`].
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn root_at(&self, size: u64) -> Result<Option<Hash>, StoreError> {
        let copy = match self {
            Self::Own(log) => return log.root_at(size),
            Self::Left(copy) => copy,
        };
        let mut edge = Edge::new();
        let first = usize::try_from(size).unwrap_or(usize::MAX);
        for line in copy.lines.iter().take(first) {
            push(&mut edge, line)?;
        }
        Ok((edge.size() == size).then(|| edge.root()))
    }

    /// As [`EmergencyLog::entries`].
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn entries(&self, from: u64) -> Result<Vec<Vec<u8>>, StoreError> {
        let skip = usize::try_from(from).unwrap_or(usize::MAX);
        match self {
            Self::Own(log) => log.entries(from),
            Self::Left(copy) => Ok(copy.lines.iter().skip(skip).cloned().collect()),
        }
    }

    /// As [`EmergencyLog::checkpoint`].
    ///
    /// # Errors
    /// As there.
    pub fn checkpoint(&self) -> Result<(Checkpoint, String), StoreError> {
        match self {
            Self::Own(log) => log.checkpoint(),
            Self::Left(copy) => Ok((copy.checkpoint.clone(), copy.note.clone())),
        }
    }

    /// As [`EmergencyLog::kept`].
    ///
    /// # Errors
    /// A file that cannot be read now.
    pub fn kept(&self, sha256: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        match self {
            Self::Own(log) => log.kept(sha256),
            Self::Left(copy) => {
                let bytes = copy.sealed.get(&sha256.hex()).cloned();
                Ok(bytes.filter(|bytes| Digest::of(bytes) == *sha256))
            }
        }
    }

    /// As [`EmergencyLog::drop_kept`]; a copy goes as a whole.
    pub fn drop_kept(&self, sha256: &Digest) {
        if let Self::Own(log) = self {
            log.drop_kept(sha256);
        }
    }
}
