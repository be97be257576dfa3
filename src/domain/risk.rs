//! How dangerous a call is: every route we know, its class, and what its body adds.
//!
//! The classes are data (`risk/routes.tsv`), reviewed by hand and compiled in. Knows no scope and
//! no person; says what a call is, never whether it may be made.

use std::fmt;

mod routes;
mod settle;

pub(in crate::domain) use routes::holds_separator;
pub use routes::{BodyNeed, Flag, Route, all_routes, body_need, counts};
pub use settle::{Body, BodyRefusal, Settled, settle};

use super::target::Target;

/// Largest JSON body the policy reads, in bytes.
pub const MAX_JSON_BYTES: usize = 1024 * 1024;
/// Largest SQL or Thrift body the policy reads, in bytes.
pub const MAX_SQL_BYTES: usize = 16 * 1024 * 1024;

/// The risk classes of DESIGN §8, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Reads how things are set up.
    Read,
    /// Reads data or secrets, which leave.
    Egress,
    /// Changes something that can be changed back.
    Change,
    /// Runs code as the admin identity.
    Code,
    /// Gives or takes rights, or stays after the session.
    Privilege,
    /// Destroys or locks out; also every path that is not known.
    Destroy,
    /// A write nobody has reviewed; passes only when the terms name it exactly.
    Unreviewed,
    /// What no session may ever do (PROTOCOL §8).
    Never,
}

impl Class {
    /// The word in scopes, terms and logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Egress => "egress",
            Self::Change => "change",
            Self::Code => "code",
            Self::Privilege => "privilege",
            Self::Destroy => "destroy",
            Self::Unreviewed => "unreviewed",
            Self::Never => "never",
        }
    }

    /// The class of a word in the data file.
    pub fn from_word(word: &str) -> Option<Self> {
        [
            Self::Read,
            Self::Egress,
            Self::Change,
            Self::Code,
            Self::Privilege,
            Self::Destroy,
            Self::Unreviewed,
            Self::Never,
        ]
        .into_iter()
        .find(|class| class.word() == word)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How a body is read to decide the class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyRule {
    /// The class does not depend on the body.
    None,
    /// `statement` is SQL text.
    Sql,
    /// A Thrift call, with SQL text in ExecuteStatement.
    Thrift,
    /// Parameters turn *change* into *code*.
    RunParameters,
    /// `all_queued_runs` turns *change* into *destroy*.
    CancelAll,
}

/// What a method and a target are, before the body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Classified {
    /// The class; of a route with a body rule, the one that holds until the body is read.
    pub class: Class,
    /// The route that matched; `None` = unknown path.
    pub route: Option<&'static Route>,
    /// How the body changes the class.
    pub body_rule: BodyRule,
}

impl Classified {
    /// The template that matched, for the log.
    pub fn template(&self) -> Option<&'static str> {
        self.route.map(|route| route.template)
    }
}

/// Classifies a call by method and canonical target. Unknown = destroy.
///
/// A target with `%2F` inside is also read as a server would that decodes first; the graver of the
/// two readings counts.
pub fn classify(method: &str, target: &Target) -> Classified {
    let sent = target.segments();
    let found = routes::find(method, &sent)
        .filter(|route| routes::allows_encoded(route, &sent, &routes::encoded_indexes(&sent)));
    let other = if target.is_plain() {
        None
    } else {
        let decoded = target.decoded_segments();
        let decoded: Vec<&str> = decoded.iter().map(String::as_str).collect();
        routes::find(method, &decoded)
    };
    let graver = match (found, other) {
        (Some(one), Some(two)) if two.class > one.class => Some(two),
        (None, Some(two)) if two.class == Class::Never => Some(two),
        (one, _) => one,
    };
    match graver {
        Some(route) => Classified {
            class: route.class,
            route: Some(route),
            body_rule: route.body_rule(),
        },
        None => Classified {
            class: Class::Destroy,
            route: None,
            body_rule: BodyRule::None,
        },
    }
}

/// Whether some route declares every one of these segments as an encoded parameter.
pub(crate) fn permits_encoded(segments: &[&str], at: &[usize]) -> bool {
    routes::METHODS.iter().any(|method| {
        routes::find(method, segments)
            .is_some_and(|route| routes::allows_encoded(route, segments, at))
    })
}

#[cfg(test)]
mod tests;
