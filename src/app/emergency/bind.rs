//! The start after a lost log: the emergency log is named in the main one, what stands in it and
//! not there is written there, and the rows are made that it stands for, all in one transaction.

use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::App;
use super::super::error::AppError;
use super::super::step::draft;
use super::left::LEFT;
use super::replay::Replay;
use super::unfit::{Switched, is_misfit, switched};
use crate::audit::checkpoint::format_hash;
use crate::audit::entry::{Draft, Entry, parse_entry};
use crate::domain::alert::{self, Attempt, Fault};
use crate::domain::ids::Digest;
use crate::store::change::RowChange;
use crate::store::{EmergencyLog, EmergencySource};

/// Name of the fact, before the node's: several nodes have an emergency log each.
pub(super) const KNOWN: &str = "emergency_log";

/// How much of a node's emergency log the main log has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    vkey: String,
    pub(super) size: u64,
    pub(super) root: String,
    /// Epochs in force by its entries, whose sealed file was not there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    awaited: Vec<Switched>,
}

impl App {
    /// Names the emergency log in the main log, and writes what stands in it and not here.
    ///
    /// # Errors
    /// A file that cannot be read, or a log that cannot be written.
    pub async fn bind_emergency_log(&self) -> Result<(), AppError> {
        self.bind_left().await?;
        let Some(log) = self.inner.emergency.get() else {
            return Ok(());
        };
        let name = format!("{KNOWN}:{}", log.node());
        let known = match self.document_fact(&name).await {
            Err(AppError::Inconsistent(_)) => {
                let source = EmergencySource::Own(log);
                self.known_by_the_log(source, &name).await?
            }
            read => read?,
        };
        let mut known = self.look_for_a_cut(log, known).await?;
        if known.vkey != log.vkey() {
            // A crash here: named twice, which says nothing wrong.
            known.vkey = log.vkey();
            let entry = draft(
                "emergency.opened",
                [
                    ("origin", Value::from(log.origin())),
                    ("vkey", Value::from(known.vkey.as_str())),
                    ("size", Value::from(known.size)),
                ],
            );
            let row = keep(&name, &known)?;
            self.record(vec![entry], vec![row], Vec::new(), None)
                .await?;
        }
        let known = self.look_for_awaited(log, &name, known).await?;
        if log.size() > known.size {
            self.bind_from(EmergencySource::Own(log), &name, known)
                .await?;
        }
        Ok(())
    }

    /// What the main log's own entries say that it has, where the row is unreadable; which sealed
    /// files were missing stood in the row alone, and people were told of each.
    pub(super) async fn known_by_the_log(
        &self,
        log: EmergencySource<'_>,
        name: &str,
    ) -> Result<Option<Known>, AppError> {
        let is_ours = |entry: &Entry| entry.text("origin") == Some(log.origin());
        let number = |entry: &Entry| {
            let size = entry.integer("size").unwrap_or(0);
            u64::try_from(size).unwrap_or(0)
        };
        let mut known = None;
        if let Some(opened) = self.told_before("emergency.opened", is_ours).await? {
            let bound = self.told_before("emergency.bound", is_ours).await?;
            let (size, root) = match bound.filter(|bound| bound.seq > opened.seq) {
                Some(bound) => (number(&bound), bound.text("root").map(str::to_owned)),
                // Under this name nothing was bound yet.
                None => (number(&opened), None),
            };
            let held = log.root_at(size)?.map(|root| format_hash(&root));
            known = Some(Known {
                vkey: opened.text("vkey").unwrap_or_default().to_owned(),
                size,
                root: root.or(held).unwrap_or_default(),
                awaited: Vec::new(),
            });
        }
        let value = known.as_ref().map(serde_json::to_string).transpose();
        let value = value.map_err(|e| AppError::Inconsistent(e.to_string()))?;
        self.mend_fact(name, value).await;
        Ok(known)
    }

    /// The newest entry of a kind that is wanted.
    pub(super) async fn told_before(
        &self,
        kind: &str,
        is_wanted: impl Fn(&Entry) -> bool,
    ) -> Result<Option<Entry>, AppError> {
        let mut before = u64::MAX;
        loop {
            let found = self.inner.store.last_control_entry(kind, before).await?;
            let Some((seq, bytes)) = found else {
                return Ok(None);
            };
            let entry = parse_entry(&bytes).map_err(|e| AppError::Inconsistent(e.to_string()))?;
            if is_wanted(&entry) {
                return Ok(Some(entry));
            }
            before = seq;
        }
    }

