//! Random walks: thousands of incidents of random commands, and after each step the invariants of
//! DESIGN §4 and PROTOCOL §6, kept by a small model that knows nothing of `decide`.

use std::collections::{BTreeMap, BTreeSet};

use super::paper;
use super::world::*;
use crate::domain::act::Pick;
use crate::domain::ids::{Digest, PersonId};
use crate::domain::incident::event::KINDS;
use crate::domain::incident::{CloseCause, Command, Event, Incident, MAX_RESTARTS, Phase, table};
use crate::domain::review::{Finding, OpenItem, Severity, Verdict};
use crate::domain::roster::Role;
use crate::domain::roster::tests::{roster, with_responder_as_custodian};
use crate::domain::terms::{Gate, Purpose, Terms};
use crate::domain::time::{MINUTE_MS, Timestamp};

const WALKS: u64 = 2_400;
const STEPS: usize = 40;
const CUSTODIANS: [&str; 5] = ["ada", "ben", "cleo", "dora", "emil"];
const PEOPLE: [&str; 10] = [
    "ada", "ben", "cleo", "dora", "emil", "rio", "vera", "tess", "otto", "sam",
];

/// xorshift64*: the same walk for the same seed, everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound
    }

    fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

/// What has happened, as a bystander would note it.
#[derive(Default)]
struct Model {
    /// Whose share counts, and for which terms it was signed.
    valid: BTreeMap<PersonId, Digest>,
    refused: BTreeSet<PersonId>,
    claims: Vec<Digest>,
    restarts: u8,
    participants: BTreeSet<PersonId>,
    /// Who agreed without a share to the terms in force.
    co_approved: Option<PersonId>,
    /// Gates that security lifted for the terms in force.
    lifted: BTreeSet<Gate>,
    /// Gates that approvers lifted for the terms in force, by person.
    overrides: BTreeMap<PersonId, Vec<Gate>>,
    /// Whose no waits for somebody else's.
    end_asked: Option<PersonId>,
    /// Who agreed to the longer session being asked for.
    extending: BTreeSet<PersonId>,
    /// Minutes of the session, as agreed.
    minutes: u32,
    extensions: u8,
}

struct Walk {
    world: World,
    incident: Incident,
    /// The same incident, folded from entries alone.
    folded: Incident,
    terms: Vec<Terms>,
    model: Model,
    dice: Dice,
    number: u32,
    seed: u64,
    kinds: BTreeSet<String>,
    codes: BTreeSet<&'static str>,
}

impl Walk {
    fn begin(seed: u64) -> Self {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let people = if seed.is_multiple_of(3) {
            with_responder_as_custodian()
        } else {
            roster()
        };
        let mut world = World::new(people);
        paper::keep(&mut world, "ada", paper::SHEET);
        if dice.percent(20) {
            world.gates = vec![Gate::ReviewOverdue];
        }
        // Where only k custodians exist, closed gates need security.
        if seed.is_multiple_of(4) && !seed.is_multiple_of(3) {
            world.epoch.holders.truncate(3);
        }
        let mut request = match seed % 7 {
            0 => rotation_request(),
            1 | 2 => blocked_request(),
            3 => mandate_request(),
            _ => request(),
        };
        if seed.is_multiple_of(5) && seed % 7 > 3 {
            world.busy = Some("INC-9".parse().unwrap());
            request.opening.displaces = world.busy.clone();
        }
        let event = world.open(&request).unwrap().remove(0);
        let incident = Incident::from_opened(&event).unwrap();
        let mut walk = Self {
            folded: incident.clone(),
            terms: vec![incident.terms.clone()],
            model: Model {
                participants: incident.requester.person().cloned().into_iter().collect(),
                minutes: incident.terms.max_minutes,
                ..Model::default()
            },
            world,
            incident,
            dice,
            number: 1,
            seed,
            kinds: BTreeSet::from(["incident.opened".to_owned()]),
            codes: BTreeSet::new(),
        };
        walk.folded = Incident::from_opened(&walk.through_entry(&event)).unwrap();
        walk
    }

