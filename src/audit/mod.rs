//! Tamper evidence: tree, notes, proofs, entries, export and offline verification.
//!
//! Everything here is computed from bytes the caller passes: no files, no sockets, no clock, no
//! chance. It knows the C2SP formats and the entry rules of DESIGN §10 and PROTOCOL §11, and
//! nothing of incidents, Databricks or people.

pub mod checkpoint;
pub mod cosignature;
pub mod entry;
pub mod export;
pub mod merkle;
pub mod merkle_proof;
pub mod note;
pub mod policy;
pub mod proof;
pub mod seen;
pub mod tiles;
pub mod verify;
