//! The verdict over one call.

use super::{Pattern, Scope, What};
use crate::domain::risk::{Body, Class, Classified};
use crate::domain::target::{Target, Upstream};

/// Everything the policy knows of one call.
#[derive(Debug, Clone, Copy)]
pub struct CallFacts<'a> {
    /// Method as received, exact case.
    pub method: &'a str,
    /// Canonical target.
    pub target: &'a Target,
    /// Route and class before the body.
    pub classified: &'a Classified,
    /// Class after the body ([`crate::domain::risk::settle`]).
    pub class: Class,
    /// SQL text, if the body holds any.
    pub sql: Option<&'a str>,
    /// The body, as far as it was read.
    pub body: Body<'a>,
    /// `Content-Type`, if sent.
    pub content_type: Option<&'a str>,
    /// Whether the request asks for another protocol (`Upgrade`).
    pub upgrade: bool,
    /// Whether the terms' target includes the account.
    pub target_account: bool,
    /// Whether the terms' target includes the workspace.
    pub target_workspace: bool,
    /// The account id of the session, to which account paths are held; `None` = not known.
    pub account_id: Option<&'a str>,
}

/// Why a call was refused by the scope; the word goes into the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalReason {
    /// The terms are for the other host.
    Upstream,
    /// The path names another account.
    Account,
    /// A `!` pattern matched.
    Denied,
    /// No pattern allows it.
    OutsideScope,
    /// Code, and the terms do not name code.
    CodeNotNamed,
    /// Unreviewed or unknown, and the terms do not name it exactly.
    NotReviewed,
    /// Belongs to the never-list.
    Never,
}

impl RefusalReason {
    /// The word in the log.
    pub fn word(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Account => "account",
            Self::Denied => "denied",
            Self::OutsideScope => "outside_scope",
            Self::CodeNotNamed => "code_not_named",
            Self::NotReviewed => "not_reviewed",
            Self::Never => "never",
        }
    }
}

/// What the scope says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The call may be made.
    Allow,
    /// It may not.
    Refuse {
        /// Machine-readable reason.
        why: RefusalReason,
        /// One sentence for the person.
        sentence: String,
        /// The pattern to ask for, as `open` takes it; empty when no scope could allow it.
        hint: String,
    },
}

/// Judges a call. [`crate::domain::never`] is asked besides; this function never needs it to be
/// safe about code, unreviewed and unknown calls.
pub fn verdict(scope: &Scope, call: &CallFacts<'_>) -> Verdict {
    let upstream = call.target.upstream();
    let targeted = match upstream {
        Upstream::Account => call.target_account,
        Upstream::Workspace => call.target_workspace,
    };
    if !targeted {
        return refuse(RefusalReason::Upstream, call);
    }
    if let (Some(named), Some(own)) = (call.target.account_id(), call.account_id)
        && named != own
    {
        return refuse(RefusalReason::Account, call);
    }
    if call.class == Class::Never {
        return refuse(RefusalReason::Never, call);
    }
    if scope.patterns().iter().any(|p| p.deny && denies(p, call)) {
        return refuse(RefusalReason::Denied, call);
    }
    let allowed = scope
        .patterns()
        .iter()
        .any(|pattern| !pattern.deny && allows(pattern, scope, call));
    if allowed {
        return Verdict::Allow;
    }
    refuse(
        match call.class {
            _ if call.classified.route.is_none() => RefusalReason::NotReviewed,
            Class::Unreviewed => RefusalReason::NotReviewed,
            Class::Code if !scope.names_code_by_word() => RefusalReason::CodeNotNamed,
            _ => RefusalReason::OutsideScope,
        },
        call,
    )
}

/// A deny pattern matches if any reading of the path, and any possible body, would match.
fn denies(pattern: &Pattern, call: &CallFacts<'_>) -> bool {
    if pattern.upstream != call.target.upstream() || !pattern.may_hold(call.body) {
        return false;
    }
    let decoded_matches = || {
        let decoded = call.target.decoded_segments();
        let decoded: Vec<&str> = decoded.iter().map(String::as_str).collect();
        pattern.path_matches(&decoded)
    };
    let path = pattern.path_matches(&call.target.segments())
        || !call.target.is_plain() && decoded_matches();
    path && match &pattern.what {
        // The class may have moved with the body: both are denied.
        What::Class { class, .. } => *class == call.class || *class == call.classified.class,
        What::Call { method, .. } => method == call.method,
    }
}

