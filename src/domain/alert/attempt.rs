//! Attempts that failed and states that people must know of, though no incident changed.

use super::fault::{self, Fault};
use super::{AlertDraft, Audience, Severity, other_log, security_and};
use crate::domain::ids::{IncidentId, PersonId};
use crate::domain::roster::{Role, Roster};
use crate::domain::time::Timestamp;

/// Something that was tried and did not succeed, or that is wrong now. Holds ids, words and
/// addresses only: no text here may come from a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// A login was refused.
    LoginFailed {
        /// Whose key it named, where the roster knows it.
        person: Option<PersonId>,
        /// Why, one of our own sentences.
        why: &'static str,
    },
    /// A share did not pass its checks; the others keep their place.
    ShareRejected {
        /// Who sent it.
        person: PersonId,
        /// Which share it claimed to be.
        index: u8,
        /// Why, without anything of the share.
        why: String,
        /// For which incident.
        incident: IncidentId,
    },
    /// The rules said no to a signed act.
    ActRefused {
        /// Who signed.
        person: PersonId,
        /// The act's word.
        word: &'static str,
        /// The incident, for acts that belong to one.
        incident: Option<IncidentId>,
        /// The refusal's code.
        code: &'static str,
    },
    /// Somebody ended something, and had seen another log than this vault's.
    OtherLogSeen {
        /// Who signed.
        person: PersonId,
        /// The act's word.
        word: &'static str,
        /// Which incident.
        incident: IncidentId,
        /// Entries that she had seen.
        size: u64,
    },
    /// The session token came from a second source address.
    ForeignAddress {
        /// Which incident.
        incident: IncidentId,
        /// Whose session.
        actor: PersonId,
        /// Address of the first use.
        first: String,
        /// Address now.
        now: String,
    },
    /// A reply of Databricks held the injected token, the session secret or the credential.
    TokenSeen {
        /// Which incident.
        incident: IncidentId,
    },
    /// Calls outside the scope, counted.
    ScopeRefused {
        /// Which incident.
        incident: IncidentId,
        /// Whose session.
        actor: PersonId,
        /// How many since the last message.
        count: u64,
    },
    /// A person was given an admin's right, or Databricks did not show it.
    Granted {
        /// Which incident.
        incident: IncidentId,
        /// Who got it.
        person: PersonId,
        /// `workspace-admin` or `account-admin`.
        right: &'static str,
        /// It stays after the close.
        keep: bool,
        /// Read back; otherwise nobody knows until the close looks again.
        shown: bool,
    },
    /// Something a session added could not be taken away.
    UndoFailed {
        /// Which incident.
        incident: IncidentId,
        /// What, without names.
        what: String,
        /// Why.
        why: String,
    },
    /// A channel did not take a message.
    ChannelFailed {
        /// Its name in the configuration.
        channel: String,
        /// What it said; channels keep secrets out of their errors.
        error: String,
    },
    /// A rotation has not been finished.
    RotationOwed {
        /// Since when.
        since: Timestamp,
    },
    /// New shares wait for proofs before the successor may become current (PROTOCOL §3).
    ProofsMissing {
        /// Epoch of the new shares.
        epoch: u32,
        /// New shares addressed to recently proved unlockers.
        have: u8,
        /// How many are needed.
        need: u8,
    },
    /// Too many secrets of the principal are alive for a successor to fit.
    TooManySecrets {
        /// How many.
        live: usize,
    },
    /// Something is wrong with the vault or around it.
    Fault(Fault),
    /// The log cannot be written or does not verify.
    LogBroken {
        /// Why.
        why: String,
    },
}

/// The messages about an attempt. How often the same one is sent is the caller's decision.
#[must_use]
pub fn for_attempt(attempt: &Attempt, roster: &Roster) -> Vec<AlertDraft> {
    match attempt {
        Attempt::LoginFailed { person, why } => login_failed(person.as_ref(), why, roster),
        Attempt::ShareRejected {
            person,
            index,
            why,
            incident,
        } => share_rejected(person, *index, why, incident, roster),
        Attempt::ActRefused {
            person,
            word,
            incident,
            code,
        } => act_refused(person, word, incident.as_ref(), code, roster),
        Attempt::OtherLogSeen {
            person,
            word,
            incident,
            size,
        } => vec![other_log::message(person, word, incident, *size, roster)],
        Attempt::ForeignAddress {
            incident,
            actor,
            first,
            now,
        } => foreign_address(incident, actor, first, now, roster),
        Attempt::ScopeRefused {
            incident,
            actor,
            count,
        } => scope_refused(incident, actor, *count, roster),
        Attempt::Fault(found) => vec![fault::message(found, roster)],
        Attempt::TokenSeen { .. }
        | Attempt::Granted { .. }
        | Attempt::UndoFailed { .. }
        | Attempt::ChannelFailed { .. }
        | Attempt::RotationOwed { .. }
        | Attempt::ProofsMissing { .. }
        | Attempt::TooManySecrets { .. }
        | Attempt::LogBroken { .. } => vec![trouble(attempt, roster)],
    }
}

