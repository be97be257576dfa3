//! The text of a paper: 78 characters that a person can read from a sheet and type.
//!
//! `bgs1`, then 38 bytes in Bech32's alphabet (version, vault 2, epoch 2, k·index, secret 32), then
//! a checksum that says which characters are wrong. Written from locked memory into locked memory;
//! errors name places, never what stands there.

mod checksum;
#[cfg(test)]
mod tests;

use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};

use self::checksum::{CHECK_CHARS, Locator};
use super::locked::{LockedBytes, MemoryError};
use super::scrub::on_scrubbed_stack;
use super::secret::{SECRET_BYTES, Secret32};

/// Characters of a share text.
pub const TEXT_CHARS: usize = 78;
/// Characters between two spaces, as sheets print them.
pub const GROUP_CHARS: usize = 4;

const PREFIX: &str = "bgs1";
const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
/// Version, vault, epoch, k·index.
const HEAD_BYTES: usize = 6;
/// 38 bytes, five bits a character; one bit is left over and zero.
const DATA_CHARS: usize = 61;
/// The version of an age identity on paper (PROTOCOL §2); 1 is that of a share.
const PAPER_VERSION: u8 = 2;

/// Why typed characters are no text of a paper. Places count from 1, `bgs1` included.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// It begins otherwise.
    #[error("this is no paper share: its text begins with bgs1")]
    Prefix,
    /// These characters do not fit the checksum.
    #[error("{} wrong: nothing was sent: read {} again", looks(.places), them(.places))]
    Wrong {
        /// Which.
        places: Vec<usize>,
    },
    /// A character was left out.
    #[error(
        "a character is missing near character {place}: nothing was sent: read that group again"
    )]
    Missing {
        /// Where it belongs.
        place: usize,
    },
    /// A character too many.
    #[error("character {place} is one too many: nothing was sent: read that group again")]
    Extra {
        /// Which.
        place: usize,
    },
    /// Too many or too few characters to say more.
    #[error(
        "{found} characters were read, the text has {TEXT_CHARS}: nothing was sent: read it again group by group"
    )]
    Length {
        /// How many there were.
        found: usize,
    },
    /// More are wrong than the checksum locates.
    #[error("more than three characters are wrong: nothing was sent: read it again group by group")]
    Many,
    /// A share, or something newer.
    #[error(
        "this is a text of version {version}, not a paper that opens shares (version {PAPER_VERSION})"
    )]
    Version {
        /// What it says.
        version: u8,
    },
    /// Parts that a paper leaves empty are not.
    #[error("this text was not made by `breakglass paper new`: its empty parts are not empty")]
    NotEmpty,
    /// Memory was missing.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

fn looks(places: &[usize]) -> String {
    let list: Vec<String> = places.iter().map(usize::to_string).collect();
    match list.split_last() {
        Some((only, [])) => format!("character {only} looks"),
        Some((last, rest)) => format!("characters {} and {last} look", rest.join(", ")),
        None => "nothing looks".to_owned(),
    }
}

fn them(places: &[usize]) -> &'static str {
    if places.len() == 1 { "it" } else { "them" }
}

/// What a paper's text says.
pub struct PaperText {
    /// First two bytes of the SHA-256 of the vault's id.
    pub vault: [u8; 2],
    /// The secret of the age identity.
    pub(super) secret: Secret32,
    /// Places that were typed as `?` and follow from the rest.
    pub filled: Vec<usize>,
}

/// The mark of a vault on its papers.
#[must_use]
pub fn vault_mark(vault: &str) -> [u8; 2] {
    let hash = Sha256::digest(vault.as_bytes());
    [hash[0], hash[1]]
}

/// The text of a paper for a vault: 78 lower-case characters.
///
/// # Errors
/// [`MemoryError`].
#[expect(
    clippy::disallowed_methods,
    reason = "the secret is written from locked memory into locked memory"
)]
pub(super) fn write(vault: &str, secret: &Secret32) -> Result<LockedBytes, MemoryError> {
    let [first, second] = vault_mark(vault);
    let head: [u8; HEAD_BYTES] = [PAPER_VERSION, first, second, 0, 0, 0];
    LockedBytes::filled(TEXT_CHARS, |room| {
        on_scrubbed_stack(|| {
            let mut bytes = [0; HEAD_BYTES + SECRET_BYTES];
            bytes[..HEAD_BYTES].copy_from_slice(&head);
            bytes[HEAD_BYTES..].copy_from_slice(secret.expose_secret());
            let mut values = [0; DATA_CHARS + CHECK_CHARS];
            for (place, value) in values[..DATA_CHARS].iter_mut().enumerate() {
                *value = five_bits(&bytes, place);
            }
            let check = checksum::of(&values[..DATA_CHARS]);
            values[DATA_CHARS..].copy_from_slice(&check);
            room[..PREFIX.len()].copy_from_slice(PREFIX.as_bytes());
            for (letter, value) in room[PREFIX.len()..].iter_mut().zip(values) {
                *letter = ALPHABET[usize::from(value)];
            }
        });
        Ok(())
    })
}

/// Five bits of a run of bytes; zero behind its end.
fn five_bits(bytes: &[u8], place: usize) -> u8 {
    (0..5).fold(0, |value, bit| {
        let at = place * 5 + bit;
        let byte = bytes.get(at / 8).copied().unwrap_or(0);
        (value << 1) | ((byte >> (7 - at % 8)) & 1)
    })
}

