//! Messages about a session, its end and its review.

use super::incident::Case;
use super::{AlertDraft, Audience, Severity, names, security_and};
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
            "Break glass is OPEN: {id} by {} until {}.\n{}\n{}Every call is logged.\n\n{}",
            self.roster.name_of(actor),
            exp.date_clock_utc(),
            self.facts(),
            self.released_by(),
            self.stop_it("Not expected? Stop it")
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

    /// `Released by Ada, Ben and Cleo.` as a line of its own; nothing where that is not known.
    pub(super) fn released_by(&self) -> String {
        let people: Vec<&PersonId> = self.known.released_by.iter().collect();
        match people.as_slice() {
            [] => String::new(),
            people => format!("Released by {}.\n", names(self.roster, people)),
        }
    }

    /// Where anyone involved ends the session: the page, and the command.
    pub(super) fn stop_it(&self, lead: &str) -> String {
        let (id, console) = (&self.incident.id, self.console_url);
        format!("{lead}: {console}/i/{id}/stop\nor: breakglass stop {id}")
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
        let known = self.known;
        let rest = match &known.calls {
            Some(calls) => format!("{}, ", calls.short()),
            None => String::new(),
        };
        let rest = format!(
            "secret rotated, {rest}fully safe at {}",
            tokens_dead_at.clock_utc()
        );
        let body = format!(
            "{} on {} is closed. {} {}.\n{}{}\nFully safe at {}, when the last token minted from \
             it has expired.{}",
            self.incident.id,
            self.incident.terms.vault,
            self.times(),
            at.date_clock_utc(),
            known
                .calls
                .map_or_else(String::new, |calls| format!("{}\n", calls.sentence())),
            match known.refused_at {
                Some(at) => format!(
                    "The secret is rotated, and Databricks refused the old one at {}.",
                    at.date_clock_utc()
                ),
                None => "The secret is rotated and the old one is dead at Databricks.".to_owned(),
            },
            tokens_dead_at.date_clock_utc(),
            due.map_or_else(String::new, |due| format!(
                "\nThe review by {} is due {}.\n{}/reviews/{}",
                self.one_of_reviewers(),
                due.date_clock_utc(),
                self.console_url,
                self.incident.id
            ))
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

    /// `Asked …, opened …, closed`, as far as it is known.
    fn times(&self) -> String {
        // The terms in force are those of the owed rotation when memory was lost.
        let terms = &self.incident.terms;
        let asked = (terms.purpose == self.incident.purpose).then_some(terms.asked_ms);
        let asked = asked.map(|at| format!("asked {}", at.date_clock_utc()));
        let opened = self.known.opened_at;
        let opened = opened.map(|at| format!("opened {}", at.date_clock_utc()));
        let times = [asked, opened, Some("closed".to_owned())];
        let times: Vec<String> = times.into_iter().flatten().collect();
        let text = times.join(", ");
        let mut letters = text.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect()
    }

    /// `Tess or Vera`: whoever took no part may sign.
    fn one_of_reviewers(&self) -> String {
        let names = self.reviewers();
        let names: Vec<String> = names.iter().map(|id| self.roster.name_of(id)).collect();
        match names.as_slice() {
            [] => "an auditor who is still to be named (every one took part)".to_owned(),
            [one] => one.clone(),
            [most @ .., last] => format!("{} or {last}", most.join(", ")),
        }
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
