//! The policy: use cases, their decision tree, what a session may call and who must agree
//! (PROTOCOL §9). One document with one hash. Knows nothing of files or channels' secrets.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::VERSION;
use super::canonical::{self, CanonicalError};
use super::ids::{Digest, VaultId};
use super::roster::Role;
use super::scope::{Scope, ScopeError};
use super::terms::is_plain_text;
use super::time::{DAY_MS, HOUR_MS, Timestamp};

mod built_in;
pub mod change;
pub mod file;
pub mod lines;
#[cfg(test)]
pub(in crate::domain) mod tests;
mod way;

pub use file::{PolicyFile, PolicyFileError};

/// No session lasts longer, whatever a policy says (PROTOCOL §9).
pub const MAX_SESSION_MINUTES: u32 = 240;
/// No review may be due later (PROTOCOL §9).
pub const MAX_REVIEW_DUE_HOURS: u32 = 14 * 24;
/// Longest wait before an opening, minutes: three days. What may wait longer needs no emergency
/// access, and terms that nobody remembers should not come due.
pub const MAX_DELAY_MINUTES: u32 = 3 * 24 * 60;
/// Longest access details, characters.
pub const MAX_DETAILS_CHARS: usize = 400;
/// Most questions in a tree; a tree that people walk at night is short.
pub const MAX_QUESTIONS: usize = 30;

/// Where an answer leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Next {
    /// To another question, by its id.
    Question(String),
    /// To a use case, by its id: break glass.
    UseCase(String),
    /// To another door: what to do in place of breaking glass.
    Door(String),
}

/// One yes/no question of the decision tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Short id, the member name in `answers`.
    pub id: String,
    /// The question as people read it.
    pub text: String,
    /// Where "yes" leads.
    pub yes: Next,
    /// Where "no" leads.
    pub no: Next,
}

/// A predefined reason to break glass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UseCase {
    /// Short id, as typed after `--because`.
    pub id: String,
    /// Name as people read it.
    pub title: String,
    /// Longest session in minutes.
    pub max_minutes: u32,
    /// Scope patterns a session gets when the opening names none.
    pub scope: Vec<String>,
    /// Veto window or waiting time before opening, minutes.
    #[serde(default)]
    pub delay_minutes: u32,
    /// When the delay applies: `always` or `out_of_hours`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_when: Option<DelayWhen>,
    /// A role of which one member must agree besides the custodians.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub co_approver: Option<Role>,
}

impl UseCase {
    /// How long after being asked for at this moment nothing may be opened, minutes.
    #[must_use]
    pub fn delay_minutes_at(&self, office_hours: &OfficeHours, now: Timestamp) -> u32 {
        let applies = match self.delay_when {
            Some(DelayWhen::OutOfHours) => !office_hours.contain(now),
            Some(DelayWhen::Always) | None => true,
        };
        if applies { self.delay_minutes } else { 0 }
    }
}

/// When a use case's delay applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DelayWhen {
    /// At any hour.
    Always,
    /// Outside the policy's office hours.
    OutOfHours,
}

/// Hours in UTC during which somebody is awake to veto, and the days they apply to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfficeHours {
    /// First hour, 0–23, UTC.
    pub from_hour: u32,
    /// First hour no longer in, 1–24, UTC.
    pub to_hour: u32,
    /// Days of the week, 1 = Monday … 7 = Sunday.
    pub days: Vec<u32>,
}

impl OfficeHours {
    /// Whether this moment lies within them, UTC.
    #[must_use]
    pub fn contain(&self, now: Timestamp) -> bool {
        let days = now.0.div_euclid(DAY_MS);
        let hour = now.0.rem_euclid(DAY_MS) / HOUR_MS;
        // 1970-01-01 was a Thursday, day 4 of a week that begins on Monday.
        let weekday = (days + 3).rem_euclid(7) + 1;
        (i64::from(self.from_hour)..i64::from(self.to_hour)).contains(&hour)
            && self.days.iter().any(|day| i64::from(*day) == weekday)
    }
}

/// A way to people: its kind and destination are part of the policy, its secrets are not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelRule {
    /// Name as the configuration calls it.
    pub name: String,
    /// `smtp` or `webhook`.
    pub kind: String,
    /// Relay host or URL host.
    pub destination: String,
}

/// A question the review must answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewQuestion {
    /// Short id.
    pub id: String,
    /// The question as people read it.
    pub text: String,
}

