//! `breakglass alert`: how each channel fares, and a test that proves one from end to end.
//!
//! That a channel takes a message says that a relay has it, not that anybody reads it: each test
//! carries a code, and a person types it back.

use std::time::Duration;

use serde_json::json;

use super::client::Client;
use super::{CliError, Exit, Globals, Output, clock, escape};
use crate::api::{AlertConfirm, AlertTest, ChannelList, ChannelState, Done};
use crate::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS};

/// How long a test waits for the channels to take its messages.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(500);

/// Arguments of `alert`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show how each channel fares: last delivery, failures, last confirmed test
    #[command(after_help = "Example:\n  breakglass alert list")]
    List,
    /// Operator: send a test message with a code; whoever reads it confirms the code
    #[command(
        after_help = "Examples:\n  breakglass alert test\n  breakglass alert test mail\n  \
        breakglass alert test --confirm K7P2QX\n\nExit 0 when every channel took its message, 1 \
        when one did not within 30 seconds. A code confirms its channel for the table of `alert \
        list` and for `doctor`."
    )]
    Test {
        /// Only this channel
        channel: Option<String>,
        /// A code from a test message: this channel reaches people
        #[arg(long, value_name = "CODE", conflicts_with = "channel")]
        confirm: Option<String>,
    },
}

/// Runs the subcommand.
///
/// # Errors
/// [`CliError`]; not allowed (exit 9) for who is no operator.
pub async fn run(args: Args, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let mut client = Client::open(globals)?;
    client.ensure_login().await?;
    match args.command {
        Command::List => {
            let list: ChannelList = client.get_again("/alerts").await?;
            show(&list, out)?;
            Ok(Exit::DONE)
        }
        Command::Test {
            confirm: Some(code),
            ..
        } => confirm(&client, code, out).await,
        Command::Test { channel, .. } => test(&mut client, channel, out).await,
    }
}

async fn confirm(client: &Client, code: String, out: &Output) -> Result<Exit, CliError> {
    let done: Done = client
        .api
        .post("/alerts/confirm", &AlertConfirm { code })
        .await
        .map_err(|why: CliError| match why.code.as_str() {
            "bad_document" => why.hint(
                "read the code in the message again; one is good for a day: breakglass alert test",
            ),
            _ => why,
        })?;
    let text = format!("✓ {} reaches people", escape::line(&done.done));
    out.result(json!({"confirmed": done.done}), &text);
    Ok(Exit::DONE)
}

async fn test(
    client: &mut Client,
    channel: Option<String>,
    out: &Output,
) -> Result<Exit, CliError> {
    let before: ChannelList = client.get_again("/alerts").await?;
    let chosen = |c: &ChannelState| channel.as_ref().is_none_or(|name| *name == c.name);
    let asked = AlertTest {
        channel: channel.clone(),
    };
    let _queued: Done = client.api.post("/alerts/test", &asked).await?;
    let end = tokio::time::Instant::now() + PATIENCE;
    loop {
        let list: ChannelList = client.get_again("/alerts").await?;
        let mut left = list.channels.iter().filter(|c| chosen(c));
        // A channel may be busy with other alerts: what counts is a delivery since the test.
        let taken = |c: &ChannelState| {
            let earlier = before.channels.iter().find(|b| b.name == c.name);
            c.waiting == 0 && c.delivered_at_ms > earlier.and_then(|b| b.delivered_at_ms)
        };
        let all = left.all(taken);
        if all || tokio::time::Instant::now() >= end {
            show(&list, out)?;
            if all {
                out.talk("Each message has a code: breakglass alert test --confirm CODE");
                return Ok(Exit::DONE);
            }
            out.warn("a channel has not taken its message within 30 seconds");
            return Ok(Exit::FAILED);
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn show(list: &ChannelList, out: &Output) -> Result<(), CliError> {
    let now = clock::now().0;
    let object =
        serde_json::to_value(list).map_err(|why| CliError::failed("json", why.to_string()))?;
    let mut text = format!(
        "{:<16} {:<10} {:<14} {:<14} {}",
        "CHANNEL", "KIND", "DELIVERED", "CONFIRMED", "STATE"
    );
    for channel in &list.channels {
        text.push('\n');
        text.push_str(&line(channel, now));
    }
    out.result(object, &text);
    Ok(())
}

fn line(channel: &ChannelState, now: i64) -> String {
    let state = match (&channel.last_error, channel.waiting) {
        (Some(error), _) => format!("✗ failing: {}", escape::line(error)),
        (None, 0) => "✓".to_owned(),
        (None, waiting) => format!("… {waiting} waiting"),
    };
    format!(
        "{:<16} {:<10} {:<14} {:<14} {state}",
        escape::line(&channel.name),
        escape::line(&channel.kind),
        ago(channel.delivered_at_ms, now),
        ago(channel.confirmed_at_ms, now),
    )
}

/// `4 days ago`, in the largest unit that says enough.
pub(super) fn ago(at: Option<i64>, now: i64) -> String {
    let Some(at) = at else {
        return "never".to_owned();
    };
    let (passed, units) = (
        now.saturating_sub(at).max(0),
        [(DAY_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "min")],
    );
    match units.iter().find(|(ms, _)| passed >= 2 * ms) {
        Some((ms, unit)) => format!("{} {unit} ago", passed / ms),
        None => "just now".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_is_wrong_with_its_channel() {
        let channel = ChannelState {
            name: "hook".into(),
            kind: "webhook".into(),
            delivered_at_ms: Some(0),
            waiting: 3,
            failing: 2,
            last_error: Some("channel hook refused the message: 410".into()),
            tested_at_ms: None,
            confirmed_at_ms: None,
        };
        let text = line(&channel, 4 * DAY_MS);
        assert!(text.contains("4 d ago") && text.contains("never"), "{text}");
        assert!(text.contains("✗ failing: channel hook refused the message: 410"));
    }

    #[test]
    fn ages_use_the_largest_unit_that_says_enough() {
        let said = |ms| ago(Some(0), ms);
        assert_eq!(said(30_000), "just now");
        assert_eq!(said(100 * MINUTE_MS), "100 min ago");
        assert_eq!(said(47 * HOUR_MS), "47 h ago");
        assert_eq!(said(49 * HOUR_MS), "2 d ago");
    }
}
