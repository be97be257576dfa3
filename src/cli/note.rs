//! `breakglass note`: what people did and saw, written down while they remember it.

use serde_json::json;

use super::client::Client;
use super::{CliError, Exit, Globals, Output};
use crate::api::{Done, NoteRequest};
use crate::domain::ids::IncidentId;

/// Arguments of `note`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  breakglass note INC-7 \"restored the SSO settings at 02:40\"")]
pub struct Args {
    /// The incident
    #[arg(value_name = "INC")]
    incident: IncidentId,
    /// The note; it goes into the log for ever
    text: String,
}

/// Writes a note.
///
/// # Errors
/// [`CliError`].
pub async fn run(args: Args, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let mut client = Client::open(globals)?;
    // Says that there is no such incident before anything is sent.
    client.incident(&args.incident).await?;
    client.head().await?;
    let path = format!("/incidents/{}/note", args.incident);
    let done: Done = client
        .api
        .post(&path, &NoteRequest { text: args.text })
        .await?;
    out.result(
        json!({"incident": args.incident.as_str(), "done": done.done}),
        "Noted.",
    );
    Ok(Exit::DONE)
}
