//! Mail: plain text, one thread per incident, the checkpoint in header and body.
//!
//! The SMTP dialogue is driven command by command, for two reasons: one address that is refused
//! must not keep the message from the others, and only a failure after the message was handed
//! over leaves its fate unknown.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use lettre::address::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters,
};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use secrecy::{ExposeSecret, SecretString};

use super::config::{BuildError, ReadSecret, SmtpConfig, TlsMode};
use super::{Channel, Delivery, Message, SendError, is_loopback};

/// Mail over SMTP.
pub struct MailChannel {
    config: SmtpConfig,
    from: Mailbox,
    login: Option<(String, SecretString)>,
    tls: Option<TlsParameters>,
}

impl std::fmt::Debug for MailChannel {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            out,
            "MailChannel({}, {}:{})",
            self.config.name, self.config.host, self.config.port
        )
    }
}

impl MailChannel {
    /// Checks the configuration and reads its files. Does no network call.
    pub fn new(
        config: &SmtpConfig,
        read_secret: &mut ReadSecret<'_>,
    ) -> Result<MailChannel, BuildError> {
        let fail = |why: String| BuildError::new(&config.name, why);
        if config.tls == TlsMode::None && !is_loopback(&config.host) {
            return Err(fail(
                "tls = \"none\" is for a loopback host only".to_owned(),
            ));
        }
        let from = config
            .from
            .parse()
            .map_err(|_| fail("from is no mail address".to_owned()))?;
        let login = match (&config.username, &config.password_file) {
            (None, None) => None,
            (Some(name), Some(file)) => Some((name.clone(), read_secret(file).map_err(fail)?)),
            _ => return Err(fail("username and password_file go together".to_owned())),
        };
        let tls = match config.tls {
            TlsMode::None => None,
            _ => Some(tls_parameters(config).map_err(fail)?),
        };
        Ok(MailChannel {
            config: config.clone(),
            from,
            login,
            tls,
        })
    }

    /// The message as bytes: RFC 5322 with our headers.
    fn render(&self, message: &Message, to: &[Address], now_at_ms: i64) -> Option<Vec<u8>> {
        let domain = self.from.email.domain();
        let now = Duration::from_millis(u64::try_from(now_at_ms).ok()?);
        let mut mail = MessageBuilder::new()
            .from(self.from.clone())
            .date(UNIX_EPOCH + now)
            .subject(message.full_subject())
            .message_id(Some(format!("<{}@{domain}>", plain(&message.id))))
            .header(ContentType::TEXT_PLAIN)
            .raw_header(raw("Auto-Submitted", "auto-generated"))
            .raw_header(raw("X-Log-Checkpoint", &in_lines(&message.checkpoint)));
        for address in to {
            mail = mail.to(Mailbox::new(None, address.clone()));
        }
        if let Some(incident) = &message.incident {
            // The root of the thread is never sent itself: whichever mail is lost, the thread holds.
            let root = format!("<{}.thread@{domain}>", plain(incident));
            mail = mail.in_reply_to(root.clone()).references(root);
        }
        mail.body(message.full_body())
            .ok()
            .map(|whole| whole.formatted())
    }

    /// Connects, and protects and authenticates the connection. Nothing of the message left yet.
    async fn connect(&self) -> Result<AsyncSmtpConnection, SmtpError> {
        let hello = ClientId::default();
        let address = (self.config.host.as_str(), self.config.port);
        let implicit = if self.config.tls == TlsMode::Tls {
            self.tls.clone()
        } else {
            None
        };
        let mut link =
            AsyncSmtpConnection::connect_tokio1(address, None, &hello, implicit, None).await?;
        if let (TlsMode::StartTls, Some(tls)) = (self.config.tls, &self.tls) {
            link.starttls(tls.clone(), &hello).await?;
        }
        if let Some((name, password)) = &self.login {
            link.auth(DEFAULT_MECHANISMS, &credentials(name, password))
                .await?;
        }
        Ok(link)
    }

