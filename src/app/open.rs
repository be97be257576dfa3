//! Step 1: the responder opens. One-time identity and nonce first, then entries, terms, row and
//! alerts in one transaction.

use super::App;
use super::acts::{Caller, Verified};
use super::chance;
use super::error::AppError;
use super::step::With;
use crate::api::SignedDocument;
use crate::domain::act::{Deed, Opening};
use crate::domain::ids::{Digest, IncidentId};
use crate::domain::incident::command::Fresh;
use crate::domain::incident::opening::{self, Request};
use crate::domain::incident::{Incident, Phase, Refusal};
use crate::domain::terms::{Purpose, Requester, Target};
use crate::domain::time::{DAY_MS, Timestamp};
use crate::sealed::vault::IncidentKey;
use crate::store::{CommitError, Conflict};

/// How often a new incident's number is drawn anew because another opening took it.
const MAX_NUMBER_TRIES: usize = 8;

impl App {
    /// Opens an incident from a signed request.
    ///
    /// # Errors
    /// A bad document, a refusal of the rules, or a log that cannot be written.
    pub async fn open(
        &self,
        signed: &SignedDocument,
        caller: &Caller,
    ) -> Result<Incident, AppError> {
        let verified = match self.verified(signed, caller) {
            Ok(verified) => verified,
            Err(error) => return Err(self.forged(caller, "open", None, error).await),
        };
        match self.open_verified(&verified).await {
            Ok(incident) => Ok(incident),
            Err(error) => Err(self.refused(&verified, None, error).await),
        }
    }

    async fn open_verified(&self, verified: &Verified) -> Result<Incident, AppError> {
        let Deed::Open(opening) = &verified.act.deed else {
            return Err(AppError::BadDocument("not an act of opening".into()));
        };
        if opening.purpose != Purpose::Rotate
            && let Some(why) = self.opens_nothing()
        {
            return Err(why.into());
        }
        self.first_time(verified).await?;
        self.check_workspace(&opening.target)?;
        if opening.purpose == Purpose::Drill {
            self.ready_for_drill(&verified.act.person).await?;
        }
        let now = self.now();
        let requester = Requester::Person(verified.act.person.clone());
        let with = With::act(verified, now);
        self.open_incident(requester, Some(verified.sha256), (**opening).clone(), with)
            .await
    }

    fn check_workspace(&self, target: &Target) -> Result<(), AppError> {
        let known = &self.inner.databricks.config().workspaces;
        match &target.workspace {
            Some(id) if !known.contains_key(id) => Err(Refusal::BadOpening {
                what: "target",
                why: format!("names workspace {id}, which this vault does not know"),
            }
            .into()),
            _ => Ok(()),
        }
    }

    /// The vault itself asks for an owed rotation (PROTOCOL §6, purpose `rotate`, b).
    ///
    /// # Errors
    /// As [`App::open`].
    pub async fn ask_owed_rotation(&self) -> Result<Incident, AppError> {
        self.ask_rotation("a rotation is owed", With::default())
            .await
    }

    /// The vault itself asks for a rotation, and says why.
    pub(super) async fn ask_rotation(
        &self,
        reason: &str,
        with: With,
    ) -> Result<Incident, AppError> {
        let opening = Opening {
            purpose: Purpose::Rotate,
            use_case: String::new(),
            answers: std::collections::BTreeMap::new(),
            reason: reason.to_owned(),
            ticket: String::new(),
            target: Target::default(),
            scope: Vec::new(),
            grants_to: Vec::new(),
            max_minutes: 0,
            claim_key: None,
            displaces: None,
            continues: None,
            client_nonce: chance::hex32()?,
        };
        self.open_incident(Requester::Vault, None, opening, with)
            .await
    }

    async fn open_incident(
        &self,
        requester: Requester,
        request_sha256: Option<Digest>,
        opening: Opening,
        with: With,
    ) -> Result<Incident, AppError> {
        let facts = self.inner.facts.get();
        for _ in 0..MAX_NUMBER_TRIES {
            let now = self.now();
            let incident = IncidentId::numbered(self.inner.store.next_incident_number().await?);
            let (key, fresh) = fresh_key()?;
            let request = Request {
                incident: incident.clone(),
                vault: self.inner.settings.vault.clone(),
                requester: requester.clone(),
                request_sha256,
                opening: opening.clone(),
                fresh,
            };
            let mut data = self
                .rules_data(&facts, None, requester.person(), now)
                .await?
                .continuing(self.broken_lately(&opening, now).await?);
            if opening.purpose == Purpose::Drill {
                data = data.over(self.drill_facts().await?);
            }
            let events = opening::open(&request, &data.rules(&facts)?, now)?;
            let opened = Incident::from_opened(&events[0])?;
            // In memory before the commit: the moment it is durable, custodians may answer. While
            // it waits nobody may, and its end makes another identity.
            if opened.is_collecting() {
                self.inner.memory.put_key(&incident, key);
            }
            let mut with = with.clone();
            let pages = self.paging_rows(&events, &opened, &facts, now).await;
            let written = match pages {
                Ok(pages) => {
                    with.rows.extend(pages);
                    self.write(0, &opened, &events, with, &facts, now).await
                }
                Err(error) => {
                    self.inner.memory.forget_key(&incident);
                    return Err(error);
                }
            };
            match written {
                Ok(_) => {
                    self.tell_watchers();
                    return Ok(opened);
                }
                Err(error) => {
                    self.inner.memory.forget_key(&incident);
                    if !matches!(
                        error,
                        CommitError::Conflict(Conflict::Version | Conflict::Exists)
                    ) {
                        return Err(self.not_committed(error));
                    }
                }
            }
        }
        Err(AppError::Overloaded)
    }
}

impl App {
    /// The incident that an opening continues, where it broke within a day and left its rotation
    /// owed.
    async fn broken_lately(
        &self,
        opening: &Opening,
        now: Timestamp,
    ) -> Result<Option<IncidentId>, AppError> {
        let Some(id) = &opening.continues else {
            return Ok(None);
        };
        let (broken, _) = self.load(id).await?;
        let ended = match broken.phase {
            Phase::Refused { at_ms } | Phase::Withdrawn { at_ms } | Phase::Lapsed { at_ms } => {
                Some(at_ms)
            }
            _ => None,
        };
        let lately = ended.is_some_and(|at| now.since_ms(at) < DAY_MS);
        Ok((broken.rotation_owed && lately).then(|| id.clone()))
    }
}

/// A one-time identity and a nonce drawn after it.
pub(super) fn fresh_key() -> Result<(IncidentKey, Fresh), AppError> {
    let key = IncidentKey::generate().map_err(|e| AppError::Inconsistent(e.to_string()))?;
    let recipient = key.recipient().to_owned();
    Ok((
        key,
        Fresh {
            recipient,
            nonce: chance::hex32()?,
        },
    ))
}