fn to_person(draft: AlertDraft, person: &PersonId) -> [AlertDraft; 2] {
    let own = AlertDraft {
        audience: Audience::People(vec![person.clone()]),
        ..draft.clone()
    };
    [draft, own]
}

fn login_failed(person: Option<&PersonId>, why: &str, roster: &Roster) -> Vec<AlertDraft> {
    let who = person.map_or_else(|| "a stranger".to_owned(), |id| roster.name_of(id));
    let draft = AlertDraft {
        kind: "login.failed",
        severity: Severity::Action,
        audience: security_and(roster, &[]),
        subject: format!("[LOGIN REFUSED] {who}"),
        body: format!(
            "A login as {who} was refused: {why}. Nothing was shown or released.\n\
             If you are {who} and this was not you, tell security."
        ),
    };
    match person {
        Some(person) => to_person(draft, person).into(),
        None => vec![draft],
    }
}

fn share_rejected(
    person: &PersonId,
    index: u8,
    why: &str,
    incident: &IncidentId,
    roster: &Roster,
) -> Vec<AlertDraft> {
    let who = roster.name_of(person);
    let draft = AlertDraft {
        kind: "share.reject",
        severity: Severity::Alarm,
        audience: security_and(roster, &[]),
        subject: format!("[SHARE REJECTED] {incident}: share {index} of {who}"),
        body: format!(
            "Share {index}, sent by {who} for {incident}, was rejected: {why}. It does not count; \
             shares that others gave keep their place.\n\
             {who}: run `breakglass approve {incident}` again, or tell security if you sent \
             nothing."
        ),
    };
    to_person(draft, person).into()
}

fn act_refused(
    person: &PersonId,
    word: &str,
    incident: Option<&IncidentId>,
    code: &str,
    roster: &Roster,
) -> Vec<AlertDraft> {
    let who = roster.name_of(person);
    let about = incident.map(|id| format!(" {id}")).unwrap_or_default();
    let draft = AlertDraft {
        kind: "act.refused",
        severity: Severity::Info,
        audience: security_and(roster, &[]),
        subject: format!("[ACT REFUSED] {word}{about} by {who}"),
        body: format!(
            "{who} signed `{word}`{about} and the rules said no ({code}). Nothing was released \
             and nothing changed.\n\
             If you are {who} and did not sign this, tell security: your key is in other hands."
        ),
    };
    to_person(draft, person).into()
}

fn foreign_address(
    incident: &IncidentId,
    actor: &PersonId,
    first: &str,
    now: &str,
    roster: &Roster,
) -> Vec<AlertDraft> {
    let who = roster.name_of(actor);
    let draft = AlertDraft {
        kind: "session.foreign_address",
        severity: Severity::Alarm,
        audience: security_and(roster, &[Role::Auditor]),
        subject: format!("[SECOND ADDRESS] {incident}: session token used from elsewhere"),
        body: format!(
            "The session token of {incident} was first used from {first} and now from {now}.\n\
             {who}: if this is not you, stop the session: breakglass stop {incident}"
        ),
    };
    to_person(draft, actor).into()
}

fn scope_refused(
    incident: &IncidentId,
    actor: &PersonId,
    count: u64,
    roster: &Roster,
) -> Vec<AlertDraft> {
    let who = roster.name_of(actor);
    let calls = if count == 1 { "call" } else { "calls" };
    let draft = AlertDraft {
        kind: "deny",
        severity: Severity::Action,
        audience: security_and(roster, &[Role::Auditor]),
        subject: format!("[OUT OF SCOPE] {incident}: {count} {calls} refused"),
        body: format!(
            "{count} {calls} of {who} in {incident} went beyond the scope that was agreed and were \
             refused before they reached Databricks. Each stands in the log and in the review.\n\
             Not expected? Stop it: breakglass stop {incident}"
        ),
    };
    to_person(draft, actor).into()
}

