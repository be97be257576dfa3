//! TBinaryProtocol, strict form: reading and writing values without generated code.
//!
//! Must not know: which service is spoken.

use std::collections::BTreeMap;

/// A value as it stands on the wire.
#[derive(Debug, Clone, PartialEq)]
pub enum Thrift {
    /// One byte, 0 or 1.
    Bool(bool),
    /// 8 bits.
    Byte(i8),
    /// 16 bits.
    I16(i16),
    /// 32 bits.
    I32(i32),
    /// 64 bits.
    I64(i64),
    /// IEEE 754.
    Double(f64),
    /// Text or bytes.
    Binary(Vec<u8>),
    /// Fields by number.
    Struct(BTreeMap<i16, Thrift>),
    /// Element type and elements; sets are read as lists.
    List(u8, Vec<Thrift>),
    /// Key type, value type, pairs.
    Map(u8, u8, Vec<(Thrift, Thrift)>),
}

/// Type number of a struct.
pub const STRUCT: u8 = 12;
/// Type number of text.
pub const TEXT: u8 = 11;
/// A reply.
pub const REPLY: i32 = 2;
const VERSION: u32 = 0x8001_0000;
/// Deepest nesting read.
const MAX_DEPTH: u8 = 32;

/// A message: name, kind, sequence number and its arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Method name.
    pub name: String,
    /// 1 for a call, [`REPLY`] for a reply.
    pub kind: i32,
    /// Echoed in the reply.
    pub sequence: i32,
    /// The argument or result struct.
    pub body: Thrift,
}

impl Thrift {
    /// A struct from fields.
    pub fn fields<const N: usize>(fields: [(i16, Thrift); N]) -> Self {
        Self::Struct(fields.into_iter().collect())
    }

    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Binary(text.into().into_bytes())
    }

    /// A list of structs.
    pub fn structs(entries: Vec<Thrift>) -> Self {
        Self::List(STRUCT, entries)
    }

    /// A field of a struct.
    pub fn field(&self, number: i16) -> Option<&Thrift> {
        match self {
            Self::Struct(fields) => fields.get(&number),
            _ => None,
        }
    }

    /// The bytes of text.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Binary(bytes) => Some(bytes),
            _ => None,
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Bool(_) => 2,
            Self::Byte(_) => 3,
            Self::Double(_) => 4,
            Self::I16(_) => 6,
            Self::I32(_) => 8,
            Self::I64(_) => 10,
            Self::Binary(_) => TEXT,
            Self::Struct(_) => STRUCT,
            Self::Map(..) => 13,
            Self::List(..) => 15,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Bool(value) => out.push(u8::from(*value)),
            Self::Byte(value) => out.extend(value.to_be_bytes()),
            Self::I16(value) => out.extend(value.to_be_bytes()),
            Self::I32(value) => out.extend(value.to_be_bytes()),
            Self::I64(value) => out.extend(value.to_be_bytes()),
            Self::Double(value) => out.extend(value.to_be_bytes()),
            Self::Binary(bytes) => {
                write_length(out, bytes.len());
                out.extend(bytes);
            }
            Self::Struct(fields) => {
                for (number, value) in fields {
                    out.push(value.kind());
                    out.extend(number.to_be_bytes());
                    value.write(out);
                }
                out.push(0);
            }
            Self::List(kind, entries) => {
                out.push(*kind);
                write_length(out, entries.len());
                for entry in entries {
                    entry.write(out);
                }
            }
            Self::Map(keys, values, pairs) => {
                out.extend([*keys, *values]);
                write_length(out, pairs.len());
                for (key, value) in pairs {
                    key.write(out);
                    value.write(out);
                }
            }
        }
    }
}

fn write_length(out: &mut Vec<u8>, length: usize) {
    let length = i32::try_from(length).expect("the simulator answers far less than 2 GiB");
    out.extend(length.to_be_bytes());
}

