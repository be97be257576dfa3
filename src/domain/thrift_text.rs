//! Reads the method and the SQL text out of a Thrift call (TBinaryProtocol, strict).
//!
//! Only what the policy and the log need. Hostile bytes end in an error, never in a panic, and what
//! could be read in two ways (a field twice, bytes after the end) is an error too.

/// `canDownloadResult` of TExecuteStatementReq: the client asks for result links (field 0x0503,
/// seen in recorded traffic of the Python and Node drivers).
const CAN_DOWNLOAD_RESULT: i16 = 0x0503;
/// `statement` of TExecuteStatementReq.
const STATEMENT: i16 = 2;
const MAX_DEPTH: usize = 16;
const MAX_NAME_BYTES: usize = 64;
/// Strict binary protocol, version 1, message type CALL.
const CALL_HEADER: [u8; 4] = [0x80, 0x01, 0x00, 0x01];

/// Methods that open, follow and close queries and read the catalogue.
const READING: [&str; 17] = [
    "OpenSession",
    "CloseSession",
    "GetInfo",
    "GetTypeInfo",
    "GetCatalogs",
    "GetSchemas",
    "GetTables",
    "GetTableTypes",
    "GetColumns",
    "GetFunctions",
    "GetPrimaryKeys",
    "GetCrossReference",
    "GetOperationStatus",
    "CancelOperation",
    "CloseOperation",
    "GetResultSetMetadata",
    "FetchResults",
];

/// One Thrift call as far as the policy reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThriftCall {
    /// The method name.
    pub method: String,
    /// The SQL text of ExecuteStatement; `None` for every other method.
    pub statement: Option<String>,
    /// Whether the statement asks for result links, which would leave past the proxy.
    pub wants_links: bool,
}

/// Why bytes are not a Thrift call we read. Never carries the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ThriftRefusal {
    /// Not a strict binary CALL.
    #[error("not a thrift call in the strict binary protocol")]
    Header,
    /// Ends early, has bytes after the end, an unknown type, or is nested too deep.
    #[error("the thrift call is not well formed")]
    Shape,
    /// The same field twice.
    #[error("the thrift call holds a field twice")]
    Duplicate,
    /// ExecuteStatement without a UTF-8 statement.
    #[error("the thrift call holds no readable statement")]
    NoStatement,
}

/// Whether a method only opens, follows or reads.
pub fn only_reads(method: &str) -> bool {
    READING.contains(&method)
}

/// Whether the reply of a method is a credential.
pub fn vends_credential(method: &str) -> bool {
    method.contains("DelegationToken")
}

