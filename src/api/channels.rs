//! Channels, their tests, and the service's health.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How the ways to people fare.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChannelList {
    /// Each configured channel.
    pub channels: Vec<ChannelState>,
}

/// How one channel fares. Times are unix milliseconds.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChannelState {
    /// Its name.
    pub name: String,
    /// `smtp`, `slack`, `teams`, `pagerduty` or `webhook`.
    pub kind: String,
    /// When it confirmed a message last.
    pub delivered_at_ms: Option<i64>,
    /// Messages that wait.
    pub waiting: u64,
    /// Those of them that failed at least once.
    pub failing: u64,
    /// Why one of them failed.
    pub last_error: Option<String>,
    /// When it was tested last.
    pub tested_at_ms: Option<i64>,
    /// When somebody typed that test's code back.
    pub confirmed_at_ms: Option<i64>,
}

/// Asks for a test.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertTest {
    /// Only this channel.
    pub channel: Option<String>,
}

/// A code that somebody read in a test's message.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertConfirm {
    /// Six characters.
    pub code: String,
}

/// Whether the vault lives.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok`, `checking` or `degraded`.
    pub status: String,
    /// Vault id.
    pub vault: String,
    /// `sealed`, `collecting`, `opening`, `open` or `closing`.
    pub vault_phase: String,
    /// Entries in the log.
    pub log_size: u64,
    /// Alert channels that are configured.
    pub channels: u64,
    /// Those of them with a message that failed and still waits.
    pub channels_failing: u64,
    /// Server version.
    pub version: String,
}
