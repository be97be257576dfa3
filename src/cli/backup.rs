//! `breakglass backup`: a copy of the database and the recovery bundle, on the host, while `serve`
//! runs.

use std::path::PathBuf;

use serde_json::json;

use super::vault_parts::{Parts, store_error};
use super::{CliError, Exit, Globals, Output, bundle, files};
use crate::store::{self, BackupStamp};

/// Arguments of `backup`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  breakglass backup /mnt/safe/2026-11-22 --config breakglass.toml\n\n\
    Writes a copy of the database and DIR/recovery (opened by k custodians on any machine: \
    breakglass recover). Neither opens by itself; neither holds the log's key. Take a new one after \
    each rotation: an old bundle opens a dead secret.\n\n\
    The copy of SQLite is DIR/breakglass.db: put it back under its old name. The copy of PostgreSQL is \
    DIR/breakglass.sql, for stock psql and an empty database:\n  \
    psql -X -v ON_ERROR_STOP=1 -d NEW_DATABASE -f DIR/breakglass.sql"
)]
pub struct Args {
    /// Folder to make; it must not exist
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Copies and writes.
///
/// # Errors
/// When the folder exists, or the database cannot be read.
pub async fn run(args: Args, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let path = globals.config.clone().ok_or_else(|| {
        CliError::usage("which configuration?")
            .hint("breakglass backup DIR --config breakglass.toml")
    })?;
    let parts = Parts::read(&path)?;
    if args.dir.exists() {
        let shown = args.dir.display();
        return Err(CliError::usage(format!("{shown} exists already"))
            .hint("a backup is never written over another one: name a new folder"));
    }
    files::private_folder(&args.dir)?;
    let backup = store::back_up(&parts.config.store(), &args.dir)
        .await
        .map_err(|why| store_error(&why))?;
    let bundle = args.dir.join("recovery");
    let about = bundle::write(&bundle, &backup)?;
    let manifest = &backup.epoch.manifest;
    // Last: a backup that was not finished does not count. `serve` takes the stamp into its log.
    let stamp = BackupStamp::new(
        manifest.vault.clone(),
        parts.clock.now(),
        manifest.epoch,
        backup.size,
    );
    stamp
        .write(&BackupStamp::path(&parts.config.data))
        .map_err(|why| store_error(&why))?;
    out.result(
        json!({"database": backup.copy, "recovery": about}),
        &format!(
            "Backed up {} entries and epoch {} of {} to {}.\n  \
             Recovery needs {} of {} custodians and no vault. Keep it off this host.\n  \
             The log's key is not in it: {} is kept apart.",
            backup.size,
            manifest.epoch,
            manifest.vault,
            args.dir.display(),
            manifest.k,
            manifest.n,
            parts.config.log_seed_file().display(),
        ),
    );
    Ok(Exit::DONE)
}
