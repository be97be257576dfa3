//! Undo (PROTOCOL §7): each thing a session adds has its row before the call, is taken away again
//! on the way back, and is read once more to see that it is gone.
//!
//! A step that fails for good is told to people and stays in the record; it never holds up the
//! rotation. What a thing is and how it is taken away: `domain/undo.rs`.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::error::AppError;
use super::journal::Journal;
use super::memory::LiveSession;
use super::secrets::pause;
use super::step::{With, draft};
use super::{App, chance};
use crate::audit::entry::Draft;
use crate::databricks::{CallError, Minted, Upstream};
use crate::domain::alert::{self, AlertDraft, Attempt};
use crate::domain::ids::{Digest, IncidentId};
use crate::domain::never::Grantee;
use crate::domain::time::Timestamp;
use crate::domain::undo::{At, Held, Thing};
use crate::sealed::secret::Credential;
use crate::store::change::{RowChange, Undo, UndoOrigin};

/// Tries of one undo before it counts as failed.
const TRIES: u32 = 6;
/// First pause between them; doubled each time, milliseconds.
const FIRST_PAUSE_MS: u64 = 500;
/// States that wait for the way back; a failed undo is tried again at the next one.
const WAITING: [&str; 2] = ["planned", "failed"];

/// Whose tokens speak: the session's while it is open, the credential's on the way in and back.
pub(super) enum Tokens {
    /// The session secret's.
    Session(Arc<LiveSession>),
    /// The credential's, minted once per host.
    Credential {
        /// The credential in locked memory.
        credential: Arc<Credential>,
        /// What was minted.
        minted: tokio::sync::Mutex<HashMap<Upstream, Arc<Minted>>>,
    },
}

impl Tokens {
    pub(super) fn of(credential: &Arc<Credential>) -> Self {
        Self::Credential {
            credential: Arc::clone(credential),
            minted: tokio::sync::Mutex::default(),
        }
    }

    /// When the last token minted here dies.
    pub(super) async fn dead_at(&self) -> Timestamp {
        match self {
            Self::Session(_) => Timestamp(0),
            Self::Credential { minted, .. } => {
                let minted = minted.lock().await;
                let last = minted.values().map(|one| one.expires_at_ms).max();
                Timestamp(last.unwrap_or(0))
            }
        }
    }
}

/// What is about to be added.
pub(super) struct Plan<'a> {
    pub incident: &'a IncidentId,
    pub origin: UndoOrigin,
    pub cid: Option<&'a str>,
    pub workspace: Option<&'a str>,
    pub things: Vec<Thing>,
    pub grantees: &'a [Grantee],
}

impl App {
    pub(super) async fn token_at(
        &self,
        tokens: &Tokens,
        at: &Upstream,
    ) -> Result<Arc<Minted>, CallError> {
        let now = self.now().0;
        match tokens {
            Tokens::Session(session) => match &session.forwarder {
                Some(forwarder) => forwarder.token(at, now).await,
                None => Err(CallError::NotConfigured("a drill".to_owned())),
            },
            Tokens::Credential { credential, minted } => {
                let mut minted = minted.lock().await;
                if let Some(token) = minted.get(at) {
                    return Ok(Arc::clone(token));
                }
                let secret = &credential.client_secret;
                let token = Arc::new(self.inner.databricks.mint(at, secret, now).await?);
                minted.insert(at.clone(), Arc::clone(&token));
                Ok(token)
            }
        }
    }

    /// How a thing stands at Databricks now.
    pub(super) async fn reading(
        &self,
        tokens: &Tokens,
        thing: &Thing,
        workspace: Option<&str>,
    ) -> Result<Option<Value>, CallError> {
        let read = thing.read();
        let at = upstream(read.at, workspace)?;
        let token = self.token_at(tokens, &at).await?;
        self.inner
            .databricks
            .read_json(&at, &token, &read.path, &read.query)
            .await
    }

    /// Reads how each thing stands and records the rows. Durable when this returns: from here on
    /// the way back takes these things away, whatever becomes of the call.
    pub(super) async fn plan_undo(
        &self,
        tokens: &Tokens,
        plan: Plan<'_>,
        with: With,
    ) -> Result<Vec<Undo>, AppError> {
        let mut rows = Vec::new();
        for thing in plan.things {
            let reply = self.reading(tokens, &thing, plan.workspace).await?;
            let people: Vec<Option<&Grantee>> = thing
                .people()
                .into_iter()
                .map(|name| plan.grantees.iter().find(|one| one.is(name)))
                .collect();
            let keep = !people.is_empty() && people.iter().all(|one| one.is_some_and(|g| g.keep));
            let person = match people.as_slice() {
                [Some(only)] => Some(only.person.clone()),
                _ => None,
            };
            rows.push(Undo {
                id: chance::short_id()?,
                incident: plan.incident.clone(),
                origin: plan.origin,
                cid: plan.cid.map(str::to_owned),
                person,
                workspace: plan.workspace.map(str::to_owned),
                before: thing.held(reply.as_ref()),
                thing,
                keep,
                state: "planned".to_owned(),
                at_ms: self.now(),
            });
        }
        let mut drafts = with.drafts;
        let mut changes = with.rows;
        for row in &rows {
            drafts.push(planned_draft(row));
            changes.push(RowChange::PutUndo(Box::new(row.clone())));
        }
        self.record(drafts, changes, Vec::new(), None).await?;
        Ok(rows)
    }

