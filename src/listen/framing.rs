//! Watches the bytes of a connection for requests that two readers could frame differently.
//!
//! hyper accepts bare line feeds and drops `Content-Length` beside `Transfer-Encoding`, and a
//! handler sees neither. This reader is stricter than hyper, so on what both accept they agree; the
//! first byte it does not accept is turned into NUL, on which hyper answers 400 and closes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Longest line of a head or of a chunk header, in bytes.
const MAX_LINE_BYTES: usize = 64 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    RequestLine,
    Header,
    Body(u64),
    ChunkSize,
    /// Bytes left of a chunk.
    Chunk(u64),
    /// The line end after a chunk.
    ChunkEnd,
    Trailer,
    Broken,
}

/// The request framing of RFC 9112 §6 without its leniencies.
#[derive(Debug)]
pub(super) struct Framing {
    state: State,
    line: Vec<u8>,
    content_length: Option<u64>,
    chunked: bool,
    version_1_0: bool,
}

struct Broken;

impl Framing {
    pub(super) fn new() -> Self {
        Self {
            state: State::RequestLine,
            line: Vec::new(),
            content_length: None,
            chunked: false,
            version_1_0: false,
        }
    }

    /// Steps over fresh bytes; from the first bad byte on they are overwritten with NUL.
    pub(super) fn watch(&mut self, fresh: &mut [u8]) {
        if let Err(at) = self.feed(fresh) {
            self.state = State::Broken;
            fresh[at..].fill(0);
        }
    }

    fn feed(&mut self, fresh: &[u8]) -> Result<(), usize> {
        let mut at = 0;
        while at < fresh.len() {
            match self.state {
                State::Broken => return Err(at),
                State::Body(left) | State::Chunk(left) => {
                    let here = u64::try_from(fresh.len() - at)
                        .unwrap_or(u64::MAX)
                        .min(left);
                    at += usize::try_from(here).map_err(|_| at)?;
                    self.state = self.after_data(left - here);
                }
                _ => {
                    self.line_byte(fresh[at]).map_err(|Broken| at)?;
                    at += 1;
                }
            }
        }
        Ok(())
    }

    fn after_data(&self, left: u64) -> State {
        match (self.state, left) {
            (State::Body(_), 0) => State::RequestLine,
            (State::Body(_), left) => State::Body(left),
            (_, 0) => State::ChunkEnd,
            (_, left) => State::Chunk(left),
        }
    }

    /// One byte of a line; lines end with CR LF and hold neither alone.
    fn line_byte(&mut self, byte: u8) -> Result<(), Broken> {
        let after_return = self.line.last() == Some(&b'\r');
        let must_be_empty = matches!(self.state, State::ChunkEnd | State::Trailer);
        match byte {
            b'\n' if after_return => {
                self.line.pop();
                let line = std::mem::take(&mut self.line);
                self.state = self.line_done(&line)?;
                Ok(())
            }
            b'\n' => Err(Broken),
            _ if must_be_empty && byte != b'\r' => Err(Broken),
            _ if after_return || self.line.len() >= MAX_LINE_BYTES => Err(Broken),
            _ => {
                self.line.push(byte);
                Ok(())
            }
        }
    }

    fn line_done(&mut self, line: &[u8]) -> Result<State, Broken> {
        match self.state {
            State::RequestLine => self.request_line(line),
            State::Header if line.is_empty() => self.head_done(),
            State::Header => self.header(line).map(|()| State::Header),
            State::ChunkSize => chunk_size(line),
            State::ChunkEnd if line.is_empty() => Ok(State::ChunkSize),
            State::Trailer if line.is_empty() => Ok(State::RequestLine),
            // Trailers would be headers that no check has seen.
            _ => Err(Broken),
        }
    }

    fn request_line(&mut self, line: &[u8]) -> Result<State, Broken> {
        self.content_length = None;
        self.chunked = false;
        self.version_1_0 = line.ends_with(b" HTTP/1.0");
        if self.version_1_0 || line.ends_with(b" HTTP/1.1") {
            Ok(State::Header)
        } else {
            Err(Broken)
        }
    }

    fn header(&mut self, line: &[u8]) -> Result<(), Broken> {
        let colon = line.iter().position(|byte| *byte == b':').ok_or(Broken)?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        // Also refuses folded lines and a space before the colon.
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
            return Err(Broken);
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            if self.content_length.is_some() {
                return Err(Broken);
            }
            self.content_length = Some(number(value, 10)?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            let plain = value.eq_ignore_ascii_case(b"chunked");
            if self.chunked || self.version_1_0 || !plain {
                return Err(Broken);
            }
            self.chunked = true;
        }
        Ok(())
    }

    fn head_done(&self) -> Result<State, Broken> {
        match (self.chunked, self.content_length) {
            (true, Some(_)) => Err(Broken),
            (true, None) => Ok(State::ChunkSize),
            (false, None | Some(0)) => Ok(State::RequestLine),
            (false, Some(length)) => Ok(State::Body(length)),
        }
    }
}

/// A chunk header; extensions are refused, since readers cut them differently.
fn chunk_size(line: &[u8]) -> Result<State, Broken> {
    match number(line, 16)? {
        0 => Ok(State::Trailer),
        size => Ok(State::Chunk(size)),
    }
}

/// Digits only: no sign, no blanks, at most fifteen.
fn number(text: &[u8], radix: u32) -> Result<u64, Broken> {
    let digits =
        (1..=15).contains(&text.len()) && text.iter().all(|byte| char::from(*byte).is_digit(radix));
    let text = std::str::from_utf8(text).map_err(|_| Broken)?;
    if !digits {
        return Err(Broken);
    }
    u64::from_str_radix(text, radix).map_err(|_| Broken)
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// A stream whose read side is watched.
#[derive(Debug)]
pub(super) struct Watched<S> {
    inner: S,
    framing: Framing,
}

impl<S> Watched<S> {
    pub(super) fn new(inner: S) -> Self {
        Self {
            inner,
            framing: Framing::new(),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        self.framing.watch(&mut buffer.filled_mut()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn accepted(text: &str) -> bool {
        let mut bytes = text.as_bytes().to_vec();
        Framing::new().watch(&mut bytes);
        bytes == text.as_bytes()
    }

    #[test]
    fn plain_requests_pass_one_after_another() {
        assert!(accepted(
            "POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /b HTTP/1.1\r\n\r\n\
             POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\nGET /"
        ));
    }

    #[test]
    fn ambiguous_framing_is_broken() {
        for text in [
            "GET / HTTP/1.1\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n",
            "GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
            "GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
            "GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\n",
            "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc",
            "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n",
            "GET / HTTP/1.1\r\n folded\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\n\r\n",
        ] {
            assert!(!accepted(text), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn the_verdict_does_not_depend_on_how_the_bytes_arrive(
            text in "(GET / HTTP/1.1\r\n|A: b\r\n|Content-Length: 2\r\n|\r\n|ab|\n|0|2|Transfer-Encoding: chunked\r\n){0,12}",
            cut in 0usize..80,
        ) {
            let mut whole = text.as_bytes().to_vec();
            Framing::new().watch(&mut whole);
            let mut parts = text.as_bytes().to_vec();
            let cut = cut.min(parts.len());
            let mut framing = Framing::new();
            framing.watch(&mut parts[..cut]);
            framing.watch(&mut parts[cut..]);
            prop_assert_eq!(whole, parts);
        }
    }
}
