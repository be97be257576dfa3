//! Messages about an incident, event by event.

use super::{AlertDraft, Audience, Severity, names, security_and};
use crate::domain::act::Pick;
use crate::domain::ids::PersonId;
use crate::domain::incident::command::AskAgain;
use crate::domain::incident::{CloseCause, Event, Incident};
use crate::domain::review::Verdict;
use crate::domain::roster::{Role, Roster};
use crate::domain::terms::{Purpose, Requester};
use crate::domain::time::Timestamp;

/// What every message about one incident needs.
struct Case<'a> {
    incident: &'a Incident,
    roster: &'a Roster,
    console_url: &'a str,
}

/// The messages an event causes; `incident` is the incident after the event, `console_url` where
/// people find the vault. Drafts of a review and notes alert nobody.
#[must_use]
pub fn for_event(
    event: &Event,
    incident: &Incident,
    roster: &Roster,
    console_url: &str,
) -> Vec<AlertDraft> {
    let case = Case {
        incident,
        roster,
        console_url,
    };
    match event {
        Event::Opened(_) => vec![case.opened()],
        Event::AskedAgain { why, .. } => vec![case.asked_again(*why)],
        Event::ShareAccepted(approval) => case.share_accepted(&approval.person),
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
        // `unseal.done` is followed at once by `session.open` or by a failure, which speak for it.
        Event::Unsealed {} | Event::Noted { .. } | Event::Answered { .. } | Event::Found { .. } => {
            Vec::new()
        }
    }
}

impl Case<'_> {
    /// `[TAG] Break glass INC-2 prod-eu rest`, or `Rotation` for purpose `rotate`.
    fn subject(&self, tag: &str, rest: &str) -> String {
        let what = match self.incident.purpose {
            Purpose::Rotate => "Rotation",
            Purpose::Incident | Purpose::Drill => "Break glass",
        };
        let blank = if rest.is_empty() { "" } else { " " };
        format!(
            "[{tag}] {what} {} {}{blank}{rest}",
            self.incident.id, self.incident.terms.vault
        )
    }

    fn draft(
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

    fn requester(&self) -> String {
        match &self.incident.requester {
            Requester::Vault => "the vault itself".to_owned(),
            Requester::Person(person) => self.roster.name_of(person),
        }
    }

    /// The responder, as an audience; operators where the vault itself asked.
    fn to_requester(&self) -> Audience {
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
    fn count(&self) -> String {
        let (given, needed) = (self.incident.approvals().len(), self.incident.terms.needed);
        format!("{given} of {needed} shares are in")
    }

    /// Whose shares are being combined: exact while the incident holds them.
    fn releasers(&self) -> String {
        let people: Vec<&PersonId> = self
            .incident
            .approvals()
            .iter()
            .map(|a| &a.person)
            .collect();
        names(self.roster, &people)
    }

    /// Who, why, what, how long; the reason is for mail, so it is in bodies only.
    fn facts(&self) -> String {
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
        format!(
            "Who: {}\nWhy: {}{ticket}: {}\nWhat: {}, {}\nHow long: {} minutes",
            self.requester(),
            terms.use_case,
            terms.reason,
            terms.target.words(),
            terms.scope.join(", "),
            terms.max_minutes
        )
    }

    fn opened(&self) -> AlertDraft {
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
            Severity::Action,
            self.to_asked(),
            subject,
            body,
        )
    }

    fn asked_again(&self, why: AskAgain) -> AlertDraft {
        let because = match why {
            AskAgain::Restart => "the vault restarted",
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
            Severity::Action,
            self.to_asked(),
            subject,
            body,
        )
    }

    fn share_accepted(&self, person: &PersonId) -> Vec<AlertDraft> {
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
    fn both(
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
                "Nothing was unsealed. Nothing for you to do.",
            )
        };
        let body = format!(
            "{} ended without a session: {why}. {after}",
            self.incident.id
        );
        self.both(kind, severity, &self.subject(tag, ""), &body)
    }

    fn unseal_begun(&self) -> AlertDraft {
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

    fn unseal_failed(&self, why: &str, combined: bool) -> AlertDraft {
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

    fn session_opened(&self, actor: &PersonId, exp: Timestamp) -> AlertDraft {
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

    fn claimed(&self, claims: u32, from: &str) -> AlertDraft {
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

    fn session_closed(
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

    fn memory_lost(&self) -> AlertDraft {
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

    fn closed(
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

    fn review_due(&self, due: Timestamp) -> AlertDraft {
        let id = &self.incident.id;
        let people = self
            .roster
            .people
            .iter()
            .filter(|p| p.is(Role::Auditor) && !self.incident.participants.contains(&p.id))
            .map(|p| p.id.clone())
            .collect();
        let body = format!(
            "Somebody who took no part must review {id} until {}; while it is overdue the next \
             opening needs one more approval.\n\nbreakglass review show {id}",
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

    fn reviewed(&self, person: &PersonId, verdict: Verdict, findings: usize) -> AlertDraft {
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
