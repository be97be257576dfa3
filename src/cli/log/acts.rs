//! Level 6 of `log verify`: every signed act of an export verifies under a key of the roster, and
//! each version of roster and policy was signed by enough people (`versions`).
//!
//! A claim is signed by the key its opening named; everything else by a login key of the person
//! it names.

use std::collections::BTreeSet;

use serde::Serialize;

use super::versions::{Chain, WORDS};
use crate::audit::verify::{ExportSource, Outcome, lines_with};
use crate::domain::act::{Act, Deed};
use crate::domain::roster::Roster;
use crate::sealed::login_key::LoginKey;
use crate::sealed::passkey::Origins;

/// What came of checking acts; printed beside the log's own levels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct ActsReport {
    /// Its number.
    pub(super) level: u8,
    /// What it checks.
    pub(super) name: &'static str,
    /// What came of it.
    pub(super) outcome: Outcome,
    /// Acts that were checked.
    pub(super) checked: u64,
    /// The first bad act.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

/// Checks every `acts/*.json` with the `.sig` beside it.
pub(super) fn check(source: &dyn ExportSource) -> ActsReport {
    let mut report = ActsReport {
        level: 6,
        name: "acts are signed by keys of the roster, its changes by enough people",
        outcome: Outcome::NotRun,
        checked: 0,
        reason: None,
    };
    match check_all(source) {
        Ok(0) => report.reason = Some("the export holds no acts".to_owned()),
        Ok(checked) => (report.outcome, report.checked) = (Outcome::Passed, checked),
        Err(reason) => (report.outcome, report.reason) = (Outcome::Failed, Some(reason)),
    }
    report
}

fn check_all(source: &dyn ExportSource) -> Result<u64, String> {
    let mut names = source.list("acts").map_err(|why| format!("acts: {why}"))?;
    names.sort();
    let mut acts = Vec::new();
    for name in &names {
        if let Some(stem) = name.strip_suffix(".json") {
            let document = file(source, &format!("acts/{name}"))?;
            let signature = file(source, &format!("acts/{stem}.sig"))?;
            let act = Act::parse(&document).map_err(|why| format!("acts/{name}: {why}"))?;
            acts.push((name, act, document, signature));
        } else if name
            .strip_suffix(".sig")
            .is_none_or(|stem| !names.contains(&format!("{stem}.json")))
        {
            return Err(format!("acts/{name} belongs to no act"));
        }
    }
    // Also without acts: a version that nobody signed must not pass for want of them. Nothing at
    // all is the business of level 0.
    let nothing = acts.is_empty() && matches!(source.open("entries.ndjson"), Ok(None));
    if nothing {
        return Ok(0);
    }
    let chain = chain(source)?;
    let rosters: Vec<&Roster> = chain.rosters().collect();
    let claim_keys: BTreeSet<String> = acts
        .iter()
        .filter_map(|(_, act, ..)| claim_key(act))
        .collect();
    for (name, act, document, signature) in &acts {
        check_one(act, document, signature, &rosters, &claim_keys)
            .map_err(|why| format!("acts/{name}: {why}"))?;
    }
    Ok(acts.len() as u64)
}

fn check_one(
    act: &Act,
    document: &[u8],
    signature: &[u8],
    rosters: &[&Roster],
    claim_keys: &BTreeSet<String>,
) -> Result<(), String> {
    let known = match act.deed {
        Deed::Claim {} => claim_keys.contains(&act.key),
        _ => rosters.iter().any(|roster| {
            roster
                .owner_of_key(&act.key)
                .is_some_and(|owner| owner.id == act.person)
        }),
    };
    if !known {
        return Err(format!("its key is not one of {}", act.person));
    }
    let key = LoginKey::parse(&act.key).map_err(|why| why.to_string())?;
    let signature = std::str::from_utf8(signature).map_err(|_| "its signature is not text")?;
    key.verify(act.deed.word(), document, signature, Origins::OfItsHost)
        .map(drop)
        .map_err(|why| why.to_string())
}

fn claim_key(act: &Act) -> Option<String> {
    match &act.deed {
        Deed::Open(opening) => opening.claim_key.clone(),
        _ => None,
    }
}

/// The chain of versions, checked on the way. Its rosters are those whose keys count: another
/// file in `roster/` proves nothing, and neither does an entry that names one.
fn chain(source: &dyn ExportSource) -> Result<Chain, String> {
    let mut chain = Chain::default();
    lines_with(source, &WORDS, |line| chain.take(source, line)).map_err(|why| why.reason)?;
    Ok(chain)
}

pub(super) fn file(source: &dyn ExportSource, path: &str) -> Result<Vec<u8>, String> {
    match source.read(path) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(format!("{path} is missing")),
        Err(why) => Err(format!("{path}: {why}")),
    }
}

#[cfg(test)]
#[path = "acts_tests.rs"]
mod tests;
