//! What goes wrong around the vault, and what it then says and does.

mod calendar;
mod clocks;
mod lifetimes;
mod stopping;