/// Writes a message.
pub fn encode(message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    let kind = u32::try_from(message.kind).unwrap_or_default();
    out.extend((VERSION | kind).to_be_bytes());
    write_length(&mut out, message.name.len());
    out.extend(message.name.as_bytes());
    out.extend(message.sequence.to_be_bytes());
    message.body.write(&mut out);
    out
}

/// Reads a message; `None` when it is not strict TBinaryProtocol or ends early.
pub fn decode(bytes: &[u8]) -> Option<Message> {
    let mut reader = Reader { bytes };
    let head = u32::from_be_bytes(reader.array()?);
    if head & 0xffff_0000 != VERSION {
        return None;
    }
    let kind = i32::try_from(head & 0xff).ok()?;
    let name = String::from_utf8(reader.binary()?).ok()?;
    let sequence = i32::from_be_bytes(reader.array()?);
    let body = reader.value(STRUCT, 0)?;
    Some(Message {
        name,
        kind,
        sequence,
        body,
    })
}

struct Reader<'b> {
    bytes: &'b [u8],
}

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(*head)
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(i32::from_be_bytes(self.array()?)).ok()
    }

    fn binary(&mut self) -> Option<Vec<u8>> {
        let length = self.length()?;
        let taken = self.bytes.get(..length)?.to_vec();
        self.bytes = &self.bytes[length..];
        Some(taken)
    }

    fn value(&mut self, kind: u8, depth: u8) -> Option<Thrift> {
        if depth > MAX_DEPTH {
            return None;
        }
        Some(match kind {
            2 => Thrift::Bool(self.array::<1>()? != [0]),
            3 => Thrift::Byte(i8::from_be_bytes(self.array()?)),
            4 => Thrift::Double(f64::from_be_bytes(self.array()?)),
            6 => Thrift::I16(i16::from_be_bytes(self.array()?)),
            8 => Thrift::I32(i32::from_be_bytes(self.array()?)),
            10 => Thrift::I64(i64::from_be_bytes(self.array()?)),
            TEXT => Thrift::Binary(self.binary()?),
            STRUCT => {
                let mut fields = BTreeMap::new();
                loop {
                    let [kind] = self.array()?;
                    if kind == 0 {
                        break Thrift::Struct(fields);
                    }
                    let number = i16::from_be_bytes(self.array()?);
                    fields.insert(number, self.value(kind, depth + 1)?);
                }
            }
            13 => {
                let [keys, values] = self.array()?;
                let count = self.length()?;
                let mut pairs = Vec::new();
                for _ in 0..count {
                    pairs.push((self.value(keys, depth + 1)?, self.value(values, depth + 1)?));
                }
                Thrift::Map(keys, values, pairs)
            }
            14 | 15 => {
                let [kind] = self.array()?;
                let count = self.length()?;
                let mut entries = Vec::new();
                for _ in 0..count {
                    entries.push(self.value(kind, depth + 1)?);
                }
                Thrift::List(kind, entries)
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    /// `OpenSession` as databricks-sql-connector 4.9.0 sent it to a recorder.
    const OPEN_SESSION: &str = "gAEAAQAAAAtPcGVuU2Vzc2lvbgAAAAAMAAENAAQLCwAAAAEAAAA1c3BhcmsudGhyaWZ0c2VydmVyLmFycm93QmFzZWRSb3dTZXQudGltZXN0YW1wQXNTdHJpbmcAAAAFZmFsc2UKBQIAAAAAAAClBwIFBQEAAA==";

    #[test]
    fn a_recorded_call_is_read_and_written_back_unchanged() {
        let bytes = STANDARD.decode(OPEN_SESSION).unwrap();
        let message = decode(&bytes).unwrap();
        assert_eq!((message.name.as_str(), message.kind), ("OpenSession", 1));
        let request = message.body.field(1).unwrap();
        assert_eq!(request.field(1282), Some(&Thrift::I64(0xa507)));
        assert_eq!(encode(&message), bytes);
    }

    #[test]
    fn every_truncation_is_refused() {
        let bytes = STANDARD.decode(OPEN_SESSION).unwrap();
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end]), None, "{end}");
        }
    }
}