    /// Tells of entries that were there: in the log's own checkpoint, or in the main log. What the
    /// main log had is not asked for again; a file that lost some of that begins anew.
    async fn look_for_a_cut(
        &self,
        log: &EmergencyLog,
        known: Option<Known>,
    ) -> Result<Known, AppError> {
        let known = known.unwrap_or_default();
        let root = log.root_at(known.size)?;
        let holds = known.size == 0 || root.is_some_and(|root| format_hash(&root) == known.root);
        // What the main log has vouches for itself; what came after needs the log's own checkpoint.
        let vouched = log.was_marked() || log.size() <= known.size;
        if holds && vouched && log.cut().is_none() {
            return Ok(known);
        }
        let found = log.size();
        let had = log.cut().map_or(0, |cut| cut.had).max(known.size);
        let entry = draft(
            "emergency.cut",
            [
                ("origin", Value::from(log.origin())),
                ("had", Value::from(had)),
                ("found", Value::from(found)),
            ],
        );
        let node = log.node().to_owned();
        let fault = Attempt::Fault(Fault::EmergencyCut { node, had, found });
        let alerts = alert::for_attempt(&fault, &self.inner.facts.get().roster);
        // Told before it is put aside: a crash between them tells it again.
        self.record(vec![entry], Vec::new(), alerts, None).await?;
        if holds {
            log.accept()?;
            return Ok(known);
        }
        log.begin_anew()?;
        Ok(Known {
            awaited: known.awaited,
            ..Known::default()
        })
    }

    /// Entries, the checkpoint over them, what they mean and its rows, in one transaction: a crash
    /// before it changes nothing, and the next start does it again. So does an error that is not
    /// about the entries: the start is refused.
    pub(super) async fn bind_from(
        &self,
        log: EmergencySource<'_>,
        name: &str,
        known: Known,
    ) -> Result<(), AppError> {
        let batch = Batch::of(log, known)?;
        let found = match Replay::of(self, log, &batch.entries).await {
            Ok(replay) => self.bind(log, name, &batch, replay).await,
            Err(error) => Err(error),
        };
        match found {
            // What was done stands in the log all the same, and what was sealed in the rows;
            // custodians settle the rest.
            Err(error) if is_misfit(&error) => self.bind_unfit(log, name, batch, &error).await,
            found => found,
        }
    }

    async fn bind(
        &self,
        log: EmergencySource<'_>,
        name: &str,
        batch: &Batch,
        replay: Replay,
    ) -> Result<(), AppError> {
        let fault = Attempt::Fault(Fault::EmergencyBound {
            entries: batch.entries.len(),
            rotated: replay.rotated,
        });
        let mut alerts = alert::for_attempt(&fault, &self.inner.facts.get().roster);
        alerts.extend(replay.alerts);
        let drafts = [batch.drafts.clone(), replay.drafts].concat();
        let rows = [replay.rows, kept(name, &batch.bound)?].concat();
        self.record(drafts, rows, alerts, None).await?;
        self.has_epochs_of(log, &replay.kept).await
    }

    /// The entries do not follow from the rows: they are bound without a saga of their own.
    async fn bind_unfit(
        &self,
        log: EmergencySource<'_>,
        name: &str,
        mut batch: Batch,
        error: &AppError,
    ) -> Result<(), AppError> {
        tracing::error!(%error, "the emergency log does not fit the rows");
        let (mut named, highest) = switched(&batch.entries);
        named.splice(0..0, std::mem::take(&mut batch.bound.awaited));
        let saved = self.save_switched(log, &named).await?;
        let files = saved.awaited.iter();
        let missing: Vec<String> = files
            .map(|of| EmergencyLog::kept_name(&of.sha256))
            .collect();
        let why = error.to_string();
        let mut unfit = draft("emergency.unfit", [("why", Value::from(why.as_str()))]);
        if !missing.is_empty() {
            let missing = Value::from(missing.clone());
            unfit.members.insert("missing".to_owned(), missing);
        }
        let fault = Attempt::Fault(Fault::EmergencyUnfit {
            why,
            epoch: saved.epoch,
            missing,
        });
        let alerts = alert::for_attempt(&fault, &self.inner.facts.get().roster);
        batch.bound.awaited = saved.awaited;
        let owed = self.owed_after(highest).await?;
        let rows = [saved.rows, owed, kept(name, &batch.bound)?].concat();
        let drafts = [batch.drafts, vec![unfit], saved.drafts].concat();
        self.record(drafts, rows, alerts, None).await?;
        self.has_epochs_of(log, &saved.kept).await
    }

