//! `breakglass person list`: who is in the roster, as the signed log approved it.

use serde_json::json;

use super::client::Client;
use super::{CliError, Exit, Globals, Output};
use crate::cli::escape;
use crate::domain::roster::Person;

/// Arguments of `person`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List people, roles and share indexes
    #[command(after_help = "Example:\n  breakglass person list")]
    List,
}

/// Runs the subcommand.
///
/// # Errors
/// [`CliError`].
pub async fn run(args: Args, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let Command::List = args.command;
    let mut client = Client::open(globals)?;
    let documents = client.documents().await?;
    let roster = &documents.roster;
    let mut text = format!(
        "{} of {} custodians open {}.\n",
        roster.k, roster.n, roster.vault
    );
    let mut people = Vec::new();
    for person in &roster.people {
        let index = roster.index_of(&person.id);
        text.push_str(&line(person, index));
        people.push(
            json!({"id": person.id, "name": person.name, "roles": person.roles,
            "share": index, "time_zone": person.time_zone, "unlockers": person.unlockers.len()}),
        );
    }
    let object = json!({"vault": roster.vault, "k": roster.k, "n": roster.n,
        "roster_sha256": documents.roster_sha256, "people": people});
    out.result(object, text.trim_end());
    Ok(Exit::DONE)
}

fn line(person: &Person, index: Option<u8>) -> String {
    let roles: Vec<&str> = person.roles.iter().map(|role| role.word()).collect();
    let share = index.map_or(String::new(), |index| format!("  share {index}"));
    let name = escape::line(&person.name);
    format!(
        "  {:<12} {name:<20} {}{share}\n",
        person.id,
        roles.join(", ")
    )
}
