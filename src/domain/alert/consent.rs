//! Messages about what people say besides shares: co-approvals, overrides, vetoes, second stops,
//! longer sessions.

use super::incident::Case;
use super::{AlertDraft, Audience, Severity, security_and};
use crate::domain::ids::{IncidentId, PersonId};
use crate::domain::incident::Event;
use crate::domain::roster::Role;
use crate::domain::terms::Gate;
use crate::domain::time::Timestamp;

impl Case<'_> {
    /// The messages of the events this file is about; none for any other.
    pub(super) fn consent(&self, event: &Event) -> Vec<AlertDraft> {
        match event {
            Event::CoApproved { person, .. } => self.co_approved(person),
            Event::GateLifted { person, gates, .. } => self.gate_lifted(person, gates),
            Event::CoolingBegun { until_ms } => self.cooling(*until_ms),
            Event::Displacing { displaces, .. } => vec![self.displacing(displaces)],
            Event::Vetoed { person, reason, .. } => self.vetoed(person, reason),
            Event::EndAsked { person, reason, .. } => vec![self.end_asked(person, reason)],
            Event::ExtendAsked { max_minutes, .. } => vec![self.extend_asked(*max_minutes)],
            Event::ExtendSigned { person, .. } => vec![self.extend_signed(person)],
            Event::Extended {
                max_minutes,
                exp_ms,
                ..
            } => vec![self.extended(*max_minutes, *exp_ms)],
            Event::ExtendFailed { why } => vec![self.extend_failed(why)],
            _ => Vec::new(),
        }
    }

    fn co_approved(&self, person: &PersonId) -> Vec<AlertDraft> {
        let who = self.roster.name_of(person);
        let id = &self.incident.id;
        let body = format!(
            "{who} co-approved {id}, without a share: {}.\n{who}, if this was not you: breakglass \
             withdraw {id}, and tell security.",
            self.count()
        );
        let subject = self.subject("CO-APPROVED", &self.count());
        let own = Audience::People(vec![person.clone()]);
        let mut drafts = self.both("approve.co", Severity::Info, &subject, &body);
        drafts.push(self.draft("approve.co", Severity::Info, own, subject, body));
        drafts
    }

    fn gate_lifted(&self, person: &PersonId, gates: &[Gate]) -> Vec<AlertDraft> {
        let words: Vec<&str> = gates.iter().map(|g| g.words()).collect();
        let body = format!(
            "{} signed for {} that it may open although {}.",
            self.roster.name_of(person),
            self.incident.id,
            words.join(", ")
        );
        let subject = self.subject("OVERRIDE", "");
        self.both("gate.lifted", Severity::Action, &subject, &body)
    }

    fn cooling(&self, until: Timestamp) -> Vec<AlertDraft> {
        let id = &self.incident.id;
        let body = format!(
            "Enough people agreed to {id}. It opens at {} unless somebody says no before: \
             security with breakglass veto {id}, a custodian with breakglass withdraw {id}.\n{}",
            until.date_clock_utc(),
            self.facts()
        );
        let rest = format!("opens at {}", until.clock_utc());
        let subject = self.subject("VETO WINDOW", &rest);
        self.both("incident.cooling", Severity::Action, &subject, &body)
    }

    fn displacing(&self, displaces: &IncidentId) -> AlertDraft {
        let body = format!(
            "The custodians of {} agreed to close {displaces} for it. {displaces} ends now; {} \
             asks again when its secret is rotated.",
            self.incident.id, self.incident.id
        );
        let subject = self.subject("DISPLACES", displaces.as_str());
        let kind = "incident.displacing";
        self.draft(kind, Severity::Alarm, Audience::Everyone, subject, body)
    }

    fn vetoed(&self, person: &PersonId, reason: &str) -> Vec<AlertDraft> {
        let body = format!(
            "{} vetoed {}, saying: {reason}. Nothing is opened.",
            self.roster.name_of(person),
            self.incident.id
        );
        let subject = self.subject("VETOED", "");
        self.both("incident.vetoed", Severity::Alarm, &subject, &body)
    }

    fn end_asked(&self, person: &PersonId, reason: &str) -> AlertDraft {
        let id = &self.incident.id;
        let who = self.roster.name_of(person);
        let word = if self.incident.is_being_asked() {
            "veto"
        } else {
            "stop"
        };
        let body = format!(
            "{who} wants to end {id}, saying: {reason}. It is {who}'s second stop or veto within \
             24 hours, so it waits for another person's signature: breakglass {word} {id}"
        );
        let subject = self.subject("SECOND SIGNATURE WANTED", &format!("to {word}"));
        self.draft(
            "stop.asked",
            Severity::Alarm,
            Audience::Everyone,
            subject,
            body,
        )
    }

    fn extend_asked(&self, max_minutes: u32) -> AlertDraft {
        let id = &self.incident.id;
        let body = format!(
            "{} asks that the session of {id} may last {max_minutes} minutes in all. {} \
             custodians must agree before it ends; no share is needed.\n{}\n\nCustodians: join \
             the bridge, hear the phrase, then run: breakglass extend {id} --minutes {max_minutes}",
            self.requester(),
            self.incident.terms.needed,
            self.facts()
        );
        let subject = self.subject("LONGER?", &format!("{max_minutes} minutes in all"));
        let to = security_and(self.roster, &[Role::Custodian, Role::Auditor]);
        self.draft("extend.asked", Severity::Action, to, subject, body)
    }

    fn extend_signed(&self, person: &PersonId) -> AlertDraft {
        let who = self.roster.name_of(person);
        let body = format!(
            "{who} agreed to the longer session of {}.",
            self.incident.id
        );
        let subject = self.subject("LONGER: AGREED BY ONE", "");
        let mut people = vec![person.clone()];
        people.extend(self.incident.requester.person().cloned());
        let to = Audience::People(people);
        self.draft("extend.signed", Severity::Info, to, subject, body)
    }

    fn extended(&self, max_minutes: u32, exp: Timestamp) -> AlertDraft {
        let id = &self.incident.id;
        let body = format!(
            "The session of {id} lasts {max_minutes} minutes now, until {}.\n\n\
             Not expected? Stop it: breakglass stop {id}",
            exp.date_clock_utc()
        );
        let subject = self.subject("EXTENDED", &format!("until {}", exp.clock_utc()));
        let kind = "session.extended";
        self.draft(kind, Severity::Alarm, Audience::Everyone, subject, body)
    }

    fn extend_failed(&self, why: &str) -> AlertDraft {
        let body = format!(
            "The session of {} could not be made longer: {why}. Its old deadline stands.",
            self.incident.id
        );
        let subject = self.subject("NOT EXTENDED", "");
        let to = self.to_requester();
        self.draft("extend.failed", Severity::Action, to, subject, body)
    }
}
