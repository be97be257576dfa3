//! The snapshots before and after a session (PROTOCOL §6, §7): admins, role assignments, secrets,
//! tokens, federation, and what else would stay. What differs is a review item.
//!
//! Reads only. A list that this account does not have is named as a gap, never taken for empty.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::App;
use super::error::AppError;
use super::memory::LiveSession;
use super::secrets::pause;
use super::step::draft;
use super::undo::Tokens;
use crate::audit::entry::Draft;
use crate::databricks::{CallError, Upstream};
use crate::domain::ids::{Digest, IncidentId};
use crate::store::change::{RowChange, Snapshot};

/// Tries of the snapshot before; calls that need it are refused when all have failed.
const TRIES: u32 = 20;
/// Pause between them, milliseconds; never longer than the configured longest.
const PAUSE_MS: u64 = 2_000;
/// Lines of one kind that an entry names; the rest is counted.
const MOST_LINES: usize = 100;

/// How things stand: lines per kind, and the kinds that could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Survey {
    lists: BTreeMap<String, BTreeSet<String>>,
    gaps: BTreeMap<String, String>,
}

/// One list: its kind, where it is, and how a line is made of it.
struct Kind {
    name: &'static str,
    at: Upstream,
    path: String,
    member: &'static str,
    line: fn(&Value) -> String,
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
        let survey = self.read_all(tokens, workspace).await?;
        self.keep(incident, "before", &survey, Vec::new()).await
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
            Ok(after) => {
                let differing = differences(incident, &before, &after);
                self.keep(incident, "after", &after, differing).await
            }
            Err(error) => self.not_compared(incident, &error.to_string()).await,
        }
    }

    /// Leaves a review item: what stayed behind is to be looked for by hand.
    async fn not_compared(&self, incident: &IncidentId, why: &str) -> Result<(), AppError> {
        let entry = draft(
            "snapshot.failed",
            [
                ("inc", Value::from(incident.as_str())),
                ("why", Value::from(why)),
            ],
        );
        self.record(vec![entry], Vec::new(), Vec::new(), None)
            .await
            .map(drop)
    }

    /// Whether a session was ever open: its entry stands before any call's.
    async fn had_session(&self, incident: &IncidentId) -> Result<bool, AppError> {
        let mut pages = self.pages_of(incident, 0);
        while let Some(page) = pages.next().await? {
            if page.iter().any(|entry| entry.kind == "session.open") {
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
        let mut entries = vec![entry];
        entries.extend(differing);
        self.record(entries, vec![row], Vec::new(), None)
            .await
            .map(drop)
    }

    async fn read_all(
        &self,
        tokens: &Tokens,
        workspace: Option<String>,
    ) -> Result<Survey, AppError> {
        let mut survey = Survey::default();
        for kind in self.kinds(workspace.as_deref()) {
            let read = self.lines_of(tokens, &kind).await;
            keep(&mut survey, kind.name, read)?;
        }
        let admins = self.account_admins(tokens).await;
        keep(&mut survey, "account admin", admins)?;
        let secrets = self.foreign_secrets(tokens).await?;
        keep(&mut survey, "secret of the principal", secrets)?;
        if let Some(workspace) = workspace {
            let at = Upstream::Workspace(workspace);
            let members = self.workspace_admin_lines(tokens, &at).await;
            keep(&mut survey, "member of admins", members)?;
        }
        Ok(survey)
    }

    /// The lists of facts §4.5 that one GET answers.
    fn kinds(&self, workspace: Option<&str>) -> Vec<Kind> {
        let config = self.inner.databricks.config();
        let account = format!("/api/2.0/accounts/{}", config.account_id);
        let own = config.principal_id;
        let of_account = |name, path: &str, member, line| Kind {
            name,
            at: Upstream::Account,
            path: format!("{account}{path}"),
            member,
            line,
        };
        let federation = format!("/servicePrincipals/{own}/federationPolicies");
        let mut kinds = vec![
            of_account("federation policy", "/federationPolicies", "policies", uid),
            of_account(
                "federation policy of the principal",
                &federation,
                "policies",
                uid,
            ),
            of_account(
                "app integration",
                "/oauth2/custom-app-integrations",
                "apps",
                app,
            ),
            of_account(
                "published app integration",
                "/oauth2/published-app-integrations",
                "apps",
                app,
            ),
            of_account(
                "account IP list",
                "/ip-access-lists",
                "ip_access_lists",
                ip_list,
            ),
        ];
        let Some(workspace) = workspace else {
            return kinds;
        };
        let path = format!("/workspaces/{workspace}/permissionassignments");
        kinds.push(of_account(
            "workspace assignment",
            &path,
            "permission_assignments",
            assignment,
        ));
        let of_workspace = |name, path: &str, member, line| Kind {
            name,
            at: Upstream::Workspace(workspace.to_owned()),
            path: path.to_owned(),
            member,
            line,
        };
        kinds.extend([
            of_workspace(
                "token",
                "/api/2.0/token-management/tokens",
                "token_infos",
                token,
            ),
            of_workspace(
                "IP list",
                "/api/2.0/ip-access-lists",
                "ip_access_lists",
                ip_list,
            ),
            of_workspace(
                "init script",
                "/api/2.0/global-init-scripts",
                "scripts",
                script,
            ),
        ]);
        kinds
    }

    async fn lines_of(&self, tokens: &Tokens, kind: &Kind) -> Result<BTreeSet<String>, CallError> {
        let token = self.token_at(tokens, &kind.at).await?;
        let found = self
            .inner
            .databricks
            .read_json(&kind.at, &token, &kind.path, &[])
            .await?
            .unwrap_or_default();
        let lines = found[kind.member].as_array().into_iter().flatten();
        Ok(lines.map(kind.line).collect())
    }

    async fn account_admins(&self, tokens: &Tokens) -> Result<BTreeSet<String>, CallError> {
        let token = self.token_at(tokens, &Upstream::Account).await?;
        let databricks = &self.inner.databricks;
        let base = format!(
            "/api/2.0/accounts/{}/scim/v2",
            databricks.config().account_id
        );
        let mut lines = BTreeSet::new();
        for table in ["Users", "ServicePrincipals"] {
            let path = format!("{base}/{table}");
            let all = databricks
                .scim_all(&Upstream::Account, &token, &path, "id,roles")
                .await?;
            let admins = all.iter().filter(|one| {
                let roles = one["roles"].as_array().into_iter().flatten();
                roles.clone().any(|role| role["value"] == "account_admin")
            });
            lines.extend(admins.map(|one| format!("{table}/{}", plain(&one["id"]))));
        }
        Ok(lines)
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

/// A list that the account does not have, or that the principal may not see, is a gap; anything
/// else that failed makes the snapshot fail.
fn keep(
    survey: &mut Survey,
    name: &str,
    read: Result<BTreeSet<String>, CallError>,
) -> Result<(), AppError> {
    match read {
        Ok(lines) => drop(survey.lists.insert(name.to_owned(), lines)),
        Err(CallError::Refused { status, code, .. }) if matches!(status, 400 | 403 | 404 | 501) => {
            drop(
                survey
                    .gaps
                    .insert(name.to_owned(), format!("{status} {code}")),
            );
        }
        Err(CallError::Unexpected {
            status: 501, code, ..
        }) => {
            drop(survey.gaps.insert(name.to_owned(), format!("501 {code}")));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// One entry per kind that differs.
fn differences(incident: &IncidentId, before: &Survey, after: &Survey) -> Vec<Draft> {
    let none = BTreeSet::new();
    let mut entries = Vec::new();
    for (kind, now) in &after.lists {
        if before.gaps.contains_key(kind) {
            continue;
        }
        let then = before.lists.get(kind).unwrap_or(&none);
        let added: Vec<&String> = now.difference(then).collect();
        let removed: Vec<&String> = then.difference(now).collect();
        if added.is_empty() && removed.is_empty() {
            continue;
        }
        let named = |lines: &[&String]| json!(&lines[..lines.len().min(MOST_LINES)]);
        entries.push(draft(
            "snapshot.diff",
            [
                ("inc", Value::from(incident.as_str())),
                ("kind", Value::from(kind.as_str())),
                ("added", named(&added)),
                ("n_added", Value::from(added.len())),
                ("removed", named(&removed)),
                ("n_removed", Value::from(removed.len())),
            ],
        ));
    }
    entries
}

/// An id as text; everything else shortened, for it goes into an entry.
fn plain(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

fn uid(one: &Value) -> String {
    let uid = plain(&one["uid"]);
    if uid.is_empty() {
        plain(&one["name"])
    } else {
        uid
    }
}

fn app(one: &Value) -> String {
    plain(&one["integration_id"])
}

fn ip_list(one: &Value) -> String {
    format!("{} {}", plain(&one["list_type"]), plain(&one["list_id"]))
}

fn token(one: &Value) -> String {
    format!(
        "{} of {}",
        plain(&one["token_id"]),
        plain(&one["created_by_id"])
    )
}

fn script(one: &Value) -> String {
    plain(&one["script_id"])
}

fn assignment(one: &Value) -> String {
    let levels = one["permissions"].as_array().into_iter().flatten();
    let levels: Vec<String> = levels.map(plain).collect();
    let principal = plain(&one["principal"]["principal_id"]);
    format!("{principal} {}", levels.join("+"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survey(kind: &str, lines: &[&str]) -> Survey {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        Survey {
            lists: [(kind.to_owned(), lines)].into(),
            gaps: BTreeMap::new(),
        }
    }

    #[test]
    fn what_came_and_what_went_is_named_by_kind() {
        let incident = IncidentId::numbered(1);
        let (before, after) = (survey("token", &["a", "b"]), survey("token", &["b", "c"]));
        let entries = differences(&incident, &before, &after);
        assert_eq!(entries.len(), 1);
        let members = &entries[0].members;
        assert_eq!(
            (&members["added"], &members["removed"]),
            (&json!(["c"]), &json!(["a"]))
        );
        assert!(differences(&incident, &before, &before).is_empty());
    }

    #[test]
    fn a_kind_that_could_not_be_read_before_is_no_difference() {
        let mut before = Survey::default();
        before.gaps.insert("token".to_owned(), "404 X".to_owned());
        let after = survey("token", &["a"]);
        assert!(differences(&IncidentId::numbered(1), &before, &after).is_empty());
    }

    #[test]
    fn a_list_that_is_refused_is_a_gap_and_one_that_fails_fails_the_snapshot() {
        let mut survey = Survey::default();
        let refused = CallError::Refused {
            step: "read",
            status: 404,
            code: "ENDPOINT_NOT_FOUND".to_owned(),
        };
        keep(&mut survey, "token", Err(refused)).unwrap();
        assert_eq!(survey.gaps["token"], "404 ENDPOINT_NOT_FOUND");
        let lost = CallError::Unknown {
            step: "read",
            why: "reply cut off",
        };
        assert!(keep(&mut survey, "token", Err(lost)).is_err());
    }
}
