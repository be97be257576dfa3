//! What the entries of an emergency log mean for the rows: a rotation, what was undone, which
//! session secrets are deleted. The entries are said again in the main log, so that folding it gives
//! the rows (DESIGN §4.3).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::App;
use super::super::error::AppError;
use super::super::step::draft;
use super::super::successor::{KEPT_ENTRY, Kept, LAST_EPOCH};
use super::unfit::{sealed_again, switched_again};
use crate::audit::entry::{Draft, Entry};
use crate::domain::alert::AlertDraft;
use crate::domain::ids::Digest;
use crate::domain::manifest::Kind;
use crate::domain::rotation::{Event, Rotation, State};
use crate::domain::time::Timestamp;
use crate::store::change::{RowChange, SecretPost, SecretUse};
use crate::store::{EmergencyLog, EmergencySource};

/// Rows, entries and alerts that make up for what could not be written at its time.
#[derive(Default)]
pub(super) struct Replay {
    pub drafts: Vec<Draft>,
    pub rows: Vec<RowChange>,
    pub alerts: Vec<AlertDraft>,
    /// Sealed files that the rows hold afterwards.
    pub kept: Vec<Digest>,
    /// A rotation came to its end.
    pub rotated: bool,
    saga: Option<(Rotation, i64)>,
    /// Sealed, and not in the rows yet.
    sealed: Option<Kept>,
    /// Number of the POST under way.
    post: Option<String>,
    erased: BTreeSet<String>,
    /// POSTs that the rows know. An older database lacks some, and what it does not have needs no
    /// row that says how it ended.
    posts: BTreeMap<String, SecretUse>,
    /// Secrets of a POST that were to be deleted, and whether each is gone.
    deletes: BTreeMap<String, BTreeMap<String, bool>>,
}

impl Replay {
    /// Reads the entries in order.
    ///
    /// # Errors
    /// Entries that do not follow from the rows: a database that is older, or that went on.
    pub(super) async fn of(
        app: &App,
        log: EmergencySource<'_>,
        entries: &[Entry],
    ) -> Result<Self, AppError> {
        let mut replay = Self::default();
        let states = ["sent", "made", "unknown", "deleted", "refused"];
        let posts = app.inner.store.secret_posts(&states).await?;
        let posts = posts.into_iter().map(|post| (post.id, post.used_for));
        replay.posts = posts.collect();
        for entry in entries {
            replay.take(app, log, entry).await?;
        }
        if let Some(sealed) = replay.sealed.take() {
            replay.put_sealed(app, sealed).await?;
        }
        replay.end_saga();
        replay.end_deletes();
        Ok(replay)
    }

    async fn take(
        &mut self,
        app: &App,
        log: EmergencySource<'_>,
        entry: &Entry,
    ) -> Result<(), AppError> {
        match entry.kind.as_str() {
            KEPT_ENTRY => self.load(log, entry)?,
            "secret.post" => self.post(entry)?,
            "emergency.delete_result" => self.deleted(entry),
            kind if kind.starts_with("undo.") => self.undone(app, entry).await?,
            kind if kind.starts_with("rotate.") => self.moved(app, entry).await?,
            _ => return Ok(()),
        }
        Ok(())
    }

    fn say_again(&mut self, entry: &Entry) {
        let mut members = entry.members.clone();
        for added in ["boot", "node", "seq", "t", "ts", "v"] {
            members.remove(added);
        }
        self.drafts.push(Draft {
            kind: entry.kind.clone(),
            members,
        });
    }

