//! The story (`app`) against the real store and the real simulator, in one process.
//!
//! A vault has a runtime of its own, so that killing it drops every step where it stands, as the
//! end of a process does. Nothing here knows HTTP of ours: doors have their own tests.

#![cfg(feature = "simulator")]
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail the test they help"
)]

mod backups;
mod changes;
mod custody;
mod delays;
mod drills;
mod extend;
mod faults;
mod grants;
mod keys;
mod left;
mod numbers;
mod opening;
mod paging;
mod paper;
#[path = "../passkey_support/mod.rs"]
mod passkey_support;
mod passkeys;
mod refusals;
mod restart;
mod restart_phases;
mod rotation;
mod stale;
mod story;
mod supply;
mod support;
