//! The 13-character checksum of a share text: BIP-93's code over GF(32), with our own start value
//! and target, so that no Bitcoin seed ever passes as a share.
//!
//! Any eight wrong characters are noticed; up to three are located. Pure arithmetic on values
//! 0…31; it knows nothing of what they spell.

use std::collections::HashMap;

/// Checksum characters (BIP-93, "Checksum").
pub(super) const CHECK_CHARS: usize = 13;

/// The generator polynomial of BIP-93, times each power of two.
const GENERATOR: [u128; 5] = [
    0x1_9dc5_00ce_73fd_e210,
    0x1_bfae_00de_f77f_e529,
    0x1_fbd9_20ff_fe7b_ee52,
    0x1_7396_40bd_eee3_fdad,
    0x0_7729_a039_cfc7_5f5a,
];
/// The first 65 bits of SHA-256("bgs"), where BIP-93 has its own thirteen letters.
const TARGET: u128 = 0x0_41bf_2eea_59df_5308;
/// The prefix `bgs` as Bech32 expands it (BIP-173): high bits, a zero, low bits.
const PREFIX: [u8; 7] = [3, 3, 3, 0, 2, 7, 19];

fn step(residue: u128, value: u8) -> u128 {
    let top = residue >> 60;
    let mut next = ((residue & 0x0fff_ffff_ffff_ffff) << 5) ^ u128::from(value);
    for (bit, generator) in GENERATOR.iter().enumerate() {
        if (top >> bit) & 1 == 1 {
            next ^= generator;
        }
    }
    next
}

pub(super) fn residue_from(start: u128, values: &[u8]) -> u128 {
    values
        .iter()
        .fold(start, |so_far, value| step(so_far, *value))
}

fn residue(values: &[u8]) -> u128 {
    residue_from(residue_from(1, &PREFIX), values)
}

/// The checksum of these values.
pub(super) fn of(values: &[u8]) -> [u8; CHECK_CHARS] {
    let zeros = [0; CHECK_CHARS];
    let so_far = residue(values);
    let rest = residue_from(so_far, &zeros) ^ TARGET;
    let mut check = [0; CHECK_CHARS];
    for (place, value) in check.iter_mut().enumerate() {
        let shift = 5 * (CHECK_CHARS - 1 - place);
        *value = u8::try_from((rest >> shift) & 31).expect("five bits fit a byte");
    }
    check
}

/// What is wrong with values that end in their checksum: zero when nothing is.
pub(super) fn syndrome(values: &[u8]) -> u128 {
    residue(values) ^ TARGET
}

/// A wrong value: where, and what must be added to mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wrong {
    /// Place among the values, from 0.
    pub(super) place: usize,
    /// Difference to the right value.
    pub(super) off_by: u8,
}

/// What a single wrong value does to the syndrome, for each place and difference.
pub(super) struct Locator {
    single: Vec<(u128, Wrong)>,
    by_syndrome: HashMap<u128, Wrong>,
}

impl Locator {
    /// For texts of `length` values.
    pub(super) fn new(length: usize) -> Self {
        let mut single = Vec::with_capacity(length * 31);
        for off_by in 1..32 {
            let mut effect = u128::from(off_by);
            for place in (0..length).rev() {
                single.push((effect, Wrong { place, off_by }));
                effect = step(effect, 0);
            }
        }
        let by_syndrome = single.iter().copied().collect();
        Self {
            single,
            by_syndrome,
        }
    }

    /// The one to three values that explain the syndrome. The code's distance is nine, so that no
    /// other three explain it.
    pub(super) fn locate(&self, syndrome: u128) -> Option<Vec<Wrong>> {
        if let Some(one) = self.locate_one(syndrome) {
            return Some(vec![one]);
        }
        self.pair(syndrome).or_else(|| {
            self.single.iter().find_map(|(effect, first)| {
                let mut found = self.pair(syndrome ^ effect)?;
                found.push(*first);
                Some(found)
            })
        })
    }

    /// The single value that explains the syndrome.
    pub(super) fn locate_one(&self, syndrome: u128) -> Option<Wrong> {
        self.by_syndrome.get(&syndrome).copied()
    }

    fn pair(&self, syndrome: u128) -> Option<Vec<Wrong>> {
        self.single.iter().find_map(|(effect, first)| {
            let second = self.by_syndrome.get(&(syndrome ^ effect))?;
            Some(vec![*first, *second])
        })
    }
}
