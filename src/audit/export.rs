//! What an export holds (DESIGN §10): paths and bytes, handed to the caller piece by piece.
//!
//! Entries stream through once; tiles and root are made from them and compared with the signed
//! checkpoint, so an export that would not verify is not finished. Where the bytes go is the
//! caller's business.

use super::checkpoint::{Checkpoint, CheckpointError};
use super::merkle::{Edge, Hash, leaf_hash};
use super::note::{Note, VerifierKey};
use super::policy;
use super::tiles::{Tile, TileKind, TileStack, push_to_bundle};

/// The independent verifier that lies in every export (Python ≥ 3.8, standard library only).
pub const VERIFY_PY: &str = include_str!("verify.py");

/// What an export is and how to check it, for who finds one.
pub const README: &str = "\
This is a copy of a Breakglass log that proves itself.

  checkpoint        the newest signed tree head (C2SP tlog-checkpoint)
  checkpoints/      earlier ones
  entries.ndjson    one entry per line; each line's bytes are what is hashed
  tile/             the same log in the layout of C2SP tlog-tiles
  policy.txt        the log's key and its witnesses (C2SP tlog-policy)
  terms/ acts/ roster/ manifests/ policy/   documents named by their SHA-256 in entries
  verify.py         checks entries, tiles, checkpoints and the log's signature without Breakglass;
                    documents and people's signatures are checked by breakglass alone

Check it:  breakglass log verify DIR [--seen FILE...]
or:        python3 verify.py DIR [--seen FILE...]

An act's .sig is an OpenSSH signature (ssh-keygen -Y verify -f allowed_signers/... -n
breakglass-<act>) or, where the act's `key` begins with `passkey HOST/CREDENTIAL/KEY`, what a
browser signed: a JSON text of four base64url fields. To check one by hand:
  1. decode clientDataJSON; its `type` is webauthn.get, the host of its `origin` is HOST, and its
     `challenge` is base64url of SHA-256 over the line breakglass/<act>/v1, its line feed, and
     the bytes of the act
  2. the first 32 bytes of authenticatorData are SHA-256(HOST); byte 33 has the bits 1 (somebody
     touched it) and 4 (and was verified)
  3. openssl pkeyutl / dgst -sha256 -verify with KEY (a DER public key) accepts `signature` over
     authenticatorData followed by SHA-256(clientDataJSON)
  4. the act's person has that key in the roster whose hash the log names
`breakglass log verify` does all four for every act.

The key in policy.txt comes from the export itself. Compare it with one you know, and give
every mail, message or note you kept with --seen: a log that was rewritten or cut off since
then does not extend the checkpoint in it. Without any, nothing shows that this copy is whole.
Where the log goes on after a declared log epoch (its name ends in /e2 or more), verify.py ends
with 8: who declared it is checked by breakglass log verify only.
";

/// What the caller brings besides the entries.
#[derive(Debug)]
pub struct ExportParts<'a> {
    /// The newest signed checkpoint; the export ends there.
    pub checkpoint: &'a Note,
    /// Keys of the log, the present one among them.
    pub log_keys: &'a [VerifierKey],
    /// Earlier checkpoints, in any order.
    pub earlier: &'a [Note],
    /// Documents: `terms/<sha256>.json`, `acts/…`, `roster/…`, `manifests/…`, `policy/…`,
    /// `allowed_signers…`, with their bytes.
    pub objects: &'a [(String, Vec<u8>)],
}

/// Where files go: adds bytes to the end of the named one.
pub type Append<'a, E> = dyn FnMut(&str, &[u8]) -> Result<(), E> + 'a;

/// Why an export was not finished. `E` is the error of the entries or of the sink.
#[derive(Debug, thiserror::Error)]
pub enum ExportError<E> {
    /// The checkpoint, or an earlier one, is not one of this log.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The entries are fewer than the checkpoint says.
    #[error("there are {found} entries, the checkpoint says {wanted}")]
    Missing {
        /// Entries that came.
        found: u64,
        /// Size of the checkpoint.
        wanted: u64,
    },
    /// An entry does not fit a bundle.
    #[error("entry {0} is too long")]
    TooLong(u64),
    /// The entries hash to another root.
    #[error("the entries do not hash to the checkpoint")]
    Root,
    /// Reading entries or writing files failed.
    #[error(transparent)]
    Outside(E),
}

