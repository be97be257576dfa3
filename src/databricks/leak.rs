//! Finding our own secrets in what Databricks sends back.
//!
//! A service that echoes headers would hand the real bearer to the responder. Each reply is
//! scanned while it streams; a find is for `proxy` to cut, alert and stop the session.

use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::token::SessionCredential;

/// Patterns shorter than this would be found by chance.
const SHORTEST_NEEDLE_BYTES: usize = 12;

/// The byte patterns of every secret of a session, found in one pass however many they are. Wiped
/// on drop by the allocator's rule.
pub(super) struct Needles {
    patterns: Vec<Pattern>,
    search: AhoCorasick,
    longest_bytes: usize,
}

#[derive(Clone)]
struct Pattern {
    bytes: Zeroizing<Vec<u8>>,
    /// When the token it is made from is dead (unix milliseconds); a secret has no end.
    until_ms: Option<i64>,
}

impl Default for Needles {
    fn default() -> Self {
        Self::of(Vec::new())
    }
}

impl Needles {
    fn of(patterns: Vec<Pattern>) -> Needles {
        let search = AhoCorasick::builder()
            // A table of every transition would take megabytes for a long token.
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            // This kind of match looks at many bytes at once where nothing begins.
            .match_kind(MatchKind::LeftmostFirst)
            .build(patterns.iter().map(|pattern| pattern.bytes.as_slice()))
            .expect("a few patterns of a few thousand bytes are far below the limits");
        let longest_bytes = patterns.iter().map(|one| one.bytes.len()).max();
        Needles {
            search,
            longest_bytes: longest_bytes.unwrap_or(0),
            patterns,
        }
    }

    /// These and the patterns of one more secret.
    pub(super) fn with(&self, value: &str) -> Needles {
        self.and(value, None, i64::MIN)
    }

    /// These and the patterns of a token, without those of tokens that are dead by now.
    pub(super) fn with_token(&self, token: &str, until_ms: i64, now_ms: i64) -> Needles {
        self.and(token, Some(until_ms), now_ms)
    }

    fn and(&self, value: &str, until_ms: Option<i64>, now_ms: i64) -> Needles {
        let alive = |one: &&Pattern| one.until_ms.is_none_or(|until_ms| now_ms < until_ms);
        let mut patterns: Vec<Pattern> = self.patterns.iter().filter(alive).cloned().collect();
        for bytes in spellings(value.as_bytes()) {
            let known = patterns.iter().any(|one| one.bytes == bytes);
            if bytes.len() >= SHORTEST_NEEDLE_BYTES && !known {
                patterns.push(Pattern { bytes, until_ms });
            }
        }
        Needles::of(patterns)
    }

    pub(super) fn each(&self, visit: &mut dyn FnMut(&[u8])) {
        self.patterns.iter().for_each(|one| visit(&one.bytes));
    }

    fn found_in(&self, bytes: &[u8]) -> bool {
        self.search.is_match(bytes)
    }
}

/// A value as it is, percent-encoded, and as it looks inside base64 at each of the three offsets,
/// in both alphabets; the characters that depend on neighbours are left out.
fn spellings(value: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
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

    fn keep(&mut self, bytes: &[u8], keep: usize) {
        let from = bytes.len().saturating_sub(keep);
        self.tail.extend_from_slice(&bytes[from..]);
    }

    /// Whether one of the session's secrets ends within this chunk.
    pub fn feed(&mut self, chunk: &[u8]) -> bool {
        // Asked anew each time: a token minted while this reply streams counts as well.
        let needles = self.credential.needles();
        let keep = needles.longest_bytes.saturating_sub(1);
        if self.tail.is_empty() {
            self.keep(chunk, keep);
            return needles.found_in(chunk);
        }
        let mut seam = std::mem::take(&mut self.tail);
        seam.extend_from_slice(&chunk[..chunk.len().min(keep)]);
        // A chunk no longer than that lies in the seam whole.
        let is_whole = chunk.len() <= keep;
        let found = needles.found_in(&seam) || !is_whole && needles.found_in(chunk);
        match is_whole {
            true => self.keep(&seam, keep),
            false => self.keep(chunk, keep),
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

    #[test]
    fn a_dead_token_is_no_secret_any_more_and_a_living_one_is() {
        let hour = 3_600_000;
        let needles = Needles::default().with(SECRET);
        let first = needles.with_token("tokencanary-first-000", hour, 0);
        let both = first.with_token("tokencanary-second-00", 2 * hour, hour - 1);
        assert!(both.found_in(b"..tokencanary-first-000.."));
        let later = both.with_token("tokencanary-third-000", 3 * hour, hour);
        assert!(!later.found_in(b"..tokencanary-first-000.."));
        assert!(later.found_in(b"..tokencanary-second-00.."));
        assert!(later.found_in(b"..tokencanary-third-000.."));
        assert!(later.found_in(SECRET.as_bytes()));
    }
}
