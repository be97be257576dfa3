//! What a session may do.
