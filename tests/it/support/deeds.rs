//! What people do with the vault, in one line each.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use breakglass::api::ClaimReply;
use breakglass::app::permit::SessionLookup;
use breakglass::app::{AppError, Caller};
use breakglass::domain::act::{Act, Deed, Opening, PhraseResult};
use breakglass::domain::ids::IncidentId;
use breakglass::domain::incident::extend::extended_sha256;
use breakglass::domain::incident::{Incident, Phase};
use breakglass::domain::manifest::Kind;
use breakglass::domain::terms::Gate;
use breakglass::sealed::loaded_key::LoadedKey;

use super::people::{People, Person, opening, release_label};
use super::vault::{CONSOLE, TestVault};

impl TestVault {
    /// Logs a person in.
    pub fn login(&self, person: &Person) -> Caller {
        self.try_login(person).unwrap()
    }

    /// Logs somebody in who may be a stranger.
    pub fn try_login(&self, person: &Person) -> Result<Caller, AppError> {
        let key = person.public_key();
        let challenge = self
            .block(self.app().login_challenge(&key, "192.0.2.7"))?
            .challenge;
        let signed = person.sign_login(self, &challenge, CONSOLE);
        let reply = self.block(self.app().login(&signed, CONSOLE, "192.0.2.7"))?;
        self.block(self.app().caller(&reply.token, "192.0.2.7"))
    }

    /// Her own sealed share of a live epoch, as the vault keeps it.
    pub fn sealed_share(&self, person: &Person, epoch: u32) -> Vec<u8> {
        let caller = person.caller(self);
        let view = self.block(self.app().own_share(&caller, Kind::Live, epoch));
        BASE64.decode(view.unwrap().share).unwrap()
    }

    /// Rio opens with a new claim key.
    pub fn open(&self) -> (Incident, LoadedKey) {
        self.open_by(&self.people.rio)
    }

    /// Somebody opens with a new claim key.
    pub fn open_by(&self, person: &Person) -> (Incident, LoadedKey) {
        let claim_key = LoadedKey::generate_ed25519("claim").unwrap();
        let signed = person.sign(self, Deed::Open(Box::new(opening(&claim_key))));
        let opened = self.block(self.app().open(&signed, &person.caller(self)));
        (opened.unwrap(), claim_key)
    }

    /// Rio tries to open with a new claim key.
    pub fn try_open_incident(&self) -> Result<Incident, AppError> {
        let claim_key = LoadedKey::generate_ed25519("claim").unwrap();
        self.open_with(opening(&claim_key))
    }

    /// Rio opens with a request of the test's own.
    pub fn open_with(&self, opening: Opening) -> Result<Incident, AppError> {
        let rio = &self.people.rio;
        let signed = rio.sign(self, Deed::Open(Box::new(opening)));
        self.block(self.app().open(&signed, &rio.caller(self)))
    }

    /// A custodian releases her share to the terms in force.
    pub fn approve(&self, person: &Person, id: &IncidentId) -> Result<Incident, AppError> {
        let incident = self.incident(id);
        let request = person.release(self, &incident);
        self.block(self.app().approve(id, &request, &person.caller(self)))
    }

    /// Ada, ben and cleo release theirs.
    pub fn approve_by_three(&self, id: &IncidentId) {
        for person in [&self.people.ada, &self.people.ben, &self.people.cleo] {
            self.approve(person, id).unwrap();
        }
    }

    /// An incident with its session open.
    pub fn opened(&self) -> (Incident, LoadedKey) {
        let (incident, claim_key) = self.open();
        self.deliver();
        self.approve_by_three(&incident.id);
        self.wait_for(&incident.id, |i| matches!(i.phase, Phase::Open(_)));
        (self.incident(&incident.id), claim_key)
    }

    /// Rio takes the token.
    pub fn claim(&self, incident: &Incident, key: &LoadedKey) -> Result<ClaimReply, AppError> {
        let rio = &self.people.rio;
        let signed = rio.sign_claim(self, incident, key);
        self.block(self.app().claim(&incident.id, &signed, &rio.caller(self)))
    }

    /// Whether the proxy would let this session token in.
    pub fn token_opens(&self, token: &str) -> bool {
        let peer = IpAddr::from([192, 0, 2, 7]);
        let found = self.block(self.app().session_for(token.as_bytes(), peer));
        matches!(found, SessionLookup::Open(_))
    }

