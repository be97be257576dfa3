//! The statement execution API (facts §4.3): INLINE JSON_ARRAY in chunks of 100 rows, EXTERNAL_LINKS
//! as presigned URLs, polling, cancel. A statement with the comment `/* slow */` runs until it is
//! cancelled.

use std::collections::BTreeMap;

use bytes::Bytes;
use hyper::StatusCode;
use serde_json::{Value, json};

use super::call::{Call, text};
use super::clock;
use super::engine::{self, SqlError, Table};
use super::files::Grant;
use super::reply::{Handled, Reply};
use super::state::lock;
use super::warehouses;

/// Rows in one chunk.
const CHUNK_ROWS: usize = 100;

/// A statement that was submitted.
#[derive(Debug, Clone)]
struct Statement {
    outcome: Option<Result<Table, SqlError>>,
    canceled: bool,
    links: bool,
}

/// Statements and sessions.
#[derive(Debug, Default)]
pub struct SqlState {
    statements: BTreeMap<String, Statement>,
    /// Rows of open Thrift operations by handle, with the next row to fetch.
    pub operations: BTreeMap<Vec<u8>, (Table, usize)>,
}

/// `/sql/statements…`.
pub fn route(call: &Call<'_>, rest: &[&str]) -> Handled {
    match (call.method, rest) {
        ("POST", []) => submit(call),
        ("GET", [id]) => {
            let found = find(call, id)?;
            Ok(shown(call, id, &found))
        }
        ("POST", [id, "cancel"]) => {
            if let Some(held) = lock(&call.state.sql).statements.get_mut(*id)
                && held.outcome.is_none()
            {
                held.canceled = true;
            }
            Ok(Reply::done())
        }
        ("GET", [id, "result", "chunks", index]) => {
            let index = index.parse().map_err(|_| Reply::invalid("chunk index"))?;
            match find(call, id)?.outcome {
                Some(Ok(table)) => chunk(id, &table, index)
                    .map(|chunk| Reply::json(&chunk))
                    .ok_or_else(|| Reply::invalid(format!("Chunk {index} does not exist"))),
                _ => Err(Reply::invalid("The statement has no result")),
            }
        }
        _ => Err(call.no_endpoint()),
    }
}

/// `/sql/sessions…`.
pub fn sessions(call: &Call<'_>, rest: &[&str]) -> Handled {
    match (call.method, rest) {
        ("POST", []) => Ok(Reply::json(&json!({"session_id": clock::random_uuid()}))),
        ("DELETE", [_]) => Ok(Reply::done()),
        _ => Err(call.no_endpoint()),
    }
}

fn find(call: &Call<'_>, id: &str) -> Result<Statement, Reply> {
    if id.len() != 36 {
        return Err(Reply::invalid(format!("{id} is not a valid statement id")));
    }
    lock(&call.state.sql)
        .statements
        .get(id)
        .cloned()
        .ok_or_else(|| {
            let message = format!("The statement {id} was not found.");
            Reply::error(StatusCode::NOT_FOUND, "NOT_FOUND", message)
        })
}

fn submit(call: &Call<'_>) -> Handled {
    let body = call.json()?;
    let warehouse = text(&body, "warehouse_id")?;
    if !warehouses::exists(warehouse) {
        return Err(Reply::missing(format!(
            "SQL warehouse {warehouse} does not exist"
        )));
    }
    let wait = body["wait_timeout"].as_str().unwrap_or("10s");
    let seconds: Option<u32> = wait
        .strip_suffix('s')
        .and_then(|digits| digits.parse().ok());
    let waits = match seconds {
        Some(0) => false,
        Some(5..=50) => true,
        _ => {
            return Err(Reply::invalid(
                "The wait_timeout field must be 0 seconds (disables wait), or between 5 seconds \
                 and 50 seconds.",
            ));
        }
    };
    let links = body["disposition"] == "EXTERNAL_LINKS";
    let format = body["format"].as_str().unwrap_or("JSON_ARRAY");
    if !links && format != "JSON_ARRAY" {
        return Err(Reply::invalid(
            "The INLINE disposition supports only JSON_ARRAY",
        ));
    }
    let sql = text(&body, "statement")?;
    let slow = sql.contains("/* slow */");
    let outcome = (!slow).then(|| engine::run(sql, &call.caller.subject));
    let statement = Statement {
        outcome,
        canceled: false,
        links,
    };
    let id = clock::random_uuid();
    lock(&call.state.sql)
        .statements
        .insert(id.clone(), statement.clone());
    if !waits || slow {
        let state = if slow { "RUNNING" } else { "PENDING" };
        return Ok(Reply::json(
            &json!({"statement_id": id, "status": {"state": state}}),
        ));
    }
    Ok(shown(call, &id, &statement))
}

fn shown(call: &Call<'_>, id: &str, statement: &Statement) -> Reply {
    let table = match &statement.outcome {
        None => {
            let state = if statement.canceled {
                "CANCELED"
            } else {
                "RUNNING"
            };
            return Reply::json(&json!({"statement_id": id, "status": {"state": state}}));
        }
        Some(Err(error)) => {
            return Reply::json(&json!({
                "statement_id": id,
                "status": {
                    "state": "FAILED",
                    "error": {"error_code": "BAD_REQUEST", "message": error.message},
                    "sql_state": error.sql_state,
                },
            }));
        }
        Some(Ok(table)) => table,
    };
    let mut body = json!({
        "statement_id": id,
        "status": {"state": "SUCCEEDED"},
        "manifest": manifest(table),
        "result": chunk(id, table, 0).unwrap_or_else(|| json!({})),
    });
    if statement.links {
        let rows = Bytes::from(json!(table.rows).to_string());
        let url = lock(&call.state.files).presign(&call.origin, Grant::Rows(rows));
        body["result"] = json!({"external_links": [{
            "chunk_index": 0,
            "row_offset": 0,
            "row_count": table.rows.len(),
            "external_link": url,
            "expiration": clock::rfc3339(call.now_ms + 900_000),
        }]});
    }
    Reply::json(&body)
}

fn manifest(table: &Table) -> Value {
    let columns: Vec<Value> = table
        .columns
        .iter()
        .enumerate()
        .map(|(position, (name, kind))| {
            json!({
                "name": name,
                "type_text": kind.text(),
                "type_name": kind.name(),
                "position": position,
            })
        })
        .collect();
    let chunks: Vec<Value> = table
        .rows
        .chunks(CHUNK_ROWS)
        .enumerate()
        .map(|(at, rows)| {
            json!({"chunk_index": at, "row_offset": at * CHUNK_ROWS, "row_count": rows.len()})
        })
        .collect();
    json!({
        "format": "JSON_ARRAY",
        "schema": {"column_count": columns.len(), "columns": columns},
        "total_chunk_count": chunks.len(),
        "chunks": chunks,
        "total_row_count": table.rows.len(),
        "truncated": false,
    })
}

fn chunk(id: &str, table: &Table, index: usize) -> Option<Value> {
    let rows = table.rows.chunks(CHUNK_ROWS).nth(index)?;
    let mut chunk = json!({
        "chunk_index": index,
        "row_offset": index * CHUNK_ROWS,
        "row_count": rows.len(),
        "data_array": rows,
    });
    if table.rows.len() > (index + 1) * CHUNK_ROWS {
        let next = index + 1;
        chunk["next_chunk_index"] = json!(next);
        chunk["next_chunk_internal_link"] =
            json!(format!("/api/2.0/sql/statements/{id}/result/chunks/{next}"));
    }
    Some(chunk)
}
