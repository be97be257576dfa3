//! Finding our own secrets in what Databricks sends back.
//!
//! A service that echoes headers would hand the real bearer to the responder. Each reply is
//! scanned while it streams; a find is for `proxy` to cut, alert and stop the session.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memmem::Finder;
use zeroize::Zeroizing;

use super::token::SessionCredential;

/// Patterns shorter than this would be found by chance.
const SHORTEST_NEEDLE_BYTES: usize = 12;

/// The byte patterns of every secret of a session. Wiped on drop by the allocator's rule.
#[derive(Default)]
pub(super) struct Needles {
    finders: Vec<Finder<'static>>,
}

impl Needles {
    /// These and the patterns of one more value.
    pub(super) fn with(&self, value: &str) -> Needles {
        let mut finders = self.finders.clone();
        for pattern in patterns(value.as_bytes()) {
            let known = finders
                .iter()
                .any(|finder| finder.needle() == pattern.as_slice());
            if pattern.len() >= SHORTEST_NEEDLE_BYTES && !known {
                finders.push(Finder::new(pattern.as_slice()).into_owned());
            }
        }
        Needles { finders }
    }

    pub(super) fn each(&self, visit: &mut dyn FnMut(&[u8])) {
        self.finders
            .iter()
            .for_each(|finder| visit(finder.needle()));
    }

    fn found_in(&self, bytes: &[u8]) -> bool {
        self.finders
            .iter()
            .any(|finder| finder.find(bytes).is_some())
    }

    fn longest_bytes(&self) -> usize {
        self.finders
            .iter()
            .map(|finder| finder.needle().len())
            .max()
            .unwrap_or(0)
    }
}

/// A value as it is, percent-encoded, and as it looks inside base64 at each of the three offsets,
/// in both alphabets; the characters that depend on neighbours are left out.
fn patterns(value: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let mut found = vec![Zeroizing::new(value.to_vec()), percent(value)];
    for offset in 0..3usize {
        let mut padded = Zeroizing::new(vec![0u8; offset]);
        padded.extend_from_slice(value);
        let first = (offset * 8).div_ceil(6);
        let last = padded.len() * 8 / 6;
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let text = Zeroizing::new(engine.encode(padded.as_slice()));
            if first < last {
                found.push(Zeroizing::new(text.as_bytes()[first..last].to_vec()));
            }
        }
    }
    found
}

fn percent(value: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(value.len() * 3));
    for byte in value {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            out.push(*byte);
        } else {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    out
}

/// Scans one reply, chunk by chunk; a pattern split over two chunks is found too.
pub struct LeakScanner {
    credential: Arc<SessionCredential>,
    /// The end of what was fed before, one byte shorter than the longest pattern.
    tail: Zeroizing<Vec<u8>>,
}

impl LeakScanner {
    /// A scanner for one reply of this session.
    pub fn new(credential: Arc<SessionCredential>) -> LeakScanner {
        LeakScanner {
            credential,
            tail: Zeroizing::default(),
        }
    }

    /// Whether one of the session's secrets ends within this chunk.
    pub fn feed(&mut self, chunk: &[u8]) -> bool {
        // Asked anew each time: a token minted while this reply streams counts as well.
        let needles = self.credential.needles();
        let keep = needles.longest_bytes().saturating_sub(1);
        let has_tail = !self.tail.is_empty();
        let mut seam = std::mem::take(&mut self.tail);
        seam.extend_from_slice(&chunk[..chunk.len().min(keep)]);
        // A chunk no longer than that lies in the seam whole; the first chunk has no seam.
        let is_whole = chunk.len() <= keep;
        let found = (has_tail || is_whole) && needles.found_in(&seam)
            || !is_whole && needles.found_in(chunk);
        if chunk.len() < keep {
            let from = seam.len().saturating_sub(keep);
            self.tail.extend_from_slice(&seam[from..]);
        } else {
            self.tail.extend_from_slice(&chunk[chunk.len() - keep..]);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "dosecanary0123456789+/abcdef";

    #[test]
    fn a_value_is_found_plain_percent_encoded_and_in_base64_at_every_offset() {
        let needles = Needles::default().with(SECRET);
        assert!(needles.found_in(format!("x{SECRET}y").as_bytes()));
        assert!(needles.found_in(SECRET.replace('+', "%2B").replace('/', "%2F").as_bytes()));
        for before in ["", "a", "ab", "abc", "user:"] {
            let text = STANDARD_NO_PAD.encode(format!("{before}{SECRET}tail"));
            assert!(needles.found_in(text.as_bytes()), "{before}");
            let text = URL_SAFE_NO_PAD.encode(format!("{before}{SECRET}"));
            assert!(needles.found_in(text.as_bytes()), "{before}");
        }
        assert!(!needles.found_in(b"nothing of ours in here at all"));
    }

    #[test]
    fn too_short_a_value_makes_no_pattern() {
        let mut count = 0;
        Needles::default().with("abc").each(&mut |_| count += 1);
        assert_eq!(count, 0);
    }
}