/// Hands every file of an export to `append(path, bytes)`.
///
/// `append` adds bytes to the end of the named file: `entries.ndjson` comes in many pieces,
/// every other file in one. `entries` gives the log from its first entry; what it has beyond the
/// checkpoint is not read.
///
/// # Errors
/// [`ExportError`]; files handed over before stay incomplete and are the caller's to remove.
pub fn export<E>(
    parts: &ExportParts<'_>,
    entries: impl Iterator<Item = Result<Vec<u8>, E>>,
    append: &mut Append<'_, E>,
) -> Result<Checkpoint, ExportError<E>> {
    let head = own_checkpoint(parts.checkpoint, parts.log_keys)?;
    let size = head.size;
    let mut writer = Writer {
        append,
        edge: Edge::new(),
        stack: TileStack::new(),
    };
    let mut bundle = Vec::new();
    let mut lines = Vec::new();
    for entry in entries.take(usize::try_from(size).unwrap_or(usize::MAX)) {
        let entry = entry.map_err(ExportError::Outside)?;
        let seq = writer.edge.size();
        push_to_bundle(&mut bundle, &entry).ok_or(ExportError::TooLong(seq))?;
        lines.extend_from_slice(&entry);
        lines.push(b'\n');
        writer.leaf(leaf_hash(&entry))?;
        if writer.edge.size().is_multiple_of(256) || writer.edge.size() == size {
            writer.bundle(seq, &bundle)?;
            (writer.append)("entries.ndjson", &lines).map_err(ExportError::Outside)?;
            bundle.clear();
            lines.clear();
        }
    }
    if size == 0 {
        (writer.append)("entries.ndjson", b"").map_err(ExportError::Outside)?;
    }
    writer.finish(&head)?;
    write_parts(parts, append)?;
    Ok(head)
}

struct Writer<'w, 'a, E> {
    append: &'w mut Append<'a, E>,
    edge: Edge,
    stack: TileStack,
}

impl<E> Writer<'_, '_, E> {
    fn leaf(&mut self, leaf: Hash) -> Result<(), ExportError<E>> {
        self.edge.push(leaf).map_err(|_| ExportError::Root)?;
        let append = &mut self.append;
        let mut write =
            |tile: Tile, hashes: &[Hash]| append(&tile.to_string(), hashes.as_flattened());
        self.stack
            .push(0, leaf, &mut write)
            .map_err(ExportError::Outside)
    }

    fn bundle(&mut self, last_seq: u64, bundle: &[u8]) -> Result<(), ExportError<E>> {
        let width = u16::try_from(last_seq % 256 + 1).expect("at most 256");
        let tile = Tile {
            kind: TileKind::Entries,
            index: last_seq / 256,
            width,
        };
        (self.append)(&tile.to_string(), bundle).map_err(ExportError::Outside)
    }

    fn finish(self, head: &Checkpoint) -> Result<(), ExportError<E>> {
        let found = self.edge.size();
        if found != head.size {
            return Err(ExportError::Missing {
                found,
                wanted: head.size,
            });
        }
        if self.edge.root() != head.root {
            return Err(ExportError::Root);
        }
        let append = self.append;
        let mut write =
            |tile: Tile, hashes: &[Hash]| append(&tile.to_string(), hashes.as_flattened());
        self.stack.finish(&mut write).map_err(ExportError::Outside)
    }
}

/// The small files; the checkpoint last, so that a broken export has none.
fn write_parts<E>(
    parts: &ExportParts<'_>,
    append: &mut Append<'_, E>,
) -> Result<(), ExportError<E>> {
    let mut write = |path: &str, bytes: &[u8]| append(path, bytes).map_err(ExportError::Outside);
    for note in parts.earlier {
        let checkpoint = own_checkpoint(note, parts.log_keys)?;
        let path = format!("checkpoints/{:020}.note", checkpoint.size);
        write(&path, note.to_string().as_bytes())?;
    }
    for (path, bytes) in parts.objects {
        write(path, bytes)?;
    }
    // Former epochs' keys stand in the log's own entries, under the newest one's signature.
    let head = own_checkpoint(parts.checkpoint, parts.log_keys)?;
    let newest = parts.log_keys.iter().find(|key| key.name() == head.origin);
    write(
        "policy.txt",
        policy::without_witnesses(newest.map_or(&[][..], std::slice::from_ref)).as_bytes(),
    )?;
    write("README.txt", README.as_bytes())?;
    write("verify.py", VERIFY_PY.as_bytes())?;
    write("checkpoint", parts.checkpoint.to_string().as_bytes())
}

fn own_checkpoint(note: &Note, keys: &[VerifierKey]) -> Result<Checkpoint, CheckpointError> {
    let verified = note.verify(keys)?;
    Checkpoint::open_note(note, verified[0])
}
