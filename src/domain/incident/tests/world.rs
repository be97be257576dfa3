//! A vault for the tests: people, policy, epoch, and commands as these people would give them.

use crate::domain::act::{Opening, Pick};
use crate::domain::ids::{Digest, IncidentId, PersonId};
use crate::domain::incident::command::{Fresh, No, ShareOffer, Signed};
use crate::domain::incident::extend::extended_sha256;
use crate::domain::incident::opening::{Request, open};
use crate::domain::incident::rules::{EpochFacts, Rules};
use crate::domain::incident::{Command, Event, Incident, Phase, Refusal, decide};
use crate::domain::manifest::Kind;
use crate::domain::policy::Policy;
use crate::domain::policy::tests::{outage_answers, policy};
use crate::domain::roster::Roster;
use crate::domain::roster::tests::roster;
use crate::domain::terms::{Gate, Purpose, Requester, Target};
use crate::domain::time::Timestamp;

/// The moment the examples begin: 2026-11-21 02:07 UTC.
pub const START: Timestamp = Timestamp(1_795_226_820_000);
/// The key that the opening client made.
pub const CLAIM_KEY: &str = "ssh-ed25519 AAAAClaim";

pub fn id(name: &str) -> PersonId {
    name.parse().unwrap()
}

pub fn hash(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

pub fn fresh(number: u32) -> Fresh {
    Fresh {
        recipient: format!("age1one{number}"),
        nonce: hash(&format!("nonce{number}")).hex(),
    }
}

/// What `Rules` borrows, and the facts a test may change.
#[derive(Debug, Clone)]
pub struct World {
    pub roster: Roster,
    pub policy: Policy,
    pub epoch: EpochFacts,
    pub debtors: Vec<PersonId>,
    pub gates: Vec<Gate>,
    pub busy: Option<IncidentId>,
    pub alert_confirmed: bool,
    pub openings_last_hour: u32,
    pub has_collecting: bool,
    pub stops_last_day: u32,
    pub continues: Option<IncidentId>,
    pub dealt_later: Option<u32>,
    pub now: Timestamp,
}

impl World {
    pub fn new(roster: Roster) -> Self {
        let holders = roster
            .custodians()
            .map(|(index, p)| (index, p.id.clone()))
            .collect();
        let epoch = EpochFacts {
            kind: Kind::Live,
            epoch: 1,
            k: roster.k,
            n: roster.n,
            manifest_sha256: hash("manifest 1"),
            holders,
        };
        Self {
            roster,
            policy: policy(),
            epoch,
            debtors: Vec::new(),
            gates: Vec::new(),
            busy: None,
            alert_confirmed: true,
            openings_last_hour: 0,
            has_collecting: false,
            stops_last_day: 0,
            continues: None,
            dealt_later: None,
            now: START,
        }
    }

    pub fn plain() -> Self {
        Self::new(roster())
    }

    pub fn rules(&self) -> Rules<'_> {
        Rules {
            roster: &self.roster,
            roster_sha256: hash("roster"),
            policy: &self.policy,
            policy_sha256: hash("policy"),
            epoch: self.epoch.clone(),
            debtors: self.debtors.clone(),
            gates: self.gates.clone(),
            busy: self.busy.clone(),
            alert_confirmed: self.alert_confirmed,
            openings_last_hour: self.openings_last_hour,
            has_collecting: self.has_collecting,
            stops_last_day: self.stops_last_day,
            lifetimes: Default::default(),
            continues: self.continues.clone(),
            dealt_later: self.dealt_later,
        }
    }

    pub fn open(&self, request: &Request) -> Result<Vec<Event>, Refusal> {
        open(request, &self.rules(), self.now)
    }

    pub fn decide(&self, incident: &Incident, command: Command) -> Result<Vec<Event>, Refusal> {
        decide(incident, command, &self.rules(), self.now)
    }

    /// Decides and applies; the command must be accepted.
    pub fn go(&self, incident: &mut Incident, command: Command) {
        let name = command.name();
        for event in self
            .decide(incident, command)
            .unwrap_or_else(|r| panic!("{name:?}: {r}"))
        {
            incident.apply(&event).unwrap();
        }
    }

    pub fn opened(&self, request: &Request) -> Incident {
        Incident::from_opened(&self.open(request).unwrap()[0]).unwrap()
    }

    /// A use case with a long delay, not yet over.
    pub fn waiting(&self) -> Incident {
        self.opened(&mandate_request())
    }

    /// Quorum within the veto window: the request was made out of hours.
    pub fn cooling(&self) -> Incident {
        self.with_quorum(self.opened(&blocked_request()))
    }

    /// The long delay is over, an auditor may agree.
    pub fn waited(&mut self) -> Incident {
        let mut incident = self.waiting();
        self.now = incident.terms.not_before_ms;
        self.go(&mut incident, Command::WaitOver { fresh: fresh(80) });
        incident
    }

    /// An incident that has reached a phase, by the shortest way.
    pub fn collecting(&self) -> Incident {
        self.opened(&request())
    }

    pub fn rotating(&self) -> Incident {
        self.opened(&rotation_request())
    }

    pub fn with_quorum(&self, mut incident: Incident) -> Incident {
        for name in ["ada", "ben", "cleo"] {
            let offer = self.offer(&incident, name);
            self.go(&mut incident, Command::Approve(offer));
        }
        incident
    }

    pub fn opening(&self, incident: Incident) -> Incident {
        let mut incident = self.with_quorum(incident);
        self.go(&mut incident, Command::Begin);
        incident
    }

    pub fn unsealed(&self, incident: Incident) -> Incident {
        let mut incident = self.opening(incident);
        self.go(&mut incident, Command::Unsealed);
        incident
    }

    pub fn open_session(&self) -> Incident {
        let mut incident = self.unsealed(self.collecting());
        self.go(
            &mut incident,
            Command::SessionReady {
                session: "ses-0001".parse().unwrap(),
            },
        );
        incident
    }

    pub fn closing(&self) -> Incident {
        let mut incident = self.open_session();
        self.go(&mut incident, close("rio"));
        incident
    }

    pub fn closing_without_memory(&self) -> Incident {
        let mut incident = self.closing();
        self.go(&mut incident, Command::Restarted { fresh: fresh(90) });
        incident
    }

    pub fn closing_asked(&self) -> Incident {
        let mut incident = self.closing_without_memory();
        self.go(&mut incident, Command::AskRotation { fresh: fresh(91) });
        incident
    }

    pub fn closing_unsealing(&self) -> Incident {
        self.opening(self.closing_asked())
    }

    pub fn in_review(&self) -> Incident {
        let mut incident = self.closing();
        self.go(
            &mut incident,
            Command::Rotated {
                tokens_dead_at_ms: self.now,
            },
        );
        incident
    }

    pub fn over(&self) -> Vec<Incident> {
        let at_ms = self.now;
        let ends = [
            Phase::Reviewed { at_ms },
            Phase::Refused { at_ms },
            Phase::Withdrawn { at_ms },
            Phase::Lapsed { at_ms },
        ];
        ends.map(|phase| Incident {
            phase,
            ..self.collecting()
        })
        .to_vec()
    }

    /// The share this person would send for these terms.
    pub fn offer(&self, incident: &Incident, name: &str) -> ShareOffer {
        let person = id(name);
        let index = self.epoch.index_of(&person).unwrap_or(9);
        ShareOffer {
            act_sha256: hash(&format!("{name}{}", incident.terms.nonce)),
            person,
            terms_sha256: incident.terms_sha256,
            manifest_sha256: incident.terms.manifest_sha256,
            index,
            kind: self.epoch.kind,
            unlocker: format!("age1qq{name}"),
            envelope_sha256: hash(name),
            signed_ms: self.now,
            overrides: Vec::new(),
            witness_sha256: None,
        }
    }
}

