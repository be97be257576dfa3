//! What a snapshot holds, and what differs between two of them. Must not know: how one is read.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::app::error::AppError;
use crate::app::step::draft;
use crate::audit::entry::Draft;
use crate::databricks::CallError;
use crate::domain::ids::IncidentId;

/// Lines of one kind that an entry names; the rest is counted.
const MOST_LINES: usize = 100;

/// How things stand: lines per kind, and the kinds that could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::app) struct Survey {
    /// Lines by kind.
    pub lists: BTreeMap<String, BTreeSet<String>>,
    /// Why a kind could not be read.
    pub gaps: BTreeMap<String, String>,
}

/// A list that the account does not have, or that the principal may not see, is a gap; anything
/// else that failed makes the snapshot fail.
pub(super) fn keep(
    survey: &mut Survey,
    name: &str,
    read: Result<BTreeSet<String>, CallError>,
) -> Result<(), AppError> {
    match read {
        Ok(lines) => drop(survey.lists.insert(name.to_owned(), lines)),
        Err(CallError::Refused { status, code, .. }) if matches!(status, 400 | 403 | 404 | 501) => {
            drop(
                survey
                    .gaps
                    .insert(name.to_owned(), format!("{status} {code}")),
            );
        }
        Err(CallError::Unexpected {
            status: 501, code, ..
        }) => {
            drop(survey.gaps.insert(name.to_owned(), format!("501 {code}")));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// One entry per kind that differs.
pub(super) fn differences(incident: &IncidentId, before: &Survey, after: &Survey) -> Vec<Draft> {
    let none = BTreeSet::new();
    let mut entries = Vec::new();
    for (kind, now) in &after.lists {
        if before.gaps.contains_key(kind) {
            continue;
        }
        let then = before.lists.get(kind).unwrap_or(&none);
        let added: Vec<&String> = now.difference(then).collect();
        let removed: Vec<&String> = then.difference(now).collect();
        if added.is_empty() && removed.is_empty() {
            continue;
        }
        let named = |lines: &[&String]| json!(&lines[..lines.len().min(MOST_LINES)]);
        entries.push(draft(
            "snapshot.diff",
            [
                ("inc", Value::from(incident.as_str())),
                ("kind", Value::from(kind.as_str())),
                ("added", named(&added)),
                ("n_added", Value::from(added.len())),
                ("removed", named(&removed)),
                ("n_removed", Value::from(removed.len())),
            ],
        ));
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survey(kind: &str, lines: &[&str]) -> Survey {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        Survey {
            lists: [(kind.to_owned(), lines)].into(),
            gaps: BTreeMap::new(),
        }
    }

    #[test]
    fn what_came_and_what_went_is_named_by_kind() {
        let incident = IncidentId::numbered(1);
        let (before, after) = (survey("token", &["a", "b"]), survey("token", &["b", "c"]));
        let entries = differences(&incident, &before, &after);
        assert_eq!(entries.len(), 1);
        let members = &entries[0].members;
        assert_eq!(
            (&members["added"], &members["removed"]),
            (&json!(["c"]), &json!(["a"]))
        );
        assert!(differences(&incident, &before, &before).is_empty());
    }

    #[test]
    fn a_kind_that_could_not_be_read_before_is_no_difference() {
        let mut before = Survey::default();
        before.gaps.insert("token".to_owned(), "404 X".to_owned());
        let after = survey("token", &["a"]);
        assert!(differences(&IncidentId::numbered(1), &before, &after).is_empty());
    }

    #[test]
    fn a_list_that_is_refused_is_a_gap_and_one_that_fails_fails_the_snapshot() {
        let mut survey = Survey::default();
        let refused = CallError::Refused {
            step: "read",
            status: 404,
            code: "ENDPOINT_NOT_FOUND".to_owned(),
        };
        keep(&mut survey, "token", Err(refused)).unwrap();
        assert_eq!(survey.gaps["token"], "404 ENDPOINT_NOT_FOUND");
        let lost = CallError::Unknown {
            step: "read",
            why: "reply cut off",
        };
        assert!(keep(&mut survey, "token", Err(lost)).is_err());
    }
}
