//! One incident as people of the roster see it: the row, the log's entries about it, and the
//! documents it names, put together.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::json;
use crate::api::{CustodianView, IncidentView, SessionView, SignedDocument};
use crate::app::App;
use crate::app::error::AppError;
use crate::app::facts::{Facts, document};
use crate::audit::entry::{Entry, parse_entry};
use crate::domain::canonical;
use crate::domain::ids::{Digest, IncidentId, PersonId};
use crate::domain::incident::{Approval, Event, Incident, Phase, Session};
use crate::domain::roster::Roster;
use crate::domain::rotation::Proof;
use crate::domain::terms::Purpose;
use crate::domain::terms::{Requester, Terms};
use crate::domain::time::Timestamp;
use crate::store::change::DocumentKind;

/// Most entries read to tell who released a share for terms that are spent: asking and answering
/// are a few entries per custodian.
const MAX_ANSWER_ENTRIES: u32 = 200;

/// What people were asked and answered for the terms in force.
#[derive(Default)]
struct Answers {
    released: Vec<Approval>,
    /// When each was paged last.
    paged: BTreeMap<PersonId, Timestamp>,
}

impl Answers {
    fn note_page(&mut self, entry: &Entry) {
        let people = entry.members.get("people").and_then(Value::as_array);
        for id in people.into_iter().flatten().filter_map(Value::as_str) {
            if let Ok(person) = id.parse() {
                self.paged.insert(person, Timestamp(entry.ts_ms));
            }
        }
    }
}

impl App {
    /// An incident with everything that people of the roster may see of it.
    ///
    /// # Errors
    /// The store broke, or a document is missing.
    pub async fn incident_view(
        &self,
        incident: &Incident,
        version: i64,
    ) -> Result<IncidentView, AppError> {
        let store = &self.inner.store;
        let facts = self.inner.facts.get();
        let asked = store
            .last_entry_of(&incident.id, &["incident.opened", "incident.asked_again"])
            .await?;
        let terms_seq = asked.map(|(seq, _)| seq).ok_or_else(|| {
            AppError::Inconsistent(format!("{} has no opening in the log", incident.id))
        })?;
        let answers = self.answers(incident, terms_seq).await?;
        let rotation = store
            .rotation_of(&incident.id)
            .await?
            .map(|(rotation, _)| rotation);
        let proof = rotation.as_ref().and_then(|r| r.proof);
        Ok(IncidentView {
            id: incident.id.to_string(),
            purpose: word(&incident.purpose)?,
            phase: incident.phase.name().word().to_owned(),
            version,
            requester: String::from(incident.requester.clone()),
            requester_name: name_of(&facts.approved, &incident.requester),
            terms: json(&incident.terms)?,
            terms_sha256: incident.terms_sha256.hex(),
            request: self.request_of(incident).await?,
            terms_seq,
            shares_in: u8::try_from(answers.released.len()).unwrap_or(u8::MAX),
            needed: incident.terms.needed,
            custodians: self.custodians(incident, &facts, &answers).await?,
            alert_confirmed: store
                .alert_confirmed(&incident.id, "incident.opened")
                .await?,
            session: incident.session().map(session_view),
            close_cause: self.close_cause(&incident.id).await?,
            rotation: rotation.as_ref().map(|r| word(&r.state)).transpose()?,
            old_secret_refused: proof == Some(Proof::ListAndRefused),
            rotation_owed: incident.rotation_owed
                || (incident.purpose != Purpose::Drill
                    && matches!(&incident.phase, Phase::Closing(closing) if closing.memory_lost)),
            fully_safe_at_ms: incident.tokens_dead_at_ms.map(|t| t.0),
            asked: self.asked_view(incident).await?,
            review_due_ms: match &incident.phase {
                Phase::InReview(review) => Some(review.due_ms.0),
                _ => None,
            },
            waits_for: match incident.phase {
                Phase::Collecting(_) | Phase::Cooling(_) => self.waits_for(incident),
                _ => None,
            },
        })
    }

    async fn request_of(&self, incident: &Incident) -> Result<Option<SignedDocument>, AppError> {
        let Some(sha256) = incident.request_sha256 else {
            return Ok(None);
        };
        self.signed_act(&sha256).await.map(Some)
    }

    /// An act with its signature, as it was posted.
    pub(super) async fn signed_act(&self, sha256: &Digest) -> Result<SignedDocument, AppError> {
        let lost = || AppError::Inconsistent(format!("the act {} is missing", sha256.hex()));
        let found = self.inner.store.document(DocumentKind::Act, sha256).await?;
        let found = found.ok_or_else(lost)?;
        Ok(SignedDocument {
            document: String::from_utf8(found.bytes).map_err(|_| lost())?,
            signature: found.signature.ok_or_else(lost)?,
        })
    }

