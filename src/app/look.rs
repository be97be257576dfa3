//! Looking: what people of the roster are shown of the vault and its incidents. Changes nothing,
//! and shows no share, token or phrase.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::App;
pub use super::acts::Caller;
use super::error::AppError;
use super::facts::{Facts, document};
use super::step::ROTATION_OWED;
use crate::api::{
    CustodianView, Health, IncidentList, IncidentView, SessionView, SignedDocument, VaultView,
};
use crate::audit::entry::parse_entry;
use crate::domain::canonical;
use crate::domain::ids::{Digest, IncidentId, PersonId};
use crate::domain::incident::{Approval, Event, Incident, Phase, Refusal, Session};
use crate::domain::roster::Roster;
use crate::domain::terms::{Requester, Terms};
use crate::domain::time::Timestamp;
use crate::store::change::DocumentKind;

/// Most incidents in one list; older ones are shown by id.
const MAX_LISTED: u32 = 50;
/// Most entries read to tell who released a share for terms that are spent: asking and answering
/// are a few entries per custodian.
const MAX_ANSWER_ENTRIES: u32 = 200;
/// Longest wait for a change, however long was asked for.
pub const MAX_WAIT: Duration = Duration::from_secs(30);

impl App {
    /// One incident as it is now.
    ///
    /// # Errors
    /// [`Refusal::NoSuchIncident`], or the store broke.
    pub async fn show(&self, id: &IncidentId) -> Result<IncidentView, AppError> {
        let found = self.inner.store.incident(id).await?;
        let (incident, version) = found.ok_or_else(|| Refusal::NoSuchIncident(id.to_string()))?;
        self.incident_view(&incident, version).await
    }

    /// One incident as soon as it is no longer at version `after`, or after `wait` (at most
    /// [`MAX_WAIT`]) as it is then. A rotation's progress and a confirmed alert end the wait too,
    /// although they leave the incident's version as it is.
    ///
    /// # Errors
    /// As [`App::show`].
    pub async fn show_after(
        &self,
        id: &IncidentId,
        after: i64,
        wait: Duration,
    ) -> Result<IncidentView, AppError> {
        let end = tokio::time::Instant::now() + wait.min(MAX_WAIT);
        // Subscribed before the first look: a change between both is not missed.
        let mut changes = self.watch();
        let first = self.show(id).await?;
        let beside = |view: &IncidentView| (view.rotation.clone(), view.alert_confirmed);
        let mut now = first.clone();
        while now.version == after && beside(&now) == beside(&first) {
            match tokio::time::timeout_at(end, changes.changed()).await {
                Ok(Ok(())) => now = self.show(id).await?,
                // The time is up, or the process is ending.
                Ok(Err(_)) | Err(_) => break,
            }
        }
        Ok(now)
    }

