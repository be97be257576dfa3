//! Step 6: the session secret. Proxied traffic uses only tokens minted from it; the dormant
//! credential is used for a few seconds and never for a person's calls.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::error::AppError;
use super::memory::LiveSession;
use super::permit::Desk;
use super::secrets::pause;
use super::session_source::{Source, Wanted};
use super::step::With;
use super::{App, chance};
use crate::databricks::{CallError, Forwarder, Minted, SessionCredential, Upstream};
use crate::domain::ids::IncidentId;
use crate::domain::incident::command::Command;
use crate::domain::incident::{Incident, OPENING_MS, Phase};
use crate::domain::lifetime::wanted_s;
use crate::domain::never::Principal;
use crate::domain::scope::Scope;
use crate::domain::time::MINUTE_MS;
use crate::sealed::secret::Credential;

impl App {
    /// Makes the session secret, reads what the proxy must protect, and opens the session.
    pub(super) async fn open_session(&self, incident: &Incident) -> Result<(), AppError> {
        let credential = self
            .inner
            .memory
            .credential(&incident.id)
            .ok_or(AppError::Sealed("the credential is not in memory"))?;
        // The credential stays in locked memory while Databricks is away, and no longer than
        // Opening may take (facts §2.2).
        let end = self.inner.clock.boot_ms() + OPENING_MS;
        let bearer = self
            .persist("mint a token to open", Some(end), || async {
                Ok(self.mint(&credential).await?)
            })
            .await?;
        // Leftovers of a session that a crash ended: they would take the new secret's place.
        self.persist("delete leftover secrets", Some(end), || {
            self.delete_our_secrets(&bearer)
        })
        .await?;
        self.be_workspace_admin(incident, &credential, end).await?;
        let listed = self
            .persist("list the secrets", Some(end), || async {
                Ok(self.inner.databricks.list_secrets(&bearer).await?)
            })
            .await?;
        self.report_foreign_at_opening(incident, &listed, &credential.secret_id)
            .await?;
        let wanted = Wanted {
            lifetime_s: wanted_s(incident.terms.max_minutes),
            keep: None,
            end,
        };
        let source = self
            .session_source(incident, &credential, &bearer, &wanted)
            .await?;
        let session = self
            .live_session(incident, &credential, &bearer, source, end)
            .await?;
        self.start_session(incident, session).await
    }

    async fn live_session(
        &self,
        incident: &Incident,
        credential: &Arc<Credential>,
        bearer: &Minted,
        source: Source,
        end: i64,
    ) -> Result<LiveSession, AppError> {
        let mut principal = self.principal_facts(incident, bearer, end).await?;
        principal.grantees = self.grantees(incident, credential, end).await?;
        self.usable(incident, &source.credential).await?;
        let scope = Scope::parse(&incident.terms.scope)
            .map_err(|e| AppError::Inconsistent(e.to_string()))?;
        let length_ms = i64::from(incident.terms.max_minutes) * MINUTE_MS;
        Ok(LiveSession {
            id: chance::session_id()?,
            incident: incident.id.clone(),
            terms_sha256: incident.terms_sha256,
            actor: incident
                .requester
                .person()
                .cloned()
                .ok_or_else(|| AppError::Inconsistent("a session without a responder".into()))?,
            target: incident.terms.target.clone(),
            scope,
            policy_sha256: incident.terms.policy_sha256,
            principal,
            exp: self.now().plus_ms(length_ms),
            exp_boot_ms: self.inner.clock.boot_ms() + length_ms,
            cut: CancellationToken::new(),
            forwarder: Some(Arc::new(Forwarder::new(
                &self.inner.databricks,
                source.credential,
            ))),
            secret_id: source.secret_id,
            token: Arc::default(),
            surveyed: CancellationToken::new(),
            desk: Arc::new(Desk::default()),
        })
    }

    /// Waits until the session secret mints on every host of the target.
    pub(super) async fn usable(
        &self,
        incident: &Incident,
        source: &SessionCredential,
    ) -> Result<(), AppError> {
        let target = &incident.terms.target;
        let workspace = target.workspace.clone().map(Upstream::Workspace);
        let account = target.account.then_some(Upstream::Account);
        let waits = &self.inner.databricks.config().waits;
        let measured = self.measured().await;
        let patience = Self::wait_ms(waits.create_propagation_ms, measured.create_propagation_ms);
        let end = self.inner.clock.boot_ms() + i64::try_from(patience).unwrap_or(i64::MAX);
        for upstream in workspace.into_iter().chain(account) {
            loop {
                match source.warm(&upstream, self.now().0).await {
                    Ok(()) => break,
                    Err(error) if self.inner.clock.boot_ms() >= end => return Err(error.into()),
                    Err(CallError::NotConfigured(id)) => {
                        return Err(CallError::NotConfigured(id).into());
                    }
                    Err(_) => pause(waits.propagation_step_ms).await,
                }
            }
        }
        Ok(())
    }

    /// The principal, its groups and the admin groups: what no session may touch (PROTOCOL §8).
    async fn principal_facts(
        &self,
        incident: &Incident,
        bearer: &Minted,
        end: i64,
    ) -> Result<Principal, AppError> {
        let databricks = &self.inner.databricks;
        let found = self
            .persist("read the principal", Some(end), || async {
                Ok(databricks.principal(bearer).await?)
            })
            .await?;
        let mut groups = found.groups;
        let mut admins_id = None;
        if let Some(workspace) = &incident.terms.target.workspace {
            let at = Upstream::Workspace(workspace.clone());
            let admins = self
                .persist("read the workspace's admins", Some(end), || async {
                    Ok(databricks.workspace_admins(&at, bearer).await?)
                })
                .await?;
            admins_id = Some(admins.group_id);
            // A workspace has groups of its own, with other ids than the account's.
            let me = self
                .persist("read the principal's groups", Some(end), || async {
                    Ok(databricks.me(&at, bearer).await?)
                })
                .await?;
            groups.extend(me.groups);
        }
        let group_names = groups.iter().map(|group| group.name.clone()).collect();
        let group_ids = groups.into_iter().map(|group| group.id).chain(admins_id);
        Ok(Principal {
            application_id: found.application_id,
            numeric_id: found.id.to_string(),
            group_ids: group_ids.collect(),
            group_names,
            grantees: Vec::new(),
        })
    }

    pub(super) async fn start_session(
        &self,
        incident: &Incident,
        session: LiveSession,
    ) -> Result<(), AppError> {
        let id = session.id.clone();
        let session = Arc::new(session);
        self.inner.memory.put_session(Arc::clone(&session));
        let command = Command::SessionReady { session: id };
        match self
            .step(&incident.id, command, None, With::default())
            .await
        {
            Ok(_) => {
                if !session.is_drill() {
                    self.survey_before(&session);
                }
                Ok(())
            }
            Err(error) => {
                drop(self.inner.memory.end_session());
                // Stopped while it was being opened: the way back takes over from here.
                match self.is_closing(&incident.id).await? {
                    true => Ok(()),
                    false => Err(error),
                }
            }
        }
    }

    pub(super) async fn is_closing(&self, id: &IncidentId) -> Result<bool, AppError> {
        let (incident, _) = self.load(id).await?;
        Ok(matches!(incident.phase, Phase::Closing(_)))
    }
}
