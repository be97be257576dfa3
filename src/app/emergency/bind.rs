//! The start after a lost log: the emergency log is named in the main one, what stands in it and
//! not there is written there, and the rows are made that it stands for, all in one transaction.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::App;
use super::super::error::AppError;
use super::super::step::draft;
use super::replay::Replay;
use crate::audit::checkpoint::format_hash;
use crate::audit::entry::parse_entry;
use crate::domain::alert::{self, Attempt, Fault};
use crate::domain::ids::Digest;
use crate::store::EmergencyLog;
use crate::store::change::RowChange;

/// Name of the fact, before the node's: several nodes have an emergency log each.
const KNOWN: &str = "emergency_log";

/// How much of a node's emergency log the main log has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    vkey: String,
    size: u64,
    root: String,
}

impl App {
    /// Names the emergency log in the main log, and writes what stands in it and not here.
    ///
    /// # Errors
    /// A file that cannot be read, or a log that cannot be written.
    pub async fn bind_emergency_log(&self) -> Result<(), AppError> {
        let Some(log) = self.inner.emergency.get() else {
            return Ok(());
        };
        let name = format!("{KNOWN}:{}", log.node());
        let fact = self.inner.store.fact(&name).await?;
        let known = fact.and_then(|text| serde_json::from_str::<Known>(&text).ok());
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
        if log.size() > known.size {
            self.bind_from(log, &name, known).await?;
        }
        Ok(())
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
        if holds && log.cut().is_none() {
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
        Ok(Known::default())
    }

    /// Entries, the checkpoint over them, what they mean and its rows, in one transaction: a crash
    /// before it changes nothing, and the next start does it again.
    async fn bind_from(
        &self,
        log: &EmergencyLog,
        name: &str,
        known: Known,
    ) -> Result<(), AppError> {
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
        let replay = match Replay::of(self, log, &entries).await {
            Ok(replay) => replay,
            // What was done stands in the log all the same; custodians settle it.
            Err(error) => {
                tracing::error!(%error, "the emergency log does not fit the rows");
                drafts.push(draft(
                    "emergency.unfit",
                    [("why", Value::from(error.to_string()))],
                ));
                Replay::default()
            }
        };
        let fault = Attempt::Fault(Fault::EmergencyBound {
            entries: entries.len(),
            rotated: replay.rotated,
        });
        let mut alerts = alert::for_attempt(&fault, &self.inner.facts.get().roster);
        alerts.extend(replay.alerts);
        drafts.extend(replay.drafts);
        let bound = Known {
            size: checkpoint.size,
            root,
            ..known
        };
        let rows = [replay.rows, vec![keep(name, &bound)?]].concat();
        self.record(drafts, rows, alerts, None).await?;
        self.reload_facts().await?;
        replay
            .kept
            .iter()
            .for_each(|kept: &Digest| log.drop_kept(kept));
        Ok(())
    }
}

fn keep(name: &str, known: &Known) -> Result<RowChange, AppError> {
    let value = serde_json::to_string(known).map_err(|e| AppError::Inconsistent(e.to_string()))?;
    Ok(RowChange::SetFact {
        name: name.to_owned(),
        value: Some(value),
    })
}