    fn step(&mut self) {
        let ms = self.dice.below(2 * 60_000) as i64;
        self.world.now = self.world.now.plus_ms(ms);
        if self.dice.percent(1) {
            self.world.now = self.world.now.plus_ms(31 * MINUTE_MS);
        }
        if let Phase::Waiting { until_ms } = self.incident.phase
            && self.dice.percent(40)
        {
            self.world.now = self.world.now.max(until_ms);
        }
        self.world.alert_confirmed = self.dice.percent(90);
        self.world.stops_last_day = u32::from(self.dice.percent(10));
        let displacing = self.incident.terms.displaces.is_some() && self.model.restarts == 0;
        let chance = if displacing { 60 } else { 5 };
        let busy = self.dice.percent(chance) && !self.incident.phase.holds_vault();
        self.world.busy = busy.then(|| "INC-9".parse().unwrap());
        let command = if self.dice.percent(75) {
            self.sensible()
        } else {
            self.any()
        };
        let (before, name) = (self.incident.clone(), command.name());
        match self.world.decide(&self.incident, command.clone()) {
            Err(refusal) => {
                self.codes.insert(refusal.code());
            }
            Ok(events) => {
                self.hold(
                    table::accepts(before.phase.name(), name),
                    "decided outside the table",
                );
                self.before_events(&before, &command);
                for event in events {
                    self.apply(&event, &command);
                    self.invariants();
                }
            }
        }
        self.hold(
            self.incident == self.folded,
            "folding the entries gives the same incident",
        );
    }

    fn hold(&self, holds: bool, invariant: &str) {
        assert!(
            holds,
            "seed {}: {invariant}\n{:#?}",
            self.seed, self.incident.phase
        );
    }

    fn through_entry(&self, event: &Event) -> Event {
        let (kind, members) = event.to_entry(&self.incident.id).unwrap();
        let (id, read) = Event::from_entry(&kind, &members).unwrap().unwrap();
        self.hold(id == self.incident.id, "an entry names its incident");
        let find = |hash: &Digest| {
            self.terms
                .iter()
                .find(|t| t.sha256().ok().as_ref() == Some(hash))
                .cloned()
        };
        read.with_terms(&find)
    }

    fn apply(&mut self, event: &Event, command: &Command) {
        self.terms.extend(event.terms().cloned());
        self.kinds
            .insert(event.to_entry(&self.incident.id).unwrap().0);
        let read = self.through_entry(event);
        self.hold(read == *event, "an entry reads back as its event");
        self.note(event, command);
        self.incident
            .apply(event)
            .unwrap_or_else(|e| panic!("seed {}: {e}", self.seed));
        self.folded.apply(&read).unwrap();
    }

