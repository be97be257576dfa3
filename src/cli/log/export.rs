//! `breakglass log export`: downloads entries and documents and writes a copy that proves itself.
//!
//! Tiles and root are made here from the entries and held against the verified checkpoint, so a
//! copy that would not verify is not finished.

use std::io;
use std::path::Path;

use serde_json::json;
use tokio::sync::mpsc;

use super::folder::{append, is_inside};
use crate::api::ExportList;
use crate::audit::checkpoint::Checkpoint;
use crate::audit::export::{ExportError, ExportParts, export};
use crate::audit::note::{Note, VerifierKey};
use crate::audit::tiles::{TILE_WIDTH, Tile, TileKind, next_in_bundle};
use crate::cli::client::Client;
use crate::cli::{CliError, Exit, Globals, Output, files};

/// Bundles that may wait for the writer.
const AHEAD: usize = 4;
/// Folders whose files are copied as they are.
const DOCUMENTS: [&str; 6] = [
    "terms/",
    "acts/",
    "roster/",
    "policy/",
    "manifests/",
    "allowed_signers/",
];

/// What the writer needs besides entries.
struct Parts {
    checkpoint: Note,
    log_keys: Vec<VerifierKey>,
    earlier: Vec<Note>,
    objects: Vec<(String, Vec<u8>)>,
}

/// Exports into a new folder.
///
/// # Errors
/// [`CliError`]; log broken when the server's entries do not hash to its checkpoint.
pub(super) async fn run(dir: &Path, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let mut client = Client::open(globals)?;
    new_folder(dir)?;
    let list: ExportList = client.get_again("/log/export").await?;
    let head = client.follow(list.checkpoint.as_bytes()).await?;
    let parts = Parts {
        checkpoint: note(list.checkpoint.as_bytes())?,
        log_keys: log_keys(&mut client, &head).await?,
        earlier: earlier(&client, &list).await?,
        objects: objects(&client, &list, out).await?,
    };
    let (sender, receiver) = mpsc::channel(AHEAD);
    let folder = dir.to_owned();
    let writer = tokio::task::spawn_blocking(move || write(&folder, &parts, receiver));
    let fetched = fetch_entries(&client, &head, sender, out).await;
    let written = writer
        .await
        .map_err(|why| CliError::failed("export", why.to_string()))?;
    fetched?;
    written?;
    out.redraw("");
    out.result(
        json!({"dir": dir.display().to_string(), "size": head.size, "documents": list.files.len()}),
        &format!(
            "{} entries in {}.\nCheck it: breakglass log verify {}",
            head.size,
            dir.display(),
            dir.display()
        ),
    );
    Ok(Exit::DONE)
}

/// One key per epoch of the log, proved to lead to the pinned one.
async fn log_keys(client: &mut Client, head: &Checkpoint) -> Result<Vec<VerifierKey>, CliError> {
    let keys = client.log_vkeys(head).await?;
    let keys = keys.iter();
    keys.map(|vkey| {
        VerifierKey::parse(vkey)
            .map_err(|why| CliError::log_broken(format!("a key of the log is none: {why}")))
    })
    .collect()
}

fn new_folder(dir: &Path) -> Result<(), CliError> {
    std::fs::create_dir_all(dir).map_err(|why| files::cannot("make", dir, &why))?;
    let mut listed = std::fs::read_dir(dir).map_err(|why| files::cannot("read", dir, &why))?;
    if listed.next().is_some() {
        return Err(CliError::usage(format!("{} is not empty", dir.display())));
    }
    Ok(())
}

fn note(bytes: &[u8]) -> Result<Note, CliError> {
    Note::parse(bytes).map_err(|why| CliError::log_broken(format!("a checkpoint is none: {why}")))
}

async fn earlier(client: &Client, list: &ExportList) -> Result<Vec<Note>, CliError> {
    let mut notes = Vec::new();
    for path in list
        .files
        .iter()
        .filter(|path| path.starts_with("checkpoints/"))
    {
        notes.push(note(&file(client, path).await?)?);
    }
    Ok(notes)
}

async fn objects(
    client: &Client,
    list: &ExportList,
    out: &Output,
) -> Result<Vec<(String, Vec<u8>)>, CliError> {
    let mut objects = Vec::new();
    let wanted = |path: &&String| DOCUMENTS.iter().any(|folder| path.starts_with(folder));
    for path in list.files.iter().filter(wanted) {
        out.redraw(&format!("document {}", objects.len() + 1));
        objects.push((path.clone(), file(client, path).await?));
    }
    Ok(objects)
}

async fn file(client: &Client, path: &str) -> Result<Vec<u8>, CliError> {
    if !is_inside(path) {
        return Err(CliError::failed(
            "export",
            "the server named a path outside of the export",
        ));
    }
    client.api.get_bytes(&format!("/log/files/{path}")).await
}

/// Fetches bundle after bundle; a writer that gave up ends it.
async fn fetch_entries(
    client: &Client,
    head: &Checkpoint,
    sender: mpsc::Sender<Vec<u8>>,
    out: &Output,
) -> Result<(), CliError> {
    let mut next = 0;
    while next < head.size {
        let width = TILE_WIDTH.min(head.size - next);
        let tile = Tile {
            kind: TileKind::Entries,
            index: next / TILE_WIDTH,
            width: u16::try_from(width).unwrap_or(u16::MAX),
        };
        let bundle = file(client, &tile.to_string()).await?;
        if sender.send(bundle).await.is_err() {
            break;
        }
        next += width;
        out.redraw(&format!("{next} of {} entries", head.size));
    }
    Ok(())
}

fn write(
    folder: &Path,
    parts: &Parts,
    mut receiver: mpsc::Receiver<Vec<u8>>,
) -> Result<(), CliError> {
    let bundles = std::iter::from_fn(|| receiver.blocking_recv());
    let entries = bundles.flat_map(|bundle| entries_of(&bundle));
    let parts = ExportParts {
        checkpoint: &parts.checkpoint,
        log_keys: &parts.log_keys,
        earlier: &parts.earlier,
        objects: &parts.objects,
    };
    let written = export(&parts, entries, &mut |path, bytes| {
        append(folder, path, bytes)
    });
    match written {
        Ok(_) => Ok(()),
        Err(ExportError::Outside(why)) => Err(files::cannot("write", folder, &why)),
        Err(why @ ExportError::Missing { .. }) => Err(CliError::failed("export", why.to_string())),
        Err(why) => Err(CliError::log_broken(format!(
            "the export does not hold: {why}"
        ))),
    }
}

fn entries_of(bundle: &[u8]) -> Vec<io::Result<Vec<u8>>> {
    let mut rest = bundle;
    let mut entries = Vec::new();
    while !rest.is_empty() {
        match next_in_bundle(&mut rest) {
            Some(entry) => entries.push(Ok(entry.to_vec())),
            None => {
                entries.push(Err(io::Error::other("a bundle of entries is cut")));
                break;
            }
        }
    }
    entries
}
