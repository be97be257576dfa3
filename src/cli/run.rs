//! `breakglass run INC -- CMD…`: a command in the session's environment; its exit code is ours.

use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use super::client::Client;
use super::environment::{Door, Environment, of_session};
use super::{CliError, Exit, Globals, Output, clock, files};
use crate::config::HostUrl;
use crate::domain::ids::IncidentId;

/// Longest wait for the proxy's name.
const RESOLVE: Duration = Duration::from_secs(5);

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  breakglass run INC-7 -- databricks current-user me\n  breakglass run INC-7 --account -- python3 repair.py"
)]
pub struct Args {
    /// The incident
    #[arg(value_name = "INC")]
    incident: IncidentId,
    #[command(flatten)]
    door: Door,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<String>,
}

/// Runs the child to its end. A session that ends meanwhile is told to the child by the proxy.
///
/// # Errors
/// Session ended when there is none; failed when the child cannot be started.
pub async fn run(args: Args, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let client = Client::open(globals)?;
    let session = client.state.session(&args.incident, clock::now())?;
    let environment = of_session(&client.state, &session, args.door)?;
    answers(&environment).await?;
    let (program, arguments) = args
        .command
        .split_first()
        .ok_or_else(|| CliError::usage("no command was given after --"))?;
    let mut command = Command::new(program);
    command.args(arguments);
    for name in &environment.unset {
        command.env_remove(name);
    }
    command.envs(environment.set.iter().map(|(name, value)| (name, value)));
    let child = command.spawn().map_err(|why| {
        CliError::failed("command", format!("{program} could not be started: {why}"))
    })?;
    let status = wait(child, out).await?;
    Ok(Exit(code(status)))
}

/// Whether the name the child will dial can be found at all: most clients retry such a failure
/// for minutes without a word.
///
/// # Errors
/// Exit code 10 with what to do about it.
async fn answers(environment: &Environment) -> Result<(), CliError> {
    let host = environment
        .set
        .iter()
        .find_map(|(name, value)| (*name == "DATABRICKS_HOST").then_some(value));
    let Some(Ok(url)) = host.map(|text| HostUrl::parse(text)) else {
        return Ok(());
    };
    // An outbound proxy finds names by itself.
    if ["HTTPS_PROXY", "https_proxy"]
        .iter()
        .any(|name| files::variable(name).is_some())
    {
        return Ok(());
    }
    let host = url.host.trim_matches(['[', ']']);
    let found = tokio::time::timeout(RESOLVE, tokio::net::lookup_host((host, url.port)));
    if let Ok(Ok(mut addresses)) = found.await
        && addresses.next().is_some()
    {
        return Ok(());
    }
    Err(CliError::new(
        Exit::DATABRICKS_UNREACHABLE,
        "name_unknown",
        format!("{} cannot be found in DNS or the hosts file", url.host),
    )
    .hint("let that name point to the vault, or use --http on the vault's own host"))
}

/// Waits for the child and hands on signals meant for it. A terminal's Ctrl-C reaches it by
/// itself; here it only must not end us first.
async fn wait(mut child: Child, out: &Output) -> Result<ExitStatus, CliError> {
    let listen = |kind| signal(kind).map_err(|why| CliError::failed("signal", why.to_string()));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    loop {
        let received = tokio::select! {
            status = child.wait() => {
                return status.map_err(|why| CliError::failed("command", why.to_string()));
            }
            _ = interrupt.recv() => if out.can_ask() { continue } else { Signal::INT },
            _ = terminate.recv() => Signal::TERM,
            _ = hangup.recv() => Signal::HUP,
        };
        let pid = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // A child that has just ended needs no signal.
            let _ = kill_process(pid, received);
        }
    }
}

/// The child's own code, or 128 and the signal's number as shells say it.
fn code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    let number = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    number
        .and_then(|number| u8::try_from(number).ok())
        .unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt as _;

    #[test]
    fn the_child_s_code_is_ours_and_a_signal_is_128_and_its_number() {
        assert_eq!(code(ExitStatus::from_raw(7 << 8)), 7);
        assert_eq!(code(ExitStatus::from_raw(0)), 0);
        assert_eq!(code(ExitStatus::from_raw(15)), 143);
    }
}