    /// The newest incidents, newest first.
    ///
    /// # Errors
    /// The store broke.
    pub async fn incident_list(&self) -> Result<IncidentList, AppError> {
        let mut incidents = Vec::new();
        for (incident, version) in self.inner.store.incidents(MAX_LISTED).await? {
            incidents.push(self.incident_view(&incident, version).await?);
        }
        Ok(IncidentList { incidents })
    }

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
        let released = self.released(incident, terms_seq).await?;
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
            requester_name: name_of(&facts.roster, &incident.requester),
            terms: json(&incident.terms)?,
            terms_sha256: incident.terms_sha256.hex(),
            request: self.request_of(incident).await?,
            terms_seq,
            shares_in: u8::try_from(released.len()).unwrap_or(u8::MAX),
            needed: incident.terms.needed,
            custodians: self.custodians(incident, &facts, &released).await?,
            alert_confirmed: store
                .alert_confirmed(&incident.id, "incident.opened")
                .await?,
            session: incident.session().map(session_view),
            close_cause: self.close_cause(&incident.id).await?,
            rotation: rotation.as_ref().map(|r| word(&r.state)).transpose()?,
            old_secret_refused: proof == Some(crate::domain::rotation::Proof::ListAndRefused),
            rotation_owed: incident.rotation_owed
                || matches!(&incident.phase, Phase::Closing(closing) if closing.memory_lost),
            fully_safe_at_ms: incident.tokens_dead_at_ms.map(|t| t.0),
            review_due_ms: match &incident.phase {
                Phase::InReview(review) => Some(review.due_ms.0),
                _ => None,
            },
        })
    }

    /// The vault's public documents.
    ///
    /// # Errors
    /// [`AppError::Sealed`] while `init` has not dealt an epoch.
    pub async fn vault_view(&self) -> Result<VaultView, AppError> {
        let settings = &self.inner.settings;
        let facts = self.inner.facts.get();
        let epoch = facts.epoch()?;
        let manifest = &epoch.manifest;
        let proofs = self
            .inner
            .store
            .proofs(manifest.kind, manifest.epoch)
            .await?;
        let owed = self.inner.store.fact(ROTATION_OWED).await?;
        Ok(VaultView {
            vault: settings.vault.to_string(),
            origin: settings.origin.clone(),
            log_vkey: settings.log_vkey.clone(),
            roster: json(&facts.roster)?,
            roster_sha256: facts.roster_sha256.hex(),
            policy: json(&facts.policy)?,
            policy_sha256: facts.policy_sha256.hex(),
            manifest: json(manifest)?,
            manifest_sha256: epoch.manifest_sha256.hex(),
            epoch: manifest.epoch,
            epoch_ready: proofs.len() >= usize::from(manifest.proofs_needed()),
            proved: proofs.iter().map(|(index, _, _)| *index).collect(),
            proofs_needed: manifest.proofs_needed(),
            rotation_owed_since_ms: owed.and_then(|since| since.parse().ok()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }

    /// Whether the vault lives. Never fails: a store that cannot be read is `degraded`.
    pub async fn health(&self) -> Health {
        let store = &self.inner.store;
        let live = store.live_incidents().await;
        let healthy = live.is_ok() && store.is_writable();
        let live = live.unwrap_or_default();
        Health {
            status: if healthy { "ok" } else { "degraded" }.to_owned(),
            vault: self.inner.settings.vault.to_string(),
            vault_phase: vault_phase(live.iter().map(|(incident, _)| &incident.phase)).to_owned(),
            log_size: store.head().size,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    async fn request_of(&self, incident: &Incident) -> Result<Option<SignedDocument>, AppError> {
        let Some(sha256) = incident.request_sha256 else {
            return Ok(None);
        };
        let lost = || AppError::Inconsistent(format!("the request of {} is missing", incident.id));
        let found = self
            .inner
            .store
            .document(DocumentKind::Act, &sha256)
            .await?;
        let found = found.ok_or_else(lost)?;
        Ok(Some(SignedDocument {
            document: String::from_utf8(found.bytes).map_err(|_| lost())?,
            signature: found.signature.ok_or_else(lost)?,
        }))
    }

    /// Who released a share for the terms in force. Once the shares are spent the incident no
    /// longer lists them; the log does.
    async fn released(
        &self,
        incident: &Incident,
        terms_seq: u64,
    ) -> Result<Vec<(PersonId, Timestamp)>, AppError> {
        let of = |a: &Approval| (a.person.clone(), a.at_ms);
        if incident.is_collecting() || matches!(incident.phase, Phase::Opening { .. }) {
            return Ok(incident.approvals().iter().map(of).collect());
        }
        let store = &self.inner.store;
        let entries = store
            .entries_of_incident(&incident.id, terms_seq, MAX_ANSWER_ENTRIES)
            .await?;
        let mut released: Vec<(PersonId, Timestamp)> = Vec::new();
        for (_, bytes) in entries {
            match event(&bytes)? {
                Some(Event::ShareAccepted(approval)) => released.push(of(&approval)),
                Some(Event::ShareWithdrawn { person, .. }) => {
                    released.retain(|(other, _)| *other != person);
                }
                _ => {}
            }
        }
        Ok(released)
    }

    async fn custodians(
        &self,
        incident: &Incident,
        facts: &Facts,
        released: &[(PersonId, Timestamp)],
    ) -> Result<Vec<CustodianView>, AppError> {
        let dealt = self.roster_of_epoch(&incident.terms, facts).await?;
        let now = self.now();
        Ok(dealt
            .custodians()
            .map(|(index, person)| {
                let share = released.iter().find(|(other, _)| *other == person.id);
                CustodianView {
                    person: person.id.to_string(),
                    name: person.name.clone(),
                    index,
                    time_zone: person.time_zone.clone(),
                    state: answer_of(incident, &person.id, share.is_some(), now).to_owned(),
                    at_ms: share.map(|(_, at)| at.0),
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
            return Ok(facts.roster.clone());
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

/// `asked`, `in`, `refused`, `paused` or `excluded`.
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

/// The vault is as far open as its furthest incident.
fn vault_phase<'a>(phases: impl Iterator<Item = &'a Phase>) -> &'static str {
    let rank = |phase: &Phase| match phase {
        Phase::Open(_) => (4, "open"),
        Phase::Opening { .. } => (3, "opening"),
        Phase::Closing(_) => (2, "closing"),
        Phase::Collecting(_) | Phase::Cooling(_) => (1, "collecting"),
        _ => (0, "sealed"),
    };
    phases.map(rank).max().map_or("sealed", |(_, word)| word)
}

fn session_view(session: &Session) -> SessionView {
    SessionView {
        id: session.id.to_string(),
        opened_ms: session.opened_ms.0,
        exp_ms: session.exp_ms.0,
        claims: session.claims,
    }
}

fn name_of(roster: &Roster, requester: &Requester) -> String {
    match requester {
        Requester::Vault => "the vault".to_owned(),
        // Somebody who has left the roster keeps her id.
        Requester::Person(id) => roster
            .person(id)
            .map_or_else(|| id.to_string(), |person| person.name.clone()),
    }
}

/// The incident's event in an entry; `None` for entries of other kinds, such as calls.
fn event(bytes: &[u8]) -> Result<Option<Event>, AppError> {
    let entry = parse_entry(bytes).map_err(|e| AppError::Inconsistent(e.to_string()))?;
    let found = Event::from_entry(&entry.kind, &entry.members)
        .map_err(|e| AppError::Inconsistent(e.to_string()))?;
    Ok(found.map(|(_, event)| event))
}

fn json(value: &impl Serialize) -> Result<Value, AppError> {
    serde_json::to_value(value).map_err(|e| AppError::Inconsistent(e.to_string()))
}

/// The word that stands for a value in JSON.
fn word(value: &impl Serialize) -> Result<String, AppError> {
    match json(value)? {
        Value::String(word) => Ok(word),
        _ => Err(AppError::Inconsistent("a state without a word".into())),
    }
}
