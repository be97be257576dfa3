//! The accept loop: counts connections, shakes hands, serves with hyper's `http1`, drains at the end.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::framing::Watched;
use super::stall::Stall;
use super::{Hosts, Limits, Paced, Peer, Refusal, ReplyBody, checks};

/// Why a listener could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// Plain http anywhere but on loopback would send tokens in the clear.
    #[error("plain http is served on loopback only, not on {0}")]
    PlainOutsideLoopback(SocketAddr),
}

/// A bound listener that does not accept yet.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
}

impl Bound {
    /// Binds an address; without TLS only on loopback.
    ///
    /// # Errors
    /// [`ListenError`] when the address cannot be bound or would serve plain http to the network.
    pub async fn bind(
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
    ) -> Result<Self, ListenError> {
        if tls.is_none() && !address.ip().is_loopback() {
            return Err(ListenError::PlainOutsideLoopback(address));
        }
        let bind = |source| ListenError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        Ok(Self {
            listener,
            address,
            tls,
        })
    }

    /// The address really bound; tells the port that port 0 became.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`, then lets connections finish for [`Limits::drain`] and cuts the rest.
    pub async fn serve(self, hosts: Hosts, limits: Limits, stop: CancellationToken) {
        let tracker = TaskTracker::new();
        let cut = CancellationToken::new();
        let door = Arc::new(Door {
            hosts,
            counts: Counts::default(),
            tls: self.tls.map(TlsAcceptor::from),
            limits,
            stop: stop.clone(),
            cut: cut.clone(),
        });
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stop.cancelled() => break,
            };
            match accepted {
                Ok((stream, address)) => {
                    // Over the limit: dropped at once, which the peer sees as a closed connection.
                    if let Some(seat) = Seat::take(&door, address.ip()) {
                        let door = Arc::clone(&door);
                        tracker.spawn(async move { door.connection(stream, address, seat).await });
                    }
                }
                // Out of descriptors, mostly: wait until connections have gone.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
        drop(self.listener);
        tracker.close();
        let drained = tokio::time::timeout(door.limits.drain, tracker.wait()).await;
        if drained.is_err() {
            cut.cancel();
            tracker.wait().await;
        }
    }
}

struct Door {
    hosts: Hosts,
    counts: Counts,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    stop: CancellationToken,
    cut: CancellationToken,
}

#[derive(Default)]
struct Counts {
    by_peer: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection's place in the counts; given back when dropped.
struct Seat {
    door: Arc<Door>,
    peer: IpAddr,
}

impl Seat {
    fn take(door: &Arc<Door>, peer: IpAddr) -> Option<Self> {
        let mut by_peer = door.counts.lock();
        let limits = &door.limits;
        let most = if peer.is_loopback() {
            limits.connections_per_loopback_peer
        } else {
            limits.connections_per_peer
        };
        let all: usize = by_peer.values().sum();
        let own = by_peer.get(&peer).copied().unwrap_or(0);
        if all >= limits.connections || own >= most {
            return None;
        }
        by_peer.insert(peer, own + 1);
        drop(by_peer);
        Some(Self {
            door: Arc::clone(door),
            peer,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut by_peer = self.door.counts.lock();
        match by_peer.get(&self.peer).copied() {
            Some(count) if count > 1 => {
                by_peer.insert(self.peer, count - 1);
            }
            _ => {
                by_peer.remove(&self.peer);
            }
        }
    }
}

impl Counts {
    /// The counts stay true even if a holder panicked: every change is one insert or remove.
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.by_peer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Door {
    async fn connection(self: Arc<Self>, stream: TcpStream, address: SocketAddr, seat: Seat) {
        // Replies are small and people wait for them; losing this only costs time.
        let _ = stream.set_nodelay(true);
        let stream = Stall::new(stream, self.limits.write_stall);
        let cut = self.cut.clone();
        let work = async {
            match &self.tls {
                None => {
                    self.http(
                        stream,
                        Peer {
                            address,
                            tls: false,
                        },
                    )
                    .await
                }
                Some(acceptor) => {
                    let handshake = acceptor.accept(stream);
                    let shaken = tokio::time::timeout(self.limits.handshake, handshake).await;
                    if let Ok(Ok(stream)) = shaken {
                        self.http(stream, Peer { address, tls: true }).await;
                    }
                }
            }
        };
        tokio::select! {
            () = work => {}
            () = cut.cancelled() => {}
        }
        drop(seat);
    }

    async fn http<S>(&self, stream: S, peer: Peer)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(|request| self.answer(request, peer));
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header)
            .max_headers(self.limits.headers)
            .max_buf_size(self.limits.head_bytes)
            .serve_connection(TokioIo::new(Watched::new(stream)), service);
        let mut connection = std::pin::pin!(connection);
        // An error here is the peer's: broken framing (answered 400), a timeout, or gone.
        tokio::select! {
            ended = connection.as_mut() => {
                if ended.is_err_and(|error| error.is_parse()) {
                    self.hosts.refused(Refusal::Framing, peer);
                }
            }
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        peer: Peer,
    ) -> Result<Response<ReplyBody>, Infallible> {
        let found = checks::check(&request)
            .and_then(|name| self.hosts.find(&name).ok_or(Refusal::UnknownHost));
        match found {
            Ok(handler) => {
                let request = request.map(|body| Paced::new(body, &self.limits));
                Ok(handler(request, peer).await)
            }
            Err(refusal) => {
                tracing::info!(peer = %peer.address, refusal = ?refusal, "request refused");
                self.hosts.refused(refusal, peer);
                Ok(refused(refusal))
            }
        }
    }
}

/// The answer to a request that reached no handler; the connection ends with it, so that nothing
/// behind it is read in another frame.
fn refused(refusal: Refusal) -> Response<ReplyBody> {
    let body = Full::new(bytes::Bytes::from_static(refusal.sentence().as_bytes()))
        .map_err(|never| match never {})
        .boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = refusal.status();
    debug_assert_ne!(response.status(), StatusCode::OK);
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
