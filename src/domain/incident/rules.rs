//! What the rules see besides the incident: roster, policy, epoch, and the vault as a whole.

use crate::domain::ids::{Digest, IncidentId, PersonId};
use crate::domain::lifetime::Lifetimes;
use crate::domain::manifest::Kind;
use crate::domain::policy::Policy;
use crate::domain::roster::Roster;
use crate::domain::terms::Gate;

/// The epoch whose shares are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochFacts {
    /// Live or drill.
    pub kind: Kind,
    /// Its number.
    pub epoch: u32,
    /// Shares needed.
    pub k: u8,
    /// Shares dealt.
    pub n: u8,
    /// Hash of its manifest.
    pub manifest_sha256: Digest,
    /// Who holds which share.
    pub holders: Vec<(u8, PersonId)>,
}

impl EpochFacts {
    /// The share this person holds.
    #[must_use]
    pub fn index_of(&self, person: &PersonId) -> Option<u8> {
        self.holders
            .iter()
            .find(|(_, p)| p == person)
            .map(|(i, _)| *i)
    }
}

/// Everything a decision may depend on besides the incident, the command and the time.
#[derive(Debug, Clone)]
pub struct Rules<'a> {
    /// The roster in force.
    pub roster: &'a Roster,
    /// Its hash.
    pub roster_sha256: Digest,
    /// The policy in force.
    pub policy: &'a Policy,
    /// Its hash.
    pub policy_sha256: Digest,
    /// The epoch in force.
    pub epoch: EpochFacts,
    /// Responders of the incidents that left the rotation owed.
    pub debtors: Vec<PersonId>,
    /// Gates closed now.
    pub gates: Vec<Gate>,
    /// Another incident in Opening, Open or Closing.
    pub busy: Option<IncidentId>,
    /// A channel has confirmed this incident's opening alert.
    pub alert_confirmed: bool,
    /// Openings by this person within the last hour.
    pub openings_last_hour: u32,
    /// This person already has a collecting incident.
    pub has_collecting: bool,
    /// Stops and vetoes by this person within 24 hours.
    pub stops_last_day: u32,
    /// What was measured about lifetimes of session secrets.
    pub lifetimes: Lifetimes,
    /// The epoch known to have been dealt after the one in force, where the database is older than
    /// that: what its shares open is dead.
    pub dealt_later: Option<u32>,
    /// The incident an opening wants to continue, where it broke within 24 hours and left its
    /// rotation owed.
    pub continues: Option<IncidentId>,
}
