//! The stage: folder, keys, certificates, configuration, sinks and processes.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::net::TcpListener;

use super::children::Child;
use crate::cli::{CliError, Output};
use crate::config::write_secret;
use crate::sealed::loaded_key::LoadedKey;
use crate::simulator::sinks::smtp::SmtpSink;
use crate::simulator::sinks::webhook::WebhookSink;

/// Everybody, with roles as roster.toml says them. Custodians come in the order of their shares.
pub(super) const PEOPLE: [(&str, &str, &str); 11] = [
    ("ada", "custodian", "Europe/Berlin"),
    ("ben", "custodian", "America/New_York"),
    ("cleo", "custodian", "Asia/Kolkata"),
    ("dora", "custodian", "Europe/London"),
    ("emil", "custodian", "America/Los_Angeles"),
    ("rio", "responder", "Europe/Berlin"),
    ("vera", "auditor", "Europe/Paris"),
    ("tess", "auditor", "America/Chicago"),
    ("otto", "operator", "Europe/Berlin"),
    ("olga", "operator", "Asia/Tokyo"),
    ("sam", "security", "Europe/Dublin"),
];

/// Everything the play needs.
pub(super) struct Stage {
    /// Where everything is kept.
    pub dir: PathBuf,
    /// Incoming mail.
    pub mail: SmtpSink,
    /// Incoming webhooks, their signatures checked.
    pub webhook: WebhookSink,
    /// What the simulator said when it was ready.
    pub databricks: Value,
    /// What `init` said: the enrol links.
    pub genesis: Value,
    simulator: Child,
    vault: Child,
}

/// What the caller brings along instead of the stage's own.
pub(super) struct Given {
    /// A policy file.
    pub policy: Option<PathBuf>,
    /// The file with the URL of an empty PostgreSQL database.
    pub postgres_url_file: Option<PathBuf>,
}

impl Stage {
    /// Sets everything up, from an empty folder to a listening vault.
    pub(super) async fn set(
        dir: Option<PathBuf>,
        given: &Given,
        out: &Output,
    ) -> Result<Self, CliError> {
        let dir = empty_folder(dir)?;
        out.talk(&format!("Setting the stage in {}", dir.display()));
        for (name, ..) in PEOPLE {
            keys_for(&dir.join("people").join(name))?;
        }
        let authority = certificates(&dir)?;
        let (mail, webhook) = sinks(&dir).await?;
        out.talk("  ✓ keys for eleven people, a certificate authority, mail and webhook sinks");
        let simulator = Child::start(
            &dir.join("simulator.log"),
            &[
                "simulate",
                "--json",
                "--http",
                "127.0.0.1:0",
                "--state-file",
                &text(&dir.join("simulator.json")),
                "--write-first-secret",
                &text(&dir.join("first-secret.txt")),
            ],
        )
        .await?;
        let databricks = simulator.ready.clone();
        out.talk(&format!(
            "  ✓ a Databricks to practise on at http://{}",
            databricks["http"].as_str().unwrap_or("?")
        ));
        write_configuration(&dir, &databricks, &mail, &webhook, authority)?;
        if let Some(policy) = &given.policy {
            let to = dir.join("vault").join("policy.toml");
            std::fs::copy(policy, &to).map_err(|e| file_error(policy, &e))?;
        }
        if let Some(url_file) = &given.postgres_url_file {
            on_postgres(&dir.join("vault"), url_file)?;
        }
        let genesis = init(&dir, out).await?;
        let config = text(&dir.join("vault").join("breakglass.toml"));
        let arguments = ["serve", "--json", "--config", &config];
        let vault = Child::start(&dir.join("vault.log"), &arguments).await?;
        out.talk("  ✓ the vault listens");
        Ok(Self {
            dir,
            mail,
            webhook,
            databricks,
            genesis,
            simulator,
            vault,
        })
    }

    /// A person's folder.
    pub(super) fn person(&self, name: &str) -> PathBuf {
        self.dir.join("people").join(name)
    }

