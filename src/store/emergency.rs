//! The node-local emergency log (PROTOCOL §11): a file of its own beside the database, with its own
//! origin and key, open from the start. Steps at Databricks are recorded here when the main log
//! cannot take them; the next start writes them into the main log.
//!
//! One entry per line, in the main log's form; a checkpoint over all of them beside it, by which a
//! file that was cut is found. What a rotation seals meanwhile lies in files of its own. Knows no
//! SQL and decides nothing.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::ballast::Ballast;
use super::commit::LogIdentity;
use super::durable::{self, at};
use super::error::StoreError;
use crate::audit::checkpoint::Checkpoint;
use crate::audit::entry::{Draft, PreparedDraft, parse_entry};
use crate::audit::merkle::{Edge, Hash, leaf_hash};
use crate::audit::note::NoteSigner;
use crate::domain::time::Timestamp;

mod copied;
mod kept;
mod mark;

pub use copied::{EmergencyCopy, EmergencySource};
pub use mark::Cut;
use mark::Mark;

/// Room reserved from the start, so that a full disk still takes these entries. One way back
/// writes some kilobytes.
const RESERVED_BYTES: u64 = 1 << 20;

/// An open emergency log.
#[derive(Debug)]
pub struct EmergencyLog {
    folder: PathBuf,
    path: PathBuf,
    signer: NoteSigner,
    node: String,
    boot: String,
    room: Ballast,
    cut: Option<Cut>,
    /// There was a checkpoint beside the file when it was opened.
    marked: bool,
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
        let marked = mark::read(folder, &own)?;
        let (edge, cut) = grown(&whole, &marked)?;
        let room = Ballast::named(folder, "emergency.room", RESERVED_BYTES);
        if let Err(error) = room.keep() {
            // It works all the same, but perhaps not on a full disk.
            tracing::warn!(%error, "no room could be reserved for the emergency log");
        }
        Ok(Self {
            folder: folder.to_owned(),
            path,
            signer,
            cut,
            marked: !matches!(marked, Mark::None),
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

    /// Whose it is: the node's name.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.node
    }

    /// What the file had lost when it was opened, measured against its own checkpoint.
    #[must_use]
    pub fn cut(&self) -> Option<Cut> {
        self.cut
    }

    /// Whether a checkpoint lay beside the file when it was opened. Every entry is followed by one,
    /// so entries without any are nobody's word.
    #[must_use]
    pub fn was_marked(&self) -> bool {
        self.marked
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
        // The entry is durable; an older checkpoint beside it is true as well. One that lags by more
        // than this entry would be told as a change at the next start, so the reserved room is used.
        if self.mark(&state).is_err()
            && let Err(error) = self
                .room
                .free()
                .map_err(at(&self.path))
                .and_then(|_| self.mark(&state))
        {
            tracing::warn!(%error, "the emergency log's checkpoint was not written");
        }
        Ok(seq)
    }

    /// Root over the first entries; `None` when there are not that many.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn root_at(&self, size: u64) -> Result<Option<Hash>, StoreError> {
        let _still = self.state();
        let whole = whole_lines(&self.path)?;
        let mut edge = Edge::new();
        let first = usize::try_from(size).unwrap_or(usize::MAX);
        for line in lines(&whole).take(first) {
            push(&mut edge, line)?;
        }
        Ok((edge.size() == size).then(|| edge.root()))
    }

    /// Takes the file as it is from now on: its loss is told.
    ///
    /// # Errors
    /// A checkpoint that cannot be written.
    pub fn accept(&self) -> Result<(), StoreError> {
        self.mark(&self.state())
    }

    /// Puts a file that lost entries aside, where people can look at it, and begins an empty one.
    ///
    /// # Errors
    /// A file that cannot be moved or made.
    pub fn begin_anew(&self) -> Result<(), StoreError> {
        let mut state = self.state();
        mark::forget(&self.folder)?;
        let aside = self.folder.join(format!("emergency.cut-{}", self.boot));
        // A crash here: the next start finds no file, and says the same.
        fs::rename(&self.path, aside).map_err(at(&self.path))?;
        state.file = File::options()
            .create(true)
            .append(true)
            .read(true)
            .open(&self.path)
            .map_err(at(&self.path))?;
        state.edge = Edge::new();
        state.end = 0;
        Ok(())
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
        self.signed(&self.state())
    }

    fn mark(&self, state: &State) -> Result<(), StoreError> {
        let (_, note) = self.signed(state)?;
        let path = mark::path(&self.folder);
        durable::write(&path, note.as_bytes()).map_err(at(&path))
    }

    fn signed(&self, state: &State) -> Result<(Checkpoint, String), StoreError> {
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

/// The tree over a file's lines, and what its checkpoint says is missing of it.
fn grown(whole: &[u8], marked: &Mark) -> Result<(Edge, Option<Cut>), StoreError> {
    let mut edge = Edge::new();
    let mut agrees = matches!(marked, Mark::None | Mark::Of(Checkpoint { size: 0, .. }));
    for line in lines(whole) {
        let entry = parse_entry(line).map_err(|why| broken(&why))?;
        if entry.seq != edge.size() {
            return Err(broken(&format!("entry {} is missing", edge.size())));
        }
        push(&mut edge, line)?;
        agrees |= matches!(marked, Mark::Of(said) if said.size == edge.size() && said.root == edge.root());
    }
    let found = edge.size();
    let had = match marked {
        Mark::Of(said) => said.size,
        _ => found,
    };
    // A crash comes between one entry and its checkpoint; more entries than that are not ours.
    agrees &= !matches!(marked, Mark::Of(said) if found > said.size.saturating_add(1));
    Ok((edge, (!agrees).then_some(Cut { had, found })))
}

fn push(edge: &mut Edge, line: &[u8]) -> Result<(), StoreError> {
    edge.push(leaf_hash(line)).map_err(|why| broken(&why))
}

fn broken(why: &dyn std::fmt::Display) -> StoreError {
    StoreError::forked(format!("the emergency log: {why}"))
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

#[cfg(test)]
mod tests;