pub fn request() -> Request {
    Request {
        incident: IncidentId::numbered(1),
        vault: "prod-eu".parse().unwrap(),
        requester: Requester::Person(id("rio")),
        request_sha256: Some(hash("request")),
        opening: Opening {
            purpose: Purpose::Incident,
            use_case: "catastrophic-outage".to_owned(),
            answers: outage_answers(),
            reason: "all clusters are gone".to_owned(),
            ticket: "OPS-8812".to_owned(),
            target: Target {
                account: false,
                workspace: Some("1001".to_owned()),
            },
            scope: Vec::new(),
            grants_to: Vec::new(),
            max_minutes: 60,
            claim_key: Some(CLAIM_KEY.to_owned()),
            displaces: None,
            continues: None,
            client_nonce: "00".repeat(16),
        },
        fresh: fresh(1),
    }
}

/// *Blocked recovery path*: ten minutes of veto window out of hours, and it is night.
pub fn blocked_request() -> Request {
    let mut request = request();
    request.opening.use_case = "blocked-recovery-path".to_owned();
    let answers = [("platform_down", false), ("recovery_path_broken", true)];
    answer(&mut request, &answers);
    request
}

/// *Compliance mandate*: a day's wait, and an auditor agrees.
pub fn mandate_request() -> Request {
    let mut request = request();
    request.opening.use_case = "compliance-mandate".to_owned();
    let answers = [
        ("platform_down", false),
        ("recovery_path_broken", false),
        ("written_order", true),
    ];
    answer(&mut request, &answers);
    request
}

