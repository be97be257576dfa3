//! Where the vault is, what guards its lines, and how it reaches people.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::ask::{Asker, filled, quoted};
use crate::cli::vault_parts::config_error;
use crate::cli::{CliError, files};
use crate::config::{self, HostUrl};
use crate::domain::ids::VaultId;

/// How long a mail server may take to answer.
const REACH: Duration = Duration::from_secs(5);

/// Name and addresses.
pub(super) struct Place {
    pub vault: VaultId,
    data: String,
    console: String,
    console_listen: String,
    /// `url` and `listen` of the TLS proxy.
    proxy: Option<(String, String)>,
    plain_listen: String,
    /// Certificate, key, and our own authority if any.
    tls: Option<(String, String, String)>,
}

/// Asks for them.
///
/// # Errors
/// The terminal is gone.
pub(super) async fn ask(asker: &Asker<'_>, folder: &Path) -> Result<Place, CliError> {
    let vault = |text: &str| {
        text.parse::<VaultId>()
            .map_err(|_| "3 to 40 of a-z, 0-9 and -, a letter first".to_owned())
    };
    let question = "The vault's id, for ever";
    let vault = asker.until(question, "prod", vault).await?;
    let data = asker.line("Folder for what it keeps", "data").await?;
    files::private_folder(&folder.join(&data))?;
    let url = |text: &str| {
        let url = HostUrl::parse(text).map_err(|e| e.to_string())?;
        Ok((text.trim_end_matches('/').to_owned(), url))
    };
    let question = "Address people dial, such as https://vault.example.com";
    let (console, parsed) = asker.until(question, "", url).await?;
    let (listen, proxy, tls) = if parsed.https {
        let question = "Address Databricks' clients dial; accounts.NAME must lead here too";
        let usual = match parsed.port {
            443 => format!("https://databricks.{}", parsed.host),
            port => format!("https://databricks.{}:{port}", parsed.host),
        };
        let other = |text: &str| {
            let (text, url) = url(text)?;
            match url.https && url.host != parsed.host {
                true => Ok(text),
                false => Err("https, and another name than the vault's own".to_owned()),
            }
        };
        let proxy = asker.until(question, &usual, other).await?;
        let listen = format!("0.0.0.0:{}", parsed.port);
        let listen = asker.until("Listen at", &listen, address).await?;
        (
            listen.clone(),
            Some((proxy, listen)),
            Some(tls(asker, folder).await?),
        )
    } else {
        asker.say("  · loopback without TLS: for practice");
        (
            format!(
                "{}:{}",
                parsed.host.replace("localhost", "127.0.0.1"),
                parsed.port
            ),
            None,
            None,
        )
    };
    let question = "Plain listener for clients on this host, loopback only";
    let plain_listen = asker.until(question, "127.0.0.1:8085", address).await?;
    Ok(Place {
        vault,
        data,
        console,
        console_listen: listen,
        proxy,
        plain_listen,
        tls,
    })
}

fn address(text: &str) -> Result<String, String> {
    text.parse::<std::net::SocketAddr>()
        .map(|_| text.to_owned())
        .map_err(|_| "an address and port, such as 0.0.0.0:443".to_owned())
}

/// Certificate and key, which must be there; the key for this user alone.
async fn tls(asker: &Asker<'_>, folder: &Path) -> Result<(String, String, String), CliError> {
    let there = |text: &str| match folder.join(text).is_file() {
        true => Ok(text.to_owned()),
        false => Err(format!("{} is not there", folder.join(text).display())),
    };
    let question = "Certificate chain for all three names (PEM)";
    let cert = asker.until(question, "tls/cert.pem", there).await?;
    let private = |text: &str| {
        config::read_secret_bytes(&folder.join(text))
            .map(|_| text.to_owned())
            .map_err(|e| e.to_string())
    };
    let question = "Its key (PEM, mode 600)";
    let key = asker.until(question, "tls/key.pem", private).await?;
    let maybe = |text: &str| match text {
        "" => Ok(String::new()),
        _ => there(text),
    };
    let question = "Your own authority for clients, empty when the certificate is public";
    let ca = asker.until(question, "", maybe).await?;
    Ok((cert, key, ca))
}

impl Place {
    /// The beginning of the file.
    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "vault = {}\ndata = {}\n\n[console]\nlisten = {}\nurl = {}\n\n[proxy]\n",
            quoted(self.vault.as_str()),
            quoted(&self.data),
            quoted(&self.console_listen),
            quoted(&self.console)
        );
        if let Some((url, listen)) = &self.proxy {
            let (url, listen) = (quoted(url), quoted(listen));
            text.push_str(&format!("listen = {listen}\nurl = {url}\n"));
        }
        text.push_str(&format!("plain_listen = {}\n", quoted(&self.plain_listen)));
        if let Some((cert, key, ca)) = &self.tls {
            let (cert, key) = (quoted(cert), quoted(key));
            text.push_str(&format!("\n[tls]\ncert_file = {cert}\nkey_file = {key}\n"));
            if !ca.is_empty() {
                text.push_str(&format!("ca_file = {}\n", quoted(ca)));
            }
        }
        text
    }
}