    /// Rio closes.
    pub fn close(&self, incident: &Incident) -> Result<Incident, AppError> {
        let rio = &self.people.rio;
        let signed = rio.sign_about(self, incident, Deed::Close {});
        self.block(
            self.app()
                .end(&incident.id, &signed, &rio.caller(self), "close"),
        )
    }

    /// Somebody stops the session.
    pub fn stop(&self, person: &Person, incident: &Incident) -> Result<Incident, AppError> {
        let reason = "this looks wrong".to_owned();
        let signed = person.sign_about(self, incident, Deed::Stop { reason });
        self.block(
            self.app()
                .end(&incident.id, &signed, &person.caller(self), "stop"),
        )
    }

    /// Security says no before a session is open.
    pub fn veto(&self, person: &Person, incident: &Incident) -> Result<Incident, AppError> {
        let reason = "nothing is planned tonight".to_owned();
        let signed = person.sign_about(self, incident, Deed::Veto { reason });
        self.block(
            self.app()
                .end(&incident.id, &signed, &person.caller(self), "veto"),
        )
    }

    /// Somebody agrees to the terms in force without a share.
    pub fn co_approve(&self, person: &Person, id: &IncidentId) -> Result<Incident, AppError> {
        let incident = self.incident(id);
        let deed = Deed::Approve {
            index: 0,
            manifest_sha256: incident.terms.manifest_sha256,
            unlocker: String::new(),
            phrase: PhraseResult::Matched,
            overrides: Vec::new(),
            witness_sha256: None,
        };
        let signed = person.sign_about(self, &incident, deed);
        self.block(self.app().co_approve(id, &signed, &person.caller(self)))
    }

    /// Somebody lifts gates.
    pub fn lift(
        &self,
        person: &Person,
        id: &IncidentId,
        gates: &[Gate],
    ) -> Result<Incident, AppError> {
        let gates = gates.to_vec();
        let signed = person.sign_about(self, &self.incident(id), Deed::Override { gates });
        self.block(self.app().lift_gates(id, &signed, &person.caller(self)))
    }

    /// A custodian releases her share and stands in for an alert that nobody confirmed.
    pub fn approve_unconfirmed(
        &self,
        person: &Person,
        id: &IncidentId,
    ) -> Result<Incident, AppError> {
        let incident = self.incident(id);
        let share = person.share(self, incident.terms.epoch).unwrap();
        let mut deed = person.approval(&incident, &share);
        if let Deed::Approve { overrides, .. } = &mut deed {
            overrides.push(Gate::NoAlertConfirmed);
        }
        let act = person.act_about(self, &incident, deed);
        let label = release_label(&incident.terms, incident.terms_sha256);
        let request = person.release_act(&act, &label, &share, &incident.terms.recipient);
        self.block(self.app().approve(id, &request, &person.caller(self)))
    }

    /// Somebody signs the session's terms with other minutes.
    pub fn extend(
        &self,
        person: &Person,
        id: &IncidentId,
        max_minutes: u32,
    ) -> Result<Incident, AppError> {
        let incident = self.incident(id);
        let act = Act {
            terms_sha256: Some(extended_sha256(&incident.terms, max_minutes).unwrap()),
            ..person.act_about(self, &incident, Deed::Extend { max_minutes })
        };
        let signed = person.sign_act(&act);
        self.block(self.app().extend(id, &signed, &person.caller(self)))
    }

    /// Rio asks and ada, ben and cleo agree.
    pub fn extend_by_three(&self, id: &IncidentId, max_minutes: u32) {
        let People {
            rio,
            ada,
            ben,
            cleo,
            ..
        } = &self.people;
        for person in [rio, ada, ben, cleo] {
            self.extend(person, id, max_minutes).unwrap();
        }
    }

    /// Opens by the walk that ends in this use case.
    pub fn open_case(&self, use_case: &str) -> (Incident, LoadedKey) {
        let claim_key = LoadedKey::generate_ed25519("claim").unwrap();
        let mut wanted = opening(&claim_key);
        let answers: &[(&str, bool)] = match use_case {
            "blocked-recovery-path" => &[("platform_down", false), ("recovery_path_broken", true)],
            _ => &[
                ("platform_down", false),
                ("recovery_path_broken", false),
                ("written_order", true),
            ],
        };
        use_case.clone_into(&mut wanted.use_case);
        for (id, yes) in answers {
            wanted.answers.insert((*id).to_owned(), *yes);
        }
        (self.open_with(wanted).unwrap(), claim_key)
    }
}
