//! The incident's state machine: its table, its refusals, and random walks with named invariants.

mod delays;
mod drills;
mod entries;
mod paper;
mod phases;
mod refusals;
mod standing;
mod walk;
mod world;
