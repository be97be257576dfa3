//! Tells the service manager how the process stands (sd_notify, one datagram each). Without a
//! manager nothing happens.

use std::time::Duration;

/// The vault listens.
pub(super) fn ready() {
    tell("READY=1");
    tell("STATUS=active: listening");
}

/// Another process is active. Standing by is what this one was started for, and may last for
/// months: a manager that waited for more would hold up the start of its host.
pub(super) fn standing_by(why: &str) {
    tell("READY=1");
    // One line: what follows a line end would be read as another assignment.
    tell(&format!("STATUS={}", why.replace('\n', " ")));
}

/// The vault ends; closing and rotating may take minutes.
pub(super) fn stopping() {
    tell("STOPPING=1");
    tell("STATUS=ending: an open session is closed and rotated first");
}

/// How often the service manager wants a sign of life: twice within `WATCHDOG_USEC`. `None` where
/// it wants none, or wants it from another process.
pub(super) fn watchdog_pause() -> Option<Duration> {
    let number = |name| std::env::var_os(name)?.to_str()?.parse::<u64>().ok();
    let ours = number("WATCHDOG_PID").is_none_or(|id| id == u64::from(std::process::id()));
    let limit_us = number("WATCHDOG_USEC").filter(|limit_us| *limit_us > 0)?;
    ours.then(|| Duration::from_micros(limit_us / 2))
}

/// The process still works.
pub(super) fn alive() {
    tell("WATCHDOG=1");
}

#[cfg(unix)]
fn tell(state: &str) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let sent = std::os::unix::net::UnixDatagram::unbound()
        .and_then(|socket| socket.send_to(state.as_bytes(), path));
    if let Err(error) = sent {
        // The manager waits in vain, and says so itself.
        tracing::warn!(%error, state, "the service manager could not be told");
    }
}

#[cfg(not(unix))]
fn tell(_state: &str) {}
