//! The client's wall clock: what acts carry in `at_ms` and what expiry is held against.

use crate::domain::time::Timestamp;

/// Now, as this machine believes.
#[expect(
    clippy::disallowed_methods,
    reason = "a client command has no app clock; this is the only place of `cli` that reads one"
)]
pub(super) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let ms = since.map_or(0, |passed| passed.as_millis());
    Timestamp(i64::try_from(ms).unwrap_or(i64::MAX))
}
