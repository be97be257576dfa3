//! The disk: low is told; full gives the ballast back, so that a session can be closed and its
//! credential rotated on the record, and opens nothing new until there is room (facts §2.2).

use std::sync::atomic::Ordering;

use serde_json::Value;

use super::App;
use super::error::AppError;
use super::step::draft;
use crate::domain::alert::{Attempt, Fault};
use crate::domain::incident::CloseCause;
use crate::domain::time::{DAY_MS, MINUTE_MS};
use crate::store::{Ballast, CallLine, Commit, CommitError, Committed, Lane};

/// Less free room than this is told: 1 GiB.
const LOW_BYTES: u64 = 1 << 30;
/// How often the disk is looked at, and while it is full: people wait for what they made room for.
const LOOK_EVERY_MS: i64 = MINUTE_MS;
const LOOK_EVERY_WHILE_FULL_MS: i64 = 2_000;
/// How often a database that is held by somebody else is asked; each time it waits by itself.
const BUSY_TRIES: u32 = 3;

impl App {
    /// Reserves room on the database's disk.
    ///
    /// # Errors
    /// What the system said: then a full disk ends the process as a broken one does.
    pub fn keep_ballast(&self, ballast: Ballast) -> std::io::Result<()> {
        ballast.keep()?;
        // Set once per process.
        let _second = self.inner.ballast.set(ballast);
        Ok(())
    }

    /// Commits; on a full disk once more on the ballast's room.
    ///
    /// Where somebody else holds the database for some seconds, the way back is not given up for it:
    /// nothing was written, and it is asked again.
    pub(super) async fn commit(&self, mut commit: Commit) -> Result<Committed, CommitError> {
        self.mark_if_drill(&mut commit);
        let mut tries = 1;
        loop {
            match self.inner.store.commit_kept(&commit).await {
                Err(CommitError::Full) if self.disk_is_full() => {
                    return self.inner.store.commit(commit).await;
                }
                Err(CommitError::Overloaded)
                    if commit.lane == Lane::Control && tries < BUSY_TRIES =>
                {
                    tries += 1;
                }
                done => return done,
            }
        }
    }

    /// The same for an entry about a call.
    pub(super) async fn commit_line(&self, call: &CallLine<'_>) -> Result<Committed, CommitError> {
        match self.inner.store.commit_line(call).await {
            Err(CommitError::Full) if self.disk_is_full() => {
                self.inner.store.commit_line(call).await
            }
            done => done,
        }
    }

    /// Whether nothing new may be opened because the disk was full.
    pub(super) fn is_disk_full(&self) -> bool {
        self.inner.memory.disk_full.load(Ordering::SeqCst)
    }

    /// Gives the ballast back and begins the way back; false where no ballast was ever kept.
    pub(super) fn disk_is_full(&self) -> bool {
        let Some(ballast) = self.inner.ballast.get() else {
            return false;
        };
        if self.inner.memory.disk_full.swap(true, Ordering::SeqCst) {
            return true;
        }
        if let Err(error) = ballast.free() {
            tracing::error!(%error, "the ballast could not be given back");
        }
        // Calls are cut at once; what follows needs the log, which has room again.
        let session = self.inner.memory.session();
        let app = self.clone();
        self.spawn(async move {
            let entry = draft("disk.full", [("session", Value::from(session.is_some()))]);
            app.note_attempt(entry, &Attempt::Fault(Fault::DiskFull))
                .await;
            if let Some(session) = session
                && let Err(error) = app.cut(&session.incident, CloseCause::LogLost).await
            {
                tracing::error!(%error, "the session could not be closed on the ballast");
            }
        });
        true
    }

    /// Looks at the disk, now and then: tells when it is low, and takes the ballast back
    /// when there is room again.
    ///
    /// # Errors
    /// A log that cannot be written.
    pub(super) async fn look_at_disk(&self) -> Result<(), AppError> {
        let Some(ballast) = self.inner.ballast.get() else {
            return Ok(());
        };
        let boot_ms = self.inner.clock.boot_ms();
        let every_ms = if self.is_disk_full() {
            LOOK_EVERY_WHILE_FULL_MS
        } else {
            LOOK_EVERY_MS
        };
        if !self.inner.memory.told.tell("disk", boot_ms, every_ms) {
            return Ok(());
        }
        let free = match ballast.free_bytes() {
            Ok(free) => free,
            Err(error) => {
                tracing::error!(%error, "the disk's free room cannot be read");
                return Ok(());
            }
        };
        if self.is_disk_full() && free > ballast.bytes().saturating_mul(2) && ballast.keep().is_ok()
        {
            self.inner.memory.disk_full.store(false, Ordering::SeqCst);
            let entry = draft("disk.room", [("free_bytes", Value::from(free))]);
            self.record(vec![entry], Vec::new(), Vec::new(), None)
                .await?;
        }
        if free < LOW_BYTES && self.inner.memory.told.tell("disk low", boot_ms, DAY_MS) {
            let entry = draft("disk.low", [("free_bytes", Value::from(free))]);
            let fault = Fault::DiskLow {
                free_mib: free >> 20,
            };
            self.note_attempt(entry, &Attempt::Fault(fault)).await;
        }
        Ok(())
    }
}
