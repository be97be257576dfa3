//! `breakglass refuse`, `withdraw`, `veto` and `stop`: the ways to say no.

use serde_json::json;

use super::client::Client;
use super::{CliError, Exit, Globals, Output, terms_check};
use crate::api::IncidentView;
use crate::domain::act::Deed;
use crate::domain::ids::IncidentId;

/// The reason of a stop or a veto that names none: the mails name the bare command.
const NOT_EXPECTED: &str = "not expected";

/// Arguments of `refuse`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  breakglass refuse INC-7 --reason \"nobody called me\"")]
pub struct RefuseArgs {
    /// The incident
    #[arg(value_name = "INC")]
    incident: IncidentId,
    /// Why; everyone reads it, and a refusal is final
    #[arg(long)]
    reason: String,
}

/// Arguments of `withdraw`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  breakglass withdraw INC-7")]
pub struct WithdrawArgs {
    /// The incident
    #[arg(value_name = "INC")]
    incident: IncidentId,
}

/// Arguments of `stop`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  breakglass stop INC-7 --reason \"not expected\"")]
pub struct StopArgs {
    /// The incident
    #[arg(value_name = "INC")]
    incident: IncidentId,
    /// Why; everyone reads it
    #[arg(long, default_value = NOT_EXPECTED)]
    reason: String,
}

/// Arguments of `veto`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  breakglass veto INC-7 --reason \"no change is planned tonight\""
)]
pub struct VetoArgs {
    /// The incident
    #[arg(value_name = "INC")]
    incident: IncidentId,
    /// Why; everyone reads it
    #[arg(long, default_value = NOT_EXPECTED)]
    reason: String,
}

/// A security person's no, before a session is open.
///
/// # Errors
/// [`CliError`].
pub async fn veto(args: VetoArgs, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let deed = Deed::Veto {
        reason: args.reason,
    };
    say(&args.incident, deed, "Vetoed.", globals, out).await
}

/// A custodian's final no.
///
/// # Errors
/// [`CliError`].
pub async fn refuse(args: RefuseArgs, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let deed = Deed::Refuse {
        reason: args.reason,
    };
    say(
        &args.incident,
        deed,
        "Refused; your no is final.",
        globals,
        out,
    )
    .await
}

/// Takes back a share, or (responder) the incident.
///
/// # Errors
/// [`CliError`].
pub async fn withdraw(
    args: WithdrawArgs,
    globals: &Globals,
    out: &Output,
) -> Result<Exit, CliError> {
    say(
        &args.incident,
        Deed::Withdraw {},
        "Withdrawn.",
        globals,
        out,
    )
    .await
}

/// Ends a session within a second.
///
/// # Errors
/// [`CliError`].
pub async fn stop(args: StopArgs, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let deed = Deed::Stop {
        reason: args.reason,
    };
    say(
        &args.incident,
        deed,
        "Stopped; the secret is being rotated.",
        globals,
        out,
    )
    .await
}

async fn say(
    id: &IncidentId,
    deed: Deed,
    done: &str,
    globals: &Globals,
    out: &Output,
) -> Result<Exit, CliError> {
    let mut client = Client::open(globals)?;
    let view = client.incident(id).await?;
    let terms_sha256 = terms_check::terms_hash(&view, id)?;
    let head = client.head_to_end().await?;
    let word = deed.word();
    let act = client.sign_act(&head, Some((id, terms_sha256)), deed)?;
    let view: IncidentView = client
        .api
        .post(&format!("/incidents/{id}/{word}"), &act)
        .await?;
    // A second stop or veto within a day is not obeyed alone.
    let waits = matches!(word, "stop" | "veto") && view.asked.no_waits.is_some();
    let text = if waits {
        format!(
            "Signed, but it is your second stop or veto within 24 hours: it waits for another \
             person.\nAsk somebody to run: breakglass {word} {id} --reason …"
        )
    } else {
        format!("{done} {id} is {}.", view.phase)
    };
    out.result(
        json!({"incident": id, "done": word, "phase": view.phase, "waits_for_second": waits}),
        &text,
    );
    Ok(Exit::DONE)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::tree::Cli;

    /// The mails name the bare command: it must not fail for want of a reason.
    #[test]
    fn a_stop_and_a_veto_need_no_reason_and_a_refusal_does() {
        for word in ["stop", "veto"] {
            assert!(
                Cli::try_parse_from(["breakglass", word, "INC-7"]).is_ok(),
                "{word}"
            );
        }
        assert!(Cli::try_parse_from(["breakglass", "refuse", "INC-7"]).is_err());
    }
}
