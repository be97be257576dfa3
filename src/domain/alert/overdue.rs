//! Reminders of a review that nobody has signed by its date (facts on custody §3.5): first to those
//! who may sign it, a day later to operators and security as well.

use super::incident::Case;
use super::{AlertDraft, Audience, Known, Severity, names};
use crate::domain::ids::PersonId;
use crate::domain::incident::Incident;
use crate::domain::roster::{Role, Roster};
use crate::domain::terms::Purpose;
use crate::domain::time::Timestamp;

/// The reminder of one step of [`crate::domain::due::overdue_step`]; `due` is when the review was
/// due, `console_url` where people find the vault.
#[must_use]
pub fn for_overdue_review(
    incident: &Incident,
    due: Timestamp,
    step: i64,
    roster: &Roster,
    console_url: &str,
) -> AlertDraft {
    let case = Case {
        incident,
        roster,
        console_url,
        known: &Known::default(),
    };
    case.review_overdue(due, step)
}

impl Case<'_> {
    /// Auditors who took no part: only they may sign the review.
    pub(super) fn reviewers(&self) -> Vec<PersonId> {
        let auditors = self.roster.people.iter().filter(|p| p.is(Role::Auditor));
        auditors
            .map(|p| p.id.clone())
            .filter(|id| !self.incident.participants.contains(id))
            .collect()
    }

    fn review_overdue(&self, due: Timestamp, step: i64) -> AlertDraft {
        let id = &self.incident.id;
        let reviewers = self.reviewers();
        let mut people = reviewers.clone();
        // Where nobody may sign, others must act from the first day on.
        let more: &[Role] = match reviewers.is_empty() {
            true => &[Role::Operator, Role::Security, Role::Custodian],
            false if step > 0 => &[Role::Operator, Role::Security],
            false => &[],
        };
        let more = self
            .roster
            .people
            .iter()
            .filter(|p| more.iter().any(|role| p.is(*role)));
        people.extend(
            more.map(|p| p.id.clone())
                .filter(|id| !reviewers.contains(id)),
        );
        let who = match reviewers.as_slice() {
            [] => "Every auditor took part, so nobody may sign it: custodians have to name a \
                   further auditor by a roster change (breakglass roster sign)."
                .to_owned(),
            some => {
                let some: Vec<&PersonId> = some.iter().collect();
                format!("Who may sign it: {}.", names(self.roster, &some))
            }
        };
        let means = match self.incident.purpose {
            Purpose::Drill => "A drill's review closes no gate, and shows what to mend.",
            Purpose::Incident | Purpose::Rotate => {
                "Until it is signed the next opening needs one more approval."
            }
        };
        let again = match self.incident.purpose {
            Purpose::Drill => "",
            _ if step == 0 => " Operators and security hear of it in a day.",
            _ => " You hear this weekly until then.",
        };
        let body = format!(
            "The review of {id} was due {}, and nobody has signed it. {means}{again}\n{who}\n\n\
             breakglass review show {id}\nOr open {}/reviews/{id}",
            due.date_clock_utc(),
            self.console_url
        );
        let tag = format!("OVERDUE since {}", due.date_clock_utc());
        let subject = self.subject(&tag, "review not signed");
        let to = Audience::People(people);
        self.draft("review.overdue", Severity::Action, to, subject, body)
    }
}
