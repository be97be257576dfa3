//! Tells the service manager how the process stands (sd_notify, one datagram each). Without a
//! manager nothing happens.

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
