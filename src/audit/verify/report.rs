//! What verification says: which levels ran, and the first bad entry of each.

use serde::Serialize;

/// What came of one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It ran and held.
    Passed,
    /// It ran and something is wrong.
    Failed,
    /// It did not run; the reason says why.
    NotRun,
}

/// One level's result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LevelReport {
    /// Its number, 0…5.
    pub level: u8,
    /// What it checks, for people.
    pub name: &'static str,
    /// What came of it.
    pub outcome: Outcome,
    /// Entries, signatures, checkpoints or documents that were checked.
    pub checked: u64,
    /// The first bad entry, when one entry is to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// Why it failed or did not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The whole result; `--json` prints it as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// No level failed, levels 0, 1 and 4 ran, and what was received elsewhere was used.
    pub passed: bool,
    /// The log's name, once its checkpoint parsed.
    pub origin: Option<String>,
    /// Entries the checkpoint speaks for.
    pub size: u64,
    /// Its root in base64.
    pub root: Option<String>,
    /// The log key came from the export itself: it proves nothing about who wrote it unless the
    /// caller compares it.
    pub key_from_export: bool,
    /// One result per level, in order.
    pub levels: Vec<LevelReport>,
    /// `call.begin` entries without an end at the very end of the log.
    pub open_calls: Vec<u64>,
    /// Checkpoints of the copy itself that are prefixes.
    pub own_checkpoints: u64,
    /// Received checkpoints over entries that a declared log epoch says are lost.
    pub lost_checkpoints: u64,
    /// Files that were given as received and hold no checkpoint of this log.
    pub unusable_seen: Vec<String>,
    /// `emergency.cut` entries: a node's emergency log had lost entries when it started.
    pub emergency_cuts: Vec<u64>,
}

const NAMES: [&str; 6] = [
    "entries hash to the root and to the tiles",
    "the log signed the checkpoint",
    "enough witnesses cosigned it",
    "every checkpoint received elsewhere is a prefix",
    "every entry obeys the rules",
    "documents match the hashes in entries",
];

/// Why a level failed.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// The entry, if it is one.
    pub(crate) seq: Option<u64>,
    /// One sentence.
    pub(crate) reason: String,
}

impl Failure {
    /// At an entry.
    pub(crate) fn at(seq: u64, reason: impl Into<String>) -> Self {
        Self {
            seq: Some(seq),
            reason: reason.into(),
        }
    }

    /// Of the whole.
    pub(crate) fn whole(reason: impl Into<String>) -> Self {
        Self {
            seq: None,
            reason: reason.into(),
        }
    }
}

impl Report {
    pub(super) fn new(key_from_export: bool) -> Self {
        let levels = (0u8..).zip(NAMES).map(|(level, name)| LevelReport {
            level,
            name,
            outcome: Outcome::NotRun,
            checked: 0,
            seq: None,
            reason: None,
        });
        Self {
            passed: false,
            origin: None,
            size: 0,
            root: None,
            key_from_export,
            levels: levels.collect(),
            open_calls: Vec::new(),
            own_checkpoints: 0,
            lost_checkpoints: 0,
            unusable_seen: Vec::new(),
            emergency_cuts: Vec::new(),
        }
    }

    /// The first level that failed.
    #[must_use]
    pub fn first_failure(&self) -> Option<&LevelReport> {
        self.levels
            .iter()
            .find(|level| level.outcome == Outcome::Failed)
    }

    /// Every checkpoint that speaks for this log speaks of entries that are declared lost.
    #[must_use]
    pub fn all_lost(&self) -> bool {
        self.lost_checkpoints > 0 && self.levels[3].outcome == Outcome::NotRun
    }

    pub(super) fn pass(&mut self, level: usize, checked: u64) {
        self.levels[level].outcome = Outcome::Passed;
        self.levels[level].checked = checked;
        self.decide();
    }

    pub(super) fn fail(&mut self, level: usize, failure: Failure) {
        let entry = &mut self.levels[level];
        entry.outcome = Outcome::Failed;
        entry.seq = failure.seq;
        entry.reason = Some(failure.reason);
        self.decide();
    }

    pub(super) fn skip(&mut self, level: usize, reason: &str) {
        self.levels[level].reason = Some(reason.to_owned());
    }

    /// Gives every level that neither ran nor said why this reason.
    pub(super) fn closed(mut self, reason: &str) -> Self {
        for level in &mut self.levels {
            if level.outcome == Outcome::NotRun && level.reason.is_none() {
                level.reason = Some(reason.to_owned());
            }
        }
        self
    }

    pub(super) fn decide(&mut self) {
        let must = [0, 1, 4]
            .iter()
            .all(|level| self.levels[*level].outcome == Outcome::Passed);
        let used = self.unusable_seen.is_empty() && !self.all_lost();
        self.passed = must && used && self.first_failure().is_none();
    }
}