    /// Where the log's export goes.
    pub(super) fn export_dir(&self) -> PathBuf {
        self.dir.join("export")
    }

    /// Address of the vault's console.
    pub(super) fn console_url(&self) -> String {
        // Every enrolment line begins with it.
        let line = self.genesis["people"][0]["link"].as_str();
        let origin = line.and_then(|line| line.split_once("/#"));
        origin.map_or_else(String::new, |(origin, _)| origin.to_owned())
    }

    /// Base URL of the simulator.
    pub(super) fn databricks_url(&self) -> String {
        format!(
            "http://{}",
            self.databricks["http"].as_str().unwrap_or("127.0.0.1:1")
        )
    }

    /// Where everything is, for whoever starts the processes again.
    pub(super) fn describe(&self) -> Value {
        serde_json::json!({
            "dir": self.dir,
            "config": self.dir.join("vault").join("breakglass.toml"),
            "databricks": self.databricks,
            "mail_address": self.mail.address.to_string(),
            "webhook_address": self.webhook.address.to_string(),
            "people": PEOPLE.map(|(name, role, _)| serde_json::json!({"name": name, "role": role})),
        })
    }

    /// Ends the child processes.
    pub(super) async fn strike(&mut self) {
        self.vault.end().await;
        self.simulator.end().await;
    }
}

fn empty_folder(dir: Option<PathBuf>) -> Result<PathBuf, CliError> {
    let dir = match dir {
        Some(dir) => dir,
        None => {
            let mut tail = [0_u8; 4];
            getrandom::fill(&mut tail)
                .map_err(|_| CliError::failed("no_randomness", "the system gives no randomness"))?;
            std::env::temp_dir().join(format!("breakglass-demo-{}", hex::encode(tail)))
        }
    };
    let taken = std::fs::read_dir(&dir).is_ok_and(|mut entries| entries.next().is_some());
    if taken {
        return Err(CliError::usage(format!("{} is not empty", dir.display())));
    }
    make_folder(&dir)?;
    std::fs::canonicalize(&dir).map_err(|e| file_error(&dir, &e))
}

fn make_folder(dir: &Path) -> Result<(), CliError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(dir).map_err(|e| file_error(dir, &e))
}

/// Two ed25519 keys: one logs in, signs and opens; the spare one opens only.
fn keys_for(folder: &Path) -> Result<(), CliError> {
    make_folder(folder)?;
    for name in ["id_ed25519", "spare_ed25519"] {
        let broken = |e: &dyn std::fmt::Display| CliError::failed("keys", e.to_string());
        let key = LoadedKey::generate_ed25519("demo").map_err(|e| broken(&e))?;
        let private = key.to_openssh().map_err(|e| broken(&e))?;
        write_secret(&folder.join(name), private.as_bytes()).map_err(|e| broken(&e))?;
        let public = folder.join(format!("{name}.pub"));
        std::fs::write(&public, key.public().text()).map_err(|e| file_error(&public, &e))?;
    }
    Ok(())
}

/// A throw-away authority and a certificate for the proxy's names.
fn certificates(dir: &Path) -> Result<PathBuf, CliError> {
    let folder = dir.join("tls");
    make_folder(&folder)?;
    let broken = |e: rcgen::Error| CliError::failed("certificates", e.to_string());
    let ca_key = rcgen::KeyPair::generate().map_err(broken)?;
    let mut ca = rcgen::CertificateParams::new(Vec::new()).map_err(broken)?;
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    ca.distinguished_name
        .push(rcgen::DnType::CommonName, "breakglass demo");
    let ca_cert = ca.self_signed(&ca_key).map_err(broken)?;
    let issuer = rcgen::Issuer::new(ca, ca_key);
    let key = rcgen::KeyPair::generate().map_err(broken)?;
    let names = ["localhost", "accounts.localhost", "127.0.0.1"].map(str::to_owned);
    let leaf = rcgen::CertificateParams::new(names).map_err(broken)?;
    let leaf = leaf.signed_by(&key, &issuer).map_err(broken)?;
    let write = |name: &str, content: String| {
        let path = folder.join(name);
        std::fs::write(&path, content).map_err(|e| file_error(&path, &e))
    };
    write("ca.pem", ca_cert.pem())?;
    write("cert.pem", leaf.pem())?;
    write_secret(&folder.join("key.pem"), key.serialize_pem().as_bytes())
        .map_err(|e| CliError::failed("certificates", e.to_string()))?;
    Ok(folder)
}

