//! Level 6 of `log verify`: every signed act of an export verifies under a key of the roster, and
//! each version of roster and policy was signed by enough people (`versions`).
//!
//! A claim is signed by the key its opening named; everything else by a login key of the person
//! it names.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};

use serde::Serialize;

use super::versions::Chain;
use crate::audit::entry::{Entry, parse_entry};
use crate::audit::verify::{ExportSource, Outcome};
use crate::domain::act::{Act, Deed};
use crate::domain::canonical;
use crate::domain::ids::Digest;
use crate::domain::log_epoch::{LOG_EPOCH, LogEpoch};
use crate::domain::roster::Roster;
use crate::sealed::log_epochs;
use crate::sealed::login_key::LoginKey;
use crate::sealed::passkey::Origins;
use crate::sealed::versions::SignedAct;

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
    let rosters = rosters(source)?;
    let claim_keys: BTreeSet<String> = acts
        .iter()
        .filter_map(|(_, act, ..)| claim_key(act))
        .collect();
    for (name, act, document, signature) in &acts {
        check_one(act, document, signature, &rosters, &claim_keys)
            .map_err(|why| format!("acts/{name}: {why}"))?;
    }
    seams(source, &rosters)?;
    Ok(acts.len() as u64)
}

/// Every declared log epoch is signed by enough people of the roster it names.
fn seams(source: &dyn ExportSource, rosters: &[Roster]) -> Result<(), String> {
    for (seq, declared, acts) in declared(source)? {
        let wrong = |why: String| format!("the log epoch at entry {seq}: {why}");
        let named = rosters.iter().find(|roster| {
            roster
                .sha256()
                .is_ok_and(|sha256| sha256 == declared.roster_sha256)
        });
        let roster = named.ok_or_else(|| wrong("its roster is missing".to_owned()))?;
        let mut signed = Vec::new();
        for act in acts {
            let signature = file(source, &format!("acts/{act}.sig"))?;
            signed.push(SignedAct {
                document: file(source, &format!("acts/{act}.json"))?,
                signature: String::from_utf8_lossy(&signature).into_owned(),
            });
        }
        log_epochs::check(&declared, roster, &signed).map_err(wrong)?;
    }
    Ok(())
}

fn declared(source: &dyn ExportSource) -> Result<Vec<(u64, LogEpoch, Vec<Digest>)>, String> {
    let mut found = Vec::new();
    lines_with(source, b"\"log.epoch\"", |entry| {
        if entry.kind == LOG_EPOCH
            && let Some((declared, acts)) = LogEpoch::from_members(&entry.members)
        {
            found.push((entry.seq, declared, acts));
        }
    })?;
    Ok(found)
}

/// Looks at the entries in which some bytes occur: most entries are calls.
fn lines_with(
    source: &dyn ExportSource,
    wanted: &[u8],
    mut each: impl FnMut(&Entry),
) -> Result<(), String> {
    let wrong = |why: String| format!("entries.ndjson: {why}");
    let opened = source
        .open("entries.ndjson")
        .map_err(|why| wrong(why.to_string()))?;
    let entries = BufReader::new(opened.ok_or("entries.ndjson is missing")?);
    for line in entries.split(b'\n') {
        let line = line.map_err(|why| wrong(why.to_string()))?;
        if memchr::memmem::find(&line, wanted).is_some() {
            each(&parse_entry(&line).map_err(|why| wrong(why.to_string()))?);
        }
    }
    Ok(())
}

fn check_one(
    act: &Act,
    document: &[u8],
    signature: &[u8],
    rosters: &[Roster],
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

/// The rosters that the log itself names: another file in `roster/` proves nothing. On the way the
/// chain of versions is checked.
fn rosters(source: &dyn ExportSource) -> Result<Vec<Roster>, String> {
    let mut rosters = Vec::new();
    for name in named_rosters(source)? {
        let path = format!("roster/{name}.json");
        let bytes = file(source, &path)?;
        if Digest::of(&bytes).hex() != name {
            return Err(format!("{path} has another hash"));
        }
        rosters.push(canonical::parse_exact(&bytes).map_err(|why| format!("{path}: {why}"))?);
    }
    Ok(rosters)
}

fn named_rosters(source: &dyn ExportSource) -> Result<BTreeSet<String>, String> {
    let opened = source
        .open("entries.ndjson")
        .map_err(|why| format!("entries.ndjson: {why}"))?;
    let entries = BufReader::new(opened.ok_or("entries.ndjson is missing")?);
    let mut named = BTreeSet::new();
    let mut chain = Chain::default();
    for line in entries.split(b'\n') {
        let line = line.map_err(|why| format!("entries.ndjson: {why}"))?;
        // Most entries are calls: look inside only where the member can be.
        let holds = |member: &[u8]| memchr::memmem::find(&line, member).is_some();
        if holds(b"\"log.genesis\"") || holds(b"\"roster.changed\"") || holds(b"\"policy.changed\"")
        {
            chain.take(source, &line)?;
        }
        if !holds(b"\"roster_sha256\"") {
            continue;
        }
        let entry = parse_entry(&line).map_err(|why| format!("entries.ndjson: {why}"))?;
        named.extend(entry.text("roster_sha256").map(str::to_owned));
    }
    Ok(named)
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
