//! Waiting for an incident to move: long polls, a countdown, Ctrl-C.
//!
//! Stopping to wait changes nothing at the vault; the sentence says so.

use std::time::Duration;

use super::client::Client;
use super::text::left;
use super::{CliError, Exit, Output, clock, show};
use crate::api::IncidentView;
use crate::domain::ids::IncidentId;
use crate::domain::time::Timestamp;

/// How long one poll may wait at the server.
const POLL_MS: u64 = 20_000;
/// Pause after an answer that was lost, so that a restarting vault is not hammered.
const RETRY: Duration = Duration::from_secs(1);

/// What to wait for.
pub(super) struct Wait<'a> {
    /// The incident.
    pub(super) id: &'a IncidentId,
    /// No longer than this.
    pub(super) until: Timestamp,
    /// The words before the countdown.
    pub(super) what: &'a str,
}

/// Waits until `done` or the time is up; says every change once.
///
/// # Errors
/// Timed out (exit 4), interrupted (exit 130), or what the server says.
pub(super) async fn until(
    client: &mut Client,
    out: &Output,
    wait: &Wait<'_>,
    first: IncidentView,
    done: impl Fn(&IncidentView) -> bool,
) -> Result<IncidentView, CliError> {
    let mut view = first;
    while !done(&view) {
        if clock::now() >= wait.until {
            return Err(timed_out(wait));
        }
        let next = tokio::select! {
            next = poll(client, wait, view.version) => next,
            () = redraw(out, wait, &view) => continue,
            _ = tokio::signal::ctrl_c() => return Err(interrupted(wait)),
        };
        match next {
            Ok(next) => {
                for line in show::changes(Some(&view), &next) {
                    out.redraw("");
                    out.talk(&line);
                }
                view = next;
            }
            Err(error) if matches!(error.code.as_str(), "unreachable" | "answer_lost") => {
                out.redraw("the vault does not answer; asking again");
                tokio::time::sleep(RETRY).await;
            }
            Err(error) => return Err(error),
        }
    }
    out.redraw("");
    Ok(view)
}

async fn poll(
    client: &mut Client,
    wait: &Wait<'_>,
    version: i64,
) -> Result<IncidentView, CliError> {
    let left_ms = u64::try_from(wait.until.since_ms(clock::now())).unwrap_or(0);
    let wait_ms = POLL_MS.min(left_ms);
    let path = format!(
        "/incidents/{}?after_version={version}&wait_ms={wait_ms}",
        wait.id
    );
    client.get_again(&path).await
}

/// Redraws the countdown each second and never ends by itself before the time is up.
async fn redraw(out: &Output, wait: &Wait<'_>, view: &IncidentView) {
    while clock::now() < wait.until {
        out.redraw(&format!(
            "{}   shares {} of {}   ends in {}   (Ctrl-C leaves it running)",
            wait.what,
            view.shares_in,
            view.needed,
            left(wait.until, clock::now())
        ));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn timed_out(wait: &Wait<'_>) -> CliError {
    CliError::new(
        Exit::TIMED_OUT,
        "timed_out",
        format!("{} is still on its way; waiting ended", wait.id),
    )
    .hint(format!("breakglass status {}", wait.id))
}

fn interrupted(wait: &Wait<'_>) -> CliError {
    CliError::new(
        Exit::INTERRUPTED,
        "interrupted",
        format!("stopped waiting; {} goes on without this command", wait.id),
    )
    .hint(format!("breakglass status {}", wait.id))
}
