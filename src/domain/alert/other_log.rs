//! Somebody whose machine remembers another log than this vault's ended something.

use super::{AlertDraft, Audience, Severity};
use crate::domain::ids::{IncidentId, PersonId};
use crate::domain::roster::Roster;

/// The message about it, to everyone: one of the two logs is false.
pub(super) fn message(
    person: &PersonId,
    word: &str,
    incident: &IncidentId,
    size: u64,
    roster: &Roster,
) -> AlertDraft {
    let who = roster.name_of(person);
    AlertDraft {
        kind: "cp.unknown",
        severity: Severity::Alarm,
        audience: Audience::Everyone,
        subject: format!("[ANOTHER LOG] {incident}: {who} has seen one that is not this vault's"),
        body: format!(
            "{who} signed `{word}` {incident}, and her machine had seen a log of {size} entries \
             that does not go on as this one. Her word only ends something, so it was not held up \
             by that. Either this log was rewritten, or somebody shows her another one.\n\
             Security: take the checkpoints of her machine and the mails you kept, and hold them \
             against a copy: runbooks/log-broken.md"
        ),
    }
}
