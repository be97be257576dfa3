//! Signed notes (C2SP signed-note): keys, signature lines, verification.
//!
//! Knows Ed25519 signatures (type 0x01) and Ed25519 witness cosignatures (type 0x04); any other
//! signature is carried and ignored. Knows nothing of what a note says.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use super::cosignature::{self, Cosignature};

/// Largest note read: room for 16 signatures of the post-quantum kind and more.
pub const MAX_NOTE_BYTES: usize = 256 * 1024;
/// Most signature lines read; the specification asks for at least 16.
pub const MAX_SIGNATURES: usize = 64;

const SIGNATURE_START: &str = "\u{2014} ";

/// Why a key or a note was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not `<name>+<8 hex>+<base64>` with a matching key id and a supported type.
    #[error("not a verifier key: {0}")]
    Key(&'static str),
    /// A key name that is empty or holds a space, a plus or a control character.
    #[error("not a key name")]
    Name,
    /// Bytes that are not a signed note.
    #[error("not a signed note: {0}")]
    Syntax(&'static str),
    /// A signature line of a known key that does not verify: the whole note is refused.
    #[error("the signature of {0} does not verify")]
    Signature(String),
    /// No signature line belongs to a known key.
    #[error("no signature by a known key")]
    NoKnownKey,
}

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// 0x01: Ed25519 over the note's text.
    Log,
    /// 0x04: Ed25519 witness cosignature.
    Witness,
}

impl KeyKind {
    fn byte(self) -> u8 {
        match self {
            Self::Log => 0x01,
            Self::Witness => 0x04,
        }
    }
}

/// A public key with its name: a `vkey`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    key_id: u32,
    kind: KeyKind,
    public: VerifyingKey,
}

impl VerifierKey {
    /// Parses `<name>+<key id>+<base64 of type and key>`.
    ///
    /// # Errors
    /// [`NoteError::Key`] or [`NoteError::Name`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(NoteError::Key("it does not have three parts"));
        };
        let bytes = STANDARD
            .decode(encoded)
            .map_err(|_| NoteError::Key("not base64"))?;
        let (kind, public) = match bytes.split_first() {
            Some((0x01, public)) => (KeyKind::Log, public),
            Some((0x04, public)) => (KeyKind::Witness, public),
            _ => return Err(NoteError::Key("its type is not supported")),
        };
        let public =
            <[u8; 32]>::try_from(public).map_err(|_| NoteError::Key("not 32 key bytes"))?;
        let key = Self::from_public(name, kind, &public)?;
        if format!("{:08x}", key.key_id) != id {
            return Err(NoteError::Key("its key id does not match"));
        }
        Ok(key)
    }

    /// A key from its 32 public bytes.
    ///
    /// # Errors
    /// [`NoteError::Name`], or [`NoteError::Key`] when the bytes are no curve point or a weak one.
    pub fn from_public(name: &str, kind: KeyKind, public: &[u8; 32]) -> Result<Self, NoteError> {
        check_name(name)?;
        let point =
            VerifyingKey::from_bytes(public).map_err(|_| NoteError::Key("not a public key"))?;
        if point.is_weak() {
            return Err(NoteError::Key("it is a weak public key"));
        }
        let key_id = key_id(name, kind, public);
        Ok(Self {
            name: name.to_owned(),
            key_id,
            kind,
            public: point,
        })
    }

    /// The key's name; for a log key this is the log's origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// First four bytes of SHA-256 over name, type and key.
    #[must_use]
    pub fn key_id(&self) -> u32 {
        self.key_id
    }

    /// What this key signs.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The 32 public bytes.
    #[must_use]
    pub fn public_bytes(&self) -> [u8; 32] {
        self.public.to_bytes()
    }

    /// Whether a signature line claims to be by this key.
    #[must_use]
    pub fn made(&self, signature: &Signature) -> bool {
        signature.name == self.name && signature.key_id == self.key_id
    }

    /// Verifies one signature line over `text` (strictly: no weak or non-canonical points).
    #[must_use]
    pub fn verifies(&self, text: &str, signature: &Signature) -> bool {
        if !self.made(signature) {
            return false;
        }
        let (message, bytes) = match self.kind {
            KeyKind::Log => match <[u8; 64]>::try_from(signature.bytes.as_slice()) {
                Ok(bytes) => (text.as_bytes().to_vec(), bytes),
                Err(_) => return false,
            },
            KeyKind::Witness => match Cosignature::parse(&signature.bytes) {
                Some(parsed) => (
                    cosignature::signed_message(parsed.time_s, text),
                    parsed.signature,
                ),
                None => return false,
            },
        };
        let parsed = ed25519_dalek::Signature::from_bytes(&bytes);
        self.public.verify_strict(&message, &parsed).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![self.kind.byte()];
        bytes.extend_from_slice(self.public.as_bytes());
        write!(
            f,
            "{}+{:08x}+{}",
            self.name,
            self.key_id,
            STANDARD.encode(bytes)
        )
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

/// A log's private key with its name. Wiped on drop by `ed25519-dalek`.
pub struct NoteSigner {
    key: SigningKey,
    public: VerifierKey,
}

impl NoteSigner {
    /// The signer of kind 0x01 from a 32-byte seed (RFC 8032 §5.1.5).
    ///
    /// # Errors
    /// [`NoteError::Name`].
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        let key = SigningKey::from_bytes(seed);
        let public = VerifierKey::from_public(name, KeyKind::Log, key.verifying_key().as_bytes())?;
        Ok(Self { key, public })
    }

    /// The public half.
    #[must_use]
    pub fn verifier_key(&self) -> &VerifierKey {
        &self.public
    }

    /// Signs a note text; the text must end in a newline for the note to parse again.
    #[must_use]
    pub fn sign(&self, text: &str) -> Signature {
        Signature {
            name: self.public.name.clone(),
            key_id: self.public.key_id,
            bytes: self.key.sign(text.as_bytes()).to_bytes().to_vec(),
        }
    }
}

