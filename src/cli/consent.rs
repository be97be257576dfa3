//! Signatures without a share: a co-approver's `approve`, and security's `override`.

use serde_json::json;

use super::client::{Client, Documents};
use super::phrase::Heard;
use super::terms_check::{self, Case};
use super::{CliError, Exit, Globals, Output, approve, clock, phrase, show, text};
use crate::api::IncidentView;
use crate::domain::act::{Deed, PhraseResult};
use crate::domain::ids::IncidentId;
use crate::domain::roster::Role;
use crate::domain::terms::Gate;

/// Arguments of `override`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  breakglass override INC-7\n  breakglass override INC-7 --gate no_alert_confirmed\n\nGates: review_overdue, rotation_owed, witness_missing, no_alert_confirmed"
)]
pub struct OverrideArgs {
    /// The incident
    #[arg(value_name = "INC")]
    incident: IncidentId,
    /// A gate to pass; without it those that the terms name
    #[arg(long, value_name = "GATE", value_parser = gate)]
    gate: Vec<Gate>,
    /// Sign what is shown without asking
    #[arg(long)]
    yes: bool,
}

/// Reads a gate.
///
/// # Errors
/// A sentence for clap.
pub(super) fn gate(word: &str) -> Result<Gate, String> {
    Gate::from_word(word).ok_or_else(|| format!("{word} is no gate"))
}

/// Security signs that closed gates may be passed.
///
/// # Errors
/// [`CliError`].
pub async fn lift(args: OverrideArgs, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let mut client = Client::open(globals)?;
    let documents = client.documents().await?;
    let id = &args.incident;
    let case = terms_check::fetch(&mut client, &documents, id).await?;
    let gates = if args.gate.is_empty() {
        case.terms.gates.clone()
    } else {
        args.gate
    };
    if gates.is_empty() {
        return Err(CliError::new(
            Exit::REFUSED,
            "nothing_to_override",
            format!("the terms of {id} name no closed gate"),
        )
        .hint("for an alert that nobody confirmed: --gate no_alert_confirmed"));
    }
    // What is signed is shown, `-q` or not.
    out.warn(&show::facts(&case, &documents.roster, clock::now()));
    let words: Vec<&str> = gates.iter().map(|g| g.word()).collect();
    if !args.yes {
        let question = format!("Sign that {id} may pass {}?", words.join(", "));
        text::confirm(out, &question, "--yes").await?;
    }
    let deed = Deed::Override {
        gates: gates.clone(),
    };
    let act = client.sign_act(&case.head, Some((id, case.terms_sha256)), deed)?;
    let view: IncidentView = client
        .api
        .post(&format!("/incidents/{id}/override"), &act)
        .await?;
    out.result(
        json!({"incident": id, "gates": words, "phase": view.phase}),
        &format!("Signed: {id} may pass {}.", words.join(", ")),
    );
    Ok(Exit::DONE)
}

/// The role in which this person may agree without a share, if the use case asks for it.
pub(super) fn co_role(client: &Client, documents: &Documents, case: &Case) -> Option<Role> {
    let policy = &documents.policy;
    let role = policy.use_case(&case.terms.use_case)?.co_approver?;
    let me = documents.roster.person(client.me())?;
    me.is(role).then_some(role)
}

/// Agrees as co-approver: phrase, signature, no share.
///
/// # Errors
/// [`CliError`]; refused (exit 5) when the phrase does not match.
pub(super) async fn co_approve(
    client: &mut Client,
    case: &Case,
    given: Option<&str>,
    out: &Output,
) -> Result<Exit, CliError> {
    let id = &case.terms.incident;
    let heard = phrase::ask(client, out, case, &case.terms_sha256, given).await?;
    if let Heard::Not(pick) = heard {
        return approve::mismatch(client, case, &case.terms_sha256, pick).await;
    }
    let deed = Deed::Approve {
        index: 0,
        manifest_sha256: case.terms.manifest_sha256,
        unlocker: String::new(),
        phrase: PhraseResult::Matched,
        overrides: Vec::new(),
        witness_sha256: None,
    };
    let act = client.sign_act(&case.head, Some((id, case.terms_sha256)), deed)?;
    let view: IncidentView = client
        .api
        .post(&format!("/incidents/{id}/co-approve"), &act)
        .await?;
    out.result(
        json!({"incident": id, "co_approved": true, "shares_in": view.shares_in,
            "needed": view.needed, "phase": view.phase, "terms_sha256": case.terms_sha256}),
        &format!(
            "Agreed to {id}, without a share; {} of {} shares are in.  Changed your mind? breakglass withdraw {id}",
            view.shares_in, view.needed
        ),
    );
    Ok(Exit::DONE)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::tree::Cli;

    #[test]
    fn an_override_is_asked_for_and_scripts_say_yes_beforehand() {
        let parsed = Cli::try_parse_from(["breakglass", "override", "INC-7", "--yes"]);
        assert!(parsed.is_ok(), "{parsed:?}");
    }
}
