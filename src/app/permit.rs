//! Step 7: one call. Nothing goes upstream before its `call.begin` is durable, and nothing that
//! was begun stays without an end.
//!
//! A [`Permit`] is the right to send exactly one request; sending turns it into an [`InFlight`],
//! which owes the log its end. Dropped by a panic, the first writes `call.abort` (nothing was
//! sent), the second `call.lost` (nobody can tell). The bearer never comes here.

use std::sync::Arc;
use std::time::Duration;

use hyper::Method;

use super::error::AppError;
use super::step::With;
use super::undo::{Plan, Tokens};
use super::{App, chance};
use crate::audit::entry::{Field, Line};
use crate::databricks::Upstream;
use crate::domain::ids::Digest;
use crate::domain::incident::DRILL;
use crate::domain::judge::Judged;
use crate::domain::risk::Class;
use crate::domain::target::{Target, Upstream as Host};
use crate::store::change::UndoOrigin;
use crate::store::{CallLine, CommitError, Lane};

mod burst;
mod carried;
mod deny;
mod desk;
mod flight;
mod lookup;

pub use super::memory::LiveSession;
pub use crate::databricks::{BodyError, ForwardError, OutBody, Reply, token_refused};
pub use carried::{BrokeOff, Carried};
pub use deny::Denial;
pub use desk::Seat;
pub use flight::{InFlight, Permit};
pub use lookup::{ReplyScanner, SessionLookup};

#[cfg(test)]
pub(crate) mod tests;

pub(super) use burst::{Burst, Noted, Strangers, WINDOW_MS};
pub(super) use desk::Desk;

use flight::OpenCall;

/// Longest wait of a call for the snapshot before.
const SURVEY_PATIENCE: Duration = Duration::from_secs(30);

/// Whether a status says that surely nothing was done: 408 and 499 come from somebody in between.
pub(super) fn is_definite_no(status: i64) -> bool {
    (400..500).contains(&status) && !matches!(status, 408 | 499)
}

/// What is known of a body: its length in bytes and its SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BodyFacts {
    /// Length, where it was declared or counted.
    pub bytes: Option<u64>,
    /// Hash, where the whole body was seen.
    pub sha256: Option<[u8; 32]>,
}

impl BodyFacts {
    /// Facts of a body that was counted and hashed.
    #[must_use]
    pub fn seen(bytes: u64, sha256: [u8; 32]) -> Self {
        Self {
            bytes: Some(bytes),
            sha256: Some(sha256),
        }
    }

    fn field(self) -> Field<'static> {
        Field::Body(self.bytes, self.sha256)
    }
}

/// A call that was judged and may be made.
#[derive(Debug)]
pub struct Call<'a> {
    /// The verdict.
    pub judged: &'a Judged,
    /// Method.
    pub method: &'a Method,
    /// Canonical target: what was judged, logged and is sent.
    pub target: &'a Target,
    /// The request's body as far as it is known.
    pub request: BodyFacts,
    /// Its place among the session's calls, taken before its body was read.
    pub seat: Arc<Seat>,
}

/// Why a call was not begun; nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PermitRefusal {
    /// The session has ended, or its time is up.
    #[error("the session has ended")]
    Ended,
    /// The entry could not be made durable.
    #[error("the log cannot be written")]
    NotLogged,
    /// Calls that may leave something behind wait for the snapshot before, which is not there yet.
    #[error("the snapshot before the session is not taken yet")]
    NotSurveyed,
    /// How the thing stands that the call would change could not be read, so it could not be
    /// brought back.
    #[error("what the call would change could not be read first")]
    NotRead,
    /// The verdict was no, or the terms name no such host.
    #[error("the call was not allowed")]
    NotAllowed,
}

/// An entry about a call that was sent could not be made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what came of the call could not be logged")]
pub struct NotLogged;

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The session was cut; the request may have been carried out.
    #[error("the session was cut during the call")]
    Cut,
    /// A drill reaches nobody: the call was judged and logged, and not sent.
    #[error("this is a drill: the call was let through, logged, and not sent")]
    Drill,
    /// The outside failed; [`ForwardError::is_definite`] tells whether anything can have happened.
    #[error(transparent)]
    Forward(#[from] ForwardError),
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The whole reply came.
    Complete,
    /// The client went away.
    ClientGone,
    /// Databricks did not answer, or broke off.
    UpstreamError,
    /// The session was cut.
    SessionClosed,
}

