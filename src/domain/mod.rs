//! The rules. Pure: never waits, reads a clock, draws a random number or does IO; the same input
//! gives the same events. Knows nothing of SQL, HTTP, age files or terminals.

pub mod canonical;

// What the proxy decides by: canonical target, risk class, scope, what no session may do.
pub mod judge;
pub mod never;
pub mod risk;
pub mod scope;
pub mod statement;
pub mod target;
pub mod thrift_text;
