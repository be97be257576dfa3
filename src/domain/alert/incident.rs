//! Messages about an incident, event by event; those from unsealing on are in `session`.

use super::{AlertDraft, Audience, Known, Severity, names, security_and};
use crate::domain::act::Pick;
use crate::domain::ids::PersonId;
use crate::domain::incident::command::AskAgain;
use crate::domain::incident::{Approval, Event, Incident, Phase};
use crate::domain::roster::{Role, Roster};
use crate::domain::terms::{Purpose, Requester};
use crate::domain::time::Timestamp;

/// What every message about one incident needs.
pub(super) struct Case<'a> {
    pub(super) incident: &'a Incident,
    pub(super) roster: &'a Roster,
    pub(super) console_url: &'a str,
    pub(super) known: &'a Known,
}

/// The messages an event causes; `incident` is the incident after the event, `known` what else is
/// known of it, `console_url` where people find the vault. Drafts of a review and notes alert nobody.
#[must_use]
pub fn for_event(
    event: &Event,
    incident: &Incident,
    known: &Known,
    roster: &Roster,
    console_url: &str,
) -> Vec<AlertDraft> {
    let case = Case {
        incident,
        roster,
        console_url,
        known,
    };
    if incident.purpose == Purpose::Drill
        && let Some(drafts) = case.drill(event)
    {
        return drafts;
    }
    match event {
        Event::Opened(_) => vec![case.opened()],
        Event::AskedAgain { why, .. } => vec![case.asked_again(*why)],
        Event::ShareAccepted(approval) => case.share_accepted(approval),
        Event::PaperWitnessed(witnessing) => vec![case.paper_witnessed(witnessing)],
        Event::ShareWithdrawn { person, .. } => case.share_withdrawn(person),
        Event::CustodianRefused { person, reason, .. } => case.custodian_refused(person, reason),
        Event::Mismatched {
            person,
            pick,
            wrong,
            ..
        } => case.mismatched(person, *pick, *wrong),
        Event::Withdrawn { .. } | Event::Refused { .. } | Event::Lapsed { .. } => {
            case.ended_early(event)
        }
        Event::UnsealBegun { .. } => vec![case.unseal_begun()],
        Event::UnsealFailed { why, combined } => vec![case.unseal_failed(why, *combined)],
        Event::SessionOpened { actor, exp_ms, .. } => vec![case.session_opened(actor, *exp_ms)],
        Event::Claimed { claims, from, .. } => vec![case.claimed(*claims, from)],
        Event::SessionClosed {
            why,
            person,
            reason,
            memory_lost,
            ..
        } => {
            vec![case.session_closed(*why, person.as_ref(), reason, *memory_lost)]
        }
        Event::MemoryLost {} => vec![case.memory_lost()],
        Event::Closed {
            at_ms,
            tokens_dead_at_ms,
            due_ms,
        } => case.closed(*at_ms, *tokens_dead_at_ms, *due_ms),
        Event::Reviewed {
            person,
            verdict,
            findings,
            ..
        } => {
            vec![case.reviewed(person, *verdict, findings.len())]
        }
        Event::CoApproved { .. }
        | Event::GateLifted { .. }
        | Event::CoolingBegun { .. }
        | Event::Displacing { .. }
        | Event::Vetoed { .. }
        | Event::EndAsked { .. }
        | Event::ExtendAsked { .. }
        | Event::ExtendSigned { .. }
        | Event::Extended { .. }
        | Event::ExtendFailed { .. } => case.consent(event),
        // `unseal.done` is followed at once by `session.open` or by a failure, which speak for it.
        Event::Unsealed {}
        | Event::Cooled { .. }
        | Event::Noted { .. }
        | Event::Answered { .. }
        | Event::Found { .. } => Vec::new(),
    }
}