    fn load(&mut self, log: EmergencySource<'_>, entry: &Entry) -> Result<(), AppError> {
        let sha256: Digest = entry
            .text("sha256")
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| odd(entry))?;
        let bytes = log.kept(&sha256)?.ok_or_else(|| {
            let name = EmergencyLog::kept_name(&sha256);
            AppError::Inconsistent(format!("{name} is not there, or was changed"))
        })?;
        self.sealed = Some(Kept::read(&bytes)?);
        self.kept.push(sha256);
        Ok(())
    }

    fn post(&mut self, entry: &Entry) -> Result<(), AppError> {
        let id = entry.text("post").ok_or_else(|| odd(entry))?.to_owned();
        let owner = entry.text("owner").ok_or_else(|| odd(entry))?;
        self.rows.push(RowChange::PutSecretPost(SecretPost {
            id: id.clone(),
            used_for: SecretUse::Successor,
            owner: owner.to_owned(),
            lifetime_s: entry.integer("lifetime_s").ok_or_else(|| odd(entry))?,
            pre_ids: Vec::new(),
            state: "sent".to_owned(),
            secret_id: None,
            at_ms: Timestamp(entry.ts_ms),
        }));
        self.post = Some(id);
        self.say_again(entry);
        Ok(())
    }

    fn post_is(&mut self, state: &str, secret_id: Option<&str>) {
        if let Some(id) = self.post.clone() {
            self.rows.push(RowChange::SetSecretPost {
                id,
                state: state.to_owned(),
                secret_id: secret_id.map(str::to_owned),
            });
        }
    }

    fn deleted(&mut self, entry: &Entry) {
        let (Some(post), Some(outcome)) = (entry.text("post"), entry.text("outcome")) else {
            return;
        };
        let ids = self.deletes.entry(post.to_owned()).or_default();
        if let Some(id) = entry.text("secret_id") {
            let gone = matches!(outcome, "deleted" | "gone");
            ids.insert(id.to_owned(), gone);
        }
    }

    /// Posts of which nothing is left alive.
    fn end_deletes(&mut self) {
        for (post, ids) in std::mem::take(&mut self.deletes) {
            let (Some(used_for), true) = (self.posts.get(&post), ids.values().all(|gone| *gone))
            else {
                continue;
            };
            let ids: Vec<String> = ids.into_keys().collect();
            self.drafts.push(draft(
                "secret.deleted",
                [
                    ("post", Value::from(post.as_str())),
                    ("for", Value::from(used_for.word())),
                    ("ids", Value::from(ids.clone())),
                ],
            ));
            self.rows.push(RowChange::SetSecretPost {
                id: post,
                state: "deleted".to_owned(),
                secret_id: ids.into_iter().next(),
            });
        }
    }

    async fn undone(&mut self, app: &App, entry: &Entry) -> Result<(), AppError> {
        let id = entry.text("id").ok_or_else(|| odd(entry))?;
        let state = entry.kind.trim_start_matches("undo.");
        let state = if state == "done" { "undone" } else { state };
        let waiting = app.inner.store.undos(&["planned", "failed"]).await?;
        if let Some(row) = waiting.iter().find(|row| row.id == id) {
            self.rows.push(RowChange::SetUndo {
                id: id.to_owned(),
                state: state.to_owned(),
            });
            let why = entry.text("why").map(str::to_owned);
            self.alerts
                .extend(why.into_iter().flat_map(|why| app.told_of_undo(row, why)));
        }
        self.say_again(entry);
        Ok(())
    }

    /// One transition of a saga, and the rows that would have gone with it.
    async fn moved(&mut self, app: &App, entry: &Entry) -> Result<(), AppError> {
        let Some((id, event)) = Event::from_entry(&entry.kind, &entry.members)? else {
            return Ok(());
        };
        if let Event::Begun {
            incident,
            cause,
            from_epoch,
            at_ms,
        } = &event
        {
            self.end_saga();
            let begun = Rotation::begun(id, incident.clone(), *cause, *from_epoch, *at_ms);
            self.saga = Some((begun, 0));
        } else if let Event::Resumed { saga } = &event {
            self.end_saga();
            self.resumed(app, saga).await?;
        } else if self.saga.as_ref().is_none_or(|(saga, _)| saga.id != id) {
            self.end_saga();
            let found = app.inner.store.rotation(&id).await?;
            self.saga = Some(found.ok_or_else(|| odd(entry))?);
        }
        let (saga, _) = self.saga.as_mut().ok_or_else(|| odd(entry))?;
        saga.apply(&event)
            .map_err(|e| AppError::Inconsistent(e.to_string()))?;
        let from_epoch = saga.from_epoch;
        self.say_again(entry);
        self.follow(app, &event, from_epoch).await
    }

    /// The rows' last commit before the log was lost may be there or not: the saga goes on as the
    /// entry says it stood. Where its first entry is lost with its row, it is said again.
    async fn resumed(&mut self, app: &App, saga: &Rotation) -> Result<(), AppError> {
        if let Some(sealed) = self.sealed.as_ref() {
            let epoch = sealed.manifest.epoch;
            if app.inner.store.epoch(Kind::Live, epoch).await?.is_none() {
                self.drafts.push(sealed_again(&sealed.manifest)?);
            }
        }
        if let Some(found) = app.inner.store.rotation(&saga.id).await? {
            self.saga = Some(found);
            return Ok(());
        }
        let begun = Rotation::begun(
            saga.id.clone(),
            saga.incident.clone(),
            saga.cause,
            saga.from_epoch,
            saga.begun_at_ms,
        );
        let (kind, members) = Event::Begun {
            incident: saga.incident.clone(),
            cause: saga.cause,
            from_epoch: saga.from_epoch,
            at_ms: saga.begun_at_ms,
        }
        .to_entry(&saga.id)?;
        self.drafts.push(Draft { kind, members });
        self.saga = Some((begun, 0));
        Ok(())
    }

    /// The sealed epoch goes into the rows, unless they have it.
    async fn put_sealed(&mut self, app: &App, sealed: Kept) -> Result<(), AppError> {
        let epoch = sealed.manifest.epoch;
        match app.inner.store.epoch(Kind::Live, epoch).await? {
            Some(row) if row.manifest == sealed.manifest => Ok(()),
            Some(_) => Err(AppError::Inconsistent(format!(
                "the database has another epoch {epoch} than the emergency log"
            ))),
            None => {
                self.rows.extend(sealed.rows()?);
                Ok(())
            }
        }
    }

    async fn follow(&mut self, app: &App, event: &Event, from_epoch: u32) -> Result<(), AppError> {
        match event {
            Event::Resumed { saga } if saga.has_switched() => {
                if let Some(sealed) = self.sealed.as_ref() {
                    let epoch = sealed.manifest.epoch;
                    if self.current(app).await? != epoch {
                        self.drafts.push(switched_again(epoch));
                        self.switched(app, epoch).await?;
                    }
                }
            }
            Event::CreateRefused { .. } => self.post_is("refused", None),
            Event::Reconcile { .. } => self.post_is("unknown", None),
            Event::Reconciled { .. } => self.post_is("deleted", None),
            Event::Sealed { new_secret_id, .. } => self.post_is("made", Some(new_secret_id)),
            Event::Discard { secret_id } => self.post_is("made", Some(secret_id)),
            Event::Discarded { .. } => self.discarded(app).await?,
            Event::Switched { epoch } => self.switched(app, *epoch).await?,
            Event::Done { .. } => {
                let highest = app.inner.store.highest_epoch(Kind::Live).await? + 1;
                for row in app.former_credentials(from_epoch, highest).await? {
                    self.erase(row, app).await?;
                }
                self.rotated = true;
            }
            _ => {}
        }
        Ok(())
    }

    /// Erases what a row says, once, unless it is of the epoch that is current in the end.
    async fn erase(&mut self, row: RowChange, app: &App) -> Result<(), AppError> {
        let RowChange::EraseCredential { kind, epoch } = row else {
            return Ok(());
        };
        let now_current = self.current(app).await?;
        if epoch < now_current && self.erased.insert(format!("{} {epoch}", kind.word())) {
            self.rows.push(RowChange::EraseCredential { kind, epoch });
        }
        Ok(())
    }

    /// The epoch that is current after the rows so far.
    async fn current(&self, app: &App) -> Result<u32, AppError> {
        let switched = self.rows.iter().rev().find_map(|row| match row {
            RowChange::SwitchEpoch { epoch, .. } => Some(*epoch),
            _ => None,
        });
        match switched {
            Some(epoch) => Ok(epoch),
            None => {
                let current = app.inner.store.current_epoch(Kind::Live).await?;
                Ok(current.map_or(0, |row| row.manifest.epoch))
            }
        }
    }

    async fn discarded(&mut self, app: &App) -> Result<(), AppError> {
        if let Some(sealed) = self.sealed.take() {
            let epoch = sealed.manifest.epoch;
            let row = app.inner.store.epoch(Kind::Live, epoch).await?;
            self.rows.push(match row {
                Some(row) if row.manifest == sealed.manifest => RowChange::DiscardEpoch {
                    kind: Kind::Live,
                    epoch,
                },
                // It never was a row; its number is not given again.
                _ => RowChange::SetFact {
                    name: LAST_EPOCH.to_owned(),
                    value: Some(epoch.to_string()),
                },
            });
            return Ok(());
        }
        let highest = app.inner.store.highest_epoch(Kind::Live).await?;
        if highest > self.current(app).await? {
            self.rows.push(RowChange::DiscardEpoch {
                kind: Kind::Live,
                epoch: highest,
            });
        }
        Ok(())
    }

    async fn switched(&mut self, app: &App, epoch: u32) -> Result<(), AppError> {
        let dealt = match self.sealed.take() {
            Some(sealed) => {
                let dealt = Some(sealed.manifest.roster_sha256);
                self.put_sealed(app, sealed).await?;
                dealt
            }
            None => {
                let row = app.inner.store.epoch(Kind::Live, epoch).await?;
                row.map(|row| row.manifest.roster_sha256)
            }
        };
        self.rows.push(RowChange::SwitchEpoch {
            kind: Kind::Live,
            epoch,
        });
        self.rows.extend(app.settled(dealt));
        Ok(())
    }

    fn end_saga(&mut self) {
        self.post = None;
        if let Some((rotation, expected_version)) = self.saga.take() {
            self.rotated = rotation.state == State::Done;
            self.rows.push(RowChange::SaveRotation {
                expected_version,
                rotation: Box::new(rotation),
            });
        }
    }
}

fn odd(entry: &Entry) -> AppError {
    AppError::Inconsistent(format!(
        "entry {} of the emergency log is not of its form",
        entry.seq
    ))
}
