//! Level 0: every entry hashes into the tiles and into the root, in one parallel pass.
//!
//! One thread cuts `entries.ndjson` into chunks of whole tiles; workers compare them with the
//! bundles and level-0 tiles and hash; chunks are then joined in order. No JSON is parsed here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Read};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use super::super::checkpoint::Checkpoint;
use super::super::entry::MAX_ENTRY_BYTES;
use super::super::merkle::{Edge, Hash, leaf_hash};
use super::super::tiles::{Tile, TileKind, TileStack, next_in_bundle, tile_root};
use super::ExportSource;
use super::report::Failure;

pub(super) const ENTRIES: &str = "entries.ndjson";
const TILES_PER_CHUNK: u64 = 8;
const ENTRIES_PER_CHUNK: u64 = TILES_PER_CHUNK * 256;

/// Root of the tree at each size that somebody claimed, as far as the log reaches.
pub(super) type PrefixRoots = HashMap<u64, Hash>;

/// Whole lines of `entries.ndjson`, starting at a tile boundary.
struct Chunk {
    number: u64,
    lines: Vec<u8>,
}

/// What a chunk hashed to.
struct Hashed {
    /// Roots of its full tiles.
    full: Vec<Hash>,
    /// Leaves after the last full tile, at the end of the log only.
    rest: Vec<Hash>,
    /// For each claimed size inside this chunk: the edge of the tile part below it.
    prefixes: Vec<(u64, Edge)>,
}

struct Work<'a> {
    source: &'a dyn ExportSource,
    size: u64,
    claimed: BTreeSet<u64>,
}

/// Checks level 0 and returns the roots at the claimed sizes.
pub(super) fn check(
    source: &dyn ExportSource,
    head: &Checkpoint,
    sizes: &[u64],
    threads: usize,
) -> Result<PrefixRoots, Failure> {
    let claimed = sizes
        .iter()
        .copied()
        .filter(|size| *size <= head.size)
        .collect();
    let work = Work {
        source,
        size: head.size,
        claimed,
    };
    let opened = source
        .open(ENTRIES)
        .map_err(|e| Failure::whole(format!("{ENTRIES}: {e}")))?;
    let opened = opened.ok_or_else(|| Failure::whole(format!("{ENTRIES} is missing")))?;
    let mut joined = Joined::default();
    let (chunks, queue) = sync_channel::<Chunk>(threads * 2);
    let (done, results) = channel();
    let queue = Mutex::new(queue);
    std::thread::scope(|scope| {
        // Owned in here, so that leaving early also ends the workers' waiting.
        let (chunks, done) = (chunks, done);
        for _ in 0..threads {
            let (done, queue, work) = (done.clone(), &queue, &work);
            std::thread::Builder::new()
                .spawn_scoped(scope, move || work.run(queue, &done))
                .map_err(|e| Failure::whole(format!("no thread to hash with: {e}")))?;
        }
        drop(done);
        let read = Lines {
            source: opened,
            buffer: Vec::new(),
            ended: false,
        };
        let fed = feed(read, &work, &chunks, &results, &mut joined);
        drop(chunks);
        // What is still in flight may hold an earlier fault than the one reading met.
        results
            .iter()
            .try_for_each(|(number, result)| joined.add(number, result, &work))?;
        fed
    })?;
    joined.finish(&work, head)
}

/// Reads chunk after chunk to the workers, joining what comes back meanwhile.
fn feed(
    mut lines: Lines<'_>,
    work: &Work<'_>,
    chunks: &SyncSender<Chunk>,
    results: &Receiver<(u64, Result<Hashed, Failure>)>,
    joined: &mut Joined,
) -> Result<(), Failure> {
    for number in 0..work.size.div_ceil(ENTRIES_PER_CHUNK) {
        let first = number * ENTRIES_PER_CHUNK;
        let lines = lines.take(first, ENTRIES_PER_CHUNK.min(work.size - first))?;
        if chunks.send(Chunk { number, lines }).is_err() {
            return Err(Failure::whole("the hashing threads ended"));
        }
        for (number, result) in results.try_iter() {
            joined.add(number, result, work)?;
        }
    }
    lines.expect_end(work.size)
}

/// Cuts a stream into whole lines.
struct Lines<'a> {
    source: Box<dyn Read + Send + 'a>,
    buffer: Vec<u8>,
    ended: bool,
}