/// An allowing pattern matches only what is sent, and only a body that surely fits.
fn allows(pattern: &Pattern, scope: &Scope, call: &CallFacts<'_>) -> bool {
    if pattern.upstream != call.target.upstream()
        || !pattern.path_matches(&call.target.segments())
        || !pattern.surely_holds(call.body)
    {
        return false;
    }
    let named = |pattern: &Pattern| {
        call.classified
            .route
            .is_some_and(|route| pattern.names_route(route))
    };
    match &pattern.what {
        // The class of an unknown path is a guess: only its exact name allows it.
        What::Class { class, .. } => *class == call.class && call.classified.route.is_some(),
        What::Call { method, path } => {
            method == call.method
                && match (call.classified.route, call.class) {
                    (None, _) => !path.iter().any(|part| part.contains('*')),
                    (_, Class::Read | Class::Egress | Class::Change) => true,
                    (_, Class::Code) => named(pattern) && scope.names_code_by_word(),
                    (_, Class::Privilege | Class::Destroy | Class::Unreviewed) => named(pattern),
                    (_, Class::Never) => false,
                }
        }
    }
}

impl Scope {
    /// Whether an allowing pattern holds the word *code* (PROTOCOL §8: "unless the terms name it").
    fn names_code_by_word(&self) -> bool {
        self.patterns().iter().any(|pattern| {
            !pattern.deny
                && matches!(
                    pattern.what,
                    What::Class {
                        class: Class::Code,
                        ..
                    }
                )
        })
    }
}

fn refuse(why: RefusalReason, call: &CallFacts<'_>) -> Verdict {
    Verdict::Refuse {
        why,
        sentence: sentence(why, call),
        hint: hint(why, call),
    }
}

/// The sentence a person reads. It avoids the words on which clients try again.
fn sentence(why: RefusalReason, call: &CallFacts<'_>) -> String {
    let what = format!("{} {}", call.method, call.target.path());
    let class = call.class;
    match why {
        RefusalReason::Upstream => {
            format!("{what} goes to a host that the terms of this session do not include")
        }
        RefusalReason::Account => format!("{what} names an account other than the session's"),
        RefusalReason::Denied => format!("{what} is denied by the terms of this session"),
        RefusalReason::OutsideScope => {
            format!("{what} is of class {class}, which the scope of this session does not include")
        }
        RefusalReason::CodeNotNamed => format!(
            "{what} can run code as the admin identity, and the terms of this session do not name \
             code"
        ),
        RefusalReason::NotReviewed => format!(
            "{what} is not a reviewed call; it passes only when the terms name exactly this call"
        ),
        RefusalReason::Never => format!("{what} is something no session may do"),
    }
}

/// The pattern that would allow the call: `breakglass open --scope 'HINT'`.
fn hint(why: RefusalReason, call: &CallFacts<'_>) -> String {
    let upstream = call.target.upstream();
    let pattern = match why {
        RefusalReason::Account | RefusalReason::Denied | RefusalReason::Never => {
            return String::new();
        }
        RefusalReason::CodeNotNamed => format!("{upstream}:code:{}", path_words(call)),
        RefusalReason::Upstream | RefusalReason::OutsideScope | RefusalReason::NotReviewed => {
            format!("{upstream}:{} {}", call.method, path_words(call))
        }
    };
    format!("breakglass open --scope '{pattern}'")
}

/// The path as a scope writes it: the template with `*`, or the path of an unknown call.
fn path_words(call: &CallFacts<'_>) -> String {
    let Some(template) = call.classified.template() else {
        return call.target.path().to_owned();
    };
    let words: Vec<String> = template
        .split('/')
        .skip(1)
        .enumerate()
        .map(|(index, part)| match part.split_once('}') {
            Some((name, _)) if name.ends_with("...") => "**".to_owned(),
            Some((_, suffix)) => format!("*{suffix}"),
            None if index == 1 && part == "2" => "*".to_owned(),
            None => part.to_owned(),
        })
        .collect();
    format!("/{}", words.join("/"))
}
