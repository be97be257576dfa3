//! The channels as operators see them: how each fares, and a test that a person confirms.
//!
//! "Confirmed" by a channel means accepted by a relay, not read (PROTOCOL §9). A test therefore
//! carries a code, and only a code that somebody typed back proves the whole way.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::App;
use super::acts::Caller;
use super::error::AppError;
use super::step::{alert_row, draft};
use crate::alerts::SendError;
use crate::api::{ChannelList, ChannelState};
use crate::domain::alert::{AlertDraft, Audience, Severity};
use crate::domain::roster::Role;
use crate::domain::time::{DAY_MS, Timestamp};
use crate::store::ChannelRow;
use crate::store::change::RowChange;

/// Fact: the last test of each channel, JSON.
const TESTS: &str = "alert_tests";
/// Kind of a test's message.
const TEST: &str = "alert.test";
/// How often the outside monitor hears of us (DESIGN §10).
const MONITOR: Duration = Duration::from_secs(300);
/// A code is good for this long.
const CODE_MS: i64 = DAY_MS;

/// The last test of one channel.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Test {
    /// What the message carries.
    code: String,
    /// When it was asked for.
    at_ms: i64,
    /// When somebody typed its code back.
    confirmed_at_ms: Option<i64>,
}

type Tests = BTreeMap<String, Test>;

impl App {
    /// How each configured channel fares.
    ///
    /// # Errors
    /// The store broke.
    pub async fn channel_list(&self) -> Result<ChannelList, AppError> {
        let rows = self.inner.store.channel_rows().await?;
        let tests = self.tests().await?;
        let state = |channel: &std::sync::Arc<dyn crate::alerts::Channel>| {
            let row = rows.iter().find(|row| row.channel == channel.name());
            state(
                channel.name(),
                channel.kind(),
                row,
                tests.get(channel.name()),
            )
        };
        Ok(ChannelList {
            channels: self.inner.channels.iter().map(state).collect(),
        })
    }

    /// Sends a message with a code of its own to each channel, or to one.
    ///
    /// # Errors
    /// [`AppError::NotAllowed`] for who is no operator, [`AppError::NotFound`] for a channel that
    /// is not configured, or the log cannot be written.
    pub async fn test_channels(&self, caller: &Caller, only: Option<&str>) -> Result<(), AppError> {
        let facts = self.inner.facts.get();
        let person = facts.roster.person(&caller.person);
        if !person.is_some_and(|p| p.is(Role::Operator)) {
            return Err(AppError::NotAllowed("only an operator tests alerts".into()));
        }
        let channels = self.inner.channels.iter();
        let chosen: Vec<_> = channels
            .filter(|c| only.is_none_or(|n| n == c.name()))
            .collect();
        if chosen.is_empty() {
            return Err(AppError::NotFound("channel of that name".into()));
        }
        let now = self.now();
        let (mut tests, mut rows, mut ids) = (self.tests().await?, Vec::new(), Vec::new());
        for channel in chosen {
            let code = code()?;
            let message = message(channel.name(), &code, caller);
            if let Some(row) = alert_row(channel.as_ref(), &message, None, &facts.roster, now) {
                ids.push(Value::from(format!("{}:{}", row.channel, row.id)));
                rows.push(RowChange::QueueAlert(row));
            }
            let test = Test {
                code,
                at_ms: now.0,
                confirmed_at_ms: None,
            };
            tests.insert(channel.name().to_owned(), test);
        }
        rows.push(remembered(&tests)?);
        let entry = draft(
            "alert.queued",
            [
                ("kind", Value::from(TEST)),
                ("ids", Value::from(ids)),
                ("person", Value::from(caller.person.as_str())),
            ],
        );
        self.record(vec![entry], rows, Vec::new(), None)
            .await
            .map(drop)
    }

