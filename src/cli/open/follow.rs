//! After the opening: wait for the custodians, say the phrase again if it changed, claim.

use serde_json::json;

use crate::api::IncidentView;
use crate::cli::client::{Client, Documents};
use crate::cli::terms_check::{self, Case};
use crate::cli::wait::{self, Wait};
use crate::cli::{CliError, Exit, Output, claim, clock};
use crate::domain::ids::IncidentId;
use crate::domain::terms::Purpose;
use crate::domain::time::MINUTE_MS;

/// Waits until the incident is open (or, for a rotation, done) and claims it.
///
/// # Errors
/// Timed out, refused, interrupted, or what the server says.
pub(super) async fn to_the_end(
    client: &mut Client,
    documents: &Documents,
    case: Case,
    timeout_minutes: u32,
    out: &Output,
) -> Result<Exit, CliError> {
    let id = case.terms.incident.clone();
    let rotation = case.terms.purpose == Purpose::Rotate;
    let until = clock::now().plus_ms(i64::from(timeout_minutes) * MINUTE_MS);
    let mut case = case;
    loop {
        let wait = Wait {
            id: &id,
            until,
            what: "waiting for custodians",
        };
        let known = case.view.terms_sha256.clone();
        let view = case.view.clone();
        let moved = |view: &IncidentView| view.terms_sha256 != known || is_settled(view, rotation);
        let view = wait::until(client, out, &wait, view, moved).await?;
        if is_settled(&view, rotation) {
            return settled(client, documents, &id, &view, out).await;
        }
        // Asked again after a restart: other terms, another phrase, checked like the first ones.
        case = terms_check::check_view(client, documents, view, &id).await?;
        out.talk("The vault asks again: the phrase has changed.");
        super::announce(&case, out);
    }
}

/// Whether waiting has an end: the session is open, or there will be none.
fn is_settled(view: &IncidentView, rotation: bool) -> bool {
    match view.phase.as_str() {
        "waiting" | "collecting" | "cooling" | "opening" => false,
        "open" | "closing" => !rotation,
        _ => true,
    }
}

async fn settled(
    client: &mut Client,
    documents: &Documents,
    id: &IncidentId,
    view: &IncidentView,
    out: &Output,
) -> Result<Exit, CliError> {
    match view.phase.as_str() {
        "open" => {
            let session = claim::claim(client, id, view).await?;
            let details = documents.policy.access_details.as_deref();
            claim::say(&session, details, out);
            Ok(Exit::DONE)
        }
        "reviewed" => {
            out.result(
                json!({"incident": id, "phase": view.phase, "old_secret_refused": view.old_secret_refused}),
                &format!("{id}: the rotation is done; Databricks refuses the old secret."),
            );
            Ok(Exit::DONE)
        }
        phase => Err(ended(id, phase)),
    }
}

fn ended(id: &IncidentId, phase: &str) -> CliError {
    let (exit, message) = match phase {
        "refused" => (
            Exit::REFUSED,
            format!("{id} was refused: too few custodians can still agree"),
        ),
        "withdrawn" => (Exit::REFUSED, format!("{id} was withdrawn")),
        "lapsed" => (
            Exit::TIMED_OUT,
            format!("{id} lapsed: not enough shares came in time"),
        ),
        _ => (
            Exit::SESSION_ENDED,
            format!("the session of {id} has ended"),
        ),
    };
    CliError::new(exit, phase, message)
        .hint(format!("breakglass status {id}"))
        .page("responder")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_has_its_exit_code() {
        let id = IncidentId::numbered(1);
        for (phase, exit) in [
            ("refused", 5),
            ("withdrawn", 5),
            ("lapsed", 4),
            ("in_review", 7),
        ] {
            assert_eq!(ended(&id, phase).exit.0, exit, "{phase}");
        }
    }
}
