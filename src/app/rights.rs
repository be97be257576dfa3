//! Rights that the vault itself gives for the length of a session: its principal's own admin
//! right in the workspace, and grants to people named in the terms (PROTOCOL §6, §7).
//!
//! The undo row first, then the call, then reading that it is so.

use std::sync::Arc;

use serde_json::{Value, json};

use super::App;
use super::acts::{Caller, Verified};
use super::error::AppError;
use super::memory::LiveSession;
use super::secrets::pause;
use super::step::{With, draft};
use super::undo::{Plan, Tokens, upstream};
use crate::api::{GrantReply, SignedDocument};
use crate::databricks::{CallError, Upstream, WorkspaceAdmin};
use crate::domain::act::Deed;
use crate::domain::alert::{self, Attempt};
use crate::domain::grants::{self, Right};
use crate::domain::ids::IncidentId;
use crate::domain::incident::{Incident, Refusal};
use crate::domain::never::Grantee;
use crate::domain::undo::{At, Held, Thing};
use crate::sealed::secret::Credential;
use crate::store::change::{Undo, UndoOrigin};

/// How often a grant is read back until Databricks shows it.
const READINGS: u32 = 10;

impl App {
    /// Makes the principal admin of the target workspace where it is not (PROTOCOL §6,
    /// `workspace_admin = "at_open"`): row, assignment, then `Me` until it says so.
    pub(super) async fn be_workspace_admin(
        &self,
        incident: &Incident,
        credential: &Arc<Credential>,
        end: i64,
    ) -> Result<(), AppError> {
        let config = self.inner.databricks.config();
        let Some(workspace) = incident.terms.target.workspace.clone() else {
            return Ok(());
        };
        if config.workspace_admin == WorkspaceAdmin::Standing {
            return Ok(());
        }
        let tokens = Tokens::of(credential);
        let thing = self.assignment(&workspace, &config.principal_id.to_string());
        let held = self
            .persist("read the principal's assignment", Some(end), || async {
                let reply = self.reading(&tokens, &thing, Some(&workspace)).await?;
                Ok(thing.held(reply.as_ref()))
            })
            .await?;
        // An unknown is no yes: assigning her again changes nothing.
        let is_admin = self.is_admin_at(&tokens, &workspace).await;
        if held.contains("ADMIN") || is_admin.unwrap_or_default() {
            return Ok(());
        }
        let plan = Plan {
            incident: &incident.id,
            origin: UndoOrigin::Principal,
            cid: None,
            workspace: Some(&workspace),
            things: vec![thing.clone()],
            grantees: &[],
        };
        let rows = self.plan_undo(&tokens, plan, With::default()).await?;
        self.persist("assign the principal to the workspace", Some(end), || {
            self.give(&tokens, &rows[0], "ADMIN")
        })
        .await?;
        let waits = &config.waits;
        let until = self.inner.clock.boot_ms() + i64::try_from(waits.me_poll_ms).unwrap_or(0);
        loop {
            let found = self.is_admin_at(&tokens, &workspace).await;
            if found.as_ref().is_ok_and(|is_admin| *is_admin) {
                return Ok(());
            }
            if self.inner.clock.boot_ms() >= until.min(end) {
                // What it said last, or that it never said yes.
                found?;
                return Err(AppError::Sealed(
                    "databricks does not show the principal as admin of the workspace; without \
                     identity federation set [databricks] workspace_admin = \"standing\"",
                ));
            }
            pause(waits.propagation_step_ms).await;
        }
    }