    /// The model, before the event is applied.
    fn note(&mut self, event: &Event, command: &Command) {
        match event {
            Event::ShareAccepted(approval) => {
                let Command::Approve(offer) = command else {
                    panic!("a share without an offer")
                };
                let own = self.world.epoch.index_of(&approval.person);
                self.hold(
                    approval.paper.is_some() || own == Some(approval.index),
                    "without a paper everybody gives her own share",
                );
                let lifts = (approval.person.clone(), offer.overrides.clone());
                self.model.overrides.extend([lifts]);
                self.model
                    .valid
                    .insert(approval.person.clone(), offer.terms_sha256);
                self.model.participants.insert(approval.person.clone());
            }
            Event::PaperWitnessed(w) => {
                self.model.participants.insert(w.person.clone());
            }
            Event::ShareWithdrawn { person, .. } => {
                self.model.overrides.remove(person);
                self.model.co_approved.take_if(|p| p == person);
                self.model.valid.remove(person);
            }
            Event::CustodianRefused { person, .. } => {
                self.model.refused.insert(person.clone());
            }
            Event::AskedAgain { .. } => {
                self.void();
                if !matches!(self.incident.phase, Phase::Closing(_))
                    && !matches!(
                        command,
                        Command::EpochEnded { .. } | Command::WaitOver { .. }
                    )
                {
                    self.model.restarts += 1;
                }
            }
            Event::MemoryLost {} => self.void(),
            Event::UnsealBegun { .. } => self.unsealing_is_allowed(),
            Event::Claimed { token_sha256, .. } => self.model.claims.push(*token_sha256),
            Event::SessionClosed { person, why, .. } => {
                self.model.participants.extend(person.clone());
                if matches!(why, CloseCause::Stopped | CloseCause::Vetoed) {
                    self.no_is_obeyed(person.as_ref().unwrap());
                }
            }
            Event::Vetoed { person, .. } => {
                let security = self.world.roster.person(person).unwrap();
                self.hold(security.is(Role::Security), "only security vetoes");
                self.model.participants.insert(person.clone());
                self.no_is_obeyed(person);
            }
            Event::EndAsked { person, .. } => {
                self.hold(self.model.end_asked.is_none(), "one no waits at a time");
                self.model.participants.insert(person.clone());
                self.model.end_asked = Some(person.clone());
            }
            Event::CoApproved { person, .. } => {
                let auditor = self.world.roster.person(person).unwrap();
                self.hold(auditor.is(Role::Auditor), "only an auditor co-approves");
                self.model.co_approved = Some(person.clone());
                self.model.participants.insert(person.clone());
            }
            Event::GateLifted { person, gates, .. } => {
                let security = self.world.roster.person(person).unwrap();
                self.hold(security.is(Role::Security), "only security overrides");
                self.model.lifted.extend(gates);
                self.model.participants.insert(person.clone());
            }
            Event::ExtendAsked { .. } | Event::ExtendFailed { .. } => self.model.extending.clear(),
            Event::ExtendSigned { person, .. } => {
                self.model.extending.insert(person.clone());
                self.model.participants.insert(person.clone());
            }
            Event::Extended { max_minutes, .. } => self.longer_is_allowed(*max_minutes),
            Event::Reviewed {
                person, answers, ..
            } => {
                let auditor = self.world.roster.person(person).unwrap().is(Role::Auditor);
                self.hold(auditor, "only an auditor signs a review");
                let took_part = self.model.participants.contains(person);
                self.hold(!took_part, "a review is never signed by a participant");
                self.hold(answers.contains_key("deny_1"), "a review has no open items");
            }
            _ => {}
        }
    }

    /// What was signed for other terms counts no more.
    fn void(&mut self) {
        self.model.valid.clear();
        self.model.overrides.clear();
        self.model.co_approved = None;
        self.model.lifted.clear();
    }

    fn no_is_obeyed(&self, person: &PersonId) {
        let another = self.model.end_asked.as_ref().is_some_and(|p| p != person);
        self.hold(
            self.world.stops_last_day == 0 || another,
            "a second no within a day needs another person",
        );
    }

    fn longer_is_allowed(&mut self, max_minutes: u32) {
        let needed = usize::from(self.incident.terms.needed);
        self.hold(
            self.model.extending.len() >= needed,
            "as many agree to a longer session as opened it",
        );
        self.hold(max_minutes <= 240, "no session is longer than 240 minutes");
        let requester = self.incident.requester.person();
        let own = requester.is_some_and(|r| self.model.extending.contains(r));
        self.hold(!own, "the requester never counts");
        self.model.minutes = max_minutes;
        self.model.extensions += 1;
        self.hold(
            self.model.extensions <= 2,
            "a session is extended at most twice",
        );
        self.model.extending.clear();
    }

