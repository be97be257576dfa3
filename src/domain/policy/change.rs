//! Whether a policy loosens anything, and who must sign it (PROTOCOL §9).
//!
//! Whatever is not known to tighten counts as loosening: a part that this file has never heard of
//! needs k custodians.

use serde_json::{Map, Value};

use super::{Policy, PolicyError, UseCase};
use crate::domain::canonical::CanonicalError;
use crate::domain::ids::Digest;
use crate::domain::roster::change::Needs;

/// Members of a policy that are compared one by one below; everything else must be equal.
const KNOWN: &[&str] = &[
    "v",
    "vault",
    "seq",
    "prev_sha256",
    "use_cases",
    "office_hours",
    "channels",
    "review_questions",
    "review_due_hours",
    "browser_unlockers",
];

/// Why a policy cannot follow another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// Not one more than the version before.
    #[error("version {given} cannot follow version {before}")]
    Sequence {
        /// Its number.
        given: u32,
        /// The number in force.
        before: u32,
    },
    /// Written against another version.
    #[error("it was written against another version than the one in force")]
    Previous,
    /// Another vault's.
    #[error("it is of another vault")]
    Vault,
    /// Nothing in it is new.
    #[error("nothing differs from the version in force")]
    Same,
    /// A rule every policy must keep, compiled ceilings among them.
    #[error(transparent)]
    Rule(#[from] PolicyError),
    /// No canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
}

/// Whose signatures make `after` the policy in force; `k` is the roster's.
///
/// # Errors
/// [`ChangeError`] when no signatures could.
pub fn check(
    before: &Policy,
    before_sha256: &Digest,
    after: &Policy,
    k: u8,
) -> Result<Needs, ChangeError> {
    if after.vault != before.vault {
        return Err(ChangeError::Vault);
    }
    if Some(after.seq) != before.seq.checked_add(1) {
        return Err(ChangeError::Sequence {
            given: after.seq,
            before: before.seq,
        });
    }
    if after.prev_sha256 != Some(*before_sha256) {
        return Err(ChangeError::Previous);
    }
    after.check()?;
    let renumbered = Policy {
        seq: before.seq,
        prev_sha256: before.prev_sha256,
        ..after.clone()
    };
    if renumbered == *before {
        return Err(ChangeError::Same);
    }
    Ok(if loosened(before, after).is_empty() {
        Needs::TwoOperators
    } else {
        Needs::Custodians(k)
    })
}

/// What becomes looser, one line each; empty when nothing does.
#[must_use]
pub fn loosened(before: &Policy, after: &Policy) -> Vec<String> {
    let mut lines = Vec::new();
    let mut say = |is: bool, text: String| {
        if is {
            lines.push(text);
        }
    };
    for case in &after.use_cases {
        match before.use_case(&case.id) {
            None => say(true, format!("new use case {}", case.id)),
            Some(old) => {
                for line in case_loosened(old, case) {
                    say(true, line);
                }
            }
        }
    }
    for channel in &before.channels {
        say(
            !after.channels.contains(channel),
            format!(
                "channel {} ({}) is gone or differs",
                channel.name, channel.destination
            ),
        );
    }
    for question in &before.review_questions {
        say(
            !after.review_questions.contains(question),
            format!("review question {} is gone or differs", question.id),
        );
    }
    let (old, new) = (before.review_due_hours, after.review_due_hours);
    say(new > old, format!("a review may take {old} → {new} hours"));
    let (old, new) = (&before.office_hours, &after.office_hours);
    // Within office hours a veto window does not run: longer hours are looser.
    let within = new.from_hour >= old.from_hour
        && new.to_hour <= old.to_hour
        && new.days.iter().all(|day| old.days.contains(day));
    say(!within, "office hours are longer".to_owned());
    let bound = before.browser_unlockers.is_some() && after.browser_unlockers.is_none();
    say(bound, "browser unlockers are bounded no longer".to_owned());
    for part in unknown_parts(before, after) {
        say(true, format!("{part} differs"));
    }
    lines
}

fn case_loosened(old: &UseCase, new: &UseCase) -> Vec<String> {
    let id = &new.id;
    let mut lines = Vec::new();
    if new.max_minutes > old.max_minutes {
        lines.push(format!(
            "{id}: {} → {} minutes",
            old.max_minutes, new.max_minutes
        ));
    }
    let denies = |p: &&String| p.starts_with('!');
    for pattern in new.scope.iter().filter(|p| !denies(p)) {
        if !old.scope.contains(pattern) {
            lines.push(format!("{id}: scope gains {pattern}"));
        }
    }
    for pattern in old.scope.iter().filter(denies) {
        if !new.scope.contains(pattern) {
            lines.push(format!("{id}: scope loses {pattern}"));
        }
    }
    // Equal otherwise, or in parts that only a longer delay could explain.
    let same = UseCase {
        title: old.title.clone(),
        max_minutes: old.max_minutes,
        scope: old.scope.clone(),
        delay_minutes: old.delay_minutes,
        ..new.clone()
    };
    if new.delay_minutes < old.delay_minutes {
        lines.push(format!(
            "{id}: delay {} → {} minutes",
            old.delay_minutes, new.delay_minutes
        ));
    }
    if same != *old {
        lines.push(format!("{id}: its conditions differ"));
    }
    lines
}

