//! `breakglass login`: eight hours of reading and note writing. Everything that matters is signed
//! on its own. With `--page`, a code that signs a browser in.

use serde_json::json;

use super::client::Client;
use super::{CliError, Exit, Globals, Output};
use crate::api::PageCode;
use crate::domain::time::Timestamp;

/// Arguments of `login`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  breakglass login\n  breakglass login --page\n\nThe code of --page is \
    good once, for two minutes. Type it only into the vault's own address."
)]
pub struct Args {
    /// Print a code for the sign-in page of the console
    #[arg(long)]
    pub page: bool,
}

/// Logs in afresh, even when a login is kept.
///
/// # Errors
/// [`CliError`].
pub async fn run(args: Args, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let mut client = Client::open(globals)?;
    let reply = client.login().await?;
    client.head().await?;
    if args.page {
        return page_code(&client, out).await;
    }
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

async fn page_code(client: &Client, out: &Output) -> Result<Exit, CliError> {
    let code: PageCode = client.api.post("/login/page", &json!({})).await?;
    out.result(
        json!({"code": code.code, "url": code.url, "expires_ms": code.expires_ms}),
        &format!(
            "{}\n\nOpen {} and enter this code. It is good once, for two minutes.",
            code.code, code.url
        ),
    );
    Ok(Exit::DONE)
}
