//! Whom an incident that is asked for now would wake, and in which order: the waves of
//! `domain::paging`, as the pages show them beforehand.

use crate::app::App;
use crate::app::error::AppError;
use crate::app::facts::Facts;
use crate::domain::ids::PersonId;
use crate::domain::paging::{Wave, hours_there};
use crate::domain::quorum;
use crate::domain::readiness::{answers_percent, quorum_percent_of};
use crate::domain::terms::Purpose;
use crate::domain::time::Timestamp;

/// One person who would be paged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Woken {
    /// Who.
    pub person: PersonId,
    /// Her name.
    pub name: String,
    /// Where she lives, IANA.
    pub time_zone: String,
}

/// People who would be paged together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WakingWave {
    /// How long after the incident is asked for, milliseconds.
    pub after_ms: i64,
    /// Who, best local hour and freshest proof first.
    pub people: Vec<Woken>,
    /// Whether they are asked to find custodians, not for shares.
    pub fallback: bool,
}

/// The order in which people would be paged now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WakingOrder {
    /// When it was looked at.
    pub now: Timestamp,
    /// Shares that would be needed, closed gates included.
    pub needed: u8,
    /// People who could give one.
    pub eligible: usize,
    /// Waves, the first at once. A page goes out only while shares are missing.
    pub waves: Vec<WakingWave>,
}

impl WakingOrder {
    /// Chance, in whole percent, that enough answer within ten minutes at their local hours.
    #[must_use]
    pub fn chance_percent(&self) -> u32 {
        let waves = self.waves.iter().filter(|wave| !wave.fallback);
        let odds = waves.flat_map(|wave| &wave.people).map(|woken| {
            let (hours, _) = hours_there(self.now, &woken.time_zone);
            answers_percent(hours)
        });
        quorum_percent_of(&odds.collect::<Vec<_>>(), u32::from(self.needed))
    }
}

impl App {
    /// Whom an incident would wake that this person asks for now; without a person, that anybody
    /// asks for who keeps no share.
    ///
    /// # Errors
    /// [`AppError::Sealed`] before the first epoch, or the store broke.
    pub async fn waking_order(
        &self,
        requester: Option<&PersonId>,
    ) -> Result<WakingOrder, AppError> {
        let facts = self.inner.facts.get();
        let (epoch, now) = (facts.epoch()?, self.now());
        let data = self.rules_data(&facts, None, None, now).await?;
        let excluded: Vec<&PersonId> = requester.into_iter().collect();
        let eligible = quorum::eligible(&epoch.holders, &facts.roster, &excluded).len();
        let k = epoch.manifest.k;
        // Too few to open anything: who there is is shown all the same.
        let needed = quorum::needed(k, eligible, data.gates(), Purpose::Incident).unwrap_or(k);
        let waves = self
            .planned_waves(epoch, requester, needed, &facts, now)
            .await?;
        Ok(WakingOrder {
            now,
            needed,
            eligible,
            waves: waves.iter().map(|wave| shown(wave, &facts, now)).collect(),
        })
    }
}

fn shown(wave: &Wave, facts: &Facts, now: Timestamp) -> WakingWave {
    let woken = |id: &PersonId| Woken {
        person: id.clone(),
        name: facts.roster.name_of(id),
        time_zone: facts
            .roster
            .person(id)
            .map_or_else(|| "UTC".to_owned(), |person| person.time_zone.clone()),
    };
    WakingWave {
        after_ms: wave.due_ms.since_ms(now),
        people: wave.people.iter().map(woken).collect(),
        fallback: wave.fallback,
    }
}