fn answer(request: &mut Request, answers: &[(&str, bool)]) {
    for (id, yes) in answers {
        request.opening.answers.insert((*id).to_owned(), *yes);
    }
}

pub fn rotation_request() -> Request {
    let mut request = request();
    request.requester = Requester::Vault;
    request.request_sha256 = None;
    request.opening = Opening {
        purpose: Purpose::Rotate,
        use_case: String::new(),
        answers: Default::default(),
        reason: "a rotation is owed".to_owned(),
        ticket: String::new(),
        target: Target::default(),
        max_minutes: 0,
        claim_key: None,
        ..request.opening
    };
    request
}

pub fn refuse(incident: &Incident, name: &str) -> Command {
    Command::Refuse {
        person: id(name),
        reason: "on a plane".to_owned(),
        terms_sha256: incident.terms_sha256,
        act_sha256: hash("refuse"),
    }
}

pub fn mismatch(incident: &Incident, name: &str, pick: Pick) -> Command {
    let terms_sha256 = incident.terms_sha256;
    Command::Mismatch {
        person: id(name),
        pick,
        terms_sha256,
        act_sha256: hash("mismatch"),
    }
}

pub fn withdraw(name: &str) -> Command {
    Command::Withdraw {
        person: id(name),
        act_sha256: hash("withdraw"),
    }
}

pub fn close(name: &str) -> Command {
    Command::Close {
        person: id(name),
        act_sha256: hash("close"),
    }
}

pub fn stop(name: &str) -> Command {
    Command::Stop(No {
        person: id(name),
        reason: "not expected".to_owned(),
        act_sha256: hash("stop"),
    })
}

fn signed(name: &str, terms_sha256: Digest, act: &str) -> Signed {
    Signed {
        person: id(name),
        terms_sha256,
        act_sha256: hash(act),
    }
}

pub fn veto(name: &str) -> Command {
    Command::Veto(No {
        person: id(name),
        reason: "not in the calendar".to_owned(),
        act_sha256: hash("veto"),
    })
}

pub fn co_approve(world: &World, incident: &Incident, name: &str) -> Command {
    Command::CoApprove {
        signed: signed(name, incident.terms_sha256, "co"),
        manifest_sha256: incident.terms.manifest_sha256,
        signed_ms: world.now,
    }
}

pub fn lift(incident: &Incident, name: &str, gates: &[Gate]) -> Command {
    Command::Override {
        signed: signed(name, incident.terms_sha256, "override"),
        gates: gates.to_vec(),
    }
}

pub fn extend(incident: &Incident, name: &str, minutes: u32) -> Command {
    Command::Extend {
        signed: signed(
            name,
            extended_sha256(&incident.terms, minutes).unwrap(),
            &format!("extend {name} {minutes}"),
        ),
        max_minutes: minutes,
    }
}

pub fn claim(name: &str, key: &str, token: u32) -> Command {
    Command::Claim {
        person: id(name),
        key: key.to_owned(),
        token_sha256: hash(&format!("token{token}")),
        act_sha256: hash(&format!("claim{token}")),
        from: "203.0.113.7".to_owned(),
    }
}
