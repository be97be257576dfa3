//! The tlog-tiles layout (C2SP tlog-tiles): paths, tile contents, entry bundles.
//!
//! A tile holds up to 256 hashes of one level, a bundle up to 256 entries. Knows nothing of
//! where files lie; a path here is relative and uses `/`.

use std::fmt;

use super::merkle::{Edge, Hash, MAX_SIZE};

/// Hashes in a full tile and entries in a full bundle.
pub const TILE_WIDTH: u64 = 256;
/// Height of a tile: one tile level spans this many tree levels.
pub const TILE_HEIGHT: u8 = 8;
/// Highest tile level a tree below 2^63 leaves can have.
pub const MAX_TILE_LEVEL: u8 = 7;

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TileKind {
    /// Hashes of tile level 0…7 (tree level eight times that).
    Hashes(u8),
    /// Entries, each with its length before it.
    Entries,
}

/// One tile or bundle: kind, number, and how many items it holds (1…256).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tile {
    /// What it holds.
    pub kind: TileKind,
    /// Its number among tiles of its kind, counted from 0.
    pub index: u64,
    /// Items in it: 256 when full.
    pub width: u16,
}

impl Tile {
    /// Parses a path such as `tile/0/x001/234.p/5` or `tile/entries/000`.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let (kind, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let kind = match kind {
            "entries" => TileKind::Entries,
            digit => {
                let level = digit
                    .parse()
                    .ok()
                    .filter(|level| *level <= MAX_TILE_LEVEL)?;
                TileKind::Hashes(level)
            }
        };
        let (number, width) = match rest.split_once(".p/") {
            None => (rest, 256),
            Some((number, width)) => (
                number,
                width
                    .parse()
                    .ok()
                    .filter(|width| (1..256).contains(width))?,
            ),
        };
        let mut index = 0u64;
        for group in number.split('/') {
            let digits = group.strip_prefix('x').unwrap_or(group);
            index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
        }
        let tile = Self { kind, index, width };
        // Only the one spelling that we would write ourselves is a path.
        (index <= MAX_SIZE / TILE_WIDTH && tile.to_string() == path).then_some(tile)
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes(level) => write!(f, "tile/{level}/")?,
            TileKind::Entries => f.write_str("tile/entries/")?,
        }
        let groups = std::iter::successors(Some(self.index), |n| (*n >= 1000).then_some(n / 1000));
        let groups: Vec<u64> = groups.map(|n| n % 1000).collect();
        for group in groups.iter().skip(1).rev() {
            write!(f, "x{group:03}/")?;
        }
        write!(f, "{:03}", groups[0])?;
        if self.width == 256 {
            Ok(())
        } else {
            write!(f, ".p/{}", self.width)
        }
    }
}

/// Every tile of a tree of `size` leaves: per level the full ones, then the partial one; the
/// entry bundles last.
pub fn tiles_of(size: u64) -> impl Iterator<Item = Tile> {
    let of_kind = |kind, count: u64| {
        let partial = u16::try_from(count % TILE_WIDTH).expect("less than 256");
        let full = (0..count / TILE_WIDTH).map(move |index| Tile {
            kind,
            index,
            width: 256,
        });
        let rest = Tile {
            kind,
            index: count / TILE_WIDTH,
            width: partial,
        };
        full.chain((partial > 0).then_some(rest))
    };
    let levels = (0..=MAX_TILE_LEVEL)
        .flat_map(move |level| of_kind(TileKind::Hashes(level), size >> (level * TILE_HEIGHT)));
    levels.chain(of_kind(TileKind::Entries, size))
}

/// The tile of a tree of `size` leaves that holds item `index` of tile level `level`.
#[must_use]
pub fn tile_at(level: u8, index: u64, size: u64) -> Option<Tile> {
    let count = size.checked_shr(u32::from(level) * u32::from(TILE_HEIGHT))?;
    let number = index / TILE_WIDTH;
    let width = count.saturating_sub(number * TILE_WIDTH).min(TILE_WIDTH);
    (level <= MAX_TILE_LEVEL && index < count).then(|| Tile {
        kind: TileKind::Hashes(level),
        index: number,
        width: u16::try_from(width).expect("at most 256"),
    })
}

/// Hash of the complete subtree (`level`, `index`) of a tree of `size` leaves, read from tiles:
/// the source that proofs ask for.
pub fn subtree_from_tiles(
    level: u8,
    index: u64,
    size: u64,
    read: impl Fn(Tile) -> Option<Vec<u8>>,
) -> Option<Hash> {
    let (tile_level, height) = (level / TILE_HEIGHT, level % TILE_HEIGHT);
    let first = index.checked_shl(u32::from(height))?;
    let tile = tile_at(tile_level, first, size)?;
    let content = read(tile)?;
    let hashes = parse_hashes(&content)?;
    let start = usize::try_from(first % TILE_WIDTH).ok()?;
    let mut edge = Edge::new();
    for hash in hashes.get(start..start + (1 << height))? {
        edge.push(*hash).ok()?;
    }
    Some(edge.root())
}

