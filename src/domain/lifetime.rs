//! How long Databricks lets a session's own secret live, and what terms say about it (PROTOCOL §7).
//!
//! Pure: what was measured comes in, what custodians must read before they sign comes out. Knows
//! neither how a lifetime is measured nor how a secret is made.

use serde::{Deserialize, Serialize};

/// A session secret outlives its session by this much, seconds.
pub const BEYOND_SESSION_S: u64 = 600;

/// What was measured about lifetimes with the live credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lifetimes {
    /// Shortest lifetime accepted, seconds; 0 when any was, or nothing was measured.
    pub shortest_s: u64,
    /// Every lifetime tried was refused: a session has no secret of its own.
    pub all_refused: bool,
}

/// What a session's tokens come from, where it is not a secret of the session's own length.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SessionSecret {
    /// A secret that lives longer than wanted; deleted at the close all the same.
    Longer {
        /// Its lifetime.
        seconds: u64,
    },
    /// The dormant credential itself: Databricks refuses every lifetime.
    Credential,
}

impl SessionSecret {
    /// What terms say of a session of this length; `None` where nothing is out of the ordinary.
    #[must_use]
    pub fn for_minutes(max_minutes: u32, lifetimes: Lifetimes) -> Option<Self> {
        // Purpose `rotate` opens no session.
        if max_minutes == 0 {
            return None;
        }
        if lifetimes.all_refused {
            return Some(Self::Credential);
        }
        let seconds = lifetimes.shortest_s;
        (seconds > wanted_s(max_minutes)).then_some(Self::Longer { seconds })
    }

    /// One sentence for custodians.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Longer { seconds } => format!(
                "Databricks gives no secret as short as the session: the session's own secret \
                 would live {} h if the vault could not delete it",
                seconds.div_ceil(3_600)
            ),
            Self::Credential => "Databricks refuses every short-lived secret: the session uses \
                                 the dormant credential itself until the close replaces it"
                .to_owned(),
        }
    }
}

/// The lifetime a session's secret should have, seconds.
#[must_use]
pub fn wanted_s(max_minutes: u32) -> u64 {
    u64::from(max_minutes) * 60 + BEYOND_SESSION_S
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_say_what_is_out_of_the_ordinary_and_nothing_else() {
        let measured = |shortest_s, all_refused| Lifetimes {
            shortest_s,
            all_refused,
        };
        let say = SessionSecret::for_minutes;
        assert_eq!(say(60, measured(0, false)), None);
        assert_eq!(say(60, measured(4_200, false)), None);
        let longer = SessionSecret::Longer { seconds: 86_400 };
        assert_eq!(say(60, measured(86_400, false)), Some(longer.clone()));
        assert!(longer.words().contains("24 h"));
        assert_eq!(say(60, measured(0, true)), Some(SessionSecret::Credential));
        assert_eq!(say(0, measured(0, true)), None, "a rotation has no session");
    }
}