    /// Somebody read a test's message and typed its code. Gives back the channel's name.
    ///
    /// # Errors
    /// [`AppError::BadDocument`] for a code that no test of the last day carries.
    pub async fn confirm_test(&self, caller: &Caller, code: &str) -> Result<String, AppError> {
        let now = self.now();
        let mut tests = self.tests().await?;
        let code = code.trim().to_ascii_uppercase();
        let fits = |test: &Test| test.code == code && now.0 - test.at_ms <= CODE_MS;
        let found = tests.iter_mut().find(|(_, test)| fits(test));
        let Some((name, test)) = found else {
            return Err(AppError::BadDocument(
                "no alert test of the last day carries this code".into(),
            ));
        };
        test.confirmed_at_ms = Some(now.0);
        let name = name.clone();
        let entry = draft(
            "alert.confirmed",
            [
                ("channel", Value::from(name.as_str())),
                ("person", Value::from(caller.person.as_str())),
            ],
        );
        self.record(vec![entry], vec![remembered(&tests)?], Vec::new(), None)
            .await?;
        Ok(name)
    }

    async fn tests(&self) -> Result<Tests, AppError> {
        let text = self.inner.store.fact(TESTS).await?;
        let parsed = text.map(|text| serde_json::from_str(&text)).transpose();
        Ok(parsed
            .map_err(|e| AppError::Inconsistent(format!("{TESTS}: {e}")))?
            .unwrap_or_default())
    }

    /// How long to wait between two calls of the outside monitor.
    #[must_use]
    pub fn heartbeat_pause(&self) -> Duration {
        self.inner.settings.watch.heartbeat_pause.unwrap_or(MONITOR)
    }

    /// Calls the outside monitor, if there is one and the log can be written: a vault that cannot
    /// keep its record must be missed.
    ///
    /// # Errors
    /// [`SendError`] of the call.
    pub async fn call_heartbeat(&self) -> Result<(), SendError> {
        let Some(heartbeat) = self.inner.settings.watch.heartbeat.clone() else {
            return Ok(());
        };
        if !self.inner.store.is_writable() {
            return Ok(());
        }
        heartbeat.call(self.now().0).await
    }
}

fn remembered(tests: &Tests) -> Result<RowChange, AppError> {
    let text = serde_json::to_string(tests).map_err(|e| AppError::Inconsistent(e.to_string()))?;
    Ok(RowChange::SetFact {
        name: TESTS.to_owned(),
        value: Some(text),
    })
}

/// Six characters that nobody mistakes for each other on the phone.
fn code() -> Result<String, AppError> {
    const LETTERS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    let bytes = super::chance::bytes::<6>()?;
    let letter = |byte: &u8| char::from(LETTERS[usize::from(byte % 32)]);
    Ok(bytes.iter().map(letter).collect())
}

fn message(channel: &str, code: &str, caller: &Caller) -> AlertDraft {
    AlertDraft {
        kind: TEST,
        severity: Severity::Info,
        audience: Audience::People(vec![caller.person.clone()]),
        subject: format!("[TEST] Breakglass alert test {code}"),
        body: format!(
            "This is a test of channel {channel}; nothing has happened. Whoever reads it:\n\
             breakglass alert test --confirm {code}"
        ),
    }
}

fn state(
    name: &str,
    kind: &'static str,
    row: Option<&ChannelRow>,
    test: Option<&Test>,
) -> ChannelState {
    let ms = |at: Timestamp| at.0;
    ChannelState {
        name: name.to_owned(),
        kind: kind.to_owned(),
        delivered_at_ms: row.and_then(|row| row.sent_at_ms).map(ms),
        waiting: row.map_or(0, |row| row.waiting),
        failing: row.map_or(0, |row| row.failing),
        last_error: row
            .filter(|row| row.failing > 0)
            .and_then(|row| row.last_error.clone()),
        tested_at_ms: test.map(|test| test.at_ms),
        confirmed_at_ms: test.and_then(|test| test.confirmed_at_ms),
    }
}