    /// One transaction for all addresses. `handed_over` turns true when the text itself goes out.
    async fn deliver(
        &self,
        message: &Message,
        now_at_ms: i64,
        handed_over: &AtomicBool,
    ) -> Result<Delivery, SendError> {
        let (to, mut refused) = addresses(&message.to);
        let text = self.render(message, &to, now_at_ms);
        let text = text
            .filter(|_| !to.is_empty())
            .ok_or_else(|| self.refused("no address"))?;
        let mut link = self.connect().await.map_err(|why| self.before(&why))?;
        let from = Mail::new(Some(self.from.email.clone()), Vec::new());
        link.command(from).await.map_err(|why| self.before(&why))?;
        let mut accepted = Vec::new();
        for address in to {
            match link.command(Rcpt::new(address.clone(), Vec::new())).await {
                Ok(_) => accepted.push(address.to_string()),
                Err(why) => match why.status() {
                    Some(code) => refused.push((address.to_string(), code.to_string())),
                    None => return Err(self.before(&why)),
                },
            }
        }
        if accepted.is_empty() {
            let code = refused
                .first()
                .map_or("-", |(_, code)| code.as_str())
                .to_owned();
            link.abort().await;
            return Err(self.refused(&code));
        }
        link.command(Data).await.map_err(|why| self.before(&why))?;
        handed_over.store(true, Ordering::SeqCst);
        // From here to the reply the message may have been taken over without our knowing.
        link.message(&text).await.map_err(|why| self.after(&why))?;
        // It is taken over: a QUIT that fails changes nothing.
        let _ = link.quit().await;
        Ok(Delivery { accepted, refused })
    }

    fn refused(&self, code: &str) -> SendError {
        SendError::Refused {
            channel: self.config.name.clone(),
            code: code.to_owned(),
        }
    }

    /// A failure before the text left is definite.
    fn before(&self, why: &SmtpError) -> SendError {
        if let Some(code) = why.status() {
            return self.refused(&code.to_string());
        }
        let why = match why {
            why if why.is_tls() => "TLS failed",
            why if why.is_client() => "the server lacks what is configured",
            why if why.is_timeout() => "no answer in time",
            _ => "no connection",
        };
        SendError::Unreachable {
            channel: self.config.name.clone(),
            why,
        }
    }

    /// After the text left, only a reply code is definite.
    fn after(&self, why: &SmtpError) -> SendError {
        match why.status() {
            Some(code) => self.refused(&code.to_string()),
            None => self.unknown("the reply to the message was lost"),
        }
    }

    fn unknown(&self, why: &str) -> SendError {
        SendError::Unknown {
            channel: self.config.name.clone(),
            why: why.to_owned(),
        }
    }
}

impl Channel for MailChannel {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn kind(&self) -> &'static str {
        "smtp"
    }

    fn send<'a>(
        &'a self,
        message: &'a Message,
        now_at_ms: i64,
    ) -> BoxFuture<'a, Result<Delivery, SendError>> {
        Box::pin(async move {
            let handed_over = AtomicBool::new(false);
            let limit = Duration::from_millis(self.config.timeout_ms);
            let delivery = self.deliver(message, now_at_ms, &handed_over);
            match tokio::time::timeout(limit, delivery).await {
                Ok(outcome) => outcome,
                Err(_) if handed_over.load(Ordering::SeqCst) => {
                    Err(self.unknown("no reply to the message in time"))
                }
                Err(_) => Err(SendError::Unreachable {
                    channel: self.config.name.clone(),
                    why: "no answer in time",
                }),
            }
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the mail server asks for the password"
)]
fn credentials(name: &str, password: &SecretString) -> Credentials {
    Credentials::new(
        name.to_owned(),
        password.expose_secret().trim_end().to_owned(),
    )
}

fn tls_parameters(config: &SmtpConfig) -> Result<TlsParameters, String> {
    let mut tls = TlsParameters::builder(config.host.clone());
    if let Some(path) = &config.ca_file {
        let pem = std::fs::read(path).map_err(|why| format!("ca_file {path:?}: {why}"))?;
        let root = Certificate::from_pem(&pem)
            .map_err(|_| format!("ca_file {path:?} holds no certificate that can be read"))?;
        tls = tls
            .certificate_store(CertificateStore::None)
            .add_root_certificate(root);
    }
    tls.build_rustls()
        .map_err(|_| "TLS cannot be set up".to_owned())
}

/// The addresses that parse; the others are refused by us, without harm to the rest.
fn addresses(to: &[String]) -> (Vec<Address>, Vec<(String, String)>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for text in to {
        match text.parse() {
            Ok(address) => good.push(address),
            Err(_) => bad.push((text.clone(), "no mail address".to_owned())),
        }
    }
    (good, bad)
}

fn raw(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// Base64 with a space every 60 characters, where a header may be folded (RFC 5322 §2.2.3).
fn in_lines(note: &str) -> String {
    let whole = STANDARD.encode(note);
    let parts: Vec<&str> = (0..whole.len())
        .step_by(60)
        .map(|at| &whole[at..whole.len().min(at + 60)])
        .collect();
    parts.join(" ")
}

/// An id as it may stand in a Message-ID.
fn plain(id: &str) -> String {
    let keep = |c: char| {
        if c.is_ascii_alphanumeric() || "-_.".contains(c) {
            c
        } else {
            '-'
        }
    };
    id.chars().map(keep).collect()
}
