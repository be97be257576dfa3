//! The promises, each checked against a record that the vault does not keep: the simulator's, the
//! sinks', the files on disk.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::scene::{Calls, until};
use super::stage::Stage;
use crate::cli::CliError;

/// What was promised and whether it held.
pub(super) struct Promises {
    incident: String,
    calls: u64,
    export: String,
    list: Vec<(&'static str, &'static str, bool)>,
}

impl Promises {
    /// Whether every one held.
    pub(super) fn held(&self) -> bool {
        self.list.iter().all(|(_, _, held)| *held)
    }

    /// Sentences for people.
    pub(super) fn list(&self) -> impl Iterator<Item = (&'static str, bool)> + '_ {
        self.list
            .iter()
            .map(|(_, sentence, held)| (*sentence, *held))
    }

    /// The object of DESIGN §13.
    pub(super) fn to_json(&self) -> Value {
        let mut object = json!({
            "incident": self.incident, "calls": self.calls, "export": self.export,
        });
        for (name, _, held) in &self.list {
            object[*name] = json!(held);
        }
        object
    }
}

/// A client that trusts the demo's own authority and nothing else.
fn client(ca_pem: &[u8]) -> Result<reqwest::Client, CliError> {
    let broken = |e: reqwest::Error| CliError::failed("demo", e.to_string());
    let authority = reqwest::Certificate::from_pem(ca_pem).map_err(broken)?;
    reqwest::Client::builder()
        .tls_certs_only([authority])
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(std::time::Duration::from_secs(60))
        .build()
        .map_err(broken)
}

fn stage_client(stage: &Stage) -> Result<reqwest::Client, CliError> {
    let path = stage.dir.join("tls").join("ca.pem");
    client(&std::fs::read(&path).map_err(|e| super::stage::file_error(&path, &e))?)
}

fn broken(error: &reqwest::Error) -> CliError {
    CliError::failed("demo", error.to_string())
}

/// rio's work: reads, one change, and calls that no session may make.
pub(super) async fn work(stage: &Stage, environment: &Value) -> Result<Calls, CliError> {
    let variable = |name: &str| {
        environment["set"][name]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| CliError::failed("demo", format!("`env` printed no {name}")))
    };
    let proxy = variable("DATABRICKS_HOST")?;
    let mut calls = Calls {
        token: SecretString::from(variable("DATABRICKS_TOKEN")?),
        proxy,
        client: stage_client(stage)?,
        upstream: 0,
        refused: 0,
    };
    for (method, path, body) in [
        ("GET", "/api/2.0/preview/scim/v2/Me", None),
        (
            "GET",
            "/api/2.0/preview/scim/v2/Groups?filter=displayName%20eq%20%22admins%22",
            None,
        ),
        ("GET", "/api/2.1/clusters/list", None),
        ("GET", "/api/2.2/jobs/list", None),
        (
            "POST",
            "/api/2.2/jobs/run-now",
            Some(json!({"job_id": 101})),
        ),
    ] {
        let status = call(&calls, method, path, body).await?;
        if status != 200 {
            return Err(CliError::failed(
                "demo",
                format!("{method} {path} answered {status}"),
            ));
        }
        calls.upstream += 1;
    }
    for (method, path, body) in [
        // A token of its own would outlive the session: never, whatever the scope says.
        (
            "POST",
            "/api/2.0/token/create",
            Some(json!({"comment": "mine"})),
        ),
        // Outside the scope of the terms.
        (
            "POST",
            "/api/2.0/workspace/delete",
            Some(json!({"path": "/", "recursive": true})),
        ),
        // No path that Databricks has.
        ("GET", "/api/2.0/nothing/like/this", None),
    ] {
        let status = call(&calls, method, path, body).await?;
        if status != 403 {
            return Err(CliError::failed(
                "demo",
                format!("{method} {path} answered {status}, not 403"),
            ));
        }
        calls.refused += 1;
    }
    Ok(calls)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the demo is the session's client"
)]
async fn call(
    calls: &Calls,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> Result<u16, CliError> {
    let method = method
        .parse()
        .map_err(|_| CliError::failed("demo", "no such method"))?;
    let mut request = calls
        .client
        .request(method, format!("{}{path}", calls.proxy))
        .bearer_auth(calls.token.expose_secret());
    if let Some(body) = body {
        request = request.json(&body);
    }
    Ok(request
        .send()
        .await
        .map_err(|e| broken(&e))?
        .status()
        .as_u16())
}

/// After the close the token opens nothing.
pub(super) async fn token_is_dead(calls: &Calls) -> Result<bool, CliError> {
    Ok(call(calls, "GET", "/api/2.1/clusters/list", None).await? == 403)
}

async fn simulator(stage: &Stage, path: &str) -> Result<Value, CliError> {
    let url = format!("{}/_simulator/{path}", stage.databricks_url());
    let reply = stage_client(stage)?
        .get(url)
        .send()
        .await
        .map_err(|e| broken(&e))?;
    reply.json().await.map_err(|e| broken(&e))
}

/// Whether Databricks refuses the secret that otto pasted.
async fn first_secret_refused(stage: &Stage) -> Result<bool, CliError> {
    let path = stage.dir.join("first-secret.txt");
    let secret =
        crate::config::read_secret(&path).map_err(|e| CliError::failed("demo", e.to_string()))?;
    let account = stage.databricks["account_id"].as_str().unwrap_or("");
    let url = format!(
        "{}/oidc/accounts/{account}/v1/token",
        stage.databricks_url()
    );
    let id = stage.databricks["application_id"].as_str().unwrap_or("");
    Ok(mint(&stage_client(stage)?, &url, id, &secret).await? == 401)
}

#[expect(
    clippy::disallowed_methods,
    reason = "shows that the secret given is dead"
)]
async fn mint(
    client: &reqwest::Client,
    url: &str,
    id: &str,
    secret: &SecretString,
) -> Result<u16, CliError> {
    let form = [("grant_type", "client_credentials"), ("scope", "all-apis")];
    let request = client
        .post(url)
        .basic_auth(id, Some(secret.expose_secret()))
        .form(&form);
    Ok(request
        .send()
        .await
        .map_err(|e| broken(&e))?
        .status()
        .as_u16())
}

