//! Finds a secret in a stream of reply bytes: as it is, in base64 at any alignment, in percent form.
//!
//! Pure. The room that holds the secret makes the [`Patterns`]; the door that forwards bytes only
//! asks a [`Scanner`]. Patterns are as secret as what they find: no `Debug`, no `Serialize`, wiped.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memmem;
use zeroize::Zeroizing;

/// Longest pattern, in bytes: a stream that holds back this much never lets a prefix out.
pub const MAX_PATTERN_BYTES: usize = 12 * 1024;
/// Secrets shorter than this are not looked for: they would be found by chance.
pub const MIN_SECRET_BYTES: usize = 16;
/// Longest secret looked for; its percent form is three times as long.
pub const MAX_SECRET_BYTES: usize = MAX_PATTERN_BYTES / 3;

/// All spellings of the secrets that must not appear in a reply.
#[derive(Clone, Default)]
pub struct Patterns {
    needles: Arc<Vec<Zeroizing<Vec<u8>>>>,
}

impl std::fmt::Debug for Patterns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Patterns({} spellings)", self.needles.len())
    }
}

impl Patterns {
    /// The spellings of these secrets. Shorter than [`MIN_SECRET_BYTES`] or longer than
    /// [`MAX_SECRET_BYTES`] ones are left out, which the caller must not let happen.
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut needles: Vec<Zeroizing<Vec<u8>>> = Vec::new();
        for secret in secrets {
            let fits = (MIN_SECRET_BYTES..=MAX_SECRET_BYTES).contains(&secret.len());
            if !fits {
                continue;
            }
            needles.push(Zeroizing::new(secret.to_vec()));
            needles.extend(base64_spellings(secret));
            needles.extend(percent_spellings(secret));
        }
        needles.sort_by(|one, two| one.as_slice().cmp(two));
        needles.dedup();
        Self {
            needles: Arc::new(needles),
        }
    }

    /// Whether one piece, such as a header value, holds a secret.
    pub fn found_in(&self, bytes: &[u8]) -> bool {
        self.needles
            .iter()
            .any(|needle| memmem::find(bytes, needle).is_some())
    }

    /// A scanner for one stream.
    pub fn scanner(&self) -> Scanner {
        let longest = self.needles.iter().map(|needle| needle.len()).max();
        Scanner {
            patterns: self.clone(),
            overlap: longest.unwrap_or(1).saturating_sub(1),
            carry: Zeroizing::new(Vec::new()),
        }
    }
}

/// Scans a stream piece by piece; a secret cut by piece borders is found too.
#[derive(Debug)]
pub struct Scanner {
    patterns: Patterns,
    overlap: usize,
    carry: Zeroizing<Vec<u8>>,
}

impl Scanner {
    /// Takes the next piece; true once a secret has been seen across what was fed so far.
    pub fn feed(&mut self, piece: &[u8]) -> bool {
        if self.patterns.found_in(piece) {
            return true;
        }
        // What can straddle the border: the end of what came before and the start of this piece.
        let mut border = Zeroizing::new(self.carry.to_vec());
        border.extend_from_slice(&piece[..piece.len().min(self.overlap)]);
        if !self.carry.is_empty() && self.patterns.found_in(&border) {
            return true;
        }
        let mut carry = if piece.len() >= self.overlap {
            Zeroizing::new(piece.to_vec())
        } else {
            let mut both = Zeroizing::new(self.carry.to_vec());
            both.extend_from_slice(piece);
            both
        };
        let surplus = carry.len().saturating_sub(self.overlap);
        carry.drain(..surplus);
        self.carry = carry;
        false
    }
}

/// The characters that any base64 text around the secret must contain, at each of three alignments.
fn base64_spellings(secret: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let mut spellings = Vec::new();
    for offset in 0..3 {
        let mut padded = Zeroizing::new(vec![0; offset]);
        padded.extend_from_slice(secret);
        // Characters that also hold bits of what stands before or behind are not sure.
        let first = (offset * 8).div_ceil(6);
        let end = padded.len() * 8 / 6;
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let text = Zeroizing::new(engine.encode(padded.as_slice()));
            spellings.push(Zeroizing::new(text.as_bytes()[first..end].to_vec()));
        }
    }
    spellings
}

fn percent_spellings(secret: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let spell = |upper: bool| {
        let mut text = Zeroizing::new(Vec::new());
        for byte in secret {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
                text.push(*byte);
            } else if upper {
                text.extend_from_slice(format!("%{byte:02X}").as_bytes());
            } else {
                text.extend_from_slice(format!("%{byte:02x}").as_bytes());
            }
        }
        text
    };
    vec![spell(true), spell(false)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECRET: &[u8] = b"canary+token/with=odd.bytes_0123456789";

    fn found(stream: &[u8], cuts: usize) -> bool {
        let mut scanner = Patterns::of([SECRET]).scanner();
        stream.chunks(cuts.max(1)).any(|piece| scanner.feed(piece))
    }

    #[test]
    fn ordinary_bytes_are_not_a_leak() {
        assert!(!found(&vec![b'a'; 10_000], 7));
        assert!(!found(&SECRET[..SECRET.len() - 1], 5));
    }

    #[test]
    fn debug_shows_no_pattern() {
        let text = format!("{:?}", Patterns::of([SECRET]).scanner());
        assert!(!text.contains("canary"));
    }

    proptest! {
        #[test]
        fn a_secret_is_found_in_every_spelling_and_under_every_cut(
            before in proptest::collection::vec(any::<u8>(), 0..40),
            after in proptest::collection::vec(any::<u8>(), 0..40),
            cut in 1usize..60,
        ) {
            let plain = [before.as_slice(), SECRET, after.as_slice()].concat();
            prop_assert!(found(&plain, cut));
            prop_assert!(found(STANDARD_NO_PAD.encode(&plain).as_bytes(), cut));
            prop_assert!(found(URL_SAFE_NO_PAD.encode(&plain).as_bytes(), cut));
            let percent: String = plain.iter().map(|b| if b.is_ascii_alphanumeric() || b"-._~".contains(b) {
                char::from(*b).to_string() } else { format!("%{b:02X}") }).collect();
            prop_assert!(found(percent.as_bytes(), cut));
        }
    }
}
