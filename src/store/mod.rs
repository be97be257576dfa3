//! SQL: the one write path and the sequencer. One text for SQLite and PostgreSQL.

pub mod change;