impl Case<'_> {
    /// `[TAG] Break glass INC-2 prod-eu rest`, or `Rotation` for purpose `rotate`.
    pub(super) fn subject(&self, tag: &str, rest: &str) -> String {
        let what = match self.incident.purpose {
            Purpose::Rotate => "Rotation",
            Purpose::Drill => "Drill",
            Purpose::Incident => "Break glass",
        };
        let blank = if rest.is_empty() { "" } else { " " };
        format!(
            "[{tag}] {what} {} {}{blank}{rest}",
            self.incident.id, self.incident.terms.vault
        )
    }

    pub(super) fn draft(
        &self,
        kind: &'static str,
        severity: Severity,
        audience: Audience,
        subject: String,
        body: String,
    ) -> AlertDraft {
        let body = format!("{body}\n\nVault: {}", self.console_url);
        AlertDraft {
            kind,
            severity,
            audience,
            subject,
            body,
        }
    }

    pub(super) fn requester(&self) -> String {
        match &self.incident.requester {
            Requester::Vault => "the vault itself".to_owned(),
            Requester::Person(person) => self.roster.name_of(person),
        }
    }

    /// The responder, as an audience; operators where the vault itself asked.
    pub(super) fn to_requester(&self) -> Audience {
        match self.incident.requester.person() {
            Some(person) => Audience::People(vec![person.clone()]),
            None => Audience::Roles(vec![Role::Operator]),
        }
    }

    /// Custodians, security and auditors: those who are asked and those who watch.
    fn to_asked(&self) -> Audience {
        security_and(self.roster, &[Role::Custodian, Role::Auditor])
    }

    /// "1 of 3 shares are in", in the terms in force.
    pub(super) fn count(&self) -> String {
        let (given, needed) = (self.incident.approvals().len(), self.incident.terms.needed);
        format!("{given} of {needed} shares are in")
    }

    /// Whose shares are being combined: exact while the incident holds them.
    pub(super) fn releasers(&self) -> String {
        let people: Vec<&PersonId> = self
            .incident
            .approvals()
            .iter()
            .map(|a| &a.person)
            .collect();
        names(self.roster, &people)
    }

    /// Who, why, what, how long; the reason is for mail, so it is in bodies only.
    pub(super) fn facts(&self) -> String {
        let terms = &self.incident.terms;
        if terms.purpose == Purpose::Rotate {
            return "Purpose: rotate. It replaces the credential and can never open a session."
                .to_owned();
        }
        let ticket = if terms.ticket.is_empty() {
            String::new()
        } else {
            format!(" ({})", terms.ticket)
        };
        let drill = match terms.purpose {
            Purpose::Drill => {
                "This is a DRILL: a decoy is opened, and no call reaches Databricks.\n"
            }
            Purpose::Incident | Purpose::Rotate => "",
        };
        format!(
            "{drill}Who: {}\nWhy: {}{ticket}: {}\nWhat: {}, {}\nHow long: {} minutes",
            self.requester(),
            terms.use_case,
            terms.reason,
            terms.target.words(),
            terms.scope.join(", "),
            terms.max_minutes
        )
    }

    /// A rotation that is asked for wakes nobody at night (PROTOCOL §11).
    fn urgency(&self) -> Severity {
        match self.incident.purpose {
            Purpose::Rotate => Severity::Info,
            Purpose::Incident | Purpose::Drill => Severity::Action,
        }
    }

    fn opened(&self) -> AlertDraft {
        if let Phase::Waiting { until_ms } = self.incident.phase {
            return self.waiting(until_ms);
        }
        let ends = self.incident.terms.expires_ms;
        let id = &self.incident.id;
        let body = format!(
            "{} asks for your share. {}; {} custodians are needed.\n{}\nEnds {}.\n\n\
             Custodians: join the bridge, hear the phrase, then run: breakglass approve {id}\n\
             No? Say so: breakglass refuse {id}",
            self.requester(),
            self.count(),
            self.incident.terms.needed,
            self.facts(),
            ends.date_clock_utc()
        );
        let rest = format!("asks for your share until {}", ends.clock_utc());
        let subject = self.subject("ASKED", &rest);
        self.draft(
            "incident.opened",
            self.urgency(),
            self.to_asked(),
            subject,
            body,
        )
    }

    /// Nobody is asked for a share before the wait is over; until then anyone may object.
    fn waiting(&self, until: Timestamp) -> AlertDraft {
        let id = &self.incident.id;
        let body = format!(
            "{} asked for break glass and has to wait until {}. Then {} custodians are needed.\n{}\n\n\
             Security: breakglass veto {id} ends it now.",
            self.requester(),
            until.date_clock_utc(),
            self.incident.terms.needed,
            self.facts()
        );
        let subject = self.subject("WAITS", &format!("until {}", until.date_clock_utc()));
        self.draft(
            "incident.opened",
            Severity::Action,
            self.to_asked(),
            subject,
            body,
        )
    }

    fn asked_again(&self, why: AskAgain) -> AlertDraft {
        let because = match why {
            AskAgain::Restart => "the vault restarted",
            AskAgain::WaitOver => "its waiting time is over; now shares are asked for",
            AskAgain::EpochEnded => "the epoch ended, so shares of the new one are asked for",
            AskAgain::OpeningBroke => "opening broke after shares were combined",
            AskAgain::RotationOwed => "the credential went with the memory before it was rotated",
        };
        let id = &self.incident.id;
        let body = format!(
            "Asked again because {because}. Shares given before do not count any more; the phrase \
             is a new one.\n{}\n\nCustodians: breakglass approve {id}",
            self.facts()
        );
        let subject = self.subject("ASKED AGAIN", "asks for your share");
        self.draft(
            "incident.asked_again",
            self.urgency(),
            self.to_asked(),
            subject,
            body,
        )
    }

    fn share_accepted(&self, approval: &Approval) -> Vec<AlertDraft> {
        let person = &approval.person;
        let who = self.roster.name_of(person);
        let id = &self.incident.id;
        let (given, needed) = (
            self.incident.approvals().len(),
            usize::from(self.incident.terms.needed),
        );
        let body = format!(
            "{who} released a share for {id}: {}.\n{who}, if this was not you: breakglass \
             withdraw {id}, or breakglass stop {id} once it is open, and tell security.",
            self.count()
        );
        let subject = self.subject("SHARE IN", &format!("{given} of {needed}"));
        let mut people = vec![person.clone()];
        people.extend(self.incident.requester.person().cloned());
        let kind = "share.accept";
        let told = [
            Audience::People(people),
            security_and(self.roster, &[Role::Auditor]),
        ];
        let mut drafts: Vec<AlertDraft> = told
            .into_iter()
            .map(|to| self.draft(kind, Severity::Info, to, subject.clone(), body.clone()))
            .collect();
        drafts.extend(self.paper_used(approval));
        if given == needed {
            drafts.extend(self.stand_down("enough shares are in"));
        }
        drafts
    }

    /// "Good night" to the custodians who were asked and have not answered.
    fn stand_down(&self, because: &str) -> Option<AlertDraft> {
        let answered = |id: &PersonId| {
            self.incident.requester.person() == Some(id)
                || self.incident.refused_by.contains(id)
                || self.incident.approvals().iter().any(|a| a.person == *id)
        };
        let people: Vec<PersonId> = self
            .roster
            .custodians()
            .map(|(_, p)| p.id.clone())
            .filter(|id| !answered(id))
            .collect();
        if people.is_empty() {
            return None;
        }
        let body = format!(
            "{}: {because}. Nothing for you to do. Good night.",
            self.incident.id
        );
        let subject = self.subject("STAND DOWN", because);
        let kind = "incident.stand_down";
        Some(self.draft(
            kind,
            Severity::Info,
            Audience::People(people),
            subject,
            body,
        ))
    }

    fn share_withdrawn(&self, person: &PersonId) -> Vec<AlertDraft> {
        let who = self.roster.name_of(person);
        let body = format!(
            "{who} took a share back from {}: {}.",
            self.incident.id,
            self.count()
        );
        let subject = self.subject("SHARE WITHDRAWN", &self.count());
        self.both("approve.withdrawn", Severity::Action, &subject, &body)
    }

    fn custodian_refused(&self, person: &PersonId, reason: &str) -> Vec<AlertDraft> {
        let who = self.roster.name_of(person);
        let said = if reason.is_empty() {
            String::new()
        } else {
            format!(", saying: {reason}")
        };
        let body = format!(
            "{who} refused {}{said}.\n{}.",
            self.incident.id,
            self.count()
        );
        let subject = self.subject("REFUSED BY ONE", &self.count());
        self.both("approve.refused", Severity::Info, &subject, &body)
    }

    /// The same message to those who are asked and to the responder.
    pub(super) fn both(
        &self,
        kind: &'static str,
        severity: Severity,
        subject: &str,
        body: &str,
    ) -> Vec<AlertDraft> {
        [self.to_asked(), self.to_requester()]
            .into_iter()
            .map(|to| self.draft(kind, severity, to, subject.to_owned(), body.to_owned()))
            .collect()
    }

    /// The first wrong pick tells the responder; the second alarms security (PROTOCOL §5).
    fn mismatched(&self, person: &PersonId, pick: Pick, wrong: u8) -> Vec<AlertDraft> {
        let who = self.roster.name_of(person);
        let id = &self.incident.id;
        let kind = "approve.mismatch";
        if pick == Pick::NothingHeard {
            let body = format!("{who} heard no phrase for {id}. Nothing was released. Call again.");
            let subject = self.subject("NO PHRASE HEARD", "");
            return vec![self.draft(kind, Severity::Action, self.to_requester(), subject, body)];
        }
        let body = format!(
            "The phrase {who} picked did not match on {id}. Nothing was released. Read it again \
             slowly; whoever did not read one is not who they say."
        );
        let subject = self.subject("WRONG PHRASE", "nothing was released");
        let told = self.draft(kind, Severity::Action, self.to_requester(), subject, body);
        if wrong < 2 {
            return vec![told];
        }
        let body = format!(
            "{who} picked a wrong phrase on {id} for the {wrong}. time and is paused for five \
             minutes. Nothing was released. Somebody may be calling custodians in another's name: \
             call {} and {who} on numbers you know.",
            self.requester()
        );
        let subject = self.subject("WRONG PHRASE AGAIN", "nothing was released");
        let alarm = |to| self.draft(kind, Severity::Alarm, to, subject.clone(), body.clone());
        let own = Audience::People(vec![person.clone()]);
        vec![told, alarm(security_and(self.roster, &[])), alarm(own)]
    }

    fn ended_early(&self, event: &Event) -> Vec<AlertDraft> {
        let (kind, tag, why) = match event {
            Event::Withdrawn { .. } => (
                "incident.withdrawn",
                "WITHDRAWN",
                "the responder took it back",
            ),
            Event::Refused { .. } => (
                "incident.refused",
                "REFUSED",
                "fewer than needed could still say yes",
            ),
            Event::Lapsed { why: Some(why), .. } => ("incident.lapsed", "LAPSED", why.words()),
            _ => (
                "incident.lapsed",
                "LAPSED",
                "not enough shares came in time",
            ),
        };
        let (severity, after) = if self.incident.rotation_owed {
            (
                Severity::Alarm,
                "Shares had been combined before: NOT SAFE YET, a rotation is owed.",
            )
        } else {
            (
                Severity::Info,
                "Nothing was unsealed. Nothing for you to do: stand down, sleep.",
            )
        };
        let body = format!(
            "{} ended without a session: {why}. {after}",
            self.incident.id
        );
        self.both(kind, severity, &self.subject(tag, ""), &body)
    }
}