    /// Forgets rows whose call surely did nothing.
    pub(super) async fn void_undo(&self, rows: &[String], incident: &IncidentId) {
        let changes = rows.iter().map(|id| RowChange::SetUndo {
            id: id.clone(),
            state: "void".to_owned(),
        });
        let entry = draft(
            "undo.void",
            [
                ("inc", Value::from(incident.as_str())),
                ("ids", Value::from(rows.to_vec())),
            ],
        );
        // Not recorded: then the way back looks, and finds nothing to take away.
        if let Err(error) = self
            .record(vec![entry], changes.collect(), Vec::new(), None)
            .await
        {
            tracing::warn!(%error, "an undo row could not be voided");
        }
    }

    /// Takes away everything that sessions added and that is not to stay, newest first; the
    /// principal's own assignment last, for the others need it. `between` runs before that.
    pub(super) async fn undo_all<F: Future<Output = Result<(), AppError>>>(
        &self,
        journal: &Journal,
        tokens: &Tokens,
        between: impl FnOnce() -> F,
    ) -> Result<(), AppError> {
        // A grant that is under way ends first: its call must not land behind the undo.
        let _rights = self.inner.memory.rights_hand.lock().await;
        let mut rows = self.inner.store.undos(&WAITING).await?;
        rows.reverse();
        let (own, others): (Vec<Undo>, Vec<Undo>) = rows
            .into_iter()
            .partition(|row| row.origin == UndoOrigin::Principal);
        let mut unseen = Vec::new();
        for row in &others {
            if self.undo_one(journal, tokens, row).await? == "nothing" {
                unseen.push(row);
            }
        }
        between().await?;
        self.look_again(journal, tokens, &unseen).await?;
        for row in &own {
            self.undo_one(journal, tokens, row).await?;
        }
        Ok(())
    }

    /// Looks once more for what was not there. A call that was cut, or whose reply was lost, may
    /// be carried out after the first look; calls that surely did nothing have no row any more.
    async fn look_again(
        &self,
        journal: &Journal,
        tokens: &Tokens,
        unseen: &[&Undo],
    ) -> Result<(), AppError> {
        if unseen.is_empty() {
            return Ok(());
        }
        // A crash here: what was read stands; the next session's snapshot shows the rest.
        pause(self.inner.databricks.config().waits.reconcile_wait_ms).await;
        for row in unseen {
            match self.take_away(tokens, row).await {
                Ok(("nothing", _)) => {}
                Ok((state, held)) => self.undo_ended(journal, row, state, &held, None).await?,
                Err(error) => self.undo_failed(journal, row, &error).await?,
            }
        }
        Ok(())
    }

