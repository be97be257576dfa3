//! The route table: parsed once from the data file into a trie by segment.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::{BodyRule, Class};

/// The methods the table may use.
pub(super) const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// A property of a route, from the fourth column of the data file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flag {
    /// The body is read strictly, because a policy looks at it.
    Json,
    /// The body is a statement request.
    Sql,
    /// The body is a Thrift call.
    Thrift,
    /// The body is data: hashed and passed on, never read.
    Raw,
    /// Run parameters move the class.
    RunParameters,
    /// `all_queued_runs` moves the class.
    CancelAll,
    /// Parameters may hold encoded separators.
    Encoded,
    /// Never: the reply carries a credential.
    Vends,
    /// Never: writes a federation policy.
    Federation,
    /// Never: writes an audit setting.
    Audit,
    /// Never: hands out an address that passes by the proxy.
    Presigned,
}

/// One row of the data file.
#[derive(Debug, PartialEq, Eq)]
pub struct Route {
    /// Upper-case method.
    pub method: &'static str,
    /// Template with `/api/2/` for the versions 2.0, 2.1 and 2.2.
    pub template: &'static str,
    /// Reviewed class.
    pub class: Class,
    /// Further properties.
    pub flags: Vec<Flag>,
}

impl Route {
    /// Whether the route has a property.
    pub fn has(&self, flag: Flag) -> bool {
        self.flags.contains(&flag)
    }

    pub(super) fn body_rule(&self) -> BodyRule {
        let rules = [
            (Flag::Sql, BodyRule::Sql),
            (Flag::Thrift, BodyRule::Thrift),
            (Flag::RunParameters, BodyRule::RunParameters),
            (Flag::CancelAll, BodyRule::CancelAll),
        ];
        rules
            .into_iter()
            .find(|(flag, _)| self.has(*flag))
            .map_or(BodyRule::None, |(_, rule)| rule)
    }
}

/// What the door must read of a body before the policy can decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyNeed {
    /// Nothing: pass it on and hash it.
    None,
    /// Strict JSON up to [`super::MAX_JSON_BYTES`]; an empty body counts as none.
    StrictJson,
    /// A statement or Thrift call up to [`super::MAX_SQL_BYTES`].
    SqlOrThrift,
}

/// What the policy must read of the body of a classified call. Unknown writes are read as JSON, so
/// that a scope naming them may set conditions and the never-list can look inside.
pub fn body_need(method: &str, route: Option<&Route>) -> BodyNeed {
    match route {
        Some(route) if route.has(Flag::Sql) || route.has(Flag::Thrift) => BodyNeed::SqlOrThrift,
        Some(route) if route.has(Flag::Json) => BodyNeed::StrictJson,
        Some(_) => BodyNeed::None,
        None if matches!(method, "GET" | "HEAD") => BodyNeed::None,
        None => BodyNeed::StrictJson,
    }
}

/// Every route, in file order.
pub fn all_routes() -> &'static [Route] {
    &TABLE.routes
}

/// How many routes each class holds.
pub fn counts() -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for route in all_routes() {
        *counts.entry(route.class.word()).or_insert(0) += 1;
    }
    counts
}

struct Table {
    routes: Vec<Route>,
    root: Node,
}

#[derive(Default)]
struct Node {
    literal: BTreeMap<&'static str, Node>,
    // One segment, optionally ending in a custom verb such as `:query`.
    variable: BTreeMap<&'static str, Node>,
    rest: Option<Box<Node>>,
    ends: Vec<usize>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table {
        routes: Vec::new(),
        root: Node::default(),
    };
    for line in include_str!("routes.tsv").lines() {
        if let Some(route) = parse_line(line) {
            insert(&mut table, route);
        }
    }
    table
});

/// A row, or nothing for a comment. A bad row cannot get past the tests of this room, which count
/// the lines; it would be left out, and what is left out is unknown and so refused.
fn parse_line(line: &'static str) -> Option<Route> {
    if line.starts_with('#') {
        return None;
    }
    let mut fields = line.split('\t');
    let (method, template, class) = (fields.next()?, fields.next()?, fields.next()?);
    let flags = fields.next().unwrap_or("");
    Some(Route {
        method: METHODS.into_iter().find(|known| *known == method)?,
        template,
        class: Class::from_word(class)?,
        flags: flags
            .split(',')
            .filter(|word| !word.is_empty())
            .map(flag)
            .collect::<Option<Vec<_>>>()?,
    })
}

