//! Thrift over HTTP for SQL drivers: `protocol` knows the bytes, `service` the calls.

mod protocol;
mod service;

pub use service::route;
