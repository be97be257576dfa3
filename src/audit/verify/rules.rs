//! Level 4: the rules every entry obeys (PROTOCOL §11): form, order, clock, sessions, calls.
//!
//! Kept apart from hashing because it must parse JSON and see entries one by one.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::super::entry::{Entry, parse_entry};
use super::drills::DrillCheck;
use super::emergency::EmergencyCheck;
use super::papers::PaperCheck;
use crate::domain::log_epoch::{LOG_EPOCH, LogEpoch, split_origin};

/// A wall clock may fall this far without a `clock.jump`.
const FALL_MS: i64 = 2_000;
const ENDINGS: [&str; 5] = [
    "complete",
    "client_gone",
    "upstream_error",
    "session_closed",
    "too_large",
];

/// Checks entries in order; holds open sessions and open calls only.
#[derive(Debug)]
pub struct RuleCheck {
    /// The name that the log has at its end.
    origin: String,
    /// The name that it has at the entry being checked.
    current: String,
    last_ts_ms: Option<i64>,
    after_jump: bool,
    sessions: HashMap<String, Session>,
    calls: BTreeMap<u64, Call>,
    emergency: EmergencyCheck,
    drills: DrillCheck,
    papers: PaperCheck,
}

#[derive(Debug)]
struct Session {
    inc: String,
    exp_ms: i64,
}

#[derive(Debug)]
struct Call {
    cid: String,
    has_head: bool,
}

impl RuleCheck {
    /// A check from the first entry on, of the log named `origin`.
    #[must_use]
    pub fn new(origin: &str) -> Self {
        Self {
            origin: origin.to_owned(),
            current: String::new(),
            last_ts_ms: None,
            after_jump: false,
            sessions: HashMap::new(),
            calls: BTreeMap::new(),
            emergency: EmergencyCheck::default(),
            drills: DrillCheck::default(),
            papers: PaperCheck::default(),
        }
    }

    /// Checks the entry at `index` and returns it parsed.
    ///
    /// # Errors
    /// The rule that was broken, for people.
    pub fn check(&mut self, index: u64, bytes: &[u8]) -> Result<Entry, String> {
        let entry = parse_entry(bytes).map_err(|error| error.to_string())?;
        if entry.seq != index {
            return Err(format!("seq is {}", entry.seq));
        }
        self.check_clock(&entry)?;
        self.drills.check(&entry)?;
        self.papers.check(&entry)?;
        if (index == 0) != (entry.kind == "log.genesis") {
            return Err("log.genesis is the first entry and only that".into());
        }
        if !entry.kind.starts_with("emergency.") {
            self.check_emergency_covered()?;
        }
        match entry.kind.as_str() {
            "log.genesis" => self.begin_log(&entry)?,
            LOG_EPOCH => self.begin_epoch(&entry)?,
            "session.open" => self.open_session(&entry)?,
            "session.extended" => self.extend_session(&entry)?,
            "session.close" => self.close_session(&entry)?,
            "call.begin" => self.begin_call(&entry)?,
            "call.head" => self.head_call(&entry)?,
            "call.end" => {
                self.end_call(&entry)?;
                check_end(&entry)?;
            }
            "call.abort" | "call.lost" => self.end_call(&entry)?,
            kind if kind.starts_with("emergency.") => {
                self.emergency.check(&entry, &self.current)?;
            }
            _ => {}
        }
        Ok(entry)
    }

    /// Every entry of an emergency log stands under a checkpoint: asked before any other entry, and
    /// once more when the log ends.
    ///
    /// # Errors
    /// The rule that was broken, for people.
    pub fn check_emergency_covered(&self) -> Result<(), String> {
        if self.emergency.is_covered() {
            return Ok(());
        }
        Err("the emergency log stands under no checkpoint".into())
    }

    /// Entries that say that an emergency log had lost some of its own: no rule is broken, and
    /// people must know.
    #[must_use]
    pub fn emergency_cuts(&self) -> Vec<u64> {
        self.emergency.cuts().to_vec()
    }

    /// Checks what only the end can tell: that the epochs lead to the log's name.
    ///
    /// # Errors
    /// The rule that was broken, for people.
    pub fn finish(&self) -> Result<(), String> {
        if self.current == self.origin {
            return Ok(());
        }
        Err("the log's name is not the one its entries lead to".into())
    }

    /// What the signed documents behind paper shares must say: number of the entry, hash, members.
    #[must_use]
    pub fn papers_said(self) -> Vec<(u64, String, Value)> {
        self.papers.said()
    }

