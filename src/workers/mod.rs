//! Loops that only call `app` on a schedule. They decide nothing, and end when told to.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::app::deliver::Told;

/// How often incidents notice what time it is.
const TICK: Duration = Duration::from_millis(500);
/// How often the outbox is looked at when nothing wakes it: retries become due by time.
const OUTBOX: Duration = Duration::from_secs(1);
/// How often the log gets a sign of life while nothing else happens.
const HEARTBEAT: Duration = Duration::from_secs(3_600);

/// Starts every loop.
pub fn start(app: &App, stop: &CancellationToken, tasks: &TaskTracker) {
    tasks.spawn(check(app.clone(), stop.clone()));
    tasks.spawn(writer(app.clone(), stop.clone()));
    tasks.spawn(time(app.clone(), stop.clone()));
    tasks.spawn(outbox(app.clone(), stop.clone()));
    tasks.spawn(heartbeat(app.clone(), stop.clone()));
    tasks.spawn(monitor(app.clone(), stop.clone()));
}

/// The whole log, once, beside everything else.
async fn check(app: App, stop: CancellationToken) {
    tokio::select! {
        () = app.check_whole_log() => {}
        () = stop.cancelled() => {}
    }
}

/// A writer that stops while nobody writes is noticed all the same.
async fn writer(app: App, stop: CancellationToken) {
    tokio::select! {
        () = app.follow_writer() => {}
        () = stop.cancelled() => {}
    }
}

async fn time(app: App, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            () = stop.cancelled() => return,
        }
        if let Err(error) = app.tick().await {
            tracing::error!(%error, "time could not be noticed");
        }
    }
}

async fn outbox(app: App, stop: CancellationToken) {
    let mut told = Told::default();
    loop {
        tokio::select! {
            () = app.outbox_changed() => {}
            () = tokio::time::sleep(OUTBOX) => {}
            () = stop.cancelled() => return,
        }
        if let Err(error) = app.deliver_due(&mut told).await {
            tracing::error!(%error, "the outbox could not be worked off");
        }
    }
}

async fn heartbeat(app: App, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(HEARTBEAT) => {}
            () = stop.cancelled() => return,
        }
        if let Err(error) = app.beat().await {
            tracing::error!(%error, "no sign of life could be written");
        }
    }
}

async fn monitor(app: App, stop: CancellationToken) {
    loop {
        // At once after a start: whoever restarts the vault sees whether the monitor hears it.
        if let Err(error) = app.call_heartbeat().await {
            tracing::warn!(%error, "the outside monitor was not reached");
        }
        tokio::select! {
            () = tokio::time::sleep(app.heartbeat_pause()) => {}
            () = stop.cancelled() => return,
        }
    }
}
