//! A declared log epoch (PROTOCOL §11): what was saved, as people sign it, and the first entry of
//! the log under its new name.
//!
//! Run on the host while no vault serves; the store was opened under the new name.

use serde_json::Value;

use super::App;
use super::error::AppError;
use super::restored::DEALT_LATER;
use crate::audit::checkpoint::format_hash;
use crate::audit::entry::Draft;
use crate::domain::act::Act;
use crate::domain::alert::{self, Attempt, Fault};
use crate::domain::ids::{Digest, PersonId};
use crate::domain::log_epoch::{LOG_EPOCH, LogEpoch};
use crate::sealed::log_epochs;
use crate::sealed::versions::SignedAct;
use crate::store::change::{Document, DocumentKind, RowChange};

/// What a restored database holds, for the declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedLog {
    /// Entries.
    pub size: u64,
    /// Root over them, base64.
    pub root: String,
    /// The live custody epoch.
    pub custody_epoch: u32,
    /// Its manifest.
    pub manifest_sha256: Digest,
    /// Roster in force.
    pub roster_sha256: Digest,
    /// Policy in force.
    pub policy_sha256: Digest,
}

impl App {
    /// What this database holds.
    ///
    /// # Errors
    /// [`AppError::Sealed`] when no epoch was ever dealt.
    pub fn saved_log(&self) -> Result<SavedLog, AppError> {
        let (head, facts) = (self.inner.store.head(), self.inner.facts.get());
        let epoch = facts.epoch()?;
        Ok(SavedLog {
            size: head.size,
            root: format_hash(&head.root),
            custody_epoch: epoch.manifest.epoch,
            manifest_sha256: epoch.manifest_sha256,
            roster_sha256: facts.roster_sha256,
            policy_sha256: facts.policy_sha256,
        })
    }

    /// Entries by which the log went on under a new name, oldest first.
    pub(super) async fn log_epochs(&self) -> Result<Vec<u64>, AppError> {
        let (mut found, mut before) = (Vec::new(), u64::MAX);
        let store = &self.inner.store;
        while let Some((seq, _)) = store.last_control_entry(LOG_EPOCH, before).await? {
            found.push(seq);
            before = seq;
        }
        found.reverse();
        Ok(found)
    }

    /// Writes the declaration as the next entry, with the acts under it, and tells everyone.
    /// Returns the newest size of the former log that a signer had seen.
    ///
    /// # Errors
    /// A declaration about another log, signatures that are not enough, or a signer who has seen
    /// another history than the one that was saved.
    pub async fn declare_log_epoch(
        &self,
        declared: &LogEpoch,
        acts: &[SignedAct],
    ) -> Result<u64, AppError> {
        let refused = |why: String| AppError::NotAllowed(why);
        let (settings, facts) = (&self.inner.settings, self.inner.facts.get());
        let names = (declared.origin.as_str(), declared.vkey.as_str());
        if names != (settings.origin.as_str(), settings.log_vkey.as_str())
            || self.saved_log()? != saved_of(declared)
        {
            return Err(refused(
                "the declaration is about another log or another state of it".into(),
            ));
        }
        let signers = log_epochs::check(declared, &facts.approved, acts).map_err(refused)?;
        if let Some(out) = signers.iter().find(|id| facts.locked_out.contains(*id)) {
            return Err(AppError::NotAllowed(format!("{out} is locked out")));
        }
        let seen = self.newest_seen(declared, acts).await?;
        let signers: Vec<PersonId> = signers.into_iter().collect();
        let hashes: Vec<Digest> = acts.iter().map(|act| Digest::of(&act.document)).collect();
        let mut members = declared.members(&hashes);
        members.insert("seen_size".to_owned(), Value::from(seen));
        let entry = Draft {
            kind: LOG_EPOCH.to_owned(),
            members,
        };
        let fault = Attempt::Fault(Fault::LogEpoch {
            epoch: declared.epoch,
            kept: declared.prev_size,
            seen,
            why: declared.why.clone(),
            signers,
        });
        let mut alerts = alert::for_attempt(&fault, &facts.roster);
        if declared.is_stale() {
            let stale = Attempt::Fault(Fault::Stale {
                epoch: declared.custody_epoch,
                later: declared.newest_epoch,
            });
            alerts.extend(alert::for_attempt(&stale, &facts.roster));
        }
        self.record(vec![entry], rows(declared, acts), alerts, None)
            .await?;
        Ok(seen)
    }

    /// What signers had seen of the former log must be in what was saved, or come after it.
    async fn newest_seen(&self, declared: &LogEpoch, acts: &[SignedAct]) -> Result<u64, AppError> {
        let mut newest = declared.prev_size;
        for act in acts {
            let act =
                Act::parse(&act.document).map_err(|e| AppError::BadDocument(e.to_string()))?;
            let other = || {
                AppError::NotAllowed(format!(
                    "{} has seen another log than the one that was saved: it was rewritten, call \
                     security",
                    act.person
                ))
            };
            if act.cp.origin != declared.prev_origin {
                return Err(other());
            }
            newest = newest.max(act.cp.size);
            if act.cp.size <= declared.prev_size {
                let root = self.inner.store.root_at(act.cp.size).await?;
                if format_hash(&root) != act.cp.root {
                    return Err(other());
                }
            }
        }
        Ok(newest)
    }
}

fn saved_of(declared: &LogEpoch) -> SavedLog {
    SavedLog {
        size: declared.prev_size,
        root: declared.prev_root.clone(),
        custody_epoch: declared.custody_epoch,
        manifest_sha256: declared.manifest_sha256,
        roster_sha256: declared.roster_sha256,
        policy_sha256: declared.policy_sha256,
    }
}

fn rows(declared: &LogEpoch, acts: &[SignedAct]) -> Vec<RowChange> {
    let act = |act: &SignedAct| {
        RowChange::PutDocument(Document {
            kind: DocumentKind::Act,
            sha256: Digest::of(&act.document),
            bytes: act.document.clone(),
            signature: Some(act.signature.clone()),
        })
    };
    let mut rows: Vec<RowChange> = acts.iter().map(act).collect();
    if declared.is_stale() {
        rows.push(RowChange::SetFact {
            name: DEALT_LATER.to_owned(),
            value: Some(declared.newest_epoch.to_string()),
        });
    }
    rows
}