/// Two channels: mail, and one that pages.
///
/// # Errors
/// The terminal is gone, or a secret file cannot be written.
pub(super) async fn channels(
    asker: &Asker<'_>,
    folder: &Path,
    vault: &VaultId,
) -> Result<String, CliError> {
    asker.say("At least two. Nothing opens until one has confirmed the alert.");
    let mut text = mail(asker, folder, vault).await?;
    text.push('\n');
    let kinds = |text: &str| match text {
        "webhook" | "slack" | "teams" | "pagerduty" => Ok(text.to_owned()),
        _ => Err("webhook, slack, teams or pagerduty".to_owned()),
    };
    let question = "The second (webhook, slack, teams, pagerduty)";
    let kind = asker.until(question, "webhook", kinds).await?;
    let (key, file, extra) = match kind.as_str() {
        "webhook" => {
            let question = "Address to post to (https)";
            let url = asker.until(question, "", filled).await?;
            let mut seed = Zeroizing::new([0_u8; 24]);
            getrandom::fill(&mut *seed)
                .map_err(|_| CliError::failed("no_randomness", "the system gives no randomness"))?;
            let text = base64::engine::general_purpose::STANDARD.encode(seed.as_slice());
            let secret = SecretString::from(format!("whsec_{text}"));
            keep(asker, folder, "webhook.secret", &secret)?;
            asker.say("  · give its receiver the content of webhook.secret");
            (
                "secret_file",
                "webhook.secret".to_owned(),
                format!("url = {}\n", quoted(&url)),
            )
        }
        kind => {
            let (key, file, what) = match kind {
                "pagerduty" => ("routing_key_file", "pagerduty.key", "Its integration key"),
                _ => ("url_file", "chat.url", "Its webhook's address"),
            };
            let secret = asker.hidden(what).await?;
            keep(asker, folder, file, &secret)?;
            (key, file.to_owned(), String::new())
        }
    };
    text.push_str(&format!(
        "[[channels]]\nkind = {}\nname = {}\n{extra}{key} = {}\n",
        quoted(&kind),
        quoted(&kind),
        quoted(&file)
    ));
    Ok(text)
}

async fn mail(asker: &Asker<'_>, folder: &Path, vault: &VaultId) -> Result<String, CliError> {
    let (host, port) = loop {
        let host = asker.until("Mail server", "", filled).await?;
        let number = |text: &str| text.parse::<u16>().map_err(|_| "a port".to_owned());
        let port = asker.until("Its port", "587", number).await?;
        let dial = tokio::net::TcpStream::connect((host.as_str(), port));
        match tokio::time::timeout(REACH, dial).await {
            Ok(Ok(_)) => {
                asker.say("  ✓ it takes connections");
                break (host, port);
            }
            _ => asker.say("  ! it takes no connection from here"),
        }
        if asker.yes("  Keep it all the same?", false).await? {
            break (host, port);
        }
    };
    let modes = |text: &str| match text {
        "starttls" | "tls" | "none" => Ok(text.to_owned()),
        _ => Err("starttls, tls, or none on loopback".to_owned()),
    };
    let usual = match port {
        465 => "tls",
        _ if host.starts_with("127.") || host == "localhost" => "none",
        _ => "starttls",
    };
    let question = "Its protection (starttls, tls, none)";
    let tls = asker.until(question, usual, modes).await?;
    let from = asker
        .until(
            "Sender address",
            &format!("breakglass-{vault}@example.com"),
            filled,
        )
        .await?;
    let user = asker.line("User name, empty for none", "").await?;
    let mut text = format!(
        "[[channels]]\nkind = \"smtp\"\nname = \"mail\"\nhost = {}\nport = {port}\ntls = {}\nfrom = {}\n",
        quoted(&host),
        quoted(&tls),
        quoted(&from)
    );
    if !user.is_empty() {
        let password = asker.hidden("Its password").await?;
        keep(asker, folder, "smtp.password", &password)?;
        let user = quoted(&user);
        text.push_str(&format!(
            "username = {user}\npassword_file = \"smtp.password\"\n"
        ));
    }
    Ok(text)
}

/// A secret into a file of its own, mode 600; one that stands is kept.
#[expect(
    clippy::disallowed_methods,
    reason = "a channel's secret is written where the configuration names it"
)]
fn keep(
    asker: &Asker<'_>,
    folder: &Path,
    name: &str,
    secret: &SecretString,
) -> Result<(), CliError> {
    use secrecy::ExposeSecret as _;
    let path = folder.join(name);
    if path.exists() {
        asker.say(&format!("  · {} is there and is kept", path.display()));
        return Ok(());
    }
    config::write_secret(&path, secret.expose_secret().as_bytes()).map_err(|e| config_error(&e))?;
    asker.say(&format!("  ✓ wrote {} (mode 600)", path.display()));
    Ok(())
}
