//! The policy a vault has when its people bring none: the three use cases of DESIGN §7.

use super::file::PolicyFile;
use super::{ChannelRule, Policy};
use crate::domain::ids::VaultId;

const TEXT: &str = include_str!("built_in.toml");

impl Policy {
    /// Version 1 of the built-in policy for a vault, with the ways to people it was configured
    /// with. Not yet checked: fewer than two channels is the caller's error to report.
    #[must_use]
    pub fn built_in(vault: VaultId, channels: Vec<ChannelRule>) -> Self {
        file()
            .fill(vault, channels)
            .expect("the compiled-in file holds every part; a test reads it")
    }
}

/// The compiled-in file, as what other files may begin from.
pub(super) fn file() -> PolicyFile {
    PolicyFile::parse(TEXT).expect("the compiled-in file parses; a test reads it")
}
