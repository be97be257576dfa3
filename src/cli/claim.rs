//! `breakglass claim`: the responder takes the session token, with the key her opening named.
//!
//! A second claim kills the former token (PROTOCOL §4), so `open` claims once and `run` and `env`
//! reuse what it kept.

use serde_json::json;

use super::client::{Client, KeptSession, typed};
use super::escape::line;
use super::{CliError, Exit, Globals, Output, terms_check};
use crate::api::{ClaimReply, IncidentView};
use crate::domain::ids::IncidentId;
use crate::domain::terms::{Purpose, Terms};
use crate::domain::time::Timestamp;

/// Arguments of `claim`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  breakglass claim INC-7")]
pub struct Args {
    /// The incident
    #[arg(value_name = "INC")]
    incident: IncidentId,
}

/// Claims and keeps the token.
///
/// # Errors
/// [`CliError`]; not allowed when the claim key is not on this machine.
pub async fn run(args: Args, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let mut client = Client::open(globals)?;
    let view = client.incident(&args.incident).await?;
    let session = claim(&mut client, &args.incident, &view).await?;
    // The session is there whatever becomes of the policy; what it says is a help only.
    let documents = client.documents().await;
    if let Err(why) = &documents
        && why.exit == Exit::LOG_BROKEN
    {
        out.warn(&format!("! {}\n  {}", why.message, why.hint));
    }
    let details = documents.ok().and_then(|all| all.policy.access_details);
    say(&session, details.as_deref(), out);
    Ok(Exit::DONE)
}

/// Signs the claim, takes the token and keeps it in the state folder.
///
/// # Errors
/// [`CliError`].
pub(super) async fn claim(
    client: &mut Client,
    id: &IncidentId,
    view: &IncidentView,
) -> Result<KeptSession, CliError> {
    let terms: Terms = typed("terms", &view.terms)?;
    let terms_sha256 = terms_check::terms_hash(view, id)?;
    let public = terms.claim_key.ok_or_else(|| {
        CliError::new(
            Exit::NOT_ALLOWED,
            "no_session",
            format!("{id} has no session to claim"),
        )
    })?;
    let key = client.state.claim_key(&public)?;
    let head = client.head().await?;
    let signed = client.sign_claim(&head, (id, terms_sha256), &key)?;
    let reply: ClaimReply = client
        .api
        .post(&format!("/incidents/{id}/claim"), &signed)
        .await?;
    let session = KeptSession {
        incident: id.clone(),
        reply,
        drill: terms.purpose == Purpose::Drill,
    };
    // Lost here, the token is simply claimed again, which kills this one.
    client.state.keep_session(&session)?;
    Ok(session)
}

/// Says what to do with the session and what the policy wants its responder to know; never the
/// token.
pub(super) fn say(session: &KeptSession, details: Option<&str>, out: &Output) {
    let KeptSession {
        incident,
        reply,
        drill,
    } = session;
    let what = if *drill {
        "a DRILL: calls are judged and logged, and none is sent"
    } else {
        "OPEN"
    };
    let until = Timestamp(reply.exp_ms).clock_utc();
    let told = details.map_or(String::new(), |text| format!("\nRead:   {}", line(text)));
    out.result(
        json!({"incident": incident, "drill": drill, "session": reply.session, "exp_ms": reply.exp_ms,
            "proxy_url": reply.proxy_url, "account_proxy_url": reply.account_proxy_url,
            "plain_url": reply.plain_url, "workspace": reply.workspace,
            "account_id": reply.account_id, "access_details": details}),
        &format!(
            "{incident} is {what} until {until}. Every call is logged.\n\
             Work:   breakglass run {incident} -- databricks current-user me\n\
             End it: breakglass close {incident}{told}"
        ),
    );
}
