//! `breakglass serve`.

use super::{CliError, Exit, Globals, Output};

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
///
/// # Errors
/// [`CliError`].
pub async fn run(_args: Args, _globals: &Globals, _out: &Output) -> Result<Exit, CliError> {
    Err(CliError::failed("not_wired", "serve is not wired yet"))
}