/// Checks everything.
pub(super) async fn all(
    stage: &Stage,
    incident: &str,
    _opened: &Value,
    calls: &Calls,
    closed: &Value,
    token_dead: bool,
    report: &Value,
) -> Result<Promises, CliError> {
    let secrets = simulator(stage, "secrets").await?;
    let live = secrets["live"].as_u64().unwrap_or(0);
    let logged = logged_calls(stage)?;
    let seen = proxied_requests(stage, incident).await?;
    let mails = until("the closing mail", || async {
        let subjects = subjects(stage);
        subjects
            .iter()
            .any(|s| s.starts_with("[CLOSED]"))
            .then_some(subjects)
    })
    .await?;
    let list = vec![
        (
            "rotated",
            "the credential was rotated into epoch 2",
            closed["old_secret_refused"] == true,
        ),
        (
            "old_secret_refused",
            "Databricks refuses the secret that a person had seen",
            first_secret_refused(stage).await?,
        ),
        (
            "one_live_secret",
            "exactly one secret is alive at Databricks",
            live == 1,
        ),
        (
            "calls_logged",
            "each upstream request has exactly one begin and one end in the log",
            logged == (calls.upstream, calls.upstream) && seen == calls.upstream,
        ),
        (
            "token_dead",
            "the session token opens nothing after the close",
            token_dead,
        ),
        (
            "log_verified",
            "the export verifies offline, against every mailed checkpoint",
            report["passed"] == true,
        ),
        (
            "mails_sent",
            "mails went out at the opening, the open session and the close",
            ["[ASKED]", "[OPEN]", "[CLOSED]"]
                .iter()
                .all(|tag| mails.iter().any(|s| s.starts_with(tag))),
        ),
        (
            "webhooks_verified",
            "webhooks arrived and every signature held",
            !stage.webhook.delivered().is_empty() && stage.webhook.refused() == 0,
        ),
        (
            "nothing_in_the_clear",
            "no token, secret or share lies in the vault's folder or its log lines",
            nothing_in_the_clear(stage, calls)?,
        ),
    ];
    let export = super::stage::text(&stage.export_dir());
    Ok(Promises {
        incident: incident.to_owned(),
        calls: calls.upstream,
        export,
        list,
    })
}

