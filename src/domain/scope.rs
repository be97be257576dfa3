//! What a session may call: patterns over host, class, method, path and body, as the terms freeze
//! them.
//!
//! Deny wins, nothing is implied, and adding a deny pattern never allows more. What no scope can
//! lift is in [`super::never`]. Knows no person and no time.

mod pattern;
mod verdict;

pub use pattern::{Condition, Pattern, What};
pub use verdict::{CallFacts, RefusalReason, Verdict, verdict};

use super::risk::{self, Class};

/// Most patterns one scope may hold.
pub const MAX_PATTERNS: usize = 64;
/// Longest pattern, in bytes.
pub const MAX_PATTERN_BYTES: usize = 512;

/// What a custodian reads before she signs terms that name code (PROTOCOL §8).
pub const CODE: &str = "can run code as the admin identity: what that code does is not logged here \
     and may outlive the session";

/// Why a list of patterns is not a scope. Carries the pattern, which is never secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// More than [`MAX_PATTERNS`], or one longer than [`MAX_PATTERN_BYTES`].
    #[error("a scope holds at most {MAX_PATTERNS} patterns of {MAX_PATTERN_BYTES} bytes")]
    TooMuch,
    /// Neither `account:` nor `ws:` in front.
    #[error("scope pattern {0:?} does not begin with account: or ws:")]
    Upstream(String),
    /// Not a class, nor a method with a path.
    #[error("scope pattern {0:?} names neither a risk class nor a method and a path")]
    What(String),
    /// A path that could never match a canonical target.
    #[error("scope pattern {0:?} holds a path that no canonical target can have")]
    Path(String),
    /// A condition that is not `{field=value}`.
    #[error("scope pattern {0:?} holds a condition that is not {{field=value}}")]
    Condition(String),
}

/// A parsed scope.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    patterns: Vec<Pattern>,
}

impl Scope {
    /// Parses the patterns of the terms.
    ///
    /// Grammar: `[!](account|ws):(CLASS[:PATH] | METHOD PATH)[{field=value}]…`, where a path is
    /// canonical, `*` stands for one segment (or, inside one, for any characters) and `**` for any
    /// number of segments.
    ///
    /// # Errors
    /// [`ScopeError`] naming the first bad pattern.
    pub fn parse(patterns: &[String]) -> Result<Self, ScopeError> {
        if patterns.len() > MAX_PATTERNS || patterns.iter().any(|p| p.len() > MAX_PATTERN_BYTES) {
            return Err(ScopeError::TooMuch);
        }
        let patterns = patterns
            .iter()
            .map(|text| Pattern::parse(text))
            .collect::<Result<_, _>>()?;
        Ok(Self { patterns })
    }

    /// The patterns in their order.
    pub fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }

    /// Whether some allowing pattern names this class, by word or by the exact template of a route
    /// of this class.
    pub fn names(&self, class: Class) -> bool {
        self.allowing().any(|pattern| match &pattern.what {
            What::Class { class: named, .. } => *named == class,
            What::Call { .. } => risk::all_routes()
                .iter()
                .any(|route| route.class == class && pattern.names_route(route)),
        })
    }

    /// Whether the scope names *privilege*.
    pub fn names_privilege(&self) -> bool {
        self.names(Class::Privilege)
    }

    /// Whether the scope names *code*: custodians then read what that means.
    pub fn names_code(&self) -> bool {
        self.names(Class::Code)
    }

    /// Whether the scope names anything on this host.
    pub fn names_upstream(&self, upstream: super::target::Upstream) -> bool {
        self.allowing().any(|pattern| pattern.upstream == upstream)
    }

    /// One sentence per pattern, in the words custodians read before they sign.
    pub fn describe(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.patterns.iter().map(Pattern::describe).collect();
        if self.names_code() {
            lines.push(CODE.to_owned());
        }
        lines
    }

    /// Whether a condition on the body could decide about this call, so that the door must read it.
    pub fn reads_body(&self) -> bool {
        self.patterns
            .iter()
            .any(|pattern| !pattern.conditions.is_empty())
    }

    fn allowing(&self) -> impl Iterator<Item = &Pattern> {
        self.patterns.iter().filter(|pattern| !pattern.deny)
    }
}

#[cfg(test)]
mod tests;
