//! Every sentence of the console, in one place: constants, and functions where a number or name
//! stands inside, so that another language can put it elsewhere. Nothing here decides anything.
//!
//! Error texts have three parts: what happened, whether anything was released, what to do now.

pub(super) mod answer;
pub(super) mod ask;
pub(super) mod board;
pub(super) mod custodians;
pub(super) mod dead_end;
pub(super) mod facts;
pub(super) mod frame;
pub(super) mod incident;
pub(super) mod log;
pub(super) mod parts;
pub(super) mod pictures;
pub(super) mod review;
pub(super) mod share;
pub(super) mod sign_in;
pub(super) mod story;
pub(super) mod when;
