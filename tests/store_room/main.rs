//! The store room from outside: real files, real processes, real servers.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod faults;
mod fold;
mod log;
mod on_postgres;
mod postgres;
mod renamed;
mod rows_custody;
mod rows_incident;
mod rows_people;
mod samples;
mod speed;
mod start;
mod support;
