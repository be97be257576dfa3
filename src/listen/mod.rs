//! Accept loop and TLS for both doors. Imports nothing of ours.
//!
//! hyper's `http1` only, with limits on everything a stranger can hold open: connections, header
//! time, header size, body pace, write stalls. What two readers of one request could frame
//! differently is refused here, before any handler. Knows no session and no route.

mod accept;
mod body;
mod checks;
mod framing;
mod hosts;
mod stall;
mod tls;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;

pub use accept::{Bound, ListenError};
pub use body::{BodyError, Paced};
pub use checks::Refusal;
pub use hosts::{Handler, Hosts, Observer, handler};
pub use tls::{TlsError, tls_config};

/// Any error of a reply body; it ends the connection.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// The body of a request as handlers get it: paced, so a slow sender cannot hold a call open.
pub type RequestBody = Paced<hyper::body::Incoming>;
/// The body of a reply.
pub type ReplyBody = UnsyncBoxBody<Bytes, BoxError>;

/// Who is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Source address as the kernel saw it.
    pub address: SocketAddr,
    /// Whether the connection is TLS.
    pub tls: bool,
}

/// What one listener allows. The defaults are measured (hyper 1.x leaves a half body open forever).
#[derive(Debug, Clone)]
pub struct Limits {
    /// Time for a request head, and for idling between requests.
    pub header: Duration,
    /// Time for a TLS handshake.
    pub handshake: Duration,
    /// Longest pause between two pieces of a request body.
    pub body_idle: Duration,
    /// From when on a request body must have kept [`Limits::body_bytes_per_second`].
    pub body_grace: Duration,
    /// Slowest mean pace of a request body after the grace, in bytes per second.
    pub body_bytes_per_second: u64,
    /// Longest time a reply may stall because the client does not read.
    pub write_stall: Duration,
    /// How long connections may finish after a shutdown was asked for.
    pub drain: Duration,
    /// Most connections at once.
    pub connections: usize,
    /// Most connections from one address.
    pub connections_per_peer: usize,
    /// Most connections from a loopback address, where one host is many clients.
    pub connections_per_loopback_peer: usize,
    /// Most headers in one request.
    pub headers: usize,
    /// Largest request head, in bytes.
    pub head_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(5),
            handshake: Duration::from_secs(10),
            body_idle: Duration::from_secs(30),
            body_grace: Duration::from_secs(60),
            body_bytes_per_second: 1024,
            write_stall: Duration::from_secs(30),
            drain: Duration::from_secs(2),
            connections: 512,
            connections_per_peer: 32,
            connections_per_loopback_peer: 512,
            headers: 64,
            head_bytes: 64 * 1024,
        }
    }
}