    fn unsealing_is_allowed(&self) {
        let counted: BTreeSet<&PersonId> = self
            .model
            .valid
            .iter()
            .filter(|(_, terms)| **terms == self.incident.terms_sha256)
            .map(|(person, _)| person)
            .collect();
        let k = usize::from(self.incident.terms.k);
        self.hold(
            counted.len() >= k,
            "fewer than k distinct people never reach Opening",
        );
        let needed = usize::from(self.incident.terms.needed);
        self.hold(
            counted.len() >= needed,
            "the extra approver of a closed gate is there",
        );
        if self.incident.is_being_asked() {
            self.hold(
                self.world.now >= self.incident.terms.not_before_ms,
                "nothing opens before its delay is over",
            );
            let co_approved = self.model.co_approved.as_ref();
            let wanted = self.incident.co_approver.is_some();
            let one_person_once = co_approved.is_some_and(|p| !counted.contains(p));
            self.hold(
                !wanted || one_person_once,
                "a co-approver of her own agrees",
            );
            let terms = &self.incident.terms;
            let overridden = terms.gates.iter().all(|g| self.model.lifted.contains(g));
            let more = terms.needed > terms.k || terms.purpose == Purpose::Rotate;
            self.hold(
                more || overridden,
                "a closed gate costs one more approver, or security's signature",
            );
            let refused = counted.iter().any(|p| self.model.refused.contains(*p));
            self.hold(!refused, "refused people never count in Collecting");
            let in_time = self.world.now < self.incident.terms.expires_ms;
            self.hold(in_time, "nothing opens after the incident's time");
            self.hold(
                self.world.busy.is_none(),
                "one incident at a time has the vault",
            );
            let gate = Gate::NoAlertConfirmed;
            let stands_in = counted.len() > needed
                && self
                    .model
                    .overrides
                    .values()
                    .any(|gates| gates.contains(&gate))
                || self.model.lifted.contains(&gate);
            let told =
                self.world.alert_confirmed || self.incident.purpose == Purpose::Rotate || stands_in;
            self.hold(told, "nothing opens before a channel confirmed the alert");
        }
    }

    /// What must have been true for a command to be accepted at all.
    fn before_events(&self, before: &Incident, command: &Command) {
        match (command, &before.phase) {
            (Command::Approve(offer), _) => {
                let same = offer.terms_sha256 == before.terms_sha256;
                self.hold(same, "an approval for other terms never counts");
                let own = before.requester.person() == Some(&offer.person);
                self.hold(!own, "the requester never counts");
            }
            (Command::Claim { person, key, .. }, Phase::Open(session)) => {
                self.hold(
                    self.world.now < session.exp_ms,
                    "no claim after the deadline",
                );
                let right = *person == session.actor && key == CLAIM_KEY;
                self.hold(right, "only the responder with the claim key claims");
            }
            _ => {}
        }
    }

    fn papers(&self) {
        let approvals = self.incident.approvals().iter();
        let papers: Vec<_> = approvals
            .filter_map(|a| a.paper.as_ref().map(|paper| (a, paper)))
            .collect();
        self.hold(papers.len() <= 1, "at most one paper share counts");
        for (approval, paper) in papers {
            let (opener, witness) = (&approval.person, &paper.witness);
            let people = [opener, witness, &paper.keeper];
            let requester = self.incident.requester.person();
            let apart = witness != opener && requester.is_none_or(|r| !people.contains(&r));
            self.hold(apart, "two people open a paper, and none of them asked");
            let index = self.world.epoch.index_of(&paper.keeper);
            self.hold(
                index == Some(approval.index),
                "a paper opens its keeper's share",
            );
        }
    }

    fn invariants(&self) {
        let approvals = self.incident.approvals();
        let people: BTreeSet<_> = approvals.iter().map(|a| &a.person).collect();
        let indexes: BTreeSet<_> = approvals.iter().map(|a| a.index).collect();
        let once = people.len() == approvals.len() && indexes.len() == approvals.len();
        self.hold(once, "one person counts once");
        let requester = self.incident.requester.person();
        self.hold(
            !requester.is_some_and(|r| people.contains(r)),
            "the requester never counts",
        );
        self.papers();
        if self.incident.is_collecting() {
            let model: BTreeSet<_> = self.model.valid.keys().collect();
            self.hold(
                people == model,
                "exactly the shares given for these terms count",
            );
        }
        if let Some(session) = self.incident.session() {
            self.hold(
                session.claims as usize == self.model.claims.len(),
                "claims are counted",
            );
            let newest = self.model.claims.last();
            let alive = session.token_sha256.as_ref();
            self.hold(
                alive == newest,
                "never two claims alive: the newest token is the one",
            );
            let length = session.exp_ms.since_ms(session.opened_ms);
            let agreed = i64::from(self.model.minutes) * MINUTE_MS;
            self.hold(
                length == agreed,
                "a session lasts no longer than was agreed",
            );
        }
        self.hold(
            self.incident.restarts <= MAX_RESTARTS,
            "at most three restarts",
        );
        self.hold(
            self.incident.restarts == self.model.restarts,
            "restarts are counted",
        );
        let noted = self
            .model
            .participants
            .is_subset(&self.incident.participants);
        self.hold(noted, "everyone who took part is a participant");
        let hashed = self.incident.terms.sha256().unwrap() == self.incident.terms_sha256;
        self.hold(hashed, "the hash in force is that of the terms in force");
        let below_k = self.incident.terms.needed < self.incident.terms.k;
        self.hold(!below_k, "needed is never below k");
    }

