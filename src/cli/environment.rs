//! The environment in which Databricks' own clients work through the vault: `breakglass env`, and
//! what `run` gives its child (facts: SDK settings and quirks).
//!
//! A leftover credential of another kind makes SDKs stop with "more than one authorization
//! method", so everything that could configure one is unset.

use std::path::Path;

use serde_json::json;

use super::client::{Client, KeptSession, State};
use super::{CliError, Exit, Globals, Output, clock, files};
use crate::domain::ids::IncidentId;

/// Variables that configure another host or another way to log in.
const UNSET: [&str; 24] = [
    "DATABRICKS_CLIENT_ID",
    "DATABRICKS_CLIENT_SECRET",
    "DATABRICKS_USERNAME",
    "DATABRICKS_PASSWORD",
    "DATABRICKS_CONFIG_PROFILE",
    "DATABRICKS_CONFIG_FILE",
    "DATABRICKS_DISCOVERY_URL",
    "DATABRICKS_METADATA_SERVICE_URL",
    "DATABRICKS_AZURE_RESOURCE_ID",
    "DATABRICKS_GOOGLE_SERVICE_ACCOUNT",
    "DATABRICKS_CLI_PATH",
    "DATABRICKS_TOKEN_AUDIENCE",
    "DATABRICKS_OIDC_TOKEN_ENV",
    "DATABRICKS_OIDC_TOKEN_FILEPATH",
    "DATABRICKS_SERVERLESS_COMPUTE_ID",
    "DATABRICKS_CLOUD",
    "ARM_CLIENT_ID",
    "ARM_CLIENT_SECRET",
    "ARM_TENANT_ID",
    "ARM_USE_MSI",
    "GOOGLE_CREDENTIALS",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "DATABRICKS_GOOGLE_CREDENTIALS",
];

/// Variables that name a file of trusted roots, one for each client family.
const CA_VARIABLES: [&str; 4] = [
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
    "NODE_EXTRA_CA_CERTS",
];

/// Where systems keep their roots, most common first.
const SYSTEM_ROOTS: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Which of the session's addresses to use.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct Door {
    /// The account host, for account-level calls
    #[arg(long)]
    pub account: bool,
    /// Plain HTTP on loopback, for a client that cannot be given a CA
    #[arg(long)]
    pub http: bool,
}

/// Arguments of `env`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  eval \"$(breakglass env INC-7)\"")]
pub struct Args {
    /// The incident
    #[arg(value_name = "INC")]
    incident: IncidentId,
    #[command(flatten)]
    door: Door,
}

/// What a client's environment must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Environment {
    /// Set these.
    pub(super) set: Vec<(&'static str, String)>,
    /// And have none of these.
    pub(super) unset: Vec<&'static str>,
}

/// Prints shell lines, or with `--json` the variables. The token is in them: this is its way to
/// the responder's tools.
///
/// # Errors
/// [`CliError`]; session ended when there is none.
pub async fn run(args: Args, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let client = Client::open(globals)?;
    let session = client.state.session(&args.incident, clock::now())?;
    let environment = of_session(&client.state, &session, args.door)?;
    let set: serde_json::Map<_, _> = environment
        .set
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.as_str().into()))
        .collect();
    out.result(
        json!({"set": set, "unset": environment.unset}),
        &shell_lines(&environment),
    );
    Ok(Exit::DONE)
}

/// The environment of a kept session; writes the file of roots when there is a CA of ours.
///
/// # Errors
/// When the session has no such address, or the file cannot be written.
pub(super) fn of_session(
    state: &State,
    session: &KeptSession,
    door: Door,
) -> Result<Environment, CliError> {
    let bundle = match &session.reply.ca_pem {
        Some(pem) => Some(state.keep_ca_bundle(&bundle(pem))?),
        None => None,
    };
    let no_proxy = files::variable("NO_PROXY").or_else(|| files::variable("no_proxy"));
    environment(session, door, bundle.as_deref(), no_proxy.as_deref())
}

fn environment(
    session: &KeptSession,
    door: Door,
    bundle: Option<&Path>,
    no_proxy: Option<&str>,
) -> Result<Environment, CliError> {
    let reply = &session.reply;
    let account = door.account || reply.workspace.is_none();
    let secure = if account {
        &reply.account_proxy_url
    } else {
        &reply.proxy_url
    };
    let host = if door.http { &reply.plain_url } else { secure };
    let host = host.as_ref().or(reply.plain_url.as_ref()).ok_or_else(|| {
        CliError::failed("no_address", "this vault's proxy has no such address")
            .hint("try without --account or --http")
    })?;
    let loopback = "127.0.0.1,localhost,::1";
    let no_proxy = no_proxy.map_or(loopback.to_owned(), |list| format!("{list},{loopback}"));
    let mut set = vec![
        ("DATABRICKS_HOST", host.clone()),
        ("DATABRICKS_TOKEN", reply.token.clone()),
        ("DATABRICKS_AUTH_TYPE", "pat".to_owned()),
        ("DATABRICKS_ACCOUNT_ID", reply.account_id.clone()),
        ("NO_PROXY", no_proxy.clone()),
        ("no_proxy", no_proxy),
        ("BREAKGLASS_INCIDENT", session.incident.to_string()),
    ];
    let mut unset = UNSET.to_vec();
    match &reply.workspace {
        Some(workspace) if !account => set.push(("DATABRICKS_WORKSPACE_ID", workspace.clone())),
        _ => unset.push("DATABRICKS_WORKSPACE_ID"),
    }
    if let Some(bundle) = bundle {
        let path = bundle.display().to_string();
        set.extend(CA_VARIABLES.map(|name| (name, path.clone())));
    }
    Ok(Environment { set, unset })
}

