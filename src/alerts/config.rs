//! `[[alerts]]` of the configuration file, and building the channels from it.
//!
//! Passwords and signing secrets are file paths only; the caller hands in the function that
//! reads such a file (and refuses one that others can read).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;
use serde::Deserialize;

use super::{Channel, MailChannel, WebhookChannel};
use crate::domain::policy::ChannelRule;

/// One `[[alerts]]` table.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ChannelConfig {
    /// Mail.
    Smtp(SmtpConfig),
    /// A webhook signed per Standard Webhooks.
    Webhook(WebhookConfig),
}

impl ChannelConfig {
    /// What the policy says about this channel: its name, kind and destination, no secrets.
    #[must_use]
    pub fn rule(&self) -> ChannelRule {
        let (name, kind, destination) = match self {
            Self::Smtp(smtp) => (&smtp.name, "smtp", format!("{}:{}", smtp.host, smtp.port)),
            Self::Webhook(webhook) => (&webhook.name, "webhook", webhook.url.clone()),
        };
        ChannelRule {
            name: name.clone(),
            kind: kind.to_owned(),
            destination,
        }
    }

    /// Reads relative paths as relative to this folder.
    pub fn make_absolute(&mut self, folder: &Path) {
        let paths: Vec<&mut PathBuf> = match self {
            Self::Smtp(smtp) => smtp
                .password_file
                .iter_mut()
                .chain(smtp.ca_file.iter_mut())
                .collect(),
            Self::Webhook(webhook) => std::iter::once(&mut webhook.secret_file)
                .chain(webhook.ca_file.iter_mut())
                .collect(),
        };
        for path in paths {
            *path = folder.join(&*path);
        }
    }
}

/// Mail over SMTP.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpConfig {
    /// Name in log and messages.
    pub name: String,
    /// Host of the mail server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected; `none` is for loopback only.
    pub tls: TlsMode,
    /// Sender address.
    pub from: String,
    /// User name, with `password_file`.
    #[serde(default)]
    pub username: Option<String>,
    /// File that holds the password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// PEM file of the authority to trust instead of the public ones.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Whole time of one delivery.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u64,
}

/// A webhook.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Name in log and messages.
    pub name: String,
    /// Address to post to; https, or http on loopback.
    pub url: String,
    /// File that holds the signing secret: `whsec_` and base64.
    pub secret_file: PathBuf,
    /// PEM file of the authority to trust instead of the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Whole time of one delivery.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u64,
}

/// Protection of an SMTP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsMode {
    /// Plain text; refused unless the host is loopback.
    None,
    /// Upgrade with STARTTLS; a server without it is an error (RFC 3207).
    StartTls,
    /// TLS from the first byte (RFC 8314).
    Tls,
}

fn default_timeout_ms() -> u64 {
    20_000
}

/// A channel that cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// A value of the configuration.
    #[error("alert channel {channel}: {why}")]
    Value {
        /// The channel's name.
        channel: String,
        /// What is wrong; holds no secret.
        why: String,
    },
    /// Two channels with one name.
    #[error("two alert channels are called {0:?}")]
    SameName(String),
}

impl BuildError {
    pub(super) fn new(channel: &str, why: impl Into<String>) -> BuildError {
        BuildError::Value {
            channel: channel.to_owned(),
            why: why.into(),
        }
    }
}

/// How a secret file is read: the error text names the file, never what is in it.
pub type ReadSecret<'a> = dyn FnMut(&Path) -> Result<SecretString, String> + 'a;

/// Builds every channel, or names the first that is wrong. Does no network call.
pub fn build(
    configs: &[ChannelConfig],
    read_secret: &mut ReadSecret<'_>,
) -> Result<Vec<Arc<dyn Channel>>, BuildError> {
    let mut channels: Vec<Arc<dyn Channel>> = Vec::new();
    for config in configs {
        let channel: Arc<dyn Channel> = match config {
            ChannelConfig::Smtp(smtp) => Arc::new(MailChannel::new(smtp, read_secret)?),
            ChannelConfig::Webhook(webhook) => Arc::new(WebhookChannel::new(webhook, read_secret)?),
        };
        if channels.iter().any(|other| other.name() == channel.name()) {
            return Err(BuildError::SameName(channel.name().to_owned()));
        }
        channels.push(channel);
    }
    Ok(channels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Whole {
        alerts: Vec<ChannelConfig>,
    }

    const GOOD: &str = r#"
        [[alerts]]
        kind = "smtp"
        name = "mail"
        host = "127.0.0.1"
        port = 2525
        tls = "none"
        from = "vault@example.org"
        [[alerts]]
        kind = "webhook"
        name = "hook"
        url = "http://127.0.0.1:8081/hook"
        secret_file = "hook.secret"
    "#;

    fn built(text: &str) -> Result<Vec<Arc<dyn Channel>>, String> {
        let whole: Whole = toml::from_str(text).map_err(|why| why.to_string())?;
        let mut read = |_: &Path| Ok(SecretString::from("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"));
        build(&whole.alerts, &mut read).map_err(|why| why.to_string())
    }

    #[test]
    fn a_mail_and_a_webhook_channel_are_built() {
        let channels = built(GOOD).unwrap();
        let kinds: Vec<_> = channels
            .iter()
            .map(|each| (each.name(), each.kind()))
            .collect();
        assert_eq!(kinds, [("mail", "smtp"), ("hook", "webhook")]);
    }

    #[test]
    fn plain_text_to_another_machine_is_refused() {
        let mail = GOOD.replace("host = \"127.0.0.1\"", "host = \"mail.example.org\"");
        assert!(built(&mail).err().unwrap().contains("loopback"));
        let hook = GOOD.replace("http://127.0.0.1:8081", "http://hook.example.org");
        assert!(built(&hook).err().unwrap().contains("https"));
    }

    #[test]
    fn unknown_keys_inline_secrets_and_double_names_are_refused() {
        assert!(built(&format!("{GOOD}\nsecret = 'x'")).is_err());
        let double = GOOD.replace("name = \"hook\"", "name = \"mail\"");
        assert!(built(&double).err().unwrap().contains("two alert channels"));
    }

    #[test]
    fn a_user_name_without_a_password_file_is_refused() {
        let half = GOOD.replace("tls = \"none\"", "tls = \"none\"\nusername = \"vault\"");
        assert!(built(&half).err().unwrap().contains("password_file"));
    }
}