    /// A command that moves the incident on.
    fn sensible(&mut self) -> Command {
        let incident = self.incident.clone();
        let roll = self.dice.below(100);
        match &incident.phase {
            Phase::Opening {
                unsealed: false, ..
            } if roll < 70 => Command::Unsealed,
            Phase::Opening { .. } if roll < 85 && incident.purpose == Purpose::Rotate => {
                Command::RotationBegun
            }
            Phase::Opening { .. } if roll < 85 => Command::SessionReady {
                session: "ses-0001".parse().unwrap(),
            },
            Phase::Waiting { .. } if roll < 60 => Command::WaitOver {
                fresh: self.fresh(),
            },
            Phase::Cooling(_) if roll < 50 => Command::Time,
            Phase::Cooling(_) if roll < 80 => Command::Begin,
            Phase::Open(_) if roll < 20 => self.claim("rio"),
            Phase::Open(_) if roll < 60 => self.longer(),
            Phase::Open(_) if roll < 70 => close("rio"),
            Phase::Closing(c) if c.unsealing && roll < 60 => Command::Unsealed,
            Phase::Closing(c) if c.rotate.is_some() => self.answer(),
            Phase::Closing(c) if c.memory_lost && roll < 60 => Command::AskRotation {
                fresh: self.fresh(),
            },
            Phase::Closing(_) if roll < 40 => Command::Rotated {
                tokens_dead_at_ms: self.world.now.plus_ms(3_600_000),
            },
            Phase::InReview(_) if roll < 60 => self.sign(),
            Phase::Collecting(_) => self.answer(),
            _ => self.any(),
        }
    }

    /// Somebody stands beside an opener, or the opener that somebody named brings the paper.
    fn paper(&mut self) -> Command {
        let gathering = self.incident.gathering();
        let standing = gathering.and_then(|g| g.witnessing.last().cloned());
        if let Some(w) = standing
            && self.dice.percent(70)
        {
            let (opener, by) = (w.opener.as_str(), w.person.as_str());
            return Command::Approve(paper::by_paper(&self.world, &self.incident, opener, by));
        }
        let (by, opener) = (self.dice.one(&PEOPLE), self.dice.one(&CUSTODIANS));
        let mut offer = paper::signature(&self.incident, by, opener);
        offer.signed_ms = self.world.now;
        Command::Witness(offer)
    }

    /// Something a custodian does, mostly rightly.
    fn answer(&mut self) -> Command {
        if self.dice.percent(10) {
            return self.paper();
        }
        let who = self.dice.one(&CUSTODIANS);
        match self.dice.below(100) {
            0..50 => Command::Approve(self.world.offer(&self.incident, who)),
            50..60 => {
                let mut offer = self.world.offer(&self.incident, who);
                offer.overrides = vec![Gate::NoAlertConfirmed];
                Command::Approve(offer)
            }
            60..66 => co_approve(&self.world, &self.incident, "vera"),
            66..70 => self.lift("sam"),
            70..90 => Command::Begin,
            90..95 => refuse(&self.incident, who),
            95..98 => withdraw(who),
            _ => mismatch(&self.incident, who, Pick::Wrong),
        }
    }

