//! `breakglass log`: the newest verified head, a copy that proves itself, and its check offline.

mod acts;
mod export;
mod folder;
mod follow;
mod named;
mod new_epoch;
mod verify;
mod versions;

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::client::Client;
use super::{CliError, Exit, Globals, Output};

/// Arguments of `log`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show the newest checkpoint, after verifying that it extends the last one seen here
    #[command(after_help = "Example:\n  breakglass log head")]
    Head,
    /// Copy the whole log with its documents and proofs into a new folder
    #[command(after_help = "Example:\n  breakglass log export copy-of-november")]
    Export {
        /// A folder that does not exist yet, or is empty
        dir: PathBuf,
    },
    /// Print entries as they come; `--json`: the exact bytes, for any shipper
    #[command(
        after_help = "Examples:\n  breakglass log follow --json --from 0\n  breakglass log follow --once --from 120\n\nThe next --from is the last seq plus one."
    )]
    Follow(follow::FollowArgs),
    /// After a restore: declare that the log goes on under a new name
    #[command(subcommand)]
    NewEpoch(new_epoch::NewEpoch),
    /// Verify a copy offline; needs no vault, no key and no settings
    #[command(
        after_help = "Example:\n  breakglass log verify copy-of-november --seen mail.eml --seen head.note"
    )]
    Verify(verify::VerifyArgs),
}

/// Runs the subcommand.
///
/// # Errors
/// [`CliError`]; log broken (exit 8) when verification fails.
pub async fn run(args: Args, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    match args.command {
        Command::Head => head(globals, out).await,
        Command::Export { dir } => export::run(&dir, globals, out).await,
        Command::Follow(args) => follow::run(&args, globals, out).await,
        Command::NewEpoch(step) => new_epoch::run(step, globals, out).await,
        Command::Verify(args) => verify::run(&args, out),
    }
}

async fn head(globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let mut client = Client::open(globals)?;
    let head = client.head().await?;
    let note = client
        .kept
        .settings
        .pins
        .checkpoint
        .clone()
        .unwrap_or_default();
    let object = json!({"origin": head.origin, "size": head.size, "root": STANDARD.encode(head.root),
        "checkpoint": note});
    out.result(object, note.trim_end());
    out.talk("✓ signed by the pinned key and extends what this machine has seen");
    Ok(Exit::DONE)
}
