//! One scope pattern: its grammar, its matching and its words.

use serde_json::Value;

use super::ScopeError;
use crate::domain::risk::{Body, Class, Route};
use crate::domain::target::Upstream;
use crate::domain::terms::is_plain_text;

/// `{field=value}`: a top-level member of a strict JSON body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Member name.
    pub field: String,
    /// Its value as text: a string's content, or a number or boolean as written in JSON.
    pub value: String,
}

/// What a pattern speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A risk class, perhaps only under a path.
    Class {
        /// The class.
        class: Class,
        /// Path pattern.
        path: Option<Vec<String>>,
    },
    /// A method and a path.
    Call {
        /// Upper-case method.
        method: String,
        /// Path pattern.
        path: Vec<String>,
    },
}

/// One parsed pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// The pattern as written.
    pub text: String,
    /// Whether it takes away instead of giving.
    pub deny: bool,
    /// Which host.
    pub upstream: Upstream,
    /// What it speaks of.
    pub what: What,
    /// All must hold.
    pub conditions: Vec<Condition>,
}

/// The classes a scope may name. *Unreviewed* and *never* are not among them.
const NAMEABLE: [Class; 6] = [
    Class::Read,
    Class::Egress,
    Class::Change,
    Class::Code,
    Class::Privilege,
    Class::Destroy,
];

const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, ScopeError> {
        let (deny, rest) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (upstream, rest) = if let Some(rest) = rest.strip_prefix("account:") {
            (Upstream::Account, rest)
        } else if let Some(rest) = rest.strip_prefix("ws:") {
            (Upstream::Workspace, rest)
        } else {
            return Err(ScopeError::Upstream(text.to_owned()));
        };
        let (rest, conditions) = split_conditions(rest, text)?;
        Ok(Self {
            text: text.to_owned(),
            deny,
            upstream,
            what: parse_what(rest, text)?,
            conditions,
        })
    }

    /// Whether the path part matches; a class without a path matches every path.
    pub(super) fn path_matches(&self, segments: &[&str]) -> bool {
        match &self.what {
            What::Class { path: None, .. } => true,
            What::Class {
                path: Some(path), ..
            }
            | What::Call { path, .. } => matches_path(path, segments),
        }
    }

    /// Whether every condition surely holds.
    pub(super) fn surely_holds(&self, body: Body<'_>) -> bool {
        self.conditions
            .iter()
            .all(|condition| condition.holds(body) == Some(true))
    }

    /// Whether every condition may hold: an unread body may hold anything.
    pub(super) fn may_hold(&self, body: Body<'_>) -> bool {
        self.conditions
            .iter()
            .all(|condition| condition.holds(body) != Some(false))
    }

    /// Whether this pattern names exactly one route: same method, every literal of the template
    /// written out, wildcards only where the template has a parameter or a version.
    pub(super) fn names_route(&self, route: &Route) -> bool {
        let What::Call { method, path } = &self.what else {
            return false;
        };
        if *method != route.method {
            return false;
        }
        let template: Vec<&str> = route.template.split('/').skip(1).collect();
        let last_is_rest = template.last().is_some_and(|part| part.ends_with("...}"));
        let long_enough = if last_is_rest {
            path.len() >= template.len()
        } else {
            path.len() == template.len()
        };
        long_enough
            && template.iter().enumerate().all(|(index, part)| {
                let written = path[index].as_str();
                match part.split_once('}') {
                    Some((name, _)) if name.ends_with("...") => true,
                    Some((_, suffix)) => written != "**" && written.ends_with(suffix),
                    // `/api/2/` stands for three versions.
                    None if index == 1 && *part == "2" => {
                        matches!(written, "*" | "2.0" | "2.1" | "2.2")
                    }
                    None => written == *part,
                }
            })
    }

    pub(super) fn describe(&self) -> String {
        let host = match self.upstream {
            Upstream::Account => "in the account",
            Upstream::Workspace => "in the workspace",
        };
        let verb = if self.deny { "may never" } else { "may" };
        let what = match &self.what {
            What::Class { class, path } => {
                let under = path
                    .as_ref()
                    .map(|path| format!(" under /{}", path.join("/")))
                    .unwrap_or_default();
                format!("{}{under}", words_of(*class))
            }
            What::Call { method, path } => format!("call {method} /{}", path.join("/")),
        };
        let only: String = self
            .conditions
            .iter()
            .map(|c| format!(", where {} is {}", c.field, c.value))
            .collect();
        format!("{verb} {what} {host}{only}")
    }
}

