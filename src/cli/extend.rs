//! `breakglass extend`: the responder asks for a longer session, custodians agree without a share.
//!
//! What is signed are the session's terms with other minutes; their phrase is another one.

use serde_json::json;

use super::client::{Client, Documents, KeptSession, hashed};
use super::phrase::Heard;
use super::terms_check::{self, Case};
use super::wait::{self, Wait};
use super::{CliError, Exit, Globals, Output, approve, clock, phrase, show, text};
use crate::api::IncidentView;
use crate::domain::act::Deed;
use crate::domain::ids::{Digest, IncidentId};
use crate::domain::incident::extend::{extended_sha256, extended_terms};
use crate::domain::phrase::phrase as phrase_of;
use crate::domain::time::Timestamp;

/// Arguments of `extend`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  breakglass extend INC-7 --minutes 120
  breakglass extend INC-7 --minutes 2h --phrase \"jury lamp iron\"

The minutes are those of the whole session, at most 240. A session is extended twice at most.")]
pub struct Args {
    /// The incident
    #[arg(value_name = "INC")]
    incident: IncidentId,
    /// Length of the whole session, such as 120 or 2h
    #[arg(long, value_name = "TIME", value_parser = text::minutes)]
    minutes: u32,
    /// Custodians: the words that were read to you, or `none`
    #[arg(long, value_name = "WORDS")]
    phrase: Option<String>,
    /// Responder: return once custodians are asked
    #[arg(long)]
    no_wait: bool,
}

/// Asks for more minutes, or agrees to them.
///
/// # Errors
/// [`CliError`]; refused (exit 5) when the phrase does not match, timed out (exit 4) when too few
/// agreed before the deadline.
pub async fn run(args: Args, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let mut client = Client::open(globals)?;
    let documents = client.documents().await?;
    let id = &args.incident;
    let view = client.incident(id).await?;
    if view.phase != "open" {
        return Err(CliError::new(
            Exit::SESSION_ENDED,
            "session_ended",
            format!("{id} is {}: there is no session to extend", view.phase),
        )
        .page("responder"));
    }
    let case = terms_check::check_session(&mut client, &documents, view, id).await?;
    let sha256 = hashed("terms", extended_sha256(&case.terms, args.minutes))?;
    if case.terms.requester.person() == Some(client.me()) {
        ask(&mut client, &case, &args, sha256, out).await
    } else {
        agree(&mut client, &documents, case, &args, sha256, out).await
    }
}

async fn send(
    client: &mut Client,
    case: &Case,
    minutes: u32,
    sha256: Digest,
) -> Result<IncidentView, CliError> {
    let id = &case.terms.incident;
    let deed = Deed::Extend {
        max_minutes: minutes,
    };
    let act = client.sign_act(&case.head, Some((id, sha256)), deed)?;
    client
        .api
        .post(&format!("/incidents/{id}/extend"), &act)
        .await
}

async fn ask(
    client: &mut Client,
    case: &Case,
    args: &Args,
    sha256: Digest,
    out: &Output,
) -> Result<Exit, CliError> {
    let id = &args.incident;
    let view = send(client, case, args.minutes, sha256).await?;
    let words = phrase_of(&sha256);
    // Neither `-q` nor `--json` may hide the phrase: without it nobody can agree.
    out.warn(&format!(
        "Say this on the bridge, and nowhere in writing; custodians run: breakglass extend {id} --minutes {}",
        args.minutes
    ));
    out.warn(&phrase::large(&words));
    let before = exp(&view);
    if args.no_wait {
        out.result(
            json!({"incident": id, "phrase": words.join(" "), "max_minutes": args.minutes,
                "exp_ms": before, "extended": false}),
            &format!("{id}: custodians are asked; until they agree the old deadline stands."),
        );
        return Ok(Exit::DONE);
    }
    let wait = Wait {
        id,
        until: Timestamp(before.unwrap_or(0)),
        what: "waiting for custodians",
    };
    let settled = |view: &IncidentView| view.phase != "open" || view.asked.extension.is_none();
    let view = wait::until(client, out, &wait, view, settled).await?;
    said(client, id, &view, before, out)
}

/// When the session ends by itself, while there is one.
fn exp(view: &IncidentView) -> Option<i64> {
    view.session.as_ref().map(|session| session.exp_ms)
}

fn said(
    client: &Client,
    id: &IncidentId,
    view: &IncidentView,
    before: Option<i64>,
    out: &Output,
) -> Result<Exit, CliError> {
    let Some(after) = exp(view).filter(|after| Some(*after) > before) else {
        return Err(CliError::new(
            Exit::REFUSED,
            "not_extended",
            format!("{id} was not extended; its old deadline stands"),
        )
        .hint(format!("breakglass status {id}"))
        .page("responder"));
    };
    keep(client, id, after)?;
    out.result(
        json!({"incident": id, "extended": true, "exp_ms": after}),
        &format!("{id} is OPEN until {}.", Timestamp(after).clock_utc()),
    );
    Ok(Exit::DONE)
}

/// What `run` and `env` know of the session, where this machine has it.
fn keep(client: &Client, id: &IncidentId, exp_ms: i64) -> Result<(), CliError> {
    let Ok(KeptSession {
        incident,
        mut reply,
        drill,
    }) = client.state.session(id, clock::now())
    else {
        return Ok(());
    };
    reply.exp_ms = exp_ms;
    client.state.keep_session(&KeptSession {
        incident,
        reply,
        drill,
    })
}

async fn agree(
    client: &mut Client,
    documents: &Documents,
    case: Case,
    args: &Args,
    sha256: Digest,
    out: &Output,
) -> Result<Exit, CliError> {
    let id = &args.incident;
    let mut longer = case;
    longer.terms = extended_terms(&longer.terms, args.minutes);
    longer.remarks.push(format!(
        "This is about a session that is open: it would last {} in all. No share is asked for.",
        text::count(args.minutes, "minute")
    ));
    // What is signed is shown, `-q` or not.
    out.warn(&show::facts(&longer, &documents.roster, clock::now()));
    let heard = phrase::ask(client, out, &longer, &sha256, args.phrase.as_deref()).await?;
    if let Heard::Not(pick) = heard {
        return approve::mismatch(client, &longer, &sha256, pick).await;
    }
    let view = send(client, &longer, args.minutes, sha256).await?;
    let signed = view.asked.extension.as_ref().map(|e| e.signed.len());
    let text = match signed {
        Some(signed) => format!("Agreed to {id}: {signed} of {} so far.", view.needed),
        None => format!("Agreed to {id}; enough custodians have."),
    };
    out.result(
        json!({"incident": id, "agreed": true, "signed": signed, "needed": view.needed,
            "max_minutes": args.minutes}),
        &text,
    );
    Ok(Exit::DONE)
}