/// Names of members that differ and that nobody above looked at, the decision tree among them.
fn unknown_parts(before: &Policy, after: &Policy) -> Vec<String> {
    let (Some(before), Some(after)) = (members(before), members(after)) else {
        return vec!["the document".to_owned()];
    };
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter(|name| !KNOWN.contains(&name.as_str()) && before.get(*name) != after.get(*name))
        .cloned()
        .collect()
}

fn members(policy: &Policy) -> Option<Map<String, Value>> {
    match serde_json::to_value(policy) {
        Ok(Value::Object(members)) => Some(members),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::BrowserUnlockers;
    use super::super::tests::policy;
    use super::*;

    fn next(change: impl FnOnce(&mut Policy)) -> Result<Needs, ChangeError> {
        let before = policy();
        let sha256 = before.sha256().unwrap();
        let mut after = Policy {
            seq: 2,
            prev_sha256: Some(sha256),
            ..before.clone()
        };
        change(&mut after);
        check(&before, &sha256, &after, 3)
    }

    #[test]
    fn whatever_loosens_needs_k_custodians() {
        let looser: &[fn(&mut Policy)] = &[
            |p| p.use_cases[0].max_minutes += 1,
            |p| p.use_cases[0].scope.push("ws:destroy".into()),
            |p| {
                let mut case = p.use_cases[0].clone();
                case.id = "another".into();
                p.use_cases.push(case);
            },
            |p| p.use_cases.iter_mut().for_each(|u| u.co_approver = None),
            |p| p.use_cases.iter_mut().for_each(|u| u.delay_minutes = 0),
            |p| p.use_cases.iter_mut().for_each(|u| u.delay_when = None),
            |p| p.tree[0].text.push('!'),
            |p| p.office_hours.days.push(6),
            |p| p.office_hours.to_hour += 1,
            |p| p.channels[0].destination = "elsewhere.example".into(),
            |p| {
                p.review_questions.pop();
            },
            |p| p.review_due_hours += 1,
        ];
        for (number, change) in looser.iter().enumerate() {
            assert_eq!(next(change), Ok(Needs::Custodians(3)), "{number}");
        }
    }

    #[test]
    fn what_only_tightens_needs_two_operators() {
        let tighter: &[fn(&mut Policy)] = &[
            |p| p.use_cases[0].max_minutes -= 1,
            |p| {
                p.use_cases[0].scope.pop();
            },
            |p| {
                p.use_cases[0]
                    .scope
                    .push("!ws:read:/api/*/secrets/**".into())
            },
            |p| p.use_cases[0].title.push('!'),
            |p| p.office_hours.to_hour -= 1,
            |p| p.review_due_hours -= 1,
            |p| p.browser_unlockers = Some(BrowserUnlockers::BelowK),
            |p| {
                let mut third = p.channels[0].clone();
                third.name = "third".into();
                p.channels.push(third);
            },
        ];
        for (number, change) in tighter.iter().enumerate() {
            assert_eq!(next(change), Ok(Needs::TwoOperators), "{number}");
        }
    }

    #[test]
    fn to_bound_browser_unlockers_no_longer_needs_k_custodians() {
        let mut before = policy();
        before.browser_unlockers = Some(BrowserUnlockers::BelowK);
        let sha256 = before.sha256().unwrap();
        let after = Policy {
            seq: 2,
            prev_sha256: Some(sha256),
            browser_unlockers: None,
            ..before.clone()
        };
        let needs = check(&before, &sha256, &after, 3);
        assert_eq!(needs, Ok(Needs::Custodians(3)));
    }

    #[test]
    fn compiled_ceilings_hold_whoever_signs() {
        let over: &[fn(&mut Policy)] = &[
            |p| p.use_cases[0].max_minutes = 241,
            |p| p.review_due_hours = 14 * 24 + 1,
            |p| p.channels.truncate(1),
        ];
        for change in over {
            assert!(matches!(next(change), Err(ChangeError::Rule(_))));
        }
        assert!(matches!(next(|_| {}), Err(ChangeError::Same)));
        assert!(matches!(
            next(|p| p.seq = 1),
            Err(ChangeError::Sequence { .. })
        ));
        assert!(matches!(
            next(|p| p.prev_sha256 = None),
            Err(ChangeError::Previous)
        ));
    }
}
