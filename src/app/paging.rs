//! Paging: the waves of `domain::paging` as durable rows, worked off by the tick. A restart loses
//! no wave and sends none twice: the row goes in the transaction that queues its messages.

use std::collections::BTreeSet;

use serde_json::Value;

use super::App;
use super::error::AppError;
use super::facts::{CurrentEpoch, Facts};
use super::step::draft;
use crate::domain::alert;
use crate::domain::ids::PersonId;
use crate::domain::incident::{Event, Incident, Phase};
use crate::domain::paging::{self, Candidate, Wave};
use crate::domain::terms::Purpose;
use crate::domain::time::Timestamp;
use crate::store::change::RowChange;

impl App {
    /// Rows of the waves that an event sets off. A rotation that is asked for wakes nobody
    /// (PROTOCOL §11).
    ///
    /// # Errors
    /// A store that cannot be read.
    pub(super) async fn paging_rows(
        &self,
        events: &[Event],
        incident: &Incident,
        facts: &Facts,
        now: Timestamp,
    ) -> Result<Vec<RowChange>, AppError> {
        let asks = |event: &Event| matches!(event, Event::Opened(_) | Event::AskedAgain { .. });
        if !events.iter().any(asks) || incident.purpose == Purpose::Rotate {
            return Ok(Vec::new());
        }
        let Ok(epoch) = facts.epoch() else {
            return Ok(Vec::new());
        };
        let requester = incident.requester.person();
        let needed = incident.terms.needed;
        let waves = self
            .planned_waves(epoch, requester, needed, facts, now)
            .await?;
        // Waves of terms that are void give way; there may be fewer now than there were then.
        let mut rows = vec![RowChange::DropPages {
            incident: incident.id.clone(),
        }];
        rows.extend(waves.into_iter().map(|wave| RowChange::PutPage {
            incident: incident.id.clone(),
            wave,
        }));
        Ok(rows)
    }

    /// The waves over the holders of an epoch's shares, without who asks for them.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub(super) async fn planned_waves(
        &self,
        epoch: &CurrentEpoch,
        requester: Option<&PersonId>,
        needed: u8,
        facts: &Facts,
        now: Timestamp,
    ) -> Result<Vec<Wave>, AppError> {
        let store = &self.inner.store;
        let proofs = store
            .proofs(epoch.manifest.kind, epoch.manifest.epoch)
            .await?;
        let candidate = |(index, id): &(u8, PersonId)| {
            let person = facts.roster.person(id)?;
            let may_answer = requester != Some(id);
            let proved = proofs.iter().find(|(proved, _, _)| proved == index);
            may_answer.then(|| Candidate {
                person: id.clone(),
                time_zone: person.time_zone.clone(),
                proved_at: proved.map(|(_, _, at)| *at),
            })
        };
        let candidates = epoch.holders.iter().filter_map(candidate).collect();
        let ordered = paging::order(candidates, now);
        let watch = &self.inner.settings.watch;
        let fallback = paging::fallback(&watch.fallback, &facts.roster);
        Ok(paging::waves(&ordered, needed, &fallback, now))
    }

    /// Sends the waves that are due.
    ///
    /// # Errors
    /// A store that cannot be read, or a log that cannot be written.
    pub(super) async fn page_due(&self) -> Result<(), AppError> {
        let now = self.now();
        let mut paged = BTreeSet::new();
        for (id, wave) in self.inner.store.due_pages(now).await? {
            // One wave at a time: sending a late one has put off those after it.
            if !paged.insert(id.clone()) {
                continue;
            }
            let Some((incident, _)) = self.inner.store.incident(&id).await? else {
                continue;
            };
            match &incident.phase {
                // Not yet, or enough shares are in for now: one may still be taken back.
                Phase::Waiting { .. } | Phase::Cooling(_) => {}
                Phase::Collecting(g) if g.approvals.len() >= needed(&incident) => {}
                Phase::Collecting(_) => match self.page(&incident, &wave, now).await {
                    Err(error @ AppError::LogLost(_)) => return Err(error),
                    // A page that cannot be written holds up neither other incidents' pages nor
                    // what else is due; the next tick tries it again.
                    Err(error) => tracing::error!(incident = %id, %error, "nobody was paged"),
                    Ok(()) => {}
                },
                _ => {
                    let drop = RowChange::DropPages { incident: id };
                    self.record(Vec::new(), vec![drop], Vec::new(), None)
                        .await?;
                }
            }
        }
        Ok(())
    }

    async fn page(&self, incident: &Incident, wave: &Wave, now: Timestamp) -> Result<(), AppError> {
        let facts = self.inner.facts.get();
        let answered = |id: &PersonId| {
            incident.refused_by.contains(id) || incident.approvals().iter().any(|a| a.person == *id)
        };
        let people: Vec<PersonId> = wave
            .people
            .iter()
            .filter(|id| facts.roster.person(id).is_some() && !answered(id))
            .cloned()
            .collect();
        let mut done = vec![RowChange::DropPage {
            incident: incident.id.clone(),
            number: wave.number,
        }];
        if people.is_empty() {
            return self
                .record(Vec::new(), done, Vec::new(), None)
                .await
                .map(drop);
        }
        done.extend(self.put_off(incident, wave, now).await?);
        let console = &self.inner.settings.console_url;
        let message = alert::for_page(
            incident,
            &people,
            wave.fallback,
            &facts.roster,
            console,
            now,
        );
        let ids: Vec<Value> = people.iter().map(|id| Value::from(id.as_str())).collect();
        let entry = draft(
            "page.sent",
            [
                ("inc", Value::from(incident.id.as_str())),
                ("wave", Value::from(wave.number)),
                ("people", Value::from(ids)),
            ],
        );
        // Another tick that came first has taken the row: the conflict means that it has paged.
        match self
            .record(vec![entry], done, vec![message], Some(incident))
            .await
        {
            Ok(_) | Err(AppError::Conflict(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl App {
    /// Rows that put off the waves after a late one.
    async fn put_off(
        &self,
        incident: &Incident,
        sent: &Wave,
        now: Timestamp,
    ) -> Result<Vec<RowChange>, AppError> {
        let all = self.inner.store.due_pages(Timestamp(i64::MAX)).await?;
        let following = all.into_iter().filter(|(id, _)| *id == incident.id);
        let put_off = paging::put_off(sent, following.map(|(_, wave)| wave).collect(), now);
        let row = |wave| RowChange::PutPage {
            incident: incident.id.clone(),
            wave,
        };
        Ok(put_off.into_iter().map(row).collect())
    }
}

fn needed(incident: &Incident) -> usize {
    usize::from(incident.terms.needed)
}
