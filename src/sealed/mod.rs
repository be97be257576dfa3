//! All crypto that may look at a secret, and SSH signatures.
//!
//! Secrets live here in locked memory; other rooms pass them along as opaque types. This room
//! knows documents as bytes and people as keys: not incidents' phases, not SQL, not HTTP.

pub mod age_file;
#[cfg(test)]
mod age_file_vectors;
pub mod allocator;
pub mod ceremony;
pub mod envelope;
pub mod epoch;
pub mod identity;
pub mod loaded_key;
pub mod locked;
pub mod log_epochs;
pub mod login_key;
pub mod paper;
pub mod passkey;
pub mod plaintext;
pub mod possession;
pub mod recovery;
pub mod release;
pub mod roster_keys;
mod scrub;
pub mod secret;
pub mod shamir;
pub mod share;
pub mod share_text;
pub mod sshsig;
pub mod unlocker;
pub mod vault;
pub mod versions;
