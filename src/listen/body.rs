//! A request body that must keep moving.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

/// Why a request body ended early.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Nothing came for the whole pause allowed.
    #[error("the request body paused for more than {0:?}")]
    Idle(Duration),
    /// Slower than the smallest mean pace.
    #[error("the request body came slower than {0} bytes per second")]
    Slow(u64),
    /// The connection broke or the framing was bad.
    #[error("the request body could not be read")]
    Broken(#[source] hyper::Error),
}

/// A body with a limit on pauses and on its mean pace.
#[derive(Debug)]
pub struct Paced<B> {
    inner: B,
    idle: Duration,
    grace: Duration,
    bytes_per_second: u64,
    started: Instant,
    seen_bytes: u64,
    waiting: bool,
    timer: Pin<Box<Sleep>>,
}

impl<B> Paced<B> {
    pub(super) fn new(inner: B, limits: &super::Limits) -> Self {
        Self {
            inner,
            idle: limits.body_idle,
            grace: limits.body_grace,
            bytes_per_second: limits.body_bytes_per_second,
            started: Instant::now(),
            seen_bytes: 0,
            waiting: false,
            timer: Box::pin(sleep(limits.body_idle)),
        }
    }

    fn too_slow(&self) -> bool {
        let elapsed = self.started.elapsed();
        elapsed > self.grace && self.seen_bytes < elapsed.as_secs() * self.bytes_per_second
    }
}

impl<B> Body for Paced<B>
where
    B: Body<Data = Bytes, Error = hyper::Error> + Unpin,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match Pin::new(&mut self.inner).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                self.waiting = false;
                let length = frame.data_ref().map_or(0, Bytes::len);
                self.seen_bytes += u64::try_from(length).unwrap_or(u64::MAX);
                if self.too_slow() {
                    return Poll::Ready(Some(Err(BodyError::Slow(self.bytes_per_second))));
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(BodyError::Broken(error)))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                if !self.waiting {
                    self.waiting = true;
                    let idle = self.idle;
                    self.timer.as_mut().reset(Instant::now() + idle);
                }
                match self.timer.as_mut().poll(context) {
                    Poll::Ready(()) => Poll::Ready(Some(Err(BodyError::Idle(self.idle)))),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