    /// Whether the workspace itself takes the principal for an admin now. One that refuses it does
    /// not know it, which is a no.
    ///
    /// # Errors
    /// A host that did not answer, or in a way that says nothing.
    async fn is_admin_at(&self, tokens: &Tokens, workspace: &str) -> Result<bool, AppError> {
        let at = Upstream::Workspace(workspace.to_owned());
        let me = async {
            let token = self.token_at(tokens, &at).await?;
            Ok::<_, AppError>(self.inner.databricks.me(&at, &token).await?)
        };
        match me.await {
            Ok(me) => Ok(me.is_workspace_admin()),
            Err(AppError::Databricks(CallError::Refused { .. })) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn assignment(&self, workspace: &str, principal: &str) -> Thing {
        let account = &self.inner.databricks.config().account_id;
        Thing::Assignment {
            path: format!(
                "/api/2.0/accounts/{account}/workspaces/{workspace}/permissionassignments"
            ),
            principal: principal.to_owned(),
        }
    }

    /// Ids at Databricks of the people whom the terms name; who has no user there cannot be
    /// granted anything.
    pub(super) async fn grantees(
        &self,
        incident: &Incident,
        credential: &Arc<Credential>,
        end: i64,
    ) -> Result<Vec<Grantee>, AppError> {
        let tokens = Tokens::of(credential);
        let roster = self.inner.facts.get().roster.clone();
        let mut found = Vec::new();
        for grant in &incident.terms.grants_to {
            let Some(person) = roster.person(&grant.person) else {
                continue;
            };
            let mail = &person.contacts.mail;
            let id = self
                .persist("look a person of the terms up", Some(end), || async {
                    let token = self.token_at(&tokens, &Upstream::Account).await?;
                    Ok(self.inner.databricks.user_id(&token, mail).await?)
                })
                .await?;
            let Some(user_id) = id else {
                tracing::warn!(person = %grant.person, "has no user at databricks");
                continue;
            };
            found.push(Grantee {
                person: grant.person.clone(),
                user_id,
                user_name: mail.clone(),
                keep: grant.keep,
            });
        }
        Ok(found)
    }

    /// Gives a person of `grants_to` an admin's right until the close.
    ///
    /// # Errors
    /// A bad document, a refusal of the rules, Databricks, or a log that cannot be written.
    pub async fn grant(
        &self,
        id: &IncidentId,
        signed: &SignedDocument,
        caller: &Caller,
    ) -> Result<GrantReply, AppError> {
        let verified = match self.verified(signed, caller) {
            Ok(verified) => verified,
            Err(error) => return Err(self.forged(caller, "grant", Some(id), error).await),
        };
        match self.grant_verified(id, &verified).await {
            Ok(reply) => Ok(reply),
            Err(error) => Err(self.refused(&verified, Some(id), error).await),
        }
    }

    async fn grant_verified(
        &self,
        id: &IncidentId,
        verified: &Verified,
    ) -> Result<GrantReply, AppError> {
        verified.about(id)?;
        self.first_time(verified).await?;
        let Deed::Grant { grantee, right } = &verified.act.deed else {
            return Err(AppError::BadDocument("not an act of granting".into()));
        };
        let (incident, _) = self.load(id).await?;
        grants::may_grant(&incident, &verified.act.person, grantee, *right)?;
        // Held until it is read back: the way back waits here, so no grant lands behind its undo.
        let _rights = self.inner.memory.rights_hand.lock().await;
        let over = || Refusal::SessionEnded {
            incident: id.clone(),
        };
        let session = self.inner.memory.session();
        let session = session
            .filter(|live| live.incident == *id && !self.is_over(live))
            .ok_or_else(over)?;
        if session.terms_sha256 != incident.terms_sha256 {
            return Err(AppError::Inconsistent(format!(
                "the terms of {id} are not those its session was opened for: its row was changed"
            )));
        }
        let grantees = &session.principal.grantees;
        let to = grantees
            .iter()
            .find(|one| one.person == *grantee)
            .ok_or_else(|| {
                AppError::NotFound(format!("a databricks user with the mail of {grantee}"))
            })?;
        self.give_to(&session, &incident, to, *right, verified)
            .await
    }

    async fn give_to(
        &self,
        session: &Arc<LiveSession>,
        incident: &Incident,
        to: &Grantee,
        right: Right,
        verified: &Verified,
    ) -> Result<GrantReply, AppError> {
        let tokens = Tokens::Session(Arc::clone(session));
        let workspace = incident.terms.target.workspace.as_deref();
        let (thing, level) = self.thing_of(session, to, right, workspace);
        let plan = Plan {
            incident: &incident.id,
            origin: UndoOrigin::Grant,
            cid: None,
            workspace,
            things: vec![thing],
            grantees: std::slice::from_ref(to),
        };
        let with = With::act(verified, self.now());
        let rows = self.plan_undo(&tokens, plan, with).await?;
        let row = &rows[0];
        let had_it = row.before.contains(&level);
        if !had_it {
            // A reply that is lost is no answer: what is read afterwards is.
            let sent = self.give(&tokens, row, &level).await;
            if let Err(error) = self.shows(&tokens, row, &level).await {
                self.grant_told(incident, to, right, false).await?;
                return Err(sent.err().unwrap_or(error));
            }
        }
        self.grant_told(incident, to, right, true).await?;
        let config = self.inner.databricks.config();
        let url = match right {
            Right::AccountAdmin => Some(config.account_host.clone()),
            Right::WorkspaceAdmin => workspace.and_then(|id| config.workspaces.get(id).cloned()),
        };
        Ok(GrantReply {
            person: to.person.to_string(),
            right: right.word().to_owned(),
            had_it,
            keep: to.keep,
            url: url.unwrap_or_default(),
            until_ms: session.exp.0,
        })
    }

    /// What a grant adds, and the value that must be read back.
    fn thing_of(
        &self,
        session: &LiveSession,
        to: &Grantee,
        right: Right,
        workspace: Option<&str>,
    ) -> (Thing, String) {
        let config = self.inner.databricks.config();
        let standing = config.workspace_admin == WorkspaceAdmin::Standing;
        let admins = session.principal.group_ids.last().filter(|_| standing);
        match (right, workspace, admins) {
            (Right::WorkspaceAdmin, Some(_), Some(admins)) => {
                let thing = Thing::Values {
                    at: At::Workspace,
                    path: format!("/api/2.0/preview/scim/v2/Groups/{admins}"),
                    attribute: "members".to_owned(),
                    asked: Some(Held::from([to.user_id.clone()])),
                };
                (thing, to.user_id.clone())
            }
            (Right::WorkspaceAdmin, Some(workspace), None) => {
                let thing = self.assignment(workspace, &to.user_id);
                (thing, "ADMIN".to_owned())
            }
            _ => {
                let account = &config.account_id;
                let role = "account_admin".to_owned();
                let thing = Thing::Values {
                    at: At::Account,
                    path: format!("/api/2.0/accounts/{account}/scim/v2/Users/{}", to.user_id),
                    attribute: "roles".to_owned(),
                    asked: Some(Held::from([role.clone()])),
                };
                (thing, role)
            }
        }
    }

    /// The call that adds; sent once per call of this function.
    async fn give(&self, tokens: &Tokens, row: &Undo, value: &str) -> Result<(), AppError> {
        let (method, path, body) = match &row.thing {
            Thing::Assignment { path, principal } => (
                "PUT",
                format!("{path}/principals/{principal}"),
                json!({"permissions": [value]}),
            ),
            Thing::Values {
                path, attribute, ..
            } => (
                "PATCH",
                path.clone(),
                json!({
                    "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                    "Operations": [{"op": "add", "path": attribute, "value": [{"value": value}]}],
                }),
            ),
            _ => return Err(AppError::Inconsistent("not a right the vault gives".into())),
        };
        let at = upstream(row.thing.at(), row.workspace.as_deref())?;
        let token = self.token_at(tokens, &at).await?;
        let databricks = &self.inner.databricks;
        databricks
            .write_json(&at, &token, method, &path, Some(&body))
            .await?;
        Ok(())
    }

    /// Reads back until Databricks shows the right.
    async fn shows(&self, tokens: &Tokens, row: &Undo, value: &str) -> Result<(), AppError> {
        let step_ms = self.inner.databricks.config().waits.propagation_step_ms;
        for _ in 0..READINGS {
            let reply = self
                .reading(tokens, &row.thing, row.workspace.as_deref())
                .await?;
            if row.thing.held(reply.as_ref()).contains(value) {
                return Ok(());
            }
            pause(step_ms).await;
        }
        Err(AppError::Sealed("databricks does not show the right"))
    }

    async fn grant_told(
        &self,
        incident: &Incident,
        to: &Grantee,
        right: Right,
        shown: bool,
    ) -> Result<(), AppError> {
        let kind = if shown { "grant.done" } else { "grant.failed" };
        let entry = draft(
            kind,
            [
                ("inc", Value::from(incident.id.as_str())),
                ("person", Value::from(to.person.as_str())),
                ("right", Value::from(right.word())),
                ("keep", Value::from(to.keep)),
            ],
        );
        let attempt = Attempt::Granted {
            incident: incident.id.clone(),
            person: to.person.clone(),
            right: right.word(),
            keep: to.keep,
            shown,
        };
        let alerts = alert::for_attempt(&attempt, &self.inner.facts.get().roster);
        self.record(vec![entry], Vec::new(), alerts, Some(incident))
            .await
            .map(drop)
    }
}
