//! The snapshots before and after a session (PROTOCOL §6, §7): admins, role assignments, secrets,
//! tokens, federation, and what else would stay. What differs is a review item.
//!
//! Reads only. A list that this account does not have is named as a gap, never taken for empty.

mod compare;
mod kinds;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use compare::{Survey, differences, keep};
use kinds::{Kind, kinds};

use super::App;
use super::access::{Access, lines as holder_lines};
use super::error::AppError;
use super::memory::LiveSession;
use super::secrets::pause;
use super::step::draft;
use super::undo::Tokens;
use crate::audit::entry::Draft;
use crate::databricks::{CallError, Holder, Upstream, WhoElse};
use crate::domain::ids::{Digest, IncidentId};
use crate::store::change::{RowChange, Snapshot};

/// Tries of the snapshot before; calls that need it are refused when all have failed.
const TRIES: u32 = 20;
/// Pause between them, milliseconds; never longer than the configured longest.
const PAUSE_MS: u64 = 2_000;

/// Type of the entry that says that nothing was compared.
const FAILED: &str = "snapshot.failed";

fn not_compared(incident: &IncidentId, why: &str) -> Draft {
    draft(
        FAILED,
        [
            ("inc", Value::from(incident.as_str())),
            ("why", Value::from(why)),
        ],
    )
}

impl App {
    /// Takes the snapshot before, while the session may already read.
    pub(super) fn survey_before(&self, session: &Arc<LiveSession>) {
        let (app, session) = (self.clone(), Arc::clone(session));
        self.spawn(async move {
            let tokens = Tokens::Session(Arc::clone(&session));
            for _ in 0..TRIES {
                let workspace = session.target.workspace.clone();
                let taken = tokio::select! {
                    biased;
                    () = session.cut.cancelled() => return,
                    taken = app.survey_now(&tokens, &session.incident, workspace) => taken,
                };
                match taken {
                    Ok(()) => return session.surveyed.cancel(),
                    Err(error) => tracing::warn!(%error, "the snapshot before could not be taken"),
                }
                let longest = app.inner.databricks.config().waits.delete_retry_max_ms;
                pause(PAUSE_MS.min(longest)).await;
            }
        });
    }

    async fn survey_now(
        &self,
        tokens: &Tokens,
        incident: &IncidentId,
        workspace: Option<String>,
    ) -> Result<(), AppError> {
        let (survey, access) = self.read_all(tokens, workspace).await?;
        self.keep(incident, "before", &survey, &access, Vec::new())
            .await
    }

    /// The snapshot after, and what differs. A session without one before cannot be compared, and
    /// the record says so: nothing here holds up the rotation.
    pub(super) async fn survey_after(
        &self,
        tokens: &Tokens,
        incident: &IncidentId,
    ) -> Result<(), AppError> {
        let Some(before) = self.inner.store.snapshot(incident, "before").await? else {
            if self.had_session(incident).await? {
                return self.not_compared(incident, "no snapshot before").await;
            }
            return Ok(());
        };
        if self
            .inner
            .store
            .snapshot(incident, "after")
            .await?
            .is_some()
        {
            return Ok(());
        }
        let Ok(before) = serde_json::from_str::<Survey>(&before.body) else {
            return self
                .not_compared(incident, "the snapshot before cannot be read")
                .await;
        };
        let workspace = self.load(incident).await?.0.terms.target.workspace;
        match self.read_all(tokens, workspace).await {
            // One commit: a crash leaves neither the snapshot nor what differs, or both.
            Ok((after, access)) => {
                let differing = differences(incident, &before, &after);
                self.keep(incident, "after", &after, &access, differing)
                    .await
            }
            Err(error) => self.not_compared(incident, &error.to_string()).await,
        }
    }

    /// Leaves a review item: what stayed behind is to be looked for by hand.
    async fn not_compared(&self, incident: &IncidentId, why: &str) -> Result<(), AppError> {
        let entry = not_compared(incident, why);
        self.record(vec![entry], Vec::new(), Vec::new(), None)
            .await
            .map(drop)
    }

    /// The review item of a session that ends although nothing was compared: the emergency log took
    /// the way back, and nobody looked afterwards.
    pub(super) async fn never_compared(
        &self,
        incident: &IncidentId,
    ) -> Result<Vec<Draft>, AppError> {
        let after = self.inner.store.snapshot(incident, "after").await?;
        if after.is_some()
            || !self.had_session(incident).await?
            || self.had_entry(incident, FAILED).await?
        {
            return Ok(Vec::new());
        }
        let why = "the log was lost before the snapshot after";
        Ok(vec![not_compared(incident, why)])
    }

    /// Whether a session was ever open: its entry stands before any call's.
    async fn had_session(&self, incident: &IncidentId) -> Result<bool, AppError> {
        self.had_entry(incident, "session.open").await
    }

