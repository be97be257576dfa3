//! Who the guarded principal is: its numeric id, roles and groups, and whether it is an admin.
//!
//! Reads only. What the never-list makes of it is the domain's business.

use serde::Deserialize;

use super::config::is_plain_id;
use super::error::CallError;
use super::http::{Answer, Client, exchange, parsed};
use super::token::Minted;
use super::upstream::{Base, Upstream};
use crate::domain::time::Timestamp;

/// SCIM pages of one list; SDKs page until a page is empty.
const MAX_PAGES: usize = 50;

/// A group by id and shown name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct GroupRef {
    /// SCIM id.
    #[serde(rename = "value")]
    pub id: String,
    /// Shown name, such as `admins`.
    #[serde(default, rename = "display")]
    pub name: String,
}

/// Whom a workspace takes the bearer for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Me {
    /// SCIM id in the workspace.
    pub id: String,
    /// A service principal's user name is its application id.
    pub user_name: String,
    /// The application id, where the reply names it.
    pub application_id: Option<String>,
    /// Groups of the workspace that hold it.
    pub groups: Vec<GroupRef>,
    /// The workspace's own id, from `X-Databricks-Org-Id`.
    pub workspace_id: Option<String>,
}

impl Me {
    /// Whether this is the principal with `application_id`.
    pub fn is_principal(&self, application_id: &str) -> bool {
        match &self.application_id {
            Some(found) => found == application_id,
            None => self.user_name == application_id,
        }
    }

    /// Whether the workspace's `admins` group holds it directly.
    pub fn is_workspace_admin(&self) -> bool {
        self.groups.iter().any(|group| group.name == "admins")
    }
}

/// The service principal as the account knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Numeric SCIM id.
    pub id: u64,
    /// Application id (UUID): the OAuth client id.
    pub application_id: String,
    /// Whether it may sign in.
    pub active: bool,
    /// Account roles, such as `account_admin`.
    pub roles: Vec<String>,
    /// Account groups it is a direct member of.
    pub groups: Vec<GroupRef>,
}

impl Principal {
    /// Whether it may use the account API for secrets.
    pub fn is_account_admin(&self) -> bool {
        self.roles.iter().any(|role| role == "account_admin")
    }
}

/// A workspace's `admins` group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkspaceAdmins {
    /// Its SCIM id; the never-list names it.
    pub group_id: String,
    /// SCIM ids of its direct members.
    pub members: Vec<String>,
}

#[derive(Deserialize)]
struct RawValue {
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPrincipal {
    id: String,
    #[serde(default)]
    user_name: Option<String>,
    #[serde(default)]
    application_id: Option<String>,
    #[serde(default = "yes")]
    active: bool,
    #[serde(default)]
    roles: Vec<RawValue>,
    #[serde(default)]
    groups: Vec<GroupRef>,
}

#[derive(Deserialize)]
struct RawGroup {
    id: String,
    #[serde(default)]
    members: Vec<RawValue>,
}

#[derive(Deserialize)]
struct RawList<T> {
    #[serde(default = "Vec::new", rename = "Resources")]
    resources: Vec<T>,
}

fn yes() -> bool {
    true
}

impl RawPrincipal {
    fn principal(self) -> Option<Principal> {
        Some(Principal {
            id: self.id.parse().ok()?,
            application_id: self.application_id?,
            active: self.active,
            roles: self.roles.into_iter().map(|role| role.value).collect(),
            groups: self.groups,
        })
    }
}

impl Client {
    /// Whom the workspace takes this bearer for.
    pub async fn me(&self, at: &Upstream, bearer: &Minted) -> Result<Me, CallError> {
        const STEP: &str = "read who we are";
        let (base, answer) = self
            .get(STEP, at, bearer, "/api/2.0/preview/scim/v2/Me", &[])
            .await?;
        let raw: RawPrincipal = parsed(STEP, &base, &answer)?;
        let workspace_id = answer.headers.get("x-databricks-org-id");
        Ok(Me {
            id: raw.id,
            user_name: raw.user_name.unwrap_or_default(),
            application_id: raw.application_id,
            groups: raw.groups,
            workspace_id: workspace_id
                .and_then(|id| id.to_str().ok())
                .map(str::to_owned),
        })
    }

