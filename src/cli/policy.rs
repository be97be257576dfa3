//! `breakglass policy`: show the rules and what waits for signatures, propose the next version,
//! sign one.

use std::path::PathBuf;

use serde_json::json;

use super::client::Client;
use super::{CliError, Exit, Globals, Output, escape, proposals};
use crate::config::{Config, ConfigError};
use crate::domain::policy::{ChannelRule, DelayWhen, Policy, PolicyFile, UseCase};
use crate::sealed::versions::What;

/// Arguments of `policy`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show use cases, channels and limits, and the versions that wait for signatures
    #[command(after_help = "Example:\n  breakglass policy show")]
    Show,
    /// Propose the next version: k custodians sign what loosens, two operators anything else
    #[command(
        after_help = "Examples:\n  breakglass policy propose policy.toml\n  breakglass policy propose policy.toml --channels breakglass.toml\n\nThe policy holds a hash of each channel's secret, so a new address or key is a new version too. Write the channels into breakglass.toml first, propose on the host that has the secret files, and restart `serve` once the version is in force."
    )]
    Propose {
        /// The policy as for `init`; channels stay as they are
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Take the channels from this configuration of the vault instead
        #[arg(long, value_name = "FILE")]
        channels: Option<PathBuf>,
        /// Sign what is shown without asking
        #[arg(long)]
        yes: bool,
    },
    /// Read what a proposed version changes, and sign it
    #[command(after_help = "Example:\n  breakglass policy sign")]
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
        Command::Show => show(&mut client, out).await,
        Command::Propose {
            file,
            channels,
            yes,
        } => propose(&mut client, &file, channels.as_deref(), yes, out).await,
        Command::Sign { sha256, yes } => {
            let wanted = sha256.as_deref();
            proposals::sign(&mut client, What::Policy, wanted, yes, out).await
        }
    }
}

async fn show(client: &mut Client, out: &Output) -> Result<Exit, CliError> {
    let documents = client.documents().await?;
    let policy = &documents.policy;
    let mut text = format!(
        "Policy {} of {}: a review is due after {} hours.",
        policy.seq, policy.vault, policy.review_due_hours
    );
    for case in &policy.use_cases {
        text.push_str(&format!(
            "\n  {:<24} up to {} minutes, {}",
            escape::line(&case.id),
            case.max_minutes,
            escape::line(&case.scope.join(" "))
        ));
        text.push_str(&conditions(case));
    }
    for channel in &policy.channels {
        let [name, kind, to] = [&channel.name, &channel.kind, &channel.destination];
        text.push_str(&format!(
            "\n  channel {:<16} {} to {}",
            escape::line(name),
            escape::line(kind),
            escape::line(to)
        ));
    }
    if let Some(details) = &policy.access_details {
        let details = escape::line(details);
        text.push_str(&format!("\n  read when a session opens: {details}"));
    }
    if policy.browser_unlockers.is_some() {
        text.push_str("\n  browser unlockers: fewer than k on pages of the vault's own host");
    }
    let (waits, waiting) = proposals::shown(client, &documents, What::Policy).await?;
    text.push_str(&waits);
    let object = json!({"version": policy.seq, "sha256": documents.policy_sha256,
        "policy": policy, "proposals": waiting});
    out.result(object, &text);
    Ok(Exit::DONE)
}

/// What must be waited for, and who must agree besides the custodians.
fn conditions(case: &UseCase) -> String {
    let when = match case.delay_when {
        Some(DelayWhen::OutOfHours) => " out of hours",
        Some(DelayWhen::Always) | None => "",
    };
    let mut said = Vec::new();
    if case.delay_minutes > 0 {
        said.push(format!("waits {} minutes{when}", case.delay_minutes));
    }
    if let Some(role) = case.co_approver {
        said.push(format!("one of {} must agree too", role.word()));
    }
    if said.is_empty() {
        return String::new();
    }
    format!("\n  {:<24} {}", "", said.join("; "))
}

async fn propose(
    client: &mut Client,
    file: &std::path::Path,
    channels: Option<&std::path::Path>,
    yes: bool,
    out: &Output,
) -> Result<Exit, CliError> {
    let wrong = |e: &dyn std::fmt::Display| CliError::usage(format!("{}: {e}", file.display()));
    let documents = client.documents().await?;
    let before = &documents.policy;
    let channels = match channels {
        Some(config) => rules_of(config)?,
        None => before.channels.clone(),
    };
    let text = std::fs::read_to_string(file).map_err(|e| wrong(&e))?;
    let written = PolicyFile::parse(&text)
        .and_then(|file| file.into_policy(before.vault.clone(), channels))
        .map_err(|e| wrong(&e))?;
    let next = Policy {
        seq: before.seq.saturating_add(1),
        prev_sha256: Some(documents.policy_sha256),
        ..written
    };
    let bytes = proposals::bytes(&next)?;
    let (proposal, view) =
        proposals::propose(client, &documents, What::Policy, bytes, yes, out).await?;
    proposals::report(&documents, &proposal, &view, "", json!([]), out);
    Ok(Exit::DONE)
}

/// What the policy must say about the channels of a configuration; reads their secret files.
fn rules_of(config: &std::path::Path) -> Result<Vec<ChannelRule>, CliError> {
    let wrong = |e: ConfigError| CliError::usage(format!("{}: {e}", config.display()));
    let (read, _) = Config::read(config).map_err(wrong)?;
    read.channel_rules().map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::roster::Role;

    #[test]
    fn a_use_case_says_how_long_it_waits_and_who_agrees() {
        let mut case = UseCase {
            id: "x".into(),
            title: "X".into(),
            max_minutes: 60,
            scope: vec![],
            delay_minutes: 0,
            delay_when: None,
            co_approver: None,
        };
        assert_eq!(conditions(&case), "");
        case.delay_minutes = 30;
        case.delay_when = Some(DelayWhen::OutOfHours);
        case.co_approver = Some(Role::Security);
        let said = conditions(&case);
        let wanted = "waits 30 minutes out of hours; one of security must agree too";
        assert!(said.ends_with(wanted), "{said}");
    }
}
