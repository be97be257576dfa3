//! The node-local emergency log (PROTOCOL §11): a file of its own beside the database, with its own
//! origin and key, open from the start. Steps at Databricks are recorded here when the main log
//! cannot take them; the next start writes them into the main log.
//!
//! One entry per line, in the main log's form; a checkpoint over all of them beside it. Knows no
//! SQL and decides nothing.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::ballast::Ballast;
use super::commit::LogIdentity;
use super::error::StoreError;
use crate::audit::checkpoint::Checkpoint;
use crate::audit::entry::{Draft, PreparedDraft, parse_entry};
use crate::audit::merkle::{Edge, leaf_hash};
use crate::audit::note::NoteSigner;
use crate::domain::time::Timestamp;

/// Room reserved from the start, so that a full disk still takes these entries. One way back
/// writes some kilobytes.
const RESERVED_BYTES: u64 = 1 << 20;

/// An open emergency log.
#[derive(Debug)]
pub struct EmergencyLog {
    path: PathBuf,
    signer: NoteSigner,
    node: String,
    boot: String,
    room: Ballast,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: File,
    edge: Edge,
    /// Length of the file up to the last acknowledged entry.
    end: u64,
}

impl EmergencyLog {
    /// Opens or begins the log in a folder. `identity` has the main log's origin and this log's
    /// own seed.
    ///
    /// # Errors
    /// A file that cannot be read or written, or entries that are not those of a log.
    pub fn open(folder: &Path, identity: LogIdentity) -> Result<Self, StoreError> {
        let origin = format!("{}/emergency/{}", identity.origin, identity.node);
        let own = LogIdentity { origin, ..identity };
        let signer = own
            .signer()
            .map_err(|why| StoreError::Identity(why.to_string()))?;
        let path = folder.join("emergency.ndjson");
        let file = File::options()
            .create(true)
            .append(true)
            .read(true)
            .open(&path)
            .map_err(at(&path))?;
        let whole = whole_lines(&path)?;
        // A line without its end was never acknowledged: a crash came between.
        file.set_len(whole.len() as u64).map_err(at(&path))?;
        let mut edge = Edge::new();
        for line in lines(&whole) {
            let wrong = |why: String| StoreError::forked(format!("the emergency log: {why}"));
            let entry = parse_entry(line).map_err(|why| wrong(why.to_string()))?;
            if entry.seq != edge.size() {
                return Err(wrong(format!("entry {} is missing", edge.size())));
            }
            edge.push(leaf_hash(line))
                .map_err(|why| wrong(why.to_string()))?;
        }
        let room = Ballast::named(folder, "emergency.room", RESERVED_BYTES);
        if let Err(error) = room.keep() {
            // It works all the same, but perhaps not on a full disk.
            tracing::warn!(%error, "no room could be reserved for the emergency log");
        }
        Ok(Self {
            path,
            signer,
            node: own.node,
            boot: own.boot,
            room,
            state: Mutex::new(State {
                file,
                edge,
                end: whole.len() as u64,
            }),
        })
    }

