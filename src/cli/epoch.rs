//! `breakglass epoch` and `report-lost`: how the present shares stand, and asking k custodians for
//! a new epoch: a rotation without a session (PROTOCOL §3, §6 b). Where nobody can open the old one,
//! an operator brings a fresh secret instead.

use serde_json::json;

use std::path::PathBuf;

use super::client::Client;
use super::{CliError, Exit, Globals, Output, escape, open, text};
use crate::domain::roster::Role;

mod supply;

/// Arguments of `epoch`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Ask custodians for a new epoch: new secret, new identity, new shares. Opens no session
    #[command(
        after_help = "Examples:\n  breakglass epoch new --because \"emil leaves on Friday\"\n  \
    breakglass epoch new --because \"the host was lost\" --config breakglass.toml \\\n    \
    --credential-file fresh-secret.txt\n\nThe second form is for the operator, on the vault's host, \
    while `serve` is stopped: the sealed secret is dead, expired, or too few can open it. Make a \
    second secret of the principal in the account console; the file holds it and nothing else. It is \
    replaced at once and proved dead, and so is the one that was sealed; everyone is told. Safe to \
    run again after a crash."
    )]
    New {
        /// Why, in one sentence; custodians read it
        #[arg(long, value_name = "TEXT")]
        because: String,
        /// Operator: file with a fresh OAuth secret of the principal, or - to be asked
        #[arg(long, value_name = "FILE", conflicts_with_all = ["no_wait", "timeout"])]
        credential_file: Option<PathBuf>,
        /// Databricks' id of that secret, when several are alive
        #[arg(long, value_name = "ID", requires = "credential_file")]
        secret_id: Option<String>,
        #[command(flatten)]
        wait: Waiting,
    },
    /// Show who has proved her share, and who has not
    #[command(after_help = "Example:\n  breakglass epoch status")]
    Status,
}

/// How long to stay.
#[derive(Debug, Clone, clap::Args)]
pub struct Waiting {
    /// Return once custodians are asked
    #[arg(long)]
    no_wait: bool,
    /// Longest wait for the custodians
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = text::minutes)]
    timeout: u32,
}

/// Arguments of `report-lost`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  breakglass report-lost --reason \"laptop left on a train\"\n  breakglass report-lost --stolen --reason \"bag taken at the airport\""
)]
pub struct LostArgs {
    /// What happened; custodians read it
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Somebody else may have it
    #[arg(long)]
    stolen: bool,
    #[command(flatten)]
    wait: Waiting,
}

/// Runs the subcommand.
///
/// # Errors
/// [`CliError`].
pub async fn run(args: Args, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    match args.command {
        Command::New {
            because,
            credential_file: Some(file),
            secret_id,
            ..
        } => {
            let given = supply::Given {
                file,
                secret_id,
                because,
            };
            supply::run(given, globals, out).await
        }
        Command::New { because, wait, .. } => {
            let mut client = Client::open(globals)?;
            open::rotation(&mut client, because, wait.no_wait, wait.timeout, out).await
        }
        Command::Status => status(globals, out).await,
    }
}

/// Asks for a new epoch because the caller's share or its only key is gone.
///
/// # Errors
/// [`CliError`]; not allowed for who keeps no share.
pub async fn report_lost(
    args: LostArgs,
    globals: &Globals,
    out: &Output,
) -> Result<Exit, CliError> {
    let mut client = Client::open(globals)?;
    let documents = client.documents().await?;
    let person = documents.person(&client.kept.settings)?;
    if !person.is(Role::Custodian) {
        return Err(CliError::new(
            Exit::NOT_ALLOWED,
            "no_share",
            "you keep no share: there is nothing of yours to report",
        )
        .hint("anybody may ask for a new epoch: breakglass epoch new --because TEXT"));
    }
    if !args.stolen && person.unlockers.len() > 2 {
        out.warn(
            "! You have more than two unlockers. For a lost one that nobody else can use, \
             `breakglass unlocker remove` is enough.",
        );
    }
    let kind = if args.stolen { "stolen" } else { "lost" };
    let reason = format!("{} reports her share {kind}: {}", person.name, args.reason);
    let (no_wait, timeout) = (args.wait.no_wait, args.wait.timeout);
    open::rotation(&mut client, reason, no_wait, timeout, out).await
}

async fn status(globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let mut client = Client::open(globals)?;
    let documents = client.documents().await?;
    let (view, manifest) = (&documents.view, &documents.manifest);
    let dealt = documents.dealt_to(manifest)?;
    let ready = if view.epoch_ready {
        "ready"
    } else {
        "NOT READY"
    };
    let mut text = format!(
        "Epoch {} {ready}: {} of {} shares open it, {} of {} proofs.",
        manifest.epoch,
        manifest.k,
        manifest.n,
        view.proved.len(),
        view.proofs_needed
    );
    let mut shares = Vec::new();
    for (index, person) in dealt.custodians() {
        let proved = view.proved.contains(&index);
        let here = documents.roster.person(&person.id).is_some();
        let word = match (proved, here) {
            (_, false) => "left the roster",
            (true, _) => "proved",
            (false, _) => "not proved yet: breakglass prove",
        };
        let name = escape::line(&person.name);
        text.push_str(&format!("\n  share {index:<3} {name:<20} {word}"));
        shares.push(
            json!({"index": index, "person": person.id, "name": person.name,
            "proved": proved, "in_roster": here}),
        );
    }
    let holds = |id| dealt.index_of(id).is_some();
    for person in documents
        .roster
        .people
        .iter()
        .filter(|p| p.is(Role::Custodian))
    {
        if !holds(&person.id) {
            let name = escape::line(&person.name);
            text.push_str(&format!(
                "\n  –         {name:<20} gets a share in the next epoch"
            ));
        }
    }
    let current = documents.manifest.roster_sha256 == documents.roster_sha256;
    if let Some(why) = &view.epoch_owed {
        text.push_str(&format!(
            "\n! A new epoch is needed: {}.",
            escape::line(why)
        ));
    }
    let object = json!({"epoch": manifest.epoch, "k": manifest.k, "n": manifest.n,
        "ready": view.epoch_ready, "proofs_needed": view.proofs_needed, "shares": shares,
        "dealt_to_current_roster": current, "owed": view.epoch_owed});
    out.result(object, &text);
    Ok(Exit::DONE)
}
