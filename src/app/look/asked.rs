//! What an incident asks for and what people said besides shares, for those who look at it.

use super::incident::{event, name_of};
use crate::api::{AskedView, CoApproverView, ExtensionView, LiftedView, NoView, PaperView};
use crate::app::App;
use crate::app::error::AppError;
use crate::domain::ids::PersonId;
use crate::domain::incident::{Approval, Event, Incident, Phase, Refusal};
use crate::domain::roster::Roster;
use crate::domain::terms::Requester;

/// Most entries read to tell who said no and why: asking and answering are a few per custodian.
const MAX_ANSWER_ENTRIES: u32 = 200;

impl App {
    pub(super) async fn asked_view(&self, incident: &Incident) -> Result<AskedView, AppError> {
        let facts = self.inner.facts.get();
        let roster = &facts.roster;
        Ok(AskedView {
            waits_until_ms: match &incident.phase {
                Phase::Waiting { until_ms } => Some(until_ms.0),
                Phase::Cooling(_) => Some(incident.terms.not_before_ms.0),
                _ => None,
            },
            missing: missing(incident),
            co_approver: co_approver(incident, roster),
            override_needed: incident.is_being_asked() && incident.override_needed(),
            lifted: incident.gathering().map_or_else(Vec::new, |gathering| {
                let view = |l: &crate::domain::incident::Lifted| LiftedView {
                    name: name(roster, &l.person),
                    person: l.person.to_string(),
                    gates: l.gates.iter().map(|g| g.word().to_owned()).collect(),
                };
                gathering.lifted.iter().map(view).collect()
            }),
            no_waits: incident.end_asked.as_ref().map(|asked| NoView {
                name: name(roster, &asked.person),
                person: asked.person.to_string(),
                reason: asked.reason.clone(),
            }),
            vetoed: self.vetoed(incident, roster).await?,
            refusals: self.refusals(incident, roster).await?,
            extension: extension(incident, roster),
            papers: self.papers(incident, roster).await?,
        })
    }

    /// The reasons of those who refused; the incident keeps only that they did.
    async fn refusals(
        &self,
        incident: &Incident,
        roster: &Roster,
    ) -> Result<Vec<NoView>, AppError> {
        if incident.refused_by.is_empty() {
            return Ok(Vec::new());
        }
        let store = &self.inner.store;
        let entries = store
            .entries_of_incident(&incident.id, 0, MAX_ANSWER_ENTRIES)
            .await?;
        let mut found = Vec::new();
        for (_, bytes) in entries {
            if let Some(Event::CustodianRefused { person, reason, .. }) = event(&bytes)? {
                found.push(NoView {
                    name: name(roster, &person),
                    person: person.to_string(),
                    reason,
                });
            }
        }
        Ok(found)
    }

    /// Paper shares of the terms in force, while they are gathered.
    async fn papers(
        &self,
        incident: &Incident,
        roster: &Roster,
    ) -> Result<Vec<PaperView>, AppError> {
        let mut views = Vec::new();
        for w in incident.gathering().into_iter().flat_map(|g| &g.witnessing) {
            let used = |a: &Approval| {
                let paper = a.paper.as_ref();
                paper.is_some_and(|paper| paper.witness_sha256 == w.act_sha256)
            };
            views.push(PaperView {
                opener: w.opener.to_string(),
                opener_name: name(roster, &w.opener),
                keeper: w.keeper.to_string(),
                keeper_name: name(roster, &w.keeper),
                witness: w.person.to_string(),
                witness_name: name(roster, &w.person),
                index: w.index,
                unlocker: w.unlocker.clone(),
                bag: w.bag.clone(),
                act: self.signed_act(&w.act_sha256).await?,
                released: incident.approvals().iter().any(used),
            });
        }
        Ok(views)
    }

    async fn vetoed(
        &self,
        incident: &Incident,
        roster: &Roster,
    ) -> Result<Option<NoView>, AppError> {
        if !matches!(incident.phase, Phase::Refused { .. }) {
            return Ok(None);
        }
        let store = &self.inner.store;
        let last = store
            .last_entry_of(&incident.id, &["incident.vetoed"])
            .await?;
        let Some((_, bytes)) = last else {
            return Ok(None);
        };
        Ok(match event(&bytes)? {
            Some(Event::Vetoed { person, reason, .. }) => Some(NoView {
                name: name(roster, &person),
                person: person.to_string(),
                reason,
            }),
            _ => None,
        })
    }
}

/// What is still missing; the number of shares is told elsewhere.
fn missing(incident: &Incident) -> Option<String> {
    incident.gathering()?;
    match incident.agreed() {
        Ok(()) | Err(Refusal::NoQuorum { .. }) => None,
        Err(refusal) => Some(refusal.to_string()),
    }
}

fn co_approver(incident: &Incident, roster: &Roster) -> Option<CoApproverView> {
    let role = incident.co_approver?;
    let consent = incident.gathering().and_then(|g| g.co_approval.as_ref());
    Some(CoApproverView {
        role: role.word().to_owned(),
        person: consent.map(|c| c.person.to_string()),
        name: consent.map(|c| name(roster, &c.person)),
        at_ms: consent.map(|c| c.at_ms.0),
    })
}

fn extension(incident: &Incident, roster: &Roster) -> Option<ExtensionView> {
    let extension = incident.session()?.extension.as_ref()?;
    Some(ExtensionView {
        max_minutes: extension.max_minutes,
        terms_sha256: extension.terms_sha256.hex(),
        needed: incident.terms.needed,
        signed: extension
            .signed
            .iter()
            .map(|c| name(roster, &c.person))
            .collect(),
    })
}

fn name(roster: &Roster, person: &PersonId) -> String {
    name_of(roster, &Requester::Person(person.clone()))
}