/// Everything that may be decided without asking people again, in one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Always [`VERSION`].
    pub v: String,
    /// The vault it belongs to.
    pub vault: VaultId,
    /// 1 for the first, one more for each change.
    pub seq: u32,
    /// Hash of the version before; `None` for the first.
    pub prev_sha256: Option<Digest>,
    /// The decision tree; the first question is the root.
    pub tree: Vec<Question>,
    /// The reasons for which glass may be broken.
    pub use_cases: Vec<UseCase>,
    /// When out-of-hours delays do not apply.
    pub office_hours: OfficeHours,
    /// Ways to people.
    pub channels: Vec<ChannelRule>,
    /// What every review answers.
    pub review_questions: Vec<ReviewQuestion>,
    /// Hours from InReview until a review is overdue.
    pub review_due_hours: u32,
    /// What a responder reads when her session opens: where to begin, what not to touch. Never a
    /// secret: everybody who logs in can read the policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_details: Option<String>,
    /// How many custodians may open their share on a page that the vault's own host serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub browser_unlockers: Option<BrowserUnlockers>,
}

/// A bound on shares that a page opens which this very host serves: whoever owns the host could
/// serve k of them a false one (PROTOCOL §10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BrowserUnlockers {
    /// Fewer than k.
    BelowK,
}

/// Why a policy is not acceptable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Not `breakglass/1`.
    #[error("policy version is not {VERSION}")]
    Version,
    /// Something named twice.
    #[error("{what} {id} appears twice")]
    NotUnique {
        /// Kind of thing.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// An answer that leads nowhere.
    #[error("question {question} leads to {target}, which does not exist")]
    DeadLink {
        /// The question.
        question: String,
        /// The missing target.
        target: String,
    },
    /// The tree runs in a circle.
    #[error("the decision tree runs in a circle at {0}")]
    Circle(String),
    /// Empty, or too many questions.
    #[error("the decision tree needs 1 to {MAX_QUESTIONS} questions")]
    TreeSize,
    /// A limit above what is compiled in.
    #[error("{what} is {value}, the limit is {limit}")]
    Limit {
        /// Which limit.
        what: &'static str,
        /// What the policy says.
        value: u32,
        /// What is allowed.
        limit: u32,
    },
    /// Access details that are empty, too long, or could steer a terminal.
    #[error(
        "access_details must be 1 to {MAX_DETAILS_CHARS} characters without control or bidirectional ones"
    )]
    Details,
    /// An id that could be no member of a signed document.
    #[error("{what} id {id:?} is not of the form {rule}")]
    Id {
        /// Kind of thing.
        what: &'static str,
        /// Its id.
        id: String,
        /// The form.
        rule: &'static str,
    },
    /// A scope that no session could use.
    #[error("use case {use_case}: {error}")]
    Scope {
        /// Whose.
        use_case: String,
        /// What is wrong.
        error: ScopeError,
    },
    /// Office hours that no clock shows.
    #[error("office_hours: need 0 <= from_hour < to_hour <= 24 and days 1 to 7")]
    OfficeHours,
    /// Too few ways to people.
    #[error("need at least two channels, so that a dead one can be told on the other")]
    Channels,
    /// No canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
}

