//! A reply body on its way to the client: hashed, scanned for secrets, cut at close, and its end
//! held back until the entry about it is durable.
//!
//! No client can own a complete reply that is not in the log: the last [`HOLD_BACK_BYTES`] wait for
//! `finish`. The hold-back is also longer than any spelling of a secret, so a leak is found before
//! its first byte leaves. For streams only: a reply without a body is never polled.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// How much of a stream waits for its entry, in bytes.
pub const HOLD_BACK_BYTES: usize = 16 * 1024;

/// Takes the next piece of the reply; true once a secret ends within what it was fed. Its secrets'
/// spellings must be shorter than [`HOLD_BACK_BYTES`].
pub type Scan = Box<dyn FnMut(&[u8]) -> bool + Send>;

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Everything came.
    Complete,
    /// A secret was found; the rest was dropped.
    Leaked,
    /// The session was closed.
    Cut,
    /// Databricks sent nothing for the whole idle limit.
    Idle,
    /// The connection to Databricks broke.
    Broken,
    /// The client went away.
    ClientGone,
}

/// What the entry about the end of a stream says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// How it ended.
    pub how: How,
    /// Bytes received from Databricks.
    pub bytes: u64,
    /// SHA-256 of those bytes.
    pub sha256: [u8; 32],
}

/// Why a client sees its stream break off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeldError {
    /// The stream did not end well.
    #[error("the reply ended early: {0:?}")]
    Ended(How),
    /// The entry about the end could not be made durable.
    #[error("the end of the reply could not be logged")]
    NotLogged,
}

type Logged = Pin<Box<dyn Future<Output = Result<(), HeldError>> + Send>>;
/// Makes the end durable; called exactly once for every stream, also when the client goes away.
pub type Finish = Box<dyn FnOnce(Ended) -> Logged + Send>;

enum State {
    Flowing(Finish),
    Finishing(Logged, How),
    Draining,
    Done,
}

/// The body adaptor.
pub struct Held<B> {
    inner: B,
    state: State,
    scan: Scan,
    hasher: Sha256,
    received_bytes: u64,
    held: VecDeque<Bytes>,
    held_bytes: usize,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    idle: Duration,
    idle_timer: Pin<Box<Sleep>>,
}

impl<B> Held<B> {
    /// Wraps a reply body.
    pub fn new(
        inner: B,
        scan: Scan,
        cut: CancellationToken,
        idle: Duration,
        finish: Finish,
    ) -> Self {
        Self {
            inner,
            state: State::Flowing(finish),
            scan,
            hasher: Sha256::new(),
            received_bytes: 0,
            held: VecDeque::new(),
            held_bytes: 0,
            cut: Box::pin(cut.cancelled_owned()),
            idle,
            idle_timer: Box::pin(sleep(idle)),
        }
    }

    /// Flowing → Finishing. A crash from here on leaves the call open in the log, which recovery
    /// turns into `call.lost`; the client has not got the end.
    fn finish(&mut self, how: How) {
        if let State::Flowing(finish) = std::mem::replace(&mut self.state, State::Done) {
            let ended = Ended {
                how,
                bytes: self.received_bytes,
                sha256: self.hasher.clone().finalize().into(),
            };
            if how != How::Complete {
                self.held.clear();
                self.held_bytes = 0;
            }
            self.state = State::Finishing(finish(ended), how);
        }
    }

    fn take(&mut self, piece: Bytes) {
        self.hasher.update(&piece);
        self.received_bytes += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        if (self.scan)(&piece) {
            self.finish(How::Leaked);
            return;
        }
        self.held_bytes += piece.len();
        self.held.push_back(piece);
        let idle = self.idle;
        self.idle_timer.as_mut().reset(Instant::now() + idle);
    }

    /// The next piece that may leave while `keep` bytes stay.
    fn release(&mut self, keep: usize) -> Option<Frame<Bytes>> {
        let free = self.held_bytes.checked_sub(keep).filter(|free| *free > 0)?;
        let first = self.held.front_mut()?;
        let piece = first.split_to(first.len().min(free));
        if first.is_empty() {
            self.held.pop_front();
        }
        self.held_bytes -= piece.len();
        Some(Frame::data(piece))
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Held<B> {
    type Data = Bytes;
    type Error = HeldError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HeldError>>> {
        let this = &mut *self;
        loop {
            match &mut this.state {
                State::Flowing(_) => {
                    if this.cut.as_mut().poll(context).is_ready() {
                        this.finish(How::Cut);
                        continue;
                    }
                    if let Some(frame) = this.release(HOLD_BACK_BYTES) {
                        return Poll::Ready(Some(Ok(frame)));
                    }
                    match Pin::new(&mut this.inner).poll_frame(context) {
                        // Trailers would be headers that no list has seen.
                        Poll::Ready(Some(Ok(frame))) => {
                            if let Ok(piece) = frame.into_data() {
                                this.take(piece);
                            }
                        }
                        Poll::Ready(Some(Err(_))) => this.finish(How::Broken),
                        Poll::Ready(None) => this.finish(How::Complete),
                        Poll::Pending => {
                            ready!(this.idle_timer.as_mut().poll(context));
                            this.finish(How::Idle);
                        }
                    }
                }
                State::Finishing(logged, how) => {
                    let how = *how;
                    let durable = ready!(logged.as_mut().poll(context));
                    match (durable, how) {
                        (Ok(()), How::Complete) => this.state = State::Draining,
                        (result, how) => {
                            this.state = State::Done;
                            let error = result.err().unwrap_or(HeldError::Ended(how));
                            return Poll::Ready(Some(Err(error)));
                        }
                    }
                }
                State::Draining => {
                    if let Some(frame) = this.release(0) {
                        return Poll::Ready(Some(Ok(frame)));
                    }
                    this.state = State::Done;
                }
                State::Done => return Poll::Ready(None),
            }
        }
    }
}

impl<B> Drop for Held<B> {
    /// A client that goes away must not leave a call without an end.
    fn drop(&mut self) {
        self.finish(How::ClientGone);
        if let State::Finishing(logged, _) = std::mem::replace(&mut self.state, State::Done)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            // Outside a runtime the process is ending, and recovery writes `call.lost`.
            runtime.spawn(logged);
        }
    }
}

#[cfg(test)]
mod tests;
