//! Messages about the rotation saga, for the steps that people can act on or must know.

use super::{AlertDraft, Audience, Severity, security_and};
use crate::domain::roster::{Role, Roster};
use crate::domain::rotation::{Cause, Event, Proof, Rotation};

/// The messages an event of a saga causes; `rotation` is the saga after the event.
#[must_use]
pub fn for_rotation(event: &Event, rotation: &Rotation, roster: &Roster) -> Vec<AlertDraft> {
    let about = match &rotation.incident {
        Some(incident) => format!("{} of {incident}", rotation.id),
        None => rotation.id.to_string(),
    };
    let draft = |severity, audience, tag: &str, rest: String, body: String| {
        vec![AlertDraft {
            kind: event.kind(),
            severity,
            audience,
            subject: format!("[{tag}] Rotation {about}{rest}"),
            body,
        }]
    };
    let runners = || security_and(roster, &[Role::Operator, Role::Auditor]);
    match event {
        Event::Begun { cause, .. } => {
            let body = format!(
                "The credential is being replaced because {}.",
                words(*cause)
            );
            // Nobody's shares were asked for: everyone hears of it.
            let (severity, to) = match cause {
                Cause::Supplied => (Severity::Alarm, Audience::Everyone),
                _ => (Severity::Info, runners()),
            };
            draft(severity, to, "ROTATING", String::new(), body)
        }
        Event::CreateRefused { status, code } => {
            let body = format!(
                "Databricks refused to make a new secret: status {status}, {code}. The old one \
                 still lives: not safe yet. The saga will try again."
            );
            draft(
                Severity::Alarm,
                runners(),
                "ROTATION STUCK",
                String::new(),
                body,
            )
        }
        Event::Reconcile { why } => {
            let body = format!(
                "Whether Databricks made the new secret is unknown: {why}. The vault looks for it \
                 in the list and deletes what bears its mark; it never asks twice."
            );
            draft(
                Severity::Info,
                runners(),
                "ROTATION UNSURE",
                String::new(),
                body,
            )
        }
        Event::Reconciled { orphans } if !orphans.is_empty() => {
            let body = format!(
                "Deleted secrets of ours that nobody held: {}.",
                orphans.join(", ")
            );
            draft(
                Severity::Info,
                runners(),
                "ORPHANS DELETED",
                String::new(),
                body,
            )
        }
        Event::Foreign { ids } => {
            let body = format!(
                "Secrets that this vault did not make appeared at its service principal: {}. They \
                 are reported and never deleted. Find out who made them.",
                ids.join(", ")
            );
            let rest = format!(": {} foreign secret(s)", ids.len());
            draft(Severity::Alarm, runners(), "FOREIGN SECRET", rest, body)
        }
        Event::Sealed { epoch, .. } => {
            let body = format!(
                "New shares of epoch {epoch} were dealt to the keys you have enrolled. Show soon \
                 that you can open yours: breakglass prove"
            );
            let to = Audience::Roles(vec![Role::Custodian]);
            draft(
                Severity::Action,
                to,
                "NEW SHARES",
                format!(": epoch {epoch}"),
                body,
            )
        }
        Event::Discard { secret_id } => {
            let body = format!(
                "The value of the new secret {secret_id} was lost before it was proved. It is \
                 deleted and the rotation starts over."
            );
            draft(
                Severity::Info,
                runners(),
                "ROTATION RESTARTS",
                String::new(),
                body,
            )
        }
        Event::Done {
            proof,
            tokens_dead_at_ms,
        } => {
            let body = format!(
                "The old secret is dead: {}. The last token minted from it expires at {}.",
                proof_words(*proof),
                tokens_dead_at_ms.date_clock_utc()
            );
            let to = security_and(roster, &[Role::Custodian, Role::Operator, Role::Auditor]);
            draft(Severity::Info, to, "ROTATED", String::new(), body)
        }
        // Steps inside one minute whose failure has its own message.
        Event::Prepared { .. }
        | Event::Resumed { .. }
        | Event::CreateSent {}
        | Event::Reconciled { .. }
        | Event::Verified {}
        | Event::Acked { .. }
        | Event::Switched { .. }
        | Event::Deleted { .. }
        | Event::Discarded { .. } => Vec::new(),
    }
}

fn words(cause: Cause) -> &'static str {
    match cause {
        Cause::Genesis => "a person has seen the first secret",
        Cause::Close => "an incident closed",
        Cause::Rotate => "a rotation was owed or asked for",
        Cause::Supplied => {
            "an operator brought a fresh secret to the vault's host. It is replaced at once, and so \
             is the one that was sealed. If nobody told you of that, call security"
        }
    }
}

fn proof_words(proof: Proof) -> &'static str {
    match proof {
        Proof::ListAndRefused => "it is gone from Databricks' list and its value is refused",
        Proof::List => {
            "it is gone from Databricks' list; its value was no longer held, so it \
                        could not be tried"
        }
    }
}
