//! The rules. Pure: never waits, reads a clock, draws a random number or does IO; the same input
//! gives the same events. Knows nothing of SQL, HTTP, age files or terminals.
//!
//! Reading order: names and documents first, then the incident, then what the proxy decides by.

/// The version every document and entry carries in `v`.
pub const VERSION: &str = "breakglass/1";

// Words and bytes.
pub mod canonical;
pub mod ids;
pub mod time;

// Documents people sign.
pub mod act;
pub mod lifetime;
pub mod log_epoch;
pub mod manifest;
pub mod phrase;
pub mod policy;
pub mod readiness;
pub mod roster;
pub mod terms;

// The state machines.
pub mod grants;
pub mod incident;
pub mod quorum;
pub mod review;
pub mod rotation;

// Who is told what.
pub mod alert;
pub mod due;
pub mod paging;

// What the proxy decides by: canonical target, risk class, scope, what no session may do.
pub mod judge;
pub mod never;
pub mod risk;
pub mod scope;
pub mod statement;
pub mod target;
pub mod thrift_text;

// What a session added, and how it is taken away again.
pub mod undo;