fn flag(word: &str) -> Option<Flag> {
    Some(match word {
        "json" => Flag::Json,
        "sql" => Flag::Sql,
        "thrift" => Flag::Thrift,
        "raw" => Flag::Raw,
        "run_parameters" => Flag::RunParameters,
        "cancel_all" => Flag::CancelAll,
        "encoded" => Flag::Encoded,
        "vends" => Flag::Vends,
        "federation" => Flag::Federation,
        "audit" => Flag::Audit,
        "presigned" => Flag::Presigned,
        _ => return None,
    })
}

fn insert(table: &mut Table, route: Route) {
    let mut node = &mut table.root;
    for part in template_segments(route.template) {
        node = match kind(part) {
            Kind::Literal => node.literal.entry(part).or_default(),
            Kind::Variable(suffix) => node.variable.entry(suffix).or_default(),
            Kind::Rest => node.rest.get_or_insert_with(Box::default),
        };
    }
    node.ends.push(table.routes.len());
    table.routes.push(route);
}

pub(super) enum Kind {
    Literal,
    Variable(&'static str),
    Rest,
}

pub(super) fn kind(part: &'static str) -> Kind {
    if !part.starts_with('{') {
        return Kind::Literal;
    }
    match part.split_once('}') {
        Some((name, _)) if name.ends_with("...") => Kind::Rest,
        Some((_, suffix)) => Kind::Variable(suffix),
        None => Kind::Literal,
    }
}

/// The segments of a template.
pub(crate) fn template_segments(template: &'static str) -> impl Iterator<Item = &'static str> {
    template.split('/').skip(1)
}

/// Whether a version segment stands for `/api/2/`.
pub(crate) fn is_aliased_version(segment: &str) -> bool {
    matches!(segment, "2.0" | "2.1" | "2.2")
}

/// The most exact route for a method: literal before variable before rest, at each segment.
pub(super) fn find(method: &str, segments: &[&str]) -> Option<&'static Route> {
    let aliased: Vec<&str> = segments
        .iter()
        .enumerate()
        .map(|(index, part)| {
            if index == 1 && segments[0] == "api" && is_aliased_version(part) {
                "2"
            } else if index == 1 && segments[0] == "api" && *part == "2" {
                // `/api/2/` is our spelling of the alias, not one a client may send.
                "\0"
            } else {
                part
            }
        })
        .collect();
    walk(&TABLE.root, method, &aliased)
}

fn walk(node: &'static Node, method: &str, rest: &[&str]) -> Option<&'static Route> {
    let Some((first, after)) = rest.split_first() else {
        return node
            .ends
            .iter()
            .map(|index| &TABLE.routes[*index])
            .find(|route| route.method == method);
    };
    if let Some(next) = node.literal.get::<str>(first)
        && let Some(route) = walk(next, method, after)
    {
        return Some(route);
    }
    // Longer suffixes sort last and are the more exact ones.
    for (suffix, next) in node.variable.iter().rev() {
        let fits = first.len() > suffix.len() && first.ends_with(suffix);
        if fits && let Some(route) = walk(next, method, after) {
            return Some(route);
        }
    }
    node.rest.as_ref().and_then(|next| walk(next, method, &[]))
}

/// The segments that hold what only declared parameters may hold.
pub(super) fn encoded_indexes(segments: &[&str]) -> Vec<usize> {
    (0..segments.len())
        .filter(|index| holds_separator(segments[*index]))
        .collect()
}

/// Whether a segment holds what only a declared parameter may hold.
pub(in crate::domain) fn holds_separator(part: &str) -> bool {
    let encoded = ["%2F", "%5C", "%25", "%3B"];
    part.contains(';') || encoded.iter().any(|triplet| part.contains(triplet))
}

/// Whether the route declares parameters at all these places as encoded.
pub(super) fn allows_encoded(route: &Route, segments: &[&str], at: &[usize]) -> bool {
    if at.is_empty() {
        return true;
    }
    if !route.has(Flag::Encoded) {
        return false;
    }
    let parts: Vec<&str> = template_segments(route.template).collect();
    at.iter().all(|index| {
        let last = parts.len() - 1;
        let part = parts.get(*index).copied().unwrap_or(parts[last]);
        *index < segments.len() && part.starts_with('{')
    })
}