/// The system's roots and ours in one PEM.
fn bundle(ours: &str) -> String {
    let named = files::variable("SSL_CERT_FILE");
    let places = named.iter().map(String::as_str).chain(SYSTEM_ROOTS);
    let system = places
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .next();
    let mut pem = system.unwrap_or_default();
    if !pem.is_empty() && !pem.ends_with('\n') {
        pem.push('\n');
    }
    pem.push_str(ours);
    pem
}

fn shell_lines(environment: &Environment) -> String {
    let unset = format!("unset {}", environment.unset.join(" "));
    let set = environment
        .set
        .iter()
        .map(|(name, value)| format!("export {name}={}", quoted(value)));
    std::iter::once(unset)
        .chain(set)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Single-quoted for any POSIX shell.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ClaimReply;

    fn session(workspace: Option<&str>) -> KeptSession {
        KeptSession {
            incident: IncidentId::numbered(7),
            drill: false,
            reply: ClaimReply {
                session: "ses-1234".into(),
                token: "bgt_abc".into(),
                exp_ms: 1,
                proxy_url: Some("https://proxy.example:9443".into()),
                account_proxy_url: Some("https://accounts.proxy.example:9443".into()),
                plain_url: Some("http://127.0.0.1:9080".into()),
                account_id: "acc".into(),
                workspace: workspace.map(str::to_owned),
                ca_pem: Some("PEM".into()),
            },
        }
    }

    fn value<'a>(environment: &'a Environment, name: &str) -> Option<&'a str> {
        environment
            .set
            .iter()
            .find(|(each, _)| *each == name)
            .map(|(_, value)| value.as_str())
    }

    #[test]
    fn the_token_is_the_only_way_to_log_in_that_is_left() {
        let found = environment(&session(Some("12")), Door::default(), None, None).unwrap();
        assert_eq!(
            value(&found, "DATABRICKS_HOST"),
            Some("https://proxy.example:9443")
        );
        assert_eq!(value(&found, "DATABRICKS_TOKEN"), Some("bgt_abc"));
        assert_eq!(value(&found, "DATABRICKS_AUTH_TYPE"), Some("pat"));
        assert_eq!(value(&found, "DATABRICKS_WORKSPACE_ID"), Some("12"));
        for left in [
            "DATABRICKS_CLIENT_ID",
            "DATABRICKS_CLIENT_SECRET",
            "DATABRICKS_CONFIG_PROFILE",
        ] {
            assert!(found.unset.contains(&left), "{left}");
        }
        assert!(
            found
                .set
                .iter()
                .all(|(name, _)| !found.unset.contains(name))
        );
    }

    #[test]
    fn account_and_plain_doors_have_their_own_hosts() {
        let host = |workspace, account, http| {
            let found =
                environment(&session(workspace), Door { account, http }, None, None).unwrap();
            value(&found, "DATABRICKS_HOST").unwrap().to_owned()
        };
        assert_eq!(
            host(Some("12"), true, false),
            "https://accounts.proxy.example:9443"
        );
        assert_eq!(
            host(None, false, false),
            "https://accounts.proxy.example:9443"
        );
        assert_eq!(host(Some("12"), false, true), "http://127.0.0.1:9080");
    }

    #[test]
    fn a_workspace_id_is_never_sent_to_the_account_host() {
        let door = Door {
            account: true,
            http: false,
        };
        let found = environment(&session(Some("12")), door, None, None).unwrap();
        assert_eq!(value(&found, "DATABRICKS_WORKSPACE_ID"), None);
        assert!(found.unset.contains(&"DATABRICKS_WORKSPACE_ID"));
    }

    #[test]
    fn loopback_joins_what_the_proxy_list_already_says() {
        let found =
            environment(&session(None), Door::default(), None, Some("corp.example")).unwrap();
        assert_eq!(
            value(&found, "NO_PROXY"),
            Some("corp.example,127.0.0.1,localhost,::1")
        );
    }

    #[test]
    fn every_client_family_is_pointed_at_the_bundle() {
        let bundle = Path::new("bundle.pem");
        let found = environment(&session(None), Door::default(), Some(bundle), None).unwrap();
        for name in CA_VARIABLES {
            assert_eq!(value(&found, name), Some("bundle.pem"), "{name}");
        }
        assert!(super::bundle("OURS").ends_with("OURS"));
    }

    #[test]
    fn shell_lines_survive_quotes() {
        let odd = Environment {
            set: vec![("A", "it's $(x)".to_owned())],
            unset: vec!["B", "C"],
        };
        assert_eq!(shell_lines(&odd), "unset B C\nexport A='it'\\''s $(x)'");
    }
}