impl Lines<'_> {
    /// The next `count` lines with their newlines; `first` is the number of the first.
    fn take(&mut self, first: u64, count: u64) -> Result<Vec<u8>, Failure> {
        let (mut found, mut end) = (0, 0);
        loop {
            for at in memchr::memchr_iter(b'\n', &self.buffer[end..]) {
                found += 1;
                if found == count {
                    let rest = self.buffer.split_off(end + at + 1);
                    return Ok(std::mem::replace(&mut self.buffer, rest));
                }
            }
            let last = memchr::memrchr(b'\n', &self.buffer).map_or(0, |at| at + 1);
            end = self.buffer.len();
            if end - last > MAX_ENTRY_BYTES {
                return Err(Failure::at(first + found, "the entry is too long"));
            }
            if self.ended {
                let reason = if end > last {
                    "the entry is cut"
                } else {
                    "the entry is missing"
                };
                return Err(Failure::at(first + found, reason));
            }
            self.fill()
                .map_err(|e| Failure::at(first + found, format!("{ENTRIES}: {e}")))?;
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut block = (&mut self.source).take(1 << 20);
        self.ended = block.read_to_end(&mut self.buffer)? == 0;
        Ok(())
    }

    fn expect_end(&mut self, size: u64) -> Result<(), Failure> {
        while self.buffer.is_empty() && !self.ended {
            self.fill()
                .map_err(|e| Failure::at(size, format!("{ENTRIES}: {e}")))?;
        }
        if self.buffer.is_empty() {
            return Ok(());
        }
        Err(Failure::at(size, "there are entries beyond the checkpoint"))
    }
}

impl Work<'_> {
    fn run(&self, queue: &Mutex<Receiver<Chunk>>, done: &Sender<(u64, Result<Hashed, Failure>)>) {
        loop {
            let next = match queue.lock() {
                Ok(queue) => queue.recv(),
                Err(_) => return,
            };
            let Ok(Chunk { number, lines }) = next else {
                return;
            };
            if done.send((number, self.hash(number, &lines))).is_err() {
                return;
            }
        }
    }

    /// Hashes one chunk, comparing each entry with its bundle and each full or last tile with
    /// its file.
    fn hash(&self, number: u64, lines: &[u8]) -> Result<Hashed, Failure> {
        let mut hashed = Hashed {
            full: Vec::new(),
            rest: Vec::new(),
            prefixes: Vec::new(),
        };
        let mut lines = lines;
        for index in number * TILES_PER_CHUNK..(number + 1) * TILES_PER_CHUNK {
            let first = index * 256;
            let Some(left) = self.size.checked_sub(first).filter(|left| *left > 0) else {
                break;
            };
            let width = u16::try_from(left.min(256)).expect("at most 256");
            let leaves = self.leaves(index, width, &mut lines)?;
            let tile = Tile {
                kind: TileKind::Hashes(0),
                index,
                width,
            };
            compare_tile(self.source, tile, &leaves)?;
            for size in self.claimed.range(first + 1..=first + u64::from(width)) {
                hashed
                    .prefixes
                    .push((*size, edge_of(&leaves, size - first)));
            }
            match width {
                256 => hashed.full.push(tile_root(&leaves)),
                _ => hashed.rest = leaves,
            }
        }
        Ok(hashed)
    }

    /// Leaf hashes of one bundle, whose entries must be the next lines.
    fn leaves(&self, index: u64, width: u16, lines: &mut &[u8]) -> Result<Vec<Hash>, Failure> {
        let tile = Tile {
            kind: TileKind::Entries,
            index,
            width,
        };
        let content = read_tile(self.source, tile)?;
        let mut bundle = content.as_slice();
        let mut leaves = Vec::with_capacity(usize::from(width));
        for seq in (index * 256..).take(usize::from(width)) {
            let entry = next_in_bundle(&mut bundle)
                .ok_or_else(|| Failure::at(seq, format!("{tile} ends before the entry")))?;
            match lines.split_at_checked(entry.len() + 1) {
                Some((line, rest)) if line[..entry.len()] == *entry && line.ends_with(b"\n") => {
                    *lines = rest;
                }
                _ => {
                    let reason = format!("the entry differs between {ENTRIES} and {tile}");
                    return Err(Failure::at(seq, reason));
                }
            }
            leaves.push(leaf_hash(entry));
        }
        if bundle.is_empty() {
            return Ok(leaves);
        }
        let after = index * 256 + u64::from(width);
        Err(Failure::at(
            after,
            format!("{tile} has bytes after its last entry"),
        ))
    }
}

fn edge_of(leaves: &[Hash], count: u64) -> Edge {
    let mut edge = Edge::new();
    for leaf in leaves
        .iter()
        .take(usize::try_from(count).expect("at most 256"))
    {
        edge.push(*leaf).expect("at most 256 leaves");
    }
    edge
}

