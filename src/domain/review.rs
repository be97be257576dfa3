//! The post-incident review: who may sign, what must be answered, when it is overdue.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::ids::PersonId;
use super::incident::refusal::Refusal;
use super::policy::ReviewQuestion;
use super::roster::{Role, Roster};

/// Longest answer or finding, in characters.
pub const MAX_ANSWER_CHARS: usize = 4_000;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// To be mended.
    Minor,
    /// To be mended before the next incident.
    Major,
}

impl Severity {
    /// The word in documents.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Minor => "minor",
            Self::Major => "major",
        }
    }
}

/// One point of a review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What was found.
    pub text: String,
}

/// The reviewer's judgement of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Breaking glass was right and stayed within its terms.
    Justified,
    /// It was right, but something must be mended.
    Findings,
    /// It should not have happened.
    Unjustified,
}

/// Something the log shows that a review must answer: a group of refused or lost calls, a kept
/// object, a failed attempt.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenItem {
    /// Stable id: `<kind>_<number>`, the member name of its answer, so `[a-z][a-z0-9_]{0,39}`.
    pub id: String,
    /// What kind of thing: `deny`, `call_lost`, `mismatch`, …
    pub kind: String,
    /// Matched route, or what it was about.
    pub about: String,
    /// Why it happened.
    pub why: String,
    /// How often.
    pub count: u64,
}

/// Whether this person may sign: an auditor who took no part (DESIGN §4.12).
///
/// # Errors
/// [`Refusal::NotAuditor`] or [`Refusal::Participant`].
pub fn may_sign(
    person: &PersonId,
    roster: &Roster,
    participants: &BTreeSet<PersonId>,
) -> Result<(), Refusal> {
    if participants.contains(person) {
        return Err(Refusal::Participant);
    }
    match roster.person(person) {
        Some(p) if p.is(Role::Auditor) => Ok(()),
        _ => Err(Refusal::NotAuditor),
    }
}

/// Checks that every question and every open item has an answer and nothing else has one.
///
/// # Errors
/// [`Refusal::Unanswered`] with the ids that are missing, [`Refusal::BadText`] for odd texts.
pub fn complete(
    questions: &[ReviewQuestion],
    items: &[OpenItem],
    answers: &BTreeMap<String, String>,
    findings: &[Finding],
) -> Result<(), Refusal> {
    let wanted: BTreeSet<&str> = questions
        .iter()
        .map(|q| q.id.as_str())
        .chain(items.iter().map(|i| i.id.as_str()))
        .collect();
    let missing: Vec<String> = wanted
        .iter()
        .filter(|id| answers.get(**id).is_none_or(|a| a.trim().is_empty()))
        .map(|id| (*id).to_owned())
        .collect();
    if !missing.is_empty() {
        return Err(Refusal::Unanswered { missing });
    }
    let stray = answers.keys().find(|id| !wanted.contains(id.as_str()));
    let long = answers.values().chain(findings.iter().map(|f| &f.text));
    if stray.is_some()
        || long
            .into_iter()
            .any(|t| t.chars().count() > MAX_ANSWER_CHARS)
    {
        return Err(Refusal::BadText {
            what: "review answer",
        });
    }
    Ok(())
}
