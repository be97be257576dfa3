//! (room: cli)

#[cfg(feature = "simulator")]
pub mod simulate;
