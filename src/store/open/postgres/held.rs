//! The lock while it is held: its connection says every second that somebody lives here.
//!
//! The server ends a connection that stands still, so a process that is frozen, or cut off, loses
//! the lock within seconds and another one may take it. Who lost it hears of it here, and never
//! writes again: its writer epoch is old by then.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Executor as _};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::store::error::StoreError;

/// How often the connection is used.
const BEAT: Duration = Duration::from_secs(1);
/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long the server lets the lock's connection stand still: long enough for a host that is
/// merely busy. A process that ends loses it at once.
const STILL: &str = "SET idle_session_timeout = '12s'";
/// The one lock of this session, and any other.
const RELEASE: &str = "SELECT pg_advisory_unlock_all()";

/// A lock that is ours until it is released or lost.
pub(in crate::store) struct Held {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    lost: CancellationToken,
}

impl Held {
    /// Keeps the connection that took the lock.
    pub(super) async fn keep(mut connection: PgConnection) -> Result<Self, StoreError> {
        connection.execute(STILL).await?;
        let (stop, stopped) = oneshot::channel();
        let lost = CancellationToken::new();
        let task = tokio::spawn(beat(connection, stopped, lost.clone()));
        Ok(Self { stop, task, lost })
    }

    /// Told when the lock is not ours any more.
    pub(in crate::store) fn lost(&self) -> CancellationToken {
        self.lost.clone()
    }

    /// Gives it back, and waits until the server knows.
    pub(in crate::store) async fn release(self) {
        drop(self.stop);
        // A task that ended before lost the lock; one that was thrown away with its runtime
        // closed the connection.
        let _ended_already = self.task.await;
    }
}

async fn beat(
    mut connection: PgConnection,
    mut stopped: oneshot::Receiver<()>,
    lost: CancellationToken,
) {
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            () = tokio::time::sleep(BEAT) => {}
        }
        match tokio::time::timeout(PATIENCE, connection.execute("SELECT 1")).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                tracing::error!(%error, "the lock on the database is lost");
                return lost.cancel();
            }
            Err(_) => {
                tracing::error!("the database does not answer; its lock counts as lost");
                return lost.cancel();
            }
        }
    }
    // The server hears of a closed connection in its own time, and on a busy host whoever starts
    // next would find the lock still taken. Where there is no answer, the server is gone as well.
    let _ = tokio::time::timeout(PATIENCE, connection.execute(RELEASE)).await;
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "the lock's connection did not close cleanly");
    }
}
