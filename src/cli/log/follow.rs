//! `breakglass log follow`: entries as they come, each line the bytes that the server says were
//! hashed. Resumable: the next `--from` is the last `seq` plus one.
//!
//! Only the order is checked here, not the tree: a shipper's copy proves something once its lines
//! are held against those of a verified export.

use std::io::Write as _;
use std::time::Duration;

use crate::audit::entry::parse_entry;
use crate::cli::client::Client;
use crate::cli::{CliError, Exit, Globals, Output, escape};

/// Pause between two looks when nothing is new.
const LOOK: Duration = Duration::from_secs(1);

/// Arguments of `log follow`.
#[derive(Debug, clap::Args)]
pub(super) struct FollowArgs {
    /// Index of the first entry wanted; without it only what comes from now on
    #[arg(long, value_name = "SEQ")]
    from: Option<u64>,
    /// End when everything written so far has been printed
    #[arg(long)]
    once: bool,
}

/// Prints entries until interrupted.
///
/// # Errors
/// [`CliError`]; login needed (exit 9) when the login has ended: start again with `--from`.
pub(super) async fn run(
    args: &FollowArgs,
    globals: &Globals,
    out: &Output,
) -> Result<Exit, CliError> {
    let mut client = Client::open(globals)?;
    client.ensure_login().await?;
    let head = client.head().await?;
    let mut next = args.from.unwrap_or(head.size);
    loop {
        let path = format!("/log/entries?from={next}");
        let lines = match client.api.get_bytes(&path).await {
            // A login lasts eight hours; a follower lasts longer.
            Err(error) if error.code == "login_needed" => {
                client.login().await?;
                client.api.get_bytes(&path).await?
            }
            other => other?,
        };
        let mut came = false;
        for line in lines.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
            next = print(line, next, out)?;
            came = true;
        }
        if came {
            continue;
        }
        if args.once {
            return Ok(Exit::DONE);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Prints one entry and gives back the index of the one after it.
fn print(line: &[u8], expected: u64, out: &Output) -> Result<u64, CliError> {
    let entry = parse_entry(line).map_err(|why| CliError::log_broken(why.to_string()))?;
    if entry.seq != expected {
        let why = format!("entry {} came where {expected} was due", entry.seq);
        return Err(CliError::log_broken(why));
    }
    let mut stdout = std::io::stdout().lock();
    let written = if out.json {
        stdout
            .write_all(line)
            .and_then(|()| stdout.write_all(b"\n"))
    } else {
        let incident = entry.text("inc").unwrap_or("-");
        let time = crate::domain::time::Timestamp(entry.ts_ms);
        let kind = escape::line(&entry.kind);
        writeln!(
            stdout,
            "{:>8} {time} {:<10} {kind}",
            entry.seq,
            escape::line(incident)
        )
    };
    // A reader that went away, such as `head`, ends the command in order.
    written
        .and_then(|()| stdout.flush())
        .map_err(|why| CliError::failed("output", why.to_string()))?;
    Ok(expected + 1)
}