impl fmt::Debug for NoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteSigner({}, ***)", self.public)
    }
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Name of the key.
    pub name: String,
    /// Its four-byte id.
    pub key_id: u32,
    /// What follows the id; its form depends on the key's type.
    pub bytes: Vec<u8>,
}

impl Signature {
    /// Parses one line `— name base64`, without its newline.
    ///
    /// # Errors
    /// [`NoteError::Syntax`] or [`NoteError::Name`].
    pub fn parse(line: &str) -> Result<Self, NoteError> {
        let rest = line.strip_prefix(SIGNATURE_START).ok_or(NoteError::Syntax(
            "a signature line does not start with a dash",
        ))?;
        let (name, encoded) = rest
            .split_once(' ')
            .ok_or(NoteError::Syntax("a signature line has one word"))?;
        check_name(name)?;
        let bytes = STANDARD
            .decode(encoded)
            .map_err(|_| NoteError::Syntax("a signature is not base64"))?;
        match bytes.split_first_chunk::<4>() {
            Some((id, rest)) if !rest.is_empty() => Ok(Self {
                name: name.to_owned(),
                key_id: u32::from_be_bytes(*id),
                bytes: rest.to_vec(),
            }),
            _ => Err(NoteError::Syntax("a signature is shorter than five bytes")),
        }
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.key_id.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.bytes);
        write!(
            f,
            "{SIGNATURE_START}{} {}",
            self.name,
            STANDARD.encode(bytes)
        )
    }
}

/// A text with its signature lines. Parsing says nothing about trust: call [`Note::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The signed text, its final newline included.
    pub text: String,
    /// The signature lines, at least one after parsing.
    pub signatures: Vec<Signature>,
}

impl Note {
    /// Parses a note.
    ///
    /// # Errors
    /// [`NoteError::Syntax`] or [`NoteError::Name`].
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > MAX_NOTE_BYTES {
            return Err(NoteError::Syntax("it is too long"));
        }
        let note = std::str::from_utf8(bytes).map_err(|_| NoteError::Syntax("not utf-8"))?;
        if note.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
            return Err(NoteError::Syntax("it holds a control character"));
        }
        let blank = note
            .rfind("\n\n")
            .ok_or(NoteError::Syntax("it has no blank line"))?;
        let (text, lines) = (&note[..=blank], &note[blank + 2..]);
        let lines = lines
            .strip_suffix('\n')
            .ok_or(NoteError::Syntax("it does not end in a signature line"))?;
        if lines.split('\n').count() > MAX_SIGNATURES {
            return Err(NoteError::Syntax("it has too many signatures"));
        }
        let signatures = lines
            .split('\n')
            .map(Signature::parse)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            text: text.to_owned(),
            signatures,
        })
    }

    /// Checks every signature by a known key and returns those keys.
    ///
    /// Lines by unknown keys are ignored, as the specification demands.
    ///
    /// # Errors
    /// [`NoteError::Signature`] when a known key's line fails, [`NoteError::NoKnownKey`] when
    /// there is none.
    pub fn verify<'k>(&self, known: &'k [VerifierKey]) -> Result<Vec<&'k VerifierKey>, NoteError> {
        let mut verified: Vec<&VerifierKey> = Vec::new();
        for key in known {
            let mut lines = self
                .signatures
                .iter()
                .filter(|line| key.made(line))
                .peekable();
            if lines.peek().is_none() {
                continue;
            }
            if !lines.all(|line| key.verifies(&self.text, line)) {
                return Err(NoteError::Signature(key.name.clone()));
            }
            verified.push(key);
        }
        if verified.is_empty() {
            Err(NoteError::NoKnownKey)
        } else {
            Ok(verified)
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures
            .iter()
            .try_for_each(|line| writeln!(f, "{line}"))
    }
}

fn check_name(name: &str) -> Result<(), NoteError> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if name.is_empty() || name.contains(odd) {
        Err(NoteError::Name)
    } else {
        Ok(())
    }
}

fn key_id(name: &str, kind: KeyKind, public: &[u8; 32]) -> u32 {
    let mut hasher = Sha256::new();
    hasher.update(name.as_bytes());
    hasher.update([b'\n', kind.byte()]);
    hasher.update(public);
    let digest = hasher.finalize();
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
}