fn words_of(class: Class) -> &'static str {
    match class {
        Class::Read => "read settings and states",
        Class::Egress => "read data and secrets",
        Class::Change => "make changes that can be undone",
        Class::Code => "run code as the admin identity",
        Class::Privilege => "give and take rights",
        Class::Destroy => "destroy things and lock people out",
        Class::Unreviewed => "make calls nobody has reviewed",
        Class::Never => "do what no session may",
    }
}

impl Condition {
    /// Whether the member has the value; `None` when that cannot be known.
    fn holds(&self, body: Body<'_>) -> Option<bool> {
        let members = match body {
            Body::Empty => return Some(false),
            Body::Json(Value::Object(members)) => members,
            _ => return None,
        };
        // `jobId` and `job_id` are one member to a lenient server: two spellings, no answer.
        let spellings = members.keys().filter(|name| same_name(name, &self.field));
        if spellings.count() > 1 {
            return None;
        }
        let Some(value) = members.get(&self.field) else {
            let other = members.keys().any(|name| same_name(name, &self.field));
            return if other { None } else { Some(false) };
        };
        match value {
            Value::String(text) => Some(*text == self.value),
            Value::Number(number) => Some(number.to_string() == self.value),
            Value::Bool(flag) => Some(flag.to_string() == self.value),
            _ => None,
        }
    }
}

fn same_name(one: &str, two: &str) -> bool {
    let fold = |name: &str| name.replace('_', "").to_ascii_lowercase();
    fold(one) == fold(two)
}

fn split_conditions<'a>(
    mut rest: &'a str,
    text: &str,
) -> Result<(&'a str, Vec<Condition>), ScopeError> {
    let bad = || ScopeError::Condition(text.to_owned());
    let mut conditions = Vec::new();
    while let Some(inner) = rest.strip_suffix('}') {
        let (before, inside) = inner.rsplit_once('{').ok_or_else(bad)?;
        let (field, value) = inside.split_once('=').ok_or_else(bad)?;
        let plain = |name: &str| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        // Custodians read the value before they sign: nothing in it may hide or turn the rest.
        if !plain(field) || value.is_empty() || !is_plain_text(value) {
            return Err(bad());
        }
        conditions.push(Condition {
            field: field.to_owned(),
            value: value.to_owned(),
        });
        rest = before;
    }
    if rest.contains(['{', '}']) {
        return Err(bad());
    }
    Ok((rest, conditions))
}

fn parse_what(rest: &str, text: &str) -> Result<What, ScopeError> {
    let bad = || ScopeError::What(text.to_owned());
    if let Some((method, path)) = rest.split_once(' ') {
        if !METHODS.contains(&method) {
            return Err(bad());
        }
        return Ok(What::Call {
            method: method.to_owned(),
            path: parse_path(path, text)?,
        });
    }
    let (word, path) = match rest.split_once(':') {
        Some((word, path)) => (word, Some(parse_path(path, text)?)),
        None => (rest, None),
    };
    let class = Class::from_word(word)
        .filter(|class| NAMEABLE.contains(class))
        .ok_or_else(bad)?;
    Ok(What::Class { class, path })
}

/// A path pattern: canonical segments, with `*` and `**`.
fn parse_path(path: &str, text: &str) -> Result<Vec<String>, ScopeError> {
    let bad = || ScopeError::Path(text.to_owned());
    let inner = path.strip_prefix('/').ok_or_else(bad)?;
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    let segments: Vec<String> = inner.split('/').map(str::to_owned).collect();
    let good = segments.iter().all(|part| {
        let printable = part.bytes().all(|b| (0x21..=0x7e).contains(&b));
        let stars = !part.contains("**") || part == "**";
        printable && stars && !part.is_empty() && part != "." && part != ".." && !part.contains('?')
    });
    if good { Ok(segments) } else { Err(bad()) }
}

/// `*` is one segment, `**` any number, also none.
fn matches_path(pattern: &[String], segments: &[&str]) -> bool {
    // reach[i] = the pattern so far can have eaten i segments; no backtracking, so no blow-up.
    let mut reach = vec![false; segments.len() + 1];
    reach[0] = true;
    for part in pattern {
        let mut next = vec![false; segments.len() + 1];
        for at in 0..=segments.len() {
            if part == "**" {
                next[at] = reach[at] || (at > 0 && next[at - 1]);
            } else {
                next[at] = at > 0 && reach[at - 1] && matches_segment(part, segments[at - 1]);
            }
        }
        reach = next;
    }
    reach[segments.len()]
}

/// Inside a segment `*` is any run of characters.
fn matches_segment(pattern: &str, segment: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or("");
    let Some(mut rest) = segment.strip_prefix(first) else {
        return false;
    };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else {
        return rest.is_empty();
    };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}
