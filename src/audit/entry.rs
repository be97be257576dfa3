//! Log entries: restricted RFC 8785 JSON, one line, at most 65,535 bytes (DESIGN §10).
//!
//! A writer prepares a draft outside the sequencer and the sequencer only splices two numbers,
//! because this runs twice for every proxied call. Knows nothing of what the kinds mean.

use serde_json::{Map, Value};

use crate::domain::canonical::{self, CanonicalError, MAX_INTEGER};

/// The value of member `v`.
pub const VERSION: &str = "breakglass/1";
/// Longest entry: what a bundle's two length bytes can say.
pub const MAX_ENTRY_BYTES: usize = 65_535;

/// Members the log adds itself; a draft may not carry them.
const RESERVED: [&str; 6] = ["boot", "node", "seq", "t", "ts", "v"];
const HEX: &[u8; 16] = b"0123456789abcdef";
/// Room for the entry of an ordinary call; longer ones grow.
const USUAL_BYTES: usize = 768;
/// Two numbers of 16 digits, two names, punctuation.
const STAMP_BYTES: usize = 48;

/// Why a draft or an entry was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// A draft carries a member the log adds itself.
    #[error("a draft may not carry member {0}")]
    Reserved(&'static str),
    /// Kind, node or boot is not of its form.
    #[error("{0} is not of its form")]
    Form(&'static str),
    /// Floats, odd names, duplicates, or bytes that are not canonical.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// Longer than [`MAX_ENTRY_BYTES`].
    #[error("an entry of {0} bytes is too long")]
    TooLong(usize),
    /// `seq` or `ts` is negative or beyond 2^53 − 1.
    #[error("{0} is out of range")]
    Range(&'static str),
}

/// What somebody wants logged: a kind and its members.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Member `t`, such as `call.begin`: dotted words of `[a-z0-9_]`, at most 40 characters.
    pub kind: String,
    /// Everything else the entry says.
    pub members: Map<String, Value>,
}

/// What somebody wants logged about a call: as a [`Draft`], but borrowed and in order already,
/// because it is written twice for every call.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// Member `t`.
    pub kind: &'static str,
    /// Everything else, by strictly ascending name.
    pub members: &'a [(&'static str, Field<'a>)],
}

/// The value of a member of a [`Line`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field<'a> {
    /// A text.
    Text(&'a str),
    /// A number from 0 to 2^53 − 1.
    Number(u64),
    /// `true`.
    True,
    /// 32 bytes in hexadecimal.
    Hex([u8; 32]),
    /// A body as far as it is known: `{"len":…,"sha256":"…"}`, each where there is one.
    Body(Option<u64>, Option<[u8; 32]>),
}

/// A draft in its final bytes, but for `seq` and `ts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedDraft {
    /// Every other member in order, with both braces.
    bytes: Vec<u8>,
    /// Length of the members that sort before `seq`, with the opening brace.
    seq_at: usize,
    /// Where the members between the two end. A comma lies before and behind each gap.
    ts_at: usize,
}

impl PreparedDraft {
    /// Checks a draft and serialises it for one node and one boot (8 hex digits, new per process).
    ///
    /// # Errors
    /// [`EntryError`]; afterwards stamping can only fail on numbers out of range.
    pub fn new(draft: &Draft, node: &str, boot: &str) -> Result<Self, EntryError> {
        if let Some(name) = RESERVED
            .iter()
            .find(|name| draft.members.contains_key(**name))
        {
            return Err(EntryError::Reserved(name));
        }
        check_forms(&draft.kind, node, boot)?;
        let added = [
            ("boot", boot),
            ("node", node),
            ("t", draft.kind.as_str()),
            ("v", VERSION),
        ];
        let mut added = added.into_iter().peekable();
        let mut writer = Writer::new();
        for (name, value) in &draft.members {
            while let Some((own, text)) = added.next_if(|(own, _)| *own < name.as_str()) {
                writer.text(own, text)?;
            }
            writer.member(name, value)?;
        }
        for (own, text) in added {
            writer.text(own, text)?;
        }
        let prepared = writer.done();
        let length = prepared.bytes.len() + STAMP_BYTES;
        if length > MAX_ENTRY_BYTES {
            return Err(EntryError::TooLong(length));
        }
        Ok(prepared)
    }

    /// The same for a line.
    ///
    /// # Errors
    /// [`EntryError`], also for members out of order.
    pub fn of_line(line: &Line<'_>, node: &str, boot: &str) -> Result<Self, EntryError> {
        check_forms(line.kind, node, boot)?;
        let added = [
            ("boot", boot),
            ("node", node),
            ("t", line.kind),
            ("v", VERSION),
        ];
        let mut added = added.into_iter().peekable();
        let mut writer = Writer::new();
        let mut last = "";
        for (name, field) in line.members {
            if *name <= last {
                return Err(EntryError::Form("order"));
            }
            if let Some(name) = RESERVED.iter().find(|reserved| *reserved == name) {
                return Err(EntryError::Reserved(name));
            }
            last = name;
            while let Some((own, text)) = added.next_if(|(own, _)| own < name) {
                writer.field(own, Field::Text(text))?;
            }
            writer.field(name, *field)?;
        }
        for (own, text) in added {
            writer.field(own, Field::Text(text))?;
        }
        let prepared = writer.done();
        let length = prepared.bytes.len() + STAMP_BYTES;
        if length > MAX_ENTRY_BYTES {
            return Err(EntryError::TooLong(length));
        }
        Ok(prepared)
    }

