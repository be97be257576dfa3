//! (room: workers)
