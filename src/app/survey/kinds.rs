//! The lists that a snapshot reads: where each is, and how a line is made of one of its members.
//! Must not know: who reads them, or what is done with the lines.

use serde_json::Value;

use crate::databricks::{Config, Upstream};

/// One list: its kind, where it is, and how a line is made of it.
pub(super) struct Kind {
    /// As the entry names it.
    pub name: &'static str,
    /// The host that answers.
    pub at: Upstream,
    /// Path of the one GET.
    pub path: String,
    /// Member of the reply that holds the list.
    pub member: &'static str,
    /// The line of one thing in it.
    pub line: fn(&Value) -> String,
}

/// The lists of facts §4.5 that one GET answers.
pub(super) fn kinds(config: &Config, workspace: Option<&str>) -> Vec<Kind> {
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
