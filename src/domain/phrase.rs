//! The phrase: three words by which a caller and a page show that they speak of the same
//! incident (PROTOCOL §5). It proves nothing about who is calling. Never in alerts, API or log.

use super::ids::Digest;

/// Bytewords (BCR-2020-012): 256 words of four letters, first and last letter unique.
const WORDS: &str = include_str!("phrase/bytewords.txt");

/// Three words.
pub type Phrase = [&'static str; 3];

/// The phrase of some terms: the words of bytes 0, 1 and 2 of their hash.
#[must_use]
pub fn phrase(terms_sha256: &Digest) -> Phrase {
    let [a, b, c, ..] = *terms_sha256.bytes();
    [word(a), word(b), word(c)]
}

/// A four-word fingerprint of some bytes, to compare by voice at enrolment.
#[must_use]
pub fn fingerprint(bytes: &[u8]) -> [&'static str; 4] {
    let digest = Digest::of(bytes);
    let [a, b, c, d, ..] = *digest.bytes();
    [word(a), word(b), word(c), word(d)]
}

/// The right phrase among three decoys, in random order. `others` are the phrases of other
/// collecting incidents, used as decoys first; `draw(n)` gives a random number below `n`.
#[must_use]
pub fn choices(right: Phrase, others: &[Phrase], draw: &mut dyn FnMut(u32) -> u32) -> Vec<Phrase> {
    let mut list = vec![right];
    for other in others.iter().take(3) {
        if !list.contains(other) {
            list.push(*other);
        }
    }
    while list.len() < 4 {
        let mut bytes = [0; 3].map(|_| u8::try_from(draw(256) % 256).unwrap_or(0));
        // Stepping on instead of drawing again: a draw that repeats itself must still end.
        while list.contains(&bytes.map(word)) {
            bytes[2] = bytes[2].wrapping_add(1);
        }
        list.push(bytes.map(word));
    }
    for last in (1..list.len()).rev() {
        let bound = u32::try_from(last + 1).unwrap_or(1);
        list.swap(last, draw(bound) as usize % (last + 1));
    }
    list
}

/// Brings what a person typed into the form of [`phrase`]: lower case, single blanks.
#[must_use]
pub fn normalise(typed: &str) -> String {
    typed
        .split(|c: char| !c.is_ascii_alphabetic())
        .filter(|w| !w.is_empty())
        .map(str::to_ascii_lowercase)
        .collect::<Vec<_>>()
        .join(" ")
}

fn word(byte: u8) -> &'static str {
    WORDS
        .split_ascii_whitespace()
        .nth(usize::from(byte))
        .unwrap_or("able")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_list_has_256_words_told_apart_by_their_first_and_last_letter() {
        let words: Vec<_> = WORDS.split_ascii_whitespace().collect();
        assert_eq!(words.len(), 256);
        assert!(words.iter().all(|w| w.len() == 4));
        let ends: BTreeSet<_> = words.iter().map(|w| (&w[..1], &w[3..])).collect();
        assert_eq!(ends.len(), 256);
        assert_eq!((word(0), word(255)), ("able", "zoom"));
    }

    #[test]
    fn the_right_phrase_stands_once_among_four() {
        let right = phrase(&Digest::of(b"terms"));
        let mut n = 7_u32;
        let mut draw = |bound: u32| {
            n = n.wrapping_mul(1_103_515_245).wrapping_add(12_345);
            (n >> 8) % bound
        };
        for _ in 0..100 {
            let list = choices(right, &[], &mut draw);
            assert_eq!(list.len(), 4);
            assert_eq!(list.iter().filter(|p| **p == right).count(), 1);
        }
    }

    #[test]
    fn phrases_of_other_incidents_are_the_first_decoys() {
        let (right, other) = (phrase(&Digest::of(b"a")), phrase(&Digest::of(b"b")));
        assert!(choices(right, &[other], &mut |_| 3).contains(&other));
    }

    #[test]
    fn what_a_person_types_is_read_generously() {
        assert_eq!(normalise(" Jury · LAMP,iron "), "jury lamp iron");
    }
}