    /// Looks for files that were missing when their entries were bound.
    async fn look_for_awaited(
        &self,
        log: &EmergencyLog,
        name: &str,
        known: Known,
    ) -> Result<Known, AppError> {
        if known.awaited.is_empty() {
            return Ok(known);
        }
        let log = EmergencySource::Own(log);
        let saved = self.save_switched(log, &known.awaited).await?;
        if saved.kept.is_empty() {
            return Ok(known);
        }
        let known = Known {
            awaited: saved.awaited,
            ..known
        };
        let owed = self.owed_after(0).await?;
        let rows = [saved.rows, owed, vec![keep(name, &known)?]].concat();
        self.record(saved.drafts, rows, Vec::new(), None).await?;
        self.has_epochs_of(log, &saved.kept).await?;
        Ok(known)
    }

    /// The rows hold what these files hold.
    async fn has_epochs_of(
        &self,
        log: EmergencySource<'_>,
        kept: &[Digest],
    ) -> Result<(), AppError> {
        let facts = self.reload_facts().await?;
        let current = facts.epoch.as_ref().map_or(0, |row| row.manifest.epoch);
        if self.dealt_later().is_some_and(|later| later <= current) {
            // The epoch that a stamp knew of is this one.
            self.inner.memory.dealt_later.store(0, Ordering::SeqCst);
        }
        kept.iter().for_each(|kept| log.drop_kept(kept));
        Ok(())
    }
}

/// What is bound at one start.
struct Batch {
    entries: Vec<Entry>,
    /// The same entries and the checkpoint over them, as the main log tells them.
    drafts: Vec<Draft>,
    /// What the main log has afterwards.
    bound: Known,
}

impl Batch {
    fn of(log: EmergencySource<'_>, known: Known) -> Result<Self, AppError> {
        let (checkpoint, note) = log.checkpoint()?;
        let (mut drafts, mut entries) = (Vec::new(), Vec::new());
        for bytes in log.entries(known.size)? {
            let entry = parse_entry(&bytes).map_err(|e| AppError::Inconsistent(e.to_string()))?;
            let text = String::from_utf8(bytes)
                .map_err(|_| AppError::Inconsistent("the emergency log is not text".into()))?;
            entries.push(entry);
            let told = [
                ("origin", Value::from(log.origin())),
                ("entry", Value::from(text)),
            ];
            drafts.push(draft("emergency.entry", told));
        }
        let root = format_hash(&checkpoint.root);
        drafts.push(draft(
            "emergency.bound",
            [
                ("origin", Value::from(log.origin())),
                ("size", Value::from(checkpoint.size)),
                ("root", Value::from(root.as_str())),
                ("checkpoint", Value::from(note)),
            ],
        ));
        let bound = Known {
            size: checkpoint.size,
            root,
            ..known
        };
        Ok(Self {
            entries,
            drafts,
            bound,
        })
    }
}

/// The same once its entries are bound: what the node left with the server is in the rows as well.
fn kept(name: &str, known: &Known) -> Result<Vec<RowChange>, AppError> {
    let node = name.rsplit(':').next().unwrap_or_default();
    let left = RowChange::SetFact {
        name: format!("{LEFT}{node}"),
        value: None,
    };
    Ok(vec![keep(name, known)?, left])
}

fn keep(name: &str, known: &Known) -> Result<RowChange, AppError> {
    let value = serde_json::to_string(known).map_err(|e| AppError::Inconsistent(e.to_string()))?;
    Ok(RowChange::SetFact {
        name: name.to_owned(),
        value: Some(value),
    })
}
