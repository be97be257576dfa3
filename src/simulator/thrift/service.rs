//! TCLIService over HTTP as SQL drivers speak it (facts §5.5): results as inline columns, the
//! first rows as direct results, the rest by FetchResults.

use serde_json::Value;

use super::protocol::{self, Message, REPLY, TEXT, Thrift};
use crate::simulator::call::Call;
use crate::simulator::clock;
use crate::simulator::engine::{self, SqlError, Table, Type};
use crate::simulator::reply::{Handled, Reply};
use crate::simulator::state::lock;

/// Rows in the direct results and in one fetch, at most.
const BATCH_ROWS: usize = 100;
/// SPARK_CLI_SERVICE_PROTOCOL_V7.
const PROTOCOL: i32 = 42_247;
const FINISHED: i32 = 2;
const ERROR: i32 = 5;

/// `POST` of one Thrift message.
pub fn route(call: &Call<'_>) -> Handled {
    if call.method != "POST" {
        return Err(call.no_endpoint());
    }
    let message = protocol::decode(&call.bytes())
        .ok_or_else(|| Reply::invalid("The body is not a Thrift message"))?;
    let empty = Thrift::fields([]);
    let request = message.body.field(1).unwrap_or(&empty);
    let result = match message.name.as_str() {
        "OpenSession" => open_session(),
        "ExecuteStatement" => execute(call, request),
        "GetOperationStatus" => operation_status(FINISHED, None),
        "FetchResults" => fetch(call, request),
        "GetResultSetMetadata" => metadata_of(call, request),
        "CloseOperation" => {
            if let Some(handle) = handle(request, 1) {
                lock(&call.state.sql).operations.remove(&handle);
            }
            Thrift::fields([(1, success())])
        }
        "CloseSession" | "CancelOperation" => Thrift::fields([(1, success())]),
        "GetInfo" => Thrift::fields([
            (1, success()),
            (
                2,
                Thrift::fields([(1, Thrift::text("Databricks simulator"))]),
            ),
        ]),
        "GetCatalogs" => results(call, engine::run("SHOW CATALOGS", "")),
        "GetSchemas" => results(call, engine::run("SHOW SCHEMAS", "")),
        "GetTables" => results(call, engine::run("SHOW TABLES", "")),
        _ => Thrift::fields([(1, failure("Method is not supported", "0A000"))]),
    };
    let reply = Message {
        name: message.name,
        kind: REPLY,
        sequence: message.sequence,
        body: Thrift::fields([(0, result)]),
    };
    Ok(Reply::bytes(
        "application/x-thrift",
        vec![protocol::encode(&reply).into()],
    ))
}

fn success() -> Thrift {
    Thrift::fields([(1, Thrift::I32(0))])
}

fn failure(message: &str, sql_state: &str) -> Thrift {
    Thrift::fields([
        (1, Thrift::I32(3)),
        (3, Thrift::text(sql_state)),
        (5, Thrift::text(message)),
        (6, Thrift::text(message)),
    ])
}

/// The guid is a UUID, as the service's is: the Node.js driver refuses any other 16 bytes.
fn new_handle() -> Thrift {
    let bytes = |text: String| Thrift::Binary(hex::decode(text).unwrap_or_default());
    Thrift::fields([
        (1, bytes(clock::random_uuid().replace('-', ""))),
        (2, bytes(clock::random_hex(16))),
    ])
}

fn open_session() -> Thrift {
    Thrift::fields([
        (1, success()),
        (2, Thrift::I32(PROTOCOL)),
        (
            3,
            Thrift::fields([(1, new_handle()), (3329, Thrift::I32(PROTOCOL))]),
        ),
        (4, Thrift::Map(TEXT, TEXT, Vec::new())),
        (1285, Thrift::Bool(true)),
    ])
}

/// The guid of the operation handle in `field`.
fn handle(request: &Thrift, field: i16) -> Option<Vec<u8>> {
    let guid = request.field(field)?.field(1)?.field(1)?.bytes()?;
    Some(guid.to_vec())
}

