//! Receivers for the demo: a mail server and a webhook receiver on loopback.
//!
//! They import nothing of ours, so what they accept is judged by the wire alone.

pub mod smtp;
pub mod webhook;
