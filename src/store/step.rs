//! One statement with its values as data, and what it means when it changes no row.
//!
//! Both databases execute the same list; how is the business of [`super::writer`].

use std::borrow::Cow;

use super::error::Conflict;

/// A value to bind. Empty ones keep their type, because PostgreSQL wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Bound {
    /// TEXT
    Text(Option<String>),
    /// TEXT that is part of the program.
    Word(&'static str),
    /// BIGINT
    Number(i64),
    /// BLOB or BYTEA
    Bytes(Vec<u8>),
}

impl From<Cow<'static, str>> for Bound {
    fn from(text: Cow<'static, str>) -> Self {
        match text {
            Cow::Borrowed(word) => Self::Word(word),
            Cow::Owned(text) => Self::Text(Some(text)),
        }
    }
}

impl From<&str> for Bound {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Bound {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<&str>> for Bound {
    fn from(text: Option<&str>) -> Self {
        Self::Text(text.map(str::to_owned))
    }
}

impl From<Option<String>> for Bound {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Bound {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<&[u8]> for Bound {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<Vec<u8>> for Bound {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

/// One statement with its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// The statement.
    pub text: &'static str,
    /// Its values, `$1` first.
    pub values: Vec<Bound>,
    /// What any number of changed rows but one means; `None` where the number says nothing.
    pub otherwise: Option<Conflict>,
}

/// Statements in order, or why a change has no row form.
pub(super) type Steps = Result<Vec<Step>, serde_json::Error>;

/// A statement without values yet.
pub(super) fn step(text: &'static str) -> Step {
    Step {
        text,
        values: Vec::new(),
        otherwise: None,
    }
}

impl Step {
    /// Adds the next value.
    pub(super) fn with(mut self, value: impl Into<Bound>) -> Self {
        self.values.push(value.into());
        self
    }

    /// The whole change, whatever the number of rows.
    pub(super) fn any(self) -> Steps {
        Ok(vec![self])
    }

    /// The whole change, which must change exactly one row.
    pub(super) fn one(self, otherwise: Conflict) -> Steps {
        Ok(vec![self.guarded(otherwise)])
    }

    /// Demands that exactly one row changes.
    pub(super) fn guarded(mut self, otherwise: Conflict) -> Self {
        self.otherwise = Some(otherwise);
        self
    }
}

/// One change after the other.
pub(super) fn both(first: Steps, then: Steps) -> Steps {
    let mut steps = first?;
    steps.extend(then?);
    Ok(steps)
}
