//! A begun call: sent at most once, and ended in the log whatever becomes of it.

use std::sync::Arc;

use hyper::{HeaderMap, Method};

use super::desk::Seat;
use super::{LiveSession, NotLogged, OutBody, Outcome, Reply, SendError, is_definite_no};
use crate::app::App;
use crate::app::error::AppError;
use crate::audit::entry::{Field, Line};
use crate::databricks::Upstream;
use crate::domain::incident::DRILL;
use crate::store::{CallLine, CommitError, Lane};

/// Members of an entry, in any order.
type Members<'a> = Vec<(&'static str, Field<'a>)>;

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
            .finish("call.abort", ("why", Field::Text(why)))
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
        let status = ("status", Field::Number(u64::from(status)));
        self.open.log("call.head", vec![status]).await
    }

    /// Makes the end durable; only then may the client have the rest of the reply.
    ///
    /// # Errors
    /// [`NotLogged`]: the client must not learn what came of the call.
    pub async fn end(mut self, outcome: Outcome) -> Result<(), NotLogged> {
        let ms = self.open.app.inner.clock.boot_ms() - self.open.begun_boot_ms;
        let mut members = Vec::with_capacity(10);
        members.extend([
            ("ended", Field::Text(outcome.ending.word())),
            ("ms", Field::Number(u64::try_from(ms).unwrap_or(0))),
            ("res", outcome.reply.field()),
            ("status", Field::Number(u64::from(outcome.status))),
        ]);
        if let Some(request) = outcome.request {
            members.push(("req", request.field()));
        }
        if outcome.leaked {
            members.push(("leak", Field::True));
        }
        self.open.is_over = true;
        self.open.log("call.end", members).await?;
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
            .finish("call.abort", ("why", Field::Text(why)))
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
    pub(super) _seat: Arc<Seat>,
}

impl OpenCall {
    /// Makes an entry about this call durable.
    async fn log(&self, kind: &'static str, members: Members<'_>) -> Result<(), NotLogged> {
        let about = About {
            begin_seq: self.begin_seq,
            cid: &self.cid,
            session: &self.session,
        };
        commit_end(&self.app, kind, members, about).await
    }

    async fn finish(
        &mut self,
        kind: &'static str,
        member: (&'static str, Field<'_>),
    ) -> Result<(), NotLogged> {
        self.is_over = true;
        let logged = self.log(kind, vec![member]).await;
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
}

/// Which call an entry is about.
#[derive(Clone, Copy)]
struct About<'a> {
    begin_seq: u64,
    cid: &'a str,
    session: &'a LiveSession,
}

/// Heads and ends are never shed: the call has happened.
async fn commit_end(
    app: &App,
    kind: &'static str,
    mut members: Members<'_>,
    about: About<'_>,
) -> Result<(), NotLogged> {
    let incident = about.session.incident.as_str();
    members.extend([
        ("begin", Field::Number(about.begin_seq)),
        ("cid", Field::Text(about.cid)),
        ("inc", Field::Text(incident)),
        ("sid", Field::Text(about.session.id.as_str())),
    ]);
    // Past `App::commit`, which marks what it commits.
    members.extend(about.session.is_drill().then_some((DRILL, Field::True)));
    members.sort_unstable_by_key(|(name, _)| *name);
    let line = Line {
        kind,
        members: &members,
    };
    let owed = CallLine {
        line,
        incident,
        lane: Lane::Owed,
        not_after: None,
    };
    let committed = app.commit_line(&owed).await;
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
        let (app, session) = (self.app.clone(), Arc::clone(&self.session));
        let (begin_seq, cid) = (self.begin_seq, std::mem::take(&mut self.cid));
        self.app.spawn(async move {
            let why = vec![("why", Field::Text("dropped"))];
            let about = About {
                begin_seq,
                cid: &cid,
                session: &session,
            };
            // A failed append is dealt with inside; nobody waits for this call any more.
            let _nobody_waits = commit_end(&app, kind, why, about).await;
        });
    }
}
