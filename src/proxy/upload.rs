//! A request body on its way to Databricks: hashed as it goes, cut at close.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Why an upload broke off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    /// The session was closed.
    #[error("the session was closed during the upload")]
    Cut,
    /// The client stopped sending or sent too slowly.
    #[error("the client did not finish its upload")]
    Client,
}

/// What was sent so far; read after the reply for the `call.end` entry.
#[derive(Debug, Clone, Default)]
pub struct Sent {
    inner: Arc<Mutex<(Sha256, u64)>>,
    broken_by_client: Arc<AtomicBool>,
}

impl Sent {
    /// Bytes sent and their SHA-256.
    pub fn so_far(&self) -> (u64, [u8; 32]) {
        let sent = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        (sent.1, sent.0.clone().finalize().into())
    }

    /// Whether the client stopped sending before the end.
    pub fn is_broken_by_client(&self) -> bool {
        self.broken_by_client.load(Ordering::Acquire)
    }
}

/// The body adaptor.
pub struct Upload<B> {
    inner: B,
    sent: Sent,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl<B> Upload<B> {
    /// Wraps a request body; the second value tells what was sent.
    pub fn new(inner: B, cut: CancellationToken) -> (Self, Sent) {
        let sent = Sent::default();
        let body = Self {
            inner,
            sent: sent.clone(),
            cut: Box::pin(cut.cancelled_owned()),
        };
        (body, sent)
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Upload<B> {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        let this = &mut *self;
        if this.cut.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(UploadError::Cut)));
        }
        match Pin::new(&mut this.inner).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(piece) = frame.data_ref() {
                    let mut sent = this
                        .sent
                        .inner
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner);
                    sent.0.update(piece);
                    sent.1 += u64::try_from(piece.len()).unwrap_or(u64::MAX);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(_))) => {
                this.sent.broken_by_client.store(true, Ordering::Release);
                Poll::Ready(Some(Err(UploadError::Client)))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt, Full};

    #[tokio::test]
    async fn what_was_sent_is_hashed() {
        let (body, sent) = Upload::new(
            Full::new(Bytes::from_static(b"abc")),
            CancellationToken::new(),
        );
        assert_eq!(body.collect().await.unwrap().to_bytes(), "abc");
        assert_eq!(sent.so_far(), (3, Sha256::digest(b"abc").into()));
    }

    #[tokio::test]
    async fn a_cut_session_sends_nothing_more() {
        let cut = CancellationToken::new();
        let (body, sent) = Upload::new(Full::new(Bytes::from_static(b"abc")), cut.clone());
        cut.cancel();
        assert_eq!(body.collect().await.unwrap_err(), UploadError::Cut);
        assert_eq!(sent.so_far().0, 0);
    }
}
