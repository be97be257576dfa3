//! Breakglass: a break-glass emergency access vault for Databricks.
//!
//! The rooms in reading order. A room imports only rooms below it in DESIGN's picture;
//! the exact table is a test (`tests/architecture.rs`).

// The rules: pure, no waiting, no clock, no chance.
pub mod domain;

// Everything that may look at a secret.
pub mod sealed;

// Tamper evidence: tree, notes, proofs, offline verification. No IO.
pub mod audit;

// SQL: the one write path and the sequencer.
pub mod store;

// The outside service, over real HTTP.
pub mod databricks;

// The ways to people: mail and webhook.
pub mod alerts;

// Request and reply types shared by `web` and `cli`.
pub mod api;

// The story: one file per step, each load, decide, commit, act.
pub mod app;

// Accept loop and TLS for both doors; knows nothing of ours.
pub mod listen;

// Door: the logged way to Databricks.
pub mod proxy;

// Door: our own API.
pub mod web;

// Door: loops that call `app` on a schedule.
pub mod workers;

// The configuration file; read by `cli` only.
pub mod config;

// The commands; `cli/serve.rs` builds everything.
pub mod cli;

// A Databricks to practise on; absent from hardened builds.
#[cfg(feature = "simulator")]
pub mod simulator;
