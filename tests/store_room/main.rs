//! The store room from outside: real files, real processes, real servers.

mod faults;
mod log;
mod postgres;
mod rows;
mod speed;
mod start;
mod support;
