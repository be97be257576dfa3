//! The one response body type: pieces in memory, of known or unknown length, that may break off.
//!
//! Must not know: what the bytes mean.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// Pieces still to be sent.
#[derive(Debug, Default)]
pub struct SimBody {
    pieces: VecDeque<Bytes>,
    declared: Option<u64>,
    breaks: bool,
    rested: bool,
}

impl SimBody {
    /// A body whose length is declared.
    pub fn sized(pieces: Vec<Bytes>) -> Self {
        let declared = pieces.iter().map(|piece| piece.len() as u64).sum();
        Self {
            pieces: pieces.into(),
            declared: Some(declared),
            breaks: false,
            rested: false,
        }
    }

    /// A body sent with `Transfer-Encoding: chunked`, one chunk for each piece.
    pub fn chunked(pieces: Vec<Bytes>) -> Self {
        Self {
            pieces: pieces.into(),
            declared: None,
            breaks: false,
            rested: false,
        }
    }

    /// Declares the whole length, sends the first half and resets the connection.
    pub fn broken(pieces: Vec<Bytes>) -> Self {
        let total: usize = pieces.iter().map(Bytes::len).sum();
        let mut left = total / 2;
        let mut kept = VecDeque::new();
        for piece in pieces {
            let take = piece.len().min(left);
            left -= take;
            kept.push_back(piece.slice(..take));
        }
        Self {
            pieces: kept,
            declared: Some(total.max(1) as u64),
            breaks: true,
            rested: false,
        }
    }
}

impl Body for SimBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        while let Some(piece) = self.pieces.pop_front() {
            if piece.is_empty() {
                continue;
            }
            if !self.breaks
                && let Some(left) = self.declared.as_mut()
            {
                *left -= piece.len() as u64;
            }
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        if self.breaks {
            if !std::mem::replace(&mut self.rested, true) {
                // Lets hyper flush what it holds; an error now would take the head with it.
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            return Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())));
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && !self.breaks
    }

    fn size_hint(&self) -> SizeHint {
        self.declared
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
