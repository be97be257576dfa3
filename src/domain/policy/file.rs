//! `policy.toml`, as a person writes it for `init`. Reads text, never files.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    BrowserUnlockers, ChannelRule, OfficeHours, Policy, PolicyError, Question, ReviewQuestion,
    UseCase, built_in,
};
use crate::domain::VERSION;
use crate::domain::ids::VaultId;

/// What a policy file may begin from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Base {
    /// [`Policy::built_in`].
    BuiltIn,
}

/// Changes to one use case of the base.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Longest session in minutes.
    pub max_minutes: Option<u32>,
    /// Scope patterns a session gets when the opening names none.
    pub scope: Option<Vec<String>>,
}

/// A policy as a person writes it: whole, or `use = "built_in"` and what differs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyFile {
    /// What to begin from; without it every part must be here.
    #[serde(default, rename = "use")]
    pub base: Option<Base>,
    /// Replaces the tree.
    pub tree: Option<Vec<Question>>,
    /// Replaces the use cases.
    pub use_cases: Option<Vec<UseCase>>,
    /// Replaces the office hours.
    pub office_hours: Option<OfficeHours>,
    /// Replaces the review's questions.
    pub review_questions: Option<Vec<ReviewQuestion>>,
    /// Replaces the hours until a review is overdue.
    pub review_due_hours: Option<u32>,
    /// What a responder reads when her session opens.
    pub access_details: Option<String>,
    /// Bounds the shares that open on a page of the vault's own host: `"below_k"`.
    pub browser_unlockers: Option<BrowserUnlockers>,
    /// Changes to single use cases, by id.
    #[serde(default)]
    pub change: BTreeMap<String, Change>,
}

/// Why a policy file makes no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyFileError {
    /// Not TOML, or a key nobody knows; the sentence names line and key.
    #[error("policy file: {0}")]
    Syntax(String),
    /// A part is missing and there is no base to take it from.
    #[error("policy file: {0} is missing; write it, or begin with use = \"built_in\"")]
    Missing(&'static str),
    /// A change to a use case that does not exist.
    #[error("policy file: change.{0} names no use case")]
    NoUseCase(String),
    /// A rule every policy must keep.
    #[error(transparent)]
    Rule(#[from] PolicyError),
}

impl PolicyFile {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`PolicyFileError::Syntax`] for anything but the keys above.
    pub fn parse(text: &str) -> Result<Self, PolicyFileError> {
        toml::from_str(text).map_err(|e| PolicyFileError::Syntax(e.to_string()))
    }

    /// Version 1 of a vault's policy, checked.
    ///
    /// # Errors
    /// The first part that is missing or rule that is broken.
    pub fn into_policy(
        self,
        vault: VaultId,
        channels: Vec<ChannelRule>,
    ) -> Result<Policy, PolicyFileError> {
        let policy = self.fill(vault, channels)?;
        policy.check()?;
        Ok(policy)
    }

    /// The policy without its check.
    pub(super) fn fill(
        self,
        vault: VaultId,
        channels: Vec<ChannelRule>,
    ) -> Result<Policy, PolicyFileError> {
        let base = self.base.map(|Base::BuiltIn| built_in::file());
        let part = |name| PolicyFileError::Missing(name);
        let mut use_cases = self
            .use_cases
            .or_else(|| base.as_ref()?.use_cases.clone())
            .ok_or_else(|| part("use_cases"))?;
        change(&mut use_cases, self.change)?;
        Ok(Policy {
            v: VERSION.to_owned(),
            vault,
            seq: 1,
            prev_sha256: None,
            tree: self
                .tree
                .or_else(|| base.as_ref()?.tree.clone())
                .ok_or_else(|| part("tree"))?,
            use_cases,
            office_hours: self
                .office_hours
                .or_else(|| base.as_ref()?.office_hours.clone())
                .ok_or_else(|| part("office_hours"))?,
            channels,
            review_questions: self
                .review_questions
                .or_else(|| base.as_ref()?.review_questions.clone())
                .ok_or_else(|| part("review_questions"))?,
            review_due_hours: self
                .review_due_hours
                .or(base.and_then(|b| b.review_due_hours))
                .ok_or_else(|| part("review_due_hours"))?,
            access_details: self.access_details,
            browser_unlockers: self.browser_unlockers,
        })
    }
}

fn change(
    use_cases: &mut [UseCase],
    changes: BTreeMap<String, Change>,
) -> Result<(), PolicyFileError> {
    for (id, change) in changes {
        let Some(use_case) = use_cases.iter_mut().find(|u| u.id == id) else {
            return Err(PolicyFileError::NoUseCase(id));
        };
        use_case.max_minutes = change.max_minutes.unwrap_or(use_case.max_minutes);
        if let Some(scope) = change.scope {
            use_case.scope = scope;
        }
    }
    Ok(())
}
