//! How ready the live epoch is: each share, its custodian, her unlockers, and when each last
//! opened a file.

use crate::app::App;
use crate::app::epochs::EPOCH_OWED;
use crate::app::error::AppError;
use crate::domain::ids::{IncidentId, PersonId};
use crate::domain::incident::{Incident, Phase};
use crate::domain::manifest::Kind;
use crate::domain::roster::{Person, comparable};
use crate::domain::terms::Purpose;
use crate::domain::time::Timestamp;

/// One unlocker of a custodian.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnlockerState {
    /// Kind, comment and last characters: enough to know it by.
    pub name: String,
    /// When it last opened a file for the vault.
    pub opened_at: Option<Timestamp>,
}

/// One share and who holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareState {
    /// Its index.
    pub index: u8,
    /// Its custodian.
    pub person: PersonId,
    /// Her name.
    pub name: String,
    /// Where she lives, IANA.
    pub time_zone: String,
    /// When she proved this epoch's share.
    pub proved_at: Option<Timestamp>,
    /// What opens it.
    pub unlockers: Vec<UnlockerState>,
}

/// The live epoch and its shares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// Its number.
    pub epoch: u32,
    /// Shares needed.
    pub k: u8,
    /// Shares dealt.
    pub n: u8,
    /// Proofs that make it ready.
    pub proofs_needed: u8,
    /// When it was made.
    pub made_at: Timestamp,
    /// When the sealed Databricks secret expires.
    pub secret_expires_at: Timestamp,
    /// Every share, by index.
    pub shares: Vec<ShareState>,
    /// Whether shares of the epoch before are still kept: until this one is ready.
    pub former_kept: bool,
    /// Why a new epoch is needed, if one is.
    pub owed: Option<String>,
    /// The rotation that is asked for or under way.
    pub replaced_by: Option<IncidentId>,
}

impl Readiness {
    /// Shares proved.
    #[must_use]
    pub fn proved(&self) -> usize {
        self.shares.iter().filter(|s| s.proved_at.is_some()).count()
    }

    /// Whether enough are.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.proved() >= usize::from(self.proofs_needed)
    }

    /// The proof that is longest ago.
    #[must_use]
    pub fn oldest_proof(&self) -> Option<&ShareState> {
        let proved = self.shares.iter().filter(|s| s.proved_at.is_some());
        proved.min_by_key(|s| s.proved_at)
    }

    /// One person's share.
    #[must_use]
    pub fn of(&self, person: &PersonId) -> Option<&ShareState> {
        self.shares.iter().find(|s| s.person == *person)
    }
}

impl App {
    /// How ready the live epoch is.
    ///
    /// # Errors
    /// [`AppError::Sealed`] before the first epoch, or the store broke.
    pub async fn readiness(&self) -> Result<Readiness, AppError> {
        let facts = self.inner.facts.get();
        let manifest = &facts.epoch()?.manifest;
        let store = &self.inner.store;
        let row = store.epoch(Kind::Live, manifest.epoch).await?;
        let row = row.ok_or(AppError::Sealed("no epoch has been dealt"))?;
        let proofs = store.proofs(Kind::Live, manifest.epoch).await?;
        let mut shares = Vec::new();
        for (index, id) in &facts.epoch()?.holders {
            let proof = proofs.iter().find(|(other, _, _)| other == index);
            let person = facts.roster.person(id);
            shares.push(ShareState {
                index: *index,
                person: id.clone(),
                name: facts.roster.name_of(id),
                time_zone: person.map_or_else(|| "UTC".to_owned(), |p| p.time_zone.clone()),
                proved_at: proof.map(|(_, _, at)| *at),
                unlockers: match person {
                    Some(person) => self.unlockers_of(person).await?,
                    None => Vec::new(),
                },
            });
        }
        Ok(Readiness {
            epoch: manifest.epoch,
            k: manifest.k,
            n: manifest.n,
            proofs_needed: manifest.proofs_needed(),
            made_at: row.at_ms,
            secret_expires_at: row.secret_expires_at_ms,
            shares,
            former_kept: match manifest.epoch.checked_sub(1) {
                Some(former) if former > 0 => {
                    let kept = store.share(Kind::Live, former, 1).await?;
                    kept.is_some()
                }
                _ => false,
            },
            owed: store.fact(EPOCH_OWED).await?,
            replaced_by: self.rotation_under_way().await?,
        })
    }

    /// The incident that makes a new epoch now, or asks for one.
    async fn rotation_under_way(&self) -> Result<Option<IncidentId>, AppError> {
        let live = self.inner.store.live_incidents().await?;
        let rotates = |incident: &Incident| {
            let over = matches!(incident.phase, Phase::InReview(_));
            let closes = matches!(incident.phase, Phase::Closing(_));
            !over
                && (incident.purpose == Purpose::Rotate || closes)
                && incident.purpose != Purpose::Drill
        };
        let found = live.into_iter().find(|(incident, _)| rotates(incident));
        Ok(found.map(|(incident, _)| incident.id))
    }

    async fn unlockers_of(&self, person: &Person) -> Result<Vec<UnlockerState>, AppError> {
        let opened = self.inner.store.unlocker_opened(&person.id).await?;
        let state = |unlocker: &String| {
            let same =
                |(other, _): &&(String, Timestamp)| comparable(other) == comparable(unlocker);
            let paper = if person.on_paper(unlocker) {
                " (paper)"
            } else {
                ""
            };
            UnlockerState {
                name: format!("{}{paper}", unlocker_name(unlocker)),
                opened_at: opened.iter().find(same).map(|(_, at)| *at),
            }
        };
        Ok(person.unlockers.iter().map(state).collect())
    }
}

/// `ssh-ed25519 …3fGh (ada-spare)`: kind, last characters, comment.
#[must_use]
pub fn unlocker_name(unlocker: &str) -> String {
    let mut words = unlocker.split_whitespace();
    let first = words.next().unwrap_or_default();
    let tail = |text: &str| {
        let from = text.char_indices().rev().nth(5).map_or(0, |(at, _)| at);
        text[from..].to_owned()
    };
    let Some(data) = words.next() else {
        return format!("age1…{}", tail(first));
    };
    let comment = words.collect::<Vec<_>>().join(" ");
    if comment.is_empty() {
        format!("{first} …{}", tail(data))
    } else {
        format!("{first} …{} ({comment})", tail(data))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unlocker_is_known_by_kind_end_and_comment() {
        assert_eq!(
            unlocker_name("ssh-ed25519 AAAAC3NzaC1lZDI1 ada at home"),
            "ssh-ed25519 …lZDI1".replace("lZDI1", "1lZDI1") + " (ada at home)"
        );
        assert_eq!(
            unlocker_name("age1qqqqqqwertz"),
            "age1…wertz".replace("wertz", "qwertz")
        );
        assert_eq!(unlocker_name("ab"), "age1…ab");
    }
}