/// Requests that reached the simulator with the session's mark in their user agent.
async fn proxied_requests(stage: &Stage, incident: &str) -> Result<u64, CliError> {
    let record = simulator(stage, "requests").await?;
    let mark = format!("bg-session/{incident}");
    let list = record["requests"].as_array().cloned().unwrap_or_default();
    let marked = list.iter().filter(|r| {
        r["user_agent"]
            .as_str()
            .is_some_and(|ua| ua.contains(&mark))
    });
    Ok(marked.count() as u64)
}

/// `call.begin` and `call.end` entries in the export.
fn logged_calls(stage: &Stage) -> Result<(u64, u64), CliError> {
    let path = stage.export_dir().join("entries.ndjson");
    let text = std::fs::read_to_string(&path)
        .map_err(|e| CliError::failed("demo", format!("{}: {e}", path.display())))?;
    let count = |kind: &str| {
        let mark = format!("\"t\":\"{kind}\"");
        text.lines().filter(|line| line.contains(&mark)).count() as u64
    };
    Ok((count("call.begin"), count("call.end")))
}

fn subjects(stage: &Stage) -> Vec<String> {
    stage
        .mail
        .mails()
        .iter()
        .filter_map(|mail| mail.header("Subject"))
        .collect()
}

/// Looks for what must never lie on disk: the session token, both generations of the credential
/// as far as they are known, age identities.
#[expect(
    clippy::disallowed_methods,
    reason = "searches the disk for the secrets themselves"
)]
fn nothing_in_the_clear(stage: &Stage, calls: &Calls) -> Result<bool, CliError> {
    let first = crate::config::read_secret(&stage.dir.join("first-secret.txt"))
        .map_err(|e| CliError::failed("demo", e.to_string()))?;
    let needles = [
        calls.token.expose_secret(),
        first.expose_secret(),
        "AGE-SECRET-KEY-",
    ];
    let mut files = vec![stage.dir.join("vault.log"), stage.dir.join("init.log")];
    for folder in [
        "vault",
        "vault/data",
        "export",
        "export/acts",
        "export/terms",
        "mail",
    ] {
        let entries = std::fs::read_dir(stage.dir.join(folder))
            .into_iter()
            .flatten();
        files.extend(entries.flatten().map(|e| e.path()).filter(|p| p.is_file()));
    }
    for path in files {
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            // The vault still runs: a temporary file of its may have got its name since the listing.
            Err(why)
                if why.kind() == std::io::ErrorKind::NotFound
                    && path.extension().is_none_or(|e| e != "log") =>
            {
                continue;
            }
            Err(why) => {
                let why = format!("{}: {why}", path.display());
                return Err(CliError::failed("demo", why));
            }
        };
        if needles
            .iter()
            .any(|needle| memchr::memmem::find(&bytes, needle.as_bytes()).is_some())
            || holds_login_token(&bytes)
        {
            tracing::error!(path = %path.display(), "a secret lies in the clear");
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a login's token stands here: the four letters alone stand in any long base64 now and
/// then.
fn holds_login_token(bytes: &[u8]) -> bool {
    memchr::memmem::find_iter(bytes, "bgl_").any(|at| {
        let behind = bytes.get(at + 4..at + 24);
        behind.is_some_and(|letters| letters.iter().all(u8::is_ascii_alphanumeric))
    })
}
