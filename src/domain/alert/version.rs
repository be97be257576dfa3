//! Messages between incidents: versions of roster and policy, who is locked out, new epochs, and
//! reminders to prove a share.

use super::{AlertDraft, Audience, Severity};
use crate::domain::ids::PersonId;
use crate::domain::roster::Roster;

/// A version of roster or policy, for its messages.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    /// `roster` or `policy`.
    pub what: &'a str,
    /// Its number.
    pub number: u32,
    /// The differences, one line each.
    pub lines: &'a [String],
    /// Whose signatures it needs.
    pub needs: &'a str,
}

/// Somebody proposed a version.
#[must_use]
pub fn proposed(version: &Version<'_>, by: &PersonId, roster: &Roster) -> AlertDraft {
    let Version {
        what,
        number,
        lines,
        needs,
    } = version;
    let who = roster.name_of(by);
    AlertDraft {
        kind: "version.proposed",
        severity: Severity::Action,
        audience: Audience::Everyone,
        subject: format!("[SIGN?] {what} {number}, proposed by {who}"),
        body: format!(
            "{who} proposes {what} {number}; {needs} must sign it before anything of it counts:\n\
             {}\nCheck with {who} by voice, then: breakglass {what} sign\n\
             Not expected? Sign nothing and tell security.",
            lines.join("\n")
        ),
    }
}

/// A version is in force.
#[must_use]
pub fn in_force(version: &Version<'_>, signed: &[PersonId], roster: &Roster) -> AlertDraft {
    let Version {
        what,
        number,
        lines,
        ..
    } = version;
    let people: Vec<&PersonId> = signed.iter().collect();
    AlertDraft {
        kind: "version.in_force",
        severity: Severity::Info,
        audience: Audience::Everyone,
        subject: format!("[CHANGED] {what} {number} is in force"),
        body: format!(
            "Signed by {}:\n{}\nEach client shows this again before its owner next signs.",
            super::names(roster, &people),
            lines.join("\n")
        ),
    }
}

/// One operator ended somebody's logins and paging.
#[must_use]
pub fn locked_out(person: &PersonId, by: &PersonId, roster: &Roster) -> AlertDraft {
    let (who, operator) = (roster.name_of(person), roster.name_of(by));
    AlertDraft {
        kind: "roster.locked_out",
        severity: Severity::Alarm,
        audience: Audience::Everyone,
        subject: format!("[LOCKED OUT] {who}, by {operator}"),
        body: format!(
            "{operator} proposes a roster without {who}. Until custodians have decided, {who} can \
             neither log in nor act and is not called.\n\
             Not expected? Custodians can sign a roster that keeps {who}; tell security."
        ),
    }
}

/// A new epoch is needed, and why.
#[must_use]
pub fn epoch_owed(why: &str) -> AlertDraft {
    AlertDraft {
        kind: "epoch.owed",
        severity: Severity::Action,
        audience: Audience::Everyone,
        subject: "[NEW EPOCH NEEDED] custodians will be asked".to_owned(),
        body: format!(
            "A new epoch is needed: {why}. Custodians are asked for shares with purpose rotate; \
             that opens no session. The present epoch stays valid until the new one is dealt."
        ),
    }
}

/// A custodian should prove her share: a new one, or one not proved for long.
#[must_use]
pub fn prove_again(person: &PersonId, epoch: u32, proved: bool) -> AlertDraft {
    let why = if proved {
        "One of your keys has not opened anything for 90 days. A share counts only while its keeper \
         can open it."
    } else {
        "You have not opened your share of this epoch yet. Until enough custodians have, the vault \
         cannot be relied on."
    };
    AlertDraft {
        kind: "custody.reminded",
        severity: Severity::Action,
        audience: Audience::People(vec![person.clone()]),
        subject: format!("[PROVE] Your share of epoch {epoch}"),
        body: format!(
            "{why}\nIt takes a minute and your share stays on your machine: breakglass prove\n\
             A lost key: breakglass unlocker remove; a lost share: breakglass report-lost."
        ),
    }
}
