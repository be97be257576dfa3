//! The request log: what reached this upstream, for "one begin for each upstream request" and
//! "nothing reached it" tests. Bounded to the newest 100,000.
//!
//! Must not know: what a request meant.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hyper::header::{AUTHORIZATION, HOST, USER_AGENT};
use hyper::http::request::Parts;
use serde::Serialize;

use super::state::lock;

/// Most requests kept.
const RING: usize = 100_000;
/// SHA-256 of no bytes.
const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// One request as it arrived, completed when it was answered.
#[derive(Debug, Clone, Serialize)]
pub struct Recorded {
    /// Dense number from 0.
    pub seq: u64,
    /// Simulator time.
    pub at_ms: i64,
    /// Method.
    pub method: String,
    /// Path with query.
    pub path: String,
    /// `Host`.
    pub host: String,
    /// `User-Agent`.
    pub user_agent: String,
    /// How many Authorization headers.
    pub authorization_headers: usize,
    /// How many Host headers.
    pub host_headers: usize,
    /// `X-Databricks-Workspace-Id`.
    pub workspace_header: Option<String>,
    /// SHA-256 of the body; `None` until it was read.
    pub body_sha256: Option<String>,
    /// Length of the body.
    pub body_bytes: u64,
    /// Status answered; 0 while open or when the connection was dropped.
    pub status: u16,
    /// `X-Request-Id` of the reply.
    pub request_id: String,
    /// Who called, once known: an application id or a user name.
    pub subject: Option<String>,
}

/// The ring.
#[derive(Debug)]
pub struct Recorder {
    enabled: AtomicBool,
    next: AtomicU64,
    ring: Mutex<VecDeque<Recorded>>,
}

impl Recorder {
    /// An empty ring.
    pub fn new(enabled: bool) -> Self {
        Self {
            enabled: AtomicBool::new(enabled),
            next: AtomicU64::new(0),
            ring: Mutex::default(),
        }
    }

    /// Switches recording on or off.
    pub fn enable(&self, enabled: bool) {
        self.enabled.store(enabled, Ordering::Relaxed);
    }

    /// Whether requests are recorded.
    pub fn is_enabled(&self) -> bool {
        self.enabled.load(Ordering::Relaxed)
    }

    /// Notes the head of a request. `None` when recording is off.
    pub fn begin(&self, parts: &Parts, at_ms: i64, request_id: &str) -> Option<u64> {
        if !self.is_enabled() {
            return None;
        }
        let header = |name: &str| {
            parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        let mut recorded = Recorded {
            seq: 0,
            at_ms,
            method: parts.method.to_string(),
            path: parts.uri.to_string(),
            host: header(HOST.as_str()).unwrap_or_default(),
            user_agent: header(USER_AGENT.as_str()).unwrap_or_default(),
            authorization_headers: parts.headers.get_all(AUTHORIZATION).iter().count(),
            host_headers: parts.headers.get_all(HOST).iter().count(),
            workspace_header: header("x-databricks-workspace-id"),
            body_sha256: None,
            body_bytes: 0,
            status: 0,
            request_id: request_id.to_owned(),
            subject: None,
        };
        let mut ring = lock(&self.ring);
        recorded.seq = self.next.fetch_add(1, Ordering::Relaxed);
        let seq = recorded.seq;
        if ring.len() >= RING {
            ring.pop_front();
        }
        ring.push_back(recorded);
        Some(seq)
    }

    /// Completes an entry; `None` in `digest` means an empty body.
    pub fn body(&self, seq: Option<u64>, digest: Option<String>, length: u64) {
        self.update(seq, |entry| {
            entry.body_sha256 = Some(digest.unwrap_or_else(|| EMPTY_SHA256.to_owned()));
            entry.body_bytes = length;
        });
    }

    /// Notes the answer.
    pub fn end(&self, seq: Option<u64>, status: u16, subject: Option<String>) {
        self.update(seq, |entry| {
            entry.status = status;
            entry.subject = subject;
        });
    }

    fn update(&self, seq: Option<u64>, change: impl FnOnce(&mut Recorded)) {
        let Some(seq) = seq else { return };
        let mut ring = lock(&self.ring);
        let Some(first) = ring.front().map(|entry| entry.seq) else {
            return;
        };
        let Some(at) = seq
            .checked_sub(first)
            .and_then(|at| usize::try_from(at).ok())
        else {
            return;
        };
        if let Some(entry) = ring.get_mut(at) {
            change(entry);
        }
    }

    /// How many requests came since the start or the last reset, and those from `since` on.
    pub fn read(&self, since: u64) -> (u64, Vec<Recorded>) {
        let ring = lock(&self.ring);
        let kept = ring
            .iter()
            .filter(|entry| entry.seq >= since)
            .cloned()
            .collect();
        (self.next.load(Ordering::Relaxed), kept)
    }

    /// Forgets everything and counts from 0 again.
    pub fn reset(&self) {
        let mut ring = lock(&self.ring);
        ring.clear();
        self.next.store(0, Ordering::Relaxed);
    }
}