/// Reads what was typed or scanned: any case, any spaces and dashes; `?` stands for a character
/// that nobody can read.
///
/// # Errors
/// [`TextError`] with the places that look wrong.
pub fn read(typed: &str) -> Result<PaperText, TextError> {
    // Locked room: nothing of what was typed stays behind.
    let mut letters = LockedBytes::zeroed(typed.len().max(1))?;
    let used = normalise(typed, &mut letters);
    letters.truncate(used);
    on_scrubbed_stack(|| from_letters(&letters))
}

#[expect(
    clippy::disallowed_methods,
    reason = "typed characters are sorted inside locked memory"
)]
fn normalise(typed: &str, room: &mut LockedBytes) -> usize {
    use secrecy::ExposeSecretMut as _;
    let room = room.expose_secret_mut();
    let mut used = 0;
    for letter in typed.chars() {
        // Full-width letters, as some keyboards and scanners write them.
        let letter = match letter {
            '\u{ff01}'..='\u{ff5e}' => u32::from(letter) - 0xfee0,
            other => u32::from(other),
        };
        let plain = u8::try_from(letter).map_or(b' ', |l| l.to_ascii_lowercase());
        if plain.is_ascii_alphanumeric() || plain == b'?' {
            room[used] = plain;
            used += 1;
        }
    }
    used
}

#[expect(
    clippy::disallowed_methods,
    reason = "characters become bytes inside locked memory"
)]
fn from_letters(letters: &LockedBytes) -> Result<PaperText, TextError> {
    let letters = letters.expose_secret();
    let data = letters
        .strip_prefix(PREFIX.as_bytes())
        .ok_or(TextError::Prefix)?;
    let values: Vec<Option<u8>> = data.iter().map(|letter| value_of(*letter)).collect();
    let values = zeroize::Zeroizing::new(values);
    let filled = if data.len() == DATA_CHARS + CHECK_CHARS {
        mended(&values, data)?
    } else {
        return Err(off_by_one(&values));
    };
    paper(&filled.0, filled.1)
}

fn value_of(letter: u8) -> Option<u8> {
    let place = ALPHABET.iter().position(|each| *each == letter)?;
    u8::try_from(place).ok()
}

type Values = zeroize::Zeroizing<Vec<u8>>;

/// Values that fit their checksum, with the places that had to be filled; else the wrong places.
fn mended(values: &[Option<u8>], letters: &[u8]) -> Result<(Values, Vec<usize>), TextError> {
    let mut known = zeroize::Zeroizing::new(
        values
            .iter()
            .map(|value| value.unwrap_or(0))
            .collect::<Vec<u8>>(),
    );
    let syndrome = checksum::syndrome(&known);
    let wrong = match syndrome {
        0 => Vec::new(),
        other => Locator::new(known.len())
            .locate(other)
            .ok_or(TextError::Many)?,
    };
    let mut places: Vec<usize> = wrong.iter().map(|each| each.place).collect();
    places.extend((0..values.len()).filter(|place| values[*place].is_none()));
    places.sort_unstable();
    places.dedup();
    // Only what was marked as unreadable is filled in: a mended guess is the reader's to confirm.
    if places.iter().any(|place| letters[*place] != b'?') {
        return Err(TextError::Wrong {
            places: counted(&places),
        });
    }
    for each in wrong {
        known[each.place] ^= each.off_by;
    }
    Ok((known, counted(&places)))
}

/// Places as people count them: from 1, the prefix included.
fn counted(places: &[usize]) -> Vec<usize> {
    places
        .iter()
        .map(|place| place + PREFIX.len() + 1)
        .collect()
}

/// One character too few or too many is found by trying each place.
fn off_by_one(values: &[Option<u8>]) -> TextError {
    let length = DATA_CHARS + CHECK_CHARS;
    let found = values.len() + PREFIX.len();
    let known: Values = zeroize::Zeroizing::new(values.iter().map(|v| v.unwrap_or(0)).collect());
    let at = |place: usize| place + PREFIX.len() + 1;
    if values.len() + 1 == length {
        let locator = Locator::new(length);
        let missing = (0..length).find(|place| {
            let mut tried = known.clone();
            tried.insert(*place, 0);
            match checksum::syndrome(&tried) {
                0 => true,
                other => locator
                    .locate_one(other)
                    .is_some_and(|wrong| wrong.place == *place),
            }
        });
        if let Some(place) = missing {
            return TextError::Missing { place: at(place) };
        }
    }
    if values.len() == length + 1 {
        let extra = (0..=length).find(|place| {
            let mut tried = known.clone();
            tried.remove(*place);
            checksum::syndrome(&tried) == 0
        });
        if let Some(place) = extra {
            return TextError::Extra { place: at(place) };
        }
    }
    TextError::Length { found }
}

fn paper(values: &[u8], filled: Vec<usize>) -> Result<PaperText, TextError> {
    let bit = |at: usize| (values[at / 5] >> (4 - at % 5)) & 1;
    let byte = |place: usize| (0..8).fold(0, |so_far, n| (so_far << 1) | bit(place * 8 + n));
    if byte(0) != PAPER_VERSION {
        return Err(TextError::Version { version: byte(0) });
    }
    let spare = bit(DATA_CHARS * 5 - 1);
    if (3..HEAD_BYTES).any(|place| byte(place) != 0) || spare != 0 {
        return Err(TextError::NotEmpty);
    }
    let secret = Secret32::filled(|room| {
        for (place, to) in room.iter_mut().enumerate() {
            *to = byte(HEAD_BYTES + place);
        }
        Ok::<(), MemoryError>(())
    })?;
    Ok(PaperText {
        vault: [byte(1), byte(2)],
        secret,
        filled,
    })
}
