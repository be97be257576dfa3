//! What goes wrong around the vault, and what it then says and does.

mod backups;
mod bad_rows;
mod broken_log;
mod calendar;
mod clocks;
mod databricks;
mod emergency;
mod emergency_bind;
mod left_alone;
mod lifetimes;
mod next_node;
mod older_saga;
mod stopping;