/// Things that are wrong with the vault rather than tried by somebody.
fn trouble(attempt: &Attempt, roster: &Roster) -> AlertDraft {
    let (kind, severity, audience, subject, body) = match attempt {
        Attempt::TokenSeen { incident } => (
            "session.token_seen",
            Severity::Alarm,
            security_and(roster, &[Role::Custodian, Role::Auditor, Role::Operator]),
            format!("[TOKEN SEEN] {incident}: a reply carried the real token; session stopped"),
            format!(
                "A reply of Databricks in {incident} carried the token that the vault injects. The \
                 reply was cut, the session is stopped and the secret is being rotated."
            ),
        ),
        Attempt::Granted {
            incident,
            person,
            right,
            keep,
            shown,
        } => (
            "grant",
            Severity::Alarm,
            Audience::Everyone,
            format!(
                "[GRANTED] {incident}: {} is {right}",
                roster.name_of(person)
            ),
            format!(
                "In {incident} {} {} {right} {}. What a granted person does at Databricks is in \
                 Databricks' own audit log, not in ours.\nNot expected? Stop it: breakglass stop \
                 {incident}",
                roster.name_of(person),
                if *shown {
                    "was made"
                } else {
                    "may have been made"
                },
                if *keep {
                    "and KEEPS it, as the terms say"
                } else {
                    "until the session ends"
                },
            ),
        ),
        Attempt::UndoFailed {
            incident,
            what,
            why,
        } => (
            "undo.failed",
            Severity::Alarm,
            security_and(roster, &[Role::Custodian, Role::Auditor, Role::Operator]),
            format!("[NOT UNDONE] {incident}: {what}"),
            format!(
                "{what}, added in {incident}, could not be taken away: {why}. It is tried again at \
                 the next opening or rotation; until then take it away by hand."
            ),
        ),
        Attempt::ChannelFailed { channel, error } => (
            "alert.failed",
            Severity::Alarm,
            security_and(roster, &[Role::Operator]),
            format!("[ALERTS FAILING] channel {channel}"),
            format!(
                "Channel {channel} did not take a message: {error}. It is tried again until it \
                 does; until then people may be told on the other channels only."
            ),
        ),
        Attempt::RotationOwed { since } => (
            "rotate.owed",
            Severity::Alarm,
            security_and(roster, &[Role::Custodian, Role::Operator, Role::Auditor]),
            format!("[ROTATION OWED] since {}", since.date_clock_utc()),
            format!(
                "The credential has not been rotated since {}: not safe yet. Custodians will be \
                 asked for shares with purpose rotate; that opens no session. While it is owed, \
                 opening needs one more approval.",
                since.date_clock_utc()
            ),
        ),
        Attempt::ProofsMissing { epoch, have, need } => (
            "rotate.acked",
            Severity::Action,
            Audience::Roles(vec![Role::Custodian, Role::Operator]),
            format!("[PROOFS NEEDED] epoch {epoch}: {have} of {need}"),
            format!(
                "Of the new shares of epoch {epoch} only {have} are addressed to keys that were \
                 proved lately; {need} are needed before the old secret can be deleted: not safe \
                 yet.\nCustodians: breakglass prove"
            ),
        ),
        Attempt::TooManySecrets { live } => (
            "rotate.no_room",
            Severity::Alarm,
            Audience::Everyone,
            "[NOT SAFE YET] rotation waits for room".to_owned(),
            format!(
                "The principal has {live} live secrets; a rotation needs at most three. The vault \
                 never deletes a secret it did not make.\nOperators: delete the ones nobody needs \
                 in the account console, the rotation then goes on by itself."
            ),
        ),
        // Every other attempt has its own function above.
        other => (
            "log.broken",
            Severity::Alarm,
            Audience::Everyone,
            "[LOG BROKEN] no new access".to_owned(),
            format!(
                "The log cannot be trusted or written{}. New openings and calls are refused; \
                 closing, rotating and reviewing go on. Keep the checkpoints you were sent.",
                match other {
                    Attempt::LogBroken { why } => format!(": {why}"),
                    _ => String::new(),
                }
            ),
        ),
    };
    AlertDraft {
        kind,
        severity,
        audience,
        subject,
        body,
    }
}