    /// Who was paged and who released a share for the terms in force. Once the shares are spent
    /// the incident no longer lists them; the log does.
    async fn answers(&self, incident: &Incident, terms_seq: u64) -> Result<Answers, AppError> {
        let held = incident.is_collecting() || matches!(incident.phase, Phase::Opening { .. });
        let mut answers = Answers::default();
        let store = &self.inner.store;
        let entries = store
            .entries_of_incident(&incident.id, terms_seq, MAX_ANSWER_ENTRIES)
            .await?;
        for (_, bytes) in entries {
            let entry = parse_entry(&bytes).map_err(|e| AppError::Inconsistent(e.to_string()))?;
            if entry.kind == "page.sent" {
                answers.note_page(&entry);
            }
            match event(&bytes)? {
                Some(Event::ShareAccepted(approval)) => answers.released.push(approval),
                Some(Event::ShareWithdrawn { person, .. }) => {
                    answers.released.retain(|other| other.person != person);
                }
                _ => {}
            }
        }
        if held {
            answers.released = incident.approvals().to_vec();
        }
        Ok(answers)
    }

    async fn custodians(
        &self,
        incident: &Incident,
        facts: &Facts,
        answers: &Answers,
    ) -> Result<Vec<CustodianView>, AppError> {
        let dealt = self.roster_of_epoch(&incident.terms, facts).await?;
        let now = self.now();
        Ok(dealt
            .custodians()
            .map(|(index, person)| {
                let released = &answers.released;
                let given = released.iter().find(|a| a.person == person.id);
                let share = given.or_else(|| released.iter().find(|a| a.index == index));
                CustodianView {
                    person: person.id.to_string(),
                    name: person.name.clone(),
                    index,
                    time_zone: person.time_zone.clone(),
                    state: match (given, share) {
                        (Some(own), _) if own.index != index => "opener".to_owned(),
                        (None, Some(_)) => "paper".to_owned(),
                        _ => answer_of(incident, &person.id, given.is_some(), now).to_owned(),
                    },
                    at_ms: share.map(|a| a.at_ms.0),
                    paged_at_ms: answers.paged.get(&person.id).map(|at| at.0),
                }
            })
            .collect())
    }

    /// The roster to which the shares that the terms ask for were dealt.
    async fn roster_of_epoch(&self, terms: &Terms, facts: &Facts) -> Result<Roster, AppError> {
        let store = &self.inner.store;
        let row = store.epoch(terms.kind, terms.epoch).await?;
        let sha256 = row.map_or(terms.roster_sha256, |row| row.manifest.roster_sha256);
        if sha256 == facts.roster_sha256 {
            return Ok(facts.approved.clone());
        }
        let bytes = document(store, DocumentKind::Roster, &sha256).await?;
        if Digest::of(&bytes) != sha256 {
            return Err(AppError::Inconsistent(
                "a roster does not match its hash".into(),
            ));
        }
        Ok(canonical::parse_exact(&bytes)?)
    }

    async fn close_cause(&self, id: &IncidentId) -> Result<Option<String>, AppError> {
        let closed = self
            .inner
            .store
            .last_entry_of(id, &["session.close"])
            .await?;
        let Some((_, bytes)) = closed else {
            return Ok(None);
        };
        Ok(match event(&bytes)? {
            Some(Event::SessionClosed { why, .. }) => Some(why.words().to_owned()),
            _ => None,
        })
    }
}

/// `asked`, `in`, `refused`, `paused` or `excluded`. A share that a paper opened is told apart before: its
/// keeper is `paper`, and who opened it `opener`.
fn answer_of(incident: &Incident, person: &PersonId, is_in: bool, now: Timestamp) -> &'static str {
    let mismatches = incident.mismatches.get(person);
    if incident.requester.person() == Some(person) {
        "excluded"
    } else if is_in {
        "in"
    } else if incident.refused_by.contains(person) {
        "refused"
    } else if mismatches.is_some_and(|m| m.paused_until_ms > now) {
        "paused"
    } else {
        "asked"
    }
}

fn session_view(session: &Session) -> SessionView {
    SessionView {
        id: session.id.to_string(),
        opened_ms: session.opened_ms.0,
        exp_ms: session.exp_ms.0,
        claims: session.claims,
    }
}

pub(super) fn name_of(roster: &Roster, requester: &Requester) -> String {
    match requester {
        Requester::Vault => "the vault".to_owned(),
        // Somebody who has left the roster keeps her id.
        Requester::Person(id) => roster
            .person(id)
            .map_or_else(|| id.to_string(), |person| person.name.clone()),
    }
}

/// The incident's event in an entry; `None` for entries of other kinds, such as calls.
pub(super) fn event(bytes: &[u8]) -> Result<Option<Event>, AppError> {
    let entry = parse_entry(bytes).map_err(|e| AppError::Inconsistent(e.to_string()))?;
    let found = Event::from_entry(&entry.kind, &entry.members)
        .map_err(|e| AppError::Inconsistent(e.to_string()))?;
    Ok(found.map(|(_, event)| event))
}

/// The word that stands for a value in JSON.
fn word(value: &impl Serialize) -> Result<String, AppError> {
    match json(value)? {
        Value::String(word) => Ok(word),
        _ => Err(AppError::Inconsistent("a state without a word".into())),
    }
}
