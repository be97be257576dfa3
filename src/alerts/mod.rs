//! (room: alerts)