/// The hashes in a tile's bytes; `None` unless they are 1…256 whole hashes.
#[must_use]
pub fn parse_hashes(content: &[u8]) -> Option<&[Hash]> {
    let (hashes, odd) = content.as_chunks::<32>();
    (odd.is_empty() && (1..=256).contains(&hashes.len())).then_some(hashes)
}

/// Adds one entry to a bundle: its length as two big-endian bytes, then its bytes.
///
/// `None` when the entry is longer than 65,535 bytes; the bundle is unchanged then.
pub fn push_to_bundle(bundle: &mut Vec<u8>, entry: &[u8]) -> Option<()> {
    let length = u16::try_from(entry.len()).ok()?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Some(())
}

/// Takes the next entry off a bundle; `None` at its end or where it is broken (then `bundle` is
/// not empty).
pub fn next_in_bundle<'b>(bundle: &mut &'b [u8]) -> Option<&'b [u8]> {
    let (length, rest) = bundle.split_first_chunk::<2>()?;
    let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    *bundle = rest;
    Some(entry)
}

/// Collects hashes level by level and hands over each tile when it is full; memory is one tile
/// per level.
#[derive(Debug, Default)]
pub struct TileStack {
    levels: Vec<Level>,
}

#[derive(Debug, Default)]
struct Level {
    full: u64,
    hashes: Vec<Hash>,
}

impl TileStack {
    /// A stack for a tree whose leaves come from the first one on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next hash of tile level `level`; `done` gets every tile this completes.
    ///
    /// # Errors
    /// Those of `done`.
    pub fn push<E>(
        &mut self,
        level: u8,
        hash: Hash,
        done: &mut impl FnMut(Tile, &[Hash]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut level, mut hash) = (level, hash);
        loop {
            let place = usize::from(level);
            if self.levels.len() <= place {
                self.levels.resize_with(place + 1, Level::default);
            }
            let row = &mut self.levels[place];
            row.hashes.push(hash);
            if row.hashes.len() < 256 {
                return Ok(());
            }
            let tile = Tile {
                kind: TileKind::Hashes(level),
                index: row.full,
                width: 256,
            };
            done(tile, &row.hashes)?;
            hash = tile_root(&row.hashes);
            row.hashes.clear();
            row.full += 1;
            level += 1;
        }
    }

    /// Hands over the partial tiles that are left.
    ///
    /// # Errors
    /// Those of `done`.
    pub fn finish<E>(self, done: &mut impl FnMut(Tile, &[Hash]) -> Result<(), E>) -> Result<(), E> {
        for (level, row) in (0u8..).zip(self.levels) {
            if let width @ 1.. = u16::try_from(row.hashes.len()).expect("less than 256") {
                let tile = Tile {
                    kind: TileKind::Hashes(level),
                    index: row.full,
                    width,
                };
                done(tile, &row.hashes)?;
            }
        }
        Ok(())
    }
}

/// Root over the hashes of one tile.
#[must_use]
pub fn tile_root(hashes: &[Hash]) -> Hash {
    let mut edge = Edge::new();
    for hash in hashes {
        edge.push(*hash)
            .expect("a tile is far below the largest tree");
    }
    edge.root()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_match_the_specification() {
        let at = |index, width| Tile {
            kind: TileKind::Entries,
            index,
            width,
        };
        assert_eq!(at(1_234_067, 256).to_string(), "tile/entries/x001/x234/067");
        let partial: Vec<String> = tiles_of(70_000)
            .filter(|tile| tile.width < 256)
            .map(|tile| tile.to_string())
            .collect();
        assert_eq!(
            partial,
            [
                "tile/0/273.p/112",
                "tile/1/001.p/17",
                "tile/2/000.p/1",
                "tile/entries/273.p/112"
            ]
        );
        let all: Vec<String> = tiles_of(256).map(|tile| tile.to_string()).collect();
        assert_eq!(all, ["tile/0/000", "tile/1/000.p/1", "tile/entries/000"]);
        assert_eq!(tiles_of(0).count(), 0);
    }

    #[test]
    fn only_our_own_spelling_is_a_path() {
        for tile in tiles_of(3_000_000).filter(|tile| tile.index % 997 < 3) {
            assert_eq!(Tile::parse(&tile.to_string()), Some(tile));
        }
        for wrong in [
            "tile/0/0",
            "tile/8/000",
            "tile/00/000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/x000/001",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
            "tile/-1/000",
            "tile/0/+01",
            "tile/entries/",
            "tile/0/../000",
            "checkpoint",
        ] {
            assert_eq!(Tile::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_broken_bundle_stops_where_it_breaks() {
        let mut bundle = Vec::new();
        push_to_bundle(&mut bundle, b"one").unwrap();
        push_to_bundle(&mut bundle, b"").unwrap();
        assert!(push_to_bundle(&mut bundle, &[0; 65_536]).is_none());
        bundle.extend_from_slice(&[0, 9, 1]);
        let mut rest = bundle.as_slice();
        assert_eq!(next_in_bundle(&mut rest), Some(&b"one"[..]));
        assert_eq!(next_in_bundle(&mut rest), Some(&b""[..]));
        assert_eq!(next_in_bundle(&mut rest), None);
        assert_eq!(rest.len(), 3);
    }
}
