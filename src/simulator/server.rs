//! The accept loop: hyper HTTP/1.1 with its own timeouts, plain or TLS.
//!
//! Must not know: paths.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::state::State;
use super::{StartError, router};

/// Binds and serves until `stopped` turns true.
pub async fn listen(
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    state: Arc<State>,
    stopped: watch::Receiver<bool>,
) -> Result<SocketAddr, StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    tokio::spawn(accept(listener, tls, state, stopped));
    Ok(bound)
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    state: Arc<State>,
    mut stopped: watch::Receiver<bool>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stop| *stop) => return,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of file descriptors or an aborted handshake: let others finish first.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        // Small replies must not wait for an acknowledgement.
        let _ = stream.set_nodelay(true);
        let (tls, state, mut stopped) = (tls.clone(), state.clone(), stopped.clone());
        tokio::spawn(async move {
            let serving = async {
                match tls {
                    None => connection(stream, "http", peer, state).await,
                    Some(acceptor) => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            connection(stream, "https", peer, state).await;
                        }
                    }
                }
            };
            tokio::select! {
                () = serving => {}
                _ = stopped.wait_for(|stop| *stop) => {}
            }
        });
    }
}

async fn connection<S>(stream: S, scheme: &'static str, peer: SocketAddr, state: Arc<State>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let state = state.clone();
        async move { router::serve(&state, scheme, peer, request).await }
    });
    // An error here is the client's hang-up or a fault that was asked for.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(120))
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
