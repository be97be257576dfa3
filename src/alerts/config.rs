//! `[[alerts]]` of the configuration file, and building the channels from it.
//!
//! Passwords and signing secrets are file paths only; the caller hands in the function that
//! reads such a file (and refuses one that others can read).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;
use serde::Deserialize;

use super::{
    Channel, MailChannel, PagerDutyChannel, SlackChannel, TeamsChannel, WebhookChannel, http,
};
use crate::domain::policy::ChannelRule;

/// One `[[alerts]]` table.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ChannelConfig {
    /// Mail.
    Smtp(SmtpConfig),
    /// A webhook signed per Standard Webhooks.
    Webhook(WebhookConfig),
    /// Slack.
    Slack(SlackConfig),
    /// Microsoft Teams.
    Teams(TeamsConfig),
    /// PagerDuty.
    PagerDuty(PagerDutyConfig),
}

impl ChannelConfig {
    /// What the policy says about this channel: its name, kind and destination. Where the address
    /// or key is itself the secret, its hash stands there: a changed file is a changed channel.
    ///
    /// # Errors
    /// [`BuildError`] when a secret file cannot be read.
    pub fn rule(&self, read_secret: &mut ReadSecret<'_>) -> Result<ChannelRule, BuildError> {
        let mut hash = |file: &Path| {
            let secret = read_secret(file).map_err(|why| BuildError::new(self.name(), why))?;
            Ok(http::fingerprint(&secret))
        };
        let (kind, destination) = match self {
            Self::Smtp(smtp) => ("smtp", format!("{}:{}", smtp.host, smtp.port)),
            Self::Webhook(webhook) => ("webhook", webhook.url.clone()),
            Self::Slack(slack) => ("slack", hash(&slack.url_file)?),
            Self::Teams(teams) => ("teams", hash(&teams.url_file)?),
            Self::PagerDuty(pager) => {
                let mut all = format!("{} {}", pager.url, hash(&pager.routing_key_file)?);
                for (person, file) in &pager.people {
                    all.push_str(&format!(" {person}={}", hash(file)?));
                }
                ("pagerduty", all)
            }
        };
        Ok(ChannelRule {
            name: self.name().to_owned(),
            kind: kind.to_owned(),
            destination,
        })
    }

    /// Its name in log and messages.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Smtp(smtp) => &smtp.name,
            Self::Webhook(webhook) => &webhook.name,
            Self::Slack(slack) => &slack.name,
            Self::Teams(teams) => &teams.name,
            Self::PagerDuty(pager) => &pager.name,
        }
    }

    /// Files whose secrets the rule says nothing of: a standby has to hold the same all the same.
    #[must_use]
    pub fn kept_secrets(&self) -> Vec<&Path> {
        match self {
            Self::Smtp(smtp) => smtp.password_file.as_deref().into_iter().collect(),
            Self::Webhook(webhook) => vec![&webhook.secret_file],
            Self::Slack(_) | Self::Teams(_) | Self::PagerDuty(_) => Vec::new(),
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
            Self::Slack(slack) => std::iter::once(&mut slack.url_file)
                .chain(slack.ca_file.iter_mut())
                .collect(),
            Self::Teams(teams) => std::iter::once(&mut teams.url_file)
                .chain(teams.ca_file.iter_mut())
                .collect(),
            Self::PagerDuty(pager) => std::iter::once(&mut pager.routing_key_file)
                .chain(pager.people.values_mut())
                .chain(pager.ca_file.iter_mut())
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

/// An incoming webhook of Slack.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlackConfig {
    /// Name in log and messages.
    pub name: String,
    /// File that holds the webhook's address; whoever has it can post.
    pub url_file: PathBuf,
    /// PEM file of the authority to trust instead of the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Whole time of one delivery.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u64,
}

/// A Workflows webhook of Microsoft Teams.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeamsConfig {
    /// Name in log and messages.
    pub name: String,
    /// File that holds the flow's address; whoever has it can post.
    pub url_file: PathBuf,
    /// PEM file of the authority to trust instead of the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Whole time of one delivery.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u64,
}

/// A PagerDuty service (Events API v2).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PagerDutyConfig {
    /// Name in log and messages.
    pub name: String,
    /// Where events go; EU accounts have an address of their own.
    #[serde(default = "default_pagerduty_url")]
    pub url: String,
    /// File that holds the integration key of the service that is told of every opening.
    pub routing_key_file: PathBuf,
    /// Integration keys of single people: `contacts.pager` of the roster, and the key's file.
    #[serde(default)]
    pub people: BTreeMap<String, PathBuf>,
    /// PEM file of the authority to trust instead of the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Whole time of one event.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u64,
}

fn default_pagerduty_url() -> String {
    "https://events.pagerduty.com/v2/enqueue".to_owned()
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
            ChannelConfig::Slack(slack) => Arc::new(SlackChannel::new(slack, read_secret)?),
            ChannelConfig::Teams(teams) => Arc::new(TeamsChannel::new(teams, read_secret)?),
            ChannelConfig::PagerDuty(pager) => Arc::new(PagerDutyChannel::new(pager, read_secret)?),
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

    const CHATS: &str = r#"
        [[alerts]]
        kind = "slack"
        name = "chat"
        url_file = "slack.url"
        [[alerts]]
        kind = "teams"
        name = "team"
        url_file = "teams.url"
        [[alerts]]
        kind = "pagerduty"
        name = "pager"
        routing_key_file = "pager.key"
        people = { ada = "ada.key" }
    "#;

    fn chats(address: &'static str) -> impl FnMut(&Path) -> Result<SecretString, String> {
        move |path: &Path| {
            let key = path.extension().is_some_and(|e| e == "key");
            let text = if key {
                "0123456789abcdef0123456789abcdef"
            } else {
                address
            };
            Ok(SecretString::from(text))
        }
    }

    #[test]
    fn addresses_and_keys_of_chats_come_from_files_and_only_their_hash_is_in_the_policy() {
        let whole: Whole = toml::from_str(CHATS).unwrap();
        let mut read = chats("https://hooks.example/T0/B0/very-secret\n");
        let channels = build(&whole.alerts, &mut read).unwrap();
        let kinds: Vec<_> = channels.iter().map(|each| each.kind()).collect();
        assert_eq!(kinds, ["slack", "teams", "pagerduty"]);
        for config in &whole.alerts {
            let rule = config.rule(&mut read).unwrap();
            assert!(rule.destination.contains("sha256:"), "{rule:?}");
            assert!(!format!("{rule:?}").contains("secret"));
            assert!(!format!("{rule:?}").contains("abcdef0123456789abcdef"));
        }
        for text in ["http://hooks.example/x", "nonsense"] {
            let why = build(&whole.alerts, &mut chats(text))
                .err()
                .unwrap()
                .to_string();
            assert!(why.contains("url_file") && !why.contains(text), "{why}");
        }
        let inline = CHATS.replace("url_file", "url");
        assert!(toml::from_str::<Whole>(&inline).is_err());
    }

    #[test]
    fn a_routing_key_of_another_form_is_refused_without_repeating_it() {
        let whole: Whole = toml::from_str(CHATS).unwrap();
        let mut read = |_: &Path| Ok(SecretString::from("https://hooks.example/x"));
        let why = build(&whole.alerts, &mut read).err().unwrap().to_string();
        assert!(
            why.contains("routing key") && !why.contains("hooks"),
            "{why}"
        );
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
