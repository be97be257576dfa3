//! A vault in a temporary folder, its people, its inboxes and a Databricks to practise on.

mod deeds;
mod inbox;
mod log;
mod outside;
mod people;
mod postgres;
mod vault;

pub use inbox::Mode;
pub use people::{Person, opening, release_label, rotation_opening};
pub use vault::{CONSOLE, Plan, TestVault};
