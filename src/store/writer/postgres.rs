//! PostgreSQL's side of the writer: the sequencer's thread waits for each answer of the server.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Error};
use tokio::runtime::Handle;

use super::super::query::bound;
use super::{Bound, Refused};

/// Longer than the server's own limit for a statement: then it is not there any more.
const PATIENCE: Duration = Duration::from_secs(35);

pub(super) fn execute(
    connection: &mut PgConnection,
    runtime: &Handle,
    text: &'static str,
    values: &[Bound],
) -> Result<u64, Refused> {
    let asked = bound!(text, values.iter().cloned()).execute(connection);
    let asked = async { tokio::time::timeout(PATIENCE, asked).await };
    match runtime.block_on(asked) {
        Ok(Ok(done)) => Ok(done.rows_affected()),
        Ok(Err(error)) => Err(refused(&error)),
        Err(_) => Err(Refused::Failed("the server does not answer".to_owned())),
    }
}

pub(super) fn close(connection: PgConnection, runtime: &Handle) -> Result<(), Refused> {
    let closed = runtime.block_on(connection.close());
    closed.map_err(|error| refused(&error))
}

/// The classes of PostgreSQL's error codes (its manual, appendix A).
fn refused(error: &Error) -> Refused {
    let why = error.to_string();
    let code = error.as_database_error().and_then(|said| said.code());
    match code.as_deref() {
        // The transaction is aborted and its rollback is clean.
        Some("53100") => Refused::Full,
        // A lock that was waited for too long, a statement cancelled for its time, a deadlock, a
        // serialisation that failed: the transaction is rolled back whole.
        Some("55P03" | "57014" | "40P01" | "40001") => Refused::Busy(why),
        // A row breaks a rule, or a value has no form there (class 22: text with a zero byte). The
        // savepoint takes the statement back.
        Some("23514") => Refused::Invalid(why),
        Some(code) if code.starts_with("22") => Refused::Invalid(why),
        _ => Refused::Failed(why),
    }
}
