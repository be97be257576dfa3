//! Which handler serves which host name.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use hyper::{Request, Response};

use super::{Peer, Refusal, ReplyBody, RequestBody};

type Reply = Pin<Box<dyn Future<Output = Response<ReplyBody>> + Send>>;

/// One door: gets every acceptable request for its host names.
pub type Handler = Arc<dyn Fn(Request<RequestBody>, Peer) -> Reply + Send + Sync>;

/// Is told of every request that reached no handler; must not wait.
pub type Observer = Arc<dyn Fn(Refusal, Peer) + Send + Sync>;

/// Makes a [`Handler`] of an async function.
pub fn handler<F, Fut>(function: F) -> Handler
where
    F: Fn(Request<RequestBody>, Peer) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Response<ReplyBody>> + Send + 'static,
{
    Arc::new(move |request, peer| Box::pin(function(request, peer)))
}

/// The host names of one listener; any other Host is answered 421.
#[derive(Clone, Default)]
pub struct Hosts {
    names: BTreeMap<String, Handler>,
    observer: Option<Observer>,
}

impl std::fmt::Debug for Hosts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.names.keys()).finish()
    }
}

impl Hosts {
    /// No host at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// Serves one more host name (without a port; an IPv6 address in brackets).
    #[must_use]
    pub fn with(mut self, name: &str, handler: Handler) -> Self {
        self.names.insert(name.to_ascii_lowercase(), handler);
        self
    }

    /// Who is told of requests that reach no handler.
    #[must_use]
    pub fn watched_by(mut self, observer: Observer) -> Self {
        self.observer = Some(observer);
        self
    }

    pub(super) fn refused(&self, refusal: Refusal, peer: Peer) {
        if let Some(observer) = &self.observer {
            observer(refusal, peer);
        }
    }

    pub(super) fn find(&self, name: &str) -> Option<Handler> {
        self.names.get(name).cloned()
    }
}