fn execute(call: &Call<'_>, request: &Thrift) -> Thrift {
    let statement = request.field(2).and_then(Thrift::bytes).unwrap_or_default();
    let statement = String::from_utf8_lossy(statement);
    results(call, engine::run(&statement, &call.caller.subject))
}

/// An answer with direct results: status, schema and the first rows.
fn results(call: &Call<'_>, outcome: Result<Table, SqlError>) -> Thrift {
    let identifier = new_handle();
    let guid = identifier
        .field(1)
        .and_then(Thrift::bytes)
        .unwrap_or_default()
        .to_vec();
    let operation = Thrift::fields([
        (1, identifier),
        (2, Thrift::I32(0)),
        (3, Thrift::Bool(outcome.is_ok())),
    ]);
    let direct = match outcome {
        Err(error) => Thrift::fields([(1, operation_status(ERROR, Some(&error)))]),
        Ok(table) => {
            let shown = table.rows.len().min(BATCH_ROWS);
            let more = table.rows.len() > shown;
            let mut parts = vec![
                (1, operation_status(FINISHED, None)),
                (2, metadata(&table)),
                (3, batch(&table, 0, shown, more)),
            ];
            if more {
                lock(&call.state.sql)
                    .operations
                    .insert(guid, (table, shown));
            } else {
                parts.push((4, Thrift::fields([(1, success())])));
            }
            Thrift::Struct(parts.into_iter().collect())
        }
    };
    Thrift::fields([(1, success()), (2, operation), (1281, direct)])
}

fn operation_status(state: i32, error: Option<&SqlError>) -> Thrift {
    let mut fields = vec![(1, success()), (2, Thrift::I32(state))];
    if let Some(error) = error {
        fields.push((3, Thrift::text(error.sql_state)));
        fields.push((5, Thrift::text(&error.message)));
        fields.push((1281, Thrift::text(&error.message)));
    }
    Thrift::Struct(fields.into_iter().collect())
}

fn fetch(call: &Call<'_>, request: &Thrift) -> Thrift {
    let Some(guid) = handle(request, 1) else {
        return Thrift::fields([(1, failure("No operation handle", "HY000"))]);
    };
    let mut sql = lock(&call.state.sql);
    let Some((table, next)) = sql.operations.get_mut(&guid) else {
        return Thrift::fields([(1, failure("The operation is closed", "HY000"))]);
    };
    let start = *next;
    let end = (start + BATCH_ROWS).min(table.rows.len());
    *next = end;
    batch(table, start, end, end < table.rows.len())
}

fn metadata_of(call: &Call<'_>, request: &Thrift) -> Thrift {
    let sql = lock(&call.state.sql);
    let held = handle(request, 1).and_then(|guid| sql.operations.get(&guid));
    match held {
        Some((table, _)) => metadata(table),
        None => Thrift::fields([(1, failure("The operation is closed", "HY000"))]),
    }
}

fn type_number(kind: Type) -> i32 {
    match kind {
        Type::Boolean => 0,
        Type::Int => 3,
        Type::BigInt => 4,
        Type::Double => 6,
        Type::Text => 7,
        Type::Timestamp => 8,
        Type::Decimal(..) => 15,
        Type::Void => 16,
        Type::Date => 17,
    }
}

