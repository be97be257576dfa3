//! The web door over real sockets: strangers, logins, people, the log.

#![expect(clippy::unwrap_used, reason = "helpers of tests stop the test")]

mod alerts;
mod bad_input;
mod custodian_page;
mod documented;
mod ends;
mod headers;
mod incident_pages;
mod log;
mod logins;
mod pages;
mod people;
mod strangers;
mod support;
