//! A begun call: sent at most once, and ended in the log whatever becomes of it.

use std::sync::Arc;

use hyper::{HeaderMap, Method};
use serde_json::Value;

use super::desk::Seat;
use super::{LiveSession, NotLogged, OutBody, Outcome, Reply, SendError, is_definite_no};
use crate::app::App;
use crate::app::error::AppError;
use crate::app::step::draft;
use crate::audit::entry::Draft;
use crate::databricks::Upstream;
use crate::store::{Commit, CommitError};

/// The right to send one request; its `call.begin` is durable.
pub struct Permit {
    pub(super) method: Method,
    pub(super) target: String,
    pub(super) at: Upstream,
    pub(super) open: OpenCall,
}

impl std::fmt::Debug for Permit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Permit({})", self.open.cid)
    }
}

impl Permit {
    /// The call's id in the log.
    #[must_use]
    pub fn cid(&self) -> &str {
        &self.open.cid
    }

    /// Index of its `call.begin`.
    #[must_use]
    pub fn begin_seq(&self) -> u64 {
        self.open.begin_seq
    }

    /// Sends the request; from here on the call owes the log its end. A cut ends the waiting and
    /// the connection at once. A crash now leaves the outcome unknown: `call.lost`.
    pub async fn send(
        self,
        headers: HeaderMap,
        body: OutBody,
    ) -> (InFlight, Result<Reply, SendError>) {
        let Self {
            method,
            target,
            at,
            mut open,
        } = self;
        let session = Arc::clone(&open.session);
        let Some(forwarder) = session.forwarder.clone() else {
            return (InFlight { at, open }, Err(SendError::Drill));
        };
        open.is_sent = true;
        let now_at_ms = open.app.now().0;
        let sent = tokio::select! {
            biased;
            () = session.cut.cancelled() => Err(SendError::Cut),
            sent = forwarder.send(&at, method, &target, headers, body, now_at_ms) => {
                sent.map_err(SendError::from)
            }
        };
        (InFlight { at, open }, sent)
    }

    /// Ends a call that is not sent after all.
    pub async fn abort(mut self, why: &'static str) {
        // A failed append is dealt with inside: the log is lost, and with it the session.
        let _lost = self
            .open
            .finish("call.abort", [("why", Value::from(why))])
            .await;
    }
}

/// A request that was sent and has no end in the log yet.
pub struct InFlight {
    at: Upstream,
    open: OpenCall,
}

impl std::fmt::Debug for InFlight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "InFlight({})", self.open.cid)
    }
}

impl InFlight {
    /// The session it belongs to.
    #[must_use]
    pub fn session(&self) -> &Arc<LiveSession> {
        &self.open.session
    }

    /// Host and port of the upstream, to recognise redirects to itself.
    #[must_use]
    pub fn authority(&self) -> &str {
        let config = self.open.app.inner.databricks.config();
        let address = match &self.at {
            Upstream::Account => Some(&config.account_host),
            Upstream::Workspace(id) => config.workspaces.get(id),
        };
        let address = address.map_or("", String::as_str);
        address
            .split_once("://")
            .map_or("", |(_, rest)| rest)
            .trim_end_matches('/')
    }

    /// Makes the status durable before the first byte of a stream leaves.
    ///
    /// # Errors
    /// [`NotLogged`]: the client must not see this status.
    pub async fn head(&self, status: u16) -> Result<(), NotLogged> {
        let members = [("status", Value::from(status))];
        self.open
            .commit(self.open.draft("call.head", members))
            .await
    }