    async fn undo_one(
        &self,
        journal: &Journal,
        tokens: &Tokens,
        row: &Undo,
    ) -> Result<&'static str, AppError> {
        match self.take_away(tokens, row).await {
            Ok((state, held)) => {
                self.undo_ended(journal, row, state, &held, None).await?;
                Ok(state)
            }
            Err(error) => {
                self.undo_failed(journal, row, &error).await?;
                Ok("failed")
            }
        }
    }

    async fn undo_failed(
        &self,
        journal: &Journal,
        row: &Undo,
        error: &CallError,
    ) -> Result<(), AppError> {
        tracing::error!(undo = %row.id, %error, "what a session added could not be undone");
        self.undo_ended(
            journal,
            row,
            "failed",
            &Held::new(),
            Some(error.to_string()),
        )
        .await
    }

    /// Brings one thing back to what it was, and reads that it is.
    async fn take_away(
        &self,
        tokens: &Tokens,
        row: &Undo,
    ) -> Result<(&'static str, Held), CallError> {
        let (thing, before) = (&row.thing, &row.before);
        let longest = self.inner.databricks.config().waits.delete_retry_max_ms;
        let mut pause_ms = FIRST_PAUSE_MS.min(longest);
        let mut found = Held::new();
        let mut last = None;
        for attempt in 0..TRIES {
            if attempt > 0 {
                pause(pause_ms).await;
                pause_ms = (pause_ms * 2).min(longest);
            }
            let reply = match self.reading(tokens, thing, row.workspace.as_deref()).await {
                Ok(reply) => reply,
                Err(error) => {
                    last = Some(error);
                    continue;
                }
            };
            let added = thing.added(before, &thing.held(reply.as_ref()));
            if added.is_empty() {
                // Verified by reading: as before, or never done.
                let state = if found.is_empty() {
                    "nothing"
                } else {
                    "undone"
                };
                return Ok((state, found));
            }
            if row.keep {
                return Ok(("kept", added));
            }
            found = added;
            let Some(write) = thing.undo(before, reply.as_ref()) else {
                continue;
            };
            let at = upstream(write.at, row.workspace.as_deref())?;
            let token = self.token_at(tokens, &at).await?;
            // A crash here: the row still waits, and reading tells the next process what is left.
            let sent = self
                .inner
                .databricks
                .write_json(&at, &token, write.method, &write.path, write.body.as_ref())
                .await;
            if let Err(error) = sent {
                last = Some(error);
            }
        }
        Err(last.unwrap_or(CallError::Unknown {
            step: "take a right away",
            why: "it is still held",
        }))
    }

    async fn undo_ended(
        &self,
        journal: &Journal,
        row: &Undo,
        state: &'static str,
        held: &Held,
        why: Option<String>,
    ) -> Result<(), AppError> {
        let kind = match state {
            "undone" => "undo.done",
            "kept" => "undo.kept",
            "nothing" => "undo.nothing",
            _ => "undo.failed",
        };
        let mut entry = about(kind, row);
        entry
            .members
            .insert("held".to_owned(), shown(&row.thing, held));
        if let Some(why) = &why {
            entry
                .members
                .insert("why".to_owned(), Value::from(why.as_str()));
        }
        let change = RowChange::SetUndo {
            id: row.id.clone(),
            state: state.to_owned(),
        };
        let alerts = why.map_or_else(Vec::new, |why| self.told_of_undo(row, why));
        self.record_in(journal, vec![entry], vec![change], alerts)
            .await
    }

    /// Whom a failed undo is told.
    pub(super) fn told_of_undo(&self, row: &Undo, why: String) -> Vec<AlertDraft> {
        let attempt = Attempt::UndoFailed {
            incident: row.incident.clone(),
            what: row.thing.words(),
            why,
        };
        alert::for_attempt(&attempt, &self.inner.facts.get().roster)
    }
}

/// Where a thing is.
pub(super) fn upstream(at: At, workspace: Option<&str>) -> Result<Upstream, CallError> {
    match (at, workspace) {
        (At::Account, _) => Ok(Upstream::Account),
        (At::Workspace, Some(id)) => Ok(Upstream::Workspace(id.to_owned())),
        (At::Workspace, None) => Err(CallError::NotConfigured("the workspace".to_owned())),
    }
}

fn planned_draft(row: &Undo) -> Draft {
    let mut entry = about("undo.planned", row);
    entry
        .members
        .insert("before".to_owned(), shown(&row.thing, &row.before));
    entry
        .members
        .insert("keep".to_owned(), Value::from(row.keep));
    entry
}

fn about(kind: &str, row: &Undo) -> Draft {
    let mut entry = draft(
        kind,
        [
            ("inc", Value::from(row.incident.as_str())),
            ("id", Value::from(row.id.as_str())),
            ("origin", Value::from(row.origin.word())),
            ("what", Value::from(row.thing.words())),
            ("who", Value::from(who(row))),
        ],
    );
    if let Some(cid) = &row.cid {
        entry
            .members
            .insert("cid".to_owned(), Value::from(cid.as_str()));
    }
    entry
}

/// Who gets the right, without a name that the log would keep for ever: roster people by id, ids
/// as they are, names by the beginning of their hash.
fn who(row: &Undo) -> Vec<String> {
    if let Some(person) = &row.person {
        return vec![person.to_string()];
    }
    let named = row.thing.people().into_iter();
    named
        .map(
            |name| match name.bytes().all(|byte| byte.is_ascii_digit()) {
                true => name.to_owned(),
                false => format!("sha256:{}", &Digest::of(name.as_bytes()).hex()[..12]),
            },
        )
        .collect()
}

/// What is held, as an entry may say it: rule sets name people, so only their number.
fn shown(thing: &Thing, held: &Held) -> Value {
    match thing {
        Thing::RuleSet { .. } => Value::from(held.len()),
        _ => Value::from(held.iter().cloned().collect::<Vec<_>>()),
    }
}