async fn sinks(dir: &Path) -> Result<(SmtpSink, WebhookSink), CliError> {
    let listen = || async {
        TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(|e| CliError::failed("listen", e.to_string()))
    };
    let mails = dir.join("mail");
    make_folder(&mails)?;
    let mail = SmtpSink::start(listen().await?, Some(mails))
        .map_err(|e| CliError::failed("mail", e.to_string()))?;
    let mut secret = [0_u8; 24];
    getrandom::fill(&mut secret)
        .map_err(|_| CliError::failed("no_randomness", "the system gives no randomness"))?;
    let secret = {
        use base64::Engine as _;
        format!(
            "whsec_{}",
            base64::engine::general_purpose::STANDARD.encode(secret)
        )
    };
    make_folder(&dir.join("vault"))?;
    write_secret(&dir.join("vault").join("webhook.secret"), secret.as_bytes())
        .map_err(|e| CliError::failed("webhook", e.to_string()))?;
    let webhook = WebhookSink::start(listen().await?, &secret)
        .ok_or_else(|| CliError::failed("webhook", "the webhook sink did not start"))?;
    Ok((mail, webhook))
}

/// Ports for listeners that are written down before they are bound, and bound again after a
/// restart: below those that Linux gives to outgoing connections, one of which could take it
/// meanwhile.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// Ports tried before giving up.
const PORT_TRIES: u32 = 200;

/// As many different ones: each is held until all are found.
fn free_ports<const N: usize>() -> Result<[u16; N], CliError> {
    let mut held = Vec::with_capacity(N);
    let mut ports = [0; N];
    for port in &mut ports {
        let (number, listener) = free_port()?;
        *port = number;
        held.push(listener);
    }
    Ok(ports)
}

fn free_port() -> Result<(u16, std::net::TcpListener), CliError> {
    let broken = |why: String| CliError::failed("listen", why);
    let mut last = String::new();
    for _ in 0..PORT_TRIES {
        let mut chance = [0; 2];
        getrandom::fill(&mut chance).map_err(|e| broken(e.to_string()))?;
        let port = PORTS.start + u16::from_le_bytes(chance) % (PORTS.end - PORTS.start);
        match std::net::TcpListener::bind(("127.0.0.1", port)) {
            Ok(listener) => return Ok((port, listener)),
            Err(why) => last = why.to_string(),
        }
    }
    Err(broken(last))
}