    fn any(&mut self) -> Command {
        let who = self.dice.one(&PEOPLE);
        let finding = Finding {
            severity: Severity::Minor,
            text: "slow page".to_owned(),
        };
        match self.dice.below(30) {
            24 => veto(who),
            25 => co_approve(&self.world, &self.incident, who),
            26 => self.lift(who),
            27 => extend(&self.incident, who, 90),
            28 => Command::Extended,
            29 => Command::WaitOver {
                fresh: self.fresh(),
            },
            0 => self.bad_offer(who),
            1 => refuse(&self.incident, who),
            2 => mismatch(&self.incident, who, Pick::Wrong),
            3 => mismatch(&self.incident, who, Pick::NothingHeard),
            4 => withdraw(who),
            5 | 6 => Command::Time,
            7 => Command::Begin,
            8 => Command::Unsealed,
            9 => Command::SessionReady {
                session: "ses-0002".parse().unwrap(),
            },
            10 => {
                let combined = self.dice.percent(50);
                Command::OpeningBroke {
                    why: "broke".to_owned(),
                    fresh: self.fresh(),
                    combined,
                    replaced: false,
                }
            }
            11 => Command::RotationBegun,
            12 => self.claim(who),
            13 => Command::Note {
                person: id(who),
                text: "looked at jobs".to_owned(),
            },
            14 => close(who),
            15 => stop(who),
            16 => Command::Cut {
                cause: CloseCause::TokenSeen,
            },
            17 => Command::Restarted {
                fresh: self.fresh(),
            },
            18 => self.epoch_ended(),
            19 => Command::AskRotation {
                fresh: self.fresh(),
            },
            20 => Command::Rotated {
                tokens_dead_at_ms: self.world.now,
            },
            21 => Command::Answer {
                person: id(who),
                id: "q_1".to_owned(),
                text: "yes".to_owned(),
            },
            22 => Command::Find {
                person: id(who),
                finding,
            },
            _ => self.sign(),
        }
    }

    /// Something about a longer session, mostly rightly.
    fn longer(&mut self) -> Command {
        let asked = self.incident.session().and_then(|s| s.extension.clone());
        let Some(asked) = asked else {
            let minutes = [70, 120, 240, 300][self.dice.below(4)];
            return extend(&self.incident, "rio", minutes);
        };
        let who = self.dice.one(&CUSTODIANS);
        match self.dice.below(100) {
            0..60 => extend(&self.incident, who, asked.max_minutes),
            60..97 => Command::Extended,
            _ => Command::ExtendFailed {
                why: "refused".to_owned(),
            },
        }
    }

    fn lift(&mut self, who: &str) -> Command {
        let gates = if self.dice.percent(50) {
            self.incident.terms.gates.clone()
        } else {
            vec![Gate::NoAlertConfirmed]
        };
        lift(&self.incident, who, &gates)
    }

    fn fresh(&mut self) -> crate::domain::incident::command::Fresh {
        self.number += 1;
        fresh(self.number)
    }

    fn claim(&mut self, who: &str) -> Command {
        self.number += 1;
        let key = if self.dice.percent(90) {
            CLAIM_KEY
        } else {
            "ssh-ed25519 AAAAStolen"
        };
        claim(who, key, self.number)
    }

    /// Another incident's rotation dealt a new epoch.
    fn epoch_ended(&mut self) -> Command {
        if matches!(self.incident.phase, Phase::Collecting(_)) {
            self.world.epoch.epoch += 1;
            self.world.epoch.manifest_sha256 = hash(&format!("m{}", self.world.epoch.epoch));
        }
        Command::EpochEnded {
            fresh: self.fresh(),
        }
    }

    /// A share with one thing wrong, or sent by anybody.
    fn bad_offer(&mut self, who: &str) -> Command {
        let mut offer = self.world.offer(&self.incident, who);
        match self.dice.below(6) {
            0 => offer.terms_sha256 = self.terms[0].sha256().unwrap(),
            1 => offer.manifest_sha256 = hash("foreign"),
            2 => offer.index = 1,
            3 => offer.signed_ms = Timestamp(0),
            4 => offer.kind = crate::domain::manifest::Kind::Drill,
            _ => {}
        }
        Command::Approve(offer)
    }

