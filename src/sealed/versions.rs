//! The versions of roster and policy, from `log.genesis` to the ones in force, each approved by
//! signatures of people of the version before (PROTOCOL §1, §9).
//!
//! Vault and clients fold the same steps by the same code: a changed row, or a server that shows
//! a version nobody signed, fails here. Where the steps come from (store, API, export) is the
//! caller's business, and so is that the log holds their entries.

use std::collections::BTreeSet;

use super::login_key::LoginKey;
use super::passkey::Origins;
use super::roster_keys::{self, RosterKeyError};
use crate::domain::act::{Act, Deed};
use crate::domain::canonical::{self, CanonicalError};
use crate::domain::ids::{Digest, PersonId};
use crate::domain::policy::{self, Policy};
use crate::domain::roster::change::Needs;
use crate::domain::roster::{self, Roster};

/// Which document a step replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// The roster.
    Roster,
    /// The policy.
    Policy,
}

impl What {
    /// The word in entries, acts and paths.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Roster => "roster",
            Self::Policy => "policy",
        }
    }

    /// The document of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Roster, Self::Policy]
            .into_iter()
            .find(|what| what.word() == word)
    }

    /// The entry type by which a version takes effect.
    #[must_use]
    pub fn entry(self) -> &'static str {
        match self {
            Self::Roster => "roster.changed",
            Self::Policy => "policy.changed",
        }
    }

    /// The entry member that carries its hash.
    #[must_use]
    pub fn member(self) -> &'static str {
        match self {
            Self::Roster => "roster_sha256",
            Self::Policy => "policy_sha256",
        }
    }

    /// The act that agrees to a version.
    #[must_use]
    pub fn deed(self, sha256: Digest) -> Deed {
        match self {
            Self::Roster => Deed::Roster {
                roster_sha256: sha256,
            },
            Self::Policy => Deed::Policy {
                policy_sha256: sha256,
            },
        }
    }
}

/// A signed act as it is kept: its exact bytes and its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedAct {
    /// The document.
    pub document: Vec<u8>,
    /// SSHSIG, armored, or a passkey's assertion.
    pub signature: String,
}

/// One version taking effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Roster or policy.
    pub what: What,
    /// Canonical bytes of the document.
    pub bytes: Vec<u8>,
    /// The acts that its entry names.
    pub acts: Vec<SignedAct>,
}

/// Why a version does not stand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// Not a roster or policy.
    #[error("the document is none: {0}")]
    Document(#[from] CanonicalError),
    /// It cannot follow the roster before.
    #[error("roster: {0}")]
    Roster(#[from] roster::change::ChangeError),
    /// It cannot follow the policy before.
    #[error("policy: {0}")]
    Policy(#[from] policy::change::ChangeError),
    /// A key in it cannot be used.
    #[error("roster: {0}")]
    Keys(#[from] RosterKeyError),
    /// An act about something else, or whose signature does not hold.
    #[error("an act under it does not hold: {0}")]
    Act(String),
    /// Not enough of the right people.
    #[error("it needs {needed}; {have} signed")]
    TooFew {
        /// Who must sign, as people read it.
        needed: String,
        /// How many did.
        have: usize,
    },
}

/// Roster and policy in force, and how they came to be.
#[derive(Debug, Clone)]
pub struct Versions {
    /// The roster in force.
    pub roster: Roster,
    /// Its hash.
    pub roster_sha256: Digest,
    /// The policy in force.
    pub policy: Policy,
    /// Its hash.
    pub policy_sha256: Digest,
    /// Every roster that was ever in force, oldest first, the current one last.
    pub rosters: Vec<(Digest, Roster)>,
    /// Every policy likewise.
    pub policies: Vec<Digest>,
}

impl Versions {
    /// The first versions, whose hashes `log.genesis` carries.
    ///
    /// # Errors
    /// When a document has no canonical form.
    pub fn genesis(roster: Roster, policy: Policy) -> Result<Self, VersionError> {
        let (roster_sha256, policy_sha256) = (roster.sha256()?, policy.sha256()?);
        Ok(Self {
            rosters: vec![(roster_sha256, roster.clone())],
            policies: vec![policy_sha256],
            roster,
            roster_sha256,
            policy,
            policy_sha256,
        })
    }

    /// Whose signatures a document needs to follow what is in force.
    ///
    /// # Errors
    /// When no signatures could make it.
    pub fn needs(&self, what: What, bytes: &[u8]) -> Result<Needs, VersionError> {
        match what {
            What::Roster => {
                let after: Roster = canonical::parse_exact(bytes)?;
                roster_keys::check(&after)?;
                Ok(roster::change::check(
                    &self.roster,
                    &self.roster_sha256,
                    &after,
                )?)
            }
            What::Policy => {
                let after: Policy = canonical::parse_exact(bytes)?;
                let k = self.roster.k;
                Ok(policy::change::check(
                    &self.policy,
                    &self.policy_sha256,
                    &after,
                    k,
                )?)
            }
        }
    }

    /// Takes one step, or says why it does not stand. Returns who had to sign.
    ///
    /// # Errors
    /// [`VersionError`]; nothing has changed then.
    pub fn step(&mut self, step: &Step) -> Result<Needs, VersionError> {
        let needs = self.needs(step.what, &step.bytes)?;
        let sha256 = Digest::of(&step.bytes);
        let signers = signers(&self.roster, &step.what.deed(sha256), &step.acts)?;
        if !needs.met_by(&self.roster, &signers) {
            return Err(VersionError::TooFew {
                needed: needs.words(),
                have: signers.len(),
            });
        }
        match step.what {
            What::Roster => {
                self.roster = canonical::parse_exact(&step.bytes)?;
                self.roster_sha256 = sha256;
                self.rosters.push((sha256, self.roster.clone()));
            }
            What::Policy => {
                self.policy = canonical::parse_exact(&step.bytes)?;
                self.policy_sha256 = sha256;
                self.policies.push(sha256);
            }
        }
        Ok(needs)
    }

    /// A roster that was in force at some time.
    #[must_use]
    pub fn roster_of(&self, sha256: &Digest) -> Option<&Roster> {
        let mut all = self.rosters.iter();
        all.find(|(hash, _)| hash == sha256)
            .map(|(_, roster)| roster)
    }
}

/// The people of `roster` who signed exactly this deed, with keys of their own.
///
/// # Errors
/// [`VersionError::Act`] for any act that is not such a signature.
pub fn signers(
    roster: &Roster,
    deed: &Deed,
    acts: &[SignedAct],
) -> Result<BTreeSet<PersonId>, VersionError> {
    acts.iter().map(|act| signer(roster, deed, act)).collect()
}

fn signer(roster: &Roster, deed: &Deed, signed: &SignedAct) -> Result<PersonId, VersionError> {
    let wrong = |why: String| VersionError::Act(why);
    let act = Act::parse(&signed.document).map_err(|e| wrong(e.to_string()))?;
    if act.deed != *deed || act.vault != roster.vault {
        return Err(wrong("it agrees to something else".to_owned()));
    }
    let owner = roster.owner_of_key(&act.key).map(|p| &p.id);
    if owner != Some(&act.person) {
        return Err(wrong(format!("its key is not one of {}", act.person)));
    }
    let key = LoginKey::parse(&act.key).map_err(|e| wrong(e.to_string()))?;
    let (word, origins) = (act.deed.word(), Origins::OfItsHost);
    key.verify(word, &signed.document, &signed.signature, origins)
        .map_err(|e| wrong(e.to_string()))?;
    Ok(act.person)
}

#[cfg(test)]
#[path = "versions_tests.rs"]
pub(crate) mod tests;
