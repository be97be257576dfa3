//! The web door over real sockets: strangers, logins, people, the log.

mod documented;
mod log;
mod logins;
mod people;
mod strangers;
mod support;