    fn sign(&mut self) -> Command {
        let item = OpenItem {
            id: "deny_1".to_owned(),
            kind: "deny".to_owned(),
            about: "/api/2/jobs".to_owned(),
            why: "outside_scope".to_owned(),
            count: 1,
        };
        let questions = self
            .world
            .policy
            .review_questions
            .iter()
            .map(|q| q.id.clone());
        let mut answers: BTreeMap<String, String> =
            questions.map(|id| (id, "yes".to_owned())).collect();
        if self.dice.percent(70) {
            answers.insert(item.id.clone(), "expected".to_owned());
        }
        let current = if self.dice.percent(90) {
            "record"
        } else {
            "newer"
        };
        Command::Sign {
            person: id(self.dice.one(&["vera", "tess", "ada", "rio", "otto"])),
            act_sha256: hash("sign"),
            answers,
            findings: Vec::new(),
            verdict: Verdict::Justified,
            record_sha256: hash("record"),
            current_record_sha256: hash(current),
            items: vec![item],
        }
    }
}

#[test]
fn no_walk_of_random_commands_breaks_an_invariant() {
    let (mut kinds, mut ends, mut codes) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for seed in 1..=WALKS {
        let mut walk = Walk::begin(seed);
        for _ in 0..STEPS {
            walk.step();
        }
        kinds.append(&mut walk.kinds);
        codes.append(&mut walk.codes);
        ends.insert(walk.incident.phase.name());
    }
    // Walks that go nowhere would prove nothing.
    let missing: Vec<_> = KINDS.iter().filter(|k| !kinds.contains(**k)).collect();
    assert!(missing.is_empty(), "no walk met {missing:?}");
    assert!(ends.len() >= 8, "walks end only in {ends:?}");
    assert!(codes.len() >= 18, "walks were refused only for {codes:?}");
}

#[test]
fn time_ends_a_session_at_its_deadline_and_not_before() {
    let mut world = World::plain();
    let mut incident = world.open_session();
    let exp = incident.session().unwrap().exp_ms;
    world.now = exp.plus_ms(-1);
    world.go(&mut incident, Command::Time);
    assert!(incident.session().is_some());
    world.now = exp;
    assert!(world.decide(&incident, claim("rio", CLAIM_KEY, 1)).is_err());
    world.go(&mut incident, Command::Time);
    assert!(matches!(incident.phase, Phase::Closing(_)));
}

#[test]
fn a_fourth_restart_lapses_and_an_owed_rotation_is_asked_without_limit() {
    let world = World::plain();
    let mut incident = world.collecting();
    for number in 2..5 {
        world.go(
            &mut incident,
            Command::Restarted {
                fresh: fresh(number),
            },
        );
        assert!(matches!(incident.phase, Phase::Collecting(_)));
    }
    world.go(&mut incident, Command::Restarted { fresh: fresh(5) });
    assert!(matches!(incident.phase, Phase::Lapsed { .. }));
    let mut closing = world.closing_asked();
    for number in 10..20 {
        world.go(
            &mut closing,
            Command::Restarted {
                fresh: fresh(number),
            },
        );
        assert!(closing.is_collecting());
    }
}

#[test]
fn a_restart_that_cannot_ask_again_gives_the_vault_back() {
    let mut world = World::plain();
    let mut incident = world.unsealed(world.collecting());
    let mut closing = world.closing_asked();
    world
        .roster
        .people
        .retain(|p| !["ada", "ben", "cleo"].contains(&p.id.as_str()));
    world.go(&mut incident, Command::Restarted { fresh: fresh(2) });
    assert!(matches!(incident.phase, Phase::Lapsed { .. }) && incident.rotation_owed);
    world.go(&mut closing, Command::Restarted { fresh: fresh(3) });
    assert!(matches!(&closing.phase, Phase::Closing(c) if c.memory_lost && c.rotate.is_none()));
}

#[test]
fn an_opening_that_broke_owes_a_rotation_unless_what_was_opened_is_replaced() {
    let world = World::plain();
    for replaced in [false, true] {
        let mut incident = world.unsealed(world.collecting());
        let broke = Command::OpeningBroke {
            why: "the log was lost".to_owned(),
            fresh: fresh(2),
            combined: false,
            replaced,
        };
        world.go(&mut incident, broke);
        assert!(matches!(incident.phase, Phase::Collecting(_)));
        assert_eq!(incident.rotation_owed, !replaced);
    }
}
