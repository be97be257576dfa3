//! Level 6 of `log verify`: every signed act of an export verifies under a key of the roster, and
//! each version of roster and policy was signed by enough people (`versions`).
//!
//! A claim is signed by the key that the opening of its incident named; everything else by a login
//! key that its person had where the log names the act.

use std::collections::BTreeSet;

use serde::Serialize;

use super::named::{NAMING, Named};
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
    let (chain, named) = chain(source)?;
    let rosters: Vec<&Roster> = chain.rosters().collect();
    let claims = claim_keys(&acts, &named);
    for (name, act, document, signature) in &acts {
        let hash = name.trim_end_matches(".json");
        let counts = named.rosters(hash, rosters.len());
        let in_force = counts.into_iter().filter_map(|at| rosters.get(at).copied());
        check_one(act, document, signature, in_force, &claims)
            .map_err(|why| format!("acts/{name}: {why}"))?;
    }
    Ok(acts.len() as u64)
}

/// The claim keys that openings named, with their incidents.
type ClaimKeys = BTreeSet<(String, String)>;

fn claim_keys(acts: &[(&String, Act, Vec<u8>, Vec<u8>)], named: &Named) -> ClaimKeys {
    let mut keys = ClaimKeys::new();
    for (name, opening, ..) in acts {
        let Some(key) = claim_key(opening) else {
            continue;
        };
        let hash = name.trim_end_matches(".json");
        for (_, claim, ..) in acts {
            let incident = claim.incident.as_ref().map(ToString::to_string);
            if let Some(incident) = incident.filter(|incident| named.began(hash, incident)) {
                keys.insert((incident, key.clone()));
            }
        }
    }
    keys
}

fn check_one<'r>(
    act: &Act,
    document: &[u8],
    signature: &[u8],
    mut in_force: impl Iterator<Item = &'r Roster>,
    claims: &ClaimKeys,
) -> Result<(), String> {
    let incident = act.incident.as_ref().map(ToString::to_string);
    let known = match act.deed {
        Deed::Claim {} => {
            incident.is_some_and(|incident| claims.contains(&(incident, act.key.clone())))
        }
        _ => in_force.any(|roster| {
            roster
                .owner_of_key(&act.key)
                .is_some_and(|owner| owner.id == act.person)
        }),
    };
    if !known {
        return Err(format!(
            "its key was not one of {} where the log names it",
            act.person
        ));
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
fn chain(source: &dyn ExportSource) -> Result<(Chain, Named), String> {
    let (mut chain, mut named) = (Chain::default(), Named::default());
    let words: Vec<&[u8]> = WORDS.into_iter().chain(NAMING).collect();
    lines_with(source, &words, |line| {
        named.take(line, &chain)?;
        chain.take(source, line)
    })
    .map_err(|why| why.reason)?;
    Ok((chain, named))
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
