//! `breakglass login`: eight hours of reading and note writing. Everything that matters is signed
//! on its own.

use serde_json::json;

use super::client::Client;
use super::{CliError, Exit, Globals, Output};
use crate::domain::time::Timestamp;

/// Arguments of `login`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  breakglass login")]
pub struct Args {}

/// Logs in afresh, even when a login is kept.
///
/// # Errors
/// [`CliError`].
pub async fn run(_args: Args, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let mut client = Client::open(globals)?;
    let reply = client.login().await?;
    client.head().await?;
    let until = Timestamp(reply.expires_ms);
    out.result(
        json!({"person": reply.person, "name": reply.name, "expires_ms": reply.expires_ms}),
        &format!(
            "Logged in as {} until {}.",
            reply.name,
            until.date_clock_utc()
        ),
    );
    Ok(Exit::DONE)
}