    /// Its name: the main log's, `/emergency/` and the node.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.signer.verifier_key().name()
    }

    /// Its public key as a C2SP vkey.
    #[must_use]
    pub fn vkey(&self) -> String {
        self.signer.verifier_key().to_string()
    }

    /// Entries in it.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.state().edge.size()
    }

    /// Appends an entry; durable when this returns. Blocks for as long as the disk takes.
    ///
    /// # Errors
    /// An entry that is none, or a disk that takes nothing: then the step may not be done.
    pub fn append(&self, draft: &Draft, now: Timestamp) -> Result<u64, StoreError> {
        let invalid = |why: &dyn std::fmt::Display| StoreError::Identity(why.to_string());
        let ready =
            PreparedDraft::new(draft, &self.node, &self.boot).map_err(|why| invalid(&why))?;
        let mut state = self.state();
        let seq = state.edge.size();
        let mut line = ready.stamp(seq, now.0).map_err(|why| invalid(&why))?;
        let hash = leaf_hash(&line);
        line.push(b'\n');
        if write(&mut state, &line).is_err() {
            // Full, most likely: the reserved room is used.
            self.room.free().map_err(at(&self.path))?;
            write(&mut state, &line).map_err(at(&self.path))?;
        }
        state.end += line.len() as u64;
        state.edge.push(hash).map_err(|why| invalid(&why))?;
        Ok(seq)
    }

    /// Bytes of entries from one index on, in order.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn entries(&self, from: u64) -> Result<Vec<Vec<u8>>, StoreError> {
        let _still = self.state();
        let whole = whole_lines(&self.path)?;
        let skip = usize::try_from(from).unwrap_or(usize::MAX);
        Ok(lines(&whole).skip(skip).map(<[u8]>::to_vec).collect())
    }

    /// Checkpoint over every entry, signed with this log's own key.
    ///
    /// # Errors
    /// Never with a key that opened.
    pub fn checkpoint(&self) -> Result<(Checkpoint, String), StoreError> {
        let state = self.state();
        let checkpoint = Checkpoint {
            origin: self.origin().to_owned(),
            size: state.edge.size(),
            root: state.edge.root(),
        };
        let note = checkpoint
            .sign(&self.signer)
            .map_err(|why| StoreError::Identity(why.to_string()))?;
        Ok((checkpoint, note.to_string()))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write(state: &mut State, line: &[u8]) -> io::Result<()> {
    // What an earlier try left half written, or whole and never acknowledged, goes first: after it
    // no start could read the file.
    state.file.set_len(state.end)?;
    state.file.write_all(line)?;
    state.file.sync_data()
}

/// The file's bytes up to the end of its last whole line.
fn whole_lines(path: &Path) -> Result<Vec<u8>, StoreError> {
    let mut bytes = fs::read(path).map_err(at(path))?;
    let end = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |n| n + 1);
    bytes.truncate(end);
    Ok(bytes)
}

fn lines(whole: &[u8]) -> impl Iterator<Item = &[u8]> {
    whole.split(|b| *b == b'\n').filter(|line| !line.is_empty())
}

fn at(path: &Path) -> impl Fn(io::Error) -> StoreError + '_ {
    move |source| StoreError::File {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SecretLogSeed;

    fn open(folder: &Path) -> Result<EmergencyLog, StoreError> {
        let identity = LogIdentity {
            origin: "vault.example/log/v/e1".to_owned(),
            seed: SecretLogSeed::new([9; 32]),
            node: "n1".to_owned(),
            boot: "00000001".to_owned(),
        };
        EmergencyLog::open(folder, identity)
    }

    fn draft(kind: &str) -> Draft {
        Draft {
            kind: kind.to_owned(),
            members: serde_json::Map::new(),
        }
    }

    #[test]
    fn what_was_appended_is_there_after_a_crash_and_a_torn_line_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let log = open(folder.path()).unwrap();
        assert_eq!(log.origin(), "vault.example/log/v/e1/emergency/n1");
        log.append(&draft("emergency.begun"), Timestamp(1)).unwrap();
        log.append(&draft("emergency.ended"), Timestamp(2)).unwrap();
        let (before, note) = log.checkpoint().unwrap();
        assert_eq!((before.size, note.lines().nth(1)), (2, Some("2")));
        drop(log);
        let path = folder.path().join("emergency.ndjson");
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(b"{\"torn\":").unwrap();
        let log = open(folder.path()).unwrap();
        assert_eq!(log.checkpoint().unwrap().0, before);
        log.append(&draft("emergency.begun"), Timestamp(3)).unwrap();
        assert_eq!(log.entries(1).unwrap().len(), 2);
        assert_eq!(open(folder.path()).unwrap().size(), 3);
    }

    #[test]
    fn a_removed_line_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let log = open(folder.path()).unwrap();
        for _ in 0..3 {
            log.append(&draft("emergency.begun"), Timestamp(1)).unwrap();
        }
        let path = folder.path().join("emergency.ndjson");
        let text = fs::read_to_string(&path).unwrap();
        let cut: Vec<&str> = text.lines().skip(1).collect();
        fs::write(&path, cut.join("\n") + "\n").unwrap();
        let error = open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("entry 0 is missing"), "{error}");
    }
}
