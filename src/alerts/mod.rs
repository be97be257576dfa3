//! The ways to people: mail by SMTP, Slack, Microsoft Teams, PagerDuty, and a signed webhook.
//!
//! A channel takes a finished message and says truly what became of it. It knows nothing of
//! incidents, the outbox or retries: `app` decides when to try again. A message has no field that
//! could hold a secret, and the phrase is never in one.

mod config;
mod heartbeat;
mod http;
mod mail;
mod message;
mod pagerduty;
mod slack;
mod teams;
mod webhook;

use futures_util::future::BoxFuture;

pub use config::{
    BuildError, ChannelConfig, PagerDutyConfig, ReadSecret, SlackConfig, SmtpConfig, TeamsConfig,
    TlsMode, WebhookConfig, build,
};
pub use heartbeat::Heartbeat;
pub use mail::MailChannel;
pub use message::{Message, Severity, subject};
pub use pagerduty::PagerDutyChannel;
pub use slack::SlackChannel;
pub use teams::TeamsChannel;
pub use webhook::WebhookChannel;

/// One configured way to people.
pub trait Channel: Send + Sync {
    /// Its name in the configuration and in the log.
    fn name(&self) -> &str;

    /// `smtp`, `slack`, `teams`, `pagerduty` or `webhook`.
    fn kind(&self) -> &'static str;

    /// What a person's place in a message's `to` is.
    fn addressing(&self) -> Addressing {
        Addressing::Mail
    }

    /// Whether a message of this kind has a place here; a pager is not for the record.
    fn wants(&self, _kind: &str, _severity: Severity) -> bool {
        true
    }

    /// Whether a message of this kind only silences what an earlier one of its incident raised: it
    /// must not overtake that, or a pager would go on ringing.
    fn silences(&self, _kind: &str, _severity: Severity) -> bool {
        false
    }

    /// Tries once, within the channel's time limit. The same message may be sent again: its id
    /// stays, so a receiver can tell a repetition.
    fn send<'a>(
        &'a self,
        message: &'a Message,
        now_at_ms: i64,
    ) -> BoxFuture<'a, Result<Delivery, SendError>>;
}

/// How a channel finds people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressing {
    /// By mail address; a channel with one room for all ignores them.
    Mail,
    /// By pager name.
    Pager,
}

/// A message that the other side took over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Addresses taken over; for a webhook, the channel's name.
    pub accepted: Vec<String>,
    /// Addresses refused while others were taken, with the code of the refusal.
    pub refused: Vec<(String, String)>,
}

/// Why a message was not surely delivered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// A definite no: nobody got it.
    #[error("channel {channel} refused the message: {code}")]
    Refused {
        /// The channel's name.
        channel: String,
        /// The reply's code, or what of ours is not acceptable.
        code: String,
    },
    /// Nobody got it, and the other side said when to come back.
    #[error("channel {channel} asks to wait: {code}")]
    Later {
        /// The channel's name.
        channel: String,
        /// The reply's status.
        code: u16,
        /// How long, milliseconds; at most an hour.
        after_ms: i64,
    },
    /// The message never left.
    #[error("channel {channel} is not reachable: {why}")]
    Unreachable {
        /// The channel's name.
        channel: String,
        /// How far it came.
        why: &'static str,
    },
    /// The message left, and no answer says what became of it.
    #[error("it is unknown whether channel {channel} delivered: {why}")]
    Unknown {
        /// The channel's name.
        channel: String,
        /// What was seen instead of an answer.
        why: String,
    },
}

/// Whether a host can only be this machine; plain text goes nowhere else.
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost"
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}
