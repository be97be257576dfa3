//! `breakglass roster`: show the people and what waits for signatures, propose the next version,
//! sign one.

use std::path::PathBuf;

use serde_json::json;

use super::client::{Client, Documents};
use super::{CliError, Exit, Globals, Output, person, proposals};
use crate::domain::ids::PersonId;
use crate::domain::roster::{Roster, RosterFile};
use crate::sealed::versions::What;

/// Arguments of `roster`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show people, roles, k and n, and the versions that wait for signatures
    #[command(
        after_help = "Examples:\n  breakglass roster show\n  breakglass roster show --toml > roster.toml"
    )]
    Show {
        /// Print the file that gives this roster, to edit and propose
        #[arg(long)]
        toml: bool,
    },
    /// Propose the next version; nothing counts before enough people have signed it
    #[command(after_help = "Example:\n  breakglass roster propose roster.toml")]
    Propose {
        /// The whole roster, as `roster show --toml` prints it, with your changes
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Sign what is shown without asking
        #[arg(long)]
        yes: bool,
    },
    /// Read what a proposed version changes, and sign it
    #[command(
        after_help = "Examples:\n  breakglass roster sign\n  breakglass roster sign 3f7a91c0d2e4"
    )]
    Sign {
        /// Beginning of its SHA-256, when several wait
        #[arg(value_name = "SHA256")]
        sha256: Option<String>,
        /// Sign what is shown without asking
        #[arg(long)]
        yes: bool,
    },
}

/// Runs the subcommand.
///
/// # Errors
/// [`CliError`].
pub async fn run(args: Args, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let mut client = Client::open(globals)?;
    match args.command {
        Command::Show { toml } => show(&mut client, toml, out).await,
        Command::Propose { file, yes } => propose(&mut client, &file, yes, out).await,
        Command::Sign { sha256, yes } => {
            let wanted = sha256.as_deref();
            proposals::sign(&mut client, What::Roster, wanted, yes, out).await
        }
    }
}

async fn show(client: &mut Client, toml: bool, out: &Output) -> Result<Exit, CliError> {
    let documents = client.documents().await?;
    let roster = &documents.roster;
    if toml {
        let text = toml::to_string(&RosterFile::of(roster))
            .map_err(|why| CliError::failed("toml", why.to_string()))?;
        out.result(json!({"toml": text}), text.trim_end());
        return Ok(Exit::DONE);
    }
    let (mut text, mut object) = person::listed(&documents, &client.kept.settings.pins.log_vkey);
    let (waits, waiting) = proposals::shown(client, &documents, What::Roster).await?;
    text.push_str(&waits);
    object["version"] = json!(roster.seq);
    object["locked_out"] = json!(documents.view.locked_out);
    object["proposals"] = json!(waiting);
    out.result(object, &text);
    Ok(Exit::DONE)
}

async fn propose(
    client: &mut Client,
    file: &std::path::Path,
    yes: bool,
    out: &Output,
) -> Result<Exit, CliError> {
    let wrong = |e: &dyn std::fmt::Display| CliError::usage(format!("{}: {e}", file.display()));
    let documents = client.documents().await?;
    let text = std::fs::read_to_string(file).map_err(|e| wrong(&e))?;
    let written = RosterFile::parse(&text).map_err(|e| wrong(&e))?;
    let ids: Vec<PersonId> = (0..written.people.len())
        .map(|_| fresh_id())
        .collect::<Result<_, _>>()?;
    let mut ids = ids.into_iter();
    let next = written
        .into_next(&documents.roster, &mut |_| {
            ids.next().expect("one id was drawn for each person")
        })
        .map_err(|e| wrong(&e))?;
    send(client, &documents, &next, yes, out).await
}

/// Proposes a roster and prints the line each new person needs.
///
/// # Errors
/// Refused by the person or the vault.
pub(super) async fn send(
    client: &mut Client,
    documents: &Documents,
    next: &Roster,
    yes: bool,
    out: &Output,
) -> Result<Exit, CliError> {
    let bytes = proposals::bytes(next)?;
    let (proposal, view) =
        proposals::propose(client, documents, What::Roster, bytes, yes, out).await?;
    let mut more = String::new();
    let mut links = Vec::new();
    let known = |id: &PersonId| documents.roster.person(id).is_some();
    for person in next.people.iter().filter(|p| !known(&p.id)) {
        let link = link(client, &person.id);
        let name = super::escape::line(&person.name);
        more.push_str(&format!(
            "\n\nOnce it is in force, send {name} this line:\n  breakglass enrol '{link}'"
        ));
        links.push(json!({"name": person.name, "person": person.id, "link": link}));
    }
    proposals::report(documents, &proposal, &view, &more, json!(links), out);
    Ok(Exit::DONE)
}

/// The `enrol` line of a person: what this client has pinned itself.
pub(super) fn link(client: &Client, person: &PersonId) -> String {
    let settings = &client.kept.settings;
    let ca = settings.pins.ca_sha256;
    let ca = ca.map_or_else(|| "-".to_owned(), |sha256| sha256.hex());
    format!(
        "{}/#vault={}&log={}&person={person}&ca={ca}",
        settings.server.trim_end_matches('/'),
        settings.vault,
        settings.pins.log_vkey
    )
}

/// An opaque id for somebody new.
///
/// # Errors
/// A system without randomness.
pub(super) fn fresh_id() -> Result<PersonId, CliError> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes)
        .map_err(|why| CliError::failed("random", format!("no randomness: {why}")))?;
    Ok(format!("u_{}", hex::encode(bytes))
        .parse()
        .expect("u_ and hexadecimal digits are a person id"))
}
