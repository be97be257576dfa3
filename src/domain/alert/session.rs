//! Messages about a session, its end and its review.

use super::incident::Case;
use super::{AlertDraft, Audience, Severity, security_and};
use crate::domain::ids::PersonId;
use crate::domain::incident::CloseCause;
use crate::domain::review::Verdict;
use crate::domain::roster::Role;
use crate::domain::terms::Purpose;
use crate::domain::time::Timestamp;

impl Case<'_> {
    pub(super) fn unseal_begun(&self) -> AlertDraft {
        let id = &self.incident.id;
        let body = format!(
            "Enough shares are in. The vault is combining those of {} for {id}.\n\
             Not expected? Stop it: breakglass stop {id}",
            self.releasers()
        );
        let subject = self.subject("UNSEALING", "");
        self.draft(
            "unseal.begin",
            Severity::Info,
            Audience::Everyone,
            subject,
            body,
        )
    }

    pub(super) fn unseal_failed(&self, why: &str, combined: bool) -> AlertDraft {
        let after = if combined {
            "Shares had been combined: a rotation is owed and custodians are asked again."
        } else {
            "Nothing was unsealed; custodians are asked again."
        };
        let body = format!("Opening {} broke: {why}. {after}", self.incident.id);
        let subject = self.subject("OPENING BROKE", "");
        self.draft(
            "unseal.failed",
            Severity::Alarm,
            Audience::Everyone,
            subject,
            body,
        )
    }

    pub(super) fn session_opened(&self, actor: &PersonId, exp: Timestamp) -> AlertDraft {
        let id = &self.incident.id;
        let body = format!(
            "Break glass is OPEN: {id} by {} until {}.\n{}\nEvery call is logged.\n\n\
             Not expected? Stop it: breakglass stop {id}",
            self.roster.name_of(actor),
            exp.date_clock_utc(),
            self.facts()
        );
        let subject = self.subject("OPEN", &format!("until {}", exp.clock_utc()));
        self.draft(
            "session.open",
            Severity::Alarm,
            Audience::Everyone,
            subject,
            body,
        )
    }

    pub(super) fn claimed(&self, claims: u32, from: &str) -> AlertDraft {
        let (id, who) = (&self.incident.id, self.requester());
        let (severity, subject, body) = if claims <= 1 {
            let body = format!("{who} took the session token of {id} from {from}.");
            (Severity::Info, self.subject("CLAIMED", ""), body)
        } else {
            let body = format!(
                "The session token of {id} was taken for the {claims}. time, from {from}; the one \
                 before is dead. {who}: if this was not you, run breakglass stop {id}"
            );
            (Severity::Alarm, self.subject("CLAIMED AGAIN", ""), body)
        };
        let people = self.incident.requester.person().cloned();
        let watchers = self
            .roster
            .people
            .iter()
            .filter(|p| p.is(Role::Security) || p.is(Role::Auditor))
            .map(|p| p.id.clone());
        let to = Audience::People(people.into_iter().chain(watchers).collect());
        self.draft("session.claim", severity, to, subject, body)
    }

    pub(super) fn session_closed(
        &self,
        why: CloseCause,
        person: Option<&PersonId>,
        reason: &str,
        memory_lost: bool,
    ) -> AlertDraft {
        let who = person
            .map(|id| format!(" by {}", self.roster.name_of(id)))
            .unwrap_or_default();
        let said = if reason.is_empty() {
            String::new()
        } else {
            format!(", saying: {reason}")
        };
        let next = if memory_lost {
            "The credential went with the memory: custodians must come again to rotate it."
        } else {
            "The secret is being rotated now."
        };
        let body = format!(
            "{} has ended ({}{who}{said}). NOT SAFE YET: the old secret is not dead. {next}",
            self.incident.id,
            why.words()
        );
        let calm = matches!(
            why,
            CloseCause::Closed | CloseCause::Deadline | CloseCause::Rotate
        );
        let severity = if calm && !memory_lost {
            Severity::Info
        } else {
            Severity::Alarm
        };
        let subject = self.subject("ENDED, NOT SAFE YET", why.words());
        self.draft("session.close", severity, Audience::Everyone, subject, body)
    }

    pub(super) fn memory_lost(&self) -> AlertDraft {
        let body = format!(
            "The vault restarted while {} was closing. NOT SAFE YET: a rotation is owed, and \
             custodians will be asked for shares with purpose rotate.",
            self.incident.id
        );
        let subject = self.subject("ROTATION OWED, NOT SAFE YET", "");
        let to = security_and(
            self.roster,
            &[Role::Custodian, Role::Operator, Role::Auditor],
        );
        self.draft("incident.memory_lost", Severity::Alarm, to, subject, body)
    }

    pub(super) fn closed(
        &self,
        at: Timestamp,
        tokens_dead_at: Timestamp,
        due: Option<Timestamp>,
    ) -> Vec<AlertDraft> {
        // The terms in force are those of the owed rotation when memory was lost.
        let terms = &self.incident.terms;
        let asked = if terms.purpose == self.incident.purpose {
            format!("Asked {}, closed", terms.asked_ms.date_clock_utc())
        } else {
            "Closed".to_owned()
        };
        let review = due.map_or_else(String::new, |due| {
            format!(" The review is due {}.", due.date_clock_utc())
        });
        let body = format!(
            "{} is closed. {asked} {}. The secret is rotated and the old one is dead at \
             Databricks. Fully safe at {}, when the last token minted from it has expired.{review}",
            self.incident.id,
            at.date_clock_utc(),
            tokens_dead_at.date_clock_utc()
        );
        let rest = format!(
            "secret rotated, fully safe at {}",
            tokens_dead_at.clock_utc()
        );
        let subject = self.subject("CLOSED", &rest);
        let closed = self.draft(
            "incident.closed",
            Severity::Info,
            Audience::Everyone,
            subject,
            body,
        );
        let mut drafts = vec![closed];
        drafts.extend(due.map(|due| self.review_due(due)));
        drafts
    }

    pub(super) fn review_due(&self, due: Timestamp) -> AlertDraft {
        let id = &self.incident.id;
        let people = self.reviewers();
        let overdue = match self.incident.purpose {
            Purpose::Drill => "a drill's review closes no gate, and shows what to mend",
            Purpose::Incident | Purpose::Rotate => {
                "while it is overdue the next opening needs one more approval"
            }
        };
        let body = format!(
            "Somebody who took no part must review {id} until {}; {overdue}.\n\n\
             breakglass review show {id}",
            due.date_clock_utc()
        );
        let tag = format!("REVIEW DUE {}", due.date_clock_utc());
        let subject = self.subject(&tag, "");
        self.draft(
            "review.due",
            Severity::Action,
            Audience::People(people),
            subject,
            body,
        )
    }

    pub(super) fn reviewed(
        &self,
        person: &PersonId,
        verdict: Verdict,
        findings: usize,
    ) -> AlertDraft {
        let words = match verdict {
            Verdict::Justified => "justified",
            Verdict::Findings => "justified, with findings",
            Verdict::Unjustified => "NOT justified",
        };
        let severity = if verdict == Verdict::Unjustified {
            Severity::Alarm
        } else {
            Severity::Info
        };
        let body = format!(
            "{} reviewed {}: {words}. Findings: {findings}.",
            self.roster.name_of(person),
            self.incident.id
        );
        let subject = self.subject("REVIEWED", words);
        self.draft("review.signed", severity, Audience::Everyone, subject, body)
    }
}
