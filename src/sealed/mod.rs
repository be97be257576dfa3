//! (room: sealed)
