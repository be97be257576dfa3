//! Why nothing new is opened now, whatever the rules say. What the rules say besides, they say
//! themselves.

use super::App;

/// The vault's own reason to open nothing. It names no file and no host: everybody may read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Shut {
    /// The disk was full, and there is no room again yet.
    #[error("the disk is full: nothing new is opened until there is room")]
    DiskFull,
    /// The process is ending.
    #[error("the vault is ending: nothing new is opened")]
    Ending,
    /// The log is not what was written.
    #[error("the log is not the one this vault wrote: nothing is opened")]
    Forked,
}

impl Shut {
    /// Stable code for scripts (DESIGN §13).
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::DiskFull => "disk_full",
            Self::Ending => "ending",
            Self::Forked => "log_broken",
        }
    }

    /// The next step.
    #[must_use]
    pub fn hint(self) -> &'static str {
        match self {
            Self::DiskFull => {
                "call an operator: once there is space on the vault's disk it opens again by itself"
            }
            Self::Ending => "ask again when the vault has started again; it opens nothing before",
            Self::Forked => "release no share, and call security and the operator",
        }
    }

    /// The page that helps, under `runbooks/`.
    #[must_use]
    pub fn runbook(self) -> &'static str {
        match self {
            Self::DiskFull | Self::Forked => "log-broken",
            Self::Ending => "vault-unreachable",
        }
    }
}

impl App {
    /// Why nothing new may be opened now, if so.
    pub(super) fn opens_nothing(&self) -> Option<Shut> {
        if self.is_disk_full() {
            Some(Shut::DiskFull)
        } else if self.is_stopping() {
            Some(Shut::Ending)
        } else if self.is_forked() {
            Some(Shut::Forked)
        } else {
            None
        }
    }
}