    async fn had_entry(&self, incident: &IncidentId, kind: &str) -> Result<bool, AppError> {
        let mut pages = self.pages_of(incident, 0);
        while let Some(page) = pages.next().await? {
            if page.iter().any(|entry| entry.kind == kind) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn keep(
        &self,
        incident: &IncidentId,
        moment: &'static str,
        survey: &Survey,
        access: &Access,
        differing: Vec<Draft>,
    ) -> Result<(), AppError> {
        let body =
            serde_json::to_string(survey).map_err(|e| AppError::Inconsistent(e.to_string()))?;
        let counts: Vec<String> = survey
            .lists
            .iter()
            .map(|(kind, lines)| format!("{kind}: {}", lines.len()))
            .collect();
        let gaps: Vec<String> = survey
            .gaps
            .iter()
            .map(|(kind, why)| format!("{kind}: {why}"))
            .collect();
        let entry = draft(
            "snapshot.taken",
            [
                ("inc", Value::from(incident.as_str())),
                ("moment", Value::from(moment)),
                ("sha256", Value::from(Digest::of(body.as_bytes()).hex())),
                ("counts", Value::from(counts)),
                ("gaps", Value::from(gaps)),
            ],
        );
        let row = RowChange::PutSnapshot(Snapshot {
            incident: incident.clone(),
            moment: moment.to_owned(),
            body,
            at_ms: self.now(),
        });
        let (seen, fact) = access.kept()?;
        let mut entries = vec![entry, seen];
        entries.extend(differing);
        self.record(entries, vec![row, fact], Vec::new(), None)
            .await
            .map(drop)
    }

    async fn read_all(
        &self,
        tokens: &Tokens,
        workspace: Option<String>,
    ) -> Result<(Survey, Access), AppError> {
        let mut survey = Survey::default();
        for kind in kinds(self.inner.databricks.config(), workspace.as_deref()) {
            let read = self.lines_of(tokens, &kind).await;
            keep(&mut survey, kind.name, read)?;
        }
        let found = self.who_else(tokens).await;
        let access = Access::of(&found, self.now());
        keep(
            &mut survey,
            "account admin",
            found.admins.map(|all| ids(&all)),
        )?;
        for (kind, read) in [
            ("manager of the principal", found.managers),
            ("user of the principal", found.users),
        ] {
            match read {
                // Its form is known from documents only: an odd one holds no opening up.
                Err(why @ CallError::Unexpected { .. }) => {
                    survey.gaps.insert(kind.to_owned(), why.to_string());
                }
                read => keep(&mut survey, kind, read.map(|all| holder_lines(&all)))?,
            }
        }
        let secrets = self.foreign_secrets(tokens).await?;
        keep(&mut survey, "secret of the principal", secrets)?;
        if let Some(workspace) = workspace {
            let at = Upstream::Workspace(workspace);
            let members = self.workspace_admin_lines(tokens, &at).await;
            keep(&mut survey, "member of admins", members)?;
        }
        Ok((survey, access))
    }

    async fn lines_of(&self, tokens: &Tokens, kind: &Kind) -> Result<BTreeSet<String>, CallError> {
        let token = self.token_at(tokens, &kind.at).await?;
        let databricks = &self.inner.databricks;
        let all = databricks
            .list_all(&kind.at, &token, &kind.path, kind.member)
            .await?;
        Ok(all.iter().map(kind.line).collect())
    }

    async fn who_else(&self, tokens: &Tokens) -> WhoElse {
        match self.token_at(tokens, &Upstream::Account).await {
            Ok(token) => self.inner.databricks.who_else(&token).await,
            Err(why) => WhoElse {
                admins: Err(why.clone()),
                managers: Err(why.clone()),
                users: Err(why),
            },
        }
    }

    async fn workspace_admin_lines(
        &self,
        tokens: &Tokens,
        at: &Upstream,
    ) -> Result<BTreeSet<String>, CallError> {
        let token = self.token_at(tokens, at).await?;
        let admins = self.inner.databricks.workspace_admins(at, &token).await?;
        Ok(admins.members.into_iter().collect())
    }

    /// The principal's secrets that the vault did not make.
    async fn foreign_secrets(
        &self,
        tokens: &Tokens,
    ) -> Result<Result<BTreeSet<String>, CallError>, AppError> {
        let states = ["sent", "made", "unknown", "deleted"];
        let mut ours: BTreeSet<String> = self
            .inner
            .store
            .secret_posts(&states)
            .await?
            .into_iter()
            .filter_map(|post| post.secret_id)
            .collect();
        if let Some(epoch) = self
            .inner
            .store
            .current_epoch(crate::domain::manifest::Kind::Live)
            .await?
        {
            ours.insert(epoch.secret_id);
        }
        let read = async {
            let token = self.token_at(tokens, &Upstream::Account).await?;
            self.inner.databricks.list_secrets(&token).await
        };
        Ok(read.await.map(|found| {
            let foreign = found.into_iter().filter(|one| !ours.contains(&one.id));
            foreign.map(|one| one.id).collect()
        }))
    }
}

/// Account admins by SCIM id: whoever a group makes one stands after it.
fn ids(found: &[Holder]) -> BTreeSet<String> {
    let id = |one: &Holder| format!("{}/{}", one.kind.table(), one.id);
    let mut lines = BTreeSet::new();
    for one in found {
        lines.insert(id(one));
        lines.extend(
            one.members
                .iter()
                .map(|m| format!("{} has {}", id(one), id(m))),
        );
    }
    lines
}
