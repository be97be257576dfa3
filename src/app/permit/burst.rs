//! Counting what comes too often to be written one by one.

use std::net::IpAddr;

/// Length of one window.
pub(in crate::app) const WINDOW_MS: i64 = 1_000;

/// Events of one kind within a window: the first few are written, the rest counted.
#[derive(Debug, Default)]
pub(in crate::app) struct Burst {
    began_ms: Option<i64>,
    seen: u32,
    counted: u64,
}

/// What to do about one more event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum Noted {
    /// Write it.
    Write,
    /// It was counted as the first: somebody must [`Burst::take`] after the window.
    First,
    /// It was counted.
    Counted,
}

impl Burst {
    /// Notes an event; the first `most` of a window are to be written.
    pub(in crate::app) fn note(&mut self, now_ms: i64, most: u32) -> Noted {
        if self.is_over(now_ms) {
            self.began_ms = Some(now_ms);
            self.seen = 0;
        }
        self.seen = self.seen.saturating_add(1);
        if self.seen <= most {
            return Noted::Write;
        }
        self.counted += 1;
        if self.counted == 1 {
            Noted::First
        } else {
            Noted::Counted
        }
    }

    /// Whether its window is over.
    pub(in crate::app) fn is_over(&self, now_ms: i64) -> bool {
        let began = self.began_ms;
        began.is_none_or(|began| now_ms - began >= WINDOW_MS)
    }

    /// Takes the count out.
    pub(in crate::app) fn take(&mut self) -> u64 {
        std::mem::take(&mut self.counted)
    }
}

/// Addresses remembered per window; who comes from more is known to come from everywhere.
const MOST_PEERS: usize = 16;

/// Who came without a token of ours, within a window.
#[derive(Debug, Default)]
pub(in crate::app) struct Strangers {
    burst: Burst,
    peers: Vec<IpAddr>,
}

impl Strangers {
    /// One more; nothing of it is to be written by itself.
    pub(in crate::app) fn note(&mut self, now_ms: i64, peer: IpAddr) -> Noted {
        if self.peers.len() < MOST_PEERS && !self.peers.contains(&peer) {
            self.peers.push(peer);
        }
        self.burst.note(now_ms, 0)
    }

    /// Takes the count out, and the first addresses.
    pub(in crate::app) fn take(&mut self) -> (u64, Vec<IpAddr>) {
        (self.burst.take(), std::mem::take(&mut self.peers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_are_counted_with_no_more_addresses_than_the_bound() {
        let mut strangers = Strangers::default();
        let peer = |last: u8| IpAddr::from([127, 0, 0, last]);
        assert_eq!(strangers.note(0, peer(0)), Noted::First);
        for last in 0..200 {
            assert_eq!(strangers.note(1, peer(last)), Noted::Counted);
        }
        let (count, peers) = strangers.take();
        assert_eq!((count, peers.len(), peers[0]), (201, 16, peer(0)));
        assert_eq!(strangers.take(), (0, Vec::new()));
    }

    #[test]
    fn the_first_of_a_window_are_written_and_the_rest_counted_once() {
        let mut burst = Burst::default();
        assert_eq!(burst.note(0, 2), Noted::Write);
        assert_eq!(burst.note(1, 2), Noted::Write);
        assert_eq!(burst.note(2, 2), Noted::First);
        assert_eq!(burst.note(999, 2), Noted::Counted);
        assert_eq!(burst.take(), 2);
        assert_eq!(burst.note(999, 2), Noted::First);
        assert_eq!(burst.note(1_000, 2), Noted::Write);
        assert_eq!(burst.take(), 1);
        assert_eq!(burst.take(), 0);
    }

    #[test]
    fn with_nothing_to_write_everything_is_counted() {
        let mut burst = Burst::default();
        assert_eq!(burst.note(5, 0), Noted::First);
        assert_eq!(burst.note(6, 0), Noted::Counted);
        assert_eq!(burst.take(), 2);
    }
}