impl Ending {
    /// The word in the log.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::ClientGone => "client_gone",
            Self::UpstreamError => "upstream_error",
            Self::SessionClosed => "session_closed",
        }
    }
}

/// What `call.end` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// How.
    pub ending: Ending,
    /// Status of Databricks' reply; 0 where there was none.
    pub status: u16,
    /// A request body that was streamed, as far as it was sent.
    pub request: Option<BodyFacts>,
    /// The reply's body as received.
    pub reply: BodyFacts,
    /// A secret of ours was found in the reply.
    pub leaked: bool,
}

impl Outcome {
    /// An ending without a reply.
    #[must_use]
    pub fn without_reply(ending: Ending) -> Self {
        Self {
            ending,
            status: 0,
            request: None,
            reply: BodyFacts::default(),
            leaked: false,
        }
    }
}

impl App {
    /// Runs a call to its end even when its client goes away: the log wants the outcome, and a
    /// commit that nobody waits for could be overtaken by the end of its session.
    pub fn carry<T: Send + 'static>(
        &self,
        call: impl Future<Output = T> + Send + 'static,
    ) -> Carried<T> {
        Carried::new(&self.inner.tasks, call)
    }

    /// Begins a call: `call.begin` is durable when this returns. Run it inside [`App::carry`].
    ///
    /// # Errors
    /// [`PermitRefusal`]; nothing was sent.
    pub async fn permit(
        &self,
        session: &Arc<LiveSession>,
        call: Call<'_>,
    ) -> Result<Permit, PermitRefusal> {
        if call.judged.outcome.is_err() {
            return Err(PermitRefusal::NotAllowed);
        }
        let at = upstream(session, call.target).ok_or(PermitRefusal::NotAllowed)?;
        let cid = chance::short_id().map_err(|_| PermitRefusal::NotLogged)?;
        self.after_the_survey(session, call.judged.class).await?;
        let undo = self.rows_before(session, &call, &cid).await?;
        let begun = self.begin_call(session, &call, &at, &cid).await;
        if begun.is_err() && !undo.is_empty() {
            // Nothing was sent: there is nothing to take away.
            self.void_undo(&undo, &session.incident).await;
        }
        let begin_seq = begun?;
        let open = OpenCall {
            undo,
            app: self.clone(),
            session: Arc::clone(session),
            cid,
            begin_seq,
            begun_boot_ms: self.inner.clock.boot_ms(),
            is_over: false,
            is_sent: false,
            _seat: Arc::clone(&call.seat),
        };
        let permit = Permit {
            method: call.method.clone(),
            target: call.target.as_str().to_owned(),
            at,
            open,
        };
        if session.cut.is_cancelled() {
            // Cut while the disk wrote: begun before the close in the log, and never sent.
            permit.abort("session_closed").await;
            return Err(PermitRefusal::Ended);
        }
        Ok(permit)
    }

    /// Privilege, code and destroy calls wait for the snapshot before (PROTOCOL §6).
    async fn after_the_survey(
        &self,
        session: &LiveSession,
        class: Class,
    ) -> Result<(), PermitRefusal> {
        let waits = matches!(
            class,
            Class::Privilege | Class::Code | Class::Destroy | Class::Unreviewed
        );
        if !waits {
            return Ok(());
        }
        tokio::select! {
            biased;
            () = session.surveyed.cancelled() => Ok(()),
            () = session.cut.cancelled() => Err(PermitRefusal::Ended),
            () = tokio::time::sleep(SURVEY_PATIENCE) => Err(PermitRefusal::NotSurveyed),
        }
    }

    /// Reads how the things stand that the call would add, and makes their rows durable.
    async fn rows_before(
        &self,
        session: &Arc<LiveSession>,
        call: &Call<'_>,
        cid: &str,
    ) -> Result<Vec<String>, PermitRefusal> {
        // A drill adds nothing, and cannot look.
        if call.judged.additions.is_empty() || session.is_drill() {
            return Ok(Vec::new());
        }
        let plan = Plan {
            incident: &session.incident,
            origin: UndoOrigin::Call,
            cid: Some(cid),
            workspace: session.target.workspace.as_deref(),
            things: call.judged.additions.clone(),
            grantees: &session.principal.grantees,
        };
        let tokens = Tokens::Session(Arc::clone(session));
        match self.plan_undo(&tokens, plan, With::default()).await {
            Ok(rows) => Ok(rows.into_iter().map(|row| row.id).collect()),
            Err(AppError::Databricks(error)) => {
                tracing::warn!(%error, "a call was refused because its undo could not be planned");
                Err(PermitRefusal::NotRead)
            }
            Err(_) => Err(PermitRefusal::NotLogged),
        }
    }

    /// The last look at the session and the commit, with the gate held over both.
    async fn begin_call(
        &self,
        session: &LiveSession,
        call: &Call<'_>,
        at: &Upstream,
        cid: &str,
    ) -> Result<u64, PermitRefusal> {
        let host = host_word(at);
        let members = begin_members(session, call, &host, cid);
        let begin = CallLine {
            line: Line {
                kind: "call.begin",
                members: &members,
            },
            incident: session.incident.as_str(),
            lane: Lane::Data,
            not_after: Some(session.exp),
        };
        let committed = {
            let _gate = self.inner.memory.beginning().await;
            if self.is_over(session) {
                return Err(PermitRefusal::Ended);
            }
            // The room that was given back is for the way back, which is about to cut this session.
            if self.is_disk_full() {
                return Err(PermitRefusal::NotLogged);
            }
            self.inner.store.commit_line(&begin).await
        };
        match committed {
            // A crash from here on leaves a begun call, which the restart turns into `call.lost`.
            Ok(committed) => Ok(committed.first_seq),
            Err(CommitError::Late) => Err(PermitRefusal::Ended),
            // Refused, not tried again: the ballast is for the way back.
            Err(CommitError::Full) if self.disk_is_full() => Err(PermitRefusal::NotLogged),
            Err(error) => {
                let error = self.not_committed(error);
                tracing::warn!(%error, "a call was refused because it could not be logged");
                Err(PermitRefusal::NotLogged)
            }
        }
    }

    /// Takes a new token after Databricks refused the one with this number; true when another
    /// try is worth it.
    pub async fn renew_token(
        &self,
        session: &LiveSession,
        target: &Target,
        refused_number: u64,
    ) -> bool {
        let Some(at) = upstream(session, target) else {
            return false;
        };
        let Some(forwarder) = &session.forwarder else {
            return false;
        };
        let source = forwarder.credential();
        tokio::select! {
            biased;
            () = session.cut.cancelled() => false,
            renewed = source.renew(&at, refused_number, self.now().0) => renewed.is_ok(),
        }
    }
}

