//! Which phase accepts which command: the table of PROTOCOL §6, kept as code and printed as a
//! snapshot, so that the document cannot drift.

use std::fmt;

/// Names of the phases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PhaseName {
    /// A long delay runs.
    Waiting,
    /// Custodians are asked.
    Collecting,
    /// The veto window runs.
    Cooling,
    /// Shares are combined.
    Opening,
    /// The responder works.
    Open,
    /// The way back.
    Closing,
    /// An auditor must sign.
    InReview,
    /// Done.
    Reviewed,
    /// Too few could still say yes.
    Refused,
    /// Taken back.
    Withdrawn,
    /// Nobody answered.
    Lapsed,
}

impl PhaseName {
    /// Every phase, in the order of an incident's life.
    pub const ALL: [Self; 11] = [
        Self::Waiting,
        Self::Collecting,
        Self::Cooling,
        Self::Opening,
        Self::Open,
        Self::Closing,
        Self::InReview,
        Self::Reviewed,
        Self::Refused,
        Self::Withdrawn,
        Self::Lapsed,
    ];

    /// The word in entries, `--json` and messages.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Collecting => "collecting",
            Self::Cooling => "cooling",
            Self::Opening => "opening",
            Self::Open => "open",
            Self::Closing => "closing",
            Self::InReview => "in_review",
            Self::Reviewed => "reviewed",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
            Self::Lapsed => "lapsed",
        }
    }
}

impl fmt::Display for PhaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

macro_rules! command_names {
    ($($name:ident => $word:literal),+ $(,)?) => {
        /// Names of the commands.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum CommandName { $(#[doc = $word] $name),+ }

        impl CommandName {
            /// Every command.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word in refusals and in the printed table.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }
        }
    };
}

command_names! {
    Approve => "approve", Witness => "witness", CoApprove => "co-approve", Refuse => "refuse", Mismatch => "mismatch",
    Withdraw => "withdraw", Veto => "veto", Override => "override", WaitOver => "wait over",
    Time => "time", Begin => "begin", Unsealed => "unsealed", SessionReady => "session ready",
    OpeningBroke => "opening broke", RotationBegun => "rotation begun", Claim => "claim",
    Note => "note", Extend => "extend", Extended => "extended", ExtendFailed => "extend failed",
    Close => "close", Stop => "stop", Cut => "cut", Restarted => "restarted",
    EpochEnded => "epoch ended", AskRotation => "ask rotation", Rotated => "rotated",
    Answer => "answer", Find => "find", Sign => "sign",
}

/// Whether a phase accepts a command at all; `decide` asks this first.
#[must_use]
pub fn accepts(phase: PhaseName, command: CommandName) -> bool {
    use CommandName as C;
    match phase {
        // Its end freezes new terms, so that nothing of the wait is lost with a restart.
        PhaseName::Waiting => matches!(command, C::Withdraw | C::Veto | C::WaitOver),
        PhaseName::Cooling => matches!(
            command,
            C::Refuse | C::Withdraw | C::Veto | C::Time | C::Begin | C::Restarted | C::EpochEnded
        ),
        PhaseName::Collecting => matches!(
            command,
            C::Approve
                | C::Witness
                | C::CoApprove
                | C::Refuse
                | C::Mismatch
                | C::Withdraw
                | C::Veto
                | C::Override
                | C::Time
                | C::Begin
                | C::Restarted
                | C::EpochEnded
        ),
        PhaseName::Opening => matches!(
            command,
            C::Time
                | C::Unsealed
                | C::SessionReady
                | C::OpeningBroke
                | C::RotationBegun
                | C::Stop
                | C::Veto
                | C::Restarted
        ),
        PhaseName::Open => matches!(
            command,
            C::Claim
                | C::Note
                | C::Mismatch
                | C::Extend
                | C::Extended
                | C::ExtendFailed
                | C::Close
                | C::Stop
                | C::Cut
                | C::Time
                | C::Restarted
        ),
        PhaseName::Closing => matches!(
            command,
            C::Approve
                | C::Witness
                | C::Refuse
                | C::Mismatch
                | C::Withdraw
                | C::Begin
                | C::Unsealed
                | C::OpeningBroke
                | C::Note
                | C::Restarted
                | C::AskRotation
                | C::Rotated
        ),
        PhaseName::InReview => {
            matches!(command, C::Note | C::Answer | C::Find | C::Sign)
        }
        PhaseName::Reviewed | PhaseName::Refused | PhaseName::Withdrawn | PhaseName::Lapsed => {
            false
        }
    }
}

/// The table as text, for the snapshot test and for readers.
#[must_use]
pub fn print() -> String {
    PhaseName::ALL
        .iter()
        .map(|phase| {
            let words: Vec<_> = CommandName::ALL
                .iter()
                .filter(|command| accepts(*phase, **command))
                .map(|command| command.word())
                .collect();
            let list = if words.is_empty() {
                "–".to_owned()
            } else {
                words.join(", ")
            };
            format!("{:<11}| {list}\n", phase.word())
        })
        .collect()
}