/// Reads a call.
///
/// # Errors
/// [`ThriftRefusal`] for anything that is not exactly one well-formed call.
pub fn read_call(bytes: &[u8]) -> Result<ThriftCall, ThriftRefusal> {
    let mut reader = Reader { rest: bytes };
    if reader.take(4)? != CALL_HEADER.as_slice() {
        return Err(ThriftRefusal::Header);
    }
    let name = reader.blob()?;
    let plain = (1..=MAX_NAME_BYTES).contains(&name.len())
        && name.iter().all(|byte| byte.is_ascii_alphanumeric());
    if !plain {
        return Err(ThriftRefusal::Header);
    }
    let method = String::from_utf8_lossy(name).into_owned();
    reader.take(4)?; // sequence id
    let mut call = ThriftCall {
        method,
        statement: None,
        wants_links: false,
    };
    reader.arguments(&mut call)?;
    if !reader.rest.is_empty() {
        return Err(ThriftRefusal::Shape);
    }
    if call.method == "ExecuteStatement" && call.statement.is_none() {
        return Err(ThriftRefusal::NoStatement);
    }
    Ok(call)
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], ThriftRefusal> {
        let (head, tail) = self
            .rest
            .split_at_checked(count)
            .ok_or(ThriftRefusal::Shape)?;
        self.rest = tail;
        Ok(head)
    }

    fn byte(&mut self) -> Result<u8, ThriftRefusal> {
        Ok(self.take(1)?[0])
    }

    fn field_id(&mut self) -> Result<i16, ThriftRefusal> {
        let bytes = self.take(2)?;
        Ok(i16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn length(&mut self) -> Result<usize, ThriftRefusal> {
        let bytes = self.take(4)?;
        let length = i32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        usize::try_from(length).map_err(|_| ThriftRefusal::Shape)
    }

    fn blob(&mut self) -> Result<&'a [u8], ThriftRefusal> {
        let length = self.length()?;
        self.take(length)
    }

    /// The arguments struct: field 1 is the request.
    fn arguments(&mut self, call: &mut ThriftCall) -> Result<(), ThriftRefusal> {
        let mut seen = Vec::new();
        loop {
            let kind = self.byte()?;
            if kind == 0 {
                return Ok(());
            }
            let id = self.next_id(&mut seen)?;
            if id == 1 && kind == 12 && call.method == "ExecuteStatement" {
                self.execute_request(call)?;
            } else {
                self.skip(kind, 0)?;
            }
        }
    }

    fn execute_request(&mut self, call: &mut ThriftCall) -> Result<(), ThriftRefusal> {
        let mut seen = Vec::new();
        loop {
            let kind = self.byte()?;
            if kind == 0 {
                return Ok(());
            }
            match (self.next_id(&mut seen)?, kind) {
                (STATEMENT, 11) => {
                    let text = std::str::from_utf8(self.blob()?);
                    call.statement = Some(text.map_err(|_| ThriftRefusal::NoStatement)?.to_owned());
                }
                (CAN_DOWNLOAD_RESULT, 2) => call.wants_links |= self.byte()? != 0,
                (CAN_DOWNLOAD_RESULT, other) => {
                    // Another type under this number: some server may read it as yes.
                    call.wants_links = true;
                    self.skip(other, 0)?;
                }
                (_, other) => self.skip(other, 0)?,
            }
        }
    }

    fn next_id(&mut self, seen: &mut Vec<i16>) -> Result<i16, ThriftRefusal> {
        let id = self.field_id()?;
        if seen.contains(&id) || seen.len() > 256 {
            return Err(ThriftRefusal::Duplicate);
        }
        seen.push(id);
        Ok(id)
    }

    /// Steps over one value of a type.
    fn skip(&mut self, kind: u8, depth: usize) -> Result<(), ThriftRefusal> {
        if depth > MAX_DEPTH {
            return Err(ThriftRefusal::Shape);
        }
        match kind {
            2 | 3 => self.take(1).map(drop),
            6 => self.take(2).map(drop),
            8 => self.take(4).map(drop),
            4 | 10 => self.take(8).map(drop),
            11 => self.blob().map(drop),
            12 => self.skip_struct(depth),
            13 => {
                let (key, value) = (self.byte()?, self.byte()?);
                self.skip_items(&[key, value], depth)
            }
            14 | 15 => {
                let item = self.byte()?;
                self.skip_items(&[item], depth)
            }
            _ => Err(ThriftRefusal::Shape),
        }
    }

    fn skip_struct(&mut self, depth: usize) -> Result<(), ThriftRefusal> {
        loop {
            let kind = self.byte()?;
            if kind == 0 {
                return Ok(());
            }
            self.take(2)?;
            self.skip(kind, depth + 1)?;
        }
    }

    fn skip_items(&mut self, kinds: &[u8], depth: usize) -> Result<(), ThriftRefusal> {
        let count = self.length()?;
        // Every item takes at least one byte, so a false count ends at the end of the input.
        for _ in 0..count {
            for kind in kinds {
                self.skip(*kind, depth + 1)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // Recorded from the Python driver 4.9.0 and the Node driver 2.1.0: `select 1`.
    const PYTHON: &str = "80010001000000104578656375746553746174656d656e74000000000c00010c00010c00010b0001000000103f8a481b22074e19a7cd241dc66a3a2b0b000200000010adef9d208b7547ddbbe7869b3f28a72000080d010000a507000b00020000000873656c65637420310d00030b0b0000000100000035737061726b2e7468726966747365727665722e6172726f774261736564526f775365742e74696d657374616d704173537472696e670000000566616c7365020004010a000500000000000000000c05010a000100000000000186a00a00020000000006400000000205020002050301020504010c050602000101020002010200030102000400000f05080c00000000020d19000000";
    const NODE: &str = "80010001000000104578656375746553746174656d656e74000000020c00010c00010c00010b000100000010fa165f3ecf21437a9c98d75f9f433c390b0002000000105445ac1ac4984b0ebfbb00ace04c633700000b00020000000873656c6563742031020004010c05010a000100000000000186a0000a0005000000000000000002050201020503010c050602000101020002010200030102000400000000";

    fn bytes(text: &str) -> Vec<u8> {
        hex::decode(text).unwrap()
    }

    #[test]
    fn recorded_calls_of_two_drivers_are_read() {
        for recorded in [PYTHON, NODE] {
            let call = read_call(&bytes(recorded)).unwrap();
            assert_eq!(call.method, "ExecuteStatement");
            assert_eq!(call.statement.as_deref(), Some("select 1"));
            assert!(call.wants_links);
        }
    }

    #[test]
    fn the_clients_switch_clears_the_wish_for_links() {
        let off = PYTHON.replace("0205030102050401", "0205030002050401");
        assert!(!read_call(&bytes(&off)).unwrap().wants_links);
    }

    #[test]
    fn a_second_statement_field_is_refused() {
        let field = "0b00020000000873656c6563742031";
        let twice = NODE.replacen(field, &format!("{field}{field}"), 1);
        assert_eq!(read_call(&bytes(&twice)), Err(ThriftRefusal::Duplicate));
    }

    #[test]
    fn bytes_after_the_end_and_every_cut_are_refused() {
        let whole = bytes(PYTHON);
        for cut in 0..whole.len() {
            assert!(read_call(&whole[..cut]).is_err(), "cut at {cut}");
        }
        assert!(read_call(&[whole, vec![0]].concat()).is_err());
    }

    #[test]
    fn replies_and_other_protocols_are_refused() {
        assert_eq!(read_call(&[0x82, 0x21, 1, 1]), Err(ThriftRefusal::Header));
        assert_eq!(read_call(&[0x80, 1, 0, 2]), Err(ThriftRefusal::Header));
    }

    #[test]
    fn delegation_tokens_are_known_as_credentials() {
        assert!(vends_credential("GetDelegationToken"));
        assert!(only_reads("FetchResults") && !only_reads("ExecuteStatement"));
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(
            noise in proptest::collection::vec(any::<u8>(), 0..200),
            at in 0usize..260,
            byte in any::<u8>(),
        ) {
            let _ = read_call(&noise);
            let _ = read_call(&[CALL_HEADER.as_slice(), &noise].concat());
            let mut changed = bytes(PYTHON);
            if at < changed.len() {
                changed[at] = byte;
            }
            let _ = read_call(&changed);
        }
    }
}