    /// The entry's bytes: what is hashed, stored and exported.
    ///
    /// # Errors
    /// [`EntryError::Range`].
    pub fn stamp(&self, seq: u64, ts_ms: i64) -> Result<Vec<u8>, EntryError> {
        if i64::try_from(seq).is_err() || seq.cast_signed() > MAX_INTEGER {
            return Err(EntryError::Range("seq"));
        }
        if !(0..=MAX_INTEGER).contains(&ts_ms) {
            return Err(EntryError::Range("ts"));
        }
        let mut bytes = Vec::with_capacity(self.bytes.len() + STAMP_BYTES);
        bytes.extend_from_slice(&self.bytes[..self.seq_at]);
        bytes.extend_from_slice(b",\"seq\":");
        push_decimal(&mut bytes, seq);
        bytes.extend_from_slice(&self.bytes[self.seq_at..self.ts_at]);
        bytes.extend_from_slice(b",\"ts\":");
        push_decimal(&mut bytes, ts_ms.cast_unsigned());
        bytes.extend_from_slice(&self.bytes[self.ts_at..]);
        Ok(bytes)
    }
}

/// Writes members in their order and notes where `seq` and `ts` go. Neither gap is at an end:
/// boot and node sort before `seq`, t between the two, and v after `ts`.
struct Writer {
    bytes: Vec<u8>,
    seq_at: Option<usize>,
    ts_at: Option<usize>,
}

impl Writer {
    fn new() -> Self {
        let mut bytes = Vec::with_capacity(USUAL_BYTES);
        bytes.push(b'{');
        Self {
            bytes,
            seq_at: None,
            ts_at: None,
        }
    }

    /// One more member, checked.
    fn member(&mut self, name: &str, value: &Value) -> Result<(), EntryError> {
        self.name(name);
        canonical::push_member(&mut self.bytes, name, value)?;
        Ok(())
    }

    /// One of the members that the log adds.
    fn text(&mut self, name: &str, text: &str) -> Result<(), EntryError> {
        self.member(name, &Value::from(text))
    }

    /// One member of a line.
    fn field(&mut self, name: &str, field: Field<'_>) -> Result<(), EntryError> {
        self.name(name);
        canonical::push_name(&mut self.bytes, name)?;
        match field {
            Field::Text(text) => canonical::push_text(&mut self.bytes, text),
            Field::Number(number) => self.number(number)?,
            Field::True => self.bytes.extend_from_slice(b"true"),
            Field::Hex(bytes) => self.hex(&bytes),
            Field::Body(length, sha256) => {
                self.bytes.push(b'{');
                if let Some(length) = length {
                    self.bytes.extend_from_slice(b"\"len\":");
                    self.number(length)?;
                }
                if let Some(sha256) = sha256 {
                    let comma: &[u8] = if length.is_some() { b"," } else { b"" };
                    self.bytes.extend_from_slice(comma);
                    self.bytes.extend_from_slice(b"\"sha256\":");
                    self.hex(&sha256);
                }
                self.bytes.push(b'}');
            }
        }
        Ok(())
    }

    fn number(&mut self, number: u64) -> Result<(), EntryError> {
        if number > MAX_INTEGER.cast_unsigned() {
            return Err(CanonicalError::Number.into());
        }
        push_decimal(&mut self.bytes, number);
        Ok(())
    }

    fn hex(&mut self, bytes: &[u8; 32]) {
        let mut digits = [0u8; 64];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 15)];
        }
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(&digits);
        self.bytes.push(b'"');
    }

    /// What goes between two members, and the gaps before this one.
    fn name(&mut self, name: &str) {
        let here = self.bytes.len();
        if name > "seq" {
            self.seq_at.get_or_insert(here);
        }
        if name > "ts" {
            self.ts_at.get_or_insert(here);
        }
        if here > 1 {
            self.bytes.push(b',');
        }
    }

    fn done(mut self) -> PreparedDraft {
        let end = self.bytes.len();
        self.bytes.push(b'}');
        PreparedDraft {
            bytes: self.bytes,
            seq_at: self.seq_at.unwrap_or(end),
            ts_at: self.ts_at.unwrap_or(end),
        }
    }
}