/// TGetResultSetMetadataResp: the schema, results as columns.
fn metadata(table: &Table) -> Thrift {
    let columns = table
        .columns
        .iter()
        .zip(1..)
        .map(|((name, kind), position)| {
            let mut entry = vec![(1, Thrift::I32(type_number(*kind)))];
            if let Type::Decimal(precision, scale) = kind {
                let number = |value: u8| Thrift::fields([(1, Thrift::I32(i32::from(value)))]);
                let qualifiers = vec![
                    (Thrift::text("precision"), number(*precision)),
                    (Thrift::text("scale"), number(*scale)),
                ];
                let map = Thrift::Map(TEXT, protocol::STRUCT, qualifiers);
                entry.push((2, Thrift::fields([(1, map)])));
            }
            let primitive = Thrift::Struct(entry.into_iter().collect());
            let kinds = Thrift::structs(vec![Thrift::fields([(1, primitive)])]);
            Thrift::fields([
                (1, Thrift::text(name)),
                (2, Thrift::fields([(1, kinds)])),
                (3, Thrift::I32(position)),
            ])
        })
        .collect();
    Thrift::fields([
        (1, success()),
        (2, Thrift::fields([(1, Thrift::structs(columns))])),
        (1281, Thrift::I32(1)),
        (1282, Thrift::Bool(false)),
        (1287, Thrift::Bool(false)),
    ])
}

/// TFetchResultsResp with rows `start..end`.
fn batch(table: &Table, start: usize, end: usize, more: bool) -> Thrift {
    let rows = table.rows.get(start..end).unwrap_or_default();
    let columns = table
        .columns
        .iter()
        .enumerate()
        .map(|(at, (_, kind))| {
            let cells: Vec<Option<&str>> = rows.iter().map(|row| row[at].as_deref()).collect();
            column(*kind, &cells)
        })
        .collect();
    let offset = i64::try_from(start).unwrap_or(i64::MAX);
    let row_set = Thrift::fields([
        (1, Thrift::I64(offset)),
        (2, Thrift::structs(Vec::new())),
        (3, Thrift::structs(columns)),
    ]);
    Thrift::fields([
        (1, success()),
        (2, Thrift::Bool(more)),
        (3, row_set),
        (1281, metadata(table)),
    ])
}

/// One column: values (a default where NULL) and the bit field of NULLs.
fn column(kind: Type, cells: &[Option<&str>]) -> Thrift {
    let mut nulls = vec![0_u8; cells.len().div_ceil(8)];
    for (at, _) in cells.iter().enumerate().filter(|(_, cell)| cell.is_none()) {
        nulls[at / 8] |= 1 << (at % 8);
    }
    let parsed = |cell: &Option<&str>| -> Value {
        cell.and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    };
    let (field, number, values): (i16, u8, Vec<Thrift>) = match kind {
        Type::Boolean => (
            1,
            2,
            cells
                .iter()
                .map(|cell| Thrift::Bool(*cell == Some("true")))
                .collect(),
        ),
        Type::Int => {
            let value =
                |cell: &Option<&str>| cell.and_then(|text| text.parse().ok()).unwrap_or_default();
            (
                4,
                8,
                cells.iter().map(|cell| Thrift::I32(value(cell))).collect(),
            )
        }
        Type::BigInt => {
            let value = |cell| parsed(cell).as_i64().unwrap_or_default();
            (
                5,
                10,
                cells.iter().map(|cell| Thrift::I64(value(cell))).collect(),
            )
        }
        Type::Double => {
            let value = |cell| parsed(cell).as_f64().unwrap_or_default();
            (
                6,
                4,
                cells
                    .iter()
                    .map(|cell| Thrift::Double(value(cell)))
                    .collect(),
            )
        }
        _ => (
            7,
            TEXT,
            cells
                .iter()
                .map(|cell| Thrift::text(cell.unwrap_or_default()))
                .collect(),
        ),
    };
    let wrapped = Thrift::fields([
        (1, Thrift::List(number, values)),
        (2, Thrift::Binary(nulls)),
    ]);
    Thrift::fields([(field, wrapped)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nulls_are_a_bit_field_with_the_first_row_in_the_lowest_bit() {
        let got = column(Type::BigInt, &[None, Some("7"), None]);
        let wrapped = got.field(5).unwrap();
        assert_eq!(wrapped.field(2).unwrap().bytes(), Some(&[0b101][..]));
        let values = vec![Thrift::I64(0), Thrift::I64(7), Thrift::I64(0)];
        assert_eq!(wrapped.field(1), Some(&Thrift::List(10, values)));
    }
}
