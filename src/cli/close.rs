//! `breakglass close`: ends the session in order and watches the way back.
//!
//! "Closed" is said only when Databricks refuses the old secret (DESIGN §4.11).

use serde_json::json;

use super::client::Client;
use super::wait::{self, Wait};
use super::{CliError, Exit, Globals, Output, clock, show, terms_check, text};
use crate::api::IncidentView;
use crate::domain::act::{Act, Deed};
use crate::domain::ids::IncidentId;
use crate::domain::time::{MINUTE_MS, Timestamp};

/// Arguments of `close`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  breakglass close INC-7")]
pub struct Args {
    /// The incident
    #[arg(value_name = "INC")]
    incident: IncidentId,
    /// Return as soon as the session has ended
    #[arg(long)]
    no_wait: bool,
    /// Longest wait for the rotation
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = text::minutes)]
    timeout: u32,
}

/// Signs the close, erases what this machine kept, waits until the incident is safe.
///
/// # Errors
/// [`CliError`]; timed out (exit 4) while it is not safe yet.
pub async fn run(args: Args, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let mut client = Client::open(globals)?;
    let id = &args.incident;
    let view = client.incident(id).await?;
    let view = if view.phase == "open" {
        sign(&mut client, id, &view).await?
    } else {
        view
    };
    if view.phase == "open" || !is_past_open(&view.phase) {
        return Err(CliError::new(
            Exit::SEALED,
            "not_in_phase",
            format!("{id} is {}: there is no session to close", view.phase),
        ));
    }
    client.state.erase(id, claim_key(&view).as_deref())?;
    out.talk("✓ session ended");
    let until = clock::now().plus_ms(i64::from(args.timeout) * MINUTE_MS);
    let view = if args.no_wait {
        view
    } else {
        let wait = Wait {
            id,
            until,
            what: if show::is_drill(&view) {
                "dealing the next decoy"
            } else {
                "rotating; NOT SAFE YET"
            },
        };
        wait::until(&mut client, out, &wait, view, |view| {
            view.phase != "closing"
        })
        .await?
    };
    // The login goes last, because the wait needed it.
    client.state.erase_login()?;
    say(&view, out);
    Ok(Exit::DONE)
}

async fn sign(
    client: &mut Client,
    id: &IncidentId,
    view: &IncidentView,
) -> Result<IncidentView, CliError> {
    let terms_sha256 = terms_check::terms_hash(view, id)?;
    let head = client.head_to_end().await?;
    let act = client.sign_act(&head, Some((id, terms_sha256)), Deed::Close {})?;
    client
        .api
        .post(&format!("/incidents/{id}/close"), &act)
        .await
}

/// The claim key of the opening: rotate terms, which may be in force by now, have none.
fn claim_key(view: &IncidentView) -> Option<String> {
    let act = Act::parse(view.request.as_ref()?.document.as_bytes()).ok()?;
    match act.deed {
        Deed::Open(opening) => opening.claim_key,
        _ => None,
    }
}

fn is_past_open(phase: &str) -> bool {
    matches!(phase, "closing" | "in_review" | "reviewed")
}

fn say(view: &IncidentView, out: &Output) {
    if show::is_drill(view) {
        return out.result(
            json!({"incident": view.id, "purpose": view.purpose, "phase": view.phase,
                "safe": view.phase != "closing"}),
            &format!(
                "{}: the DRILL is over. No real credential was opened, and nothing at Databricks \
                 was touched. Its review is due, as after an emergency.",
                view.id
            ),
        );
    }
    let safe = view.old_secret_refused && view.phase != "closing";
    out.result(
        json!({"incident": view.id, "purpose": view.purpose, "phase": view.phase, "safe": safe,
            "old_secret_refused": view.old_secret_refused, "rotation": view.rotation,
            "fully_safe_at_ms": view.fully_safe_at_ms}),
        &ended(
            &view.id,
            view.phase == "closing",
            safe,
            view.fully_safe_at_ms,
        ),
    );
}

/// How safe it is by now.
fn ended(id: &str, closing: bool, safe: bool, fully_safe_at_ms: Option<i64>) -> String {
    match (safe, fully_safe_at_ms) {
        (true, Some(at)) => format!(
            "{id} is closed: the secret was rotated and Databricks refuses the old one.\nFully safe at {}, when the last token has expired.",
            Timestamp(at).clock_utc()
        ),
        (true, None) => {
            format!("{id} is closed: the secret was rotated and Databricks refuses the old one.")
        }
        // Gone from the list of secrets, and no refusal was seen (DESIGN §4.11).
        (false, _) if !closing => format!(
            "{id}: the session has ended and the secret was rotated. The old one is no longer in \
             Databricks' list of secrets, but Databricks has not been seen to refuse it.\nWatch: \
             breakglass status {id}"
        ),
        (false, _) => format!(
            "{id}: the session has ended, but it is NOT SAFE YET: the old secret still lives.\nWatch: breakglass status {id}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::ended;

    #[test]
    fn a_secret_that_left_the_list_is_neither_alive_nor_seen_to_be_refused() {
        let listed = ended("INC-7", false, false, None);
        assert!(listed.contains("no longer in"), "{listed}");
        assert!(
            !listed.contains("still lives") && !listed.contains("refuses"),
            "{listed}"
        );
        assert!(ended("INC-7", true, false, None).contains("NOT SAFE YET"));
        assert!(ended("INC-7", false, true, Some(0)).contains("refuses the old one"));
    }
}
