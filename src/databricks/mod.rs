//! (room: databricks)