    /// Makes the end durable; only then may the client have the rest of the reply.
    ///
    /// # Errors
    /// [`NotLogged`]: the client must not learn what came of the call.
    pub async fn end(mut self, outcome: Outcome) -> Result<(), NotLogged> {
        let ms = self.open.app.inner.clock.boot_ms() - self.open.begun_boot_ms;
        let mut entry = self.open.draft(
            "call.end",
            [
                ("ended", Value::from(outcome.ending.word())),
                ("ms", Value::from(ms.max(0))),
                ("res", outcome.reply.to_value()),
                ("status", Value::from(outcome.status)),
            ],
        );
        if let Some(request) = outcome.request {
            entry.members.insert("req".to_owned(), request.to_value());
        }
        if outcome.leaked {
            entry.members.insert("leak".to_owned(), Value::from(true));
        }
        self.open.is_over = true;
        self.open.commit(entry).await?;
        // A definite no added nothing; any other status is looked at on the way back.
        if is_definite_no(i64::from(outcome.status)) {
            self.open.void().await;
        }
        Ok(())
    }

    /// Ends a call that surely never reached Databricks.
    ///
    /// # Errors
    /// [`NotLogged`].
    pub async fn abort(mut self, why: &'static str) -> Result<(), NotLogged> {
        self.open
            .finish("call.abort", [("why", Value::from(why))])
            .await
    }
}

/// A begun call.
pub(super) struct OpenCall {
    pub(super) app: App,
    pub(super) session: Arc<LiveSession>,
    pub(super) cid: String,
    pub(super) begin_seq: u64,
    pub(super) begun_boot_ms: i64,
    pub(super) is_sent: bool,
    pub(super) is_over: bool,
    /// Undo rows made for this call.
    pub(super) undo: Vec<String>,
    /// Given back when the call is over.
    pub(super) _seat: Seat,
}

impl OpenCall {
    fn draft<const N: usize>(&self, kind: &str, members: [(&str, Value); N]) -> Draft {
        let mut entry = draft(kind, members);
        let own = [
            ("begin", Value::from(self.begin_seq)),
            ("cid", Value::from(self.cid.as_str())),
            ("inc", Value::from(self.session.incident.as_str())),
            ("sid", Value::from(self.session.id.as_str())),
        ];
        entry
            .members
            .extend(own.map(|(name, value)| (name.to_owned(), value)));
        entry
    }

    async fn finish<const N: usize>(
        &mut self,
        kind: &str,
        members: [(&str, Value); N],
    ) -> Result<(), NotLogged> {
        self.is_over = true;
        let logged = self.commit(self.draft(kind, members)).await;
        if kind == "call.abort" {
            self.void().await;
        }
        logged
    }

    /// The call surely did nothing: its rows need not be looked at.
    async fn void(&mut self) {
        let rows = std::mem::take(&mut self.undo);
        if !rows.is_empty() {
            self.app.void_undo(&rows, &self.session.incident).await;
        }
    }

    async fn commit(&self, entry: Draft) -> Result<(), NotLogged> {
        commit_end(&self.app, entry).await
    }
}

/// Heads and ends are never shed: the call has happened.
async fn commit_end(app: &App, entry: Draft) -> Result<(), NotLogged> {
    let committed = app.commit(Commit::call_end(entry)).await;
    committed.map(drop).map_err(|error| {
        let error = match error {
            // An end that has no form is never written: the log misses what happened.
            CommitError::Invalid(why) => {
                app.log_is_lost(&why);
                AppError::LogLost(why)
            }
            error => app.not_committed(error),
        };
        tracing::error!(%error, "the end of a call could not be logged");
        NotLogged
    })
}

impl Drop for OpenCall {
    /// A panic or a task that was thrown away. At the end of the process nothing can be spawned;
    /// then the restart writes `call.lost`.
    fn drop(&mut self) {
        if self.is_over || tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        let kind = if self.is_sent {
            "call.lost"
        } else {
            "call.abort"
        };
        let entry = self.draft(kind, [("why", Value::from("dropped"))]);
        let app = self.app.clone();
        self.app.spawn(async move {
            // A failed append is dealt with inside; nobody waits for this call any more.
            let _nobody_waits = commit_end(&app, entry).await;
        });
    }
}
