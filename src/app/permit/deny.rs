//! Refused calls: logged like deeds, counted when there are very many, told when they matter.

use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use serde_json::Value;

use super::LiveSession;
use super::burst::{Noted, WINDOW_MS};
use crate::app::App;
use crate::app::step::draft;
use crate::audit::entry::Draft;
use crate::domain::alert::Attempt;
use crate::domain::incident::CloseCause;
use crate::domain::judge::{Denied, Judged};
use crate::domain::never::NeverReason;
use crate::domain::risk::Class;
use crate::store::Commit;

/// A refused call as the log tells it. Never the path: it may hold what people typed.
#[derive(Debug, Clone, Copy)]
pub struct Denial<'a> {
    /// Method.
    pub method: &'a Method,
    /// Template of the route; `None` for an unknown path.
    pub template: Option<&'static str>,
    /// Class, where it was judged.
    pub class: Option<Class>,
    /// The word for why.
    pub why: &'static str,
    /// Whether people are told: calls beyond what was agreed, not slips of a client.
    pub is_told: bool,
}

impl<'a> Denial<'a> {
    /// A call refused before it was judged.
    #[must_use]
    pub fn unjudged(method: &'a Method, why: &'static str) -> Self {
        Self {
            method,
            template: None,
            class: None,
            why,
            is_told: false,
        }
    }

    /// A judged call. What clients try by themselves before they fall back is not told.
    #[must_use]
    pub fn judged(method: &'a Method, judged: &Judged, denied: &Denied) -> Self {
        let is_told = match denied {
            Denied::Scope { .. } => true,
            Denied::Never(reason) => !matches!(
                reason,
                NeverReason::PresignedUrl | NeverReason::ExternalLinks | NeverReason::ResultLinks
            ),
            _ => false,
        };
        Self {
            method,
            template: judged.template,
            class: Some(judged.class),
            why: denied.word(),
            is_told,
        }
    }
}

impl App {
    /// Logs a refused call; durable when this returns, unless it was only counted.
    pub async fn deny(&self, session: &Arc<LiveSession>, denial: &Denial<'_>) {
        let now_ms = self.inner.clock.boot_ms();
        match session.desk.denied(now_ms) {
            Noted::Counted => {}
            Noted::First => self.count_denials(session),
            Noted::Write => {
                let entry = deny_draft(session, denial);
                let tell = denial
                    .is_told
                    .then(|| session.desk.to_tell(now_ms))
                    .flatten();
                match tell {
                    None => self.log_refusal(entry).await,
                    Some(count) => {
                        let (incident, actor) = (session.incident.clone(), session.actor.clone());
                        let attempt = Attempt::ScopeRefused {
                            incident,
                            actor,
                            count,
                        };
                        self.note_attempt(entry, &attempt).await;
                    }
                }
            }
        }
    }

    /// Writes the refusals of one burst as a number when its second is over.
    fn count_denials(&self, session: &Arc<LiveSession>) {
        let (app, session) = (self.clone(), Arc::clone(session));
        self.spawn(async move {
            tokio::time::sleep(Duration::from_millis(WINDOW_MS.unsigned_abs())).await;
            let entry = draft(
                "deny.burst",
                [
                    ("sid", Value::from(session.id.as_str())),
                    ("inc", Value::from(session.incident.as_str())),
                    ("actor", Value::from(session.actor.as_str())),
                    ("n", Value::from(session.desk.counted_denials())),
                ],
            );
            app.log_refusal(entry).await;
        });
    }

    /// Commits an entry about something that was refused; it stays refused if that fails.
    /// Waits where calls wait, so that a flood of refusals never delays a close.
    pub(in crate::app) async fn log_refusal(&self, entry: Draft) {
        if let Err(error) = self.commit(Commit::call(entry)).await {
            let error = self.not_committed(error);
            tracing::error!(%error, "a refusal could not be logged");
        }
    }

    /// A reply held a secret of ours: everything of the session is cut now, people are told, and
    /// the session is closed in the background.
    pub fn token_seen(&self, session: &Arc<LiveSession>) {
        if session.cut.is_cancelled() {
            return;
        }
        session.cut.cancel();
        let (app, session) = (self.clone(), Arc::clone(session));
        self.spawn(async move {
            let entry = draft(
                "session.token_seen",
                [
                    ("sid", Value::from(session.id.as_str())),
                    ("inc", Value::from(session.incident.as_str())),
                ],
            );
            let incident = session.incident.clone();
            app.note_attempt(entry, &Attempt::TokenSeen { incident })
                .await;
            // A crash before this leaves an open session in the log; the restart closes it.
            if let Err(error) = app.cut(&session.incident, CloseCause::TokenSeen).await {
                tracing::error!(%error, "a session that leaked could not be closed");
            }
        });
    }
}

fn deny_draft(session: &LiveSession, denial: &Denial<'_>) -> Draft {
    draft(
        "deny",
        [
            ("sid", Value::from(session.id.as_str())),
            ("inc", Value::from(session.incident.as_str())),
            ("actor", Value::from(session.actor.as_str())),
            ("method", Value::from(denial.method.as_str())),
            ("route", Value::from(denial.template.unwrap_or("-"))),
            ("cls", Value::from(denial.class.map_or("-", Class::word))),
            ("why", Value::from(denial.why)),
        ],
    )
}