fn read_tile(source: &dyn ExportSource, tile: Tile) -> Result<Vec<u8>, Failure> {
    super::read_file(source, &tile.to_string()).map_err(|reason| match tile.kind {
        TileKind::Entries | TileKind::Hashes(0) => Failure::at(tile.index * 256, reason),
        TileKind::Hashes(_) => Failure::whole(reason),
    })
}

/// Compares a tile's file with the hashes it must hold and names the first entry that differs.
fn compare_tile(source: &dyn ExportSource, tile: Tile, hashes: &[Hash]) -> Result<(), Failure> {
    let content = read_tile(source, tile)?;
    if content == hashes.as_flattened() {
        return Ok(());
    }
    let reason = format!("{tile} does not hold the hashes of the entries");
    if tile.kind != TileKind::Hashes(0) {
        return Err(Failure::whole(reason));
    }
    let bad = hashes
        .iter()
        .zip(content.chunks(32))
        .take_while(|(a, b)| a.as_slice() == *b);
    Err(Failure::at(tile.index * 256 + bad.count() as u64, reason))
}

/// The chunks joined so far, in order.
#[derive(Default)]
struct Joined {
    edge: Edge,
    stack: TileStack,
    rest: Vec<Hash>,
    waiting: BTreeMap<u64, Hashed>,
    next: u64,
    roots: PrefixRoots,
    failed: Option<(u64, Failure)>,
}

impl Joined {
    /// Takes one chunk's result; an error is final only when every earlier chunk was good.
    fn add(
        &mut self,
        number: u64,
        result: Result<Hashed, Failure>,
        work: &Work<'_>,
    ) -> Result<(), Failure> {
        match result {
            Ok(hashed) => {
                self.waiting.insert(number, hashed);
            }
            Err(failure) => {
                if self
                    .failed
                    .as_ref()
                    .is_none_or(|(other, _)| number < *other)
                {
                    self.failed = Some((number, failure));
                }
            }
        }
        while let Some(hashed) = self.waiting.remove(&self.next) {
            self.join(hashed, work)?;
            self.next += 1;
        }
        match self.failed.take() {
            Some((at, failure)) if at == self.next => Err(failure),
            other => {
                self.failed = other;
                Ok(())
            }
        }
    }

    fn join(&mut self, hashed: Hashed, work: &Work<'_>) -> Result<(), Failure> {
        let overflow = |error: super::super::merkle::TreeError| Failure::whole(error.to_string());
        let mut prefixes = hashed.prefixes.into_iter().peekable();
        let mut compare = |tile: Tile, hashes: &[Hash]| compare_tile(work.source, tile, hashes);
        for root in hashed.full {
            let end = self.edge.size() + 256;
            while let Some((size, part)) = prefixes.next_if(|(size, _)| *size <= end) {
                self.roots
                    .insert(size, extended(&self.edge, &part).map_err(overflow)?.root());
            }
            self.edge.push_subtree(8, root).map_err(overflow)?;
            self.stack.push(1, root, &mut compare)?;
        }
        for (size, part) in prefixes {
            self.roots
                .insert(size, extended(&self.edge, &part).map_err(overflow)?.root());
        }
        self.rest = hashed.rest;
        Ok(())
    }

    fn finish(mut self, work: &Work<'_>, head: &Checkpoint) -> Result<PrefixRoots, Failure> {
        let mut compare = |tile: Tile, hashes: &[Hash]| compare_tile(work.source, tile, hashes);
        self.stack.finish(&mut compare)?;
        for leaf in &self.rest {
            self.edge
                .push(*leaf)
                .map_err(|error| Failure::whole(error.to_string()))?;
        }
        if self.edge.size() != head.size || self.edge.root() != head.root {
            return Err(Failure::whole(
                "the entries hash to another root than the checkpoint's",
            ));
        }
        if work.claimed.contains(&0) {
            self.roots.insert(0, Edge::new().root());
        }
        Ok(self.roots)
    }
}

/// A tree at a tile boundary, extended by a part of the next tile.
fn extended(edge: &Edge, part: &Edge) -> Result<Edge, super::super::merkle::TreeError> {
    let mut whole = edge.clone();
    let mut hashes = part.hashes().iter();
    for level in (0..9u8).rev().filter(|level| part.size() >> level & 1 == 1) {
        if let Some(hash) = hashes.next() {
            whole.push_subtree(level, *hash)?;
        }
    }
    Ok(whole)
}