/// Prepares and stamps in one step, for callers off the hot path.
///
/// # Errors
/// As [`PreparedDraft::new`] and [`PreparedDraft::stamp`].
pub fn stamp(
    draft: &Draft,
    seq: u64,
    ts_ms: i64,
    node: &str,
    boot: &str,
) -> Result<Vec<u8>, EntryError> {
    PreparedDraft::new(draft, node, boot)?.stamp(seq, ts_ms)
}

/// A parsed entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its index in the tree; the only order.
    pub seq: u64,
    /// The wall clock as read, in milliseconds since the epoch.
    pub ts_ms: i64,
    /// Member `t`.
    pub kind: String,
    /// Which node wrote it.
    pub node: String,
    /// Which process of that node: 8 hex digits.
    pub boot: String,
    /// Every member but those six that the log adds.
    pub members: Map<String, Value>,
}

impl Entry {
    /// A text member.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name).and_then(Value::as_str)
    }

    /// An integer member.
    #[must_use]
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.members.get(name).and_then(Value::as_i64)
    }
}

/// Parses the bytes of an entry; any spelling but the canonical one is refused.
///
/// # Errors
/// [`EntryError`].
pub fn parse_entry(bytes: &[u8]) -> Result<Entry, EntryError> {
    if bytes.len() > MAX_ENTRY_BYTES {
        return Err(EntryError::TooLong(bytes.len()));
    }
    let mut members: Map<String, Value> = canonical::parse_exact(bytes)?;
    let mut text = |name: &'static str| match members.remove(name) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(EntryError::Form(name)),
    };
    let (version, kind, node, boot) = (text("v")?, text("t")?, text("node")?, text("boot")?);
    if version != VERSION {
        return Err(EntryError::Form("v"));
    }
    check_forms(&kind, &node, &boot)?;
    let mut number = |name: &'static str| {
        let number = members.remove(name).as_ref().and_then(Value::as_i64);
        number
            .filter(|number| *number >= 0)
            .ok_or(EntryError::Range(name))
    };
    let (seq, ts_ms) = (number("seq")?.cast_unsigned(), number("ts")?);
    Ok(Entry {
        seq,
        ts_ms,
        kind,
        node,
        boot,
        members,
    })
}

fn check_forms(kind: &str, node: &str, boot: &str) -> Result<(), EntryError> {
    let word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    if kind.len() > 40 || !kind.split('.').all(word) {
        return Err(EntryError::Form("t"));
    }
    if !(1..=64).contains(&node.len()) || !node.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(EntryError::Form("node"));
    }
    if boot.len() != 8 || !boot.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(EntryError::Form("boot"));
    }
    Ok(())
}

fn push_decimal(bytes: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0u8; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + u8::try_from(number % 10).expect("one digit");
        number /= 10;
        if number == 0 {
            break;
        }
    }
    bytes.extend_from_slice(&digits[start..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const BOOT: &str = "0a1b2c3d";

    fn line(members: &[(&'static str, Field<'_>)]) -> Result<Vec<u8>, EntryError> {
        let kind = "call.begin";
        PreparedDraft::of_line(&Line { kind, members }, "n1", BOOT)?.stamp(7, 1_000)
    }

    #[test]
    fn a_line_has_the_bytes_of_the_same_draft() {
        let members = [
            ("actor", Field::Text("rio \"\u{1}\u{7f}é😀\\/")),
            ("leak", Field::True),
            ("ms", Field::Number(0)),
            ("path_sha256", Field::Hex([0xa5; 32])),
            ("req", Field::Body(Some(12), Some([0x0f; 32]))),
            ("res", Field::Body(None, Some([1; 32]))),
            ("sid", Field::Body(Some(0), None)),
            ("status", Field::Number(MAX_INTEGER.cast_unsigned())),
            ("thrift", Field::Body(None, None)),
        ];
        let Value::Object(same) = json!({
            "actor": "rio \"\u{1}\u{7f}é😀\\/", "leak": true, "ms": 0,
            "path_sha256": "a5".repeat(32),
            "req": {"len": 12, "sha256": "0f".repeat(32)}, "res": {"sha256": "01".repeat(32)},
            "sid": {"len": 0}, "status": MAX_INTEGER, "thrift": {},
        }) else {
            unreachable!("an object was written")
        };
        let draft = Draft {
            kind: "call.begin".to_owned(),
            members: same,
        };
        let drafted = stamp(&draft, 7, 1_000, "n1", BOOT).unwrap();
        assert_eq!(line(&members).unwrap(), drafted);
    }

    #[test]
    fn a_line_out_of_order_or_with_a_member_of_the_log_is_refused() {
        let number = Field::Number(1);
        let order = Err(EntryError::Form("order"));
        assert_eq!(line(&[("b", number), ("a", number)]), order);
        assert_eq!(line(&[("b", number), ("b", number)]), order);
        assert_eq!(line(&[("seq", number)]), Err(EntryError::Reserved("seq")));
        assert!(line(&[("A", number)]).is_err());
        assert!(line(&[("a", Field::Number(u64::MAX))]).is_err());
    }
}