fn write_configuration(
    dir: &Path,
    databricks: &Value,
    mail: &SmtpSink,
    webhook: &WebhookSink,
    tls: PathBuf,
) -> Result<(), CliError> {
    let said = |name: &str| databricks[name].as_str().unwrap_or("").to_owned();
    let host = format!("http://{}", said("http"));
    let [console, proxy, plain] = free_ports()?;
    let config = format!(
        r#"vault = "demo-vault"
data = "data"
ballast_mib = 8

[console]
listen = "127.0.0.1:{console}"
url = "http://localhost:{console}"

[proxy]
listen = "127.0.0.1:{proxy}"
url = "https://localhost:{proxy}"
plain_listen = "127.0.0.1:{plain}"

[tls]
cert_file = "{tls}/cert.pem"
key_file = "{tls}/key.pem"
ca_file = "{tls}/ca.pem"

[databricks]
account_host = "{host}"
account_id = "{account}"
application_id = "{application}"
principal_id = {principal}

[databricks.workspaces]
"{workspace}" = "{host}"

# Hundredths of the real waits: the simulator has nothing to propagate.
[databricks.waits]
create_propagation_ms = 600
propagation_step_ms = 10
reconcile_wait_ms = 300
reconcile_gap_ms = 150
delete_proof_ms = 600
delete_retry_max_ms = 600
me_poll_ms = 600

[[channels]]
kind = "smtp"
name = "mail"
host = "127.0.0.1"
port = {mail_port}
tls = "none"
from = "breakglass@example.com"

[[channels]]
kind = "webhook"
name = "hook"
url = "http://{webhook}/alerts"
secret_file = "webhook.secret"
"#,
        tls = tls.display(),
        account = said("account_id"),
        application = said("application_id"),
        principal = said("principal_id"),
        workspace = said("workspace_id"),
        mail_port = mail.address.port(),
        webhook = webhook.address,
    );
    let vault = dir.join("vault");
    let write = |name: &str, content: &str| {
        let path = vault.join(name);
        std::fs::write(&path, content).map_err(|e| file_error(&path, &e))
    };
    write("breakglass.toml", &config)?;
    write("policy.toml", "use = \"built_in\"\n")?;
    write("roster.toml", &roster(dir)?)
}

/// The configuration names a server's database instead of a file.
fn on_postgres(vault: &Path, url_file: &Path) -> Result<(), CliError> {
    use std::io::Write as _;
    let url = std::fs::read(url_file).map_err(|e| file_error(url_file, &e))?;
    let url = zeroize::Zeroizing::new(url);
    write_secret(&vault.join("pg.url"), &url)
        .map_err(|e| CliError::failed("postgres", e.to_string()))?;
    let config = vault.join("breakglass.toml");
    let table = b"\n[store]\npostgres_url_file = \"pg.url\"\n";
    std::fs::File::options()
        .append(true)
        .open(&config)
        .and_then(|mut file| file.write_all(table))
        .map_err(|e| file_error(&config, &e))
}

fn roster(dir: &Path) -> Result<String, CliError> {
    let mut text = String::from("vault = \"demo-vault\"\nk = 3\nauditor_recipients = []\n");
    for (name, role, zone) in PEOPLE {
        let folder = dir.join("people").join(name);
        let public = |file: &str| {
            let path = folder.join(file);
            std::fs::read_to_string(&path).map_err(|e| file_error(&path, &e))
        };
        let key = public("id_ed25519.pub")?;
        let unlockers = if role == "custodian" {
            format!(
                "[\"{}\", \"{}\"]",
                key.trim(),
                public("spare_ed25519.pub")?.trim()
            )
        } else {
            "[]".to_owned()
        };
        text.push_str(&format!(
            "\n[[people]]\nname = \"{name}\"\nroles = [\"{role}\"]\ntime_zone = \"{zone}\"\n\
             contacts = {{ mail = \"{name}@example.com\" }}\nlogin_keys = [\"{}\"]\n\
             unlockers = {unlockers}\n",
            key.trim()
        ));
    }
    Ok(text)
}

async fn init(dir: &Path, out: &Output) -> Result<Value, CliError> {
    let vault = dir.join("vault");
    let file = |name: &str| text(&vault.join(name));
    let genesis = Child::output(
        &dir.join("init.log"),
        &[
            "init",
            "--json",
            "--config",
            &file("breakglass.toml"),
            "--roster",
            &file("roster.toml"),
            "--policy",
            &file("policy.toml"),
            "--credential-file",
            &text(&dir.join("first-secret.txt")),
        ],
    )
    .await?;
    out.talk(
        "  ✓ init: the secret otto pasted was replaced and proved dead; its successor is sealed to \
         five custodians, any three of whom open it",
    );
    Ok(genesis)
}

pub(super) fn text(path: &Path) -> String {
    path.display().to_string()
}

pub(super) fn file_error(path: &Path, error: &std::io::Error) -> CliError {
    CliError::failed("file", format!("{}: {error}", path.display()))
}
