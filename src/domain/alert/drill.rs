//! What a drill says in place of words about a secret. All else it says like an emergency; the
//! alerts room marks every message of it.

use super::incident::Case;
use super::{AlertDraft, Audience, Severity};
use crate::domain::ids::PersonId;
use crate::domain::incident::Event;
use crate::domain::time::Timestamp;

impl Case<'_> {
    /// The messages of an event that a drill tells in its own words; `None`: the same as an
    /// emergency.
    pub(super) fn drill(&self, event: &Event) -> Option<Vec<AlertDraft>> {
        match event {
            Event::SessionOpened { actor, exp_ms, .. } => {
                Some(vec![self.drill_open(actor, *exp_ms)])
            }
            // Its end follows at once and speaks for it.
            Event::SessionClosed { .. } | Event::MemoryLost {} => Some(Vec::new()),
            Event::UnsealFailed { why, .. } => Some(vec![self.drill_failed(why)]),
            Event::Closed { due_ms, .. } => {
                let review = due_ms.map(|due| self.review_due(due));
                Some([self.drill_over()].into_iter().chain(review).collect())
            }
            _ => None,
        }
    }

    fn drill_open(&self, actor: &PersonId, exp: Timestamp) -> AlertDraft {
        let id = &self.incident.id;
        let body = format!(
            "The drill {id} has its session: {} until {}. Calls are judged and logged, and none is \
             sent.\n{}\n{}",
            self.roster.name_of(actor),
            exp.date_clock_utc(),
            self.released_by(),
            self.stop_it("Rehearse the stop as well")
        );
        let subject = self.subject("OPEN", &format!("until {}", exp.clock_utc()));
        let to = Audience::Everyone;
        self.draft("session.open", Severity::Info, to, subject, body)
    }

    fn drill_failed(&self, why: &str) -> AlertDraft {
        let id = &self.incident.id;
        let body = format!(
            "Opening the decoy of {id} broke: {why}. No secret was at stake; custodians are asked \
             again. In an emergency this would have stood in the way: find out why."
        );
        let subject = self.subject("OPENING BROKE", "");
        let to = Audience::Everyone;
        self.draft("unseal.failed", Severity::Action, to, subject, body)
    }

    fn drill_over(&self) -> AlertDraft {
        let id = &self.incident.id;
        let body = format!(
            "{id} is over: shares of a decoy were combined, and what they opened was wiped. The \
             live credential was not touched. The next drill has shares of its own."
        );
        let subject = self.subject("OVER", "");
        let to = Audience::Everyone;
        self.draft("incident.closed", Severity::Info, to, subject, body)
    }
}
