//! Which session a bearer token stands for, asked anew at every call.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde_json::Value;
use subtle::ConstantTimeEq;

use super::burst::{Noted, WINDOW_MS};
use super::{LiveSession, Seat};
use crate::app::App;
use crate::app::step::draft;
use crate::databricks::LeakScanner;
use crate::domain::alert::Attempt;
use crate::domain::ids::{Digest, IncidentId};
use crate::domain::incident::Phase;

/// What a token stands for.
pub enum SessionLookup {
    /// An open session.
    Open(Arc<LiveSession>),
    /// A session that is over.
    Ended {
        /// Its incident.
        incident: IncidentId,
        /// Why, in words.
        reason: &'static str,
    },
    /// Nothing of ours.
    Unknown,
    /// The store could not be asked.
    Unavailable,
}

/// Looks for a session's secrets in what comes back.
pub struct ReplyScanner(Option<LeakScanner>);

impl ReplyScanner {
    /// Takes the next piece; true when it must not be passed on. A drill has no replies, so
    /// whatever comes in one is not passed on.
    pub fn feed(&mut self, piece: &[u8]) -> bool {
        let scanner = self.0.as_mut();
        scanner.is_none_or(|scanner| scanner.feed(piece))
    }
}

impl LiveSession {
    /// Whether this is its live token. In constant time, though only hashes are compared.
    fn is_opened_by(&self, token_sha256: &Digest) -> bool {
        let live = self.token.read().unwrap_or_else(PoisonError::into_inner);
        live.sha256
            .is_some_and(|live| bool::from(live.bytes().ct_eq(token_sha256.bytes())))
    }

    /// A seat for one more call, while fewer than `most` are under way; none: nothing of the call is
    /// read. It bounds the bodies that are held as well.
    #[must_use]
    pub fn seat(&self, most: usize) -> Option<Arc<Seat>> {
        self.desk.seat(most).map(Arc::new)
    }

    /// Scans one reply for the session's secrets.
    #[must_use]
    pub fn scanner(&self) -> ReplyScanner {
        let forwarder = self.forwarder.as_ref();
        ReplyScanner(forwarder.map(|f| LeakScanner::new(Arc::clone(f.credential()))))
    }
}

impl App {
    /// Finds the session of a token. A second source address is logged and told; the call goes on.
    pub async fn session_for(&self, token: &[u8], peer: IpAddr) -> SessionLookup {
        let sha256 = Digest::of(token);
        let live = self
            .inner
            .memory
            .session()
            .filter(|live| live.is_opened_by(&sha256));
        if let Some(live) = live {
            if self.is_over(&live) {
                let incident = live.incident.clone();
                return SessionLookup::Ended {
                    incident,
                    reason: "its time is up",
                };
            }
            self.note_address(&live, peer).await;
            return SessionLookup::Open(live);
        }
        match self.inner.store.session_by_token(&sha256).await {
            Ok(Some(row)) => {
                let reason = self.why_ended(&row.incident).await;
                SessionLookup::Ended {
                    incident: row.incident,
                    reason,
                }
            }
            Ok(None) => {
                self.note_stranger(peer);
                SessionLookup::Unknown
            }
            Err(error) => {
                tracing::error!(%error, "a token could not be looked up");
                SessionLookup::Unavailable
            }
        }
    }

    /// Cut, or past its end by either clock: deadlines are looked at when used, not only by a
    /// timer (DESIGN §4.8).
    pub(in crate::app) fn is_over(&self, session: &LiveSession) -> bool {
        session.cut.is_cancelled() || self.is_past_its_end(session)
    }

    /// Past its end by the wall clock or the boot clock.
    pub(in crate::app) fn is_past_its_end(&self, session: &LiveSession) -> bool {
        self.now() >= session.exp || self.inner.clock.boot_ms() >= session.exp_boot_ms
    }

    /// Whole seconds until the session ends by itself.
    #[must_use]
    pub fn remaining_seconds(&self, session: &LiveSession) -> u64 {
        let by_wall = session.exp.since_ms(self.now());
        let by_boot = session.exp_boot_ms - self.inner.clock.boot_ms();
        u64::try_from(by_wall.min(by_boot) / 1_000).unwrap_or(0)
    }

    /// The account that account paths are held to.
    #[must_use]
    pub fn account_id(&self) -> &str {
        &self.inner.databricks.config().account_id
    }

    async fn why_ended(&self, incident: &IncidentId) -> &'static str {
        match self
            .load(incident)
            .await
            .map(|(incident, _)| incident.phase)
        {
            Ok(Phase::Closing(closing)) => closing.cause.words(),
            _ => "it is over",
        }
    }

    async fn note_address(&self, session: &LiveSession, peer: IpAddr) {
        let Some(first) = session.desk.foreign(peer) else {
            return;
        };
        let (first, now) = (first.to_string(), peer.to_string());
        let entry = draft(
            "session.address",
            [
                ("sid", Value::from(session.id.as_str())),
                ("inc", Value::from(session.incident.as_str())),
                ("first", Value::from(first.as_str())),
                ("now", Value::from(now.as_str())),
            ],
        );
        let (incident, actor) = (session.incident.clone(), session.actor.clone());
        self.note_attempt(
            entry,
            &Attempt::ForeignAddress {
                incident,
                actor,
                first,
                now,
            },
        )
        .await;
    }

    /// Who comes without a token of ours is counted: one entry a second at most, however many come,
    /// with a bounded number of their addresses.
    pub fn note_stranger(&self, peer: IpAddr) {
        let noted = {
            let strangers = &self.inner.memory.strangers;
            let mut strangers = strangers.lock().unwrap_or_else(PoisonError::into_inner);
            strangers.note(self.inner.clock.boot_ms(), peer)
        };
        if noted != Noted::First {
            return;
        }
        let app = self.clone();
        self.spawn(async move {
            tokio::time::sleep(Duration::from_millis(WINDOW_MS.unsigned_abs())).await;
            let memory = &app.inner.memory;
            let (n, peers) = memory
                .strangers
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            let peers: Vec<String> = peers.iter().map(IpAddr::to_string).collect();
            let entry = draft(
                "deny",
                [
                    ("why", Value::from("unknown_token")),
                    ("n", Value::from(n)),
                    ("from", Value::from(peer.to_string())),
                    ("peers", Value::from(peers)),
                ],
            );
            app.log_refusal(entry).await;
        });
    }
}