/// Where a walk through the tree ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leaf<'a> {
    /// Break glass for this use case.
    UseCase(&'a UseCase),
    /// Another door: the sentence says which.
    Door(&'a str),
    /// The question that still wants an answer.
    Unanswered(&'a Question),
}

impl Policy {
    /// SHA-256 of the canonical bytes.
    ///
    /// # Errors
    /// When the document has no canonical form.
    pub fn sha256(&self) -> Result<Digest, CanonicalError> {
        Ok(Digest::of(&canonical::to_bytes(self)?))
    }

    /// The use case with this id.
    #[must_use]
    pub fn use_case(&self, id: &str) -> Option<&UseCase> {
        self.use_cases.iter().find(|u| u.id == id)
    }

    /// Walks the tree with the given answers until a leaf or an open question.
    #[must_use]
    pub fn walk(&self, answers: &BTreeMap<String, bool>) -> Option<Leaf<'_>> {
        let mut question = self.tree.first()?;
        for _ in 0..=self.tree.len() {
            let next = match answers.get(&question.id) {
                None => return Some(Leaf::Unanswered(question)),
                Some(true) => &question.yes,
                Some(false) => &question.no,
            };
            match next {
                Next::Question(id) => question = self.question(id)?,
                Next::UseCase(id) => return self.use_case(id).map(Leaf::UseCase),
                Next::Door(sentence) => return Some(Leaf::Door(sentence)),
            }
        }
        None
    }

    fn question(&self, id: &str) -> Option<&Question> {
        self.tree.iter().find(|q| q.id == id)
    }

    /// Checks every rule a policy must keep before anyone signs it.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self) -> Result<(), PolicyError> {
        if self.v != VERSION {
            return Err(PolicyError::Version);
        }
        if self.tree.is_empty() || self.tree.len() > MAX_QUESTIONS {
            return Err(PolicyError::TreeSize);
        }
        unique("question", self.tree.iter().map(|q| q.id.as_str()))?;
        unique("use case", self.use_cases.iter().map(|u| u.id.as_str()))?;
        unique("channel", self.channels.iter().map(|c| c.name.as_str()))?;
        unique(
            "review question",
            self.review_questions.iter().map(|q| q.id.as_str()),
        )?;
        if self.channels.len() < 2 {
            return Err(PolicyError::Channels);
        }
        self.check_ids()?;
        self.check_limits()?;
        self.check_links()?;
        self.check_circles(&self.tree[0], &mut Vec::new())
    }

    /// Answers are members of signed documents, so their ids must be member names.
    fn check_ids(&self) -> Result<(), PolicyError> {
        let questions = self.tree.iter().map(|q| ("question", q.id.as_str()));
        let reviews = self
            .review_questions
            .iter()
            .map(|q| ("review question", q.id.as_str()));
        for (what, id) in questions.chain(reviews) {
            well_formed(what, id, "[a-z][a-z0-9_]{0,39}", |b| b == b'_')?;
        }
        self.use_cases.iter().try_for_each(|u| {
            well_formed("use case", &u.id, "[a-z][a-z0-9_-]{0,39}", |b| {
                b == b'_' || b == b'-'
            })
        })
    }

    fn check_limits(&self) -> Result<(), PolicyError> {
        limit(
            "review_due_hours",
            self.review_due_hours,
            MAX_REVIEW_DUE_HOURS,
        )?;
        let fits = |text: &String| {
            (1..=MAX_DETAILS_CHARS).contains(&text.chars().count()) && is_plain_text(text)
        };
        if !self.access_details.as_ref().is_none_or(fits) {
            return Err(PolicyError::Details);
        }
        let hours = &self.office_hours;
        let days = hours.days.iter().all(|d| (1..=7).contains(d));
        if hours.from_hour >= hours.to_hour || hours.to_hour > 24 || !days {
            return Err(PolicyError::OfficeHours);
        }
        self.use_cases.iter().try_for_each(|u| {
            limit("max_minutes", u.max_minutes, MAX_SESSION_MINUTES)?;
            if u.delay_minutes > 0 {
                limit("delay_minutes", u.delay_minutes, MAX_DELAY_MINUTES)?;
            }
            Scope::parse(&u.scope)
                .map(|_| ())
                .map_err(|error| PolicyError::Scope {
                    use_case: u.id.clone(),
                    error,
                })
        })
    }

    fn check_links(&self) -> Result<(), PolicyError> {
        for question in &self.tree {
            for next in [&question.yes, &question.no] {
                let (found, target) = match next {
                    Next::Question(id) => (self.question(id).is_some(), id),
                    Next::UseCase(id) => (self.use_case(id).is_some(), id),
                    Next::Door(sentence) => (!sentence.trim().is_empty(), sentence),
                };
                if !found {
                    return Err(PolicyError::DeadLink {
                        question: question.id.clone(),
                        target: target.clone(),
                    });
                }
            }
        }
        Ok(())
    }

    fn check_circles<'a>(
        &'a self,
        question: &'a Question,
        path: &mut Vec<&'a str>,
    ) -> Result<(), PolicyError> {
        if path.contains(&question.id.as_str()) {
            return Err(PolicyError::Circle(question.id.clone()));
        }
        path.push(&question.id);
        for next in [&question.yes, &question.no] {
            if let Next::Question(id) = next
                && let Some(next) = self.question(id)
            {
                self.check_circles(next, path)?;
            }
        }
        path.pop();
        Ok(())
    }
}

fn unique<'a>(what: &'static str, ids: impl Iterator<Item = &'a str>) -> Result<(), PolicyError> {
    let mut seen = BTreeSet::new();
    for id in ids {
        if !seen.insert(id) {
            return Err(PolicyError::NotUnique {
                what,
                id: id.to_owned(),
            });
        }
    }
    Ok(())
}

fn well_formed(
    what: &'static str,
    id: &str,
    rule: &'static str,
    extra: fn(u8) -> bool,
) -> Result<(), PolicyError> {
    let first = id.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    let rest = id
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || extra(b));
    if first && rest && id.len() <= 40 {
        return Ok(());
    }
    Err(PolicyError::Id {
        what,
        id: id.to_owned(),
        rule,
    })
}

fn limit(what: &'static str, value: u32, limit: u32) -> Result<(), PolicyError> {
    if value == 0 || value > limit {
        return Err(PolicyError::Limit { what, value, limit });
    }
    Ok(())
}
