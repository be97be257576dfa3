//! Every sentence of the console, in one place: constants, and functions where a number or name
//! stands inside, so that another language can put it elsewhere. Nothing here decides anything.
//!
//! Error texts have three parts: what happened, whether anything was released, what to do now.

pub(super) mod board;
pub(super) mod dead_end;
pub(super) mod frame;
pub(super) mod incident;
pub(super) mod parts;
pub(super) mod sign_in;
pub(super) mod when;