/// Where a target goes in this session.
fn upstream(session: &LiveSession, target: &Target) -> Option<Upstream> {
    match target.upstream() {
        Host::Account => session.target.account.then_some(Upstream::Account),
        Host::Workspace => session.target.workspace.clone().map(Upstream::Workspace),
    }
}

/// The host as the log names it.
fn host_word(at: &Upstream) -> String {
    match at {
        Upstream::Account => "account".to_owned(),
        Upstream::Workspace(id) => format!("ws:{id}"),
    }
}

fn begin_members<'a>(
    session: &'a LiveSession,
    call: &Call<'a>,
    host: &'a str,
    cid: &'a str,
) -> Vec<(&'static str, Field<'a>)> {
    let path_sha256 = Digest::of(call.target.as_str().as_bytes());
    let mut members = Vec::with_capacity(13);
    members.extend([
        ("actor", Field::Text(session.actor.as_str())),
        ("cid", Field::Text(cid)),
        ("cls", Field::Text(call.judged.class.word())),
    ]);
    // Past `App::commit`, which marks what it commits.
    members.extend(session.is_drill().then_some((DRILL, Field::True)));
    members.extend([
        ("host", Field::Text(host)),
        ("inc", Field::Text(session.incident.as_str())),
        ("method", Field::Text(call.method.as_str())),
        ("path_sha256", Field::Hex(*path_sha256.bytes())),
        ("pol", Field::Hex(*session.policy_sha256.bytes())),
        ("req", call.request.field()),
        ("route", Field::Text(call.judged.template.unwrap_or("-"))),
        ("sid", Field::Text(session.id.as_str())),
    ]);
    if let Some(method) = &call.judged.thrift_method {
        members.push(("thrift", Field::Text(method)));
    }
    members
}