    /// A log begins with its own name, or with that of an earlier epoch of it.
    fn begin_log(&mut self, entry: &Entry) -> Result<(), String> {
        let found = entry.text("origin").unwrap_or_default();
        let earlier = split_origin(found)
            .zip(split_origin(&self.origin))
            .is_some_and(|((base, number), (ours, last))| base == ours && number < last);
        if found != self.origin && !earlier {
            return Err("log.genesis names another origin".into());
        }
        found.clone_into(&mut self.current);
        Ok(())
    }

    fn begin_epoch(&mut self, entry: &Entry) -> Result<(), String> {
        let (declared, acts) =
            LogEpoch::from_members(&entry.members).ok_or("it declares no log epoch")?;
        if declared.prev_origin != self.current {
            return Err("the new log epoch follows another log".into());
        }
        if acts.is_empty() {
            return Err("nobody signed the new log epoch".into());
        }
        self.current = declared.origin;
        Ok(())
    }

    /// Calls begun and not ended so far.
    #[must_use]
    pub fn open_calls(&self) -> Vec<u64> {
        self.calls.keys().copied().collect()
    }

    fn check_clock(&mut self, entry: &Entry) -> Result<(), String> {
        let jump = entry.kind == "clock.jump";
        let fell = self
            .last_ts_ms
            .is_some_and(|last| entry.ts_ms < last.saturating_sub(FALL_MS));
        if fell && !jump && !self.after_jump {
            return Err("ts falls without clock.jump".into());
        }
        self.after_jump = jump;
        self.last_ts_ms = Some(entry.ts_ms);
        Ok(())
    }

    fn open_session(&mut self, entry: &Entry) -> Result<(), String> {
        let sid = entry.text("sid").ok_or("sid is missing")?;
        let inc = entry.text("inc").ok_or("inc is missing")?.to_owned();
        let exp_ms = entry.integer("exp_ms").ok_or("exp_ms is missing")?;
        match self
            .sessions
            .insert(sid.to_owned(), Session { inc, exp_ms })
        {
            None => Ok(()),
            Some(_) => Err("the session is open already".into()),
        }
    }

    fn extend_session(&mut self, entry: &Entry) -> Result<(), String> {
        let sid = entry.text("sid").ok_or("sid is missing")?;
        let exp_ms = entry.integer("exp_ms").ok_or("exp_ms is missing")?;
        let session = self
            .sessions
            .get_mut(sid)
            .ok_or("no such session is open")?;
        if exp_ms <= session.exp_ms {
            return Err("the session is not longer than before".into());
        }
        session.exp_ms = exp_ms;
        Ok(())
    }

    /// A way back that began before any session was open, or for a rotation, names none.
    fn close_session(&mut self, entry: &Entry) -> Result<(), String> {
        if entry.members.get("sid") == Some(&Value::Null) {
            return Ok(());
        }
        let sid = entry.text("sid").ok_or("sid is missing")?;
        let closed = self.sessions.remove(sid);
        closed.map(drop).ok_or("no such session is open".into())
    }

    fn begin_call(&mut self, entry: &Entry) -> Result<(), String> {
        let sid = entry.text("sid").ok_or("sid is missing")?;
        let session = self
            .sessions
            .get(sid)
            .ok_or("the call is outside an open session")?;
        if entry.ts_ms > session.exp_ms {
            return Err("the call is after the end of its session".into());
        }
        if entry.text("inc") != Some(&session.inc) {
            return Err("the call names another incident than its session".into());
        }
        let cid = entry.text("cid").ok_or("cid is missing")?.to_owned();
        self.calls.insert(
            entry.seq,
            Call {
                cid,
                has_head: false,
            },
        );
        Ok(())
    }

    fn head_call(&mut self, entry: &Entry) -> Result<(), String> {
        let begin = begin_of(entry)?;
        let call = self.calls.get_mut(&begin).ok_or("its call is not open")?;
        if entry.text("cid") != Some(&call.cid) {
            return Err("its cid is not that of its call".into());
        }
        if std::mem::replace(&mut call.has_head, true) {
            return Err("its call has a head already".into());
        }
        Ok(())
    }

    fn end_call(&mut self, entry: &Entry) -> Result<(), String> {
        let call = self
            .calls
            .remove(&begin_of(entry)?)
            .ok_or("its call is not open")?;
        if entry.text("cid") != Some(&call.cid) {
            return Err("its cid is not that of its call".into());
        }
        Ok(())
    }
}

fn begin_of(entry: &Entry) -> Result<u64, String> {
    let begin = entry
        .integer("begin")
        .and_then(|begin| u64::try_from(begin).ok());
    begin.ok_or_else(|| "begin is missing".to_owned())
}

fn check_end(entry: &Entry) -> Result<(), String> {
    entry.integer("status").ok_or("status is missing")?;
    let ended = entry.text("ended").ok_or("ended is missing")?;
    if ENDINGS.contains(&ended) {
        Ok(())
    } else {
        Err("ended is not a known word".into())
    }
}