    /// Looks the configured application id up in the account; `None` when it is not there.
    pub async fn find_principal(&self, bearer: &Minted) -> Result<Option<Principal>, CallError> {
        const STEP: &str = "look the principal up";
        let wanted = &self.config().application_id;
        let path = format!("{}/ServicePrincipals", self.account_scim());
        let filter = format!("applicationId eq \"{wanted}\"");
        let mut start = 1usize;
        for _ in 0..MAX_PAGES {
            let query = [
                ("filter", filter.clone()),
                ("startIndex", start.to_string()),
            ];
            let (base, answer) = self
                .get(STEP, &Upstream::Account, bearer, &path, &query)
                .await?;
            let page: RawList<RawPrincipal> = parsed(STEP, &base, &answer)?;
            if page.resources.is_empty() {
                return Ok(None);
            }
            start += page.resources.len();
            // A server that ignores the filter must not make us guard somebody else.
            let mut found = page
                .resources
                .into_iter()
                .filter_map(RawPrincipal::principal);
            if let Some(principal) = found.find(|each| each.application_id == *wanted) {
                return Ok(Some(principal));
            }
        }
        Err(odd(STEP, "endless_list"))
    }

    /// Reads the principal by its configured numeric id: roles and groups as they are now.
    pub async fn principal(&self, bearer: &Minted) -> Result<Principal, CallError> {
        const STEP: &str = "read the principal";
        let id = self.config().principal_id;
        let path = format!("{}/ServicePrincipals/{id}", self.account_scim());
        let (base, answer) = self
            .get(STEP, &Upstream::Account, bearer, &path, &[])
            .await?;
        let raw: RawPrincipal = parsed(STEP, &base, &answer)?;
        raw.principal()
            .ok_or_else(|| odd(STEP, "unreadable_principal"))
    }

    /// The workspace's `admins` group with its direct members.
    pub async fn workspace_admins(
        &self,
        at: &Upstream,
        bearer: &Minted,
    ) -> Result<WorkspaceAdmins, CallError> {
        const STEP: &str = "read the workspace admins";
        let path = "/api/2.0/preview/scim/v2/Groups";
        let query = [("filter", "displayName eq \"admins\"".to_owned())];
        let (base, answer) = self.get(STEP, at, bearer, path, &query).await?;
        let list: RawList<RawGroup> = parsed(STEP, &base, &answer)?;
        let found = list
            .resources
            .first()
            .filter(|group| is_plain_id(&group.id));
        let id = &found.ok_or_else(|| odd(STEP, "no_admins_group"))?.id;
        // A list may leave members out; the group itself does not.
        let (base, answer) = self
            .get(STEP, at, bearer, &format!("{path}/{id}"), &[])
            .await?;
        let group: RawGroup = parsed(STEP, &base, &answer)?;
        let members = group
            .members
            .into_iter()
            .map(|member| member.value)
            .collect();
        Ok(WorkspaceAdmins {
            group_id: group.id,
            members,
        })
    }

    /// What Databricks' own clock shows: the `Date` header of an answer that needs no token. Whole
    /// seconds; any status will do.
    pub async fn date(&self) -> Result<Timestamp, CallError> {
        const STEP: &str = "read the clock";
        let base = self.base(&Upstream::Account)?;
        let path = format!(
            "/oidc/accounts/{}/.well-known/oauth-authorization-server",
            self.config().account_id
        );
        let answer = exchange(STEP, self.reading().get(base.url(&path))).await?;
        let date = answer.headers.get(hyper::header::DATE);
        date.and_then(|value| value.to_str().ok())
            .and_then(|text| chrono::DateTime::parse_from_rfc2822(text).ok())
            .map(|date| Timestamp(date.timestamp_millis()))
            .ok_or_else(|| odd(STEP, "no_date"))
    }

    fn account_scim(&self) -> String {
        format!("/api/2.0/accounts/{}/scim/v2", self.config().account_id)
    }

    async fn get(
        &self,
        step: &'static str,
        at: &Upstream,
        bearer: &Minted,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<(Base, Answer), CallError> {
        let base = self.base(at)?;
        let request = self.reading().get(base.url(path)).query(query);
        let answer = exchange(step, bearer.authorise(request)).await?;
        Ok((base, answer))
    }
}

fn odd(step: &'static str, code: &str) -> CallError {
    CallError::Unexpected {
        step,
        status: 200,
        code: code.to_owned(),
    }
}
