//! `breakglass grant`: an admin's right for a person named in the terms, for repairs that need the
//! web UI (PROTOCOL §7). The vault takes it back at close, stop or deadline.

use clap::ValueEnum;
use serde_json::json;

use super::client::Client;
use super::escape::line;
use super::{CliError, Exit, Globals, Output, terms_check};
use crate::api::GrantReply;
use crate::domain::act::Deed;
use crate::domain::grants::Right;
use crate::domain::ids::IncidentId;
use crate::domain::time::Timestamp;

/// Arguments of `grant`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  breakglass grant INC-7 olga workspace-admin
  breakglass grant INC-7 olga account-admin

The opening must have named the person: breakglass open --grant olga …")]
pub struct Args {
    /// The incident
    #[arg(value_name = "INC")]
    incident: IncidentId,
    /// Who gets the right; one of the terms' grants
    #[arg(value_name = "PERSON")]
    person: String,
    /// What she gets
    #[arg(value_name = "RIGHT")]
    right: RightArg,
}

/// The rights there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RightArg {
    /// Admin of the target workspace
    WorkspaceAdmin,
    /// Account admin
    AccountAdmin,
}

impl From<RightArg> for Right {
    fn from(right: RightArg) -> Self {
        match right {
            RightArg::WorkspaceAdmin => Self::WorkspaceAdmin,
            RightArg::AccountAdmin => Self::AccountAdmin,
        }
    }
}

/// Signs the grant, waits until Databricks shows it, prints where to sign in.
///
/// # Errors
/// [`CliError`].
pub async fn run(args: Args, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let mut client = Client::open(globals)?;
    let id = &args.incident;
    let view = client.incident(id).await?;
    let terms_sha256 = terms_check::terms_hash(&view, id)?;
    let documents = client.documents().await?;
    let person = documents.roster.meant(&args.person).ok_or_else(|| {
        let name = &args.person;
        CliError::usage(format!("the roster has no one person called {name}"))
            .hint("breakglass person list")
    })?;
    let deed = Deed::Grant {
        grantee: person.id.clone(),
        right: args.right.into(),
    };
    let act = client.sign_act(&documents.head, Some((id, terms_sha256)), deed)?;
    let reply: GrantReply = client
        .api
        .post(&format!("/incidents/{id}/grant"), &act)
        .await?;
    let end = match (reply.had_it, reply.keep) {
        (true, _) => {
            "She had it before: nothing was changed and nothing will be undone.".to_owned()
        }
        (false, true) => "The terms let her KEEP it after the close.".to_owned(),
        (false, false) => format!(
            "The vault takes it back when the session ends, at {} at the latest.",
            Timestamp(reply.until_ms).clock_utc()
        ),
    };
    let text = format!(
        "{} is {} now; Databricks shows it.\nSign in: {}\n{end}\nWhat she does there is in \
         Databricks' audit log, not in this vault's.",
        line(&person.name),
        reply.right,
        reply.url
    );
    out.result(
        json!({"incident": id, "person": reply.person, "right": reply.right, "url": reply.url,
            "had_it": reply.had_it, "keep": reply.keep, "until_ms": reply.until_ms}),
        &text,
    );
    Ok(Exit::DONE)
}
