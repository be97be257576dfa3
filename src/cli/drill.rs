//! `breakglass drill`: an emergency, rehearsed with a decoy: terms, phrase, releases, combining,
//! session, close, review. Nothing at Databricks is asked or changed.

use super::{CliError, Exit, Globals, Output, open, text};

/// Arguments of `drill`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  breakglass drill \"the quarterly drill\"
  breakglass drill \"night drill, ben is missing\" --because blocked-recovery-path --workspace 1234 --for 10m
  breakglass drill \"the quarterly drill\" --no-wait --json

A drill takes the path of an emergency over a decoy with shares of its own, dealt to the same keys.
Every message is marked DRILL. Custodians join the bridge, hear the phrase and run
`breakglass approve INC`; then `breakglass run INC` and `breakglass close INC` work as always: calls
are judged and logged, and none is sent. An emergency that needs the vault ends the drill.
Operators and responders may ask; who asks gives no share. Last drills: `breakglass status`.")]
pub struct Args {
    /// Why, in one sentence; custodians read it
    reason: String,
    /// The use case to rehearse; the first that waits for nothing without it
    #[arg(long, value_name = "USECASE")]
    because: Option<String>,
    /// Length of the session, such as 10m; at most the use case's limit
    #[arg(long = "for", value_name = "TIME", default_value = "15m", value_parser = text::minutes)]
    minutes: u32,
    /// The workspace it would reach, by id; the account host without it
    #[arg(long, value_name = "ID")]
    workspace: Option<String>,
    /// What the session may call; the use case's own scope without it. May be repeated
    #[arg(long, value_name = "PATTERN")]
    scope: Vec<String>,
    /// Return once custodians are asked
    #[arg(long)]
    no_wait: bool,
    /// Longest wait for the custodians
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = text::minutes)]
    timeout: u32,
}

/// Asks for a drill, waits for its session and claims it.
///
/// # Errors
/// [`CliError`].
pub async fn run(args: Args, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let asked = open::Rehearsal {
        reason: args.reason,
        because: args.because,
        minutes: args.minutes,
        workspace: args.workspace,
        scope: args.scope,
        no_wait: args.no_wait,
        timeout_minutes: args.timeout,
    };
    open::rehearse(asked, globals, out).await
}
