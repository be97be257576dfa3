//! Door: the logged way to Databricks.
//!
//! Translates and nothing more: headers, refusals in Databricks' shape, the endpoints the proxy
//! answers itself, and the reply body that is hashed, scanned, cut and held back until its entry
//! is durable. Decides nothing; holds no credential.

mod call;
mod door;
mod headers;
mod held;
mod local;
mod refusal;
mod reply;
mod upload;

#[cfg(test)]
mod tests;

pub use door::handler;
pub use headers::{HeaderRefusal, reply_headers, request_headers};
pub use held::{Ended, Finish, HOLD_BACK_BYTES, Held, HeldError, How, Scan};
pub use local::{
    LocalCall, SessionToken, TokenAsk, TokenAskError, discovery, local_call, token_reply,
};
pub use refusal::Refusal;
pub use upload::{Sent, Upload, UploadError};
