//! SCIM filters: `eq co sw ne` joined by `and` and `or`, with parentheses, values quoted or not
//! (facts §3.1).
//!
//! Must not know: which table is searched.

use serde_json::Value;

/// Most comparisons in one filter.
const MAX_NODES: usize = 200;

/// A parsed filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// One comparison: attribute path, operator, value.
    Compare(String, Operator, String),
    /// Both hold.
    And(Box<Filter>, Box<Filter>),
    /// One holds.
    Or(Box<Filter>, Box<Filter>),
}

/// How an attribute is compared; letter case never matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// Equal.
    Equal,
    /// Contains.
    Contains,
    /// Starts with.
    StartsWith,
    /// Not equal.
    NotEqual,
}

/// Parses a filter.
///
/// # Errors
/// A sentence for the `detail` of a 400.
pub fn parse(text: &str) -> Result<Filter, String> {
    let mut words = tokens(text)?.into_iter().peekable();
    let mut nodes = 0;
    let filter = or_chain(&mut words, &mut nodes)?;
    match words.next() {
        None => Ok(filter),
        Some(word) => Err(format!("unexpected {:?} in filter", word.0)),
    }
}

/// A word and whether it was quoted.
type Word = (String, bool);
type Words = std::iter::Peekable<std::vec::IntoIter<Word>>;

fn tokens(text: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' => {}
            '(' | ')' => words.push((letter.to_string(), false)),
            '"' => {
                let mut word = String::new();
                loop {
                    match letters.next() {
                        Some('"') => break,
                        Some('\\') => word.extend(letters.next()),
                        Some(other) => word.push(other),
                        None => return Err("a quote is not closed in filter".to_owned()),
                    }
                }
                words.push((word, true));
            }
            first => {
                let mut word = String::from(first);
                while let Some(next) = letters.next_if(|next| !matches!(next, ' ' | '(' | ')')) {
                    word.push(next);
                }
                words.push((word, false));
            }
        }
    }
    Ok(words)
}

fn keyword(words: &mut Words, wanted: &str) -> bool {
    words
        .next_if(|(word, quoted)| !quoted && word.eq_ignore_ascii_case(wanted))
        .is_some()
}

fn or_chain(words: &mut Words, nodes: &mut usize) -> Result<Filter, String> {
    let mut left = and_chain(words, nodes)?;
    while keyword(words, "or") {
        left = Filter::Or(Box::new(left), Box::new(and_chain(words, nodes)?));
    }
    Ok(left)
}

fn and_chain(words: &mut Words, nodes: &mut usize) -> Result<Filter, String> {
    let mut left = term(words, nodes)?;
    while keyword(words, "and") {
        left = Filter::And(Box::new(left), Box::new(term(words, nodes)?));
    }
    Ok(left)
}

fn term(words: &mut Words, nodes: &mut usize) -> Result<Filter, String> {
    *nodes += 1;
    if *nodes > MAX_NODES {
        return Err("filter has more than 200 nodes".to_owned());
    }
    if keyword(words, "(") {
        let inner = or_chain(words, nodes)?;
        if !keyword(words, ")") {
            return Err("a parenthesis is not closed in filter".to_owned());
        }
        return Ok(inner);
    }
    let (attribute, _) = words
        .next()
        .ok_or("filter ends where an attribute is expected")?;
    let (operator, _) = words.next().ok_or("filter has no operator")?;
    let operator = match operator.to_ascii_lowercase().as_str() {
        "eq" => Operator::Equal,
        "co" => Operator::Contains,
        "sw" => Operator::StartsWith,
        "ne" => Operator::NotEqual,
        other => return Err(format!("operator {other:?} is not supported in filter")),
    };
    let (value, _) = words.next().ok_or("filter has no value")?;
    Ok(Filter::Compare(attribute, operator, value))
}

impl Filter {
    /// Whether an object passes. A list passes when one entry does (`ne`: when none is equal).
    pub fn matches(&self, object: &Value) -> bool {
        match self {
            Self::And(left, right) => left.matches(object) && right.matches(object),
            Self::Or(left, right) => left.matches(object) || right.matches(object),
            Self::Compare(attribute, operator, wanted) => {
                let wanted = wanted.to_lowercase();
                let found = values(object, attribute);
                match operator {
                    Operator::Equal => found.contains(&wanted),
                    Operator::Contains => found.iter().any(|value| value.contains(&wanted)),
                    Operator::StartsWith => found.iter().any(|value| value.starts_with(&wanted)),
                    Operator::NotEqual => !found.contains(&wanted),
                }
            }
        }
    }
}

fn values(object: &Value, attribute: &str) -> Vec<String> {
    let mut found = vec![object];
    for name in attribute.split('.') {
        found = found
            .into_iter()
            .flat_map(|value| step(value, name))
            .collect();
    }
    found
        .into_iter()
        .flat_map(|value| {
            value
                .as_array()
                .map_or_else(|| vec![value], |all| all.iter().collect())
        })
        .filter_map(|value| match value {
            Value::String(text) => Some(text.to_lowercase()),
            Value::Object(object) => object.get("value")?.as_str().map(str::to_lowercase),
            Value::Null | Value::Array(_) => None,
            other => Some(other.to_string()),
        })
        .collect()
}

fn step<'v>(value: &'v Value, name: &str) -> Vec<&'v Value> {
    let member = |object: &'v serde_json::Map<String, Value>| {
        object
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, member)| member)
    };
    match value {
        Value::Object(object) => member(object).into_iter().collect(),
        Value::Array(entries) => entries
            .iter()
            .filter_map(Value::as_object)
            .filter_map(member)
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn passes(filter: &str, object: &Value) -> bool {
        parse(filter).unwrap().matches(object)
    }

    #[test]
    fn quoted_and_bare_values_mean_the_same() {
        let ada = json!({"userName": "Ada@example.com", "emails": [{"value": "a@x"}]});
        assert!(passes("userName eq \"ada@example.com\"", &ada));
        assert!(passes("userName eq ada@example.com", &ada));
        assert!(passes("username sw \"ada\" and emails.value co @x", &ada));
        assert!(passes("userName eq nobody or userName ne nobody", &ada));
        assert!(!passes("userName ne ada@example.com", &ada));
        assert!(!passes("missing eq x", &ada));
    }

    #[test]
    fn and_binds_closer_than_or_and_parentheses_bind_closest() {
        let object = json!({"a": "1", "b": "2"});
        assert!(passes("a eq 1 or b eq 9 and a eq 9", &object));
        assert!(!passes("(a eq 1 or b eq 9) and a eq 9", &object));
        assert!(passes(
            "displayName eq \"a \\\"b\\\" or c\" or a eq 1",
            &object
        ));
    }

    #[test]
    fn a_filter_without_operator_or_with_too_many_nodes_is_refused() {
        for bad in [
            "displayName",
            "a eq",
            "a gt 1",
            "(a eq 1",
            "a eq \"x",
            "a eq 1 b",
            "",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        let long = vec!["a eq 1"; 201].join(" or ");
        assert!(parse(&long).is_err());
        assert!(parse(&vec!["a eq 1"; 200].join(" or ")).is_ok());
    }
}
